"""Long work of a directory's requests, in threads of its own: nobody else's work waits for one of these.

The loop's own threads look up names, and verify large answers of identity providers. Of one connection
one thing is done at a time, so that of two directories neither keeps the other waiting for long.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar

Done = TypeVar("Done")

_THREADS: Final = 4


class Beside:
    """One for a worker."""

    def __init__(self) -> None:
        """Start no thread yet."""
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scim")
        self._turns: dict[str, asyncio.Lock] = {}

    async def do(self, connection: str, work: Callable[..., Done], *told: Any) -> Done:
        """Do one thing, when it is the connection's turn; in the caller's context."""
        loop, context = asyncio.get_running_loop(), copy_context()
        async with self._turns.setdefault(connection, asyncio.Lock()):
            return await loop.run_in_executor(self._pool, lambda: context.run(work, *told))

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
