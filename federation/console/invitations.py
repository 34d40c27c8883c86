"""The page of invitations: those that are open, a new one with its link shown once, taken back."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import invitations
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.errors import ChangeConflicts, FieldsRefused
from federation.web import fields, texts

HERE: Final = "/admin/people"
_LONGEST: Final = 320  # of what is searched
LIVES: Final = (1, 7, 14, 30, 90)  # days to choose from


async def show(request: Request) -> Response:
    """GET /admin/people/invitations."""
    visitor = await access.by_session(request)
    return await _page(request, visitor, whose.of_query(request, visitor))


async def create(request: Request) -> Response:
    """POST /admin/people/invitations: the page that answers is the only one with the link."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    organization = whose.organization(visitor, form)
    days = form.get("days", "")
    try:
        made = await invitations.invite(
            access.desk(request, visitor.actor),
            form.get("email", ""),
            organization=organization,
            roles=listed(form.get("roles", "")),
            teams=listed(form.get("teams", "")),
            days=int(days) if re.fullmatch(r"[0-9]{1,3}", days) else 0,
        )
    except FieldsRefused as refused:
        faults = shell.beside(refused)
        return await _page(request, visitor, organization, status=refused.status, faults=faults, sent=form)
    except ChangeConflicts as refused:
        faults = {"email": texts.say("invitations.member")}
        return await _page(request, visitor, organization, status=refused.status, faults=faults, sent=form)
    return await _page(request, visitor, organization, made=made)


def listed(told: str) -> tuple[str, ...]:
    """Return what somebody typed with commas between."""
    return tuple(filter(None, (one.strip() for one in told.split(","))))


async def revoke(request: Request) -> Response:
    """POST /admin/people/invitations/{id}/revoke."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    organization = whose.organization(visitor, form)
    desk = access.desk(request, visitor.actor)
    await invitations.revoke(desk, organization, request.path_params["id"])
    return shell.back(whose.path("people", "invitations", organization=organization))


async def _page(
    request: Request,
    visitor: Visitor,
    organization: str,
    *,
    status: int = 200,
    made: invitations.Invited | None = None,
    faults: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response:
    told = fields.read_query(request)
    cursor, search = told.get("cursor"), told.get("search", "").strip()[:_LONGEST]
    desk = access.desk(request, visitor.actor)
    page = await invitations.list_invitations(desk, organization, cursor=cursor, limit=PAGE, search=search)
    asked = {"organization": organization, "search": search}
    return shell.page(
        request,
        visitor,
        "console_invitations.html",
        here=HERE,
        status=status,
        invitations=page.items,
        whose=organization,
        made=made,
        faults=faults or {},
        sent=sent or {},
        lives=LIVES,
        search=search,
        onward=whose.path("people", "invitations", **asked, cursor=page.next) if page.next else "",
    )
