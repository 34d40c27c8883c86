"""The statements of ``standing``: what is so of somebody, and what changes it. As ``sql``."""

# What a connection gave that is gone counts for nothing, though not all of it is deleted yet: see ``kept``.
_STAYS = "source NOT IN (SELECT source FROM departing)"

# All that hangs together of one person in one organization: see ``decision.Standing``.
FIND_STANDING = f"""
SELECT 'grant', role, source, why FROM role_grant
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'member', team_key, source, why FROM team_membership
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'kept', team.key, '', '' FROM team_membership JOIN team
  ON team.organization_id = team_membership.organization_id AND team.key = team_membership.team_key
WHERE team_membership.organization_id = :organization_id AND team_membership.user_id = :user_id
  AND team_membership.{_STAYS}
UNION ALL
SELECT 'membership', source, '', '' FROM membership
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'deactivated', source, organization_id, '' FROM deactivation
WHERE user_id = :user_id AND organization_id IN (:organization_id, '')
UNION ALL
SELECT 'disabled', connection, '', '' FROM connection_state WHERE connection = :connection
UNION ALL
SELECT 'enforced', domain, connections, CASE WHEN domain <> '' AND EXISTS (SELECT 1 FROM account
  WHERE account.organization_id = :organization_id AND account.user_id = :user_id
    AND account.email_key LIKE '%@' || replace(enforcement.domain, '*', '%')) THEN 'here' ELSE '' END
FROM enforcement WHERE organization_id = :organization_id
"""  # noqa: S608  our own words

# Has the organization teams of the store?
HAS_TEAMS = """
SELECT key FROM team WHERE organization_id = :organization_id LIMIT 1
"""

# The same of somebody who is made by this sign-in: nothing is theirs yet but the address they come with.
FIND_STANDING_OF_NEW = """
SELECT 'disabled', connection, '', '' FROM connection_state WHERE connection = :connection
UNION ALL
SELECT 'enforced', domain, connections, CASE WHEN domain <> ''
  AND :email_key LIKE '%@' || replace(enforcement.domain, '*', '%') THEN 'here' ELSE '' END
FROM enforcement WHERE organization_id = :organization_id
"""

# The teams of the store that the person is in, or whose groups they are in, with what each gives;
# and those that have the key which one would have that is made of their groups.
# ``postgres_words`` reads the array of groups in its own way: see there.
FIND_TEAMS = """
WITH led AS (
  SELECT team_key, group_key FROM team_group
  WHERE organization_id = :organization_id AND connection IN (:connection, '')
    AND group_key IN (SELECT value FROM json_each(:groups))
), theirs AS (
  SELECT team_key FROM led
  UNION SELECT team_key FROM team_membership
  WHERE organization_id = :organization_id AND user_id = :user_id
  UNION SELECT key FROM team
  WHERE organization_id = :organization_id AND key IN (SELECT value FROM json_each(:keys))
)
SELECT 'team', team.key, team.name, team.source
FROM team JOIN theirs ON theirs.team_key = team.key WHERE team.organization_id = :organization_id
UNION ALL SELECT 'group', team_key, group_key, '' FROM led
UNION ALL
SELECT 'role', team_role.team_key, team_role.role, ''
FROM team_role JOIN theirs ON theirs.team_key = team_role.team_key
WHERE team_role.organization_id = :organization_id
"""

ADDRESS_HOLDERS = """
SELECT user_id FROM account
WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%'
"""

# Is anybody left? What is written of somebody who is no member any more counts for nobody.
# Asked after ``LOCK_NAME`` of the organization, by all who would take such a role away.
OTHER_ADMINISTRATORS = f"""
SELECT count(*) FROM (
  SELECT user_id FROM role_grant
  WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles)) AND {_STAYS}
  UNION
  SELECT user_id FROM team_membership WHERE organization_id = :organization_id AND {_STAYS}
    AND (team_key IN (SELECT value FROM json_each(:teams)) OR team_key IN (
      SELECT team_key FROM team_role
      WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles))))
) AS held
WHERE user_id <> :user_id
  AND EXISTS (SELECT 1 FROM membership WHERE membership.organization_id = :organization_id
    AND membership.user_id = held.user_id AND membership.{_STAYS})
  AND NOT EXISTS (SELECT 1 FROM deactivation WHERE deactivation.user_id = held.user_id
    AND deactivation.organization_id IN (:organization_id, ''))
"""  # noqa: S608  our own words

DROP_GRANT = """
DELETE FROM role_grant WHERE organization_id = :organization_id AND user_id = :user_id
  AND source = :source AND role = :role AND why = :why
"""

ADD_GRANT = """
INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)
VALUES (:organization_id, :user_id, :source, :role, :why, :now)
ON CONFLICT (organization_id, user_id, source, role, why) DO NOTHING
"""

ADD_MEMBERSHIP = """
INSERT INTO membership (organization_id, user_id, source, created_at)
VALUES (:organization_id, :user_id, :source, :now)
ON CONFLICT (organization_id, user_id, source) DO NOTHING
"""

MAKE_TEAM = """
INSERT INTO team (organization_id, key, name, source, created_at)
VALUES (:organization_id, :key, :name, :source, :now)
ON CONFLICT (organization_id, key) DO NOTHING
RETURNING key
"""

COUNT_TEAMS = """
SELECT count(*) FROM team WHERE organization_id = :organization_id
"""

LINK_TEAM = """
INSERT INTO team_group (organization_id, group_key, team_key, connection)
VALUES (:organization_id, :group_key, :key, :connection)
ON CONFLICT (organization_id, group_key, team_key, connection) DO NOTHING
"""

JOIN_TEAM = """
INSERT INTO team_membership (organization_id, user_id, team_key, source, why, joined_at)
VALUES (:organization_id, :user_id, :key, :source, :why, :now)
ON CONFLICT (organization_id, user_id, team_key, source) DO UPDATE SET why = excluded.why
"""

LEAVE_TEAM = """
DELETE FROM team_membership WHERE organization_id = :organization_id AND user_id = :user_id
  AND team_key = :key AND source = :source
"""

# What other live sessions of a person say of them, where it has changed.
FIND_SNAPSHOTS = """
SELECT token_hash, data FROM session
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
"""

UPDATE_SNAPSHOT = """
UPDATE session SET data = :data WHERE token_hash = :token_hash
"""
