"""The URL table of the administration: its pages, its API, and the pages of a setup link."""

from starlette.routing import BaseRoute, Route

from federation.console import (
    audit,
    connections,
    decisions,
    domains,
    invitations,
    organizations,
    overview,
    people,
    provisioning,
    rules,
    settings,
    teams,
    tokens,
    trials,
)
from federation.console.api import api_routes
from federation.console.wizard_routes import wizard_routes


def console_routes() -> list[BaseRoute]:
    """Return every route; those of one kind stand together."""
    return [
        *wizard_routes(),
        Route("/admin", overview.overview),
        Route("/admin/metadata/{id}/approve", overview.approve, methods=["POST"]),
        Route("/admin/metadata/{id}/reject", overview.reject, methods=["POST"]),
        Route("/admin/people", people.listed),
        Route("/admin/people/invitations", invitations.show),
        Route("/admin/people/invitations", invitations.create, methods=["POST"]),
        Route("/admin/people/invitations/{id}/revoke", invitations.revoke, methods=["POST"]),
        Route("/admin/people/{user}", people.one),
        Route("/admin/people/{user}/export", people.export, methods=["POST"]),
        Route("/admin/people/{user}/{deed}", people.change, methods=["POST"]),
        Route("/admin/teams", teams.listed),
        Route("/admin/teams", teams.create, methods=["POST"]),
        Route("/admin/teams/{key}", teams.one),
        Route("/admin/teams/{key}/{deed}", teams.change, methods=["POST"]),
        Route("/admin/organizations", organizations.listed),
        Route("/admin/organizations/{id}", organizations.one),
        Route("/admin/organizations/{id}/enforce", organizations.enforce, methods=["POST"]),
        Route("/admin/organizations/{id}/lift", organizations.lift, methods=["POST"]),
        Route("/admin/domains", domains.listed),
        Route("/admin/domains/{organization}/{domain}", domains.one),
        Route("/admin/domains/{organization}/{domain}/begin", domains.begin, methods=["POST"]),
        Route("/admin/domains/{organization}/{domain}/look", domains.look, methods=["POST"]),
        Route("/admin/settings", settings.show),
        Route("/admin/connections", connections.listed),
        Route("/admin/connections/{id}", connections.one),
        Route("/admin/connections/{id}/enable", connections.enable, methods=["POST"]),
        Route("/admin/connections/{id}/disable", connections.ask_disable),
        Route("/admin/connections/{id}/disable", connections.disable, methods=["POST"]),
        Route("/admin/connections/{id}/delete", connections.ask_delete),
        Route("/admin/connections/{id}/delete", connections.delete, methods=["POST"]),
        Route("/admin/connections/{id}/test", trials.test, methods=["GET"]),
        Route("/admin/connections/{id}/test", trials.start, methods=["POST"]),
        Route("/admin/tests/{trial}", trials.show),
        Route("/admin/connections/{id}/rules", rules.show, methods=["GET"]),
        Route("/admin/connections/{id}/rules", rules.change, methods=["POST"]),
        Route("/admin/connections/{id}/provisioning", provisioning.show, methods=["GET"]),
        Route("/admin/connections/{id}/provisioning", provisioning.create, methods=["POST"]),
        Route("/admin/connections/{id}/provisioning/switch", provisioning.switch, methods=["POST"]),
        Route(
            "/admin/connections/{id}/provisioning/{credential}/revoke", provisioning.revoke, methods=["POST"]
        ),
        Route("/admin/decisions", decisions.show),
        Route("/admin/decisions/{reference}", decisions.one, methods=["GET"]),
        Route("/admin/decisions/{reference}", decisions.reveal, methods=["POST"]),
        Route("/admin/audit", audit.show),
        Route("/admin/tokens", tokens.show),
        Route("/admin/tokens", tokens.create, methods=["POST"]),
        Route("/admin/tokens/{id}/revoke", tokens.revoke, methods=["POST"]),
        *api_routes(),
    ]
