"""GET /admin: what happened lately, and what needs attention."""

from starlette.requests import Request
from starlette.responses import Response

from federation.console import access, shell


async def overview(request: Request) -> Response:
    """GET /admin."""
    visitor = await access.by_session(request)
    return shell.page(request, visitor, "console_overview.html", here="/admin")
