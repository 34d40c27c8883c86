"""What happened lately, what ends soon, and what needs somebody: the first page of the administration.

Every read is bounded: the latest records are counted, not all of them; certificates are those that this
worker has read anyway.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from federation import registry
from federation.administration.desk import Desk
from federation.connection import AnyConnection, SamlConnection
from federation.connectors.saml import SamlConnector
from federation.saml import certificates
from federation.saml.certificates import VerificationKey
from federation.store.directory_values import Causes, MetadataAge
from federation.store.values import Metadata, MetadataChange
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
    theirs = {name: one for name, one in desk.roster.connections.items() if whose in (None, one.organization)}
    known = await desk.store.metadata_ages(theirs, AGES)
    ages = tuple(one for one in known if by_url(theirs[one.connection]))
    held = [one.connection for one in ages if one.held][:SHOWN]
    found = [await desk.store.find_metadata(name) for name in held]
    ends = tuple(ending(desk, theirs, SHOWN, None))
    return Overview(
        causes=await desk.store.count_causes(whose, desk.now),
        matters=tuple(sorted(_matters(desk, whose, theirs, ages, ends), key=lambda one: one.level != "bad")),
        certificates=ends,
        waiting=tuple(one for one in found if one is not None and one.held_digest),
        changes=await _changes(desk, whose, theirs),
        ages=tuple(one for one in ages if not one.held)[:SHOWN],
    )


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


def ending(
    desk: Desk, theirs: Mapping[str, AnyConnection], limit: int, after: tuple[datetime, str] | None
) -> Iterator[CertificateEnd]:
    """Yield the certificates that end first, our own among them where this actor sees everything."""
    found = [
        (key.not_after, key.fingerprint, name)
        for name, keys in _keys(desk, theirs)
        for key in keys
        if after is None or (key.not_after, key.fingerprint) > after
    ]
    for not_after, fingerprint, name in heapq.nsmallest(limit, found):
        yield CertificateEnd(
            connection=name,
            title=theirs[name].title if name else "",
            fingerprint=fingerprint,
            not_after=not_after,
            state=_state(not_after, desk.now),
        )


def _state(not_after: datetime, now: datetime) -> Literal["ok", "soon", "over"]:
    if not_after <= now:
        return "over"
    return "soon" if not_after - now < watch.SOON else "ok"


def _keys(
    desk: Desk, theirs: Mapping[str, AnyConnection]
) -> Iterator[tuple[str, tuple[VerificationKey, ...]]]:
    """Yield the keys of each SAML provider, as this worker has them, and our own."""
    if desk.actor.organization is None:
        yield "", tuple(map(certificates.read_key, desk.roster.own.published))
    entries = desk.roster.entries
    for name, connector in desk.roster.connectors.items():
        if name in theirs and isinstance(connector, SamlConnector):
            idp = connector.at_hand
            if idp is None and isinstance(entry := entries.get(name), registry.Saml):
                idp = entry.idp
            if idp is not None:
                yield name, idp.keys


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


def _of_connections(desk: Desk, whose: str | None) -> Iterator[Matter]:
    roster = desk.roster
    kept = [(name, one.row) for name, one in roster.kept.items() if whose in (None, one.row.organization)]
    faulty = [name for name, row in kept if name in roster.faults and row.enabled]
    untried = [name for name, row in kept if row.tested_at is None and name not in faulty]
    for kind, level, names in (("faulty", "bad", faulty), ("untried", "warn", untried)):
        for name in names[:OF_A_KIND]:
            path = f"/admin/connections/{name}"
            yield Matter(kind=kind, level="bad" if level == "bad" else "warn", path=path, told={"name": name})
