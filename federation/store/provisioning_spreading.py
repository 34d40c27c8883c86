"""Spreading: what concerns thousands of people is noted as one row, and makes them due some at a time.

A group is called otherwise, or has gone; a policy is another one. Whoever asked has their answer, no
transaction holds thousands of rows, and a process that ends in between leaves the rest to another.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.store import provisioning_rows as kept
from federation.store import provisioning_spreading_sql
from federation.store.rows import Ask, Steps, micros

AT_ONCE: Final = 200  # people who become due with the change itself
_EVERYBODY: Final = ""  # see ``SPREAD_TO_EVERYBODY``


@dataclass(frozen=True, slots=True)
class Left:
    """What there is to be decided of, and by which policy."""

    any: bool
    policy: str  # digest of the connection's that was noted last; "" for none


def note(connection: str, group: str, now: datetime) -> Ask:
    """Return the statement that has everybody in a group made due."""
    told = {"connection": connection, "group_id": group, "now": micros(now)}
    return provisioning_spreading_sql.SPREAD, told


def left(connection: str) -> Steps[Left]:
    """One read."""
    ((is_any, policy),) = yield provisioning_spreading_sql.FIND_LEFT, {"connection": connection}
    return Left(bool(is_any), str(policy))


def go_on(connection: str, batch: int, now: datetime) -> Steps[bool]:
    """Make some due; one caller at a time. Return whether there may be more."""
    asked: dict[str, object] = {"connection": connection, "batch": batch}
    yield kept.gates(connection)
    found = yield provisioning_spreading_sql.LOCK_SPREAD, asked
    if not found:
        return False
    group, behind = found[0]
    asked |= {"group_id": group, "behind": behind}
    if group == _EVERYBODY:
        some = yield provisioning_spreading_sql.EVERYBODY_BEHIND, asked
    else:
        some = yield provisioning_spreading_sql.MEMBERS_BEHIND, asked
    yield from kept.mark_due(connection, [one for one, kind in some if kind == "User"], now)
    if some:
        asked["last"] = some[-1][0]
        if group != _EVERYBODY:
            yield provisioning_spreading_sql.FORGET_MEMBERS, asked
    if len(some) < batch:
        yield provisioning_spreading_sql.END_SPREAD, asked
    else:
        yield provisioning_spreading_sql.MOVE_SPREAD, asked
    return True
