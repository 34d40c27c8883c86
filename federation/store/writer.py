"""The one connection that writes to SQLite: all jobs waiting are one commit.

With ``synchronous=FULL`` a commit waits for the disk. Those that arrive meanwhile share the
next one, so a busy node pays a fraction of a disk flush per sign-in, and nothing that was
answered is lost with the power. Each job stands in its own savepoint: one that is refused
undoes itself alone. A result leaves after the commit, never before.

A job is some microseconds of SQL. On a thread each of its statements would hand the
interpreter over and back, so the loop does it, and a thread only what waits: the commit, and
where another process is writing, all of it. The connection is at one moment with one of them.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from queue import SimpleQueue
from typing import Any, TypeVar

from federation.errors import StoreUnavailable

Result = TypeVar("Result")
_MOST = 8  # jobs of one commit: as many as the loop may do at one go, some milliseconds


class _Job:
    """One unit of work, and whom to tell."""

    def __init__(
        self, work: Callable[[sqlite3.Connection], Any], told: asyncio.Future[Any], *, long: bool
    ) -> None:
        self.work = work
        self.told = told
        self.long = long
        self.result: Any = None
        self.error: BaseException | None = None


class _With(Enum):
    """Who has the connection."""

    NOBODY = auto()
    LOOP = auto()  # at its next turn
    THREAD = auto()


class Writer:
    """Owns the writing connection. Nobody else may touch it."""

    def __init__(self, db: sqlite3.Connection, *, patience: float) -> None:
        """Take over a connection in autocommit mode, open to other threads.

        Args:
            db: In WAL mode.
            patience: Seconds to wait for another process's commit.
        """
        self._db = db
        self._patience = int(patience * 1000)
        self._db.execute("PRAGMA busy_timeout=0")
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()  # of the three below, and held while the loop is at work
        self._with = _With.NOBODY
        self._loop: asyncio.AbstractEventLoop  # whose turn it is, with _With.LOOP
        self._closed = False
        self._groups: SimpleQueue[list[_Job] | None] = SimpleQueue()  # done but for the commit; or not begun
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[sqlite3.Connection], Result], *, long: bool = False
    ) -> asyncio.Future[Result]:
        """Have ``work`` done in the next commit; off the loop, if it takes ``long``.

        A caller that is cancelled stops waiting; its job is done all the same, whole.

        Raises:
            StoreUnavailable: ``store.unavailable``.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), long=long)
        with self._lock:
            if self._closed:
                raise StoreUnavailable("store.unavailable", "the store is closed")
            self._waiting.append(job)
            if self._with is _With.NOBODY or (self._with is _With.LOOP and self._loop.is_closed()):
                self._with, self._loop = _With.LOOP, loop
                loop.call_soon(self._turn)  # whoever else comes in this turn of the loop shares it
        return job.told

    async def close(self) -> None:
        """Finish what waits, then release the connection and the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._with = _With.THREAD  # for good
                self._groups.put(None)
        await asyncio.to_thread(self._thread.join)

    def _turn(self) -> None:
        """Do what waits, on the loop, and leave the commit to the thread."""
        with self._lock:
            if self._with is not _With.LOOP:  # closed meanwhile
                return
            done: list[_Job] = []
            try:
                if not self._waiting[0].long:
                    self._db.execute("BEGIN IMMEDIATE")
                    self._attempt_waiting(done)
            except sqlite3.Error as error:
                if done:
                    self._give_up(done, error)
                    _tell(done)
                    self._with = _With.NOBODY
                    return
                # Another process is writing, and the thread may wait for it.
            self._with = _With.THREAD
            self._groups.put(done)

    def _run(self) -> None:
        while (done := self._groups.get()) is not None:
            self._finish(done)
            self._hand_over()
        while self._waiting:  # nothing is added any more
            self._finish([])
        self._db.close()

    def _finish(self, done: list[_Job]) -> None:
        """Commit what the loop has done, or all that waits; tell them."""
        try:
            if not done:
                self._begin()
                self._attempt_waiting(done, long=True)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(done, error)
        _tell(done)

    def _hand_over(self) -> None:
        """Let the loop go on with those who came meanwhile."""
        with self._lock:
            if self._closed:
                return
            self._with = _With.LOOP if self._waiting else _With.NOBODY
            if self._waiting:
                self._loop = self._waiting[0].told.get_loop()
                try:
                    self._loop.call_soon_threadsafe(self._turn)
                except RuntimeError:  # that loop is closed: nobody waits, but it was promised
                    self._with = _With.THREAD
                    self._groups.put([])

    def _begin(self) -> None:
        self._db.execute(f"PRAGMA busy_timeout={self._patience}")
        try:
            self._db.execute("BEGIN IMMEDIATE")
        finally:
            self._db.execute("PRAGMA busy_timeout=0")  # the loop never waits

    def _attempt_waiting(self, done: list[_Job], *, long: bool = False) -> None:
        """Do those that wait, in their order, up to a long one where it may not be done here."""
        while self._waiting and len(done) < _MOST and (long or not self._waiting[0].long):
            done.append(self._waiting.popleft())
            self._attempt(done[-1])

    def _attempt(self, job: _Job) -> None:
        self._db.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._db)
        except Exception as error:  # noqa: BLE001  it is its caller's; the other jobs go on
            job.error = outage(error) if isinstance(error, sqlite3.OperationalError) else error
            self._db.execute("ROLLBACK TO job")
        self._db.execute("RELEASE job")

    def _give_up(self, done: list[_Job], error: sqlite3.Error) -> None:
        """Nothing was committed: undo, and say so to all who wait."""
        with suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")
        while self._waiting:
            done.append(self._waiting.popleft())  # they would wait for the same lock, one after the other
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
