"""Statements of ``erasure``: all that is kept of a person in one organization; as ``sql``."""

# With those that were detached since: their records are of whoever had the Subject then.
ACCOUNTS_OF_USER = """
SELECT person, released_at, email_key, subject_key FROM account
WHERE organization_id = :organization_id AND user_id = :user_id
"""

ACCOUNTS_OF_SUBJECT = """
SELECT person, released_at FROM account
WHERE organization_id = :organization_id AND (person = :person OR person LIKE :person || '/%')
"""

DROP_ACCOUNTS = """
DELETE FROM account WHERE organization_id = :organization_id AND user_id = :user_id RETURNING person
"""

DROP_SESSIONS = """
DELETE FROM session WHERE organization_id = :organization_id AND user_id = :user_id RETURNING token_hash
"""

_DROP = "\nDELETE FROM {0} WHERE organization_id = :organization_id AND user_id = :user_id RETURNING 1\n"

DROP_GRANTS = _DROP.format("role_grant")
DROP_TEAM_MEMBERSHIPS = _DROP.format("team_membership")
DROP_MEMBERSHIPS = _DROP.format("membership")
DROP_PROVISIONED_USERS = _DROP.format("provisioned_user")
DROP_DEACTIVATIONS = _DROP.format("deactivation")

DROP_INVITATIONS = """
DELETE FROM invitation WHERE organization_id = :organization_id
  AND (user_id = :user_id OR email_key IN (SELECT value FROM json_each(:emails)))
RETURNING 1
"""

DROP_JOIN_REQUESTS = """
DELETE FROM join_request WHERE organization_id = :organization_id
  AND (person IN (SELECT value FROM json_each(:persons))
    OR email_key IN (SELECT value FROM json_each(:emails)))
RETURNING 1
"""

DROP_REREADS = """
DELETE FROM reread WHERE organization_id = :organization_id
  AND person IN (SELECT value FROM json_each(:persons))
RETURNING 1
"""

# By the Subject's value; of one who never came by the address under which they are awaited.
DROP_LOCAL_ACCOUNTS = """
DELETE FROM local_account WHERE organization_id = :organization_id
  AND (id IN (SELECT value FROM json_each(:subjects))
    OR email_key IN (SELECT email_key FROM provisioned_user
      WHERE provisioned_user.organization_id = :organization_id AND provisioned_user.user_id = :user_id
        AND provisioned_user.connection = local_account.connection))
RETURNING 1
"""

# As above; of the password that one is set, and when.
EXPORT_LOCAL_ACCOUNTS = """
SELECT id, connection, email, display_name, password_at, created_at FROM local_account
WHERE organization_id = :organization_id
  AND (id IN (SELECT value FROM json_each(:subjects))
    OR email_key IN (SELECT email_key FROM provisioned_user
      WHERE provisioned_user.organization_id = :organization_id AND provisioned_user.user_id = :user_id
        AND provisioned_user.connection = local_account.connection))
ORDER BY created_at, id
"""

# What happened stays, and to whom goes.
EMPTY_RECORDS = """
UPDATE decision_record SET sealed = :erased, person = '', digest = ''
WHERE organization_id = :organization_id AND person = :person
  AND recorded_at > :since AND recorded_at <= :until
RETURNING 1
"""

# Not one under which another organization's records are sealed, or another person's of the same Subject.
DROP_PERSON_KEYS = """
DELETE FROM person_key WHERE person = :person
  AND NOT EXISTS (SELECT 1 FROM decision_record WHERE decision_record.person = person_key.person)
  AND NOT EXISTS (SELECT 1 FROM account WHERE account.person = person_key.person)
RETURNING 1
"""

DROP_DEACTIVATIONS_ANYWHERE = """
DELETE FROM deactivation WHERE user_id = :user_id AND organization_id = ''
  AND NOT EXISTS (SELECT 1 FROM account WHERE account.user_id = deactivation.user_id)
  AND NOT EXISTS (SELECT 1 FROM membership WHERE membership.user_id = deactivation.user_id)
"""

_OF_NOBODY = """
DELETE FROM "user" WHERE {0}
  AND NOT EXISTS (SELECT 1 FROM account WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM membership WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM role_grant WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM team_membership WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM provisioned_user WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM scim_user WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM deactivation WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM session WHERE user_id = "user".id)
  AND NOT EXISTS (SELECT 1 FROM break_glass WHERE user_id = "user".id)
RETURNING id
"""

DROP_USER_OF_NOBODY = _OF_NOBODY.format("id = :user_id")

DROP_USERS_OF_NOBODY = _OF_NOBODY.format("id IN (SELECT value FROM json_each(:users))")

# Whom an address or an id means, come or awaited.
FIND_PERSONS = """
SELECT user_id, email FROM account
WHERE organization_id = :organization_id
  AND (email_key = :email_key OR user_id = :user_id OR person = :user_id)
UNION
SELECT user_id, email FROM provisioned_user
WHERE organization_id = :organization_id AND (email_key = :email_key OR user_id = :user_id)
UNION
SELECT user_id, email FROM scim_user
WHERE organization_id = :organization_id AND (email_key = :email_key OR user_id = :user_id)
"""

EXPORT_ACCOUNTS = """
SELECT person, subject_key, connection, email, email_proven, given_name, family_name, display_name,
  created_at, signed_in_at, released_at
FROM account WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY created_at, person
"""

EXPORT_MEMBERSHIPS = """
SELECT source, created_at FROM membership
WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY source
"""

EXPORT_GRANTS = """
SELECT role, source, why, granted_at FROM role_grant
WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY role, source, why
"""

EXPORT_TEAMS = """
SELECT team_key, source, why, joined_at FROM team_membership
WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY team_key, source
"""

EXPORT_DEACTIVATIONS = """
SELECT source, organization_id, deactivated_at FROM deactivation
WHERE user_id = :user_id AND organization_id IN (:organization_id, '') ORDER BY organization_id, source
"""

EXPORT_SESSIONS = """
SELECT id, connection, data, authenticated_at, created_at, last_seen, idle_at, expires_at, ended_at
FROM session WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY created_at, id
"""

EXPORT_PROVISIONED = """
SELECT source, connection, email, created_at FROM provisioned_user
WHERE organization_id = :organization_id AND user_id = :user_id ORDER BY source
"""

EXPORT_INVITATIONS = """
SELECT id, email, roles, teams, created_at, expires_at, used_at FROM invitation
WHERE organization_id = :organization_id
  AND (user_id = :user_id OR email_key IN (SELECT value FROM json_each(:emails)))
ORDER BY created_at, id
"""

EXPORT_JOIN_REQUESTS = """
SELECT person, connection, subject_key, email, created_at, expires_at, used_at FROM join_request
WHERE organization_id = :organization_id AND person IN (SELECT value FROM json_each(:persons))
ORDER BY created_at, person
"""
ARRAYS = (DROP_INVITATIONS, DROP_JOIN_REQUESTS, DROP_REREADS, DROP_LOCAL_ACCOUNTS, EXPORT_INVITATIONS,
          EXPORT_JOIN_REQUESTS, EXPORT_LOCAL_ACCOUNTS,
          DROP_USERS_OF_NOBODY)  # fmt: skip
