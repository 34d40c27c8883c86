"""Domains: who names them, whether DNS proves them, and by which connections alone people may come in."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation import domain_proof
from federation.administration import enforcement, listing, places
from federation.administration.desk import Desk
from federation.administration.listing import Entry, Place, Register
from federation.administration.looks import Asked, Looks
from federation.administration.paging import Page, write_cursor
from federation.configuration.faults import Fault
from federation.domain_proof import Challenge
from federation.errors import ChangeConflicts, FieldsRefused, NotFound
from federation.outbound.resolver import Resolver
from federation.roster.roster import Roster
from federation.store.domain_proofs import STANDS
from federation.store.domains_values import DomainProof, Enforcement, Preflight
from federation.store.local_values import BreakGlass

WAYS: Final = 32  # connections of one enforcement


@dataclass(frozen=True, kw_only=True)
class DomainView:
    """A domain of an organization."""

    organization: str
    name: str
    connections: tuple[str, ...]  # that name it, or what is under it
    needed: bool  # False: the operator's word is enough
    challenge: Challenge | None  # None: nobody has asked for its record yet
    proved: bool
    seen_at: datetime | None
    checked_at: datetime | None


async def list_domains(
    desk: Desk, organization: str | None, *, cursor: str | None, limit: int, search: str = ""
) -> Page[DomainView]:
    """Return the domains of an organization, or all that are this actor's to see, by name.

    Args:
        desk: Who asks.
        organization: Whose; None for all.
        cursor: Of the page before, or None.
        limit: 1 to 200.
        search: Part of a domain, in any case; "" for all.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    whose = desk.narrow("organizations:read", organization)
    wanted, place = search.strip().casefold(), listing.read_place(cursor or "")
    named = desk.roster.prepared(_arrange).of(whose).page(wanted, place, limit + 1)
    shown = named[:limit]
    views = await _views(desk, shown)
    return Page(items=views, next=write_cursor(shown[-1]) if len(named) > limit else None)


async def find(desk: Desk, organization: str, domain: str) -> DomainView:
    """Return a domain.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:read", organization)
    (view,) = await _views(desk, [_known(desk, organization, domain)])
    return view


async def begin(desk: Desk, organization: str, domain: str) -> Challenge:
    """Return the record that proves a domain, made where there is none: it stays the same.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:write", organization)
    name, whose = _known(desk, organization, domain)
    store = desk.audited("domain.begin_proof", "domain", name, organization=whose)
    return await domain_proof.challenge(store, whose, name, desk.now)


async def look(desk: Desk, organization: str, domain: str) -> DomainView:
    """Ask DNS for the record, and note the answer.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
        ProviderUnavailable: ``domain.dns``, ``domain.dns_setup``.
    """
    places.organization(desk, "organizations:write", organization)
    name, whose = _known(desk, organization, domain)
    await look_for(desk, whose, name)
    return await find(desk, organization, domain)


async def look_for(desk: Desk, organization: str, name: str) -> bool:
    """Ask DNS for the record of a domain that is theirs to prove; tell whether it is there.

    Raises:
        ProviderUnavailable: ``domain.dns``, ``domain.dns_setup``; nothing is noted then.
    """
    challenge = await domain_proof.challenge(desk.store, organization, name, desk.now)
    found = await domain_proof.is_published(Resolver(desk.settings.dns_servers), challenge)
    store = desk.audited("domain.look", "domain", name, organization=organization, after={"found": found})
    await store.note_domain_proof(challenge.proof, desk.now, seen=found)
    return found


async def enforced(desk: Desk, organization: str) -> tuple[Enforcement, ...]:
    """Return what an organization enforces, by domain.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:read", organization)
    return await desk.store.enforcements_of(organization)


async def preflight(desk: Desk, organization: str, domain: str, connections: tuple[str, ...]) -> Preflight:
    """Tell who would be locked out if people came in by these connections alone.

    Args:
        desk: Who asks.
        organization: Whose people.
        domain: Of which alone; "" all of them.
        connections: Ids.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:read", organization)
    _hold(desk, organization, domain, connections)
    return await desk.store.preflight(organization, domain, connections, desk.now)


