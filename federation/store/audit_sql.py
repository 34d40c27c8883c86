"""The statements of ``audit`` and ``audit_pages``."""

APPEND = """
INSERT INTO audit (id, organization_id, at, actor_kind, actor, action, kind, object, before, after, about,
  personal, address, reference)
VALUES (:id, :organization_id, :at, :actor_kind, :actor, :action, :kind, :object, :before, :after, :about,
  :personal, :address, :reference)
"""

_READ = """
SELECT id, organization_id, at, actor_kind, actor, action, kind, object, before, after, about, personal,
  address, reference
FROM audit WHERE {0}
"""

# Newest first, from before an id down to another.
LIST_AUDIT = _READ.format(
    "organization_id = :organization_id AND id < :before AND id >= :since ORDER BY id DESC LIMIT :batch"
)

LIST_EVERY_AUDIT = _READ.format("id < :before AND id >= :since ORDER BY id DESC LIMIT :batch")

# As they were written, from after an id up to another.
READ_AUDIT_ON = _READ.format(
    "organization_id = :organization_id AND id > :after AND id < :until ORDER BY id LIMIT :batch"
)

READ_EVERY_AUDIT_ON = _READ.format("id > :after AND id < :until ORDER BY id LIMIT :batch")

PURGE_AUDIT = """
DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < :audit_before_id ORDER BY id LIMIT :batch)
RETURNING 1
"""

# Of one who is erased: what is about them, and from where they came, in this organization.
ERASE_AUDIT_ABOUT = """
UPDATE audit SET personal = '', address = ''
WHERE organization_id = :organization_id AND about = :user_id AND (personal <> '' OR address <> '')
RETURNING 1
"""

ERASE_AUDIT_BY = """
UPDATE audit SET address = ''
WHERE organization_id = :organization_id AND actor = :user_id AND actor_kind = 'user' AND address <> ''
RETURNING 1
"""

# Where no organization knows them any more: also what they did to others', and to the installation.
ERASE_AUDIT_ANYWHERE = """
UPDATE audit SET address = '', personal = CASE WHEN about = :user_id THEN '' ELSE personal END
WHERE (about = :user_id OR (actor = :user_id AND actor_kind = 'user')) AND (personal <> '' OR address <> '')
RETURNING 1
"""

EXPORT_AUDIT = """
SELECT at, actor_kind, actor, action, kind, object, about, personal, address FROM audit
WHERE organization_id = :organization_id AND about = :user_id
UNION
SELECT at, actor_kind, actor, action, kind, object, about,
  CASE WHEN about = :user_id THEN personal ELSE '' END, address FROM audit
WHERE organization_id = :organization_id AND actor = :user_id AND actor_kind = 'user'
ORDER BY 1
"""
