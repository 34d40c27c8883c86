"""The connections and organizations in force in this worker: the settings file's, and the store's.

Who needs one holds these very mappings. They are changed in one step, with no ``await`` within, so
that a request sees all of a change or nothing of it between two of its own awaits; what it took out before
goes on as it was. The settings file's come first, and cannot be changed here. What of the store cannot
be used is not served: it stops nothing else, and says why to administrators.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar, cast

from pydantic import ValidationError

from federation import registry
from federation.clock import Clock
from federation.configuration.faults import Fault
from federation.connection import AnyConnection, Organization
from federation.connectors.contract import Connector
from federation.errors import FederationError
from federation.fetch import OfStore
from federation.oidc import provider
from federation.policy import domains
from federation.roster import conflicts, kept
from federation.roster.making import Kept, Making, make
from federation.store.kept_values import Declared, KeptConnection, KeptOrganization

Value = TypeVar("Value")

log = logging.getLogger(__name__)

EVERY: Final = 0.7  # seconds: a change is in force everywhere within one
_TURN: Final = 20  # connections that are made before others have theirs


class Roster:
    """What every request asks of connections and organizations; ``refresh`` brings in what the store says."""

    def __init__(
        self,
        *,
        entries: Mapping[str, registry.Entry],
        connectors: Mapping[str, Connector],
        organizations: Mapping[str, Organization],
        aliases: Mapping[str, str],
        making: Making,
    ) -> None:
        """Take what the settings file declares."""
        self._file = dict(entries)
        self._file_connectors = dict(connectors)
        self._file_organizations = dict(organizations)
        self._making = replace(making, fetch=OfStore(making.fetch))
        self._lock = asyncio.Lock()
        self._followers: list[Callable[[frozenset[str]], None]] = []
        self.own = making.own
        self.organizations: dict[str, Organization] = dict(organizations)
        self.entries: dict[str, registry.Entry] = dict(entries)
        self.connections: dict[str, AnyConnection] = {name: one.connection for name, one in entries.items()}
        self.connectors: dict[str, Connector] = dict(connectors)
        self.aliases: dict[str, str] = dict(aliases)  # a further path of a connection → its own
        self.issuers: dict[str, tuple[str, ...]] = dict(issuers(entries))
        self.saml: dict[
            str, registry.Saml
        ] = {}  # whose metadata we publish: those that are not whole yet too
        self.kept: dict[str, Kept] = {}  # of the store, served or not, the one that was made first first
        self.kept_organizations: dict[str, KeptOrganization] = {}
        self.faults: dict[str, str] = {}  # of the store's that are not served: id → why, for administrators
        self.of_file = frozenset(entries)  # ids of connections that the settings file declares
        self.organizations_of_file = frozenset(organizations)
        self._prepared: dict[Callable[[Roster], object], tuple[int, object]] = {}  # of which number, and what
        self.number = 0  # of the store's latest change that is in force here
        self._lay()

    def follow(self, tell: Callable[[frozenset[str]], None]) -> None:
        """Have somebody told, after each change, which connections were made anew or taken away."""
        self._followers.append(tell)

    def homes(self) -> Mapping[str, tuple[str, ...]]:
        """Return the connections of each entry of domains."""
        return self.prepared(_homes)

    def connections_of(self, organization: str) -> tuple[AnyConnection, ...]:
        """Return an organization's connections, in their order."""
        return self.prepared(_by_organization).get(organization, ())

    def prepared(self, make: Callable[["Roster"], Value]) -> Value:
        """Return what is made of all this, made anew where something has changed.

        A thousand connections are gone through once for each change, not for everybody who asks.

        Args:
            make: A function of a module, which is what the value is kept by.
        """
        number, known = self._prepared.get(make, (-1, None))
        if number != self.number:
            known = make(self)
            self._prepared[make] = self.number, known
        return cast("Value", known)

    async def refresh(self, now: datetime) -> bool:
        """Bring in what the store says by now; return whether anything changed.

        Raises:
            StoreUnavailable: Nothing is changed here.
        """
        async with self._lock:
            store = self._making.store
            if await store.declared_number() == self.number:
                return False
            news = await store.declared_since(self.number)
            made = await self._make(news, now)
            self._take(news, made)
        return True

    async def keep_up(self, clock: Clock) -> None:
        """Do so every moment, until cancelled."""
        failing = False
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.refresh(clock())
                failing = False
            except FederationError as fault:
                if not failing:  # once for each outage
                    log.warning("connections not looked at", extra={"code": fault.code})
                failing = True
            except Exception as failure:  # noqa: BLE001  one surprise must not end it for good
                if not failing:
                    log.error(  # noqa: TRY400  the message may hold what is kept
                        "connections not read", extra={"error": type(failure).__name__}
                    )
                failing = True

    async def _make(self, news: Declared, now: datetime) -> dict[str, Kept]:
        made: dict[str, Kept] = {}
        for at, row in enumerate(one for one in news.connections if not one.deleted):
            if at % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            made[row.id] = await make(row, self.kept.get(row.id), self._making, now)
        return made

    def _take(self, news: Declared, made: Mapping[str, Kept]) -> None:
        """Put all of it in force, in one step."""
        for organization in news.organizations:
            self.kept_organizations.pop(organization.id, None)
            if not organization.deleted:
                self.kept_organizations[organization.id] = organization
        for row in news.connections:
            self.kept.pop(row.id, None)
        every = {**self.kept, **made}
        self.kept = dict(sorted(every.items(), key=lambda one: (one[1].row.created_at, one[0])))
        before = dict(self.connectors)
        self._lay()
        self.number = news.number
        changed = {row.id for row in news.connections}
        changed |= {
            name for name in before | self.connectors if before.get(name) is not self.connectors.get(name)
        }
        for tell in self._followers:
            tell(frozenset(changed))

    def _lay(self) -> None:
        """Lay the store's over the file's."""
        organizations = dict(self._file_organizations)
        said: dict[str, str] = {}
        for name, row in self.kept_organizations.items():
            try:
                organizations.setdefault(name, kept.read_organization(kept.body_of(row)))
            except (ValidationError, FederationError):
                log.warning("organization not read", extra={"organization": name})
        entries = self.every_entry()
        for name, fault in self.find_conflicts(entries, organizations):
            said.setdefault(name, conflicts.tell((fault,)))
            entries.pop(name, None)
        for name, one in self.kept.items():
            if name in self.of_file:
                said[name] = "the settings file declares a connection of this id"
            elif one.entry is None:
                said[name] = conflicts.tell(one.faults)
        connectors = dict(self._file_connectors)
        for name in entries.keys() - connectors:
            if (connector := self.kept[name].connector) is not None:
                connectors[name] = connector
        _become(self.organizations, organizations)
        _become(self.entries, entries)
        _become(self.connections, {name: one.connection for name, one in entries.items()})
        _become(self.connectors, {name: connectors[name] for name in entries})
        _become(self.issuers, issuers(entries))
        _become(self.faults, said)
        _become(self.saml, dict(self._published(entries)))

    def _published(self, entries: Mapping[str, registry.Entry]) -> Iterator[tuple[str, registry.Saml]]:
        yield from ((name, one) for name, one in entries.items() if isinstance(one, registry.Saml))
        for name, one in self.kept.items():
            if one.entry is None and name not in self.of_file and (outline := self._outline(one.row)):
                yield name, outline

    def _outline(self, row: KeptConnection) -> registry.Saml | None:
        """Return what our metadata says of a connection that is not whole yet."""
        making = self._making
        try:
            connection = kept.outline(
                row.id, kept.body_of(row), organization=row.organization, config=making.config
            )
        except FederationError:
            return None
        if connection is None:
            return None
        return registry.compile_saml(
            connection, making.config.base_url, None, None, development=making.config.development
        )

    def find_conflicts(
        self, entries: Mapping[str, registry.Entry], organizations: Mapping[str, Organization]
    ) -> Iterator[tuple[str, Fault]]:
        """As ``conflicts.find``, of what is in force here."""
        return conflicts.find(
            entries, organizations, of_file=self.of_file, development=self._making.config.development
        )

    def every_entry(self) -> dict[str, registry.Entry]:
        """Return all that can be used by itself: the file's, and the store's."""
        ours = {name: one.entry for name, one in self.kept.items() if one.entry is not None}
        return {**self._file, **{name: one for name, one in ours.items() if name not in self.of_file}}


def _homes(roster: Roster) -> Mapping[str, tuple[str, ...]]:
    return domains.index(roster.connections.values())


def _by_organization(roster: Roster) -> Mapping[str, tuple[AnyConnection, ...]]:
    found: defaultdict[str, list[AnyConnection]] = defaultdict(list)
    for one in roster.connections.values():
        found[one.organization].append(one)
    return {name: tuple(every) for name, every in found.items()}


def issuers(entries: Mapping[str, registry.Entry]) -> dict[str, tuple[str, ...]]:
    """Return the connections of each issuer: whose word starts a sign-in."""
    found: dict[str, tuple[str, ...]] = {}
    for name, entry in entries.items():
        if isinstance(entry, registry.Oidc):
            for issuer in provider.issuers(entry.discovery, tenants=entry.client.demands.tenants):
                found[issuer] = (*found.get(issuer, ()), name)
    return found


def _become(mapping: dict[str, Value], wanted: Mapping[str, Value]) -> None:
    """Have a mapping that others hold say this, in this order."""
    mapping.clear()
    mapping.update(wanted)
