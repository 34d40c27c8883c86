"""Between rows and what a directory provisions: ``provisioned``'s values, keys, locks.

Locks are taken in one order: those of names (a connection, a userName), the accounts of a user, the
user, a group, User resources by their ids. A sign-in takes them in that order too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from federation.provisioned import Kind, Reference, ScimGroup, ScimUser, Stale
from federation.rules.folding import fold
from federation.store import endings, provisioning_users_sql, rows, sql, standing
from federation.store.endings import Hashes
from federation.store.rows import Ask, Raced, Row, Steps, Together, micros, storable
from federation.store.values import KeptTokensOf

Resource = TypeVar("Resource", ScimUser, ScimGroup)


@dataclass(frozen=True, kw_only=True)
class Kept(Generic[Resource]):
    """A resource as a change left it, or as it was before it went; what the audit log asks of it."""

    resource: Resource
    changed: bool
    ended: Hashes = ()  # of sessions
    tokens: tuple[KeptTokensOf, ...] = ()  # that went with them

    @property
    def name(self) -> str:
        """Its id, which nobody knew before it was made."""
        return self.resource.id

    @property
    def user_id(self) -> str:
        """Whom it is about; "" for nobody."""
        return self.resource.user_id if isinstance(self.resource, ScimUser) else ""


def key(text: str) -> str:
    """Return a text as it is compared without its case."""
    return fold(storable(text))


def gates(connection: str, *, user_name: str = "") -> Together:
    """Return the locks of a change: nobody switches the connection off, nor removes a resource, meanwhile.

    Of two who want one userName the second waits for the first.
    """
    held = (endings.gate(connection), (sql.SHARE_NAME, {"gate": standing.gate("scim", connection)}))
    if not user_name:
        return held
    return (*held, (sql.LOCK_NAME, {"gate": standing.gate("scim name", connection, user_name)}))


def gates_alone(connection: str) -> Together:
    """Return the locks of who removes a resource, which somebody might be naming as a member."""
    return endings.gate(connection), (sql.LOCK_NAME, {"gate": standing.gate("scim", connection)})


def hold(user_id: str) -> Steps[None]:
    """Wait for every sign-in of this user, and let none begin.

    Raises:
        Raced: The user is gone, or has just come for the first time.
    """
    _, is_there = yield from endings.hold(user_id)
    if not is_there:
        raise Raced


def verify_version(version: int, expected: int | None) -> None:
    """Hold a resource's version against that which the client has seen, None for any.

    Raises:
        Stale: It is another one.
    """
    if expected is not None and version != expected:
        raise Stale(f"version {version}, not {expected}")


def mark_due(connection: str, users: Sequence[str], now: datetime) -> Steps[None]:
    """Have it decided anew what these User resources give."""
    if not users:
        return
    asked = {"connection": connection, "ids": json.dumps(users), "now": micros(now)}
    if len(users) > 1:
        yield provisioning_users_sql.LOCK_USERS, asked
    yield provisioning_users_sql.MARK_DUE, asked


def place(connection: str, identifier: str) -> dict[str, object]:
    """Return the columns that name a resource."""
    return {"connection": connection, "id": storable(identifier)}


def read(statement: str, connection: str, identifier: str) -> Ask:
    """Return the statement that reads one resource."""
    return statement, place(connection, identifier)


def user(row: Row, groups: Sequence[Row] = ()) -> ScimUser:
    """Read a row of ``provisioning_users_sql``; ``emails`` are in its body, as sent."""
    return ScimUser(
        id=row[0],
        user_id=row[1],
        user_name=row[2],
        external_id=row[3],
        display_name=row[4],
        email=row[5],
        active=bool(row[6]),
        body=json.loads(row[7]),
        version=row[8],
        refused=row[9],
        created_at=rows.moment(row[10]),
        changed_at=rows.moment(row[11]),
        groups=tuple(reference(one[0], "Group", one[1], one[2]) for one in groups),
    )


def group(row: Row) -> ScimGroup:
    """Read a row of ``provisioning_groups_sql``, without members."""
    return ScimGroup(
        id=row[0],
        display_name=row[1],
        external_id=row[2],
        body=json.loads(row[3]),
        size=row[4],
        version=row[5],
        created_at=rows.moment(row[6]),
        changed_at=rows.moment(row[7]),
    )


def reference(identifier: str, kind: Kind | Literal[""], display: str, external_id: str = "") -> Reference:
    """Return a reference of its columns."""
    return Reference(id=identifier, kind=kind, display=display, external_id=external_id)
