"""Who answers a directory's requests, and decides of whoever they concern."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from federation import registry
from federation.clock import Clock
from federation.connection import AnyConnection
from federation.connection.policies import Terms
from federation.decision import Decision
from federation.errors import PolicyRefused, TooManyRequests
from federation.identity import Identity
from federation.provisioned import Finding, ScimUser
from federation.provisioning import unadministered
from federation.provisioning.beside import Beside
from federation.provisioning.request import Answered, Asked, Caller, Place
from federation.provisioning.settling import Settler
from federation.scim import subjects
from federation.signin.deciding import Deciding
from federation.store.audit import AuditEntry
from federation.store.store import Store
from federation.vault import Vault

if TYPE_CHECKING:
    from federation.provisioning.answering import Answering

log = logging.getLogger(__name__)

TOGETHER: Final = 100  # requests of one connection that are read or answered at a time; 4 MiB each
_UNHEARD: Final = 100  # names of attributes that are told of, of each connection
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
        self._store, self._deciding, self._vault, self._clock = store, deciding, vault, clock
        self._answering: Answering | None = None
        self._beside = Beside()
        self._busy: Counter[str] = Counter()  # requests by connection
        self._settler = Settler(
            connections=connections, store=store, terms=terms, clock=clock, decide=self._decide
        )
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
        await self._settler.few(connection.id, concerned)
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

        def leaving() -> AbstractAsyncContextManager[None]:
            of = {"actor": caller.credential, "address": caller.address}
            return unadministered.told(self._store, self._terms, connection, now, **of)

        return Place(
            connection=connection.id,
            organization=connection.organization,
            store=self._store,
            now=now,
            audited=audited,
            find=find,
            beside=partial(self._beside.do, connection.id),
            leaving=leaving,
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
        await self._settler.some(connection, user_id=user_id)

    async def settle_due(self, now: datetime) -> None:
        """Decide of whoever is left, of every connection."""
        await self._settler.resume(now)
        await self._settler.done()

    async def resume(self, now: datetime) -> None:
        """Have whoever is left decided of, of every connection: what a process that ended had not done."""
        await self._settler.resume(now)

    async def close(self) -> None:
        """Leave the rest to ``settle_due``, here or on another node."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self._settler.close()
        self._beside.close()

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
