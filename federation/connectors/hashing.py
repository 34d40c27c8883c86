"""Hashing passwords off the loop, and never so many at once that memory or the processors run out.

One for all passwords of a process, and one for recovery codes. A thread each for as many as may
run, so that a request which is cancelled does not free a place before its work is done.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from federation import passwords
from federation.errors import TooManyRequests

AT_ONCE: Final = 2  # 64 MiB each, see ``passwords``
WAITING: Final = 30  # some ten seconds of work: who came later would not wait for it
_PAUSE: Final = 10  # seconds
Result = TypeVar("Result")


class Hashing:
    """A few threads, and a bounded queue before them."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """Say how many run at once, and how many may wait beside them."""
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="hashing")
        self._most = at_once + waiting
        self._under_way = 0
        self._lock = threading.Lock()

    async def verify(self, typed: str, kept: str) -> tuple[bool, str]:
        """Hold a password against what is kept, as ``passwords.verify``.

        Raises:
            TooManyRequests: ``local.busy``.
        """
        return await self._run(lambda: passwords.verify(typed, kept))

    async def hash(self, password: str) -> str:
        """Return what is kept of a password, as ``passwords.hash_password``.

        Raises:
            TooManyRequests: ``local.busy``.
        """
        return await self._run(lambda: passwords.hash_password(password))

    async def prepare(self) -> None:
        """Make what is held against a password that nobody has; else the first who asks waits for it."""
        await self._run(passwords.nobodys)

    def close(self) -> None:
        """Let go of the threads; what runs is done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        with self._lock:
            if self._under_way >= self._most:
                raise TooManyRequests(
                    "local.busy", "more passwords wait than can be looked at", retry_after=_PAUSE
                )
            self._under_way += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[Result]) -> None:
        with self._lock:
            self._under_way -= 1
