"""A development OpenID Provider: every flow that a client of today needs, and one knob per rule to break.

It admits anybody who reads its login page; ``loopback_only`` refuses every other address.
Tests take its tokens without HTTP (``id_token``), and drive it over HTTP (``app``).
"""

import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from federation import clock
from federation.clock import Clock
from federation.demo import openid_clients, openid_pages, openid_published, openid_requests
from federation.demo.loopback import loopback_only
from federation.demo.openid_clients import Ask, Clients, DemoClient, same, text
from federation.demo.openid_failures import deliver
from federation.demo.openid_faults import FAULTS, FRONT_FAULTS, HYBRID_FAULTS, RIGHT, TWICE, Knobs, bend
from federation.demo.openid_grants import Grants
from federation.demo.openid_logout import Logout
from federation.demo.openid_requests import Asked, Granted, Session
from federation.demo.openid_tokens import Signer, Signers
from federation.demo.users import USERS, DemoUser

__all__ = ["DemoClient", "OpenidProvider"]

COOKIE = "demo_openid_provider"
PUSHED_LIFE = 60  # seconds, as announced
_JSON = "application/json"
_ALL_FAULTS = {**FAULTS, **FRONT_FAULTS, **HYBRID_FAULTS}


class OpenidProvider:
    """One issuer, its clients, and its state, all in memory."""

    def __init__(
        self,
        issuer: str,
        clients: Mapping[str, DemoClient],
        *,
        alg: str = "RS256",
        clock: Clock = clock.now,
        ask: Ask = openid_clients.ask,
    ) -> None:
        """Make keys.

        Args:
            issuer: Its URL, on loopback.
            clients: By client_id; those of its ``clients`` that are added later count as well.
            alg: Of ID Tokens, where a client did not register another.
            clock: What time it is.
            ask: How it asks its clients: for their keys, and to end sessions.

        Raises:
            ValueError: The issuer's host is not loopback.
        """
        loopback_only(urlsplit(issuer).hostname or "")
        self.issuer = issuer
        self.knobs = RIGHT  # of every sign-in; the login page sets those of one
        self.require_pushed = False  # says so, and takes no other request
        self.signer = Signer(issuer, alg)
        self._signers = Signers(self.signer)
        self.id_token = self.signer.id_token  # without HTTP, for tests of the rules
        self.asked: list[str] = []  # the paths that programs asked for, in order
        self.clients = Clients(clients, issuer=issuer, ask=ask)
        self.logout = Logout(issuer, clients, ask=ask)
        self.grants = Grants(self.clients, self._signers, clock=clock)
        self._clock = clock
        self._pushed: dict[str, Asked] = {}
        self._waiting: dict[str, Asked] = {}
        self._sessions: dict[str, Session] = {}

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def app(self) -> Starlette:
        """Return the provider as an ASGI application."""
        path = urlsplit(self.issuer).path.rstrip("/")
        table = (
            ("/.well-known/openid-configuration", self._discovery, ["GET"]),
            ("/jwks", self._jwks, ["GET"]),
            ("/par", self._par, ["POST"]),
            ("/authorize", self._authorize, ["GET"]),
            ("/login", self._login, ["POST"]),
            ("/token", self._token, ["POST"]),
            ("/revoke", self._revoke, ["POST"]),
            ("/userinfo", self._userinfo, ["GET"]),
            ("/logout", self._logout, ["GET", "POST"]),
            ("/style.css", openid_pages.style, ["GET"]),
        )
        return Starlette(routes=[Route(path + where, what, methods=how) for where, what, how in table])

    # what it publishes

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        document = openid_published.document(
            self.issuer, self.signer.alg, self.clients.known, require_pushed=self.require_pushed
        )
        body = json.dumps(bend(document, self.knobs.discovery)).encode()
        return await deliver(request, body, _JSON, self.knobs.publishes.get("discovery", "right"))

    async def _jwks(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        for client in self.clients.known.values():
            self._signers.of(client.alg, secret=client.secret)
            self._signers.of(client.userinfo_alg)
        body = self.knobs.jwks if self.knobs.jwks is not None else self._signers.jwks()
        how = self.knobs.publishes.get("jwks", "right")
        return await deliver(request, body, "application/jwk-set+json", how)

    # authorization

    async def _par(self, request: Request) -> Response:
        """RFC 9126 §2: a request, pushed by a client that proves who it is."""
        self.asked.append(request.url.path)
        form = await request.form()
        client_id = await self.clients.authenticated(request, form, now=self._now())
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        params = {name: text(form, name) for name in form} | {"client_id": client_id}
        client = self.clients.known[client_id]
        if "request_uri" in params or params.get("redirect_uri") not in client.redirect_uris:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        name = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(24)}"
        self._pushed[name] = openid_requests.read(params, client)
        answer = bend({"request_uri": name, "expires_in": PUSHED_LIFE}, self.knobs.pushed)
        how = self.knobs.fails.get("pushed", "right")
        return await deliver(request, json.dumps(answer).encode(), _JSON, how, status=201)

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        client = self.clients.known.get(query.get("client_id", ""))
        if client is None:
            return openid_pages.error("This client is not known here.")
        if "request_uri" in query:
            asked = self._pushed.pop(query["request_uri"], None)
            if asked is None or asked.client_id != query["client_id"]:
                return openid_pages.error("This pushed request is not known, or was used.")
        elif self.require_pushed or client.require_pushed:
            return openid_pages.error("Requests must be pushed.")
        elif query.get("redirect_uri") not in client.redirect_uris:
            return openid_pages.error("This client is not known here with this redirect_uri.")
        else:
            asked = openid_requests.read(query, client)
        if asked.fault:
            return self._answer(asked, {"error": asked.fault}, RIGHT)
        return self._recognize(asked, request.cookies.get(COOKIE, ""))

    def _recognize(self, asked: Asked, cookie: str) -> Response:
        """Core §3.1.2.3: go on without a page, or with one, as prompt and max_age say."""
        session = self._sessions.get(cookie)
        if session and asked.max_age is not None and self._now() - session.authenticated_at > asked.max_age:
            session = None
        if "none" in asked.prompt:
            if session is None:
                return self._answer(asked, {"error": "login_required"}, self.knobs)
            return self._grant(asked, session, knobs=self.knobs)
        return self._ask(asked, known=session.user if session and "login" not in asked.prompt else None)

    def _ask(self, asked: Asked, *, known: DemoUser | None = None, wrong: bool = False) -> Response:
        ticket = secrets.token_urlsafe(16)
        self._waiting[ticket] = asked
        action = f"{self.issuer}/login"
        return openid_pages.login(action=action, ticket=ticket, asked=asked, known=known, wrong=wrong)

    async def _login(self, request: Request) -> Response:
        form = await request.form()
        asked = self._waiting.pop(text(form, "ticket"), None)
        if asked is None:
            return openid_pages.error("This sign-in was answered already. Start again at the application.")
        if "cancel" in form:
            return self._answer(asked, {"error": "access_denied"}, RIGHT)
        fault = _ALL_FAULTS.get(text(form, "break"))
        knobs = fault.knobs if fault else self.knobs
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if "continue" in form and session is not None:
            return self._grant(asked, session, knobs=knobs)
        user = USERS.get(text(form, "login").partition("@")[0])
        if user is None or not same(user.password, text(form, "password")):
            return self._ask(asked, wrong=True)
        session = Session(user=user, authenticated_at=self._now(), sid=secrets.token_urlsafe(16))
        self._sessions[session.sid] = session
        response = self._grant(asked, session, knobs=knobs)
        response.set_cookie(COOKIE, session.sid, httponly=True, samesite="lax")
        return response

    def _grant(self, asked: Asked, session: Session, *, knobs: Knobs) -> Response:
        granted = Granted(asked=asked, session=session, knobs=knobs)
        if asked.client_id not in session.clients:
            session.clients.append(asked.client_id)
        code = self.grants.code(granted) if asked.wants_code else ""
        answer = {"code": code} if code else {}
        if asked.wants_id_token:
            answer["id_token"] = self.grants.id_token(granted, nonce=asked.nonce, code=code, place="front")
        return self._answer(asked, answer, knobs)

    def _answer(self, asked: Asked, what: Mapping[str, str], knobs: Knobs) -> Response:
        right = {**what, "state": asked.state, "iss": self.issuer}
        pairs: list[tuple[str, str]] = []
        for name, value in bend(right, knobs.answer).items():
            pairs += [(name, right.get(name, ""))] * 2 if value is TWICE else [(name, value)]
        if asked.response_mode == "form_post":
            return openid_pages.post(asked.redirect_uri, pairs)
        return RedirectResponse(f"{asked.redirect_uri}?{urlencode(pairs)}", status_code=303)

    # tokens

    async def _token(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return await self.grants.token(request, self.knobs)

    async def _revoke(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return await self.grants.revoke(request, self.knobs)

    async def _userinfo(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return await self.grants.userinfo(request)

    # logout

    async def _logout(self, request: Request) -> Response:
        """RP-Initiated Logout §2: end the session, tell who used it, and lead back where registered."""
        sent = {**request.query_params}
        if request.method == "POST":
            form = await request.form()
            sent = {name: text(form, name) for name in form}
        client_id, sid = self.grants.hinted(sent.get("id_token_hint", ""))
        session = self._sessions.pop(request.cookies.get(COOKIE, "") or sid, None)
        frames: list[str] = []
        if session is not None:
            signers = {one: self.grants.signer(one) for one in session.clients}
            await self.logout.tell(session, signers, now=self._now(), knobs=self.knobs)
            frames = self.logout.frames(session)
        client_id = client_id or sent.get("client_id", "")
        response = self.logout.answer(sent, client_id=client_id, frames=frames, knobs=self.knobs)
        response.delete_cookie(COOKIE)
        return response
