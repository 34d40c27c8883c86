"""Every statement about the tokens that a session keeps, once for both engines; see ``sql``."""

_LIVE = "session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now"
_ITS_SESSION_LIVES = f"EXISTS (SELECT 1 FROM session WHERE session.id = kept_token.session_id AND {_LIVE})"  # noqa: S608  of parts that stand here

ADD_TOKENS = """
INSERT INTO kept_token (session_id, organization_id, connection, person, sealed, renew_at, version,
  taken_by, taken_until)
VALUES (:session_id, :organization_id, :connection, :person, :sealed, :renew_at, 0, '', 0)
"""

_TOKENS = """
SELECT session.id, session.token_hash, kept_token.organization_id, kept_token.connection,
  kept_token.person, kept_token.sealed, kept_token.renew_at, kept_token.version, kept_token.taken_by,
  kept_token.taken_until
"""

FIND_TOKENS = f"""{_TOKENS}
FROM session JOIN kept_token ON kept_token.session_id = session.id
WHERE session.token_hash = :token_hash AND {_LIVE}
"""

FIND_DUE_TOKENS = f"""{_TOKENS}
FROM kept_token JOIN session ON session.id = kept_token.session_id
WHERE kept_token.connection = :connection AND kept_token.organization_id = :organization_id
  AND kept_token.renew_at <= :now
  AND kept_token.taken_until <= :now AND {_LIVE}
ORDER BY kept_token.renew_at LIMIT :batch
"""

# One statement decides who renews them; of what was read, nothing has changed meanwhile.
TAKE_TOKENS = f"""
UPDATE kept_token SET taken_by = :holder, taken_until = :until
WHERE session_id = :session_id AND version = :version AND taken_by = :before AND taken_until <= :now
  AND {_ITS_SESSION_LIVES}
RETURNING version
"""  # noqa: S608  of parts that stand here

KEEP_RENEWED_TOKENS = f"""
UPDATE kept_token SET sealed = :sealed, renew_at = :renew_at, version = version + 1,
  taken_by = '', taken_until = 0
WHERE session_id = :session_id AND taken_by = :holder AND {_ITS_SESSION_LIVES}
RETURNING version
"""  # noqa: S608  of parts that stand here

PUT_OFF_TOKENS = """
UPDATE kept_token SET renew_at = :renew_at, taken_by = '', taken_until = :until
WHERE session_id = :session_id AND taken_by = :holder
"""

# By whoever was refused, and only while nobody else has renewed them.
END_REFUSED_SESSION = f"""
UPDATE session SET ended_at = :now, idle_at = :now
WHERE id = :session_id AND {_LIVE} AND EXISTS
  (SELECT 1 FROM kept_token WHERE kept_token.session_id = session.id AND kept_token.taken_by = :holder)
RETURNING token_hash
"""  # noqa: S608  of parts that stand here
