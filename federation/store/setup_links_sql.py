"""The statements of ``setup_links``: links by which somebody without an account sets one connection up."""

# Of a connection that is there; whoever reads a link asks that again.
KEEP = """
INSERT INTO setup_link (id, token_hash, organization_id, connection, may_enable, created_at, created_by,
  expires_at, uses)
SELECT :id, :token_hash, :organization_id, :connection, :may_enable, :created_at, :created_by, :expires_at, 0
WHERE EXISTS (SELECT 1 FROM kept_connection
  WHERE id = :connection AND organization_id = :organization_id AND deleted_at IS NULL)
ON CONFLICT DO NOTHING
RETURNING id
"""

_COLUMNS = """
link.id, link.organization_id, link.connection, link.may_enable, link.created_at, link.created_by,
link.expires_at, link.uses, link.last_used_at, link.revoked_at
"""

# One that was made again under its id is another connection than the link was made for.
_LIVE = """
link.revoked_at IS NULL AND link.expires_at > :now AND EXISTS (SELECT 1 FROM kept_connection
  WHERE kept_connection.id = link.connection AND kept_connection.organization_id = link.organization_id
  AND kept_connection.deleted_at IS NULL AND kept_connection.created_at <= link.created_at)
"""

FIND = f"""
SELECT {_COLUMNS} FROM setup_link AS link WHERE link.token_hash = :token_hash AND {_LIVE}
"""  # noqa: S608  our own words

FIND_BY_ID = f"""
SELECT {_COLUMNS} FROM setup_link AS link WHERE link.id = :id
"""  # noqa: S608  likewise

# Ids are UUIDv7: in the order in which they were made.
LIST = f"""
SELECT {_COLUMNS} FROM setup_link AS link WHERE link.connection = :connection AND link.id < :before
ORDER BY link.id DESC LIMIT :batch
"""  # noqa: S608  likewise

USE = f"""
UPDATE setup_link AS link SET uses = uses + 1, last_used_at = :now
WHERE link.id = :id AND {_LIVE}
RETURNING uses
"""  # noqa: S608  likewise

REVOKE = """
UPDATE setup_link SET revoked_at = :now
WHERE id = :id AND organization_id = :organization_id AND revoked_at IS NULL
RETURNING id
"""

# Kept as long as the audit log, which names it by its id.
PURGE = """
DELETE FROM setup_link WHERE id IN
  (SELECT id FROM setup_link WHERE expires_at <= :audit_before LIMIT :batch)
RETURNING 1
"""
