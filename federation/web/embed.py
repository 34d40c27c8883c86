"""Inside a Starlette or FastAPI application: sign-in routes, ``request.user``, roles.

The application keeps its own paths; ours are those of ``routes.sign_in_routes`` and
``/verify``, and the administration's only where it asks for them: many have an ``/admin``.
``federation.app.Federation`` is this middleware with a settings file.
"""

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from starlette.authentication import AuthCredentials, BaseUser
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from federation.console.routes import console_routes
from federation.errors import RequestRefused
from federation.identity import KeptTokens, Session
from federation.signin.return_to import local_path
from federation.web import cookies, errors, pages
from federation.web.house import House
from federation.web.routes import build, sign_in_routes
from federation.web.verify import PATH, Verify

OpenHouse = Callable[[], AbstractAsyncContextManager[House]]


class Visitor(BaseUser):
    """``request.user``: the signed-in person, or nobody."""

    def __init__(self, session: Session | None) -> None:
        self.session = session

    @property
    def is_authenticated(self) -> bool:
        return self.session is not None

    @property
    def identity(self) -> str:
        """Id of the user, "" for nobody."""
        return self.session.user.id if self.session else ""

    @property
    def email(self) -> str:
        return self.session.user.email if self.session else ""

    @property
    def display_name(self) -> str:
        return (self.session.user.display_name or self.session.user.email) if self.session else ""

    @property
    def organization(self) -> str:
        return self.session.organization if self.session else ""

    @property
    def groups(self) -> tuple[str, ...]:
        return self.session.groups if self.session else ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Of the organization that they are signed in for."""
        return self.session.roles if self.session else ()

    @property
    def system_roles(self) -> tuple[str, ...]:
        """Of the whole installation, whichever organization they are signed in for."""
        return self.session.system_roles if self.session else ()


class Embedded:
    """ASGI middleware: our routes first, the application's with ``request.user`` set.

    The house opens before the application starts and closes after it has stopped.
    """

    def __init__(self, app: ASGIApp, *, open_house: OpenHouse, console: bool) -> None:
        self._app = app
        self._open_house = open_house
        self._routes = [*sign_in_routes(), *(console_routes() if console else ())]
        self._own = build(self._routes, None)
        self._front = Verify(self._own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        house = self._house()
        if scope["type"] == "http" and self._is_ours(scope):
            await self._front(dict(scope), receive, send)
        else:
            scope["federation"] = house
            scope["user"] = visitor = Visitor(await _session(scope, house))
            scope["auth"] = AuthCredentials(visitor.roles)
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            house = self._open_house()
            self._own.state.house = await house.__aenter__()
        except Exception as failure:
            await receive()  # lifespan.startup
            await send({"type": "lifespan.startup.failed", "message": str(failure)})
            raise
        try:
            await self._app(scope, receive, send)
        finally:
            await house.__aexit__(None, None, None)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["path"] == PATH or self._house().stands_for(scope["path"]) is not None:
            return True
        return any(route.matches(scope)[0] is not Match.NONE for route in self._routes)

    def _house(self) -> House:
        house: House | None = getattr(self._own.state, "house", None)
        if house is None:
            raise RuntimeError(
                "federation was not started: add it to the root application, whose lifespan the server runs"
            )
        return house


async def _session(scope: Scope, house: House) -> Session | None:
    token = cookies.read_session(HTTPConnection(scope), house)
    return await house.session(token) if token else None


def requires_role(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only those with this role of their organization call an endpoint that takes ``request``.

    A system role of the same name does not count: see ``requires_system_role``.

    Nobody signed in: a browser is sent to sign in and back, a program gets 401. Signed in
    without the role: 403. Pages and JSON as everywhere here.
    """
    return _guard(lambda visitor: role in visitor.roles)


def requires_system_role(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only those with this role in the whole installation call an endpoint that takes ``request``.

    A role of the same name in an organization does not count. Answers as ``requires_role``.
    """
    return _guard(lambda visitor: role in visitor.system_roles)


def _guard(may_pass: Callable[[Visitor], bool]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(endpoint)
        if "request" not in signature.parameters:
            raise TypeError(f"{endpoint.__qualname__} needs a parameter named request")

        @functools.wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            request = signature.bind(*args, **kwargs).arguments["request"]
            if (refusal := turn_away(request, may_pass)) is not None:
                return refusal
            if inspect.iscoroutinefunction(endpoint):
                return await endpoint(*args, **kwargs)
            return await run_in_threadpool(endpoint, *args, **kwargs)

        return guarded

    return decorate


def turn_away(request: Request, may_pass: Callable[[Visitor], bool]) -> Response | None:
    """Return the answer to someone who may not pass, None to who may."""
    visitor: Visitor = request.user
    if not visitor.is_authenticated:
        if is_browser(request):
            return RedirectResponse(sign_in_path(request), 303)
        return pages.as_json_error(401, "Nobody is signed in.")
    if not may_pass(visitor):
        message = "You are signed in, but this needs a role that you do not have."
        if not is_browser(request):
            return pages.as_json_error(403, message)
        return errors.not_for_you(request, request.scope["federation"])
    return None


def current_user(request: Request) -> Visitor:
    """Return who is signed in, for FastAPI's ``Depends``.

    Raises:
        HTTPException: 303 to the sign-in page for a browser, 401 for a program.
    """
    visitor: Visitor = request.user
    if visitor.is_authenticated:
        return visitor
    if is_browser(request):
        raise HTTPException(303, headers={"location": sign_in_path(request)})
    raise HTTPException(401, "Nobody is signed in.")


async def provider_tokens(request: Request, *, life: timedelta) -> KeptTokens | None:
    """Return the tokens that their identity provider gave with this request's session, renewed if need be.

    Args:
        request: Of the application behind ``Federation``.
        life: How long the access token should be good for.

    Returns:
        None where nobody is signed in (any more), or the connection keeps no tokens.

    Raises:
        FederationError: As ``tokens.TokenKeeper.access_token`` does.
    """
    house: House = request.scope["federation"]
    token = cookies.read_session(request, house)
    return await house.tokens.access_token(token, life=life, now=house.clock()) if token else None


def is_browser(request: Request) -> bool:
    """Tell whether a person is looking: whoever asks for HTML."""
    return "text/html" in request.headers.get("accept", "")


def sign_in_path(request: Request) -> str:
    """Return where to sign in and come back from; only what was a GET is come back to."""
    goal = "/"
    if request.method in ("GET", "HEAD"):
        query = request.scope["query_string"].decode("latin-1")
        goal = quote(request.scope["path"]) + (f"?{query}" if query else "")
    try:
        goal = local_path(goal)
    except RequestRefused:
        goal = "/"
    return f"/login?{urlencode({'return_to': goal})}"
