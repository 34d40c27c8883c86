"""The statements of ``administrators``, once for both engines; see ``sql``."""

_ROLES = "role IN (SELECT value FROM json_each(:roles))"

_STAYS = (
    "source NOT IN (SELECT source FROM departing)"  # what a connection gave that is gone counts for nothing
)

_TEAMS = f"""
(team_key IN (SELECT value FROM json_each(:teams)) OR team_key IN (
  SELECT team_key FROM team_role WHERE organization_id = :organization_id AND {_ROLES}))
"""  # noqa: S608  our own words

IS_ADMINISTRATOR = f"""
SELECT 1 WHERE EXISTS
  (SELECT 1 FROM role_grant WHERE organization_id = :organization_id AND user_id = :user_id AND {_ROLES}
    AND {_STAYS})
  OR EXISTS
  (SELECT 1 FROM team_membership WHERE organization_id = :organization_id AND user_id = :user_id AND {_TEAMS}
    AND {_STAYS})
"""  # noqa: S608  likewise

# Whoever is found first will do. ORDER BY and LIMIT keep PostgreSQL to the index of one role or team: with a
# join it would read every grant and every member to learn that there is nobody.
_SOMEBODY = f"""
  (SELECT 1 FROM {{0}} AS held WHERE held.organization_id = :organization_id AND {{1}} AND held.{_STAYS}
    AND (SELECT 1 FROM membership WHERE membership.organization_id = :organization_id
      AND membership.user_id = held.user_id AND membership.{_STAYS} LIMIT 1) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM deactivation WHERE deactivation.user_id = held.user_id
      AND deactivation.organization_id IN (:organization_id, ''))
    ORDER BY held.user_id LIMIT 1) IS NOT NULL"""  # noqa: S608  likewise

IS_ADMINISTERED = f"""
WITH asked(role) AS (SELECT value FROM json_each(:roles)),
giving(key) AS (SELECT value FROM json_each(:teams) UNION
  SELECT team_key FROM team_role
  WHERE organization_id = :organization_id AND role IN (SELECT role FROM asked))
SELECT 1
WHERE EXISTS (SELECT 1 FROM asked WHERE {_SOMEBODY.format("role_grant", "held.role = asked.role")})
  OR EXISTS (SELECT 1 FROM giving WHERE {_SOMEBODY.format("team_membership", "held.team_key = giving.key")})
"""  # noqa: S608  likewise

ADMINISTERING_TEAMS = f"""
SELECT DISTINCT team_key FROM team_role WHERE organization_id = :organization_id
  AND team_key IN (SELECT value FROM json_each(:keys)) AND {_ROLES}
"""  # noqa: S608  likewise

# Through a connection that is none any more may come who has its provider's name next.
_BY = """(way.connection = :connection OR (:lost = 1 AND way.connection <> ''
    AND way.connection NOT IN (SELECT value FROM json_each(:others))))"""

_HELD = f"""
(SELECT user_id FROM role_grant WHERE organization_id = :organization_id AND {_ROLES} AND {_STAYS}
 UNION
 SELECT user_id FROM team_membership WHERE organization_id = :organization_id AND {_TEAMS}
   AND {_STAYS}) AS held
"""  # noqa: S608  likewise

COME_BY = f"""
SELECT 1 WHERE EXISTS
  (SELECT 1 FROM team_group JOIN team_role ON team_role.organization_id = team_group.organization_id
      AND team_role.team_key = team_group.team_key
    WHERE team_group.organization_id = :organization_id
      AND team_group.connection IN ('', :connection) AND {_ROLES})
  OR EXISTS (SELECT 1 FROM {_HELD} JOIN account AS way ON way.user_id = held.user_id
    WHERE way.organization_id = :organization_id AND way.person NOT LIKE '%/%' AND {_BY})
  OR EXISTS (SELECT 1 FROM {_HELD} JOIN provisioned_user AS way ON way.user_id = held.user_id
    WHERE way.organization_id = :organization_id AND {_BY})
"""  # noqa: S608  likewise

ARRAYS = (IS_ADMINISTRATOR, IS_ADMINISTERED, ADMINISTERING_TEAMS, COME_BY)
"""Those that take arrays of texts, which each engine spells its own way."""
