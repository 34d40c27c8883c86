"""Statements of ``messages``; as ``sql``."""

# With a place the oldest makes room; without one, nothing conflicts.
KEEP_MESSAGE = """
INSERT INTO kept_message (reference, recorded_at, organization_id, person, sealed, ring)
VALUES (:reference, :recorded_at, :organization_id, :person, :sealed, :ring)
ON CONFLICT (ring) DO UPDATE SET reference = excluded.reference, recorded_at = excluded.recorded_at,
  organization_id = excluded.organization_id, person = excluded.person, sealed = excluded.sealed
"""

TRIM_MESSAGES = """
DELETE FROM kept_message WHERE reference IN
  (SELECT reference FROM kept_message WHERE person = :person AND organization_id = :organization_id
   ORDER BY recorded_at DESC, reference LIMIT 1000 OFFSET :kept)
"""

FIND_MESSAGE = """
SELECT sealed FROM kept_message WHERE reference = :reference
"""

# Of whoever is erased, as their records: see ``erasure``.
DROP_MESSAGES = """
DELETE FROM kept_message WHERE organization_id = :organization_id AND person = :person
  AND recorded_at > :since AND recorded_at <= :until
"""

PURGE = """
DELETE FROM kept_message WHERE reference IN
  (SELECT reference FROM kept_message WHERE recorded_at <= :messages_before LIMIT :batch)
RETURNING 1
"""
