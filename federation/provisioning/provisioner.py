"""Who answers a directory's requests, and decides of whoever they concern."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from federation import registry
from federation.clock import Clock
from federation.connection import AnyConnection, policies
from federation.connection.policies import Terms
from federation.decision import Decision
from federation.errors import FederationError, PolicyRefused, TooManyRequests
from federation.identity import Identity
from federation.provisioned import Due, Finding, ScimUser
from federation.provisioning.beside import Beside
from federation.provisioning.request import Answered, Asked, Caller, Concerned, Place
from federation.scim import subjects
from federation.signin.deciding import Deciding
from federation.store.audit import AuditEntry
from federation.store.store import Store
from federation.vault import Vault

if TYPE_CHECKING:
    from federation.provisioning.answering import Answering

log = logging.getLogger(__name__)

AT_ONCE: Final = 50  # whom a request concerns and who are decided of before it is answered
TOGETHER: Final = 100  # requests of one connection that are read or answered at a time; 4 MiB each
_BATCH: Final = 200
_UNHEARD: Final = 100  # names of attributes that are told of, of each connection
_LEASE: Final = "scim:"
_HOLD: Final = timedelta(seconds=20)  # for a batch
_AGAIN: Final = 1.0  # seconds, while another worker is at it: it may end without whoever is due since
_LATER: Final = timedelta(minutes=1)  # whoever could not be decided of comes behind all who are due now
_CURSORS: Final = "scim cursors"
_NEW: Final = "new"  # stands for the id of one that has none yet


class Provisioner:
    """One for a worker."""

    def __init__(
        self,
        *,
        connections: Mapping[str, AnyConnection],
        entries: Mapping[str, registry.Entry],
        store: Store,
        deciding: Deciding,
        vault: Vault,
        terms: Terms,
        clock: Clock,
    ) -> None:
        """Take what is in force; all mappings change in place."""
        self._connections, self._entries, self._terms = connections, entries, terms
        self._holder = secrets.token_urlsafe(12)
        self._store, self._deciding, self._vault, self._clock = store, deciding, vault, clock
        self._answering: Answering | None = None
        self._beside = Beside()
        self._busy: Counter[str] = Counter()  # requests by connection
        self._left: set[str] = set()  # connections with more who are due than a request decides of
        self._task: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._moved: frozenset[str] = frozenset()  # connections whose directories' people are another's
        self._unheard: dict[str, set[str]] = {}  # names of attributes that the log has told of, by connection

    def ready(self) -> None:
        """Load what answering takes, if any connection provisions: half a second, once."""
        if self._answering is None and any(one.scim is not None for one in self._connections.values()):
            from federation.provisioning.answering import Answering  # noqa: PLC0415  few installations need it

            self._answering = Answering(secret=self._vault.derive(_CURSORS))

    async def open(self) -> None:
        """Load what answering takes, and learn whose people there are, before anybody asks.

        Raises:
            StoreUnavailable: Nobody can tell.
        """
        self.ready()
        await self.learn()

    async def learn(self) -> None:
        """Learn of whose directory the people are another organization's.

        A connection of the settings file may be given to another one; what it kept stays where it was.

        Raises:
            StoreUnavailable: Nobody can tell.
        """
        self._moved = frozenset(
            one.connection
            for one in await self._store.residues()
            if (now := self._connections.get(one.connection)) and now.organization != one.organization
        )

    async def demand_own(self, connection: AnyConnection) -> None:
        """Refuse a directory that would read and change another organization's people.

        Raises:
            PolicyRefused: ``scim.moved``.
            StoreUnavailable: Nobody can tell.
        """
        if connection.id not in self._moved:
            return
        await self.learn()  # it may have been forgotten meanwhile
        if connection.id in self._moved:
            raise PolicyRefused("scim.moved", "this connection keeps people of another organization")

    def follow(self) -> None:
        """Load it beside everything else, where the first connection that provisions is in force now."""
        if self._answering is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self.ready))

    @contextmanager
    def admitting(self, connection: str) -> Iterator[None]:
        """Count a request for as long as it takes, before anything of it is kept in memory.

        Raises:
            TooManyRequests: ``rate.limited``: the connection has ``TOGETHER`` already.
        """
        if self._busy[connection] >= TOGETHER:
            raise TooManyRequests("rate.limited", "so many requests are being answered", retry_after=1)
        self._busy[connection] += 1
        try:
            yield
        finally:
            self._busy[connection] -= 1

    async def answer(self, connection: AnyConnection, asked: Asked, caller: Caller) -> Answered:
        """Answer one request of a caller who proved themselves, and decide of whom it concerns.

        Every fault of a request is answered as RFC 7644 §3.12 says.

        Raises:
            StoreUnavailable: Nothing is changed.
        """
        place = self._place(connection, caller)
        answered, concerned = await (await self._loaded()).answer(asked, place)
        self._tell_unheard(connection.id, answered.unknown)
        await self._settle_few(connection.id, concerned)
        return answered

    def _tell_unheard(self, connection: str, names: frozenset[str]) -> None:
        """Say in the log which attributes nobody here knows: each once, and no value."""
        told = self._unheard.setdefault(connection, set())
        if (new := names - told) and len(told) < _UNHEARD:
            told |= new
            log.info("attributes not heard", extra={"connection": connection, "attributes": sorted(new)})

    async def _loaded(self) -> "Answering":
        if self._answering is None:
            await asyncio.to_thread(self.ready)
        assert self._answering is not None  # noqa: S101  who asks has a connection that provisions
        return self._answering

    def _place(self, connection: AnyConnection, caller: Caller) -> Place:
        now = self._clock()

        def audited(action: str, name: str, after: Mapping[str, object]) -> Store:
            return self._store.audited(
                AuditEntry(
                    organization=connection.organization,
                    at=now,
                    actor_kind="scim",
                    actor=caller.credential,
                    action=action,
                    kind=action.partition(".")[0],
                    name=name,
                    after={"connection": connection.id, **after},
                    address=caller.address,
                )
            )

        async def find(user: ScimUser) -> Finding:
            return await self._find(user, connection, now)

        return Place(
            connection=connection.id,
            organization=connection.organization,
            store=self._store,
            now=now,
            audited=audited,
            find=find,
            beside=partial(self._beside.do, connection.id),
        )

    async def _find(self, user: ScimUser, connection: AnyConnection, now: datetime) -> Finding:
        """Say by what somebody new is found; an address finds nobody but by the connection's word.

        What rules say of them changes nothing: whoever is new is in no group yet.
        """
        who = await self._described(replace(user, id=_NEW), connection)
        trusted = await self._deciding.is_trusted(who, connection, now)
        issuers, ours = registry.names_of(self._entries[connection.id])
        persons = [
            person
            for issuer in issuers
            for person in subjects.persons(connection, user, issuer=issuer, sp_entity_id=ours)
        ]
        return Finding(
            persons=tuple(persons),
            email_key=user.email.lower() if trusted else "",
        )

    async def settle_after(self, connection: str, user_id: str) -> None:
        """Decide of who has become due by signing in: the first time of somebody whom a directory made.

        Nothing that goes wrong here fails the sign-in: they stay due.
        """
        told = self._connections.get(connection)
        if told is None or told.scim is None:
            return
        await self._settle_some(connection, user_id=user_id)

    async def _settle_some(self, connection: str, *, of: tuple[str, ...] = (), user_id: str = "") -> None:
        try:
            for due in await self._store.due_provisioned(connection, AT_ONCE, of=of, user_id=user_id):
                await self._settle(due)
        except FederationError as failure:
            log.warning("not provisioned", extra={"connection": connection, "code": failure.code})

    async def settle_due(self, now: datetime) -> None:
        """Decide of whoever is left, of every connection."""
        await self.resume(now)
        if self._task is not None:
            await self._task

    async def resume(self, _: datetime) -> None:
        """Have whoever is left decided of, of every connection: what a process that ended had not done.

        Other background work does not wait for it: there may be thousands.
        """
        for name in [name for name, one in self._connections.items() if one.scim is not None]:
            if (await self._store.left_provisioned(name)).any:
                self._begin(name)

    async def close(self) -> None:
        """Leave the rest to ``settle_due``, here or on another node."""
        tasks = [task for task in (self._task, self._loading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._beside.close()

    async def _settle_few(self, connection: str, concerned: Concerned) -> None:
        """Decide of a few now; of the others beside everything else.

        Nothing that goes wrong here fails the request, whose changes are kept: they stay due.
        """
        if few := tuple(concerned.users)[:AT_ONCE]:
            await self._settle_some(connection, of=few)
        if concerned.others or len(concerned.users) > AT_ONCE:
            self._begin(connection)

    def _begin(self, connection: str) -> None:
        self._left.add(connection)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._left:
            connection = self._left.pop()
            try:
                await self._settle_all(connection)
            except FederationError as failure:  # ``settle_due`` comes back to it
                log.warning("not provisioned", extra={"connection": connection, "code": failure.code})

    async def _settle_all(self, connection: str) -> None:
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
                going_on = await self._settle_batch(connection, failed)
            finally:
                await self._store.lease(f"{_LEASE}{connection}", self._holder, now, now)
            if not going_on:
                return

    async def _settle_batch(self, connection: str, failed: set[str]) -> bool:
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

    async def _decide(
        self, user: ScimUser, connection: AnyConnection, now: datetime
    ) -> tuple[Decision | None, str]:
        """Return what policy gives them, or the code of why it gives nothing."""
        try:
            return await self._deciding.decide(
                await self._described(user, connection), connection, (), now
            ), ""
        except PolicyRefused as refusal:
            return None, refusal.code

    async def _described(self, user: ScimUser, connection: AnyConnection) -> Identity:
        """Return somebody as policy reads them.

        Raises:
            PolicyRefused: ``identity.too_large``.
        """
        assert connection.scim is not None  # noqa: S101  it provisions
        described = (await self._loaded()).describe
        return described(
            user,
            connection=connection.id,
            organization=connection.organization,
            by=connection.scim.group_name,
        )
