"""What every page of the administration has around it: where one is, who one is, the way on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.administration.actor import Scope
from federation.console.access import Visitor
from federation.errors import FieldsRefused
from federation.web import pages
from federation.web.house import House


@dataclass(frozen=True, kw_only=True)
class Place:
    """An entry of the navigation."""

    key: str  # of its text
    path: str
    scope: Scope


NAVIGATION: Final[Sequence[Place]] = (
    Place(key="console.overview", path="/admin", scope="decisions:read"),
    Place(key="console.connections", path="/admin/connections", scope="connections:read"),
    Place(key="console.people", path="/admin/people", scope="people:read"),
    Place(key="console.teams", path="/admin/teams", scope="teams:read"),
    Place(key="console.organizations", path="/admin/organizations", scope="organizations:read"),
    Place(key="console.domains", path="/admin/domains", scope="organizations:read"),
    Place(key="console.decisions", path="/admin/decisions", scope="decisions:read"),
    Place(key="console.audit", path="/admin/audit", scope="audit:read"),
    Place(key="console.tokens", path="/admin/tokens", scope="tokens:write"),
    Place(key="console.settings", path="/admin/settings", scope="organizations:read"),
)


def page(
    request: Request, visitor: Visitor, template: str, *, here: str, status: int = 200, **context: Any
) -> Response:
    """Render a page of the administration.

    Args:
        request: Its own.
        visitor: Who sees it; their token guards its forms, as ``csrf``.
        template: One that extends ``console.html``.
        here: Path of the navigation's entry that it belongs to; "" where there is no navigation.
        status: HTTP status.
        context: What the template names.
    """
    house: House = request.app.state.house
    places = [one for one in NAVIGATION if one.scope in visitor.actor.scopes] if here else []
    return pages.page(
        house,
        template,
        status=status,
        script=True,
        places=places,
        here=here,
        csrf=visitor.csrf,
        organization=visitor.actor.organization,
        **context,
    )


def beside(refused: FieldsRefused) -> dict[str, str]:
    """Return what is wrong with a form, by the field that it is told beside."""
    return {str(place[0]): why for place, why in refused.faults}


def back(path: str) -> Response:
    """Lead on after a change (RFC 9110 §15.4.4): a reload repeats nothing."""
    return RedirectResponse(path, 303)
