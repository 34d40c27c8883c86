"""The pages of domains: every one with its proof, and the record to add with what to copy."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import domains
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.web import fields

HERE: Final = "/admin/domains"
_LONGEST: Final = 320  # of what is searched


async def listed(request: Request) -> Response:
    """GET /admin/domains."""
    visitor = await access.by_session(request)
    told = fields.read_query(request)
    organization = told.get("organization") or None
    desk = access.desk(request, visitor.actor)
    search = told.get("search", "").strip()[:_LONGEST]
    page = await domains.list_domains(
        desk, organization, cursor=told.get("cursor"), limit=PAGE, search=search
    )
    asked = {"organization": organization or "", "search": search}
    return shell.page(
        request,
        visitor,
        "console_domains.html",
        here=HERE,
        domains=page.items,
        narrows=visitor.actor.organization is None,
        path=whose.path,
        search=search,
        organization_asked=organization or "",
        onward=whose.path("domains", **asked, cursor=page.next) if page.next else "",
    )


async def one(request: Request) -> Response:
    """GET /admin/domains/{organization}/{domain}."""
    visitor = await access.by_session(request)
    named = request.path_params["organization"], request.path_params["domain"]
    domain = await domains.find(access.desk(request, visitor.actor), *named)
    looked = "looked" in fields.read_query(request)
    base = whose.path("domains", *named)
    return shell.page(
        request, visitor, "console_domain.html", here=HERE, domain=domain, looked=looked, base=base
    )


async def begin(request: Request) -> Response:
    """POST /admin/domains/{organization}/{domain}/begin: make the record's text."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    named = request.path_params["organization"], request.path_params["domain"]
    await domains.begin(access.desk(request, visitor.actor), *named)
    return shell.back(whose.path("domains", *named))


async def look(request: Request) -> Response:
    """POST /admin/domains/{organization}/{domain}/look: ask DNS now."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    named = request.path_params["organization"], request.path_params["domain"]
    await domains.look(access.desk(request, visitor.actor), *named)
    return shell.back(whose.path("domains", *named, looked="1"))
