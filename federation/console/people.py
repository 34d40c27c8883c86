"""The pages of people: a list, one person with all they have and by whom, and what may be done about it."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from federation.administration import people, provisioning, teams
from federation.administration.desk import Desk
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.errors import FieldsRefused
from federation.store.directory_values import PeopleFilter, State
from federation.web import fields

HERE: Final = "/admin/people"
_FILTERS: Final = ("search", "connection", "role", "team", "state")
_LONGEST: Final = 320
_STATES: Final[Mapping[str, State]] = {"deactivated": "deactivated", "awaited": "awaited"}


async def listed(request: Request) -> Response:
    """GET /admin/people."""
    visitor = await access.by_session(request)
    told = fields.read_query(request)
    organization = whose.organization(visitor, told)
    wanted = {name: told.get(name, "").strip()[:_LONGEST] for name in _FILTERS}
    asked = PeopleFilter(
        organization=organization,
        **{name: wanted[name] for name in ("search", "connection", "role", "team")},
        state=_STATES.get(wanted["state"], ""),
    )
    desk = access.desk(request, visitor.actor)
    page = await people.list_people(desk, asked, cursor=told.get("cursor"), limit=PAGE)
    return shell.page(
        request,
        visitor,
        "console_people.html",
        here=HERE,
        people=page.items,
        wanted=wanted,
        whose=organization,
        choices=whose.choices(request, visitor),
        connections=_connections(desk, organization),
        first=whose.path("people", organization=organization, **wanted) if told.get("cursor") else "",
        onward=whose.path("people", organization=organization, **wanted, cursor=page.next)
        if page.next
        else "",
        filtered=any(wanted.values()),
    )


def _connections(desk: Desk, organization: str) -> list[tuple[str, str]]:
    return [(one.id, one.title) for one in desk.roster.connections_of(organization)[:100]]


async def one(request: Request) -> Response:
    """GET /admin/people/{user}."""
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
    desk = access.desk(request, visitor.actor)
    person = await people.find(desk, organization, request.path_params["user"])
    others = await teams.names(desk, organization, limit=PAGE)
    residencies = await provisioning.of_person(desk, organization, person.id)
    by_hand = {one.role for one in person.grants if one.source == "manual"}
    return shell.page(
        request,
        visitor,
        "console_person.html",
        here=HERE,
        status=status,
        person=person,
        whose=organization,
        roles=_by_key((one.role, whose.why(one.source, one.why)) for one in person.grants),
        teams=_by_key((one.key, whose.why(one.source, one.why)) for one in person.teams),
        by_hand=by_hand,
        put_by_hand={one.key for one in person.teams if one.source == "manual"},
        others=others,
        residencies=residencies,
        source=whose.source,
        out_by_hand="manual" in person.deactivated_by,
        faults=faults or {},
        base=whose.path("people", person.id),
    )


def _by_key(told: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, said in told:
        found.setdefault(key, []).append(said)
    return found


class _Deed(NamedTuple):
    run: Callable[[Desk, str, str, Mapping[str, str]], Awaitable[object]]
    fresh: bool  # the person proves that they are there
    after: Literal["person", "people"] = "person"


_DEEDS: Final[Mapping[str, _Deed]] = {
    "end": _Deed(lambda d, o, u, f: people.end_sessions(d, o, u, fields.needed(f, "session")), fresh=False),
    "end-all": _Deed(lambda d, o, u, _: people.end_sessions(d, o, u, ""), fresh=False),
    "deactivate": _Deed(lambda d, o, u, _: people.deactivate(d, o, u), fresh=True),
    "reactivate": _Deed(lambda d, o, u, _: people.reactivate(d, o, u), fresh=True),
    "remove": _Deed(lambda d, o, u, _: people.remove(d, o, u), fresh=True),
    "grant": _Deed(lambda d, o, u, f: people.set_grant(d, o, u, f.get("role", ""), give=True), fresh=True),
    "revoke": _Deed(lambda d, o, u, f: people.set_grant(d, o, u, f.get("role", ""), give=False), fresh=True),
    "join": _Deed(lambda d, o, u, f: teams.set_member(d, o, f.get("team", ""), u, member=True), fresh=True),
    "leave": _Deed(lambda d, o, u, f: teams.set_member(d, o, f.get("team", ""), u, member=False), fresh=True),
    "erase": _Deed(lambda d, o, u, f: people.erase(d, o, u, f.get("typed", "")), fresh=True, after="people"),
}


async def change(request: Request) -> Response:
    """POST /admin/people/{user}/{deed}: one of ``_DEEDS``."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    if (deed := _DEEDS.get(request.path_params["deed"])) is None:
        raise HTTPException(404)
    if deed.fresh:
        access.demand_fresh(request, visitor)
    organization, user = whose.organization(visitor, form), request.path_params["user"]
    try:
        await deed.run(access.desk(request, visitor.actor), organization, user, form)
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _page(request, visitor, organization, status=refused.status, faults=faults)
    back = ("people", user) if deed.after == "person" else ("people",)
    return shell.back(whose.path(*back, organization=organization))


async def export(request: Request) -> Response:
    """POST /admin/people/{user}/export: all that is kept of them, as a file; it is told in the audit log."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    organization, user = whose.organization(visitor, form), request.path_params["user"]
    told = await people.export(access.desk(request, visitor.actor), organization, user)
    return Response(
        json.dumps(told, indent=1),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="person.json"'},
    )