async def look_who_stays_out(
    desk: Desk, looks: Looks, organization: str, domain: str, connections: tuple[str, ...]
) -> Preflight | None:
    """As ``preflight``, for a page: None while it is being looked, which a large organization takes.

    Args:
        desk: Who asks.
        looks: Those that go on here.
        organization: Whose people.
        domain: Of which alone; "" all of them.
        connections: Ids.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:read", organization)
    _hold(desk, organization, domain, connections)
    return await looks.look(Asked(organization, domain, connections), desk.now)


async def enforce(
    desk: Desk, organization: str, domain: str, connections: tuple[str, ...], *, locked_out: int
) -> Preflight:
    """Let people come in by these connections alone, on every node at once.

    Args:
        desk: By whom.
        organization: Whose people.
        domain: Of which alone; "" all of them.
        connections: Ids.
        locked_out: How many whoever asks knows to be locked out by it, as ``Preflight.number``.

    Raises:
        ChangeConflicts: ``admin.preflight``: by now it is another number, or a connection has seen no
            sign-in for a week.
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:write", organization)
    _hold(desk, organization, domain, connections)
    wanted = Enforcement(
        organization=organization,
        domain=domain,
        connections=connections,
        at=desk.now,
        by=f"{desk.actor.kind}:{desk.actor.id}",
    )
    told = {"domain": domain, "connections": connections, "locked_out": locked_out}
    store = desk.audited(
        "enforcement.on", "organization", organization, organization=organization, after=told
    )
    seen, done = await store.enforce(wanted, locked_out=locked_out)
    if not done:
        raise ChangeConflicts(
            "admin.preflight",
            f"would be locked out: {seen.number} people; untried connections: {len(seen.untried)}",
        )
    return seen


async def lift(desk: Desk, organization: str, domain: str) -> None:
    """Let people come in by every connection again.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:write", organization)
    store = desk.audited(
        "enforcement.off", "organization", organization, organization=organization, before={"domain": domain}
    )
    if not await store.lift_enforcement(organization, domain):
        raise NotFound("admin.unknown", "nothing is enforced there")


async def break_glass(desk: Desk, organization: str) -> BreakGlass | None:
    """Return how the sealed account of an organization stands; None where there is none.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "organizations:read", organization)
    return await desk.store.break_glass(organization)


def _named(roster: Roster) -> Mapping[Place, tuple[str, ...]]:
    """Return the connections that name each domain (name, organization)."""
    found: defaultdict[Place, list[str]] = defaultdict(list)
    for one in roster.connections.values():
        for entry in one.domains:
            found[entry.removeprefix("*."), one.organization].append(one.id)
    return {place: tuple(every) for place, every in found.items()}


def _arrange(roster: Roster) -> Register[Place]:
    named = roster.prepared(_named)
    return Register(
        Entry(organization=place[1], place=place, searched=place[0], item=place) for place in named
    )


def _known(desk: Desk, organization: str, domain: str) -> Place:
    place = domain.lower().removeprefix("*."), organization
    if place not in desk.roster.prepared(_named):
        raise NotFound("admin.unknown", "no connection of the organization names this domain")
    return place


async def _views(desk: Desk, shown: list[Place]) -> tuple[DomainView, ...]:
    if not shown:
        return ()
    found = await desk.store.domain_proofs_of([(whose, name) for name, whose in shown])
    proofs = {(one.domain, one.organization): one for one in found}
    named = desk.roster.prepared(_named)
    return tuple(_view(desk, place, named[place], proofs.get(place)) for place in shown)


def _view(desk: Desk, place: Place, connections: tuple[str, ...], proof: DomainProof | None) -> DomainView:
    name, organization = place
    tenant = desk.roster.organizations.get(organization)
    seen_at = proof.seen_at if proof else None
    return DomainView(
        organization=organization,
        name=name,
        connections=tuple(dict.fromkeys(connections)),
        needed=tenant is None or tenant.domain_proof == "dns" or not _of_file(desk, connections),
        challenge=Challenge(proof=proof) if proof else None,
        proved=seen_at is not None and desk.now - seen_at < STANDS,
        seen_at=seen_at,
        checked_at=proof.checked_at if proof else None,
    )


def _of_file(desk: Desk, connections: tuple[str, ...]) -> bool:
    """Tell whether the operator's settings name it: what is claimed here alone, DNS has to prove."""
    return not desk.roster.of_file.isdisjoint(connections)


def _hold(desk: Desk, organization: str, domain: str, connections: tuple[str, ...]) -> None:
    """Refuse what would let nobody in, or somebody else's people.

    Raises:
        FieldsRefused: ``admin.invalid``.
    """
    theirs = {one.id: one for one in desk.roster.connections_of(organization)}
    faults: list[Fault] = []
    if not 1 <= len(connections) <= WAYS or len(set(connections)) != len(connections):
        faults.append((("connections",), f"expected 1 to {WAYS} connections of the organization, each once"))
    elif any(enforcement.connection_fault(theirs, organization, domain, one) for one in connections):
        faults.append((("connections",), "expected enabled connections that let these people in"))
    if domain and not enforcement.names(theirs, organization, domain):
        faults.append((("domain",), "expected a domain that a connection of the organization names"))
    if faults:
        raise FieldsRefused("admin.invalid", "this cannot be enforced", faults=faults)
