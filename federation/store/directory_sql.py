"""Statements of ``directory``: lists by an index, a page at a time; as ``sql``."""

_BY_ACCOUNT = """
SELECT {0}, person, user_id FROM account
WHERE organization_id = :organization_id AND ({0}, person) > (:at, :then) AND {0} < :beyond
  AND person NOT LIKE '%/%'
ORDER BY {0}, person LIMIT :batch
"""

LIST_BY_EMAIL = _BY_ACCOUNT.format("email_key")
LIST_BY_NAME = _BY_ACCOUNT.format("name_key")

# The others in the order in which people came: their ids are of the time when they were made.
_BY_USER = """
SELECT DISTINCT user_id, '', user_id FROM {0}
WHERE organization_id = :organization_id AND {1} AND user_id > :at ORDER BY user_id LIMIT :batch
"""

LIST_BY_CONNECTION = _BY_USER.format("membership", "source = :source")
LIST_BY_ROLE = _BY_USER.format("role_grant", "role = :role")
LIST_BY_TEAM = _BY_USER.format("team_membership", "team_key = :team")
LIST_DEACTIVATED = _BY_USER.format("deactivation", "user_id <> ''")

LIST_AWAITED = """
SELECT email_key, user_id, user_id FROM provisioned_user
WHERE organization_id = :organization_id AND (email_key, user_id) > (:at, :then)
ORDER BY email_key, user_id LIMIT :batch
"""

# Which of these users another filter means.
_OF_THESE = """
SELECT DISTINCT user_id FROM {0}
WHERE organization_id = :organization_id AND {1} AND user_id IN (SELECT value FROM json_each(:users))
"""

AMONG_CONNECTION = _OF_THESE.format("membership", "source = :source")
AMONG_ROLE = _OF_THESE.format("role_grant", "role = :role")
AMONG_TEAM = _OF_THESE.format("team_membership", "team_key = :team")
AMONG_DEACTIVATED = _OF_THESE.format("deactivation", "user_id <> ''")

# What a list tells of each of them, row by row.
ABOUT_PEOPLE = """
SELECT 'account', user_id, email, display_name, given_name, family_name, connection, signed_in_at, person,
  email_key, name_key
FROM account WHERE organization_id = :organization_id AND person NOT LIKE '%/%'
  AND user_id IN (SELECT value FROM json_each(:users))
UNION ALL
SELECT 'awaited', user_id, email, coalesce((SELECT display_name FROM scim_user
    WHERE scim_user.user_id = provisioned_user.user_id
      AND scim_user.connection = provisioned_user.connection), ''), '', '', connection, 0, '', '', ''
FROM provisioned_user
WHERE organization_id = :organization_id AND user_id IN (SELECT value FROM json_each(:users))
UNION ALL
SELECT 'member', user_id, '', '', '', '', '', 0, '', '', '' FROM membership
WHERE organization_id = :organization_id AND user_id IN (SELECT value FROM json_each(:users))
UNION ALL
SELECT 'deactivated', user_id, '', '', '', '', '', 0, '', '', '' FROM deactivation
WHERE organization_id IN (:organization_id, '') AND user_id IN (SELECT value FROM json_each(:users))
"""

WHY_IN_TEAM = """
SELECT user_id, source, why FROM team_membership
WHERE organization_id = :organization_id AND team_key = :team
  AND user_id IN (SELECT value FROM json_each(:users))
ORDER BY user_id, source
"""

LIST_TEAMS = """
SELECT key, name, source FROM team WHERE organization_id = :organization_id AND key > :at
ORDER BY key LIMIT :batch
"""

FIND_TEAMS = """
SELECT key, name, source FROM team WHERE organization_id = :organization_id AND key > :at
  AND (key LIKE :wanted ESCAPE '!' OR lower(name) LIKE :wanted ESCAPE '!')
ORDER BY key LIMIT :batch
"""

DESCRIBE_TEAM = """
SELECT key, name, source FROM team WHERE organization_id = :organization_id AND key = :key
"""

ABOUT_TEAMS = """
SELECT 'group', team_key, group_key, connection FROM team_group
WHERE organization_id = :organization_id AND team_key IN (SELECT value FROM json_each(:keys))
UNION ALL
SELECT 'role', team_key, role, '' FROM team_role
WHERE organization_id = :organization_id AND team_key IN (SELECT value FROM json_each(:keys))
"""

COUNT_MEMBERS = """
WITH asked(key) AS (SELECT value FROM json_each(:keys))
SELECT asked.key, (SELECT count(*) FROM (SELECT DISTINCT user_id FROM team_membership
  WHERE organization_id = :organization_id AND team_key = asked.key LIMIT :batch) AS counted)
FROM asked
"""

