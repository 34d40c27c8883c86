"""The database under the store: its URL, its migrations, its file, and its absence."""

import asyncio
import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import Postgres, ask, keep_record, open_session
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from test_store import ADMITTED, BINDER, NEW, NOW, RECORD, TOKEN, WAITING, refusal

from federation.errors import ConfigurationError, StoreUnavailable
from federation.store import (
    directory_sql,
    endings_sql,
    entry_sql,
    kept_sql,
    local_sql,
    messages_sql,
    metadata_sql,
    migration,
    own_account_sql,
    people_sql,
    provisioning_credentials_sql,
    provisioning_groups_sql,
    provisioning_settling_sql,
    provisioning_users_sql,
    records_sql,
    rereads_sql,
    sql,
    tables,
    teams_sql,
    tokens_sql,
    trials_sql,
)
from federation.store.postgres import PostgresStore, numbered, numbered_together
from federation.store.rows import Steps
from federation.store.store import Store, open_store

STATEMENTS = {
    f"{name}-{place}": text
    for room in (
        sql,
        directory_sql,
        endings_sql,
        entry_sql,
        kept_sql,
        local_sql,
        messages_sql,
        metadata_sql,
        own_account_sql,
        people_sql,
        provisioning_credentials_sql,
        provisioning_groups_sql,
        provisioning_settling_sql,
        provisioning_users_sql,
        records_sql,
        rereads_sql,
        teams_sql,
        tokens_sql,
        trials_sql,
    )
    for name, value in vars(room).items()
    if name.isupper() and not name.startswith("_") and name != "COLUMNS"
    for place, text in enumerate([value] if isinstance(value, str) else value)
}


# The database


async def test_reopening_keeps_everything(store: Store, store_url: str) -> None:
    await store.remember_pending(WAITING)
    opened = await open_session(store, ADMITTED, replace(NEW, handle=""), NOW)
    await store.close()
    again = await open_store(store_url)
    try:
        assert await again.ready() is None
        assert await again.find_session(TOKEN, NOW) == opened
        assert await again.find_record(RECORD.reference) == RECORD
        assert await again.take_pending("adfs", "a-handle", BINDER, NOW) == WAITING
    finally:
        await again.close()


async def test_it_says_when_migrations_are_not_at_head(store: Store, store_url: str) -> None:
    assert await store.ready() is None
    await ask(store_url, "UPDATE alembic_version SET version_num = '0000'")
    assert "migration" in (await store.ready() or "")


async def test_what_was_closed_is_unavailable(store: Store) -> None:
    await store.close()
    assert await refusal(store.find_session(TOKEN, NOW)) == "store.unavailable"
    assert await refusal(store.end_session(TOKEN, NOW)) == "store.unavailable"
    assert await store.ready()
    await store.close()


# Migrations


def _differences(connection: sa.Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return [
        change for change in compare_metadata(context, tables.Row.metadata) if "alembic" not in str(change)
    ]


def _engine(url: str) -> AsyncEngine:
    def connect() -> Any:
        return asyncpg.connect(url)

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.NullPool)


