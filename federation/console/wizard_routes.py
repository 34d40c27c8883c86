"""The URL table of the wizard: its steps for administrators, and the same for the holder of a setup link."""

from typing import Final

from starlette.routing import BaseRoute, Route

from federation.console import links, new_connection, setup, wizard
from federation.console.seat import HERE, LINK, of_administrator, of_link

STEPS: Final = (
    ("GET", "", wizard.home),
    ("GET", "/provider", wizard.provider),
    ("POST", "/provider", wizard.mint_token),
    ("GET", "/answer", wizard.show_answer),
    ("POST", "/answer", wizard.save_answer),
    ("GET", "/people", wizard.people),
    ("POST", "/people", wizard.save_people),
    ("POST", "/people/look", wizard.look),
    ("GET", "/mapping", wizard.mapping),
    ("POST", "/mapping", wizard.save_mapping),
    ("GET", "/test", wizard.test),
    ("POST", "/test", wizard.start_test),
    ("GET", "/enable", wizard.enable),
    ("POST", "/enable", wizard.let_in),
)


def wizard_routes() -> list[BaseRoute]:
    """Return the wizard's: of administrators, then the same steps of a setup link's holder."""
    every = f"{HERE}/{{id}}"
    return [
        Route(f"{HERE}/new", new_connection.choose, methods=["GET"]),
        Route(f"{HERE}/new", new_connection.create, methods=["POST"]),
        Route(f"{every}/links", links.show, methods=["GET"]),
        Route(f"{every}/links", links.create, methods=["POST"]),
        Route(f"{every}/links/{{link}}/revoke", links.revoke, methods=["POST"]),
        *(
            Route(f"{every}/setup{path}", of_administrator(step), methods=[method])
            for method, path, step in STEPS
        ),
        *(Route(f"{LINK}{path}", of_link(step), methods=[method]) for method, path, step in STEPS),
        Route(f"{LINK}/tests/{{trial}}", of_link(setup.report), methods=["GET"]),
        Route(f"{LINK}/leave", of_link(setup.leave), methods=["POST"]),
        Route(f"{LINK}/{{token}}", setup.opened, methods=["GET"]),
        Route(f"{LINK}/{{token}}", setup.begin, methods=["POST"]),
    ]
