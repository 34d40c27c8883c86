"""The development OpenID Provider on loopback, our connector, and a browser's worth of HTTP."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from loopback import NO_TLS, serving

from federation import registry
from federation.connection import OidcConnection
from federation.connectors.contract import Callback, Challenge
from federation.connectors.oidc import OidcConnector
from federation.demo.openid_clients import DemoClient
from federation.demo.openid_provider import OpenidProvider
from federation.errors import AssertionRefused
from federation.fetch import Fetch
from federation.identity import VerifiedAssertion
from federation.web import fields

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASE = "http://localhost:8000"
PATH, ALIAS = "/oidc/acme/callback", "/v1/oauth/callback/"
HANDLE = "the-handle"
SECRET = "p+ä :~%/=&" * 6
_BOTH = (BASE + PATH, BASE + ALIAS)
CLIENTS = {
    "federation": DemoClient(secret=SECRET, redirect_uris=_BOTH),
    "public": DemoClient(redirect_uris=_BOTH, public=True),
    "old": DemoClient(secret=SECRET, redirect_uris=_BOTH, pkce=False),
    "hmac": DemoClient(secret=SECRET, redirect_uris=_BOTH, alg="HS256", userinfo_alg="ES256"),
    "signed": DemoClient(secret=SECRET, redirect_uris=_BOTH, userinfo_alg="RS256"),
    "pushing": DemoClient(secret=SECRET, redirect_uris=_BOTH, require_pushed=True),
}
CONNECTION: dict[str, Any] = {
    "id": "acme",
    "protocol": "oidc",
    "organization": "acme",
    "domains": ["acme.example"],
    "client_id": "federation",
    "client_secret": SECRET,
    "scopes": ["openid", "profile", "email", "groups"],
}


@dataclass
class World:
    """Both ends, and what lies between."""

    provider: OpenidProvider
    browser: httpx2.AsyncClient
    fetch: Fetch

    def connector(self, *, development: bool = True, **other: Any) -> OidcConnector:
        """Return a connector of the good connection, some of it changed."""
        connection = OidcConnection(**{**CONNECTION, "issuer": self.provider.issuer, **other})
        entry = registry.compile_one(connection, BASE, development=development, own=None, now=NOW)
        assert isinstance(entry, registry.Oidc)
        return OidcConnector(entry, self.fetch)

    async def answer(self, challenge: Challenge, user: str = "ada", fault: str = "") -> bytes:
        """Log in where the challenge leads; return the query of the redirect back, or the form's octets."""
        page = await self.browser.get(challenge.url)
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        assert ticket, page.text
        form = {"ticket": ticket[1], "login": user, "password": user, "break": fault}
        back = await self.browser.post(f"{self.provider.issuer}/login", data=form)
        if back.status_code == 200:
            pairs = re.findall(r'name="([^"]+)" value="([^"]*)">', back.text)
            return urlencode([(name, html.unescape(value)) for name, value in pairs]).encode()
        assert back.status_code == 303
        assert back.headers["location"].startswith(BASE)
        return urlsplit(back.headers["location"]).query.encode()

    async def come_back(
        self, connector: OidcConnector, *, user: str = "ada", fault: str = "", now: datetime = NOW
    ) -> tuple[Callback, Mapping[str, str]]:
        """Start a sign-in and log in; return what would be completed, and what was kept for it."""
        challenge = await connector.begin(handle=HANDLE, login_hint="", fresh=False, now=now)
        params = dict(fields.parse(await self.answer(challenge, user, fault), limit=16_384))
        if params.pop("state", "") != HANDLE:
            raise AssertionRefused("signin.unknown", "signin.py finds no such handle")
        path = challenge.expects["redirect_uri"].removeprefix(BASE)
        asked = connector.connection
        assert isinstance(asked, OidcConnection)
        posted = asked.response_mode == "form_post" or asked.flow in ("implicit", "hybrid")
        return callback(params, path=path, posted=posted), challenge.expects

    async def sign_in(
        self, connector: OidcConnector, *, user: str = "ada", fault: str = "", now: datetime = NOW
    ) -> VerifiedAssertion:
        """Sign in, as far as the assertion."""
        arrived, expects = await self.come_back(connector, user=user, fault=fault, now=now)
        return await connector.complete(arrived, expects, now)


def callback(params: Mapping[str, str], *, path: str = PATH, posted: bool = False) -> Callback:
    """Return an answer as the web door hands it on."""
    return Callback(connection="acme", handle=HANDLE, binder="", params=params, path=path, posted=posted)


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Serve the provider for as long as the block lasts."""
    async with serving() as site:
        provider = OpenidProvider(site.url, CLIENTS, clock=lambda: NOW)
        site.app = provider.app()
        fetch = Fetch(allow=(), proxy=None, development=True, deadline=20)
        async with httpx2.AsyncClient(trust_env=False, timeout=20, verify=NO_TLS) as browser:
            yield World(provider, browser, fetch)
        await fetch.close()
