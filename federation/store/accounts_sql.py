"""The statements of ``accounts``: who has come, and whose user a new Subject is. As ``sql``."""

# Locks the account of a known person, so that their sign-ins follow one another. A stable id is
# added where there is none of its kind; whether it is the one that stands, the row tells.
UPDATE_ACCOUNT = """
UPDATE account SET subject_key = :subject_key, connection = :connection, signed_in_at = :now,
  stable_ids = CASE WHEN stable_ids LIKE :any_of_kind THEN stable_ids ELSE stable_ids || :stable_id END
WHERE organization_id = :organization_id AND person = :person
RETURNING user_id, stable_ids, joined, email, email_proven, given_name, family_name, display_name
"""

# A joined account was signed in by for the first time.
UPDATE_JOINED = """
UPDATE account SET joined = 0 WHERE organization_id = :organization_id AND person = :person
"""

UPDATE_PROFILE = """
UPDATE account SET email = :email, email_key = :email_key, email_proven = :email_proven,
  given_name = :given_name, family_name = :family_name, display_name = :display_name, name_key = :name_key
WHERE organization_id = :organization_id AND person = :person
"""

ADD_USER = """
INSERT INTO "user" (id, created_at) VALUES (:user_id, :now)
"""

# Two sign-ins of one new person at one moment: the second waits, and is told the first one's user.
ADD_ACCOUNT = """
INSERT INTO account (organization_id, person, subject_key, stable_ids, user_id, connection, email, email_key,
  email_proven, given_name, family_name, display_name, name_key, created_at, signed_in_at, released_at)
VALUES (:organization_id, :person, :subject_key, :stable_id, :user_id, :connection, :email, :email_key,
  :email_proven, :given_name, :family_name, :display_name, :name_key, :now, :now, 0)
ON CONFLICT (organization_id, person) DO UPDATE SET signed_in_at = excluded.signed_in_at, joined = 0,
  stable_ids = CASE WHEN account.stable_ids LIKE :any_of_kind THEN account.stable_ids
    ELSE account.stable_ids || excluded.stable_ids END
RETURNING user_id, stable_ids, joined, email, email_proven, given_name, family_name, display_name
"""

# Who a new person could be: see ``decision.Candidates``. Of whoever has the address every account
# counts. A detached account is of no Subject. Of whom a directory made, and told by which Subject they
# come, no address finds them: whoever comes with another one may write any. CROSS, because SQLite would
# look for the users among all accounts of the organization.
FIND_CANDIDATES = """
WITH holder AS (SELECT DISTINCT user_id FROM account
  WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%')
SELECT 'holder', other.user_id, other.connection,
  CASE WHEN other.email_key = :email_key AND other.email_proven = 1 THEN 'proven' ELSE '' END, '', ''
FROM holder CROSS JOIN account AS other WHERE other.user_id = holder.user_id
  AND other.organization_id = :organization_id AND other.person NOT LIKE '%/%'
UNION ALL
SELECT 'invited', id, CASE WHEN token_hash = :invitation THEN 'link' ELSE '' END, roles, teams, ''
FROM invitation WHERE organization_id = :organization_id AND email_key = :email_key
  AND used_at IS NULL AND expires_at > :now
UNION ALL
SELECT 'provisioned', user_id, source, connection, '', ''
FROM provisioned_user WHERE organization_id = :organization_id AND email_key = :email_key
  AND NOT EXISTS (SELECT 1 FROM scim_user WHERE scim_user.user_id = provisioned_user.user_id
    AND scim_user.connection = provisioned_user.connection AND scim_user.has_subject = 1)
"""

# One statement decides who uses it.
USE_INVITATION = """
UPDATE invitation SET used_at = :now, user_id = :user_id
WHERE id = :id AND used_at IS NULL AND expires_at > :now
RETURNING id
"""

# Once they have come, their Subject finds them.
DROP_PROVISIONED = """
DELETE FROM provisioned_user WHERE organization_id = :organization_id AND user_id = :user_id
"""

# Of the account that the refused sign-in met: not one that came into being or was released since.
FORGET_STABLE_IDS = """
UPDATE account SET stable_ids = '', released_at = :now
WHERE organization_id = :organization_id AND person = :person
  AND created_at <= :refused_at AND released_at <= :refused_at
RETURNING user_id, email
"""

# Likewise.
DETACH_ACCOUNT = """
UPDATE account SET person = :detached, released_at = :now
WHERE organization_id = :organization_id AND person = :person
  AND created_at <= :refused_at AND released_at <= :refused_at
RETURNING user_id, email
"""

END_SESSIONS_OF = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""
