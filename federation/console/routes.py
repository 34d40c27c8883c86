"""The URL table of the administration: its pages, its API, and the pages of a setup link."""

from starlette.routing import BaseRoute, Route

from federation.console import overview
from federation.console.api import api_routes


def console_routes() -> list[BaseRoute]:
    """Return every route; those of one kind stand together."""
    return [
        Route("/admin", overview.overview),
        *api_routes(),
    ]
