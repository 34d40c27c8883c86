"""Settling: whoever is due is decided of, a few before an answer, thousands beside everything else."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

from federation.clock import Clock
from federation.connection import AnyConnection, policies
from federation.connection.policies import Terms
from federation.decision import Decision
from federation.errors import FederationError
from federation.provisioned import Due, ScimUser
from federation.provisioning import unadministered
from federation.provisioning.request import Concerned
from federation.store.store import Store

log = logging.getLogger(__name__)

AT_ONCE: Final = 50  # whom a request concerns and who are decided of before it is answered
_BATCH: Final = 200
_LEASE: Final = "scim:"
_HOLD: Final = timedelta(seconds=20)  # for a batch
_AGAIN: Final = 1.0  # seconds, while another worker is at it: it may end without whoever is due since
_LATER: Final = timedelta(minutes=1)  # whoever could not be decided of comes behind all who are due now

# What policy gives somebody, or the code of why it gives nothing.
Decide = Callable[[ScimUser, AnyConnection, datetime], Awaitable[tuple[Decision | None, str]]]


class Settler:
    """One for a worker."""

    def __init__(
        self,
        *,
        connections: Mapping[str, AnyConnection],
        store: Store,
        terms: Terms,
        clock: Clock,
        decide: Decide,
    ) -> None:
        """Take what is in force, which changes in place."""
        self._connections, self._terms = connections, terms
        self._store, self._clock, self._decide = store, clock, decide
        self._holder = secrets.token_urlsafe(12)
        self._left: set[str] = set()  # connections with more who are due than a request decides of
        self._task: asyncio.Task[None] | None = None

    async def few(self, connection: str, concerned: Concerned) -> None:
        """Decide of a few of whom a request concerned now; of the others beside everything else."""
        if few := tuple(concerned.users)[:AT_ONCE]:
            await self.some(connection, of=few)
        if concerned.others or len(concerned.users) > AT_ONCE:
            self._begin(connection)

    async def some(self, connection: str, *, of: tuple[str, ...] = (), user_id: str = "") -> None:
        """Decide of those who are due among these; who asks hears of nothing that fails: they stay due."""
        try:
            if found := await self._store.due_provisioned(connection, AT_ONCE, of=of, user_id=user_id):
                async with self._told(connection):
                    for due in found:
                        await self._settle(due)
        except FederationError as failure:
            log.warning("not provisioned", extra={"connection": connection, "code": failure.code})

    async def resume(self, _: datetime) -> None:
        """Have whoever is left decided of, of every connection: what a process that ended had not done.

        Other background work does not wait for it: there may be thousands.
        """
        for name in [name for name, one in self._connections.items() if one.scim is not None]:
            if (await self._store.left_provisioned(name)).any:
                self._begin(name)

    async def done(self) -> None:
        """Wait for what has begun."""
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Leave the rest to ``resume``, here or on another node."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, connection: str) -> None:
        self._left.add(connection)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._left:
            connection = self._left.pop()
            try:
                await self._all(connection)
            except FederationError as failure:  # ``settle_due`` comes back to it
                log.warning("not provisioned", extra={"connection": connection, "code": failure.code})

    async def _all(self, connection: str) -> None:
        """Decide of everybody who is due; those who fail stay due, and stop nobody else's turn.

        One worker of all nodes does: of two each would decide of the same people. It holds a lease for
        each batch, so that another one takes up what it leaves behind. Of a node whose policy is not the
        one that was noted last (it is about to be replaced) nobody is decided so.
        """
        failed: set[str] = set()
        while (left := await self._store.left_provisioned(connection)).any:
            if self._connections.get(connection) is None or left.policy not in {"", self._policy(connection)}:
                return
            now = self._clock()
            if not await self._store.lease(f"{_LEASE}{connection}", self._holder, now + _HOLD, now):
                await asyncio.sleep(_AGAIN)
                continue
            try:
                async with self._told(connection):
                    going_on = await self._some_more(connection, failed)
            finally:
                await self._store.lease(f"{_LEASE}{connection}", self._holder, now, now)
            if not going_on:
                return

    async def _some_more(self, connection: str, failed: set[str]) -> bool:
        """Return whether there may be others than those who failed, whose ids are added."""
        spread = await self._store.spread_provisioned(connection, _BATCH, self._clock())
        batch = await self._store.due_provisioned(connection, _BATCH)
        others = [due for due in batch if due.id not in failed]
        for due in others:
            if not await self._settle(due):
                failed.add(due.id)
                await self._store.postpone_provisioned(due, self._clock() + _LATER)
            await asyncio.sleep(0)  # everybody else is waiting
        return spread or bool(others)

    def _told(self, name: str) -> AbstractAsyncContextManager[None]:
        """Stand around what is decided of some people: who administers may be among them."""
        return unadministered.told(self._store, self._terms, self._connections.get(name), self._clock())

    def _policy(self, connection: str) -> str:
        return policies.digest(policies.tell(self._terms, connection))

    async def _settle(self, due: Due) -> bool:
        """Decide of one; False where that failed."""
        connection = self._connections.get(due.connection)
        if connection is None or connection.organization != due.organization:
            return False
        now = self._clock()
        try:
            user = await self._store.scim_user(due.connection, due.id)
            decision, refused = await self._decide(user, connection, now) if user else (None, "")
            await self._store.settle_provisioned(due, decision, refused, now)
        except Exception as failure:  # noqa: BLE001  no trace: it may quote what the directory says
            why = failure.code if isinstance(failure, FederationError) else type(failure).__name__
            log.warning("not provisioned", extra={"connection": due.connection, "code": why})
            return False
        return True
