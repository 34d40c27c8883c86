"""The pages of organizations: a list for who sees several, and one with its ways in and what binds them."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import domains, organizations, places
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.store.domains_values import LOCKED_OUT_COUNTED
from federation.web import fields
from federation.web.house import House

HERE: Final = "/admin/organizations"


async def listed(request: Request) -> Response:
    """GET /admin/organizations: who has one is led to it."""
    visitor = await access.by_session(request)
    if (own := visitor.actor.organization) is not None:
        return shell.back(whose.path("organizations", own))
    told = fields.read_query(request)
    search = told.get("search", "").strip()
    page = await organizations.list_organizations(
        access.desk(request, visitor.actor), search=search, after=told.get("cursor", ""), limit=PAGE
    )
    return shell.page(
        request,
        visitor,
        "console_organizations.html",
        here=HERE,
        organizations=page.organizations,
        search=search,
        onward=whose.path("organizations", search=search, cursor=page.next) if page.next else "",
    )


async def one(request: Request) -> Response:
    """GET /admin/organizations/{id}: ``?way-ID=on`` shows first who would be locked out."""
    visitor = await access.by_session(request)
    desk, organization = access.desk(request, visitor.actor), request.path_params["id"]
    tenant = places.organization(desk, "organizations:read", organization)
    told = fields.read_query(request)
    asked = tuple(name.removeprefix("way-") for name in told if name.startswith("way-"))
    domain = told.get("domain", "").strip().lower()
    house: House = request.app.state.house
    seen = await domains.look_who_stays_out(desk, house.looks, organization, domain, asked) if asked else None
    ways = desk.roster.connections_of(organization)
    named = await domains.list_domains(desk, organization, cursor=None, limit=PAGE)
    return shell.page(
        request,
        visitor,
        "console_organization.html",
        here=HERE,
        id=organization,
        tenant=tenant,
        managed=organization in desk.roster.organizations_of_file,
        connections=ways[:100],
        domains=named.items,
        enforced=await domains.enforced(desk, organization),
        titles={one.id: one.title for one in ways},
        break_glass=await domains.break_glass(desk, organization),
        asked=asked,
        domain=domain,
        seen=seen,
        locked_out=seen.number if seen and seen.number <= LOCKED_OUT_COUNTED else None,
        base=whose.path("organizations", organization),
        every=whose.path("connections", search="" if visitor.actor.organization else organization),
    )


async def enforce(request: Request) -> Response:
    """POST /admin/organizations/{id}/enforce: the number that was shown is held against what is so now."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    number = form.get("locked_out", "")
    await domains.enforce(
        access.desk(request, visitor.actor),
        request.path_params["id"],
        form.get("domain", ""),
        tuple(name.removeprefix("way-") for name in form if name.startswith("way-")),
        locked_out=int(number) if re.fullmatch(r"[0-9]{1,9}", number) else -1,
    )
    return shell.back(whose.path("organizations", request.path_params["id"]))


async def lift(request: Request) -> Response:
    """POST /admin/organizations/{id}/lift."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    organization = request.path_params["id"]
    await domains.lift(access.desk(request, visitor.actor), organization, form.get("domain", ""))
    return shell.back(whose.path("organizations", organization))
