"""The store in one SQLite file: one writer, reads by key inline on the loop.

WAL lets readers and the writer pass each other, in one process or several on one machine. A
read by primary key costs some 10 µs, less than handing it to a thread and back. No cache: an
ended session is refused by the next read of any process.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from federation.errors import ConfigurationError
from federation.identity import Session
from federation.store import migration, rows, sql, verbs
from federation.store.drive import Verb
from federation.store.rows import Result, Row, Steps
from federation.store.twin import Twin
from federation.store.values import AUDIT_LIFE, RECORD_LIFE
from federation.store.writer import Writer, outage

_BUSY = 5.0  # seconds to wait for another process's commit
_BUSY_READING = 0.5  # seconds; a reader waits for recovery only, and the loop waits with it
_PAGES = "PRAGMA cache_size=-16384"  # at most 16 MiB a connection: the pages of some thousand busy sessions
_SAVEPOINTS = "PRAGMA temp_store=MEMORY"  # not in a temporary file: what a savepoint keeps to undo its job
_PREFIX = "sqlite:///"


def path_of(url: str) -> Path:
    """Return the file that a URL names.

    Raises:
        ConfigurationError: ``store.url``.
    """
    path = url.removeprefix(_PREFIX)
    if path == url or not path or set(path) & set("?#%\0") or path.startswith(":") or path.endswith("/"):
        raise ConfigurationError(
            "store.url",
            "expected sqlite:///relative/path or sqlite:////absolute/path: a file, without parameters",
        )
    return Path(path)


async def open_sqlite(url: str) -> "SqliteStore":
    """Make the file if there is none, migrate it to head, open it.

    Raises:
        ConfigurationError: ``store.url``, ``store.unreachable``, ``store.migration``.
    """
    path = path_of(url)
    try:
        write, read = await asyncio.to_thread(_prepare, path)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            "store.unreachable", f"the SQLite file {path} cannot be opened: {error}"
        ) from error
    return SqliteStore(write, read)


def _prepare(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Ours alone from its first moment; SQLite gives its -wal and -shm the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with _alone(path.parent):
        write = _connect(path, _BUSY)
        try:
            write.execute("PRAGMA journal_mode=WAL")
            migration.upgrade_sqlite(write)
        except BaseException:
            write.close()
            raise
    write.execute("PRAGMA foreign_keys=ON")
    write.execute(_SAVEPOINTS)
    write.execute(_PAGES)  # keys are hashes, so that a sign-in touches pages from all over its tables
    read = _connect(path, _BUSY_READING)
    read.execute("PRAGMA query_only=ON")
    read.execute(_PAGES)
    return write, read


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    """Let one process at a time prepare a database here, however long its migration takes.

    SQLite's own lock would be given up after ``_BUSY``. On the directory, not on the file:
    closing a second descriptor of the file would drop the locks that SQLite holds on it (POSIX
    locks belong to the process).
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    # isolation_level=None: transactions are begun and ended where the code says so
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def _ask(db: sqlite3.Connection, statement: str, values: Mapping[str, object]) -> Sequence[Row]:
    return _HELD if statement in LOCKS else db.execute(statement, values).fetchall()


# Whoever asks is the one writer, and has every lock already.
LOCKS = frozenset({sql.SHARE_NAME, sql.LOCK_NAME, sql.LOCK_NAME_OF_NEW})
_HELD = ((0,),)


def _drive(db: sqlite3.Connection, steps: Steps[Result]) -> Result:
    try:
        asked = next(steps)
        while True:
            if isinstance(asked[0], str):
                found: Sequence[Any] = _ask(db, *asked)
            else:
                found = [_ask(db, *one) for one in asked]
            asked = steps.send(found)
    except StopIteration as end:
        result: Result = end.value
        return result


class SqliteStore(Twin):
    """Drives the verbs over two connections to one file."""

    def __init__(self, write: sqlite3.Connection, read: sqlite3.Connection) -> None:
        """Take over two connections to a database at head."""
        self._writer = Writer(write, patience=_BUSY)
        self._reader = read
        self._touched: set[bytes] = set()  # a note of their use is on its way

    async def _read(self, verb: Verb[Result]) -> Result:
        return self._read_now(verb())

    def _read_now(self, steps: Steps[Result]) -> Result:
        try:
            return _drive(self._reader, steps)
        except sqlite3.Error as error:
            raise outage(error) from error

    async def _read_in_turns(self, verb: Verb[Result]) -> Result:
        steps = verb()
        try:
            asked = next(steps)
            while True:
                found: Sequence[Any]
                if isinstance(asked[0], str):
                    found = _ask(self._reader, *asked)
                else:
                    found = [_ask(self._reader, *one) for one in asked]
                await asyncio.sleep(0)
                asked = steps.send(found)
        except StopIteration as end:
            result: Result = end.value
            return result
        except sqlite3.Error as error:
            raise outage(error) from error

    async def _decide(self, verb: Verb[Result]) -> Result:
        return await self._writer.submit(lambda db: _drive(db, verb()))

    async def _note(self, verb: Verb[Result]) -> Result:
        return await self._writer.submit(lambda db: _drive(db, verb()), light=True)

    async def _transact(self, verb: Verb[Result], *, long: bool = False) -> Result:
        return await self._writer.submit(lambda db: _drive(db, verb()), long=long)  # each is a savepoint

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        # Straight to the driver: asked for every request to every application behind a proxy, and
        # this is half of what it costs. The read of the verb, without what drives any verb.
        try:
            found = self._reader.execute(sql.FIND_SESSION, {"token_hash": token_hash}).fetchall()
        except sqlite3.Error as error:
            raise outage(error) from error
        if not found or (session := rows.live(found[0], now)) is None:
            return None
        row = found[0]
        if (idle_at := rows.touch_due(row, now)) and token_hash not in self._touched:
            self._touch(token_hash, idle_at, now)
        return session

    def _touch(self, token_hash: bytes, idle_at: datetime, now: datetime) -> None:
        """Have the use noted; the read that saw it does not wait for the disk."""
        self._touched.add(token_hash)
        # Light: with the power, at worst a session is idle a little earlier.
        noted = self._writer.submit(
            lambda db: _drive(db, verbs.touch_session(token_hash, idle_at, now)), light=True
        )

        def done(future: asyncio.Future[None]) -> None:
            self._touched.discard(token_hash)
            if not future.cancelled():
                future.exception()  # an outage is told to the next who waits for an answer

        noted.add_done_callback(done)

    async def purge(
        self,
        now: datetime,
        batch: int = 1000,
        *,
        records_kept: timedelta = RECORD_LIFE,
        audit_kept: timedelta = AUDIT_LIFE,
    ) -> int:
        return await self._writer.submit(
            lambda db: _drive(db, verbs.purge(now, batch, records_kept, audit_kept)), long=True
        )

    async def close(self) -> None:
        await self._writer.close()
        self._reader.close()
