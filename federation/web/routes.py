"""The whole URL table, and the handlers of pages that need no session.

A handler parses, awaits, answers. Addresses of ours come from the settings, never from Host
or X-Forwarded-*: redirects are paths, and nothing here builds an absolute URL.
"""

import logging
import re
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from federation.console.routes import console_routes
from federation.errors import RequestRefused
from federation.web import (
    account,
    aliases,
    emergency,
    errors,
    initiate,
    invitation,
    join,
    local,
    logout,
    oidc_logout,
    pages,
    prove,
    scim,
    scim_token,
    signed_in,
    start,
    ways_in,
)
from federation.web.callbacks import oidc_callback, saml_acs, shared_callback
from federation.web.house import House
from federation.web.middleware import Aliases, LastResort, SecurityHeaders, Speaking
from federation.web.rates import forwarding
from federation.web.verify import Verify

log = logging.getLogger("federation.web")


class Step(Route):
    """A route whose GET does something. HEAD may not (RFC 9110 §9.2.1): link checkers and previews ask it.

    Without this Starlette would answer HEAD by doing all that a GET does.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, methods: Collection[str] = ("GET",)
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.methods = set(methods)


class EveryMethod(Route):
    """A route that answers every method itself, those that it has not too: in its callers' own language."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        super().__init__(path, endpoint)
        self.methods = None
        # Starlette's leaves a line break out at the end, and finds none further ahead: it is of the path.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z", re.DOTALL)


def sign_in_routes() -> list[BaseRoute]:
    """Return what an application gets by embedding; ``GET /verify`` stands before it (verify.py)."""
    return [  # tried in turn: those of every sign-in come first
        Step("/login/{connection}", start.begin),
        Route("/saml/{connection}/acs", saml_acs, methods=["POST"]),
        Step("/oidc/{connection}/callback", oidc_callback, methods=["GET", "POST"]),
        Route("/login", start.login),
        Route("/login/forget", start.forget, methods=["POST"]),
        Step(prove.PATH, prove.begin),
        Step("/saml/{connection}/slo", logout.saml_slo, methods=["GET", "POST"]),
        Route("/saml/{connection}/metadata", saml_metadata),
        Route("/saml/metadata", all_metadata),
        Step(aliases.SHARED_CALLBACK, shared_callback, methods=["GET", "POST"]),
        Step(aliases.INITIATE, initiate.initiate, methods=["GET", "POST"]),
        Route("/oidc/jwks.json", jwks),
        Route("/oidc/{connection}/backchannel-logout", oidc_logout.backchannel_logout, methods=["POST"]),
        Step("/oidc/{connection}/frontchannel-logout", oidc_logout.frontchannel_logout),
        Route(f"{aliases.SCIM}/{{connection}}/token", scim_token.token, methods=["POST"]),
        EveryMethod(f"{aliases.SCIM}/{{connection}}{{place:path}}", scim.scim),
        Step("/invitation/{token}", invitation.opened),
        Route("/join", join.show),
        Route("/join", join.decided, methods=["POST"]),
        Step("/local/{connection}", local.sign_in, methods=["POST"]),
        Step("/local/{connection}/password/{token}", local.password_page),
        Route("/local/{connection}/password/{token}", local.choose_password, methods=["POST"]),
        Route("/break-glass", emergency.break_glass),
        Route("/break-glass", emergency.open_break_glass, methods=["POST"]),
        Step("/bootstrap/{token}", emergency.bootstrap),
        Route("/session", account.session_json),
        Route("/account", account.account),
        Route("/account/link", ways_in.link, methods=["POST"]),
        Route("/account/ways/{person}", ways_in.ask_unlink),
        Route("/account/ways/{person}", ways_in.unlink, methods=["POST"]),
        Route("/sessions/end-others", account.end_others, methods=["POST"]),
        Route("/sessions/{id}/end", account.end_one, methods=["POST"]),
        Step("/logout", logout.ask_logout, methods=["GET"]),
        Route("/logout", logout.logout, methods=["POST"]),
        *(Route(f"/static/{name}", static) for name in pages.ASSETS),
        Route("/static/brand/{name}", brand),
    ]


def routes() -> list[BaseRoute]:
    """Return the URL table of the service on its own."""
    return [
        *sign_in_routes(),
        *console_routes(),
        Route("/", home),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]


