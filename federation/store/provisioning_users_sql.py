"""The statements of ``provisioning_users``, and of whoever makes users due; as ``sql``."""

COLUMNS = """id, user_id, user_name, external_id, display_name, email, active, body, version, refused,
  created_at, changed_at"""

FIND_SCIM_USER = f"""
SELECT {COLUMNS} FROM scim_user WHERE connection = :connection AND id = :id
"""  # noqa: S608  of parts that stand here

# What decides which locks a change needs, before it has them.
SEE_SCIM_USER = """
SELECT user_id, organization_id, active, user_name_key FROM scim_user
WHERE connection = :connection AND id = :id
"""

# ``postgres`` locks the row.
LOCK_SCIM_USER = f"""
SELECT {COLUMNS}, organization_id, user_name_key, due_number FROM scim_user
WHERE connection = :connection AND id = :id
"""  # noqa: S608  likewise

FIND_GROUPS_OF = """
SELECT scim_group.id, scim_group.display_name, scim_group.external_id FROM scim_member JOIN scim_group
  ON scim_group.connection = scim_member.connection AND scim_group.id = scim_member.group_id
WHERE scim_member.connection = :connection AND scim_member.member_id = :id
ORDER BY scim_group.id
"""

FIND_GROUPS_OF_THESE = """
SELECT scim_group.id, scim_group.display_name, scim_group.external_id, scim_member.member_id
FROM scim_member JOIN scim_group
  ON scim_group.connection = scim_member.connection AND scim_group.id = scim_member.group_id
WHERE scim_member.connection = :connection
  AND scim_member.member_id IN (SELECT value FROM json_each(:ids))
ORDER BY scim_member.member_id, scim_group.id
"""

# Whose a new resource may be; the last column tells that this connection has one of theirs already.
FIND_OWNERS = """
SELECT 'subject', user_id, 1, CASE WHEN EXISTS (SELECT 1 FROM scim_user
  WHERE scim_user.user_id = account.user_id AND scim_user.connection = :connection) THEN 1 ELSE 0 END
FROM account WHERE organization_id = :organization_id AND person IN (SELECT value FROM json_each(:persons))
  AND account.connection = :connection
UNION ALL
SELECT 'holder', user_id, coalesce(email_proven, 0), CASE WHEN EXISTS (SELECT 1 FROM scim_user
  WHERE scim_user.user_id = account.user_id AND scim_user.connection = :connection) THEN 1 ELSE 0 END
FROM account WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%'
UNION ALL
SELECT 'awaited', user_id, 1, CASE WHEN EXISTS (SELECT 1 FROM scim_user
  WHERE scim_user.user_id = provisioned_user.user_id AND scim_user.connection = :connection)
  THEN 1 ELSE 0 END
FROM provisioned_user WHERE organization_id = :organization_id AND email_key = :email_key
  AND connection IN (:connection, '')
"""

ADD_SCIM_USER = """
INSERT INTO scim_user (connection, id, organization_id, user_id, user_name, user_name_key, external_id,
  display_name, display_key, email, email_key, active, body, version, refused, created_at, changed_at,
  due_at, due_number, has_subject)
VALUES (:connection, :id, :organization_id, :user_id, :user_name, :user_name_key, :external_id,
  :display_name, :display_key, :email, :email_key, :active, :body, 1, '', :now, :now, :now, 1, :has_subject)
ON CONFLICT DO NOTHING
RETURNING id
"""

FIND_USER_NAME = """
SELECT id FROM scim_user WHERE connection = :connection AND user_name_key = :user_name_key
"""

CHANGE_SCIM_USER = f"""
UPDATE scim_user SET user_name = :user_name, user_name_key = :user_name_key, external_id = :external_id,
  display_name = :display_name, display_key = :display_key, email = :email, email_key = :email_key,
  active = :active, body = :body, version = version + 1, changed_at = :now,
  due_at = coalesce(due_at, :now), due_number = due_number + 1
WHERE connection = :connection AND id = :id
RETURNING {COLUMNS}
"""  # noqa: S608  likewise

DROP_SCIM_USER = """
DELETE FROM scim_user WHERE connection = :connection AND id = :id
"""

ADD_EMAILS = """
WITH told (email_key) AS (SELECT value FROM json_each(:emails))
INSERT INTO scim_email (connection, email_key, resource_id)
SELECT :connection, email_key, :id FROM told WHERE email_key <> ''
ON CONFLICT (connection, email_key, resource_id) DO NOTHING
"""

DROP_OTHER_EMAILS = """
DELETE FROM scim_email WHERE connection = :connection AND resource_id = :id
  AND email_key NOT IN (SELECT value FROM json_each(:emails))
"""

# Of one who has not come yet: by which address they are awaited.
MOVE_AWAITED = """
UPDATE provisioned_user SET email = :email, email_key = :email_key
WHERE organization_id = :organization_id AND user_id = :user_id AND source = :source
"""

DROP_AWAITED = """
DELETE FROM provisioned_user
WHERE organization_id = :organization_id AND user_id = :user_id AND source = :source
"""

# In one order, whoever else changes some of them; ``postgres`` locks them.
LOCK_USERS = """
SELECT id FROM scim_user
WHERE connection = :connection AND id IN (SELECT value FROM json_each(:ids)) ORDER BY id
"""

MARK_DUE = """
UPDATE scim_user SET due_at = coalesce(due_at, :now), due_number = due_number + 1
WHERE connection = :connection AND id IN (SELECT value FROM json_each(:ids))
"""

# A member's groups, as it goes; each is another one then.
LEAVE_GROUPS = """
DELETE FROM scim_member WHERE connection = :connection AND member_id = :id RETURNING group_id
"""

SHRINK_GROUPS = """
UPDATE scim_group SET size = size - 1, version = version + 1, changed_at = :now
WHERE connection = :connection AND id IN (SELECT value FROM json_each(:ids))
"""

FIND_MEMBERSHIP_SOURCES = """
SELECT source FROM membership WHERE organization_id = :organization_id AND user_id = :user_id
  AND source NOT IN (SELECT source FROM departing)
"""

LOCKED = (LOCK_SCIM_USER, LOCK_USERS)
ARRAYS = (FIND_GROUPS_OF_THESE, FIND_OWNERS, ADD_EMAILS, DROP_OTHER_EMAILS, LOCK_USERS, MARK_DUE,
          SHRINK_GROUPS)  # fmt: skip
