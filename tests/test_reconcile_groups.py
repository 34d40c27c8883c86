"""Between sign-ins where a vendor's API knows the groups: Google's Directory, and Graph after an overage."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from databases import ask
from loopback import Site, serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from test_google_directory import ADA, Google, error, page
from test_oidc_groups import OVERAGE, body
from test_reconcile import HOUR, reconciler, records, says, session
from tokens_world import Installation, Node, open_installation

from federation.connectors.groups import GroupsApi
from federation.connectors.oidc import OidcConnector
from federation.connectors.oidc_reread import DirectoryRereading, OidcRereading
from federation.identity import Session
from federation.store.store import Store
from federation.upkeep.reconcile import Reconciler

ROLE = {"name": "administrators", "roles": ["admin"]}
ADDRESS = {"email": "ada@acme.example", "email_verified": True}


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


async def reread(one: Node, token: str, again: Reconciler) -> Session:
    """Ask an hour later; return the session, which lives on."""
    one.clock.at += HOUR
    await again.reconcile_due(one.clock())
    found = await session(one, token)
    assert found is not None
    return found


def answered(found: Session) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return found.roles, found.groups


# ── Google's Directory, asked with a key of our own ───────────────────────────────────────

ADMINS, STAFF = "admins@acme.example", "staff@acme.example"


@dataclass
class Workspace:
    """Ada, who signed in, and what the Directory knows."""

    one: Node
    token: str
    google: Google
    site: Site
    again: Reconciler

    async def says(self, *answers: Any) -> Session:
        """Have the Directory answer this from now on, page by page, and ask."""
        self.google.asked.clear()
        self.google.pages = list(answers)
        return await reread(self.one, self.token, self.again)


@pytest.fixture
async def workspace(installed: Installation, store: Store) -> AsyncIterator[Workspace]:
    """No token of hers is kept; her ``sub`` is the Directory's id."""
    google = Google(pages=[page(ADMINS, STAFF)])
    async with serving() as site:
        site.app = Starlette(
            routes=[Route("/token", google.token, methods=["POST"]), Route("/groups", google.groups)]
        )
        google.url = site.url
        rules = [{**ROLE, "groups": [ADMINS]}]
        one = installed.node(store, keep_tokens=[], role_rules=rules, fetch_userinfo="never")
        entry = cast("OidcConnector", one.signin.connectors["acme"])._entry
        directory = OidcConnector(replace(entry, google_directory=google.access), installed.world.fetch)
        cast("dict[str, Any]", one.signin.connectors)["acme"] = directory
        assert isinstance(directory.rereading, DirectoryRereading)
        says(installed, **ADDRESS, sub=ADA, hd="acme.example", groups=None)
        token = await installed.sign_in(one)
        found = await session(one, token)
        assert found is not None
        assert answered(found) == (("admin",), (ADMINS, STAFF))
        yield Workspace(one, token, google, site, reconciler(one))


async def test_the_directory_takes_and_gives(workspace: Workspace, store_url: str) -> None:
    found = await workspace.says(page(STAFF))
    assert answered(found) == (("member",), (STAFF,))
    assert found.user.email == "ada@acme.example"  # the Directory says groups and nothing else
    assert workspace.google.asked == [ADA]
    assert answered(await workspace.says(page(ADMINS))) == (("admin",), (ADMINS,))
    assert answered(await workspace.says(page())) == (("member",), ())  # in none is an answer
    assert await records(store_url) == [("", "reconciled")] * 3


async def test_every_page_counts(workspace: Workspace) -> None:
    found = await workspace.says(page(STAFF, following="-2"), page(ADMINS))
    assert answered(found) == (("admin",), (STAFF, ADMINS))


DOWN: dict[str, Callable[[], list[Any]]] = {
    "down": lambda: [Response("down", 503)],
    "half": lambda: [page(STAFF, following="-2"), Response("down", 503)],
    "rate limited": lambda: [JSONResponse(error("quotaExceeded"), 403)],
    "no delegation any more": lambda: [JSONResponse(error("forbidden"), 403)],
    "the API switched off": lambda: [JSONResponse(error("accessNotConfigured"), 403)],
    "our token refused": lambda: [Response("{}", 401)],
    "nobody of this id": lambda: [JSONResponse(error("notFound"), 404)],
    "no answer of the Directory": lambda: [JSONResponse({})],
}


