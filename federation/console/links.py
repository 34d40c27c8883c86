"""The page of a connection's setup links: made, shown once, revoked."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import connections, setup_links
from federation.administration.paging import PAGE
from federation.administration.setup_links import DAYS, LONGEST
from federation.console import access, shell, wizard_forms
from federation.console.access import Visitor
from federation.console.seat import HERE
from federation.errors import FieldsRefused
from federation.web import fields

LIVES = (1, 3, DAYS, 14, LONGEST)  # days to choose from


async def show(request: Request) -> Response:
    """GET /admin/connections/{id}/links."""
    return await _page(request, await access.by_session(request))


async def create(request: Request) -> Response:
    """POST /admin/connections/{id}/links: the page that answers is the only one with the link."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    days = form.get("days", "")
    try:
        made = await setup_links.create(
            access.desk(request, visitor.actor),
            request.path_params["id"],
            days=int(days) if days.isascii() and days.isdecimal() and len(days) < 4 else 0,  # noqa: PLR2004
            may_enable=form.get("may_enable") == "on",
        )
    except FieldsRefused as refused:
        told = wizard_forms.placed(refused.faults)
        return await _page(request, visitor, status=refused.status, faults=told, sent=form)
    return await _page(request, visitor, made=made)


async def revoke(request: Request) -> Response:
    """POST /admin/connections/{id}/links/{link}/revoke."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    await setup_links.revoke(access.desk(request, visitor.actor), request.path_params["link"])
    return shell.back(f"{HERE}/{request.path_params['id']}/links")


async def _page(request: Request, visitor: Visitor, *, status: int = 200, **told: Any) -> Response:
    desk, connection = access.desk(request, visitor.actor), request.path_params["id"]
    view = await connections.find(desk, connection)
    cursor = fields.read_query(request).get("cursor")
    page = await setup_links.every(desk, connection, cursor=cursor, limit=PAGE)
    path = f"{HERE}/{connection}/links"
    told = (
        {"made": None} | told | {name: wizard_forms.Blank(told.get(name, {})) for name in ("faults", "sent")}
    )
    return shell.page(
        request,
        visitor,
        "console_links.html",
        here=HERE,
        status=status,
        view=view,
        path=path,
        links=page.items,
        onward=f"{path}?{urlencode({'cursor': page.next})}" if page.next else "",
        lives=LIVES,
        usual=DAYS,
        now=desk.now,
        **told,
    )
