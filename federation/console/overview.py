"""GET /admin: what needs attention, what happened lately, what ends soon."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import overview as deeds
from federation.administration import provider_metadata
from federation.console import access, shell, whose
from federation.web import fields

HERE: Final = "/admin"


async def overview(request: Request) -> Response:
    """GET /admin."""
    visitor = await access.by_session(request)
    desk = access.desk(request, visitor.actor)
    organization = fields.read_query(request).get("organization") or None
    told = await deeds.look(desk, organization)
    codes = sorted(told.causes.week, key=lambda code: (code != "", -told.causes.week[code], code))
    named = {one.connection for one in told.ages}
    named |= {one.connection for one in told.waiting} | {one.connection for one in told.changes}
    return shell.page(
        request,
        visitor,
        "console_overview.html",
        here=HERE,
        told=told,
        codes=codes,
        titles={name: one.title for name in named if (one := desk.roster.connections.get(name))},
        path=whose.path,
        whose=organization or "",
        choices=whose.choices(request, visitor),
    )


async def approve(request: Request) -> Response:
    """POST /admin/metadata/{id}/approve."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    desk = access.desk(request, visitor.actor)
    await provider_metadata.approve(desk, request.path_params["id"], form.get("digest", ""))
    return shell.back(HERE)


async def reject(request: Request) -> Response:
    """POST /admin/metadata/{id}/reject."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    desk = access.desk(request, visitor.actor)
    await provider_metadata.reject(desk, request.path_params["id"], form.get("digest", ""))
    return shell.back(HERE)
