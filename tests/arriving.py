"""To the OpenID Provider and back, as a browser goes: to whichever path, in the query or in a form."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx2
from stair import BASE, SECRET, Stair

from federation.demo.openid_provider import DemoClient
from federation.demo.users import USERS

CLIENT = "another-product"


@dataclass(frozen=True)
class Arrival:
    """What the provider has the browser bring, and where."""

    path: str
    fields: Mapping[str, str]
    posted: bool

    async def bring(
        self,
        browser: httpx2.AsyncClient,
        *,
        path: str = "",
        posted: bool | None = None,
        **changes: str | None,
    ) -> httpx2.Response:
        """Arrive, perhaps elsewhere, or with something changed (None: left out)."""
        told = {name: value for name, value in {**self.fields, **changes}.items() if value is not None}
        if self.posted if posted is None else posted:
            return await browser.post(path or self.path, data=told)
        return await browser.get(path or self.path, params=told)


def peer(stair_issuer: str, **keys: Any) -> dict[str, Any]:
    """Return a connection to the stair's provider, as one of its other clients."""
    return {
        "protocol": "oidc",
        "organization": "acme",
        "domains": ["acme.example"],
        "issuer": stair_issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "email", "groups"],
    } | keys


def register(stair: Stair, *paths: str) -> None:
    """Have the provider know this client with these paths alone."""
    uris = tuple(f"{BASE}{path}" for path in paths)
    stair.provider.clients.known[CLIENT] = DemoClient(secret=SECRET, redirect_uris=uris)  # type: ignore[index]


async def begin(browser: httpx2.AsyncClient, connection: str, return_to: str = "/account") -> str:
    """Start a sign-in; return the provider's URL."""
    answer = await browser.get(f"/login/{connection}", params={"return_to": return_to})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def log_in(stair: Stair, url: str, who: str = "ada", *, cancel: bool = False) -> Arrival:
    """Log in at the provider, or go back without."""
    transport = httpx2.ASGITransport(stair.provider.app())
    async with httpx2.AsyncClient(transport=transport, base_url=stair.provider.issuer) as there:
        page = await there.get(url)
        ticket = re.search(r'name="?ticket"? value="([^"]+)"', page.text)
        assert ticket, page.text
        form = {"ticket": ticket[1], "login": who, "password": USERS[who].password}
        done = await there.post("/login", data=form | ({"cancel": "1"} if cancel else {}))
    if done.status_code == 303:
        path, _, query = str(done.headers["location"]).removeprefix(BASE).partition("?")
        return Arrival(path, dict(parse_qsl(query)), posted=False)
    action = re.search(r'action="([^"]+)"', done.text)
    assert action, done.text
    pairs = re.findall(r'name="([^"]+)" value="([^"]*)"', done.text)
    fields = {name: html.unescape(value) for name, value in pairs}
    return Arrival(html.unescape(action[1]).removeprefix(BASE), fields, posted=True)
