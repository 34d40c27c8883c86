"""The statements of ``api_tokens``: bearer tokens of the administration's API."""

KEEP = """
INSERT INTO api_token (id, token_hash, organization_id, name, scopes, created_at, created_by, expires_at)
VALUES (:id, :token_hash, :organization_id, :name, :scopes, :created_at, :created_by, :expires_at)
ON CONFLICT DO NOTHING
RETURNING id
"""

_READ = """
SELECT id, organization_id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
FROM api_token WHERE {0}
"""

FIND = _READ.format("token_hash = :token_hash AND revoked_at IS NULL AND expires_at > :now")

FIND_BY_ID = _READ.format("id = :id")

# Ids are UUIDv7: in the order in which they were made.
LIST = _READ.format("organization_id = :organization_id AND id < :before ORDER BY id DESC LIMIT :batch")

LIST_EVERY = _READ.format("id < :before ORDER BY id DESC LIMIT :batch")

TOUCH = """
UPDATE api_token SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :seen_before)
"""

REVOKE = """
UPDATE api_token SET revoked_at = :now
WHERE id = :id AND organization_id = :organization_id AND revoked_at IS NULL
RETURNING id
"""

# Kept as long as the audit log, which names it by its id.
PURGE = """
DELETE FROM api_token WHERE id IN
  (SELECT id FROM api_token WHERE expires_at <= :audit_before LIMIT :batch)
RETURNING 1
"""
