"""The store in PostgreSQL: many nodes, prepared statements over a bounded pool.

READ COMMITTED throughout, whatever a cluster defaults to: what must be decided once is decided
by one statement, a unique key or a lock, and who waited for it sees what the other committed.
Deadlocks and serialization failures are tried again; a lost connection is not, because nobody
knows whether its statement was done.
"""

from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from federation.errors import ConfigurationError, StoreUnavailable
from federation.identity import Session
from federation.store import migration, rows, verbs
from federation.store.drive import Verb
from federation.store.postgres_words import numbered, numbered_together
from federation.store.rows import Raced, Result, Steps, Together
from federation.store.twin import Twin

_ATTEMPTS = 4
_RACES = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    Raced,
    asyncpg.InvalidCachedStatementError,  # another release's migration altered a table under a transaction
)
_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # a standby: failover is under way
    asyncpg.InterfaceError,  # the connection or the pool is closed
    asyncpg.InternalClientError,  # the server's farewell arrived between two statements
    *_RACES,
)
_CONNECTING = 5.0  # seconds, each
_WAITING_FOR_POOL = 5.0
_STATEMENT = 10.0
_POOL = 10  # connections of one worker
CACHE_LIFE = timedelta(seconds=1)
_CACHED = 10_000  # sessions


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # untyped
    """Without the reset at every release: we set nothing on a session, so there is nothing to undo."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        return ""


async def open_postgres(url: str) -> "PostgresStore":
    """Migrate the database to head and open a pool.

    Raises:
        ConfigurationError: ``store.url``, ``store.unreachable``, ``store.migration``.
    """
    where = _where(url)
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=_POOL,
            timeout=_CONNECTING,
            command_timeout=_STATEMENT,
            connection_class=_Connection,
            server_settings={"application_name": "federation"},
        )
    except (*_OUTAGES, asyncpg.PostgresError, ValueError) as error:
        # neither the error's text nor its chain: either may quote the URL and its password
        raise ConfigurationError(
            "store.unreachable", f"PostgreSQL at {where} cannot be opened ({type(error).__name__})"
        ) from None
    try:
        async with pool.acquire() as db:
            await migration.upgrade_postgres(db)
    except BaseException:
        pool.terminate()
        raise
    return PostgresStore(pool)


def _where(url: str) -> str:
    """Return host and database of a URL, without user and password.

    Raises:
        ConfigurationError: ``store.url``.
    """
    fault = ConfigurationError("store.url", "expected postgresql://user:password@host:port/database")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise fault from None
    if not url.startswith("postgresql://") or not parts.path.strip("/") or parts.fragment:
        raise fault
    return f"{parts.hostname or 'a local socket'}{f':{port}' if port else ''}{parts.path}"


def _outage(error: Exception) -> StoreUnavailable:
    return StoreUnavailable("store.unavailable", f"PostgreSQL does not answer: {type(error).__name__}")


async def _drive(db: Any, steps: Steps[Result]) -> Result:
    try:
        asked = next(steps)
        while True:
            if isinstance(asked[0], str):
                statement, values = asked
                text, names = numbered(statement)
                found = await db.fetch(text, *[values[name] for name in names])
            else:
                found = await _fetch_together(db, asked)
            asked = steps.send(found)
    except StopIteration as end:
        result: Result = end.value
        return result


async def _fetch_together(db: Any, asked: Together) -> Any:
    text, named = numbered_together(tuple(statement for statement, _ in asked))
    told = [values[name] for (_, values), names in zip(asked, named, strict=True) for name in names]
    ((*found,),) = await db.fetch(text, *told)
    return found


class PostgresStore(Twin):
    """Drives the verbs over a pool; remembers a live session for less than a second."""

    def __init__(self, pool: Any) -> None:
        """Take over a pool of connections to a database at head."""
        self._pool = pool
        self._live: OrderedDict[bytes, tuple[Session, datetime]] = OrderedDict()
        self._endings = 0  # how many sessions were ended here

    async def _read(self, verb: Verb[Result]) -> Result:
        return await self._decide(verb)

    async def _read_in_turns(self, verb: Verb[Result]) -> Result:
        return await self._decide(verb)

    async def _decide(self, verb: Verb[Result]) -> Result:
        return await self._attempt(verb, transaction=False)

    async def _note(self, verb: Verb[Result]) -> Result:
        return await self._decide(verb)  # of what is noted alone the statement says so: see _NOTES

    async def _transact(self, verb: Verb[Result], *, long: bool = False) -> Result:  # noqa: ARG002  it stands by itself
        return await self._attempt(verb, transaction=True)

    async def _attempt(self, verb: Verb[Result], *, transaction: bool) -> Result:
        try:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return await self._once(verb, transaction=transaction)
                except _RACES:
                    continue
            return await self._once(verb, transaction=transaction)
        except _OUTAGES as error:
            raise _outage(error) from error

    async def _once(self, verb: Verb[Result], *, transaction: bool) -> Result:
        db = await self._acquire()
        try:
            if not transaction:
                return await _drive(db, verb())
            async with db.transaction(isolation="read_committed"):
                return await _drive(db, verb())  # leaves after the commit
        except asyncpg.InternalClientError:
            db.terminate()  # the pool would hand it out again
            raise
        finally:
            await self._pool.release(db)

    async def _acquire(self) -> Any:
        try:
            return await self._pool.acquire(timeout=_WAITING_FOR_POOL)
        except (*_OUTAGES, asyncpg.PostgresError) as error:  # whatever the server says at the door
            raise _outage(error) from error

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        if session := self._remembered(token_hash, now):
            return session
        endings = self._endings
        row = await self._read(lambda: verbs.find_session(token_hash))
        if row is None or (session := rows.live(row, now)) is None:
            return None
        if idle_at := rows.touch_due(row, now):
            with suppress(StoreUnavailable):  # a standby may answer, but not note it
                await self._note(lambda: verbs.touch_session(token_hash, idle_at, now))
        # With another count it may be this one that was ended since the read.
        if endings == self._endings and rows.is_small(row):
            self._remember(token_hash, session, now)
        return session

    def _remembered(self, token_hash: bytes, now: datetime) -> Session | None:
        """Positive answers alone, and only while they are younger than a second."""
        session, asked_at = self._live.get(token_hash, (None, now))
        if session is None:
            return None
        if timedelta(0) <= now - asked_at < CACHE_LIFE and now < min(session.idle_at, session.expires_at):
            return session
        del self._live[token_hash]
        return None

    def _remember(self, token_hash: bytes, session: Session, now: datetime) -> None:
        # ``now`` was taken before the row was read: the second is counted from the safe side
        self._live[token_hash] = (session, now)
        self._live.move_to_end(token_hash)
        if len(self._live) > _CACHED:
            self._live.popitem(last=False)

    def _ended(self, token_hash: bytes) -> None:
        self._endings += 1
        self._live.pop(token_hash, None)

    async def close(self) -> None:
        self._live.clear()
        try:
            await self._pool.close()
        except _OUTAGES:
            self._pool.terminate()
