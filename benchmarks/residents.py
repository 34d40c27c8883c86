"""A large directory's rows, decided of already, as columns of each table: for ``scim.py`` and its tests."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
from crowd import Rows, identifier

EVERYBODY = identifier(0x13, 1)  # the group that all are in
_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, kw_only=True)
class Directory:
    """How much of it; of user ``n`` every name holds its number."""

    now: datetime
    connection: str = "entra"
    organization: str = "acme"
    first: int = 0  # the number of the first
    users: int = 10_000
    members: int = 10_000  # of the group, the first so many
    groups: int = 200  # others, of ten each

    @property
    def source(self) -> str:
        """Who gave them what they have."""
        return f"scim:{self.connection}"

    @property
    def at(self) -> int:
        """Microseconds since 1970."""
        return int(self.now.timestamp()) * _SECOND


def user(number: int) -> str:
    """Return the id of a User resource."""
    return identifier(0x12, number)


def owner(number: int) -> str:
    """Return the id of the user whose it is."""
    return identifier(0x11, number)


def address(number: int) -> str:
    """Return their userName and address."""
    return f"user{number:06}@acme.example"


def tables(told: Directory) -> Iterator[tuple[str, str, Rows]]:
    """Yield each table, its columns, and its rows."""
    numbers = range(told.first, told.first + told.users)
    place, source = told.organization, told.source
    yield "user", "id created_at", ((owner(n), told.at) for n in numbers)
    yield (
        "provisioned_user",
        "organization_id user_id source connection email email_key created_at",
        ((place, owner(n), source, told.connection, address(n), address(n), told.at) for n in numbers),
    )
    yield (
        "membership",
        "organization_id user_id source created_at",
        ((place, owner(n), source, told.at) for n in numbers),
    )
    yield (
        "role_grant",
        "organization_id user_id source role why granted_at",
        ((place, owner(n), source, "member", "everybody", told.at) for n in numbers if n < told.members),
    )
    yield "scim_user", _USER, _users(told, numbers)
    yield (
        "scim_email",
        "connection email_key resource_id",
        ((told.connection, address(n), user(n)) for n in numbers),
    )
    yield "scim_group", _GROUP, _groups(told)
    yield "scim_member", "connection group_id member_id kind", _members(told, numbers)


_USER = (
    "connection id organization_id user_id user_name user_name_key external_id display_name display_key "
    "email email_key active body version refused created_at changed_at due_at due_number has_subject"
)
_GROUP = (
    "connection id organization_id display_name display_key external_id body size version "
    "created_at changed_at"
)


def _users(told: Directory, numbers: range) -> Rows:
    for n in numbers:
        name, mail = f"User {n:06}", address(n)
        body = {
            "name": {"givenName": "User", "familyName": f"{n:06}"},
            "emails": [{"value": mail, "type": "work", "primary": True}],
        }
        yield (
            told.connection, user(n), told.organization, owner(n), mail, mail, f"external{n:06}", name,
            name.lower(), mail, mail, 1, json.dumps(body), 1, "", told.at, told.at, None, 1, 0,
        )  # fmt: skip


def _groups(told: Directory) -> Rows:
    if told.first:
        return
    sizes = {0: min(told.members, told.users)} | dict.fromkeys(range(1, told.groups + 1), 10)
    for n, size in sizes.items():
        name = "Everybody" if n == 0 else f"Group {n:04}"
        yield (
            told.connection, identifier(0x13, n + 1), told.organization, name, name.lower(),
            f"group{n:04}", "{}", size, 1, told.at, told.at,
        )  # fmt: skip


def _members(told: Directory, numbers: range) -> Rows:
    for n in numbers:
        if n < told.members:
            yield told.connection, EVERYBODY, user(n), "User"
    if not told.first:
        for group in range(1, told.groups + 1):
            for n in range(10):
                member = (group * 10 + n) % told.users
                yield told.connection, identifier(0x13, group + 1), user(member), "User"


def lay(file: Path, told: Directory) -> None:
    """Write all of it into a SQLite file at head."""
    with closing(sqlite3.connect(file)) as db, db:
        for table, columns, rows in tables(told):
            names = columns.split()
            marks = ", ".join("?" * len(names))
            db.executemany(f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({marks})', rows)  # noqa: S608


async def lay_postgres(url: str, told: Directory) -> None:
    """Write all of it into a PostgreSQL database at head."""
    db = await asyncpg.connect(url)
    try:
        async with db.transaction():
            for table, columns, rows in tables(told):
                await db.copy_records_to_table(table, records=rows, columns=columns.split())
        await db.execute("VACUUM ANALYZE")  # as upkeep of the database does by itself, some time later
    finally:
        await db.close()
