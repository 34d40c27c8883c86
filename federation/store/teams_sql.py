"""The statements of ``teams``: teams of the store, and what an operator gives somebody by hand."""

FIND_TEAMS_OF = """
SELECT 'team', key, name, source, 0 FROM team WHERE organization_id = :organization_id
UNION ALL
SELECT 'group', team_key, group_key, connection, 0 FROM team_group WHERE organization_id = :organization_id
UNION ALL
SELECT 'role', team_key, role, '', 0 FROM team_role WHERE organization_id = :organization_id
UNION ALL
SELECT 'members', team_key, '', '', count(DISTINCT user_id) FROM team_membership
WHERE organization_id = :organization_id GROUP BY team_key
"""

RENAME_TEAM = """
UPDATE team SET name = :name WHERE organization_id = :organization_id AND key = :key RETURNING key
"""

FIND_TEAM = """
SELECT key FROM team WHERE organization_id = :organization_id AND key = :key
"""

# Its groups and roles go with it.
DROP_TEAM = """
DELETE FROM team WHERE organization_id = :organization_id AND key = :key RETURNING key
"""

EMPTY_TEAM = """
DELETE FROM team_membership WHERE organization_id = :organization_id AND team_key = :key RETURNING user_id
"""

UNLINK_TEAM = """
DELETE FROM team_group WHERE organization_id = :organization_id AND team_key = :key
  AND group_key = :group_key AND connection = :connection
RETURNING team_key
"""

# Those whom this group put there, and leads there no more.
LEAVE_UNLINKED = """
DELETE FROM team_membership WHERE organization_id = :organization_id AND team_key = :key AND why = :why
  AND (source LIKE 'connection:%' OR source LIKE 'scim:%') AND NOT EXISTS (SELECT 1 FROM team_group
    WHERE team_group.organization_id = :organization_id AND team_group.team_key = :key
      AND team_group.group_key = :group_key
      AND (team_group.connection = '' OR team_membership.source
        IN ('connection:' || team_group.connection, 'scim:' || team_group.connection)))
RETURNING user_id
"""

GIVE_TEAM_ROLE = """
INSERT INTO team_role (organization_id, team_key, role) VALUES (:organization_id, :key, :role)
ON CONFLICT (organization_id, team_key, role) DO NOTHING
RETURNING role
"""

TAKE_TEAM_ROLE = """
DELETE FROM team_role WHERE organization_id = :organization_id AND team_key = :key AND role = :role
RETURNING role
"""

# Who of a team is signed in.
LIVE_MEMBERS = """
SELECT DISTINCT user_id FROM session
WHERE organization_id = :organization_id AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
  AND user_id IN (SELECT user_id FROM team_membership
    WHERE organization_id = :organization_id AND team_key = :key)
"""

FIND_ACCOUNTS_OF = """
SELECT connection, email, display_name, created_at, signed_in_at FROM account
WHERE organization_id = :organization_id AND user_id = :user_id AND person NOT LIKE '%/%'
ORDER BY created_at, person
"""
