"""GET /admin/settings: what is in force, to be looked at; it is changed in the settings file."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import settings_shown
from federation.console import access, shell

HERE: Final = "/admin/settings"


async def show(request: Request) -> Response:
    """GET /admin/settings."""
    visitor = await access.by_session(request)
    parts = settings_shown.show(access.desk(request, visitor.actor))
    return shell.page(request, visitor, "console_settings.html", here=HERE, parts_shown=parts)
