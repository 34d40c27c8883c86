"""Organizations: those of the settings file, which are shown, and those of the store."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from federation.administration import administrators, listing, paging, places
from federation.administration.desk import Desk
from federation.administration.listing import Entry, Place, Register
from federation.configuration import faults
from federation.configuration.faults import Fault
from federation.connection import Organization, name_fault, show
from federation.errors import ChangeConflicts, FieldsRefused, NotAllowed, NotFound, PolicyRefused
from federation.roster import kept
from federation.roster.roster import Roster
from federation.store.kept_values import KeptOrganization


@dataclass(frozen=True, kw_only=True)
class OrganizationView:
    """An organization, as it may be shown."""

    id: str
    name: str
    origin: Literal["file", "store"]  # file: managed by configuration
    default_roles: tuple[str, ...]
    administrators: tuple[str, ...]  # roles
    connections: int
    number: int  # of the change that made it what it is: what ``update`` names; 0 of the file's
    created_at: datetime | None  # None of the file's
    settings: Mapping[str, Any] = field(repr=False)  # the file's keys


@dataclass(frozen=True, kw_only=True)
class OrganizationsListed:
    """A page of organizations by name; ``next`` leads on, "" at the end."""

    organizations: tuple[OrganizationView, ...]
    next: str


async def list_organizations(desk: Desk, *, search: str, after: str, limit: int) -> OrganizationsListed:
    """Return organizations by name; arguments as ``connections.list_connections``."""
    desk.demand("organizations:read", organization=desk.actor.organization)
    await desk.roster.refresh(desk.now)
    every = desk.roster.prepared(_arrange).of(desk.actor.organization)
    found = every.page(search.strip().casefold(), listing.read_place(after), limit + 1)
    page = paging.cut(found, limit, lambda one: one)
    shown = tuple(_view(desk, name) for _, name in page.items)
    return OrganizationsListed(organizations=shown, next=page.next or "")


def first(desk: Desk, limit: int) -> list[Place]:
    """Return name and id of the first that this actor sees, by name."""
    return desk.roster.prepared(_arrange).of(desk.actor.organization).page("", None, limit)


async def find(desk: Desk, organization: str) -> OrganizationView:
    """Return one.

    Raises:
        NotFound: ``admin.not_yours``: there is none, or it is another's.
    """
    desk.demand("organizations:read", organization=organization)
    await desk.roster.refresh(desk.now)
    if organization not in desk.roster.organizations:
        raise NotFound("admin.not_yours", "no organization has this id")
    return _view(desk, organization)


async def create(desk: Desk, organization: str, *, body: Mapping[str, Any]) -> OrganizationView:
    """Keep a new organization; the operator's to do.

    Args:
        desk: By whom.
        organization: Its id, for good.
        body: ``name``, ``default_roles``, ``administrators``.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotFound: ``admin.not_yours``, to whoever is none.
    """
    desk.demand("organizations:write", organization=None)
    await desk.roster.refresh(desk.now)
    found: list[Fault] = [(("id",), fault)] if (fault := name_fault(organization, ())) else []
    if organization in desk.roster.organizations:
        found.append(_TAKEN)
    _refuse((*found, *_faults(body)))
    administrators.demand_for_organization(desk, {}, body)
    store = desk.audited(
        "organization.create", "organization", organization, organization=organization, after=body
    )
    if not await store.keep_organization(organization, json.dumps(dict(body)), desk.now):
        _refuse((_TAKEN,))
    return await find(desk, organization)


async def update(
    desk: Desk, organization: str, changes: Mapping[str, Any], *, number: int
) -> OrganizationView:
    """Change keys of one; the operator's to do.

    Somebody who administers it must be left, if anybody does: to name another role, give it to somebody
    first. Raises as ``connections.update``, and ``admin.operator``, ``admin.last_administrator``.
    """
    row = await _own(desk, organization)
    before = kept.body_of(row)
    body = {key: value for key, value in {**before, **changes}.items() if value is not None}
    _refuse(tuple(_faults(body)))
    administrators.demand_for_organization(desk, before, body)
    changed = {key for key in before | body if before.get(key) != body.get(key)}
    store = desk.audited(
        "organization.update",
        "organization",
        organization,
        organization=organization,
        before={key: before[key] for key in before if key in changed},
        after={key: body[key] for key in body if key in changed},
    )
    was = places.remaining(desk, organization, "", force=False)
    named = kept.read_organization(body)
    will = replace(
        was, administrators=named.administrators_roles, administrator_teams=named.administrators_teams
    )
    told = json.dumps(body)
    try:
        edited = await store.edit_organization(
            organization, told, desk.now, previous=number, was=was, will=will
        )
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    if not edited:
        raise ChangeConflicts("admin.changed_meanwhile", "it was changed meanwhile")
    return await find(desk, organization)


async def delete(desk: Desk, organization: str, typed: str) -> None:
    """Take an organization away that has no connection, no person and no team; the operator's to do.

    Raises:
        FieldsRefused: ``admin.invalid``: ``typed`` is not its name.
        ChangeConflicts: ``admin.not_empty``; ``admin.managed``.
        NotAllowed: ``admin.operator``.
        NotFound: ``admin.not_yours``.
    """
    row = await _own(desk, organization)
    if typed.strip() != desk.roster.organizations[organization].name:
        _refuse(((("name",), "expected the organization's name, as it is shown"),))
    store = desk.audited(
        "organization.delete",
        "organization",
        organization,
        organization=organization,
        before=kept.body_of(row),
    )
    if not await store.drop_organization(organization, desk.now):
        held = await desk.store.organization_holds(organization)
        raise ChangeConflicts("admin.not_empty", f"it has still: {', '.join(held) or 'nothing; look again'}")
    await desk.roster.refresh(desk.now)


_TAKEN: Fault = (("id",), "this id is taken; choose another")


async def _own(desk: Desk, organization: str) -> KeptOrganization:
    """Return one of the store that an operator changes."""
    desk.demand("organizations:write", organization=organization)
    if not desk.actor.is_operator:
        raise NotAllowed("admin.operator", "organizations are an operator's to make and to change")
    await desk.roster.refresh(desk.now)
    if organization in desk.roster.organizations_of_file:
        raise ChangeConflicts("admin.managed", "the settings file declares it: it is changed there")
    if organization not in desk.roster.kept_organizations:
        raise NotFound("admin.not_yours", "no organization has this id")
    return desk.roster.kept_organizations[organization]


def _arrange(roster: Roster) -> Register[Place]:
    """Return places by name; what a list tells beside is read of those that it shows."""
    return Register(
        Entry(organization=name, place=place, searched=f"{one.name}\n{name}".casefold(), item=place)
        for name, one in roster.organizations.items()
        for place in [(one.name.casefold(), name)]
    )


def _count(roster: Roster) -> Counter[str]:
    """Return how many connections each has, served or not."""
    served = Counter(one.organization for one in roster.connections.values())
    waiting = Counter(
        one.row.organization for name, one in roster.kept.items() if name not in roster.connections
    )
    return served + waiting


def _view(desk: Desk, name: str) -> OrganizationView:
    one: Organization = desk.roster.organizations[name]
    row = None if name in desk.roster.organizations_of_file else desk.roster.kept_organizations.get(name)
    return OrganizationView(
        id=name,
        name=one.name,
        origin="store" if row else "file",
        default_roles=one.default_roles,
        administrators=one.administrators,
        connections=desk.roster.prepared(_count)[name],
        number=row.number if row else 0,
        created_at=row.created_at if row else None,
        settings=kept.body_of(row) if row else show(one),
    )


def _faults(body: Mapping[str, Any]) -> tuple[Fault, ...]:
    try:
        kept.read_organization(body)
    except ValidationError as error:
        return tuple(faults.read_errors(error, Organization.model_fields))
    return ()


def _refuse(found: tuple[Fault, ...]) -> None:
    if found:
        raise FieldsRefused("admin.invalid", "the organization cannot be kept like this", faults=found)
