"""Group resources of a connection's directory, and who is directly in them.

A change names no more members than it changes, and touches no more rows; ``size`` is counted by the
rows that came and went. Whom a group gains or loses is due; where it is called otherwise from now on,
all who are in it are.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from federation.provisioned import Absent, Members, Reference, ScimGroup
from federation.store import provisioning_groups_sql, provisioning_spreading, provisioning_users_sql
from federation.store import provisioning_rows as kept
from federation.store.provisioning_rows import Kept
from federation.store.rows import Row, Steps, micros, new_id, storable

READ_AT_ONCE: Final = 1000  # members: who reads them lets others in between


def find(connection: str, identifier: str) -> Steps[ScimGroup | None]:
    """One read by primary key, without members."""
    found = yield kept.read(provisioning_groups_sql.FIND_SCIM_GROUP, connection, identifier)
    return kept.group(found[0]) if found else None


def members_on(connection: str, group: str, after: str) -> Steps[tuple[Reference, ...]]:
    """Read on in the order of ids; fewer than ``READ_AT_ONCE`` are the last."""
    asked = {**_of(connection, group), "after": after, "batch": READ_AT_ONCE}
    return tuple(map(_reference, (yield provisioning_groups_sql.FIND_MEMBERS_ON, asked)))


def members_of(connection: str, groups: Sequence[str]) -> Steps[Mapping[str, tuple[Reference, ...]]]:
    """Read who is in each of some small groups."""
    asked = {"connection": connection, "ids": json.dumps(groups)}
    told: defaultdict[str, list[Reference]] = defaultdict(list)
    for row in (yield provisioning_groups_sql.FIND_MEMBERS_OF_THESE, asked):
        told[row[0]].append(_reference(row))
    return {one: tuple(told[one]) for one in groups}


def add(connection: str, organization: str, group: ScimGroup, now: datetime) -> Steps[Kept[ScimGroup]]:
    """One INSERT, then its members."""
    columns = {**_columns(connection, group), "id": new_id(now), "now": micros(now)}
    yield kept.gates(connection)
    yield provisioning_groups_sql.ADD_SCIM_GROUP, {**columns, "organization_id": organization}
    members = tuple(one.id for one in group.members or ())
    came = yield from _join(connection, str(columns["id"]), members)
    (row,) = yield provisioning_groups_sql.CHANGE_SCIM_GROUP, {**columns, "more": len(came)}
    yield from _concern(connection, str(columns["id"]), (), came, now, everybody=0)
    return Kept(resource=kept.group(row), changed=True)


def change(
    connection: str,
    group: ScimGroup,
    members: Members | None,
    now: datetime,
    *,
    expected: int | None,
) -> Steps[Kept[ScimGroup]]:
    """One UPDATE, of a row that is locked; what is as it was stays of its version.

    Raises:
        Absent, Stale: Nothing is changed.
    """
    columns = _columns(connection, group)
    yield kept.gates(connection)
    row = yield from _lock(connection, group.id, expected)
    left, came = yield from _changed(connection, group.id, members or Members())
    if tuple(row[1:4]) == tuple(columns[name] for name in ("display_name", "external_id", "body")) and not (
        left or came
    ):
        return Kept(resource=kept.group(row), changed=False)
    more = len(came) - len(left)
    (changed,) = yield provisioning_groups_sql.CHANGE_SCIM_GROUP, {
        **columns, "more": more, "now": micros(now),
    }  # fmt: skip
    is_renamed = changed[1:3] != row[1:3]  # what rules call it
    yield from _concern(connection, group.id, left, came, now, everybody=changed[4] if is_renamed else 0)
    return Kept(resource=kept.group(changed), changed=True)


def remove(
    connection: str, identifier: str, now: datetime, *, expected: int | None
) -> Steps[Kept[ScimGroup]]:
    """With its places in other groups.

    Raises:
        Absent, Stale: Nothing is changed.
    """
    yield kept.gates_alone(connection)
    row = yield from _lock(connection, identifier, expected)
    place = {**kept.place(connection, identifier), "now": micros(now)}
    was_in = yield provisioning_users_sql.LEAVE_GROUPS, place
    yield provisioning_users_sql.SHRINK_GROUPS, {**place, "ids": json.dumps([one for (one,) in was_in])}
    yield provisioning_groups_sql.DROP_SCIM_GROUP, place
    if row[4] > provisioning_spreading.AT_ONCE:
        yield provisioning_spreading.note(connection, identifier, now)  # their rows go as they become due
    else:
        left = yield provisioning_groups_sql.LEAVE_BUT_THESE, {**_of(connection, identifier), "ids": "[]"}
        yield from kept.mark_due(connection, _users(left), now)
    return Kept(resource=kept.group(row), changed=True)


def _concern(
    connection: str, group: str, left: Sequence[Row], came: Sequence[Row], now: datetime, *, everybody: int
) -> Steps[None]:
    """Make due who left and who came, and all who are in it: ``everybody`` of them, or 0."""
    concerned = _users((*left, *came))
    if max(everybody, len(came)) > provisioning_spreading.AT_ONCE:
        yield provisioning_spreading.note(connection, group, now)
        concerned = _users(left)
    elif everybody:
        others = yield provisioning_groups_sql.USERS_OF_GROUP, _of(connection, group)
        concerned = sorted({*concerned, *(one for (one,) in others)})
    yield from kept.mark_due(connection, concerned, now)


def _lock(connection: str, identifier: str, expected: int | None) -> Steps[Row]:
    found = yield kept.read(provisioning_groups_sql.LOCK_SCIM_GROUP, connection, identifier)
    if not found:
        raise Absent
    kept.verify_version(found[0][5], expected)
    return found[0]


def _changed(connection: str, group: str, members: Members) -> Steps[tuple[Sequence[Row], Sequence[Row]]]:
    """Return who left and who came: of each id and kind."""
    left: Sequence[Row] = ()
    if members.every:
        but = {**_of(connection, group), "ids": json.dumps([storable(one) for one in members.add])}
        left = yield provisioning_groups_sql.LEAVE_BUT_THESE, but
    elif gone := [storable(one) for one in members.remove if one not in members.add]:
        left = yield provisioning_groups_sql.LEAVE_GROUP, {**_of(connection, group), "ids": json.dumps(gone)}
    return left, (yield from _join(connection, group, members.add))


def _join(connection: str, group: str, members: tuple[str, ...]) -> Steps[Sequence[Row]]:
    """Return who came; whom the connection has not is kept as named, and is nobody."""
    wanted = {storable(one) for one in members}
    if not wanted:
        return ()
    asked = {**_of(connection, group), "ids": json.dumps(sorted(wanted))}
    came = yield provisioning_groups_sql.JOIN_GROUP, asked
    if len(came) < len(wanted):
        there = {one for (one,) in (yield provisioning_groups_sql.AMONG_MEMBERS, asked)}
        if strangers := wanted - there - {one for one, _ in came}:
            named = {**asked, "ids": json.dumps(sorted(strangers))}
            came = [*came, *(yield provisioning_groups_sql.NAME_STRANGERS, named)]
    return came


def _users(told: Iterable[Row]) -> list[str]:
    return sorted(one for one, kind in told if kind == "User")


def _reference(row: Row) -> Reference:
    return kept.reference(row[1], row[2], row[3])


def _of(connection: str, group: str) -> dict[str, object]:
    return {"connection": connection, "group_id": storable(group)}


def _columns(connection: str, group: ScimGroup) -> dict[str, object]:
    return {
        **kept.place(connection, group.id),
        "display_name": storable(group.display_name),
        "display_key": kept.key(group.display_name),
        "external_id": storable(group.external_id),
        "body": json.dumps(dict(group.body)),
    }
