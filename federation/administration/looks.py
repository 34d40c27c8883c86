"""Looks at everybody of an organization, which go on beside the pages that wait for them.

A hundred thousand people take a good part of a second, so no page does it: it begins, is told that it is
under way, and asks again. What was shown stands for a moment only, what nobody has seen yet for longer: a
look may take its time, and so may who presses the button. Whoever acts on it is held against what is so
then (``domains.enforce``).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from federation.store.domains_values import Preflight
from federation.store.store import Store

_STANDS: Final = timedelta(seconds=20)  # since it was first shown
_UNSEEN: Final = timedelta(minutes=10)  # since it began
_AT_ONCE: Final = 2  # looks that go on; others begin when one has ended
_KEPT: Final = 16


@dataclass(frozen=True)
class Asked:
    """Who would be locked out if these people came in by these connections alone."""

    organization: str
    domain: str
    connections: tuple[str, ...]


@dataclass
class _Look:
    since: datetime  # it began, or was first shown
    task: asyncio.Task[Preflight]
    shown: bool = False


class Looks:
    """Those of this process."""

    def __init__(self, store: Store) -> None:
        """Take where to look; nothing is under way."""
        self._store = store
        self._begun: OrderedDict[Asked, _Look] = OrderedDict()

    async def look(self, asked: Asked, now: datetime) -> Preflight | None:
        """Return what was seen, of few people at once; None while it is being looked.

        Raises:
            StoreUnavailable: ``store.unavailable``; the next who asks looks again.
        """
        known = self._begun.get(asked)
        if known is not None and not known.task.done():
            return None
        if known is not None and abs(now - known.since) < (_STANDS if known.shown else _UNSEEN):
            if known.task.exception() is not None:
                del self._begun[asked]
            elif not known.shown:
                known.since, known.shown = now, True
            return known.task.result()
        of_few = await self._store.preflight_of_few(asked.organization, asked.domain, asked.connections, now)
        if of_few is None:
            self._begin(asked, now)
        return of_few

    async def close(self) -> None:
        """Leave what is under way."""
        tasks = [one.task for one in self._begun.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, asked: Asked, now: datetime) -> None:
        under_way = [each for each, one in self._begun.items() if not one.task.done()]
        if asked in under_way or len(under_way) >= _AT_ONCE:  # another began it meanwhile; or soon
            return
        looking = self._store.preflight(asked.organization, asked.domain, asked.connections, now)
        task = asyncio.create_task(looking)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask again
        self._begun[asked] = _Look(now, task)
        self._begun.move_to_end(asked)
        while len(self._begun) > _KEPT:
            _, oldest = self._begun.popitem(last=False)
            oldest.task.cancel()
