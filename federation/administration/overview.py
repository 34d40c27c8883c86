"""What happened lately, what ends soon, and what needs somebody: the first page of the administration.

Every read is bounded: the latest records are counted, not all of them; certificates are those that this
worker has read anyway.
"""

import heapq
import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from federation import registry
from federation.administration.desk import Desk
from federation.connection import AnyConnection, SamlConnection
from federation.connectors.saml import SamlConnector
from federation.roster.roster import Roster
from federation.saml import certificates
from federation.saml.metadata import IdentityProvider
from federation.store.directory_values import Causes, MetadataAge
from federation.store.metadata_values import Metadata, MetadataChange
from federation.trust import watch

OVERDUE: Final = timedelta(days=2)  # a provider's metadata is asked for daily, at least
SHOWN: Final = 10  # of each list
AGES: Final = 50  # connections whose metadata is looked at: those where some waits, then the oldest
OF_A_KIND: Final = 5  # matters of one kind: the list that each leads to has the others

Level = Literal["bad", "warn"]


@dataclass(frozen=True, kw_only=True)
class CertificateEnd:
    """When a certificate ends, of an identity provider's or of our own."""

    connection: str  # "": our own
    title: str  # of the connection
    fingerprint: str  # SHA-256, hex
    not_after: datetime
    state: Literal["ok", "soon", "over"]


@dataclass(frozen=True, kw_only=True)
class Matter:
    """Something that needs somebody: in words (``kind`` names the text), with the place that mends it."""

    kind: str
    level: Level
    path: str
    told: Mapping[str, str]  # what the text fills in


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the page says."""

    causes: Causes
    matters: tuple[Matter, ...]  # what is broken first
    certificates: tuple[CertificateEnd, ...]  # those that end first, at most ``SHOWN``
    waiting: tuple[Metadata, ...]  # with a later document that waits for somebody's word
    changes: tuple[MetadataChange, ...]  # newest first
    ages: tuple[MetadataAge, ...]  # the oldest first, at most ``SHOWN``


async def look(desk: Desk, organization: str | None) -> Overview:
    """Look at an organization, or at all that is this actor's to see.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    whose = desk.narrow("decisions:read", organization)
    desk.demand("connections:read", organization=whose)
    theirs: Mapping[str, AnyConnection] = desk.roster.connections
    if whose is not None:
        theirs = {one.id: one for one in desk.roster.connections_of(whose)}
    fetched = desk.roster.prepared(_fetched).get(whose, ())
    ages = await desk.store.metadata_ages(fetched, AGES) if fetched else ()
    held = [one.connection for one in ages if one.held][:SHOWN]
    found = [await desk.store.find_metadata(name) for name in held]
    ends = tuple(_ending(desk, theirs, whose))
    matters = [*await _unadministered(desk, whose), *_matters(desk, whose, theirs, ages, ends)]
    return Overview(
        causes=await desk.store.count_causes(whose, desk.now),
        matters=tuple(sorted(matters, key=lambda one: one.level != "bad")),
        certificates=ends,
        waiting=tuple(one for one in found if one is not None and one.held_digest),
        changes=await _changes(desk, whose, theirs),
        ages=tuple(one for one in ages if not one.held)[:SHOWN],
    )


async def _unadministered(desk: Desk, whose: str | None) -> tuple[Matter, ...]:
    """Tell where nobody administers who should: of one organization; there may be thousands."""
    tenant = None if whose is None else desk.roster.organizations.get(whose)
    if whose is None or tenant is None or not tenant.administrators_roles:
        return ()
    if await desk.store.is_administered(whose, tenant):
        return ()
    path = f"/admin/organizations/{whose}"
    return (Matter(kind="unadministered", level="bad", path=path, told={"name": tenant.name}),)


async def _changes(
    desk: Desk, whose: str | None, theirs: Mapping[str, AnyConnection]
) -> tuple[MetadataChange, ...]:
    if whose is None:
        return await desk.store.metadata_changes(None, SHOWN)
    return await desk.store.changes_of(theirs, SHOWN)


def by_url(connection: AnyConnection) -> bool:
    """Tell whether a provider's metadata is fetched."""
    if not isinstance(connection, SamlConnection) or (source := connection.metadata) is None:
        return False
    return source.url is not None


def _fetched(roster: Roster) -> Mapping[str | None, Sequence[str]]:
    """Return the connections whose metadata is fetched, of each organization and (None) of all."""
    found: defaultdict[str | None, list[str]] = defaultdict(list)
    for one in roster.connections.values():
        if by_url(one):
            found[None].append(one.id)
            found[one.organization].append(one.id)
    return dict(found)


@dataclass(frozen=True, order=True)
class _End:
    """When a key ends, of whose provider."""

    not_after: datetime
    fingerprint: str
    connection: str  # "": our own