def build(
    table: list[BaseRoute], open_house: Callable[[], AbstractAsyncContextManager[House]] | None
) -> Starlette:
    """Return the application around a URL table.

    Args:
        table: ``routes()`` or ``sign_in_routes()``.
        open_house: Opens the store and so on for as long as the application lives; None where
            whoever embeds it sets ``app.state.house``.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        if open_house is None:
            yield
            return
        async with open_house() as house:
            app.state.house = house
            yield

    app = Starlette(
        routes=table,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Speaking),
            Middleware(LastResort),
            Middleware(Aliases),
        ],
        exception_handlers=errors.HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would build its target from the Host header
    return app


def service(open_house: Callable[[], AbstractAsyncContextManager[House]]) -> Verify:
    """Return the service on its own, ``GET /verify`` ahead of everything."""
    return Verify(build(routes(), open_house))


async def home(request: Request) -> Response:
    """GET /: the account page if signed in, else the sign-in page."""
    token, session = await signed_in.current(request)
    return await account.show(request, token, session) if session else await start.sign_in_page(request, "/")


async def saml_metadata(request: Request) -> Response:
    """GET /saml/{connection}/metadata: what we are, for the identity provider (SAML Metadata §2)."""
    house: House = request.app.state.house
    connection = request.path_params["connection"]
    if connection not in house.roster.saml:  # one whose provider is not known yet is told of, too
        raise RequestRefused("signin.no_connection", "no SAML connection has this id")
    return Response(
        house.published.one(connection, house.clock()),
        media_type="application/samlmetadata+xml",
        headers={"content-disposition": f'attachment; filename="{connection}-sp-metadata.xml"'},
    )


async def all_metadata(request: Request) -> Response:
    """GET /saml/metadata: the whole service provider (SAML Metadata §2.3)."""
    house: House = request.app.state.house
    document = house.published.every(house.clock())
    if document is None:
        raise HTTPException(404)
    return Response(
        document,
        media_type="application/samlmetadata+xml",
        headers={"content-disposition": 'attachment; filename="sp-metadata.xml"'},
    )


async def jwks(request: Request) -> Response:
    """GET /oidc/jwks.json: the keys that our client assertions are verified with (RFC 7517 §5)."""
    published = request.app.state.house.published
    headers = {"cache-control": "public, max-age=3600", "etag": published.jwks_tag}
    if published.jwks_tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(published.jwks, media_type="application/jwk-set+json", headers=headers)


async def static(request: Request) -> Response:
    """GET /static/…: style, script, icon; forever under the digest that pages name."""
    content, media_type = pages.ASSETS[request.scope["path"].rpartition("/")[2]]
    forever = request.scope["query_string"].startswith(b"v=")
    age = "public, max-age=31536000, immutable" if forever else "public, max-age=300"
    return Response(content, media_type=media_type, headers={"cache-control": age})


async def brand(request: Request) -> Response:
    """GET /static/brand/…: logo and colour of the installation, each named by its digest.

    An image that is opened by itself may do nothing either: see ``SecurityHeaders``.
    """
    house: House = request.app.state.house
    if (found := house.brand.files.get(request.path_params["name"])) is None:
        raise HTTPException(404)
    content, media_type = found
    policy = f"{pages.NOTHING}; sandbox"
    return Response(
        content,
        media_type=media_type,
        headers={"cache-control": "public, max-age=31536000, immutable", "content-security-policy": policy},
    )


async def healthz(_request: Request) -> Response:
    """GET /healthz: the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """GET /readyz: what is needed to sign people in; why not is in the log."""
    house: House = request.app.state.house
    checks: dict[str, str] = {}
    for name, check in house.ready.items():
        try:
            wrong = await check()
        except Exception as failure:  # noqa: BLE001  a check that fails is the answer, not an error
            wrong = type(failure).__name__
        checks[name] = "ok" if wrong is None else "failed"
        if wrong is not None:
            log.warning("not ready", extra={"check": name, "why": wrong})
    ready = bool(checks) and set(checks.values()) == {"ok"}
    peer = request.client.host if request.client else None
    seen = forwarding(peer, request.headers.keys(), house.trusted_proxies)
    return pages.as_json({"ready": ready, "checks": checks, "proxy": seen}, 200 if ready else 503)
