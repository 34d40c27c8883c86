"""Statements of sign-ins, sessions and records, once for both engines; those of others stand in ``*_sql``.

``:name`` is a parameter; SQLite reads it as it stands, ``postgres_words`` numbers it. Written out,
because compiling it at start would import SQLAlchemy (half a second of CPU in every worker):
``tests/test_store_database.py`` prepares each one against the schema of ``tables.py``, on both engines.
"""

from federation.store import (
    api_tokens_sql,
    audit_sql,
    messages_sql,
    provisioning_credentials_sql,
    setup_links_sql,
    trials_sql,
)

# Nobody is sent away by a connection that is switched off, but to try it.
REMEMBER_PENDING = """
INSERT INTO pending_sign_in (handle_hash, connection, binder_hash, expects, return_to, replaces,
  created_at, expires_at)
SELECT :handle_hash, :connection, :binder_hash, :expects, :return_to, :replaces, :created_at, :expires_at
WHERE :on_trial = 1
  OR NOT EXISTS (SELECT 1 FROM connection_state WHERE connection_state.connection = :connection)
RETURNING handle_hash
"""

# One statement decides the winner; upkeep deletes the used row when it expires.
TAKE_PENDING = """
UPDATE pending_sign_in SET used_at = :now
WHERE handle_hash = :handle_hash AND connection = :connection AND binder_hash = :binder_hash
  AND used_at IS NULL AND expires_at > :now
RETURNING expects, return_to, replaces, created_at, expires_at
"""

# Asked only by those who did not win, to say why.
FIND_PENDING = """
SELECT connection, binder_hash, used_at FROM pending_sign_in
WHERE handle_hash = :handle_hash AND expires_at > :now
"""

FIND_FINISHED = """
SELECT pending_sign_in.return_to
FROM pending_sign_in JOIN session ON session.id = pending_sign_in.session_id
WHERE pending_sign_in.handle_hash = :handle_hash AND pending_sign_in.expires_at > :now
  AND session.token_hash = :token_hash
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

CLAIM_ASSERTION = """
INSERT INTO claimed_assertion (claim_hash, kept_until) VALUES (:claim_hash, :kept_until)
ON CONFLICT (claim_hash) DO NOTHING
RETURNING claim_hash
"""

# Of one that is found here the purge wants nothing for days yet, whatever its clock says.
FIND_PERSON_KEY = """
SELECT wrapped FROM person_key
WHERE person = :person AND ring_key = :ring_key AND created_at > :young_since
"""

# The row changes, so that a purge which waits for it, or has looked already, looks again and leaves
# it; and where the purge was first, it is made anew.
KEEP_PERSON_KEY = """
INSERT INTO person_key (person, ring_key, wrapped, created_at)
VALUES (:person, :ring_key, :wrapped, :now)
ON CONFLICT (person, ring_key) DO UPDATE SET created_at = :now
RETURNING wrapped
"""

FIND_PERSON_KEYS = """
SELECT wrapped FROM person_key WHERE person = :person ORDER BY created_at DESC, ring_key
"""

ADD_SESSION = """
INSERT INTO session (token_hash, id, organization_id, user_id, connection, person, data, authenticated_at,
  created_at, expires_at, idle, idle_at, last_seen)
VALUES (:token_hash, :id, :organization_id, :user_id, :connection, :person, :data, :authenticated_at,
  :created_at, :expires_at, :idle, :idle_at, :created_at)
"""

# Whoever signs in all day from one program does not grow without bound.
END_OLD_SESSIONS = """
UPDATE session SET ended_at = :now, idle_at = :now WHERE token_hash IN
  (SELECT token_hash FROM session
   WHERE organization_id = :organization_id AND user_id = :user_id AND ended_at IS NULL
   ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET :kept)
"""

FINISH_PENDING = """
UPDATE pending_sign_in SET session_id = :session_id WHERE handle_hash = :handle_hash
"""

_SESSION = """
SELECT id, organization_id, connection, data, authenticated_at, created_at, expires_at, idle_at,
  idle, last_seen, ended_at
