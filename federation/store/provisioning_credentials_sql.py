"""The statements of ``provisioning_credentials``; as ``sql``."""

ADD_CREDENTIAL = """
INSERT INTO scim_credential (id, secret_hash, connection, organization_id, kind, name, client, created_at,
  created_by, expires_at)
VALUES (:id, :secret_hash, :connection, :organization_id, :kind, :name, :client, :created_at,
  :created_by, :expires_at)
"""

COLUMNS = """id, connection, organization_id, kind, name, created_at, created_by, expires_at, last_used_at,
  revoked_at, client"""

# Of a client that was revoked as it was given a token, the token counts no more than the client.
FIND_CREDENTIAL = f"""
SELECT {COLUMNS} FROM scim_credential
WHERE secret_hash = :secret_hash AND connection = :connection AND revoked_at IS NULL AND expires_at > :now
  AND (client = '' OR EXISTS
    (SELECT 1 FROM scim_credential AS giver
     WHERE giver.id = scim_credential.client AND giver.connection = :connection AND giver.revoked_at IS NULL))
"""  # noqa: S608  of parts that stand here

# Access tokens are their client's, and gone in an hour.
LIST_CREDENTIALS = f"""
SELECT {COLUMNS} FROM scim_credential
WHERE connection = :connection AND client = '' AND revoked_at IS NULL AND expires_at > :now
ORDER BY id DESC
"""  # noqa: S608  likewise

TOUCH_CREDENTIAL = """
UPDATE scim_credential SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :seen_before)
"""

REVOKE_CREDENTIAL = """
UPDATE scim_credential SET revoked_at = :now
WHERE id = :id AND connection = :connection AND revoked_at IS NULL AND expires_at > :now
RETURNING id
"""

REVOKE_ACCESS = """
UPDATE scim_credential SET revoked_at = :now
WHERE client = :id AND connection = :connection AND revoked_at IS NULL
"""

DROP_CREDENTIALS = """
DELETE FROM scim_credential WHERE connection = :connection
"""

# A token or a client is kept as long as the audit log, which names it by its id.
PURGE_CREDENTIALS = """
DELETE FROM scim_credential WHERE id IN
  (SELECT id FROM scim_credential
   WHERE expires_at <= :now AND (client <> '' OR expires_at <= :audit_before) LIMIT :batch)
RETURNING 1
"""
