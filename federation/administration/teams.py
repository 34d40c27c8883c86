"""Teams: those of the store, which are edited here, and those of the settings file, which are shown.

Anybody may be put by hand into either. Every change of access is in force within a second.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from federation.administration import administrators, people, places
from federation.administration.desk import Desk
from federation.administration.paging import Page, read_cursor, write_cursor
from federation.configuration.faults import Fault
from federation.configuration.scalars import ID_PATTERN
from federation.connection import Organization
from federation.errors import ChangeConflicts, FieldsRefused, NotFound, PolicyRefused
from federation.rules.folding import fold
from federation.store.directory_values import MEMBERS_COUNTED, MemberListed, TeamListed
from federation.store.people_values import Changed, LinkedGroup

LONGEST: Final = 200  # characters of a name, or of a group
SETTINGS: Final = "settings"  # source of a declared team


@dataclass(frozen=True, kw_only=True)
class TeamView:
    """A team of an organization."""

    key: str
    name: str
    source: str  # who made it; ``settings``: managed by configuration
    groups: tuple[LinkedGroup, ...]
    roles: tuple[str, ...]
    members: int | None  # None: more than are counted

    @property
    def declared(self) -> bool:
        """Whether the settings file says what it is."""
        return self.source == SETTINGS


async def list_teams(
    desk: Desk, organization: str, *, cursor: str | None, limit: int, search: str = ""
) -> Page[TeamView]:
    """Return the teams of an organization: on the first page those of the settings file first, all of them.

    Args:
        desk: Who asks.
        organization: Whose.
        cursor: Of the page before, or None.
        limit: 1 to 200.
        search: Part of a name or a key, in any case; "" for all.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    shown, further = await _listed(desk, organization, cursor, limit, search.strip().lower())
    counted = await desk.store.count_members(organization, [one.key for one in shown])
    return Page(
        items=tuple(_with_members(one, counted[one.key]) for one in shown),
        next=write_cursor((further,)) if further else None,
    )


async def names(desk: Desk, organization: str, *, limit: int) -> Mapping[str, str]:
    """Return names by key, of the first page of ``list_teams``; nobody is counted for it.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    shown, _ = await _listed(desk, organization, None, limit, "")
    return {one.key: one.name for one in shown}


async def _listed(
    desk: Desk, organization: str, cursor: str | None, limit: int, wanted: str
) -> tuple[Sequence[TeamView], str]:
    tenant = places.organization(desk, "teams:read", organization)
    place = read_cursor(cursor, str)
    kept, further = await desk.store.list_teams(organization, str(place[0]) if place else "", limit, wanted)
    declared = [] if place else [_declared(tenant, key) for key in tenant.teams]
    shown = [one for one in declared if wanted in one.key or wanted in one.name.lower()]
    shown += [_kept(one) for one in kept if one.key not in tenant.teams]
    return shown, further


def _declared(tenant: Organization, key: str) -> TeamView:
    team = tenant.teams[key]
    ways = team.connections or ("",)
    return TeamView(
        key=key,
        name=team.name,
        source=SETTINGS,
        groups=tuple(LinkedGroup(group=group, connection=one) for group in team.groups for one in ways),
        roles=tuple(team.roles),
        members=0,
    )


def _kept(team: TeamListed) -> TeamView:
    return TeamView(
        key=team.key, name=team.name, source=team.source, groups=team.groups, roles=team.roles, members=0
    )


def _with_members(one: TeamView, number: int) -> TeamView:
    return TeamView(
        key=one.key,
        name=one.name,
        source=one.source,
        groups=one.groups,
        roles=one.roles,
        members=number if number <= MEMBERS_COUNTED else None,
    )


async def find(desk: Desk, organization: str, key: str) -> TeamView:
    """Return a team.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = places.organization(desk, "teams:read", organization)
    if key in tenant.teams:
        found = _declared(tenant, key)
    elif (kept := await desk.store.find_team(organization, key)) is not None:
        found = _kept(kept)
    else:
        raise _unknown()
    counted = await desk.store.count_members(organization, [key])
    return _with_members(found, counted[key])


async def list_members(
    desk: Desk, organization: str, key: str, *, cursor: str | None, limit: int
) -> Page[MemberListed]:
    """Return who is in a team, each with every reason, in the order in which they came.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    return (await with_members(desk, organization, key, cursor=cursor, limit=limit))[1]


async def with_members(
    desk: Desk, organization: str, key: str, *, cursor: str | None, limit: int
) -> tuple[TeamView, Page[MemberListed]]:
    """Return a team, and who is in it as ``list_members``, which raises the same."""
    team = await find(desk, organization, key)
    place = read_cursor(cursor, str)
    after = str(place[0]) if place else ""
    found, further = await desk.store.list_members(organization, key, after, limit)
    return team, Page(items=found, next=write_cursor((further,)) if further else None)


async def create(desk: Desk, organization: str, key: str, name: str) -> TeamView:
    """Make an empty team.

    Raises:
        ChangeConflicts: ``admin.taken``.
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = places.organization(desk, "teams:write", organization)
    faults: list[Fault] = []
    if not re.fullmatch(ID_PATTERN, key):
        faults.append((("key",), "expected lower-case letters, digits, _ and -, a letter first, at most 63"))
    if (fault := _text_fault(name)) is not None:
        faults.append((("name",), fault))
    if faults:
        raise FieldsRefused("admin.invalid", "no team can be made so", faults=faults)
    store = desk.audited("team.create", "team", key, organization=organization, after={"name": name.strip()})
    if key in tenant.teams or not await store.add_team(organization, key, name.strip(), desk.now):
        raise ChangeConflicts("admin.taken", "there is a team of this key already")
    return await find(desk, organization, key)


