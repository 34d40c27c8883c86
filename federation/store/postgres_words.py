"""Statements in PostgreSQL's own words: numbered parameters, locks, arrays, several as one."""

import re
from functools import cache, lru_cache

from federation.store import (
    accounts_sql,
    administrators_sql,
    directory_sql,
    endings_sql,
    entry_sql,
    erasure_sql,
    people_sql,
    provisioning_clearing_sql,
    provisioning_groups_sql,
    provisioning_settling_sql,
    provisioning_spreading_sql,
    provisioning_users_sql,
    records_sql,
    rereads_sql,
    sql,
    standing_sql,
    trials_sql,
)

# Locks, held to the end of the transaction: see ``provider_sessions``.
GATES = {
    sql.SHARE_NAME: "SELECT pg_advisory_xact_lock_shared(:gate)",
    sql.LOCK_NAME: "SELECT pg_advisory_xact_lock(:gate)",
    sql.LOCK_NAME_OF_NEW: sql.LOCK_NAME_OF_NEW.replace(":gate", "pg_advisory_xact_lock(:gate)", 1),
    endings_sql.LOCK_USER: f"{endings_sql.LOCK_USER} FOR UPDATE",
}
# Two accounts may be one user's, and what stands is the user's: who locked one account waits here for
# whoever locked another, and reads what that one left. Within the statement, so that it costs no round trip.
_USERS = {
    statement: statement.replace(
        "RETURNING user_id",
        "RETURNING (SELECT user_id FROM pg_advisory_xact_lock(hashtextextended(user_id, 0))) AS user_id",
    )
    for statement in (accounts_sql.UPDATE_ACCOUNT, accounts_sql.ADD_ACCOUNT, rereads_sql.LOCK_ACCOUNT)
}
# In force for one transaction, and asked within its only statement, so that it costs no round trip.
_UNFLUSHED = "set_config('synchronous_commit', 'off', true)"
_NOTES = {
    sql.REMEMBER_PENDING: f"{sql.REMEMBER_PENDING}, {_UNFLUSHED}",
    sql.TAKE_PENDING: f"{sql.TAKE_PENDING}, {_UNFLUSHED}",
    sql.TOUCH_SESSION: f"{sql.TOUCH_SESSION} RETURNING {_UNFLUSHED}",  # lost, it is idle a little earlier
}


def _array(statement: str) -> str:
    """Return it with our words for an array of texts as rows: each engine has its own."""
    return re.sub(
        r"SELECT value FROM json_each\((:[a-z]+)\)",
        r"SELECT json_array_elements_text(CAST(\1 AS json))",
        statement,
    )


_ARRAYS = {
    statement: _array(statement)
    for statement in (
        standing_sql.FIND_TEAMS,
        standing_sql.OTHER_ADMINISTRATORS,
        people_sql.FIND_TEAMS_NAMED,
        *records_sql.ARRAYS,
        *administrators_sql.ARRAYS,
        endings_sql.COUNT_ADMINISTRATORS,
        *directory_sql.ARRAYS,
        *erasure_sql.ARRAYS,
        *provisioning_clearing_sql.ARRAYS,
        *provisioning_groups_sql.ARRAYS,
        *provisioning_settling_sql.ARRAYS,
        *provisioning_users_sql.ARRAYS,
        *trials_sql.ARRAYS,
        entry_sql.LOOK_AT_ACCOUNTS,
        entry_sql.LOOK_AT_GRANTS,
        entry_sql.LOOK_AT_SESSIONS,
        entry_sql.DESCRIBE_LOCKED_OUT,
        entry_sql.PROOFS_OF,
    )
}
_LOCKED = {
    statement: f"{_array(statement)} FOR UPDATE"
    for statement in (
        *provisioning_groups_sql.LOCKED,
        *provisioning_spreading_sql.LOCKED,
        *provisioning_users_sql.LOCKED,
    )
}
_OWN_WORDS = (GATES, _USERS, _NOTES, _LOCKED, _ARRAYS)


@lru_cache(maxsize=4096)  # all that we have, and what searches are made of
def numbered(statement: str, *, above: int = 0) -> tuple[str, tuple[str, ...]]:
    """Return a statement of ``sql`` with ``$1``, ``$2`` for its names, and the names in that order.

    Args:
        statement: As it stands there.
        above: How many numbers are taken already.
    """
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], above + len(names) + 1)}"

    text = next((told[statement] for told in _OWN_WORDS if statement in told), statement)
    return re.sub(r":([a-z_]+)", number, text), tuple(names)


@cache
def numbered_together(statements: tuple[str, ...]) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Return several statements as one, numbered through, and the names of each: one round trip.

    Each stands in the WITH of a query whose only row has a column for each: an array of its rows,
    empty for one that has none to return. PostgreSQL does those that return rows in the order of
    the columns, then the others in theirs; but only locks depend on it, and only on which of two
    sign-ins waits.
    """
    parts: list[str] = []
    columns: list[str] = []
    named: list[tuple[str, ...]] = []
    for at, statement in enumerate(statements):
        text, names = numbered(statement, above=sum(map(len, named)))
        returns = "RETURNING" in text or text.lstrip().startswith(("SELECT", "WITH"))
        parts.append(f"part{at} AS ({text})")
        rows_of = f"ARRAY(SELECT part{at} FROM part{at})"  # noqa: S608  a number of ours
        columns.append(rows_of if returns else "'{}'::text[]")
        named.append(names)
    return f"WITH {', '.join(parts)} SELECT {', '.join(columns)}", tuple(named)