class _Ends:
    """When certificates end, put in order where a provider's document is another than it was."""

    def __init__(self, roster: Roster) -> None:
        """Take the SAML connections in force."""
        self._entries = roster.entries
        self._connectors = [one for one in roster.connectors.values() if isinstance(one, SamlConnector)]
        self._seen: list[IdentityProvider | None] | None = None
        self._first: dict[str | None, list[_End]] = {}
        self._own = [
            _End(key.not_after, key.fingerprint, "")
            for key in map(certificates.read_key, roster.own.published)
        ]

    def first(self, whose: str | None, *, ours: bool) -> Sequence[_End]:
        """Return the first of an organization (None: of all), our own among them or not."""
        seen = [one.at_hand for one in self._connectors]
        if self._seen is None or any(map(operator.is_not, seen, self._seen)):
            self._seen = seen
            self._first = self._sorted(seen)
        return heapq.nsmallest(SHOWN, [*self._first.get(whose, ()), *(self._own if ours else ())])

    def _sorted(self, seen: Iterable[IdentityProvider | None]) -> dict[str | None, list[_End]]:
        found: defaultdict[str | None, list[_End]] = defaultdict(list)
        for connector, at_hand in zip(self._connectors, seen, strict=True):
            name, idp = connector.connection.id, at_hand
            if idp is None and isinstance(entry := self._entries.get(name), registry.Saml):
                idp = entry.idp
            for key in idp.keys if idp is not None else ():
                end = _End(key.not_after, key.fingerprint, name)
                found[None].append(end)
                found[connector.connection.organization].append(end)
        return {whose: heapq.nsmallest(SHOWN, every) for whose, every in found.items()}


def _ending(desk: Desk, theirs: Mapping[str, AnyConnection], whose: str | None) -> Iterator[CertificateEnd]:
    """Yield the certificates that end first, our own among them where this actor sees everything."""
    for one in desk.roster.prepared(_Ends).first(whose, ours=desk.actor.organization is None):
        yield CertificateEnd(
            connection=one.connection,
            title=theirs[one.connection].title if one.connection else "",
            fingerprint=one.fingerprint,
            not_after=one.not_after,
            state=_state(one.not_after, desk.now),
        )


def _state(not_after: datetime, now: datetime) -> Literal["ok", "soon", "over"]:
    if not_after <= now:
        return "over"
    return "soon" if not_after - now < watch.SOON else "ok"


def _matters(
    desk: Desk,
    whose: str | None,
    theirs: Mapping[str, AnyConnection],
    ages: tuple[MetadataAge, ...],
    ends: tuple[CertificateEnd, ...],
) -> Iterator[Matter]:
    """Yield what needs somebody, few of each kind."""
    yield from _of_connections(desk, whose)
    for one in ends:
        if one.state != "ok":
            kind = ("own_certificate" if not one.connection else "certificate") + f"_{one.state}"
            level: Level = "bad" if not one.connection and one.state == "over" else "warn"
            told = {"title": one.title, "day": f"{one.not_after:%Y-%m-%d}"}
            path = f"/admin/connections/{one.connection}" if one.connection else "/admin/settings"
            yield Matter(kind=kind, level=level, path=path, told=told)
    for kind, names in (
        ("metadata_held", [one.connection for one in ages if one.held]),
        ("metadata_overdue", [one.connection for one in ages if _is_overdue(one, desk.now)]),
    ):
        for name in names[:OF_A_KIND]:
            path = "/admin#waiting" if kind == "metadata_held" else f"/admin/connections/{name}"
            yield Matter(kind=kind, level="warn", path=path, told={"title": theirs[name].title})


def _is_overdue(age: MetadataAge, now: datetime) -> bool:
    return age.checked_at is None or now - age.checked_at > OVERDUE


@dataclass(frozen=True, kw_only=True)
class _Unready:
    """Connections of the store that nobody comes in by, the first of a kind."""

    faulty: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


def _unready(roster: Roster) -> Mapping[str | None, _Unready]:
    """Return them, of each organization and (None) of all."""
    found: defaultdict[str | None, _Unready] = defaultdict(_Unready)
    for name, one in roster.kept.items():
        for whose in (None, one.row.organization):
            if name in roster.faults and one.row.enabled:
                kind = found[whose].faulty
            elif one.row.tested_at is None:
                kind = found[whose].untried
            else:
                continue
            if len(kind) < OF_A_KIND:
                kind.append(name)
    return dict(found)


def _of_connections(desk: Desk, whose: str | None) -> Iterator[Matter]:
    found = desk.roster.prepared(_unready).get(whose, _Unready())
    kinds: tuple[tuple[str, Level, list[str]], ...] = (
        ("faulty", "bad", found.faulty),
        ("untried", "warn", found.untried),
    )
    for kind, level, names in kinds:
        for name in names:
            yield Matter(
                kind=kind,
                level=level,
                path=f"/admin/connections/{name}",
                told={"name": desk.roster.kept[name].title},
            )
