"""The statements of ``trials``; expressions that both engines take."""

# A connection of the store that this worker does not know yet as it is there is tried as nobody's state.
OPEN_TRIAL = """
INSERT INTO trial (id, organization_id, connection, number, started_by, started_at, expires_at, code, sealed)
VALUES (:id, :organization_id, :connection,
  COALESCE((SELECT number FROM kept_connection WHERE id = :connection AND number <= :in_force), 0),
  :started_by, :started_at, :expires_at, '', '')
RETURNING id
"""

END_TRIAL = """
UPDATE trial SET ended_at = :now, code = :code, sealed = :sealed
WHERE id = :id AND ended_at IS NULL AND expires_at > :now
RETURNING number
"""

NOTE_TRIED = """
UPDATE kept_connection SET tested_at = :now
WHERE id = :connection AND number = :number AND number <= :in_force
RETURNING id
"""

_COLUMNS = "id, organization_id, connection, number, started_by, started_at, expires_at, ended_at, code"

FIND_TRIAL = f"""
SELECT {_COLUMNS}, sealed FROM trial WHERE id = :id AND expires_at > :now
"""  # noqa: S608  our own words

FIND_TRIALS = f"""
SELECT {_COLUMNS}, sealed FROM trial
WHERE id IN (SELECT value FROM json_each(:ids)) AND expires_at > :now
"""  # noqa: S608  likewise

LIST_TRIALS = f"""
SELECT {_COLUMNS}, '' FROM trial
WHERE connection = :connection AND expires_at > :now
  AND (started_at < :before OR (started_at = :before AND id < :before_id))
ORDER BY started_at DESC, id DESC LIMIT :batch
"""  # noqa: S608  likewise

PURGE_TRIALS = """
DELETE FROM trial WHERE id IN (SELECT id FROM trial WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
"""

# Of a Subject that is known here, with the ids that tell a person from another of the same name.
FIND_ACCOUNT = """
SELECT user_id, stable_ids, joined, email, email_proven, given_name, family_name, display_name FROM account
WHERE organization_id = :organization_id AND person = :person
"""

ARRAYS = (FIND_TRIALS,)
