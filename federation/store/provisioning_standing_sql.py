"""The statements of ``provisioning_standing``; as ``sql``."""

_COLUMNS = "connection, id, user_id, user_name, active, refused, due_at, changed_at"

SUMMARIZE_SCIM = """
SELECT 'users', '', count(*) FROM scim_user WHERE connection = :connection
UNION ALL SELECT 'groups', '', count(*) FROM scim_group WHERE connection = :connection
UNION ALL SELECT 'due', '', count(*) FROM scim_user WHERE connection = :connection AND due_at IS NOT NULL
UNION ALL SELECT 'changed', 'users', max(changed_at) FROM scim_user WHERE connection = :connection
UNION ALL SELECT 'changed', 'groups', max(changed_at) FROM scim_group WHERE connection = :connection
UNION ALL SELECT 'refused', refused, count(*) FROM scim_user
  WHERE connection = :connection AND refused <> '' GROUP BY refused
"""

LIST_REFUSED = f"""
SELECT {_COLUMNS} FROM scim_user
WHERE connection = :connection AND refused <> '' AND id > :after ORDER BY id LIMIT :limit
"""  # noqa: S608  of parts that stand here

FIND_RESIDENCIES = f"""
SELECT {_COLUMNS} FROM scim_user
WHERE user_id = :user_id AND organization_id = :organization_id ORDER BY connection
"""  # noqa: S608  likewise
