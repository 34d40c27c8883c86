"""A database of an earlier release, with rows in it, is brought to head and keeps what it holds."""

import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command
from databases import ask, keep_record, open_session
from test_store import ADMITTED, BINDER, MINUTE, NEW, NOW, RECORD, TOKEN, WAITING, another, refusal, someone

from federation.identity import ProviderSession
from federation.store import migration
from federation.store.store import Store, open_store
from federation.store.values import Claim, SealedTokens, Sealing

# As it was released: what it made, in an order in which rows can be put in.
FIRST = (
    "pending_sign_in", "claimed_assertion", "person_key", "user", "account", "role_grant", "session",
    "provider_session", "provider_logout", "decision_record", "ring", "lease",
)  # fmt: skip
RELEASES = {"0001": FIRST, "0002": (*FIRST, "kept_token"), "0003": (*FIRST, "kept_token")}
KEPT = SealedTokens(sealed="v1.tokens", renew_at=None)
CLAIM = Claim(issuer="https://idp.example", id="_1", until=NOW + MINUTE)
THERE = someone(provider_session=ProviderSession(name="a-name", index="_s1"))
NEW_THERE = replace(NEW, provider_sealed="v1.words", handle="", tokens=KEPT)


def _script(dialect: str, to: str) -> str:
    written = io.StringIO()
    config = migration._config(dialect=dialect)
    config.output_buffer = written
    command.upgrade(config, f"base:{to}", sql=True)
    return written.getvalue()


async def go_back(url: str, release: str) -> None:
    """Bring a database back to an earlier release's tables."""
    if url.startswith("sqlite:///"):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            command.downgrade(migration._config(connection=connection), release)
        return
    written = io.StringIO()
    config = migration._config(dialect="postgresql")
    config.output_buffer = written
    command.downgrade(config, f"{migration.HEAD}:{release}", sql=True)
    await _run(url, written.getvalue())


async def _run(url: str, script: str) -> None:
    """Run statements, of which none has parameters."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            db.executescript(script)
        return
    connection = await asyncpg.connect(url)
    await connection.execute(script)
    await connection.close()


async def _columns(url: str, table: str) -> list[str]:
    if url.startswith("sqlite"):
        return [row[1] for row in await ask(url, f'PRAGMA table_info("{table}")')]
    found = await ask(
        url,
        "SELECT column_name FROM information_schema.columns "  # noqa: S608  ours
        f"WHERE table_name = '{table}' AND table_schema = current_schema()",
    )
    return [row[0] for row in found]


async def _insert(url: str, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(columns)
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db, db:
            places = ", ".join("?" for _ in columns)
            db.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)  # noqa: S608
        return
    connection = await asyncpg.connect(url)
    places = ", ".join(f"${number}" for number, _ in enumerate(columns, 1))
    await connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)  # noqa: S608
    await connection.close()


async def _fill(store: Store) -> None:
    await store.remember_pending(WAITING)
    sealing = Sealing(ring_key="ring", fresh=lambda: "wrapped", seal=lambda _, __: RECORD.sealed)
    await store.open_session(THERE, NEW_THERE, NOW, claim=CLAIM, sealing=sealing)
    told: dict[str, Any] = {"issued_at": NOW - timedelta(hours=1), "until": NOW + MINUTE, "now": NOW}
    await store.end_provider_sessions(
        ("adfs",), ("another",), (), organization="acme", claim=("i", "logout"), **told
    )
    await keep_record(store, replace(RECORD, reference="BBBBBBBBBB", person="", sealed="", code="a.code"))
    await store.lease("purge", "a", NOW + MINUTE, NOW)


def _older(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as releases before 0004 wrote it."""
    if table != "role_grant":
        return row
    return row | {"connection": row["source"].removeprefix("connection:"), "source": row["why"]}


@pytest.mark.parametrize("release", RELEASES)
async def test_what_an_earlier_release_kept_stays(store: Store, store_url: str, release: str) -> None:
    await _fill(store)
    session = await store.find_session(TOKEN, NOW)
    await store.close()
    kept = {}
    for table in RELEASES[release]:
        rows = await ask(store_url, f'SELECT * FROM "{table}"')  # noqa: S608
        assert rows, table
        kept[table] = [dict(zip(await _columns(store_url, table), row, strict=True)) for row in rows]
    sqlite = store_url.startswith("sqlite")
    for row in await ask(
        store_url,
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if sqlite
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
    ):
        await _run(store_url, f'DROP TABLE "{row[0]}"' + ("" if sqlite else " CASCADE"))
    await _run(store_url, _script("sqlite" if sqlite else "postgresql", release))
    for table, found in kept.items():
        columns = [name for name in await _columns(store_url, table) if name in _older(table, found[0])]
        older = [_older(table, row) for row in found]
        await _insert(store_url, table, columns, [tuple(row[name] for name in columns) for row in older])
    assert await ask(store_url, "SELECT version_num FROM alembic_version") == [(release,)]

    again = await open_store(store_url)
    try:
        assert await again.ready() is None
        assert await again.find_session(TOKEN, NOW) == session
        belongs = await ask(store_url, "SELECT organization_id, source FROM membership")
        assert belongs == [("acme", "connection:adfs")]
        granted = await ask(store_url, "SELECT source, role, why FROM role_grant ORDER BY role")
        assert granted == [("connection:adfs", "admin", "admins"), ("connection:adfs", "member", "default")]
        assert await ask(store_url, "SELECT email_key FROM account") == [("zoe@acme.example",)]
        assert await again.provider_session(TOKEN, NOW) == ("acme", "adfs", "v1.words")
        tokens = await again.tokens_of(TOKEN, NOW)
        assert (tokens and tokens.tokens) == (KEPT if "kept_token" in RELEASES[release] else None)
        assert await again.find_record(RECORD.reference) == RECORD
        assert await again.person_keys(RECORD.person) == ("wrapped",)
        assert await again.take_pending("adfs", "a-handle", BINDER, NOW) == WAITING
        assert await refusal(open_session(again, ADMITTED, another(2), NOW, claim=CLAIM)) == "signin.replayed"
        assert not await again.lease("purge", "b", NOW + MINUTE, NOW)
        await open_session(again, THERE, another(3, tokens=KEPT), NOW)
        assert await again.tokens_of(another(3).token_hash, NOW)
        told: dict[str, Any] = {"issued_at": NOW, "until": NOW + MINUTE, "now": NOW}
        ended = await again.end_provider_sessions(
            ("adfs",), ("a-name",), (), organization="acme", claim=("i", "2"), **told
        )
        assert ended == 2
        assert await again.find_session(TOKEN, NOW) is None
    finally:
        await again.close()
