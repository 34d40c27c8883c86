"""The statements of ``provider_sessions``: under which names sessions are known there, what ended them."""

ADD_PROVIDER_SESSION = """
INSERT INTO provider_session (session_id, connection, organization_id, name_hash, index_hash, alone_hash,
  sealed)
VALUES (:session_id, :connection, :organization_id, :name_hash, :index_hash, :alone_hash, :sealed)
"""

FIND_PROVIDER_SESSION = """
SELECT provider_session.organization_id, provider_session.connection, provider_session.sealed
FROM session JOIN provider_session ON provider_session.session_id = session.id
WHERE session.token_hash = :token_hash
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

# Not IN: that would cost twice as much on SQLite.
FIND_LOGOUT = """
SELECT issued_at FROM provider_logout WHERE logout_hash = :name_hash AND kept_until > :now
UNION ALL
SELECT issued_at FROM provider_logout WHERE logout_hash = :index_hash AND kept_until > :now
"""

# Where its provider may name the session by itself.
FIND_LOGOUT_ALONE = (
    FIND_LOGOUT
    + """UNION ALL
SELECT issued_at FROM provider_logout WHERE logout_hash = :alone_hash AND kept_until > :now
"""
)

# Of two that name the same, the later of each moment counts.
REMEMBER_LOGOUT = """
INSERT INTO provider_logout (logout_hash, issued_at, kept_until)
VALUES (:logout_hash, :issued_at, :kept_until)
ON CONFLICT (logout_hash) DO UPDATE SET
  issued_at = CASE WHEN provider_logout.issued_at > excluded.issued_at
    THEN provider_logout.issued_at ELSE excluded.issued_at END,
  kept_until = CASE WHEN provider_logout.kept_until > excluded.kept_until
    THEN provider_logout.kept_until ELSE excluded.kept_until END
"""

_END_PROVIDER_SESSIONS = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE ended_at IS NULL AND idle_at > :now AND expires_at > :now AND id IN
  (SELECT session_id FROM provider_session
    WHERE name_hash = :name_hash{0} AND organization_id = :organization_id)
RETURNING token_hash
"""

END_PROVIDER_SESSIONS = _END_PROVIDER_SESSIONS.format("")

END_PROVIDER_SESSION = _END_PROVIDER_SESSIONS.format(" AND index_hash = :index_hash")

END_SESSION_ALONE = END_PROVIDER_SESSIONS.replace("name_hash = :name_hash", "alone_hash = :alone_hash")
