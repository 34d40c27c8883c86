"""Looks at everybody of an organization, which go on beside the pages that wait for them.

A hundred thousand people take a good part of a second, so no page does it: it begins, is told that it is
under way, and asks again. What was seen stands for a moment only; whoever acts on it is held against what
is so then (``domains.enforce``).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from federation.store.domains_values import Preflight
from federation.store.store import Store

_STANDS: Final = timedelta(seconds=20)
_AT_ONCE: Final = 2  # looks that go on; others begin when one has ended
_KEPT: Final = 16


@dataclass(frozen=True)
class Asked:
    """Who would be locked out if these people came in by these connections alone."""

    organization: str
    domain: str
    connections: tuple[str, ...]


class Looks:
    """Those of this process."""

    def __init__(self, store: Store) -> None:
        """Take where to look; nothing is under way."""
        self._store = store
        self._begun: OrderedDict[Asked, tuple[datetime, asyncio.Task[Preflight]]] = OrderedDict()

    async def look(self, asked: Asked, now: datetime) -> Preflight | None:
        """Return what was seen, of few people at once; None while it is being looked.

        Raises:
            StoreUnavailable: ``store.unavailable``; the next who asks looks again.
        """
        begun, task = self._begun.get(asked, (now, None))
        if task is not None and not task.done():
            return None
        if task is not None and abs(now - begun) < _STANDS:
            if task.exception() is not None:
                del self._begun[asked]
            return task.result()
        of_few = await self._store.preflight_of_few(asked.organization, asked.domain, asked.connections, now)
        if of_few is None:
            self._begin(asked, now)
        return of_few

    async def close(self) -> None:
        """Leave what is under way."""
        tasks = [task for _, task in self._begun.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, asked: Asked, now: datetime) -> None:
        under_way = [one for one, (_, task) in self._begun.items() if not task.done()]
        if asked in under_way or len(under_way) >= _AT_ONCE:  # another began it meanwhile; or soon
            return
        looking = self._store.preflight(asked.organization, asked.domain, asked.connections, now)
        task = asyncio.create_task(looking)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask again
        self._begun[asked] = (now, task)
        self._begun.move_to_end(asked)
        while len(self._begun) > _KEPT:
            _, (_, oldest) = self._begun.popitem(last=False)
            oldest.cancel()
