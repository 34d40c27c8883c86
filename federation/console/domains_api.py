"""Domains and enforcement, for programs: the deeds of the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from federation.administration import domains
from federation.administration.desk import Desk
from federation.administration.domains import DomainView
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation, Paged, Searched
from federation.store.domains_values import Preflight

Ways = Annotated[
    tuple[str, ...], Field(min_length=1, max_length=domains.WAYS, description="Ids of connections")
]


class RecordShown(Model):
    """The record that proves a domain."""

    type: str
    name: str
    text: str


class DomainShown(Model):
    """A domain of an organization."""

    organization: str
    name: str
    connections: tuple[str, ...]
    needed: bool = Field(description="False: the operator's word is enough")
    proved: bool
    record: RecordShown | None = Field(description="Null: nobody has asked for it yet")
    checked_at: datetime | None
    seen_at: datetime | None


class EnforcementShown(Model):
    """What is enforced."""

    domain: str = Field(description="Empty: everybody")
    connections: tuple[str, ...]
    at: datetime
    by: str


class EnforcementsShown(Model):
    """All that an organization enforces."""

    items: tuple[EnforcementShown, ...]


class PreflightAsked(Model):
    """What would be enforced."""

    connections: Ways
    domain: Annotated[str, Field(max_length=253, description="Empty: everybody")] = ""


class EnforceAsked(PreflightAsked):
    """What to enforce, and how many people are known to be locked out by it."""

    locked_out: Annotated[int, Field(ge=0)]


class DomainNamed(Model):
    """Of which domain."""

    domain: Annotated[str, Field(max_length=253, description="Empty: everybody")] = ""


class LockedOutShown(Model):
    """Somebody who would be locked out."""

    user: str
    email: str
    connection: str
    signed_in_at: datetime | None


class PreflightShown(Model):
    """What an enforcement would mean now."""

    locked_out: int = Field(description="Above 1000 they are not counted: 1001")
    people: tuple[LockedOutShown, ...] = Field(description="The first 100")
    untried: tuple[str, ...] = Field(description="Connections that saw no sign-in for a week")


def _shown(one: DomainView) -> DomainShown:
    record = one.challenge
    return DomainShown(
        organization=one.organization,
        name=one.name,
        connections=one.connections,
        needed=one.needed,
        proved=one.proved,
        record=RecordShown(type="TXT", name=record.name, text=record.text) if record else None,
        checked_at=one.checked_at,
        seen_at=one.seen_at,
    )


def _preflight(seen: Preflight) -> PreflightShown:
    people = tuple(
        LockedOutShown(
            user=one.user_id, email=one.email, connection=one.connection, signed_in_at=one.signed_in_at
        )
        for one in seen.locked_out
    )
    return PreflightShown(locked_out=seen.number, people=people, untried=seen.untried)


async def list_domains(desk: Desk, asked: Asked) -> Paged[DomainShown]:
    """By name."""
    query: Searched = asked.query
    page = await domains.list_domains(
        desk, query.organization, cursor=query.cursor, limit=query.limit, search=query.search
    )
    return Paged[DomainShown](items=tuple(map(_shown, page.items)), next=page.next)


async def get_domain(desk: Desk, asked: Asked) -> DomainShown:
    """With the record that proves it, once somebody asked for it."""
    return _shown(await domains.find(desk, asked.path["organization"], asked.path["domain"]))


async def begin_domain_proof(desk: Desk, asked: Asked) -> DomainShown:
    """The record stays the same whenever this is asked."""
    named = asked.path["organization"], asked.path["domain"]
    await domains.begin(desk, *named)
    return _shown(await domains.find(desk, *named))


async def look_for_domain(desk: Desk, asked: Asked) -> DomainShown:
    """DNS is asked once."""
    return _shown(await domains.look(desk, asked.path["organization"], asked.path["domain"]))


async def list_enforcements(desk: Desk, asked: Asked) -> EnforcementsShown:
    """By domain."""
    found = await domains.enforced(desk, asked.path["organization"])
    shown = (
        EnforcementShown(domain=one.domain, connections=one.connections, at=one.at, by=one.by)
        for one in found
    )
    return EnforcementsShown(items=tuple(shown))


async def preflight_enforcement(desk: Desk, asked: Asked) -> PreflightShown:
    """Nothing is changed by it."""
    body: PreflightAsked = asked.body
    return _preflight(
        await domains.preflight(desk, asked.path["organization"], body.domain, body.connections)
    )


async def enforce(desk: Desk, asked: Asked) -> PreflightShown:
    """Refused where another number of people would be locked out than is said."""
    body: EnforceAsked = asked.body
    seen = await domains.enforce(
        desk, asked.path["organization"], body.domain, body.connections, locked_out=body.locked_out
    )
    return _preflight(seen)


async def lift_enforcement(desk: Desk, asked: Asked) -> None:
    """People come in by every connection again."""
    await domains.lift(desk, asked.path["organization"], asked.query.domain)


_ONE: Final = "/organizations/{organization}/domains/{domain}"
_ENFORCED: Final = "/organizations/{organization}/enforcements"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/domains",
        "List domains",
        "organizations:read",
        list_domains,
        Searched,
        None,
        Paged[DomainShown],
    ),
    Operation("GET", _ONE, "Show a domain", "organizations:read", get_domain, None, None, DomainShown),
    Operation(
        "POST",
        f"{_ONE}/proof",
        "Make the record that proves a domain",
        "organizations:write",
        begin_domain_proof,
        None,
        None,
        DomainShown,
    ),
    Operation(
        "POST",
        f"{_ONE}/look",
        "Look for the record now",
        "organizations:write",
        look_for_domain,
        None,
        None,
        DomainShown,
    ),
    Operation(
        "GET",
        _ENFORCED,
        "List what is enforced",
        "organizations:read",
        list_enforcements,
        None,
        None,
        EnforcementsShown,
    ),
    Operation(
        "POST",
        f"{_ENFORCED}/preflight",
        "Show who would be locked out",
        "organizations:read",
        preflight_enforcement,
        None,
        PreflightAsked,
        PreflightShown,
    ),
    Operation(
        "POST",
        _ENFORCED,
        "Enforce connections",
        "organizations:write",
        enforce,
        None,
        EnforceAsked,
        PreflightShown,
    ),
    Operation(
        "DELETE", _ENFORCED, "Lift an enforcement", "organizations:write", lift_enforcement, DomainNamed
    ),
)
