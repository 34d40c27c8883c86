"""Statements about people who are awaited, and about joining accounts; once for both engines, see ``sql``."""

# Teams of the store, by key, each with the roles that it gives.
FIND_TEAMS_NAMED = """
SELECT 'team', key, name, source FROM team
WHERE organization_id = :organization_id AND key IN (SELECT value FROM json_each(:keys))
UNION ALL
SELECT 'role', team_key, role, '' FROM team_role
WHERE organization_id = :organization_id AND team_key IN (SELECT value FROM json_each(:keys))
"""

# Of one address the latest open invitation alone.
REPLACE_INVITATIONS = """
DELETE FROM invitation WHERE organization_id = :organization_id AND email_key = :email_key AND used_at IS NULL
"""

ADD_INVITATION = """
INSERT INTO invitation (id, organization_id, email, email_key, token_hash, roles, teams,
  created_at, expires_at)
VALUES (:id, :organization_id, :email, :email_key, :token_hash, :roles, :teams, :now, :expires_at)
"""

_INVITATION = """
SELECT id, organization_id, email, roles, teams, created_at, expires_at, used_at, user_id FROM invitation
"""

FIND_INVITATIONS = f"""{_INVITATION}
WHERE organization_id = :organization_id AND expires_at > :now ORDER BY created_at DESC, id DESC
"""

FIND_INVITATION = f"""{_INVITATION}
WHERE token_hash = :token_hash AND expires_at > :now
"""

REVOKE_INVITATION = """
DELETE FROM invitation WHERE organization_id = :organization_id AND id = :id
  AND used_at IS NULL AND expires_at > :now
RETURNING email
"""

# Who has an address, and whether they are members still.
FIND_HOLDERS = """
SELECT account.user_id, CASE WHEN EXISTS (SELECT 1 FROM membership
  WHERE membership.organization_id = account.organization_id AND membership.user_id = account.user_id)
  THEN 'member' ELSE '' END
FROM account
WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%'
UNION
SELECT provisioned_user.user_id, 'awaited' FROM provisioned_user
WHERE organization_id = :organization_id AND email_key = :email_key
"""

# Whoever is awaited already stays who they are; through which connection, the last word counts.
PROVISION = """
INSERT INTO provisioned_user (organization_id, source, user_id, connection, email, email_key, created_at)
VALUES (:organization_id, :source, :user_id, :connection, :email, :email_key, :now)
ON CONFLICT (organization_id, source, user_id) DO UPDATE SET connection = excluded.connection
"""

# A Subject that is refused again asks anew: what it asked before leads nowhere then.
DROP_JOINS_OF = """
DELETE FROM join_request WHERE organization_id = :organization_id AND person = :person
"""

ASK_JOIN = """
INSERT INTO join_request (token_hash, organization_id, person, connection, email_key, subject_key,
  stable_id, email, created_at, expires_at, user_id)
VALUES (:token_hash, :organization_id, :person, :connection, :email_key, :subject_key,
  :stable_id, :email, :created_at, :expires_at, :user_id)
"""

_JOIN = """organization_id, person, connection, email, email_key, subject_key, stable_id, created_at,
  expires_at, used_at, user_id"""

FIND_JOIN = f"SELECT {_JOIN} FROM join_request WHERE token_hash = :token_hash"  # noqa: S608  of parts that stand here

# One statement decides who uses it.
TAKE_JOIN = f"""
UPDATE join_request SET used_at = :now
WHERE token_hash = :token_hash AND organization_id = :organization_id
  AND (user_id = :user_id OR user_id IS NULL AND created_at <= :signed_in_at)
  AND used_at IS NULL AND expires_at > :now
RETURNING {_JOIN}
"""  # noqa: S608  of parts that stand here

DROP_JOIN = """
DELETE FROM join_request WHERE token_hash = :token_hash AND used_at IS NULL
"""

# Where the Subject has got an account meanwhile, whose it is.
JOIN_ACCOUNT = """
INSERT INTO account (organization_id, person, subject_key, stable_ids, user_id, connection, email, email_key,
  email_proven, joined, given_name, family_name, display_name, created_at, signed_in_at, released_at)
VALUES (:organization_id, :person, :subject_key, :stable_id, :user_id, :connection, :email, :email_key,
  0, 1, '', '', '', :now, :now, 0)
ON CONFLICT (organization_id, person) DO UPDATE SET released_at = account.released_at
RETURNING user_id
"""
