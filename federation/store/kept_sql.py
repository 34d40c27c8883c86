"""The statements of ``kept``: connections and organizations that are edited in the administration."""

# Whoever changes what is declared takes the row until the commit: numbers are in the order of commits.
BUMP = """
UPDATE configuration SET number = number + 1 WHERE name = 'declared' RETURNING number
"""

FIND_NUMBER = """
SELECT number FROM configuration WHERE name = 'declared'
"""

_ORGANIZATION = "id, body, number, created_at, updated_at, deleted_at"

_CONNECTION = """
id, organization_id, protocol, body, sealed, enabled, number, created_at, updated_at, tested_at, deleted_at
"""

FIND_ORGANIZATIONS_SINCE = f"""
SELECT {_ORGANIZATION} FROM kept_organization WHERE number > :number
"""  # noqa: S608  our own words

FIND_CONNECTIONS_SINCE = f"""
SELECT {_CONNECTION} FROM kept_connection WHERE number > :number
"""  # noqa: S608  likewise

FIND_CONNECTION = f"""
SELECT {_CONNECTION} FROM kept_connection WHERE id = :id
"""  # noqa: S608  likewise

# Over one that was deleted, too; a connection's id stays its organization's.
KEEP_ORGANIZATION = """
INSERT INTO kept_organization (id, body, number, created_at, updated_at)
VALUES (:id, :body, :number, :now, :now)
ON CONFLICT (id) DO UPDATE SET body = excluded.body, number = excluded.number,
  created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = NULL
WHERE kept_organization.deleted_at IS NOT NULL
RETURNING number
"""

EDIT_ORGANIZATION = """
UPDATE kept_organization SET body = :body, number = :number, updated_at = :now
WHERE id = :id AND number = :previous AND deleted_at IS NULL
RETURNING number
"""

DROP_ORGANIZATION = """
UPDATE kept_organization SET body = '{}', number = :number, deleted_at = :now
WHERE id = :id AND deleted_at IS NULL
RETURNING number
"""

# What would be left without an organization.
ORGANIZATION_HOLDS = """
SELECT 'connection' FROM kept_connection WHERE organization_id = :id AND deleted_at IS NULL
UNION ALL SELECT 'person' WHERE EXISTS (SELECT 1 FROM account WHERE organization_id = :id)
UNION ALL SELECT 'person' WHERE EXISTS (SELECT 1 FROM membership WHERE organization_id = :id)
UNION ALL SELECT 'team' WHERE EXISTS (SELECT 1 FROM team WHERE organization_id = :id)
"""

# What would count for whoever has an organization of this id next.
REVOKE_TOKENS = """
UPDATE api_token SET revoked_at = :now WHERE organization_id = :id AND revoked_at IS NULL
"""
DROP_PROOFS = "DELETE FROM domain_proof WHERE organization_id = :id"
DROP_INVITATIONS = "DELETE FROM invitation WHERE organization_id = :id"

KEEP_CONNECTION = """
INSERT INTO kept_connection (id, organization_id, protocol, body, sealed, enabled, number, created_at,
  updated_at)
VALUES (:id, :organization_id, :protocol, :body, :sealed, 0, :number, :now, :now)
ON CONFLICT (id) DO UPDATE SET protocol = excluded.protocol, body = excluded.body,
  sealed = excluded.sealed, enabled = 0, number = excluded.number, created_at = excluded.created_at,
  updated_at = excluded.updated_at, tested_at = NULL, deleted_at = NULL
WHERE kept_connection.deleted_at IS NOT NULL
  AND kept_connection.organization_id = excluded.organization_id
  AND NOT EXISTS (SELECT 1 FROM departing WHERE source = 'connection:' || excluded.id)
RETURNING number
"""

# What another organization still has of a connection of this id, which the settings file declared once:
# whoever answers for the id is asked to end those sessions, and given their tokens. Accounts apart, batch
# by batch: nobody makes one of a connection that is nowhere in force.
HELD_ELSEWHERE = """
SELECT 1 WHERE EXISTS
  (SELECT 1 FROM session AS once WHERE once.connection = :id AND once.organization_id <> :organization_id)
  OR EXISTS (SELECT 1 FROM kept_token WHERE connection = :id AND organization_id <> :organization_id)
  OR EXISTS (SELECT 1 FROM reread WHERE connection = :id AND organization_id <> :organization_id)
  OR EXISTS (SELECT 1 FROM scim_user WHERE connection = :id AND organization_id <> :organization_id)
  OR EXISTS (SELECT 1 FROM scim_group WHERE connection = :id AND organization_id <> :organization_id)
  OR EXISTS (SELECT 1 FROM scim_credential WHERE connection = :id AND organization_id <> :organization_id)
"""

