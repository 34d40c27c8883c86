"""Statements about one's own account, once for both engines; see ``sql``."""

from federation.store import endings_sql

FIND_WAYS = """
SELECT person, connection, email, created_at, signed_in_at FROM account
WHERE organization_id = :organization_id AND user_id = :user_id AND person NOT LIKE '%/%'
ORDER BY signed_in_at DESC, person
"""

FIND_OWNER = """
SELECT user_id FROM account WHERE organization_id = :organization_id AND person = :person
"""

FIND_TEAMS_OF = """
SELECT team_membership.team_key, coalesce(team.name, ''), team_membership.source, team_membership.why
FROM team_membership LEFT JOIN team ON team.organization_id = team_membership.organization_id
  AND team.key = team_membership.team_key
WHERE team_membership.organization_id = :organization_id AND team_membership.user_id = :user_id
ORDER BY team_membership.team_key, team_membership.source
"""

FIND_LIVE_SESSIONS = """
SELECT id, data, created_at, last_seen FROM session
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
ORDER BY created_at DESC, id DESC
"""

END_OTHERS = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE organization_id = :organization_id AND user_id = :user_id AND id <> :id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

# Of no Subject any more: a person is 64 hexadecimal digits and nothing behind them.
PART = """
UPDATE account SET person = :detached, released_at = :now
WHERE organization_id = :organization_id AND person = :person AND user_id = :user_id
"""

# One that was opened before 0004 does not know its account.
_BY = """organization_id = :organization_id AND user_id = :user_id AND connection = :connection
  AND (person = :person OR person IS NULL)"""

END_SESSIONS_BY = f"""
UPDATE session SET ended_at = :now, idle_at = :now
WHERE {_BY} AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""  # noqa: S608  of parts that stand here

FIND_TOKENS_BY = endings_sql.kept_tokens(f"kept_token.session_id IN (SELECT id FROM session WHERE {_BY})")  # noqa: S608  of parts that stand here

DROP_TOKENS_BY = f"""
DELETE FROM kept_token WHERE session_id IN (SELECT id FROM session WHERE {_BY})
"""  # noqa: S608  of parts that stand here
