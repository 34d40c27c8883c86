"""A published document: fetched once for all who wait, kept while a refresh fails."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from federation.errors import FederationError

RETRY_AFTER = timedelta(seconds=5)  # a provider that failed is not asked again before
RENEW_AFTER = timedelta(seconds=30)  # an unknown key fetches the keys again, not more often

# Who told of something unknown. Each may have it fetched again, and uses up nobody else's turn: the
# provider itself, a browser that has a sign-in under way, or anybody who sends us a message.
Told = Literal["provider", "browser", "anybody"]
T = TypeVar("T")


class Kept(Generic[T]):
    """A published document, fetched once for all who wait, kept while a refresh fails."""

    def __init__(self, load: Callable[[datetime], Awaitable[T]]) -> None:
        self._load = load
        self._value: T | None = None
        self._tried: datetime | None = None
        self._renewed: dict[Told, datetime] = {}
        self._asked = 0
        self._failure: FederationError | None = None
        self._lock = asyncio.Lock()

    async def get(self, now: datetime) -> T:
        """Return the document; fetch it if this worker has none yet."""
        if self._value is not None:
            return self._value
        asked = self._asked
        async with self._lock:
            if self._value is not None:
                return self._value
            # Whoever waited shares what came of it: else a provider that hangs makes a queue of fetches.
            waited = asked != self._asked
            if self._failure and self._tried and (waited or now - self._tried < RETRY_AFTER):
                raise type(self._failure)(self._failure.code, self._failure.detail)
            return await self._fetch(now)

    async def renew(self, now: datetime, *, told: Told) -> T:
        """Fetch again because a message named something unknown; for each of Told every RENEW_AFTER."""
        async with self._lock:
            # Its own clock: keys may rotate a second after the hourly refresh.
            renewed = self._renewed.get(told)
            if self._value is not None and renewed and now - renewed < RENEW_AFTER:
                return self._value
            self._renewed[told] = now
            return await self._fetch(now)

    async def refresh(self, now: datetime) -> None:
        """Fetch again, on schedule."""
        async with self._lock:
            await self._fetch(now)

    async def _fetch(self, now: datetime) -> T:
        self._tried = now
        try:
            self._value = await self._load(now)
        except FederationError as failure:
            self._failure = failure
            raise
        finally:
            self._asked += 1
        self._failure = None
        return self._value
