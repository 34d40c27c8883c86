"""The whole URL table, and the handlers of pages that need no session.

A handler parses, awaits, answers. Addresses of ours come from the settings, never from Host
or X-Forwarded-*: redirects are paths, and nothing here builds an absolute URL.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from federation.identity import parse_email
from federation.policy import domains
from federation.return_to import local_path
from federation.web import account, cookies, errors, fields, logout, pages
from federation.web.callbacks import known, oidc_callback, rate_key, saml_acs, send_away
from federation.web.house import House
from federation.web.middleware import Aliases, LastResort, SecurityHeaders
from federation.web.rates import forwarding
from federation.web.verify import Verify

log = logging.getLogger("federation.web")


def sign_in_routes() -> list[BaseRoute]:
    """Return what an application gets by embedding; ``GET /verify`` stands before it (verify.py)."""
    return [  # tried in turn: the two of every sign-in come first
        Route("/login/{connection}", begin),
        Route("/saml/{connection}/acs", saml_acs, methods=["POST"]),
        Route("/login", login),
        Route("/saml/{connection}/slo", logout.saml_slo, methods=["GET", "POST"]),
        Route("/saml/{connection}/metadata", saml_metadata),
        Route("/saml/metadata", all_metadata),
        Route("/oidc/{connection}/callback", oidc_callback, methods=["GET", "POST"]),
        Route("/session", account.session_json),
        Route("/account", account.account),
        Route("/sessions/{id}/end", account.end_one, methods=["POST"]),
        Route("/logout", logout.ask_logout, methods=["GET"]),
        Route("/logout", logout.logout, methods=["POST"]),
        *(Route(f"/static/{name}", static) for name in pages.ASSETS),
    ]


def routes() -> list[BaseRoute]:
    """Return the URL table of the service on its own."""
    return [*sign_in_routes(), Route("/", home), Route("/healthz", healthz), Route("/readyz", readyz)]


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
        middleware=[Middleware(SecurityHeaders), Middleware(LastResort), Middleware(Aliases)],
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
    token, session = await account.current(request)
    return await account.show(request, token, session) if session else sign_in_page(request, "/")


async def login(request: Request) -> Response:
    """GET /login: the sign-in page, or where an e-mail address leads."""
    query = fields.read_query(request)
    return_to = local_path(query.get("return_to", ""))
    if "email" in query:
        return email_page(request, query["email"], return_to)
    return sign_in_page(request, return_to)


def sign_in_page(request: Request, return_to: str) -> Response:
    """Show a button per visible connection, and the e-mail field."""
    house: House = request.app.state.house
    visible = [
        {"id": connection.id, "display_name": connection.title, "href": begin_path(connection.id, return_to)}
        for connection in house.connections.values()
        if connection.visible
    ]
    if pages.wants_json(request):
        return pages.as_json({"connections": visible})
    return pages.page(house, "sign_in.html", connections=visible, return_to=return_to)


def email_page(request: Request, email: str, return_to: str) -> Response:
    """Say where this address signs in; one shape for known, unknown and malformed ones."""
    house: House = request.app.state.house
    address = parse_email(email.strip())
    connection = domains.route(address, tuple(house.connections.values())) if address else None
    href = begin_path(connection, return_to, address or "") if connection else None
    if pages.wants_json(request):
        return pages.as_json({"sign_in": href})
    return pages.page(house, "email.html", email=email[:254], href=href, return_to=return_to)


def begin_path(connection: str, return_to: str, login_hint: str = "") -> str:
    """Return the path that starts a sign-in."""
    query = {"return_to": return_to} | ({"login_hint": login_hint} if login_hint else {})
    return f"/login/{quote(connection)}?{urlencode(query)}"


async def begin(request: Request) -> Response:
    """GET /login/{connection}: start a sign-in and go to the identity provider."""
    house: House = request.app.state.house
    connection = request.path_params["connection"]
    query = fields.read_query(request)
    key = rate_key(request, connection if connection in house.connections else "")
    house.rates.sign_in.hit(("start", *key), house.clock())
    begun = await house.signin.begin(
        connection,
        return_to=query.get("return_to", ""),
        binder=cookies.read_binder(request, house),
        session_token=cookies.read_session(request, house),
        login_hint=parse_email(query.get("login_hint", "")) or "",
    )
    response = send_away(house, begun.url, begun.fields)
    cookies.set_binders(response, begun.binder, house)
    return response


async def saml_metadata(request: Request) -> Response:
    """GET /saml/{connection}/metadata: what we are, for the identity provider (SAML Metadata §2)."""
    house: House = request.app.state.house
    connection = known(request, "saml").id
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


async def static(request: Request) -> Response:
    """GET /static/…: style, script, icon; forever under the digest that pages name."""
    content, media_type = pages.ASSETS[request.scope["path"].rpartition("/")[2]]
    forever = request.scope["query_string"].startswith(b"v=")
    age = "public, max-age=31536000, immutable" if forever else "public, max-age=300"
    return Response(content, media_type=media_type, headers={"cache-control": age})


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
