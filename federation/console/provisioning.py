"""The page of a connection's provisioning: its base URL, its directory's credentials, who is refused."""

import re
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import provisioning
from federation.administration.paging import PAGE
from federation.administration.provisioning import DAYS, LONGEST
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.console.seat import HERE
from federation.errors import FieldsRefused
from federation.records import mends
from federation.web import fields

LIVES = (30, 90, 180, DAYS, 2 * DAYS, LONGEST)  # days to choose from


async def show(request: Request) -> Response:
    """GET /admin/connections/{id}/provisioning."""
    return await _page(request, await access.by_session(request))


async def create(request: Request) -> Response:
    """POST /admin/connections/{id}/provisioning: the page that answers is the only one with the secret."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    days = form.get("days", "")
    try:
        made = await provisioning.create(
            access.desk(request, visitor.actor),
            request.path_params["id"],
            "client" if form.get("kind") == "client" else "bearer",
            name=form.get("name", ""),
            days=int(days) if re.fullmatch(r"[0-9]{1,4}", days) else 0,
        )
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _page(request, visitor, status=refused.status, faults=faults, sent=form)
    return await _page(request, visitor, made=made)


async def switch(request: Request) -> Response:
    """POST /admin/connections/{id}/provisioning/switch: a directory may provision by it, or may no more."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    number, connection = form.get("number", ""), request.path_params["id"]
    await provisioning.switch(
        access.desk(request, visitor.actor),
        connection,
        on=form.get("on") == "on",
        number=int(number) if re.fullmatch(r"[0-9]{1,18}", number) else -1,
    )
    return shell.back(path_of(connection))


async def revoke(request: Request) -> Response:
    """POST /admin/connections/{id}/provisioning/{credential}/revoke."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    connection = request.path_params["id"]
    desk = access.desk(request, visitor.actor)
    await provisioning.revoke(desk, connection, request.path_params["credential"])
    return shell.back(path_of(connection))


def path_of(connection: str) -> str:
    """Return the page's path."""
    return f"{HERE}/{quote(connection, safe='')}/provisioning"


async def _page(request: Request, visitor: Visitor, *, status: int = 200, **told: Any) -> Response:
    desk, connection = access.desk(request, visitor.actor), request.path_params["id"]
    view = await provisioning.find(desk, connection)
    cursor = fields.read_query(request).get("cursor")
    page = await provisioning.refused(desk, connection, cursor=cursor, limit=PAGE)
    path = path_of(connection)
    return shell.page(
        request,
        visitor,
        "console_provisioning.html",
        here=HERE,
        status=status,
        view=view,
        path=path,
        refused=[(one, _why(one.refused)) for one in page.items],
        person=whose.path,
        onward=f"{path}?{urlencode({'cursor': page.next})}" if page.next else "",
        lives=LIVES,
        usual=DAYS,
        soon=desk.now + provisioning.SOON,
        **{"made": None, "faults": {}, "sent": {}} | told,
    )


def _why(code: str) -> str:
    entry = mends.entry(code)
    return entry.broken if entry else ""
