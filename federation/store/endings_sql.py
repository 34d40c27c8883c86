"""Every statement that ends or gives back access, once for both engines; see ``sql``."""

# Whoever signs in holds their account until the session is there to be ended. Each is set to what it is.
LOCK_ACCOUNTS_OF = """
UPDATE account SET released_at = released_at WHERE user_id = :user_id RETURNING organization_id
"""

FIND_ACCOUNTS_OF = """
SELECT organization_id FROM account WHERE user_id = :user_id
"""

# Whoever makes an account for this user waits, or is waited for: ``postgres`` locks the row.
LOCK_USER = """
SELECT id FROM "user" WHERE id = :user_id
"""

DEACTIVATE = """
INSERT INTO deactivation (user_id, organization_id, source, deactivated_at)
VALUES (:user_id, :organization_id, :source, :now)
ON CONFLICT (user_id, organization_id, source) DO NOTHING
RETURNING source
"""

REACTIVATE = """
DELETE FROM deactivation
WHERE user_id = :user_id AND organization_id = :organization_id AND source = :source
RETURNING source
"""

# Of one organization what keeps them out of it, of "" what keeps them out of every one.
FIND_DEACTIVATIONS = """
SELECT organization_id, source FROM deactivation
WHERE user_id = :user_id AND organization_id IN (:organization_id, '') ORDER BY organization_id, source
"""

DROP_MEMBERSHIP = """
DELETE FROM membership WHERE organization_id = :organization_id AND user_id = :user_id
  AND (source = :source OR :source = '')
RETURNING source
"""

DROP_GRANTS_OF = """
DELETE FROM role_grant WHERE organization_id = :organization_id AND user_id = :user_id
  AND (source = :source OR :source = '')
RETURNING role
"""

LEAVE_TEAMS_OF = """
DELETE FROM team_membership WHERE organization_id = :organization_id AND user_id = :user_id
  AND (source = :source OR :source = '')
RETURNING team_key
"""

SWITCH_OFF = """
INSERT INTO connection_state (connection, disabled_at) VALUES (:connection, :now)
ON CONFLICT (connection) DO NOTHING
RETURNING connection
"""

# Of those who administer: how many there are, and how many have an account by which they come in.
COUNT_ADMINISTRATORS = """
SELECT count(*), coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM account
    WHERE account.user_id = held.user_id AND account.organization_id = :organization_id
      AND account.person NOT LIKE '%/%' AND account.connection IN (SELECT value FROM json_each(:ways))
      AND account.connection NOT IN (SELECT connection FROM connection_state)) THEN 1 ELSE 0 END), 0)
FROM (
  SELECT user_id FROM role_grant
  WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles))
    AND source NOT IN (SELECT source FROM departing)
  UNION
  SELECT user_id FROM team_membership WHERE organization_id = :organization_id
    AND source NOT IN (SELECT source FROM departing)
    AND (team_key IN (SELECT value FROM json_each(:teams)) OR team_key IN (
      SELECT team_key FROM team_role
      WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles))))
) AS held
WHERE EXISTS (SELECT 1 FROM membership WHERE membership.organization_id = :organization_id
    AND membership.user_id = held.user_id
    AND membership.source NOT IN (SELECT source FROM departing))
  AND NOT EXISTS (SELECT 1 FROM deactivation WHERE deactivation.user_id = held.user_id
    AND deactivation.organization_id IN (:organization_id, ''))
"""

SWITCH_ON = """
DELETE FROM connection_state WHERE connection = :connection RETURNING connection
"""

FIND_SWITCHED_OFF = """
SELECT connection, disabled_at FROM connection_state ORDER BY connection
"""

END_SESSIONS_THROUGH = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE connection = :connection AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

# Of one account, those that this connection opened: what it said of them is no longer so. One that
# was opened before 0004 does not know its account.
END_SESSIONS_OF_THROUGH = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE organization_id = :organization_id AND connection = :connection
  AND user_id IN (SELECT user_id FROM account WHERE organization_id = :organization_id AND person = :person)
  AND (session.person = :person OR session.person IS NULL)
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

COUNT_SESSIONS = """
SELECT connection, count(*) FROM session
WHERE ended_at IS NULL AND idle_at > :now AND expires_at > :now GROUP BY connection
"""


def kept_tokens(where: str) -> str:
    """Return the statement that finds some kept tokens with their session, as ``tokens.kept`` reads them."""
    return f"""
SELECT session.id, session.token_hash, kept_token.organization_id, kept_token.connection,
  kept_token.person, kept_token.sealed, kept_token.renew_at, kept_token.version, kept_token.taken_by,
  kept_token.taken_until
FROM kept_token JOIN session ON session.id = kept_token.session_id
WHERE {where}
"""  # noqa: S608  our own words


FIND_TOKENS_OF_USER = kept_tokens("""
  session.organization_id = :organization_id AND session.user_id = :user_id
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
""")

DROP_TOKENS_OF_USER = """
DELETE FROM kept_token WHERE session_id IN
  (SELECT id FROM session WHERE organization_id = :organization_id AND user_id = :user_id)
"""

DROP_TOKENS_THROUGH = """
DELETE FROM kept_token WHERE connection = :connection
"""

FIND_USERS_AT = """
SELECT DISTINCT account.organization_id, account.user_id, account.email FROM account
WHERE account.email_key = :email_key AND account.person NOT LIKE '%/%'
  AND (account.organization_id = :organization_id OR :organization_id = '')
ORDER BY account.organization_id, account.user_id
"""

FIND_USER = """
SELECT DISTINCT organization_id, user_id, email FROM account
WHERE user_id = :user_id AND (organization_id = :organization_id OR :organization_id = '')
ORDER BY organization_id
"""
