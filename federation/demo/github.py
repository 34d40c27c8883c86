"""A development GitHub: OAuth 2.0 without OpenID Connect, its API, and knobs to misbehave.

Shaped like GitHub Enterprise Server: ``/login/oauth`` beside ``/api/v3``. It signs in whoever the
knobs name, without a page; ``loopback_only`` refuses every other address. FAULTS is the table:
each row names the code that must refuse it.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from federation.demo.github_answers import Knobs, deliver
from federation.demo.loopback import loopback_only
from federation.demo.openid_faults import TWICE, bend

PAGE = 2  # entries: a person with three organizations has two pages, whatever was asked for
VERSION = "2022-11-28"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "ada": {
        "profile": {
            "login": "ada", "id": 4711, "name": "Ada Lovelace", "company": "Acme", "type": "User",
            "email": "shown@elsewhere.example", "avatar_url": "https://avatars.example/4711",
        },
        "emails": (
            {"email": "ada@home.example", "primary": False, "verified": True},
            {"email": "ada@acme.example", "primary": True, "verified": True, "visibility": "private"},
            {"email": "4711+ada@users.noreply.example", "primary": False, "verified": True},
        ),
        "orgs": ({"login": "acme", "id": 1}, {"login": "friends", "id": 2}, {"login": "zoo", "id": 3}),
        "teams": (
            {"slug": "platform-admins", "id": 11, "name": "Platform admins",
             "organization": {"login": "acme", "id": 1}},
        ),
    },
    "bob": {
        "profile": {"login": "bob", "id": 4712, "name": None, "type": "User", "email": None},
        "emails": ({"email": "bob@acme.example", "primary": True, "verified": True},),
        "orgs": (),
        "teams": (),
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """What a code, and then a token, stands for."""

    query: Mapping[str, str]
    knobs: Knobs


class GitHub:
    """One server, its one application, and its state, all in memory."""

    def __init__(
        self, server: str, *, client_id: str, client_secret: str, redirect_uris: Sequence[str]
    ) -> None:
        """Take who may ask.

        Raises:
            ValueError: The server's host is not loopback.
        """
        loopback_only(urlsplit(server).hostname or "")
        self.server = server
        self.knobs = Knobs()
        self.asked: list[str] = []  # the paths that were asked for, in order
        self._client = (client_id, client_secret)
        self._redirect_uris = redirect_uris
        self._codes: dict[str, _Granted] = {}
        self._tokens: dict[str, _Granted] = {}
        self._renewals: dict[str, _Granted] = {}

    def app(self) -> Starlette:
        """Return the server as an ASGI application."""
        table = (
            ("/login/oauth/authorize", self._authorize, ["GET"]),
            ("/login/oauth/access_token", self._token, ["POST"]),
            ("/api/v3/user", self._user, ["GET"]),
            ("/api/v3/user/{listing}", self._listing, ["GET"]),
        )
        return Starlette(routes=[Route(where, what, methods=how) for where, what, how in table])

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        if query.get("client_id") != self._client[0] or query.get("redirect_uri") not in self._redirect_uris:
            return HTMLResponse("redirect_uri_mismatch", status_code=404)
        code = secrets.token_hex(10)
        self._codes[code] = _Granted(query=query, knobs=self.knobs)
        right = {"code": code, "state": query.get("state", ""), "iss": f"{self.server}/login/oauth"}
        pairs: list[tuple[str, str]] = []
        for name, value in bend(right, self.knobs.answer).items():
            pairs += [(name, right[name])] * 2 if value is TWICE else [(name, value)]
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(pairs)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        form = await request.form()
        renews = _field(form, "grant_type") == "refresh_token"
        granted = self._renewals.pop(_field(form, "refresh_token"), None) if renews else self._redeemed(form)
        if self._named(request, form) != self._client:
            told: dict[str, Any] = {"error": "incorrect_client_credentials"}
        elif renews and granted is None:
            told = {"error": "bad_refresh_token"}
        elif granted is None or not (renews or self.knobs.unbound or _redeems(granted.query, form)):
            told = {"error": "bad_verification_code", "error_description": "The code passed is incorrect."}
        else:
            token = f"gho_{secrets.token_hex(18)}"
            self._tokens[token] = granted
            told = {
                "access_token": token,
                "token_type": "bearer",
                "scope": ",".join(sorted(granted.query.get("scope", "").split())),
            }
            if granted.knobs.expires:
                renewal = f"ghr_{secrets.token_hex(18)}"
                self._renewals[renewal] = granted
                told |= {"expires_in": 28800, "refresh_token": renewal}
            told = bend(told, granted.knobs.token_members)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(urlencode(told), media_type="application/x-www-form-urlencoded")
        return await deliver(request, JSONResponse(told), self.knobs.endpoints.get("access_token", ""))

    def _redeemed(self, form: FormData) -> "_Granted | None":
        code = _field(form, "code")
        return self._codes.get(code) if self.knobs.codes_last else self._codes.pop(code, None)

    def _named(self, request: Request, form: FormData) -> tuple[str, str]:
        kind, _, pair = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        return _field(form, "client_id"), _field(form, "client_secret")

    def _refusal(self, request: Request) -> Response | None:
        """Refuse as GitHub's API does; every answer of it wants these three."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not request.headers.get("user-agent"):
            return Response("Request forbidden by administrative rules.", status_code=403)
        if self.knobs.versions and request.headers.get("x-github-api-version") != VERSION:
            return JSONResponse({"message": "Unsupported version"}, status_code=400)
        if kind != "Bearer" or token not in self._tokens:
            return JSONResponse({"message": "Requires authentication"}, status_code=401)
        return None

    async def _user(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if (refusal := self._refusal(request)) is not None:
            return refusal
        knobs = self.knobs
        told = JSONResponse(bend(PEOPLE[knobs.person]["profile"], knobs.profile))
        return await deliver(request, told, knobs.endpoints.get("user", ""))

    async def _listing(self, request: Request) -> Response:
        """GET /user/emails, /user/orgs and /user/teams, in pages."""
        self.asked.append(request.url.path)
        name, knobs = request.path_params["listing"], self.knobs
        if (refusal := self._refusal(request)) is not None:
            return refusal
        entries = knobs.listings.get(name, PEOPLE[knobs.person].get(name))
        if entries is None:
            return JSONResponse({"message": "Not Found"}, status_code=404)
        page = int(request.query_params.get("page", "1"))
        at = 1 if knobs.endless == name else page
        answer = JSONResponse(list(entries)[(at - 1) * PAGE : at * PAGE])
        if knobs.endless == name or page * PAGE < len(entries):
            url = f"{self.server}{request.url.path}?per_page={PAGE}&page="
            right = f'<{url}{page + 1}>; rel="next", <{url}1>; rel="first"'
            answer.headers["Link"] = knobs.links.get(name, right)
        return await deliver(request, answer, knobs.endpoints.get(name, ""))


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _redeems(query: Mapping[str, str], form: FormData) -> bool:
    digest = hashlib.sha256(_field(form, "code_verifier").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return query.get("code_challenge", challenge) == challenge and query["redirect_uri"] == _field(
        form, "redirect_uri"
    )