ACCOUNTS_ELSEWHERE = """
SELECT looked.organization_id, max(looked.person), count(*),
  max(CASE WHEN looked.connection = :id AND looked.organization_id <> :organization_id THEN 1 ELSE 0 END)
FROM (SELECT organization_id, person, connection FROM account
  WHERE (organization_id, person) > (:at, :then) ORDER BY organization_id, person LIMIT :batch) AS looked
GROUP BY looked.organization_id ORDER BY looked.organization_id
"""

EDIT_CONNECTION = """
UPDATE kept_connection SET body = :body, sealed = :sealed, number = :number, updated_at = :now,
  tested_at = NULL
WHERE id = :id AND number = :previous AND deleted_at IS NULL
RETURNING number
"""

ENABLE_CONNECTION = """
UPDATE kept_connection SET enabled = 1, number = :number, updated_at = :now
WHERE id = :id AND number = :previous AND deleted_at IS NULL AND (tested_at IS NOT NULL OR :force = 1)
RETURNING number
"""

DISABLE_CONNECTION = """
UPDATE kept_connection SET enabled = 0, number = :number, updated_at = :now
WHERE id = :id AND deleted_at IS NULL
RETURNING number
"""

DROP_CONNECTION = """
UPDATE kept_connection SET enabled = 0, body = '{}', sealed = '', number = :number, tested_at = NULL,
  deleted_at = :now
WHERE id = :id AND deleted_at IS NULL
RETURNING organization_id
"""

# Who is signed in by other ways, and has something of the connection's.
LIVE_TAKERS = """
SELECT DISTINCT user_id FROM session
WHERE organization_id = :organization_id AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
  AND (EXISTS (SELECT 1 FROM role_grant WHERE role_grant.organization_id = session.organization_id
      AND role_grant.user_id = session.user_id AND role_grant.source = :source)
    OR EXISTS (SELECT 1 FROM team_membership
      WHERE team_membership.organization_id = session.organization_id
      AND team_membership.user_id = session.user_id AND team_membership.source = :source))
"""

# From here on what it gave counts for nothing: ``standing_sql.FIND_STANDING``. Its rows go in batches.
DEPART = """
INSERT INTO departing (source, organization_id, since) VALUES (:source, :organization_id, :now)
ON CONFLICT (source) DO NOTHING
"""

FIND_DEPARTING = "SELECT source, organization_id FROM departing ORDER BY source LIMIT 1"

# The primary keys lead with the organization; ``rowid`` and ``ctid`` are an engine's own.
DROP_GRANTS = """
DELETE FROM role_grant WHERE (organization_id, user_id, source, role, why) IN
  (SELECT organization_id, user_id, source, role, why FROM role_grant
    WHERE organization_id = :organization_id AND source = :source LIMIT :batch)
RETURNING 1
"""

DROP_TEAM_PLACES = """
DELETE FROM team_membership WHERE (organization_id, user_id, team_key, source) IN
  (SELECT organization_id, user_id, team_key, source FROM team_membership
    WHERE organization_id = :organization_id AND source = :source LIMIT :batch)
RETURNING 1
"""

DROP_MEMBERSHIPS = """
DELETE FROM membership WHERE (organization_id, user_id, source) IN
  (SELECT organization_id, user_id, source FROM membership
    WHERE organization_id = :organization_id AND source = :source LIMIT :batch)
RETURNING 1
"""

DEPARTED = "DELETE FROM departing WHERE source = :source"

# What is about the connection alone: whoever makes another by its id starts afresh.
DROP_METADATA = "DELETE FROM provider_metadata WHERE connection = :id"
DROP_POLICY = "DELETE FROM policy_in_force WHERE connection = :id"
DROP_TRIALS = "DELETE FROM trial WHERE connection = :id"
REVOKE_LINKS = """
UPDATE setup_link SET revoked_at = :now WHERE connection = :id AND revoked_at IS NULL
"""

# Of people whom it made members, no more than are counted: by their index, whatever others there are.
_CAME = """SELECT user_id FROM membership
  WHERE organization_id = :organization_id AND source = :source LIMIT :batch"""

COUNT_AFFECTED = f"""
SELECT 'accounts', count(*) FROM ({_CAME}) AS came
UNION ALL
SELECT 'only_way', count(*) FROM ({_CAME}) AS came
WHERE NOT EXISTS (SELECT 1 FROM account WHERE account.user_id = came.user_id
    AND account.organization_id = :organization_id AND account.connection <> :id
    AND account.person NOT LIKE '%/%')
UNION ALL
SELECT 'sessions', count(*) FROM (SELECT 1 FROM session
  WHERE organization_id = :organization_id AND connection = :id AND user_id IN ({_CAME})
    AND ended_at IS NULL AND idle_at > :now AND expires_at > :now LIMIT :batch) AS live
"""  # noqa: S608  our own words