@pytest.mark.parametrize("how", DOWN)
async def test_a_directory_that_does_not_answer_changes_nothing(
    workspace: Workspace, store_url: str, how: str
) -> None:
    before = await ask(store_url, "SELECT * FROM role_grant")
    assert answered(await workspace.says(*DOWN[how]())) == (("admin",), (ADMINS, STAFF))
    assert workspace.google.asked
    assert await ask(store_url, "SELECT * FROM role_grant") == before
    assert await records(store_url) == []
    assert answered(await workspace.says(page(STAFF))) == (("member",), (STAFF,))


async def test_a_service_account_that_was_deleted_changes_nothing(
    workspace: Workspace, store_url: str
) -> None:
    workspace.google.refuses = {"error": "invalid_grant"}
    assert answered(await workspace.says(page(STAFF))) == (("admin",), (ADMINS, STAFF))
    assert workspace.google.asked == []
    assert await records(store_url) == []


# ── Graph, where Entra's ID Token holds more groups than fit ──────────────────────────────

ADMINS_ID, STAFF_ID = "5f3c6a52-1111-4e1b-9d3f-0a1b2c3d4e5f", "5f3c6a52-2222-4e1b-9d3f-0a1b2c3d4e5f"


@dataclass
class Graph:
    """What Graph answers, and the tokens that it was asked with."""

    page: Any
    tokens: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.tokens.append(request.headers["authorization"])
        return self.page if isinstance(self.page, Response) else JSONResponse(self.page)


@dataclass
class Tenant:
    """Ada, who signed in with more groups than her ID Token holds."""

    one: Node
    token: str
    graph: Graph
    again: Reconciler

    async def says(self, answer: Any) -> Session:
        self.graph.page = answer
        return await reread(self.one, self.token, self.again)


@pytest.fixture
async def tenant(installed: Installation, store: Store) -> AsyncIterator[Tenant]:
    graph = Graph(body(ADMINS_ID, STAFF_ID))
    async with serving() as site:
        site.app = Starlette(routes=[Route("/{path:path}", graph.answer)])
        one = installed.node(
            store,
            keep_tokens=["refresh"],
            role_rules=[{**ROLE, "groups": [ADMINS_ID]}],
            fetch_userinfo="never",
        )
        connector = cast("OidcConnector", one.signin.connectors["acme"])
        connector._groups = GroupsApi(f"{site.url}/v1.0/me/transitiveMemberOf", installed.world.fetch)
        connector.rereading = OidcRereading(connector._entry, connector, connector._groups)
        says(installed, **ADDRESS, groups=None, **OVERAGE)
        token = await installed.sign_in(one)
        found = await session(one, token)
        assert found is not None
        assert answered(found) == (("admin",), (ADMINS_ID, STAFF_ID))
        yield Tenant(one, token, graph, reconciler(one))


async def test_graph_is_asked_again_with_the_renewed_token(tenant: Tenant, store_url: str) -> None:
    assert answered(await tenant.says(body(STAFF_ID))) == (("member",), (STAFF_ID,))
    assert answered(await tenant.says(body(ADMINS_ID))) == (("admin",), (ADMINS_ID,))
    assert answered(await tenant.says(body())) == (("member",), ())
    assert len(set(tenant.graph.tokens)) == 4
    assert await records(store_url) == [("", "reconciled")] * 3


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_graph_that_does_not_answer_changes_nothing(
    tenant: Tenant, store_url: str, status: int
) -> None:
    found = await tenant.says(Response("{}", status))
    assert answered(found) == (("admin",), (ADMINS_ID, STAFF_ID))
    assert await records(store_url) == []
    assert answered(await tenant.says(body(STAFF_ID))) == (("member",), (STAFF_ID,))


async def test_groups_that_fit_again_are_taken_from_the_token(
    tenant: Tenant, installed: Installation, store_url: str
) -> None:
    says(installed, **ADDRESS, groups=[STAFF_ID])
    asked = len(tenant.graph.tokens)
    assert answered(await tenant.says(body(ADMINS_ID))) == (("member",), (STAFF_ID,))
    assert len(tenant.graph.tokens) == asked
    says(installed, **ADDRESS, groups=None, **OVERAGE)
    assert answered(await tenant.says(body(ADMINS_ID))) == (("admin",), (ADMINS_ID,))
    assert await records(store_url) == [("", "reconciled")] * 2


async def test_whom_the_tenant_suspends_is_out_whatever_graph_says(
    tenant: Tenant, installed: Installation
) -> None:
    installed.world.provider.grants.forget()
    tenant.one.clock.at += HOUR
    await tenant.again.reconcile_due(tenant.one.clock())
    assert await session(tenant.one, tenant.token) is None
    assert len(tenant.graph.tokens) == 1  # of the sign-in
