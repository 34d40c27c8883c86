"""Statements about who may come in which way: proofs of domains, enforcement; see ``sql``."""

PROVED_DOMAINS = """
SELECT domain FROM domain_proof WHERE organization_id = :organization_id AND seen_at > :seen_since
"""

PROOFS_OF = """
SELECT organization_id, domain FROM domain_proof
WHERE domain IN (SELECT value FROM json_each(:domains)) AND seen_at > :seen_since
"""

_PROOF = "SELECT organization_id, domain, token, created_at, checked_at, seen_at FROM domain_proof"

FIND_PROOFS = f"{_PROOF} ORDER BY organization_id, domain"

FIND_PROOF = f"{_PROOF} WHERE organization_id = :organization_id AND domain = :domain"

# The token that is there stays: it may stand in DNS already.
ADD_PROOF = """
INSERT INTO domain_proof (organization_id, domain, token, created_at, checked_at, seen_at)
VALUES (:organization_id, :domain, :token, :now, 0, 0)
ON CONFLICT (organization_id, domain) DO NOTHING
"""

# ``seen_at`` 0: it was looked for and not found.
NOTE_PROOF = """
UPDATE domain_proof SET checked_at = :now, seen_at = :seen_at
WHERE organization_id = :organization_id AND domain = :domain AND token = :token AND checked_at <= :now
"""

FIND_ENFORCED = """
SELECT organization_id, domain, connections, enforced_at, enforced_by FROM enforcement
ORDER BY organization_id, domain
"""

ENFORCE = """
INSERT INTO enforcement (organization_id, domain, connections, enforced_at, enforced_by)
VALUES (:organization_id, :domain, :connections, :now, :by)
ON CONFLICT (organization_id, domain) DO UPDATE SET connections = excluded.connections,
  enforced_at = excluded.enforced_at, enforced_by = excluded.enforced_by
"""

LIFT = """
DELETE FROM enforcement WHERE organization_id = :organization_id AND domain = :domain
RETURNING domain
"""

# Who is known in an organization and has no account at one of these connections. Of each every
# account is told, and once more whether they have a session; ``:at`` is ``%`` for the whole organization.
FIND_LOCKED_OUT = """
WITH known AS (
  SELECT user_id FROM account WHERE organization_id = :organization_id AND person NOT LIKE '%/%'
  UNION SELECT user_id FROM role_grant WHERE organization_id = :organization_id
  UNION SELECT user_id FROM session WHERE organization_id = :organization_id
    AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
    AND connection <> 'break-glass'
), locked_out AS (
  SELECT user_id FROM known WHERE NOT EXISTS (SELECT 1 FROM account
    WHERE account.organization_id = :organization_id AND account.user_id = known.user_id
      AND account.person NOT LIKE '%/%'
      AND account.connection IN (SELECT value FROM json_each(:connections)))
  AND (:at = '%' OR EXISTS (SELECT 1 FROM account WHERE account.organization_id = :organization_id
    AND account.user_id = known.user_id AND account.email_key LIKE :at))
)
SELECT locked_out.user_id, coalesce(account.email, ''), coalesce(account.connection, ''),
  coalesce(account.signed_in_at, 0),
  (SELECT count(*) FROM session WHERE session.organization_id = :organization_id
    AND session.user_id = locked_out.user_id
    AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now)
FROM locked_out LEFT JOIN account ON account.organization_id = :organization_id
  AND account.user_id = locked_out.user_id AND account.person NOT LIKE '%/%'
ORDER BY locked_out.user_id, account.signed_in_at DESC
"""

# A refused sign-in leaves no trace in an account: these were admitted.
LAST_SIGN_INS = """
SELECT connection, max(signed_in_at) FROM account
WHERE organization_id = :organization_id AND person NOT LIKE '%/%'
  AND connection IN (SELECT value FROM json_each(:connections))
GROUP BY connection
"""
