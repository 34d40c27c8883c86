"""The statements of ``provisioning_spreading``; as ``sql``."""

# What is under way already begins anew.
SPREAD = """
INSERT INTO scim_spread (connection, group_id, behind, since) VALUES (:connection, :group_id, '', :now)
ON CONFLICT (connection, group_id) DO UPDATE SET behind = ''
"""

SPREAD_TO_EVERYBODY = """
INSERT INTO scim_spread (connection, group_id, behind, since)
SELECT :connection, '', '', :now WHERE EXISTS (SELECT 1 FROM scim_user WHERE connection = :connection)
ON CONFLICT (connection, group_id) DO UPDATE SET behind = ''
"""

# ``postgres`` locks the row.
LOCK_SPREAD = """
SELECT group_id, behind FROM scim_spread WHERE connection = :connection
ORDER BY since, group_id LIMIT 1
"""

MEMBERS_BEHIND = """
SELECT member_id, kind FROM scim_member
WHERE connection = :connection AND group_id = :group_id AND member_id > :behind
ORDER BY member_id LIMIT :batch
"""

EVERYBODY_BEHIND = """
SELECT id, 'User' FROM scim_user WHERE connection = :connection AND id > :behind ORDER BY id LIMIT :batch
"""

# Of a group that is gone.
FORGET_MEMBERS = """
DELETE FROM scim_member WHERE connection = :connection AND group_id = :group_id
  AND member_id > :behind AND member_id <= :last
  AND NOT EXISTS (SELECT 1 FROM scim_group WHERE connection = :connection AND id = :group_id)
"""

MOVE_SPREAD = """
UPDATE scim_spread SET behind = :last WHERE connection = :connection AND group_id = :group_id
"""

END_SPREAD = """
DELETE FROM scim_spread WHERE connection = :connection AND group_id = :group_id
"""

FIND_LEFT = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM scim_user WHERE connection = :connection AND due_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM scim_spread WHERE connection = :connection) THEN 1 ELSE 0 END,
  coalesce((SELECT digest FROM policy_in_force WHERE connection = :connection), '')
"""

LOCKED = (LOCK_SPREAD,)
