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

# Who is known in an organization, by each way in which somebody is, batch by batch: where the next begins,
# how many were looked at, and of them whoever has an account at none of these connections; NULL where nobody
# is. ``:at`` is ``%`` for all of them. The LIMIT keeps PostgreSQL from reading every account for a batch.
_LOOK = """
WITH known AS ({0} LIMIT :batch)
SELECT (SELECT max(place) FROM known), (SELECT count(*) FROM known), outside.user_id
FROM (SELECT 1) AS one LEFT JOIN (
  SELECT known.user_id FROM known
  WHERE known.connection NOT IN (SELECT value FROM json_each(:connections))
    AND (SELECT 1 FROM account WHERE account.user_id = known.user_id
      AND account.organization_id = :organization_id AND account.person NOT LIKE '%/%'
      AND account.connection IN (SELECT value FROM json_each(:connections)) LIMIT 1) IS NULL
    AND (:at = '%' OR EXISTS (SELECT 1 FROM account WHERE account.organization_id = :organization_id
      AND account.user_id = known.user_id AND account.email_key LIKE :at))
) AS outside ON 1 = 1
"""

LOOK_AT_ACCOUNTS = _LOOK.format("""
  SELECT person AS place, user_id, connection FROM account
  WHERE organization_id = :organization_id AND person > :after AND person NOT LIKE '%/%' ORDER BY person
""")

LOOK_AT_GRANTS = _LOOK.format("""
  SELECT DISTINCT user_id AS place, user_id, '' AS connection FROM role_grant
  WHERE organization_id = :organization_id AND user_id > :after ORDER BY user_id
""")

LOOK_AT_SESSIONS = _LOOK.format("""
  SELECT DISTINCT user_id AS place, user_id, '' AS connection FROM session
  WHERE organization_id = :organization_id AND user_id > :after
    AND ended_at IS NULL AND idle_at > :now AND expires_at > :now AND connection <> 'break-glass'
  ORDER BY user_id
""")

# Of each every account is told, and once more how many sessions they have.
DESCRIBE_LOCKED_OUT = """
SELECT locked_out.id, coalesce(account.email, ''), coalesce(account.connection, ''),
  coalesce(account.signed_in_at, 0),
  (SELECT count(*) FROM session WHERE session.organization_id = :organization_id
    AND session.user_id = locked_out.id
    AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now)
FROM "user" AS locked_out LEFT JOIN account ON account.organization_id = :organization_id
  AND account.user_id = locked_out.id AND account.person NOT LIKE '%/%'
WHERE locked_out.id IN (SELECT value FROM json_each(:users))
ORDER BY locked_out.id, account.signed_in_at DESC
"""

# A refused sign-in leaves no trace in an account: these were admitted. Batch by batch: where the next
# begins, and of each connection the latest.
LAST_SIGN_INS = """
WITH looked AS (SELECT person, connection, signed_in_at FROM account
  WHERE organization_id = :organization_id AND person > :after AND person NOT LIKE '%/%'
  ORDER BY person LIMIT :batch)
SELECT (SELECT max(person) FROM looked), (SELECT count(*) FROM looked), connection, max(signed_in_at)
FROM looked GROUP BY connection
"""