LIST_INVITATIONS = """
SELECT id, organization_id, email, roles, teams, created_at, expires_at, used_at, user_id FROM invitation
WHERE organization_id = :organization_id AND id < :at AND used_at IS NULL AND expires_at > :now
ORDER BY id DESC LIMIT :batch
"""

FIND_INVITATIONS = """
SELECT id, organization_id, email, roles, teams, created_at, expires_at, used_at, user_id FROM invitation
WHERE organization_id = :organization_id AND id < :at AND used_at IS NULL AND expires_at > :now
  AND lower(email) LIKE :wanted ESCAPE '!'
ORDER BY id DESC LIMIT :batch
"""

LIST_RECORDS_OF_PERSON = """
SELECT reference, recorded_at, code, connection FROM decision_record
WHERE person = :person AND organization_id = :organization_id
ORDER BY recorded_at DESC, reference DESC LIMIT :batch
"""

PERSONS_OF_USER = """
SELECT person FROM account WHERE organization_id = :organization_id AND user_id = :user_id
  AND person NOT LIKE '%/%'
"""

FIND_PLACES_OF_USER = """
SELECT organization_id FROM membership WHERE user_id = :user_id AND organization_id = :organization_id
UNION SELECT organization_id FROM account WHERE user_id = :user_id AND organization_id = :organization_id
UNION SELECT organization_id FROM provisioned_user
  WHERE user_id = :user_id AND organization_id = :organization_id
"""

FIND_TOKENS_OF_SESSIONS = """
SELECT session.id, session.token_hash, kept_token.connection, kept_token.person, kept_token.sealed,
  kept_token.renew_at, kept_token.version, kept_token.taken_by, kept_token.taken_until
FROM kept_token JOIN session ON session.id = kept_token.session_id
WHERE session.organization_id = :organization_id AND session.user_id = :user_id
  AND (session.id = :session_id OR :session_id = '')
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

DROP_TOKENS_OF_SESSIONS = """
DELETE FROM kept_token WHERE session_id IN (SELECT id FROM session
  WHERE organization_id = :organization_id AND user_id = :user_id
    AND (session.id = :session_id OR :session_id = ''))
"""

END_SESSIONS = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE organization_id = :organization_id AND user_id = :user_id
  AND (id = :session_id OR :session_id = '')
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

# The index alone is read, and no more of it than may be looked at.
_CAUSES = """
SELECT code, recent, count(*), min(recorded_at) FROM (
  SELECT code, recorded_at, CASE WHEN recorded_at > :day THEN 1 ELSE 0 END AS recent FROM decision_record
  WHERE {0}recorded_at > :week AND recorded_at <= :now ORDER BY recorded_at DESC LIMIT :batch
) AS looked GROUP BY code, recent
"""

COUNT_CAUSES = _CAUSES.format("organization_id = :organization_id AND ")
COUNT_EVERY_CAUSE = _CAUSES.format("")

# ``|| ''`` keeps SQLite from the key's index, by which it would read past every document.
METADATA_AGES = """
SELECT connection, checked_at, held_at FROM provider_metadata
WHERE connection || '' IN (SELECT value FROM json_each(:connections))
ORDER BY CASE WHEN held_at > 0 THEN 0 ELSE 1 END, checked_at, connection LIMIT :batch
"""

FIND_PROOFS_OF = """
SELECT organization_id, domain, token, created_at, checked_at, seen_at FROM domain_proof
WHERE organization_id IN (SELECT value FROM json_each(:organizations))
  AND domain IN (SELECT value FROM json_each(:domains))
"""

FIND_ENFORCED_OF = """
SELECT organization_id, domain, connections, enforced_at, enforced_by FROM enforcement
WHERE organization_id = :organization_id ORDER BY domain
"""

# Of an organization: for all there is ``FIND_CHANGES``.
LIST_CHANGES = """
SELECT id, connection, changed_at, changes, state, settled_at FROM metadata_change
WHERE connection IN (SELECT value FROM json_each(:connections))
ORDER BY changed_at DESC, id DESC LIMIT :batch
"""

ARRAYS = (AMONG_CONNECTION, AMONG_ROLE, AMONG_TEAM, AMONG_DEACTIVATED, ABOUT_PEOPLE, WHY_IN_TEAM, ABOUT_TEAMS,
                COUNT_MEMBERS, METADATA_AGES, FIND_PROOFS_OF, LIST_CHANGES)  # fmt: skip
