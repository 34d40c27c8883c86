"""The one thread that writes to SQLite: all jobs waiting are one commit.

With ``synchronous=FULL`` a commit waits for the disk. Those that arrive meanwhile share the
next one, so a busy node pays a fraction of a disk flush per sign-in, and nothing that was
answered is lost with the power. Each job stands in its own savepoint: one that is refused
undoes itself alone. A result leaves after the commit, never before.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from federation.errors import StoreUnavailable

Result = TypeVar("Result")
_MOST = 128  # jobs of one commit


class _Job:
    """One unit of work, and whom to tell."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any], told: asyncio.Future[Any]) -> None:
        self.work = work
        self.told = told
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the writing connection. Nobody else may touch it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Take over a connection in autocommit mode, open to other threads."""
        self._db = db
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], Result]) -> asyncio.Future[Result]:
        """Have ``work`` done in the next commit.

        A caller that is cancelled stops waiting; its job is done all the same, whole.

        Raises:
            StoreUnavailable: ``store.unavailable``.
        """
        if self._closed:
            raise StoreUnavailable("store.unavailable", "the store is closed")
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        return job.told

    async def close(self) -> None:
        """Finish what waits, then release the connection and the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            done = [job]
            try:
                self._commit(done)
            except sqlite3.Error as error:
                self._give_up(done, error)
            _tell(done)
        self._db.close()

    def _commit(self, done: list[_Job]) -> None:
        """Do the first job and all that wait behind it, adding them to ``done``."""
        self._db.execute("BEGIN IMMEDIATE")
        self._attempt(done[0])
        while len(done) < _MOST and (job := self._next()):
            done.append(job)
            self._attempt(job)
        self._db.execute("COMMIT")

    def _attempt(self, job: _Job) -> None:
        self._db.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._db)
        except Exception as error:  # noqa: BLE001  it is its caller's; the other jobs go on
            job.error = outage(error) if isinstance(error, sqlite3.OperationalError) else error
            self._db.execute("ROLLBACK TO job")
        self._db.execute("RELEASE job")

    def _next(self) -> _Job | None:
        with suppress(Empty):
            if (job := self._jobs.get_nowait()) is not None:
                return job
            self._jobs.put(None)  # the end: leave it for the outer loop
        return None

    def _give_up(self, done: list[_Job], error: sqlite3.Error) -> None:
        """Nothing was committed: undo, and say so to all who wait."""
        with suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")
        while len(done) < _MOST and (job := self._next()):
            done.append(job)  # they would wait for the same lock, one after the other
        for job in done:
            job.error = outage(error)


def outage(error: sqlite3.Error) -> StoreUnavailable:
    """Say that SQLite failed (locked too long, disk full, closed), without what it quotes."""
    return StoreUnavailable("store.unavailable", f"SQLite does not answer: {type(error).__name__}")


def _tell(done: list[_Job]) -> None:
    for loop in {job.told.get_loop() for job in done}:
        theirs = [job for job in done if job.told.get_loop() is loop]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.told.done():  # cancelled
            continue
        if job.error is not None:
            job.told.set_exception(job.error)
        else:
            job.told.set_result(job.result)
