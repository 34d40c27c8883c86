"""The statements of ``provisioning_groups``; as ``sql``."""

COLUMNS = "id, display_name, external_id, body, size, version, created_at, changed_at"

FIND_SCIM_GROUP = f"""
SELECT {COLUMNS} FROM scim_group WHERE connection = :connection AND id = :id
"""  # noqa: S608  of parts that stand here

# ``postgres`` locks the row.
LOCK_SCIM_GROUP = f"""
SELECT {COLUMNS}, organization_id FROM scim_group WHERE connection = :connection AND id = :id
"""  # noqa: S608  likewise

_MEMBERS = """
SELECT scim_member.group_id, scim_member.member_id, scim_member.kind,
  coalesce(nullif(scim_user.display_name, ''), scim_user.user_name, scim_group.display_name, '')
FROM scim_member
LEFT JOIN scim_user ON scim_user.connection = scim_member.connection
  AND scim_user.id = scim_member.member_id
LEFT JOIN scim_group ON scim_group.connection = scim_member.connection
  AND scim_group.id = scim_member.member_id
WHERE scim_member.connection = :connection AND {0}
"""

FIND_MEMBERS_ON = _MEMBERS.format(
    "scim_member.group_id = :group_id AND scim_member.member_id > :after"
    " ORDER BY scim_member.member_id LIMIT :batch"
)

FIND_MEMBERS_OF_THESE = _MEMBERS.format(
    "scim_member.group_id IN (SELECT value FROM json_each(:ids))"
    " ORDER BY scim_member.group_id, scim_member.member_id"
)

ADD_SCIM_GROUP = """
INSERT INTO scim_group (connection, id, organization_id, display_name, display_key, external_id, body, size,
  version, created_at, changed_at)
VALUES (:connection, :id, :organization_id, :display_name, :display_key, :external_id, :body, 0,
  0, :now, :now)
"""

CHANGE_SCIM_GROUP = f"""
UPDATE scim_group SET display_name = :display_name, display_key = :display_key, external_id = :external_id,
  body = :body, size = size + :more, version = version + 1, changed_at = :now
WHERE connection = :connection AND id = :id
RETURNING {COLUMNS}
"""  # noqa: S608  likewise

DROP_SCIM_GROUP = """
DELETE FROM scim_group WHERE connection = :connection AND id = :id
"""

# Whoever is in it already is not told again.
JOIN_GROUP = """
INSERT INTO scim_member (connection, group_id, member_id, kind)
SELECT connection, :group_id, id, 'User' FROM scim_user
WHERE connection = :connection AND id IN (SELECT value FROM json_each(:ids))
UNION ALL
SELECT connection, :group_id, id, 'Group' FROM scim_group
WHERE connection = :connection AND id IN (SELECT value FROM json_each(:ids))
ON CONFLICT (connection, group_id, member_id) DO NOTHING
RETURNING member_id, kind
"""

# Ids that nothing of the connection has: nobody is found by such a row, now or later.
NAME_STRANGERS = """
WITH told (id) AS (SELECT value FROM json_each(:ids))
INSERT INTO scim_member (connection, group_id, member_id, kind)
SELECT :connection, :group_id, id, '' FROM told WHERE true
ON CONFLICT (connection, group_id, member_id) DO NOTHING
RETURNING member_id, kind
"""

AMONG_MEMBERS = """
SELECT member_id FROM scim_member WHERE connection = :connection AND group_id = :group_id
  AND member_id IN (SELECT value FROM json_each(:ids))
"""

LEAVE_GROUP = """
DELETE FROM scim_member WHERE connection = :connection AND group_id = :group_id
  AND member_id IN (SELECT value FROM json_each(:ids))
RETURNING member_id, kind
"""

LEAVE_BUT_THESE = """
DELETE FROM scim_member WHERE connection = :connection AND group_id = :group_id
  AND member_id NOT IN (SELECT value FROM json_each(:ids))
RETURNING member_id, kind
"""

USERS_OF_GROUP = """
SELECT member_id FROM scim_member
WHERE connection = :connection AND group_id = :group_id AND kind = 'User'
"""

LOCKED = (LOCK_SCIM_GROUP,)
ARRAYS = (FIND_MEMBERS_OF_THESE, JOIN_GROUP, NAME_STRANGERS, AMONG_MEMBERS, LEAVE_GROUP, LEAVE_BUT_THESE)
