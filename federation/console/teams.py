"""The pages of teams: a list, one with its members, and what may be changed of those that are kept here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from federation.administration import teams
from federation.administration.desk import Desk
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.errors import ChangeConflicts, FieldsRefused
from federation.web import fields, texts

HERE: Final = "/admin/teams"


async def listed(request: Request) -> Response:
    """GET /admin/teams."""
    visitor = await access.by_session(request)
    return await _list(request, visitor, whose.of_query(request, visitor))


async def create(request: Request) -> Response:
    """POST /admin/teams."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    organization, key = whose.organization(visitor, form), form.get("key", "").strip()
    try:
        await teams.create(access.desk(request, visitor.actor), organization, key, form.get("name", ""))
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _list(request, visitor, organization, status=refused.status, faults=faults, sent=form)
    except ChangeConflicts as refused:
        faults = {"key": texts.say("teams.taken")}
        return await _list(request, visitor, organization, status=refused.status, faults=faults, sent=form)
    return shell.back(whose.path("teams", key, organization=organization))


async def _list(
    request: Request,
    visitor: Visitor,
    organization: str,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response:
    told = fields.read_query(request)
    search = told.get("search", "").strip()[: teams.LONGEST]
    page = await teams.list_teams(
        access.desk(request, visitor.actor),
        organization,
        cursor=told.get("cursor"),
        limit=PAGE,
        search=search,
    )
    asked = {"organization": organization, "search": search}
    return shell.page(
        request,
        visitor,
        "console_teams.html",
        here=HERE,
        status=status,
        teams=page.items,
        source=whose.source,
        whose=organization,
        choices=whose.choices(request, visitor),
        faults=faults or {},
        sent=sent or {},
        search=search,
        onward=whose.path("teams", **asked, cursor=page.next) if page.next else "",
    )


async def one(request: Request) -> Response:
    """GET /admin/teams/{key}."""
    visitor = await access.by_session(request)
    return await _page(request, visitor, whose.of_query(request, visitor))


async def _page(
    request: Request,
    visitor: Visitor,
    organization: str,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response:
    desk, key = access.desk(request, visitor.actor), request.path_params["key"]
    cursor = fields.read_query(request).get("cursor")
    team, page = await teams.with_members(desk, organization, key, cursor=cursor, limit=PAGE)
    ways = desk.roster.connections_of(organization)
    return shell.page(
        request,
        visitor,
        "console_team.html",
        here=HERE,
        status=status,
        team=team,
        members=page.items,
        whose=organization,
        why=whose.why,
        source=whose.source,
        connections=[(one.id, one.title) for one in ways[:100]],
        titles={one.id: one.title for one in ways},
        faults=faults or {},
        base=whose.path("teams", key),
        onward=whose.path("teams", key, organization=organization, cursor=page.next) if page.next else "",
    )


class _Deed(NamedTuple):
    run: Callable[[Desk, str, str, Mapping[str, str]], Awaitable[object]]
    stays: bool = True  # the team is there afterwards


_DEEDS: Final[Mapping[str, _Deed]] = {
    "rename": _Deed(lambda d, o, k, f: teams.rename(d, o, k, f.get("name", ""))),
    "delete": _Deed(lambda d, o, k, _: teams.remove(d, o, k), stays=False),
    "link": _Deed(
        lambda d, o, k, f: teams.set_group(d, o, k, f.get("group", ""), f.get("connection", ""), linked=True)
    ),
    "unlink": _Deed(
        lambda d, o, k, f: teams.set_group(d, o, k, f.get("group", ""), f.get("connection", ""), linked=False)
    ),
    "grant": _Deed(lambda d, o, k, f: teams.set_role(d, o, k, f.get("role", ""), give=True)),
    "revoke": _Deed(lambda d, o, k, f: teams.set_role(d, o, k, f.get("role", ""), give=False)),
    "remove": _Deed(lambda d, o, k, f: teams.set_member(d, o, k, fields.needed(f, "user"), member=False)),
}


async def change(request: Request) -> Response:
    """POST /admin/teams/{key}/{deed}: one of ``_DEEDS``."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    if (deed := _DEEDS.get(request.path_params["deed"])) is None:
        raise HTTPException(404)
    access.demand_fresh(request, visitor)
    organization, key = whose.organization(visitor, form), request.path_params["key"]
    try:
        await deed.run(access.desk(request, visitor.actor), organization, key, form)
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _page(request, visitor, organization, status=refused.status, faults=faults)
    return shell.back(whose.path(*(("teams", key) if deed.stays else ("teams",)), organization=organization))
