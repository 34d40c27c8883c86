"""Statements of ``record_pages`` and ``policies``; as ``sql``."""

_LISTED = """
SELECT reference, recorded_at, code, detail, connection, organization_id, size, digest, person, ''
FROM decision_record
WHERE {0}recorded_at >= :since AND recorded_at <= :at AND (recorded_at < :at OR reference < :reference)
ORDER BY recorded_at DESC, reference DESC LIMIT :batch
"""

# Without what is sealed: the page of a list opens none.
LIST_RECORDS = _LISTED.format("organization_id = :organization_id AND ")
LIST_EVERY_RECORD = _LISTED.format("")

# Of somebody alone: by the index of person and organization. Nothing is added to the organization's id,
# but that SQLite does not take the index that begins with it, and read all of its records.
LIST_RECORDS_OF = _LISTED.format(
    "person IN (SELECT value FROM json_each(:persons)) AND organization_id || '' = :organization_id AND "
)
LIST_EVERY_RECORD_OF = _LISTED.format("person IN (SELECT value FROM json_each(:persons)) AND ")

SIGNED_IN_AT = """
WITH looked AS (SELECT recorded_at, code, connection FROM decision_record
  WHERE organization_id = :organization_id AND recorded_at >= :since
  ORDER BY recorded_at DESC LIMIT :batch)
SELECT recorded_at FROM looked WHERE connection = :connection AND code = ''
ORDER BY recorded_at DESC LIMIT 1
"""

# Whose Subjects an address or a user's id names, as far as a list tells them.
PERSONS_OF_ADDRESS = """
SELECT person FROM account
WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%'
ORDER BY person LIMIT :batch
"""

PERSONS_OF_USER = """
SELECT person FROM account WHERE user_id = :user_id
  AND (organization_id = :organization_id OR :organization_id = '') AND person NOT LIKE '%/%'
ORDER BY person LIMIT :batch
"""

# Of these, the latest of its person at its connection.
LATEST_RECORDS = """
SELECT reference, recorded_at, code, detail, connection, organization_id, size, digest, person, sealed
FROM decision_record
WHERE reference IN (SELECT value FROM json_each(:references)) AND NOT EXISTS
  (SELECT 1 FROM decision_record AS later
   WHERE later.person = decision_record.person AND later.organization_id = decision_record.organization_id
     AND later.connection = decision_record.connection AND later.code = ''
     AND later.recorded_at >= decision_record.recorded_at
     AND (later.recorded_at > decision_record.recorded_at OR later.reference > decision_record.reference))
ORDER BY recorded_at DESC, reference DESC
"""

KEYS_OF_PERSONS = """
SELECT person, wrapped FROM person_key WHERE person IN (SELECT value FROM json_each(:persons))
ORDER BY created_at DESC, ring_key
"""

RECORDS_OF_PERSON = """
SELECT reference, recorded_at, code, detail, connection, organization_id, size, digest, person, sealed
FROM decision_record WHERE person = :person AND organization_id = :organization_id
ORDER BY recorded_at DESC, reference DESC LIMIT :batch
"""

ACCOUNT_OF_PERSON = """
SELECT user_id, joined, email, email_proven, given_name, family_name, display_name FROM account
WHERE organization_id = :organization_id AND person = :person
"""

POLICIES_IN_FORCE = """
SELECT connection, digest, policy, since FROM policy_in_force ORDER BY connection
"""

# One node is first; whoever compared with another one has compared with what is over.
KEEP_POLICY = """
INSERT INTO policy_in_force (connection, digest, policy, since)
VALUES (:connection, :digest, :policy, :now)
ON CONFLICT (connection) DO UPDATE SET digest = excluded.digest, policy = excluded.policy,
  since = excluded.since
WHERE policy_in_force.digest = :previous
RETURNING connection
"""

ARRAYS = (LATEST_RECORDS, KEYS_OF_PERSONS, LIST_RECORDS_OF, LIST_EVERY_RECORD_OF)