async def test_migrations_make_the_tables_of_the_house(store: Store, store_url: str) -> None:
    if store_url.startswith("sqlite"):
        engine = sa.create_engine(store_url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            assert _differences(connection) == []
        return
    async with _engine(store_url).connect() as connection:
        assert await connection.run_sync(_differences) == []


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(migration._config()).get_current_head() == migration.HEAD


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_sqlite_can_prepare_every_statement_and_reads_no_table_through(statement: str) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables.Row.metadata.create_all(connection)
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        names = dict.fromkeys(numbered(statement)[1])
        plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", names)]
    engine.dispose()
    read_through = [step for step in plan if step.startswith("SCAN") and "USING INDEX" not in step]
    # Of one row, of what one person has, of an organization that an operator asks about, or once for each
    # connection that is made; all others grow.
    known = {
        "SCAN alembic_version",
        "SCAN CONSTANT ROW",
        "SCAN held",
        "SCAN holder",
        "SCAN led",
        "SCAN theirs",
        "SCAN known",
        "SCAN looked",
        "SCAN once",
        "SCAN counted",
        "SCAN provider_metadata USING COVERING INDEX ix_provider_metadata_connection_checked_at_held_at",
    }
    assert {step for step in read_through if not step.startswith("SCAN json_each")} <= known


SIGN_IN = (
    "TAKE_PENDING",
    "FIND_PERSON_KEY",
    "HAS_TEAMS",
    "LOCK_NAME_OF_NEW",
    "UPDATE_ACCOUNT",
    "UPDATE_JOINED",
    "FIND_CANDIDATES",
    "FIND_STANDING",
    "FIND_STANDING_OF_NEW",
    "FIND_TEAMS",
    "ADDRESS_HOLDERS",
    "UPDATE_PROFILE",
    "DROP_GRANT",
    "LEAVE_TEAM",
    "FIND_SNAPSHOTS",
    "UPDATE_SNAPSHOT",
    "FIND_LOGOUT_ALONE",
    "END_OLD_SESSIONS",
    "TRIM_RECORDS",
)


def test_nothing_in_a_sign_in_looks_through_the_people_of_an_organization() -> None:
    """By the first column of an index alone, it would take the longer the more have come before."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables.Row.metadata.create_all(connection)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        steps = {
            (name, step)
            for name in SIGN_IN
            for *_, step in driver.execute(
                f"EXPLAIN QUERY PLAN {getattr(sql, name)}", dict.fromkeys(numbered(getattr(sql, name))[1])
            )
        }
    engine.dispose()
    assert {step.split()[1] for _, step in steps} >= {"account", "other", "session"}
    by_organization = [one for one in steps if one[1].endswith("(organization_id=?)")]
    assert {(name, step.split()[1]) for name, step in by_organization} == {
        ("HAS_TEAMS", "team"),  # of which one is read
        ("FIND_STANDING", "enforcement"),  # one of each domain
        ("FIND_STANDING_OF_NEW", "enforcement"),
    }


async def test_postgresql_can_prepare_every_statement_on_the_tables(postgres_url: str) -> None:
    async with _engine(postgres_url).begin() as connection:
        await connection.run_sync(tables.Row.metadata.create_all)
        await connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
    plain = await asyncpg.connect(postgres_url)
    for statement in STATEMENTS.values():
        await plain.prepare(numbered(statement)[0])
    await plain.close()


def test_a_statement_is_numbered_once_for_each_name() -> None:
    assert numbered("a = :now AND b = :it AND c < :now") == ("a = $1 AND b = $2 AND c < $1", ("now", "it"))


def test_statements_of_one_round_trip_are_numbered_through() -> None:
    text, named = numbered_together(("a :x :y :x RETURNING 1", "b", "SELECT :y :z"))
    parts = "WITH part0 AS (a $1 $2 $1 RETURNING 1), part1 AS (b), part2 AS (SELECT $3 $4)"
    columns = "ARRAY(SELECT part0 FROM part0), '{}'::text[], ARRAY(SELECT part2 FROM part2)"
    assert text == f"{parts} SELECT {columns}"
    assert named == (("x", "y"), (), ("y", "z"))


OPEN = """
import asyncio, sys
from federation.store.store import open_store

async def main():
    store = await open_store(sys.argv[1])
    print(await store.ready(), sorted({"sqlalchemy", "sqlmodel", "alembic"} & set(sys.modules)))
    await store.close()

asyncio.run(main())
"""


def _opening(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OPEN, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(migration.__file__).parents[2],
    )


def test_processes_that_start_at_once_all_succeed(store_url: str) -> None:
    processes = [_opening(store_url) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert all(line.startswith("None ") for line in said), said
    at_head = _opening(store_url)
    assert at_head.communicate(timeout=60)[0].strip() == "None []"  # a worker's start imports none of them


async def test_stores_opened_at_one_moment_all_succeed(store_url: str) -> None:
    stores = await asyncio.gather(*(open_store(store_url) for _ in range(5)))
    for store in stores:
        assert await store.ready() is None
        await store.close()


async def test_a_start_waits_for_the_migration_of_another(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(here, fcntl.LOCK_EX)  # as another process does that migrates a file in this directory
    opening = asyncio.create_task(open_store(f"sqlite:///{tmp_path}/federation.db"))
    assert (await asyncio.wait({opening}, timeout=0.1))[0] == set()
    assert (tmp_path / "federation.db").read_bytes() == b""
    os.close(here)
    await (await opening).close()


async def test_a_newer_database_is_not_touched(store: Store, store_url: str) -> None:
    await ask(store_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match=r"^store\.migration: "):
        await open_store(store_url)
    assert await ask(store_url, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_migration_that_fails_leaves_nothing(store_url: str) -> None:
    await _make(store_url, "CREATE TABLE session (mine INTEGER)")  # somebody else's table
    with pytest.raises(ConfigurationError, match=r"^store\.migration: "):
        await open_store(store_url)
    with pytest.raises(Exception, match=r"(?i)no such table|does not exist"):
        await ask(store_url, "SELECT * FROM claimed_assertion")


async def _make(url: str, statement: str) -> None:
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir()
    await ask(url, statement)


NOTING = """
import asyncio, sys
from dataclasses import replace
from test_store import BINDER, NOW, WAITING
from federation.store.store import open_store

async def main():
    store = await open_store(sys.argv[1])
    for number in range(10_000):
        await store.remember_pending(replace(WAITING, handle=f"h{number}"))
        if number % 2:
            await store.take_pending("adfs", f"h{number}", BINDER, NOW)
        print(number, flush=True)

asyncio.run(main())
"""


def _killed_at(number: int, url: str) -> int:
    """Kill a process that has noted that many; return how many it has."""
    command = [sys.executable, "-c", NOTING, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as process:
        assert process.stdout
        while int(process.stdout.readline()) < number:
            pass
        process.kill()
        return number + len(process.stdout.read().splitlines())


async def test_a_process_that_is_killed_loses_nothing_that_it_answered(store: Store, store_url: str) -> None:
    for number in range(await asyncio.to_thread(_killed_at, 50, store_url)):
        assert await store.is_waiting("adfs", f"h{number}", NOW) == (number % 2 == 0)
        if number % 2:
            assert await refusal(store.take_pending("adfs", f"h{number}", BINDER, NOW)) == "signin.used"


async def test_only_what_is_noted_does_not_wait_for_the_disk(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    await store.remember_pending(WAITING)
    await store.take_pending("adfs", WAITING.handle, BINDER, NOW)
    assert "synchronous_commit" in numbered(sql.REMEMBER_PENDING)[0]
    assert "synchronous_commit" in numbered(sql.TAKE_PENDING)[0]

    def mode() -> Steps[str]:
        return str((yield "SHOW synchronous_commit", {})[0][0])

    assert await store._decide(mode) == "on"  # again, on the one connection of the pool
    await store.close()


# URLs


FAULTS = [
    # code               url
    ("store.url",         ""),
    ("store.url",         "mysql://root:s3cret@localhost/x"),
    ("store.url",         "sqlite:"),
    ("store.url",         "sqlite://"),
    ("store.url",         "sqlite:///"),
    ("store.url",         "sqlite:///:memory:"),
    ("store.url",         "sqlite:///var/x.db?mode=ro"),
    ("store.url",         "sqlite:///var/"),
    ("store.url",         "sqlite://host/x.db"),
    ("store.url",         "postgresql:x"),
    ("store.url",         "postgresql://u:s3cret@localhost"),
    ("store.url",         "postgresql://u:s3cret@localhost:port/x"),
    ("store.url",         "postgresql://u:s3cret@localhost/x#part"),
    ("store.unreachable", "postgresql://u:s3cret@127.0.0.1:1/x"),
    ("store.unreachable", "postgresql://u:s3cret@127.0.0.1:1/x?sslmode=s3cret"),
    ("store.unreachable", "sqlite:////dev/null/x.db"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "url"), FAULTS)
async def test_a_url_that_cannot_be_used_is_refused_without_its_password(code: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{code}: ") as refused:
        await open_store(url)
    chain: BaseException | None = refused.value
    while chain:
        assert "s3cret" not in str(chain)
        chain = chain.__cause__


async def test_a_wrong_database_name_is_unreachable(postgres: Postgres) -> None:
    assert await refusal(open_store(postgres.url("nosuch"))) == "store.unreachable"


# The file


async def test_the_file_is_made_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "federation.db"
    store = await open_store(f"sqlite:///{path}")
    await keep_record(store, RECORD)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("federation.db", "federation.db-shm", "federation.db-wal"), 0o600)
    await store.close()


async def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await (await open_store("sqlite:///var/federation.db")).close()
    assert (tmp_path / "var" / "federation.db").exists()


async def test_what_is_not_a_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("This is not a database, it is a text of some length." * 50)
    assert await refusal(open_store(f"sqlite:///{tmp_path}/notes.txt")) == "store.unreachable"


# Outages


async def test_a_lost_database_is_a_typed_refusal(postgres: Postgres, postgres_url: str) -> None:
    store = await open_store(postgres_url)
    name = postgres_url.rpartition("/")[2]
    await ask(postgres.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")
    for attempt in (
        store.find_session(TOKEN, NOW),
        store.take_pending("adfs", "a-handle", BINDER, NOW),
        open_session(store, ADMITTED, NEW, NOW),
        keep_record(store, RECORD),
    ):
        assert await refusal(attempt) == "store.unavailable"
    assert "does not answer" in (await store.ready() or "")
    await store.close()


async def test_cut_connections_are_made_again(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    await ask(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'federation'",
    )
    with suppress(StoreUnavailable):  # where the loss was not seen yet
        await store.ready()
    assert await store.ready() is None
    await store.close()


async def test_a_lost_race_is_run_again_and_not_for_ever(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    attempts = []

    def losing(times: int) -> Steps[str]:
        attempts.append(times)
        key = {"person": f"p{len(attempts)}", "ring_key": "", "wrapped": "", "now": 0}
        yield sql.KEEP_PERSON_KEY, key
        if len(attempts) <= times:
            yield "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", {}
        return "done"

    assert await store._transact(lambda: losing(2)) == "done"
    assert await ask(postgres_url, "SELECT person FROM person_key") == [("p3",)]
    attempts.clear()
    assert await refusal(store._transact(lambda: losing(1000))) == "store.unavailable"
    assert len(attempts) < 10
    await store.close()


async def test_a_table_may_be_altered_beside_us(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    attempts = []

    def reading() -> Steps[int]:
        attempts.append(1)
        return len((yield "SELECT * FROM person_key", {}))

    assert await store._transact(reading) == 0
    await ask(postgres_url, "ALTER TABLE person_key ADD COLUMN later integer")
    assert await store._transact(reading) == 0
    assert len(attempts) == 3
    await store.close()


# What PostgreSQL's store remembers


async def test_what_is_remembered_ends_on_time(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    end = NOW + timedelta(seconds=30)
    await open_session(store, ADMITTED, replace(NEW, absolute_end=end), NOW)
    assert await store.find_session(TOKEN, end - timedelta(milliseconds=500))
    assert await store.find_session(TOKEN, end) is None
    await store.close()


async def test_an_answer_older_than_an_end_is_not_remembered(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    await open_session(store, ADMITTED, NEW, NOW)
    then = NOW + timedelta(minutes=2)
    elsewhere = await asyncpg.connect(postgres_url)
    async with elsewhere.transaction():
        await elsewhere.execute("UPDATE session SET ended_at = 1")
        finding = asyncio.create_task(store.find_session(TOKEN, then))
        async with asyncio.timeout(10):  # it has read the row, and waits to note its use
            while not await ask(postgres_url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
        store._ended(TOKEN)  # what end_session does here after its commit
    assert await finding  # true when it was read
    assert await store.find_session(TOKEN, then) is None
    await elsewhere.close()
    await store.close()
