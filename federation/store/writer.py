"""The one connection that writes to SQLite: all jobs waiting are one commit.

With ``synchronous=FULL`` a commit waits for the disk. Those that arrive meanwhile share the
next one, so a busy node pays a fraction of a disk flush per sign-in, and nothing that was
answered is lost with the power. Each job stands in its own savepoint: one that is refused
undoes itself alone. A result leaves after the commit, never before.

A light job is one that may be lost with the power, but not with the process, as long as nothing
later is kept: where all that wait are light, their commit is written and not flushed
(``synchronous=NORMAL``). The log is read from its beginning, so the next commit that is flushed
carries them with it.

A job is some microseconds of SQL. On a thread each of its statements would hand the
interpreter over and back, so the loop does it, and a thread only what waits: the flushed commit,
copying the log back, and where another process is writing, all of it. The connection is at one
moment with one of them.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeVar

from federation.errors import StoreUnavailable

Result = TypeVar("Result")
_MOST = 8  # jobs of one commit: as many as the loop may do at one go, some milliseconds
_LOOK = 0.2  # seconds: how often a job among several loops looks whether one ended with the turn
_LOG = 1500  # rows, some 4,000 pages: hot pages are copied back from the log once for many commits


class _Job:
    """One unit of work, and whom to tell."""

    def __init__(
        self, work: Callable[[sqlite3.Connection], Any], told: asyncio.Future[Any], *, long: bool, light: bool
    ) -> None:
        self.work = work
        self.told = told
        self.long = long
        self.light = light
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
        self._db.execute(
            "PRAGMA wal_autocheckpoint=0"
        )  # it would come with a commit on the loop: see _copy_back
        self._db.execute("PRAGMA synchronous=FULL")
        self._flushed = True
        self._copied = 0  # rows written when the log was last copied back
        self._log_begins = False  # with the next commit, which flushes its head however light it is
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()  # of the three below, and held while the loop is at work
        self._with = _With.NOBODY
        self._loop: asyncio.AbstractEventLoop  # whose turn it is, with _With.LOOP
        self._latest: asyncio.AbstractEventLoop | None = None  # that came with a job
        self._is_shared = False  # by more than one
        self._closed = False
        self._groups: SimpleQueue[list[_Job] | None] = SimpleQueue()  # done but for the commit; or not begun
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[sqlite3.Connection], Result], *, long: bool = False, light: bool = False
    ) -> asyncio.Future[Result]:
        """Have ``work`` done in the next commit; off the loop, if it takes ``long``.

        A caller that is cancelled stops waiting; its job is done all the same, whole.

        Args:
            work: Some statements; what it returns is told after the commit.
            long: It may take longer than the loop may stand still.
            light: It may be lost with the power, until a later job that is not is told.

        Raises:
            StoreUnavailable: ``store.unavailable``.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), long=long, light=light)
        with self._lock:
            if self._closed:
                raise StoreUnavailable("store.unavailable", "the store is closed")
            self._waiting.append(job)
            if loop is not self._latest:
                self._is_shared, self._latest = self._is_shared or self._latest is not None, loop
            if self._is_shared:
                loop.call_later(_LOOK, self._look_after, job)
            if self._with is _With.NOBODY or (self._with is _With.LOOP and self._loop.is_closed()):
                self._with, self._loop = _With.LOOP, loop
                loop.call_soon(self._turn)  # whoever else comes in this turn of the loop shares it
        return job.told

    def _look_after(self, job: _Job) -> None:
        """Take the turn of a loop that has ended with it, as long as this job waits."""
        if job.told.done():
            return
        loop = job.told.get_loop()
        with self._lock:
            if self._with is _With.LOOP and self._loop.is_closed():
                self._loop = loop
                loop.call_soon(self._turn)
        loop.call_later(_LOOK, self._look_after, job)

    async def close(self) -> None:
        """Finish what waits, then release the connection and the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._with = _With.THREAD  # for good
                self._groups.put(None)
        await asyncio.to_thread(self._thread.join)

    def _turn(self) -> None:
        """Do what waits, on the loop, and leave to the thread what waits for the disk."""
        with self._lock:
            if self._with is not _With.LOOP:  # closed meanwhile
                return
            done: list[_Job] = []
            try:
                finished = not self._waiting[0].long and self._do_waiting(done)
            except sqlite3.Error as error:
                finished = bool(done)
                if finished:
                    self._give_up(done, error)
                # Otherwise another process is writing, and the thread may wait for it.
            if finished:
                _tell(done, here=self._loop)
                self._go_on()
            else:
                self._with = _With.THREAD
                self._groups.put(done)

    def _do_waiting(self, done: list[_Job]) -> bool:
        """Do them; tell whether that is all, or a commit is left that the disk must see."""
        light = self._are_light()
        alone = len(self._waiting) == 1
        self._flush(not light)
        self._db.execute("BEGIN IMMEDIATE")
        self._attempt_waiting(done, alone=alone)
        if alone and done[0].error is not None:
            return True  # it undid the transaction
        if light:
            self._db.execute("COMMIT")
        return light

    def _are_light(self) -> bool:
        # With nothing but light ones the log would grow for ever: a commit of the thread copies it back.
        if self._log_begins or self._log_is_long():
            return False
        return all(job.light and not job.long for job in islice(self._waiting, _MOST))

    def _log_is_long(self) -> bool:
        return abs(self._db.total_changes - self._copied) >= _LOG  # it counts in 32 bits, and comes round

    def _flush(self, flush: bool) -> None:  # noqa: FBT001
        """Have the commits that follow wait for the disk, or not."""
        if flush is not self._flushed:
            self._db.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")
            self._flushed = flush

    def _run(self) -> None:
        while (done := self._groups.get()) is not None:
            self._finish(done)
            self._copy_back()
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
            self._log_begins = False
        except sqlite3.Error as error:
            self._give_up(done, error)
        _tell(done)

    def _copy_back(self) -> None:
        """Copy the log into the database where it has grown long; who was answered does not wait for it.

        What another process copies back may still have a commit on the loop flush the log's head.
        """
        if not self._log_is_long():
            return
        with suppress(sqlite3.Error):  # the next commit tries again
            ((busy, written, copied),) = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if not busy and written == copied:  # else a reader is in the way, and the log grows on
                self._copied = self._db.total_changes
                self._log_begins = True

    def _hand_over(self) -> None:
        """Let the loop go on with those who came meanwhile."""
        with self._lock:
            if not self._closed:
                self._go_on()

    def _go_on(self) -> None:
        self._with = _With.LOOP if self._waiting else _With.NOBODY
        if self._waiting:
            self._loop = self._waiting[0].told.get_loop()
            try:
                self._loop.call_soon_threadsafe(self._turn)
            except RuntimeError:  # that loop is closed: nobody waits, but it was promised
                self._with = _With.THREAD
                self._groups.put([])

    def _begin(self) -> None:
        self._flush(True)
        self._db.execute(f"PRAGMA busy_timeout={self._patience}")
        try:
            self._db.execute("BEGIN IMMEDIATE")
        finally:
            self._db.execute("PRAGMA busy_timeout=0")  # the loop never waits

    def _attempt_waiting(self, done: list[_Job], *, long: bool = False, alone: bool = False) -> None:
        """Do those that wait, in their order, up to a long one where it may not be done here."""
        while self._waiting and len(done) < _MOST and (long or not self._waiting[0].long):
            done.append(self._waiting.popleft())
            self._attempt(done[-1], alone=alone)

    def _attempt(self, job: _Job, *, alone: bool) -> None:
        if not alone:  # what a savepoint keeps costs as much as a statement or two
            self._db.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._db)
        except Exception as error:  # noqa: BLE001  it is its caller's; the other jobs go on
            job.error = outage(error) if isinstance(error, sqlite3.OperationalError) else error
            self._db.execute("ROLLBACK" if alone else "ROLLBACK TO job")
        if not alone:
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


def _tell(done: list[_Job], *, here: asyncio.AbstractEventLoop | None = None) -> None:
    """Tell those who wait; ``here`` is the loop that runs this, if one does."""
    for loop in {job.told.get_loop() for job in done}:
        theirs = [job for job in done if job.told.get_loop() is loop]
        if loop is here:
            _resolve(theirs)
            continue
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