async def rename(desk: Desk, organization: str, key: str, name: str) -> None:
    """Give a team another name for people; its key stays.

    Raises:
        ChangeConflicts: ``admin.managed``.
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    before = await _of_the_store(desk, organization, key)
    if (fault := _text_fault(name)) is not None:
        raise FieldsRefused("admin.invalid", "no team can have this name", faults=((("name",), fault),))
    store = desk.audited(
        "team.update",
        "team",
        key,
        organization=organization,
        before={"name": before.name},
        after={"name": name.strip()},
    )
    if not await store.rename_team(organization, key, name.strip()):
        raise _unknown()


async def remove(desk: Desk, organization: str, key: str) -> int:
    """Remove a team with its groups, roles and members; return how many were in it.

    Raises:
        ChangeConflicts: ``admin.managed``.
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    before = await _of_the_store(desk, organization, key)
    tenant = places.organization(desk, "teams:write", organization)
    await administrators.demand_for_teams(desk, organization, (key,))
    told = {"name": before.name, "roles": before.roles, "groups": [one.group for one in before.groups]}
    store = desk.audited("team.delete", "team", key, organization=organization, before=told)
    terms = places.terms(tenant, places.connections(desk, organization), force=False)
    try:
        left = await store.remove_team(organization, key, terms, desk.now)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    if left is None:
        raise _unknown()
    return left


async def set_group(
    desk: Desk, organization: str, key: str, group: str, connection: str, *, linked: bool
) -> int:
    """Lead a group of an identity provider into a team, or take that back; return how many left with it.

    Args:
        desk: By whom.
        organization: Whose team.
        key: The team's.
        group: As the provider sends it; case does not count.
        connection: Whose group; "" every one's of the organization.
        linked: Whether it leads there from now on.

    Raises:
        ChangeConflicts: ``admin.managed``.
        FieldsRefused: ``admin.invalid``.
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await _of_the_store(desk, organization, key)
    tenant = places.organization(desk, "teams:write", organization)
    ways = places.connections(desk, organization)
    faults: list[Fault] = []
    if (fault := _text_fault(group)) is not None:
        faults.append((("group",), fault))
    if linked and connection and connection not in ways:
        faults.append((("connection",), "expected a connection of the organization"))
    if faults:
        raise FieldsRefused("admin.invalid", "no such group can be linked", faults=faults)
    await administrators.demand_for_teams(desk, organization, (key,))
    told = {"group": fold(group.strip()), "connection": connection}
    store = desk.audited(
        "team.link" if linked else "team.unlink",
        "team",
        key,
        organization=organization,
        before={} if linked else told,
        after=told if linked else {},
    )
    if linked:
        done = await store.link_group(organization, key, told["group"], connection)
        left = 0 if done else None
    else:
        terms = places.terms(tenant, ways, force=False)
        try:
            left = await store.unlink_group(organization, key, told["group"], connection, terms, desk.now)
        except PolicyRefused as refusal:
            raise places.last_administrator() from refusal
    if left is None:
        raise _unknown()
    return left


async def set_role(desk: Desk, organization: str, key: str, role: str, *, give: bool) -> None:
    """Have a team give a role to its members, or give it no more.

    Raises:
        ChangeConflicts: ``admin.managed``.
        FieldsRefused: ``admin.invalid``.
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await _of_the_store(desk, organization, key)
    tenant = places.organization(desk, "teams:write", organization)
    told = {"role": people.role_name(role)}
    administrators.demand_for_roles(desk, organization, (told["role"],))
    store = desk.audited(
        "team.grant" if give else "team.revoke",
        "team",
        key,
        organization=organization,
        before={} if give else told,
        after=told if give else {},
    )
    terms = places.terms(tenant, places.connections(desk, organization), force=False)
    try:
        changed = await store.set_team_role(organization, key, told["role"], terms, desk.now, give=give)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    if changed is None:
        raise _unknown()


async def set_member(desk: Desk, organization: str, key: str, user: str, *, member: bool) -> Changed:
    """Put somebody into a team by hand, or take that back; what other sources say stays.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = await places.person(desk, "teams:write", organization, user)
    await administrators.demand_for_teams(desk, organization, (key,))
    store = desk.audited(
        "team.add_member" if member else "team.remove_member",
        "team",
        key,
        organization=organization,
        before={} if member else {"user": user},
        after={"user": user} if member else {},
    )
    terms = places.terms(tenant, places.connections(desk, organization), force=False)
    try:
        changed = await store.set_team_member(organization, user, key, terms, desk.now, member=member)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    if changed is None:
        raise _unknown()
    return changed


async def _of_the_store(desk: Desk, organization: str, key: str) -> TeamView:
    desk.demand("teams:write", organization=organization)
    found = await find(desk, organization, key)
    if found.declared:
        raise ChangeConflicts("admin.managed", "the settings file declares this team: it is changed there")
    return found


def _text_fault(told: str) -> str | None:
    text = told.strip()
    is_usable = text and len(text) <= LONGEST and text.isprintable()
    return None if is_usable else f"expected 1 to {LONGEST} characters"


def _unknown() -> NotFound:
    return NotFound("admin.unknown", "the organization has no such team, or no such link")
