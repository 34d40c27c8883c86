"""The URL table of the administration: its pages, its API, and the pages of a setup link."""

from starlette.routing import BaseRoute, Route

from federation.console import audit, overview, tokens, trials
from federation.console.api import api_routes


def console_routes() -> list[BaseRoute]:
    """Return every route; those of one kind stand together."""
    return [
        Route("/admin", overview.overview),
        Route("/admin/connections/{id}/test", trials.test, methods=["GET"]),
        Route("/admin/connections/{id}/test", trials.start, methods=["POST"]),
        Route("/admin/tests/{trial}", trials.show),
        Route("/admin/audit", audit.show),
        Route("/admin/tokens", tokens.show),
        Route("/admin/tokens", tokens.create, methods=["POST"]),
        Route("/admin/tokens/{id}/revoke", tokens.revoke, methods=["POST"]),
        *api_routes(),
    ]
