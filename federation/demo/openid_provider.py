"""A development OpenID Provider: code flow with PKCE, and one knob per rule to break.

It admits anybody who reads its login page; ``loopback_only`` refuses every other address.
Tests take its tokens without HTTP (``id_token``), and drive it over HTTP (``app``).
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from federation import clock
from federation.clock import Clock
from federation.demo import openid_pages, openid_tokens
from federation.demo.loopback import loopback_only
from federation.demo.openid_faults import FAULTS, RIGHT, TWICE, Knobs, bend
from federation.demo.openid_tokens import Signer
from federation.demo.users import USERS, DemoUser

COOKIE = "demo_openid_provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoClient:
    """A client that may ask; its secret is checked, by Basic or in the form."""

    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An authorization request that was found in order."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    login_hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a code, and then an access token, stands for."""

    asked: Asked
    user: DemoUser
    authenticated_at: int
    sid: str
    knobs: Knobs


class OpenidProvider:
    """One issuer, its clients, and its state, all in memory."""

    def __init__(
        self,
        issuer: str,
        clients: Mapping[str, DemoClient],
        *,
        alg: str = "RS256",
        clock: Clock = clock.now,
    ) -> None:
        """Make keys.

        Raises:
            ValueError: The issuer's host is not loopback.
        """
        loopback_only(urlsplit(issuer).hostname or "")
        self.issuer = issuer
        self.knobs = RIGHT  # of every sign-in; the login page sets those of one
        self.signer = Signer(issuer, alg)
        self.id_token = self.signer.id_token  # without HTTP, for tests of the rules
        self.asked: list[str] = []  # the paths that were asked for, in order
        self._clients = clients
        self._clock = clock
        self._waiting: dict[str, Asked] = {}
        self._codes: dict[str, Granted] = {}
        self._tokens: dict[str, Granted] = {}
        self._sessions: dict[str, tuple[DemoUser, int]] = {}

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def app(self) -> Starlette:
        """Return the provider as an ASGI application."""
        path = urlsplit(self.issuer).path.rstrip("/")
        table = (
            ("/.well-known/openid-configuration", self._discovery, ["GET"]),
            ("/jwks", self._jwks, ["GET"]),
            ("/authorize", self._authorize, ["GET"]),
            ("/login", self._login, ["POST"]),
            ("/token", self._token, ["POST"]),
            ("/userinfo", self._userinfo, ["GET"]),
            ("/logout", self._logout, ["GET"]),
            ("/style.css", openid_pages.style, ["GET"]),
        )
        return Starlette(routes=[Route(path + where, what, methods=how) for where, what, how in table])

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.signer.alg],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["openid", *openid_tokens.SCOPES],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(bend(document, self.knobs.discovery))

    async def _jwks(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return Response(self.knobs.jwks or self.signer.jwks(), media_type="application/jwk-set+json")

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        client = self._clients.get(query.get("client_id", ""))
        if client is None or query.get("redirect_uri") not in client.redirect_uris:
            return openid_pages.error("This client is not known here, or not with this redirect_uri.")
        asked = Asked(
            client_id=query["client_id"],
            redirect_uri=query["redirect_uri"],
            scopes=tuple(query.get("scope", "").split()),
            state=query.get("state", ""),
            nonce=query.get("nonce", ""),
            code_challenge=query.get("code_challenge", ""),
            login_hint=query.get("login_hint", ""),
        )
        if not _is_complete(query, asked):
            return self._answer(asked, {"error": "invalid_request"}, RIGHT)
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if query.get("prompt") == "none":
            if session is None:
                return self._answer(asked, {"error": "login_required"}, self.knobs)
            return self._grant(asked, *session, sid=request.cookies[COOKIE], knobs=self.knobs)
        return self._ask(asked, known=session[0] if session and query.get("prompt") != "login" else None)

    def _ask(self, asked: Asked, *, known: DemoUser | None = None, wrong: bool = False) -> Response:
        ticket = secrets.token_urlsafe(16)
        self._waiting[ticket] = asked
        return openid_pages.login(
            action=f"{self.issuer}/login",
            ticket=ticket,
            login=asked.login_hint,
            redirect_uri=asked.redirect_uri,
            known=known,
            wrong=wrong,
        )

    async def _login(self, request: Request) -> Response:
        form = await request.form()
        asked = self._waiting.pop(_field(form, "ticket"), None)
        if asked is None:
            return openid_pages.error("This sign-in was answered already. Start again at the application.")
        if "cancel" in form:
            return self._answer(asked, {"error": "access_denied"}, RIGHT)
        fault = FAULTS.get(_field(form, "break"))
        knobs = fault.knobs if fault else self.knobs
        sid = request.cookies.get(COOKIE, "")
        if "continue" in form and sid in self._sessions:
            return self._grant(asked, *self._sessions[sid], sid=sid, knobs=knobs)
        user = USERS.get(_field(form, "login").partition("@")[0])
        if user is None or not _same(user.password, _field(form, "password")):
            return self._ask(asked, wrong=True)
        sid, at = secrets.token_urlsafe(16), self._now()
        self._sessions[sid] = (user, at)
        response = self._grant(asked, user, at, sid=sid, knobs=knobs)
        response.set_cookie(COOKIE, sid, httponly=True, samesite="lax")
        return response

    def _grant(self, asked: Asked, user: DemoUser, at: int, *, sid: str, knobs: Knobs) -> Response:
        code = secrets.token_urlsafe(24)
        self._codes[code] = Granted(asked=asked, user=user, authenticated_at=at, sid=sid, knobs=knobs)
        return self._answer(asked, {"code": code}, knobs)

    def _answer(self, asked: Asked, what: Mapping[str, str], knobs: Knobs) -> Response:
        right = {**what, "state": asked.state, "iss": self.issuer}
        pairs: list[tuple[str, str]] = []
        for name, value in bend(right, knobs.answer).items():
            pairs += [(name, right[name])] * 2 if value is TWICE else [(name, value)]
        return RedirectResponse(f"{asked.redirect_uri}?{urlencode(pairs)}", status_code=303)

    async def _token(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        form = await request.form()
        client_id = self._authenticated(request, form)
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        granted = self._codes.pop(_field(form, "code"), None)  # once, whatever follows
        if granted is None or not _redeems(granted.asked, form, client_id):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        access_token = secrets.token_urlsafe(24)
        self._tokens[access_token] = granted
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": openid_tokens.LIFE,
            "scope": " ".join(granted.asked.scopes),
            "id_token": self.id_token(
                granted.user,
                client_id=client_id,
                nonce=granted.asked.nonce,
                now=self._now(),
                access_token=access_token,
                knobs=granted.knobs,
                sid=hashlib.sha256(granted.sid.encode()).hexdigest()[:32],
                auth_time=granted.authenticated_at,
            ),
        }
        return await openid_pages.deliver(
            request, bend(answer, granted.knobs.token_members), granted.knobs.token
        )

    def _authenticated(self, request: Request, form: FormData) -> str | None:
        kind, _, pair = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        else:
            name, secret = _field(form, "client_id"), _field(form, "client_secret")
        client = self._clients.get(name)
        right = client is not None and _same(client.secret, secret)
        return name if right else None

    async def _userinfo(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        granted = self._tokens.get(token)
        if kind != "Bearer" or granted is None:
            return JSONResponse({"error": "invalid_token"}, status_code=401)
        told = {
            "sub": openid_tokens.subject(granted.user),
            **openid_tokens.claims_of(granted.user, granted.asked.scopes),
        }
        return JSONResponse(bend(told, granted.knobs.userinfo), status_code=granted.knobs.userinfo_status)

    async def _logout(self, request: Request) -> Response:
        """RP-Initiated Logout §2, §3: back to the client only where it registered that."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        goal = request.query_params.get("post_logout_redirect_uri", "")
        client = self._clients.get(request.query_params.get("client_id", ""))
        if client is not None and goal in client.post_logout_redirect_uris:
            state = request.query_params.get("state")
            query = f"?{urlencode({'state': state})}" if state else ""
            response: Response = RedirectResponse(goal + query, status_code=303)
        else:
            response = openid_pages.signed_out()
        response.delete_cookie(COOKIE)
        return response


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _is_complete(query: QueryParams, asked: Asked) -> bool:
    return (
        query.get("response_type") == "code"
        and "openid" in asked.scopes
        and query.get("code_challenge_method") == "S256"
        and bool(asked.code_challenge and asked.state and asked.nonce)
    )


def _redeems(asked: Asked, form: FormData, client_id: str) -> bool:
    digest = hashlib.sha256(_field(form, "code_verifier").encode()).digest()
    return (
        _field(form, "grant_type") == "authorization_code"
        and asked.client_id == client_id
        and asked.redirect_uri == _field(form, "redirect_uri")
        and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked.code_challenge
    )
