"""GET /admin/audit: who changed what, newest first."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import audit
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.web import fields

HERE: Final = "/admin/audit"
_FILTERS: Final = ("actor", "action", "kind", "name")
_BESIDE: Final = ("since", "organization", "personal")
_LONGEST: Final = 320


async def show(request: Request) -> Response:
    """GET /admin/audit."""
    visitor = await access.by_session(request)
    told = fields.read_query(request)
    wanted = {name: told.get(name, "").strip()[:_LONGEST] for name in (*_FILTERS, *_BESIDE)}
    page = await audit.lines(
        access.desk(request, visitor.actor),
        organization=wanted["organization"] or None,
        since=whose.since(wanted["since"]),
        cursor=told.get("cursor"),
        limit=PAGE,
        **{name: wanted[name] for name in _FILTERS},
    )
    kept = urlencode({name: value for name, value in wanted.items() if value})
    onward = f"{HERE}?{kept}&{urlencode({'cursor': page.next})}" if page.next else ""
    return shell.page(
        request,
        visitor,
        "console_audit.html",
        here=HERE,
        rows=[(one.entry, audit.differences(one)) for one in page.items],
        wanted=wanted,
        onward=onward,
        narrows=visitor.actor.organization is None,
        filtered=bool(kept),
    )
