"""Clients of the development OpenID Provider, and how they prove who they are (Core §9)."""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.datastructures import FormData
from starlette.requests import Request

from federation.fetch import Declared, Fetch

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGS = ["RS256", "PS256", "ES256", "EdDSA"]
ASSERTION_LIFE = 300  # seconds, at most

Ask = Callable[[str, Mapping[str, str] | None], Awaitable[tuple[int, bytes]]]
"""Ask a URL of a client's: a GET, or a POST of a form. Returns status and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoClient:
    """A client that may ask; what it registered is held against what it does."""

    secret: str = field(repr=False, default="")  # by Basic or in the form; "": it has none
    redirect_uris: tuple[str, ...]
    public: bool = False  # it proves nothing but its code_verifier
    jwks: bytes = b""  # of private_key_jwt: its keys
    jwks_uri: str = ""  # or where they are
    pkce: bool = True  # false: a code without code_challenge will do
    require_pushed: bool = False
    alg: str = ""  # of its ID Tokens; "": the provider's own
    userinfo_alg: str = ""  # "": UserInfo is plain JSON
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""


async def ask(url: str, form: Mapping[str, str] | None) -> tuple[int, bytes]:
    """Ask over HTTP; loopback is all that answers."""
    door = Fetch(allow=(), proxy=None, development=True)
    try:
        if form is None:
            answer = await door.get(url, declared=Declared.FILE, accept="application/json")
        else:
            answer = await door.post_form(url, form, {}, declared=Declared.FILE)
        return answer.status, answer.body
    finally:
        await door.close()


class Clients:
    """Who is registered, and which assertions were used."""

    def __init__(self, known: Mapping[str, DemoClient], *, issuer: str, ask: Ask) -> None:
        self.known = known
        self.proofs: list[tuple[str, Mapping[str, Any]]] = []  # method and claims, as they came
        self._issuer = issuer
        self._ask = ask
        self._used: set[str] = set()

    async def authenticated(self, request: Request, form: FormData, *, now: int) -> str | None:
        """Return the client_id of who proves to be that client, else None."""
        kind, _, pair = request.headers.get("authorization", "").partition(" ")
        if "client_assertion" in form:
            return await self._asserted(form, endpoint=str(request.url), now=now)
        if kind.lower() == "basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            name, secret, method = unquote_plus(name), unquote_plus(secret), "client_secret_basic"
        else:
            name, secret, method = text(form, "client_id"), text(form, "client_secret"), "client_secret_post"
        client = self.known.get(name)
        if client is None:
            return None
        if client.public and not secret:
            self.proofs.append(("none", {}))
            return name
        self.proofs.append((method, {}))
        return name if client.secret and same(client.secret, secret) else None

    async def _asserted(self, form: FormData, *, endpoint: str, now: int) -> str | None:
        """RFC 7523 §3, tightened: one audience, a short life, each jti once."""
        name = text(form, "client_id")
        client = self.known.get(name)
        if client is None or text(form, "client_assertion_type") != ASSERTION_TYPE:
            return None
        try:
            keys = KeySet.import_key_set(json.loads(await self._keys(client)))
            told = jwt.decode(text(form, "client_assertion"), keys, algorithms=ASSERTION_ALGS)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        claims, kid = told.claims, told.header.get("kid")
        self.proofs.append(("private_key_jwt", claims))
        right = (
            kid in {key.kid for key in keys.keys}
            and claims.get("iss") == claims.get("sub") == name
            and claims.get("aud") in (self._issuer, f"{self._issuer}/token", endpoint)
            and now < claims.get("exp", 0) <= now + ASSERTION_LIFE
            and claims.get("iat", now) <= now
            and isinstance(claims.get("jti"), str)
            and claims["jti"] not in self._used
        )
        self._used.add(str(claims.get("jti")))
        return name if right else None

    async def _keys(self, client: DemoClient) -> bytes:
        if client.jwks or not client.jwks_uri:
            return client.jwks
        _, body = await self._ask(client.jwks_uri, None)
        return body


def text(form: FormData, name: str) -> str:
    """Return a field, "" where it is absent or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def same(one: str, other: str) -> bool:
    """Compare two texts in constant time."""
    return secrets.compare_digest(one.encode(), other.encode("utf-8", "replace"))
