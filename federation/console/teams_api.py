"""Teams, for programs: the deeds of the pages."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from federation.administration import teams
from federation.administration.desk import Desk
from federation.administration.teams import LONGEST, TeamView
from federation.configuration.part import Model
from federation.console.operations import Asked, Narrowed, Operation, Paged, Searched
from federation.console.people_api import PlaceAsked, whose

Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class GroupShown(Model):
    """A group that leads into a team."""

    group: str
    connection: str | None = Field(description="Whose; null: every connection's")


class TeamShown(Model):
    """A team."""

    key: str
    name: str
    source: str = Field(description="Who made it; `settings`: managed by configuration")
    groups: tuple[GroupShown, ...]
    roles: tuple[str, ...]
    members: int | None = Field(description="Null: more than 100")


class TeamAsked(PlaceAsked):
    """A team to be made."""

    key: Annotated[str, Field(max_length=63)]
    name: Text


class NameAsked(PlaceAsked):
    """Another name."""

    name: Text


class GroupAsked(PlaceAsked):
    """A group to link."""

    group: Text
    connection: Annotated[str | None, Field(max_length=63, description="Null: every connection's")] = None


class GroupNamed(GroupAsked):
    """A group to unlink."""


class RoleAsked(PlaceAsked):
    """A role that the team is to give."""

    role: Text


class MemberAsked(PlaceAsked):
    """Somebody to put in."""

    user: Annotated[str, Field(min_length=1, max_length=64)]


class MemberShown(Model):
    """Somebody in a team."""

    user: str
    email: str
    display_name: str
    by: tuple[str, ...] = Field(description="Sources, as `manual`, `connection:okta`")


def _shown(one: TeamView) -> TeamShown:
    groups = tuple(GroupShown(group=link.group, connection=link.connection or None) for link in one.groups)
    return TeamShown(
        key=one.key, name=one.name, source=one.source, groups=groups, roles=one.roles, members=one.members
    )


async def list_teams(desk: Desk, asked: Asked) -> Paged[TeamShown]:
    """On the first page those of the settings file first, all of them."""
    query: Searched = asked.query
    organization = whose(desk, query.organization)
    page = await teams.list_teams(
        desk, organization, cursor=query.cursor, limit=query.limit, search=query.search
    )
    return Paged[TeamShown](items=tuple(map(_shown, page.items)), next=page.next)


async def get_team(desk: Desk, asked: Asked) -> TeamShown:
    """Declared, or made here."""
    return _shown(await teams.find(desk, whose(desk, asked.query.organization), asked.path["key"]))


async def create_team(desk: Desk, asked: Asked) -> TeamShown:
    """It is empty, and gives nothing yet."""
    body: TeamAsked = asked.body
    return _shown(await teams.create(desk, whose(desk, body.organization), body.key, body.name))


async def rename_team(desk: Desk, asked: Asked) -> None:
    """Its key stays."""
    body: NameAsked = asked.body
    await teams.rename(desk, whose(desk, body.organization), asked.path["key"], body.name)


async def delete_team(desk: Desk, asked: Asked) -> None:
    """Its members lose the roles that it gave."""
    await teams.remove(desk, whose(desk, asked.query.organization), asked.path["key"])


async def link_group(desk: Desk, asked: Asked) -> None:
    """Whoever is in the group joins with their next sign-in."""
    body: GroupAsked = asked.body
    where = whose(desk, body.organization), asked.path["key"]
    await teams.set_group(desk, *where, body.group, body.connection or "", linked=True)


async def unlink_group(desk: Desk, asked: Asked) -> None:
    """Whom the group alone put there leaves at once."""
    query: GroupNamed = asked.query
    where = whose(desk, query.organization), asked.path["key"]
    await teams.set_group(desk, *where, query.group, query.connection or "", linked=False)


async def grant_team_role(desk: Desk, asked: Asked) -> None:
    """Members' sessions say so within a second."""
    body: RoleAsked = asked.body
    await teams.set_role(desk, whose(desk, body.organization), asked.path["key"], body.role, give=True)


async def revoke_team_role(desk: Desk, asked: Asked) -> None:
    """Members' sessions say so within a second."""
    organization = whose(desk, asked.query.organization)
    await teams.set_role(desk, organization, asked.path["key"], asked.path["role"], give=False)


async def list_members(desk: Desk, asked: Asked) -> Paged[MemberShown]:
    """In the order in which they came."""
    query: Narrowed = asked.query
    page = await teams.list_members(
        desk, whose(desk, query.organization), asked.path["key"], cursor=query.cursor, limit=query.limit
    )
    shown = tuple(
        MemberShown(
            user=one.person.user_id,
            email=one.person.email,
            display_name=one.person.display_name,
            by=tuple(place.source for place in one.by),
        )
        for one in page.items
    )
    return Paged[MemberShown](items=shown, next=page.next)


async def add_member(desk: Desk, asked: Asked) -> None:
    """By hand, into a team declared or made here."""
    body: MemberAsked = asked.body
    await teams.set_member(desk, whose(desk, body.organization), asked.path["key"], body.user, member=True)


async def remove_member(desk: Desk, asked: Asked) -> None:
    """What other sources say stays."""
    organization = whose(desk, asked.query.organization)
    await teams.set_member(desk, organization, asked.path["key"], asked.path["user"], member=False)


_ONE: Final = "/teams/{key}"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation("GET", "/teams", "List teams", "teams:read", list_teams, Searched, None, Paged[TeamShown]),
    Operation("POST", "/teams", "Make a team", "teams:write", create_team, None, TeamAsked, TeamShown, 201),
    Operation("GET", _ONE, "Show a team", "teams:read", get_team, PlaceAsked, None, TeamShown),
    Operation("PATCH", _ONE, "Rename a team", "teams:write", rename_team, None, NameAsked),
    Operation("DELETE", _ONE, "Delete a team", "teams:write", delete_team, PlaceAsked),
    Operation("POST", f"{_ONE}/groups", "Link a group", "teams:write", link_group, None, GroupAsked),
    Operation("DELETE", f"{_ONE}/groups", "Unlink a group", "teams:write", unlink_group, GroupNamed),
    Operation(
        "POST", f"{_ONE}/roles", "Let a team give a role", "teams:write", grant_team_role, None, RoleAsked
    ),
    Operation(
        "DELETE",
        f"{_ONE}/roles/{{role}}",
        "Let a team give a role no more",
        "teams:write",
        revoke_team_role,
        PlaceAsked,
    ),
    Operation(
        "GET",
        f"{_ONE}/members",
        "List members of a team",
        "teams:read",
        list_members,
        Narrowed,
        None,
        Paged[MemberShown],
    ),
    Operation(
        "POST", f"{_ONE}/members", "Put somebody into a team", "teams:write", add_member, None, MemberAsked
    ),
    Operation(
        "DELETE",
        f"{_ONE}/members/{{user}}",
        "Take somebody out of a team",
        "teams:write",
        remove_member,
        PlaceAsked,
    ),
)
