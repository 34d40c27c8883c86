"""Every statement about people who are asked about between sign-ins, once for both engines; see ``sql``."""

SCHEDULE_REREAD = """
INSERT INTO reread (organization_id, person, connection, due_at)
VALUES (:organization_id, :person, :connection, :due_at)
ON CONFLICT (organization_id, person, connection) DO UPDATE SET due_at = excluded.due_at
"""

FIND_DUE_REREADS = """
SELECT organization_id, person, connection, due_at FROM reread
WHERE connection = :connection AND organization_id = :organization_id AND due_at <= :now
ORDER BY due_at LIMIT :batch
"""

# One caller on any node asks; whoever does not come back leaves it to be asked again.
TAKE_REREAD = """
UPDATE reread SET due_at = :until
WHERE organization_id = :organization_id AND person = :person AND connection = :connection
  AND due_at = :seen
RETURNING person
"""

PUT_OFF_REREAD = """
UPDATE reread SET due_at = :due_at
WHERE organization_id = :organization_id AND person = :person AND connection = :connection
"""

DROP_REREAD = """
DELETE FROM reread
WHERE organization_id = :organization_id AND person = :person AND connection = :connection
"""

# The live session of this account that keeps tokens, else the latest. One that was opened before
# 0004 does not know its account, and is every one's of the user.
FIND_REREADABLE = """
SELECT account.user_id, account.subject_key, account.email, account.email_proven, session.data,
  session.id, session.token_hash, kept_token.organization_id, kept_token.connection, kept_token.person,
  kept_token.sealed, kept_token.renew_at, kept_token.version, kept_token.taken_by, kept_token.taken_until
FROM account JOIN session ON session.organization_id = account.organization_id
  AND session.user_id = account.user_id AND session.connection = :connection
  AND (session.person = account.person OR session.person IS NULL)
LEFT JOIN kept_token ON kept_token.session_id = session.id AND kept_token.person = account.person
WHERE account.organization_id = :organization_id AND account.person = :person
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
ORDER BY CASE WHEN kept_token.session_id IS NULL THEN 1 ELSE 0 END, session.created_at DESC, session.id DESC
LIMIT 1
"""

# As a sign-in does; nothing of it changes.
LOCK_ACCOUNT = """
UPDATE account SET released_at = released_at
WHERE organization_id = :organization_id AND person = :person
RETURNING user_id, email, email_proven, given_name, family_name, display_name
"""

FIND_SNAPSHOTS = """
SELECT token_hash, connection, person, data FROM session
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
"""
