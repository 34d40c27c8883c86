"""The page of the API's tokens: made, shown once, revoked."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import tokens
from federation.administration.actor import SCOPES
from federation.administration.paging import PAGE
from federation.administration.tokens import DAYS, TokenWanted
from federation.console import access, shell
from federation.console.access import Visitor
from federation.errors import FieldsRefused
from federation.web import fields

HERE: Final = "/admin/tokens"
EVERYWHERE: Final = "*"  # the whole installation: no organization has this id
LISTED: Final = 50  # organizations; of more the id is typed
LIVES: Final = (7, 30, DAYS, 180, tokens.LONGEST)  # days to choose from


async def show(request: Request) -> Response:
    """GET /admin/tokens."""
    return await _page(request, await access.by_session(request))


async def create(request: Request) -> Response:
    """POST /admin/tokens: the page that answers is the only one with the token; no cache keeps it."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    desk = access.desk(request, visitor.actor)
    try:
        made = await tokens.create(desk, _wanted(form, desk.actor.organization))
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _page(request, visitor, status=refused.status, faults=faults, sent=form)
    return await _page(request, visitor, made=made)


def _wanted(form: Mapping[str, str], own: str | None) -> TokenWanted:
    """Read the form of a token, of an administrator's ``own`` organization; None is an operator's.

    Raises:
        FieldsRefused: ``admin.invalid``: an operator does not say whose.
    """
    chosen = form.get("organization", "") if own is None else own
    if not chosen:
        faults = ((("organization",), "expected one of the list"),)
        raise FieldsRefused("admin.invalid", "whose token is not said", faults=faults)
    days = form.get("days", "")
    return TokenWanted(
        organization="" if own is None and chosen == EVERYWHERE else chosen,
        name=form.get("name", "").strip(),
        scopes=frozenset(one for one in SCOPES if form.get(one) == "on"),
        days=int(days) if re.fullmatch(r"[0-9]{1,3}", days) else 0,
    )


async def revoke(request: Request) -> Response:
    """POST /admin/tokens/{id}/revoke."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    await tokens.revoke(access.desk(request, visitor.actor), request.path_params["id"])
    return shell.back(HERE)


async def _page(request: Request, visitor: Visitor, *, status: int = 200, **told: object) -> Response:
    desk = access.desk(request, visitor.actor)
    cursor = fields.read_query(request).get("cursor")
    page = await tokens.every(desk, organization=None, cursor=cursor, limit=PAGE)
    shown = {"made": None, "faults": {}, "sent": {}} | told
    organizations = list(desk.roster.organizations) if desk.actor.is_operator else []
    return shell.page(
        request,
        visitor,
        "console_tokens.html",
        here=HERE,
        status=status,
        tokens=page.items,
        onward=f"{HERE}?{urlencode({'cursor': page.next})}" if page.next else "",
        scopes=sorted(visitor.actor.scopes),
        lives=LIVES,
        usual=DAYS,
        now=desk.now,
        organizations=organizations,
        listed=len(organizations) <= LISTED,
        **shown,
    )
