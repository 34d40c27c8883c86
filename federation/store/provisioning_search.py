"""Searches: a condition as SQL, every value a parameter, and a page of what it finds.

Columns that are compared without their case are kept folded, so that a text is looked up by an
index as it stands; what begins with one is a range of the index. What a page needs beside its rows
is read for all of them at once.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from federation.provisioned import (
    Column,
    Compare,
    Condition,
    Every,
    Not,
    Page,
    ScimUser,
    Search,
    Some,
)
from federation.store import provisioning_groups_sql, provisioning_users_sql
from federation.store import provisioning_rows as kept
from federation.store.rows import Row, Steps, storable

_LAST: Final = "\U0010ffff"  # behind whatever a text goes on with
_UNITED: Final = 50  # conditions; SQLite unites 500 at most
_NEVER: Final = "1 = 0"
_ALWAYS: Final = "1 = 1"
_ORDERS: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=", "ne": "<>"}
_ID: Final = "id"
_TEXTS: Final[dict[str, dict[Column, str]]] = {
    "User": {
        "id": _ID,
        "userName": "user_name_key",
        "externalId": "external_id",
        "displayName": "display_key",
    },
    "Group": {"id": _ID, "externalId": "external_id", "displayName": "display_key"},
}
# What a resource has several of: its id among the rows of another table.
_SEVERAL: Final[dict[str, dict[Column, tuple[str, str, str]]]] = {
    "User": {
        "emails": ("resource_id", "scim_email", "email_key"),
        "groups": ("member_id", "scim_member", "group_id"),
    },
    "Group": {"members": ("group_id", "scim_member", "member_id")},
}
_NUMBERS: Final[dict[Column, str]] = {"created": "created_at", "changed": "changed_at"}
_FOLDED: Final = frozenset({"userName", "displayName", "emails"})
_TABLES: Final = {
    "User": ("scim_user", provisioning_users_sql.COLUMNS),
    "Group": ("scim_group", provisioning_groups_sql.COLUMNS),
}
_SORTED: Final = {
    "userName": "user_name_key",
    "displayName": "display_key",
    "externalId": "external_id",
    "changed": "changed_at",
}  # else by id: those are of the time when they were made


class _Values:
    """The values of a statement, each under a name of its own."""

    def __init__(self, connection: str) -> None:
        self.named: dict[str, object] = {"connection": connection}

    def bind(self, value: object) -> str:
        """Return the parameter that stands for a value."""
        number, letters = len(self.named), ""
        while number:
            number, place = divmod(number, 26)
            letters += chr(ord("a") + place)
        self.named[f"v_{letters}"] = value
        return f":v_{letters}"


def page(connection: str, search: Search) -> Steps[Page]:
    """Read one page, without the members of groups: see ``provisioning_twin``."""
    values = _Values(connection)
    table, columns = _TABLES[search.kind]
    where = f"connection = :connection AND {_where(search, values)}"
    total = None
    if search.total or search.count <= 0:
        counting = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608  values are parameters
        ((number,),) = yield counting, values.named
        total = int(number)
    if search.count <= 0:
        return Page(found=(), total=total, more=bool(total))
    statement = _reading(search, f"SELECT {columns} FROM {table} WHERE {where}", values)  # noqa: S608  likewise
    found = list((yield statement, values.named))
    more = len(found) > search.count
    found = found[: search.count]
    if search.backwards:
        found.reverse()
    if search.kind == "Group":
        return Page(found=tuple(map(kept.group, found)), total=total, more=more)
    return Page(found=(yield from _users(connection, found)), total=total, more=more)


def _users(connection: str, found: Sequence[Row]) -> Steps[tuple[ScimUser, ...]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    if found:
        asked = {"connection": connection, "ids": json.dumps([row[0] for row in found])}
        for one in (yield provisioning_users_sql.FIND_GROUPS_OF_THESE, asked):
            groups[one[3]].append(one)
    return tuple(kept.user(row, groups[row[0]]) for row in found)


def _where(search: Search, values: _Values) -> str:
    return _ALWAYS if search.where is None else _condition(search.kind, search.where, values)


def _reading(search: Search, statement: str, values: _Values) -> str:
    down = search.descending is not search.backwards
    beyond, direction = ("<", "DESC") if down else (">", "ASC")
    column = _SORTED.get(search.order, _ID)
    if search.after is not None:
        value, identifier = search.after
        if column == _ID:
            statement += f" AND id {beyond} {values.bind(storable(identifier))}"
        else:
            told = int(value) if search.order == "changed" else _value(search.order, str(value))
            statement += f" AND ({column}, id) {beyond} ({values.bind(told)}, {values.bind(identifier)})"
    order = f"id {direction}" if column == _ID else f"{column} {direction}, id {direction}"
    limit = f"LIMIT {values.bind(search.count + 1)} OFFSET {values.bind(max(search.skip, 0))}"
    return f"{statement} ORDER BY {order} {limit}"


def _condition(kind: str, condition: Condition, values: _Values) -> str:
    match condition:
        case Every(of=several):
            return _joined(kind, several, "AND", values) or _ALWAYS
        case Some(of=several):
            return _some(kind, several, values)
        case Not(of=one):
            return f"NOT ({_condition(kind, one, values)})"
        case Compare():
            return _compare(kind, condition, values)


def _some(kind: str, several: tuple[Condition, ...], values: _Values) -> str:
    """Return them as found each by its own index: SQLite would read all of the connection for an OR."""
    if not 1 < len(several) <= _UNITED:
        return _joined(kind, several, "OR", values) or _NEVER
    table, _ = _TABLES[kind]
    arms = (
        f"SELECT id FROM {table} WHERE connection = :connection AND ({_condition(kind, one, values)})"  # noqa: S608  ours
        for one in several
    )
    return f"id IN ({' UNION ALL '.join(arms)})"


def _joined(kind: str, several: tuple[Condition, ...], word: str, values: _Values) -> str:
    return f" {word} ".join(f"({_condition(kind, one, values)})" for one in several)


def _compare(kind: str, asked: Compare, values: _Values) -> str:
    """Return one comparison; of what a resource has not, or with a value of another type, never so."""
    if column := _TEXTS[kind].get(asked.column):
        return _text(column, asked, values)
    if several := _SEVERAL[kind].get(asked.column):
        own, table, column = several
        one = _text(column, asked, values)
        return f"id IN (SELECT {own} FROM {table} WHERE connection = :connection AND {one})"  # noqa: S608  ours
    if column := _NUMBERS.get(asked.column):
        return _number(column, asked, values)
    if asked.column == "active" and kind == "User":
        return _active(asked, values)
    return _NEVER


def _text(column: str, asked: Compare, values: _Values) -> str:
    if asked.operator == "pr":
        return f"{column} <> ''"
    if not isinstance(asked.value, str):
        return _NEVER
    told = _value(asked.column, asked.value)
    if order := _ORDERS.get(asked.operator):
        return f"{column} {order} {values.bind(told)}"
    if not told:
        return f"{column} <> ''"
    if asked.operator == "sw":
        return f"{column} >= {values.bind(told)} AND {column} < {values.bind(told + _LAST)}"
    if asked.operator == "co":  # no pattern: no character of the text means another
        return f"replace({column}, {values.bind(told)}, '') <> {column}"
    return f"substr({column}, length({column}) - {len(told) - 1}) = {values.bind(told)}"


def _number(column: str, asked: Compare, values: _Values) -> str:
    if asked.operator == "pr":
        return _ALWAYS
    order = _ORDERS.get(asked.operator)
    if order is None or not isinstance(asked.value, int) or isinstance(asked.value, bool):
        return _NEVER
    return f"{column} {order} {values.bind(asked.value)}"


def _active(asked: Compare, values: _Values) -> str:
    if asked.operator == "pr":
        return _ALWAYS
    if asked.operator not in ("eq", "ne") or not isinstance(asked.value, bool):
        return _NEVER
    return f"active {_ORDERS[asked.operator]} {values.bind(int(asked.value))}"


def _value(column: str, value: str) -> str:
    return kept.key(value) if column in _FOLDED else storable(value)