FROM session
"""

FIND_SESSION = f"{_SESSION} WHERE token_hash = :token_hash"

FIND_SESSIONS_OF = f"""{_SESSION}
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
ORDER BY created_at DESC, id DESC
"""

# ``seen_before`` is a minute ago: whoever else noted the use since then has done it.
TOUCH_SESSION = """
UPDATE session SET last_seen = :now, idle_at = :idle_at
WHERE token_hash = :token_hash AND ended_at IS NULL AND last_seen <= :seen_before
"""

# ``idle_at`` moves too: it alone tells upkeep what is over.
END_SESSION = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE token_hash = :token_hash AND ended_at IS NULL
"""

END_SESSION_BY_ID = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE id = :id AND user_id = :user_id AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

# ``postgres_words`` has these take the lock of a name: see ``provider_sessions``. Where there is one
# writer, there is nothing to lock.
SHARE_NAME = "SELECT :gate AS gate"
LOCK_NAME = "SELECT :gate"
# Only where the Subject has no account; the row tells that it was taken.
LOCK_NAME_OF_NEW = """
SELECT :gate WHERE NOT EXISTS
  (SELECT 1 FROM account WHERE organization_id = :organization_id AND person = :person)
"""

NEXT_PLACE = """
INSERT INTO ring (name, place) VALUES (:name, 0)
ON CONFLICT (name) DO UPDATE SET place = (ring.place + 1) % :size
RETURNING place
"""

# With a place the oldest record of the ring makes room; without one, nothing conflicts.
KEEP_RECORD = """
INSERT INTO decision_record (reference, recorded_at, code, detail, connection, organization_id,
  size, digest, person, sealed, ring)
VALUES (:reference, :recorded_at, :code, :detail, :connection, :organization_id,
  :size, :digest, :person, :sealed, :ring)
ON CONFLICT (ring) DO UPDATE SET reference = excluded.reference, recorded_at = excluded.recorded_at,
  code = excluded.code, detail = excluded.detail, connection = excluded.connection,
  organization_id = excluded.organization_id, size = excluded.size, digest = excluded.digest,
  person = excluded.person, sealed = excluded.sealed
"""

# Of one person the latest are kept; what is over goes with the record that makes it so.
TRIM_RECORDS = """
DELETE FROM decision_record WHERE reference IN
  (SELECT reference FROM decision_record WHERE person = :person AND organization_id = :organization_id
   ORDER BY recorded_at DESC, reference LIMIT 1000 OFFSET :kept)
"""

FIND_RECORD = """
SELECT reference, recorded_at, code, detail, connection, organization_id, size, digest, person, sealed
FROM decision_record WHERE reference = :reference
"""

TAKE_LEASE = """
INSERT INTO lease (job, holder, held_until) VALUES (:job, :holder, :held_until)
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE lease.holder = excluded.holder OR lease.held_until <= :now
RETURNING job
"""

# What is over, kind by kind; a batch at a time, so that no sign-in waits long behind it.
PURGE = (
    """
DELETE FROM pending_sign_in WHERE handle_hash IN
  (SELECT handle_hash FROM pending_sign_in WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM claimed_assertion WHERE claim_hash IN
  (SELECT claim_hash FROM claimed_assertion WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM local_attempts WHERE address_hash IN
  (SELECT address_hash FROM local_attempts WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM provider_logout WHERE logout_hash IN
  (SELECT logout_hash FROM provider_logout WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    # and its provider_session with it
    """
DELETE FROM session WHERE token_hash IN
  (SELECT token_hash FROM session WHERE idle_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM invitation WHERE id IN (SELECT id FROM invitation WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM join_request WHERE token_hash IN
  (SELECT token_hash FROM join_request WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    trials_sql.PURGE_TRIALS,
    """
DELETE FROM decision_record WHERE reference IN
  (SELECT reference FROM decision_record WHERE recorded_at <= :records_before LIMIT :batch)
RETURNING 1
""",
    messages_sql.PURGE,
    api_tokens_sql.PURGE,
    setup_links_sql.PURGE,
    provisioning_credentials_sql.PURGE_CREDENTIALS,
    audit_sql.PURGE_AUDIT,
    # A key is made, or made young again, with a record: only an old one without any is over.
    """
DELETE FROM person_key WHERE created_at <= :keys_before AND person IN
  (SELECT person FROM person_key WHERE created_at <= :keys_before AND NOT EXISTS
     (SELECT 1 FROM decision_record WHERE decision_record.person = person_key.person) LIMIT :batch)
RETURNING 1
""",
)

FIND_VERSION = """
SELECT version_num FROM alembic_version
"""
