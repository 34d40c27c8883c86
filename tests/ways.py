"""Every way in at once: connections of three protocols side by side, for people who arrive by each.

SAML, OpenID Connect and OAuth 2.0 by the development providers, over the whole stair. One house
has the rules as they were, the other on the same database the rules as they are: whoever came
before came by the first.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

import httpx2
from loopback import serving
from stair import BASE, SECRET, StandingClock, write_settings

from federation import app, settings
from federation.demo import github_answers, openid_faults
from federation.demo.github import GitHub
from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.saml_idp import SamlIdp
from federation.demo.saml_response import GROUPS_LINK
from federation.demo.users import USERS
from federation.settings import Settings
from federation.store.people_values import Invitation
from federation.store.rows import new_id
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

Protocol = Literal["saml", "oidc", "oauth2"]
Sent = Literal["present", "empty", "unobtainable"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
SENT: tuple[Sent, ...] = get_args(Sent)
GROUPS = ("platform-admins", "staff")
WORKS_IN = {"saml": ("department", "Engineering"), "oidc": ("department", "Engineering"),
            "oauth2": ("company", "Acme")}  # fmt: skip
"""Attribute and value of everybody, as this protocol's provider sends it."""
SECOND = timedelta(seconds=1)
_ELSEWHERE = {
    "_claim_names": {"groups": "graph"},
    "_claim_sources": {"graph": {"endpoint": "https://graph.example"}},
}


@dataclass
class Side:
    """A house, the application before it, and what it was told."""

    house: House
    application: Verify
    config: Settings

    def browser(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.application)
        return httpx2.AsyncClient(transport=transport, base_url=BASE, headers={"accept": "application/json"})


@dataclass
class Ways:
    """Both houses and the three providers."""

    url: str  # of the database
    before: Side
    now: Side
    idp: SamlIdp
    provider: OpenidProvider
    github: GitHub
    clock: StandingClock
    there: httpx2.AsyncClient  # the browser, where it is at the OpenID Provider
    people: int = field(default=0)

    def somebody(self) -> str:
        """Return the address of somebody whom nobody has seen before."""
        self.people += 1
        return f"p{self.people}@acme.example"

    async def arrive(
        self, side: Side, connection: str, email: str, sent: Sent, browser: httpx2.AsyncClient | None = None
    ) -> tuple[httpx2.AsyncClient, httpx2.Response]:
        """Sign in; ``browser`` may have opened an invitation before.

        Returns:
            The browser, and the answer to what the provider sent.
        """
        self.clock.at += SECOND
        browser = browser or side.browser()
        begun = await browser.get(f"/login/{connection}", params={"return_to": "/account"})
        assert begun.status_code == 303, begun.text
        at = begun.headers["location"]
        by: Mapping[str, Callable[[], Any]] = {
            "saml": lambda: self._saml(browser, connection, at, email, sent),
            "oidc": lambda: self._oidc(browser, at, email, sent),
            "oauth2": lambda: self._oauth2(browser, at, email, sent),
        }
        answer: httpx2.Response = await by[side.config.connections[connection].protocol]()
        return browser, answer

    async def _saml(
        self, browser: httpx2.AsyncClient, connection: str, at: str, email: str, sent: Sent
    ) -> httpx2.Response:
        asked = dict(parse_qsl(urlsplit(at).query))
        request = zlib.decompress(base64.b64decode(asked["SAMLRequest"]), -15).decode()
        request_id = re.search(r'\bID="([^"]+)"', request)
        assert request_id
        groups = GROUPS if sent == "present" else ()
        value = "<saml:AttributeValue>https://graph.example</saml:AttributeValue>"
        link = f'<saml:Attribute Name="{GROUPS_LINK}">{value}</saml:Attribute>'
        document = self.idp.response(
            user=replace(USERS["ada"], email=email, groups=groups),
            acs_url=f"{BASE}/saml/{connection}/acs",
            sp_entity_id=f"{BASE}/saml/{connection}/metadata",
            request_id=request_id[1],
            now=self.clock(),
            insert={"attributes": link} if sent == "unobtainable" else {},
        )
        form = {"SAMLResponse": SamlIdp.encode(document), "RelayState": asked["RelayState"]}
        return await browser.post(f"/saml/{connection}/acs", data=form)

    async def _oidc(self, browser: httpx2.AsyncClient, at: str, email: str, sent: Sent) -> httpx2.Response:
        groups: Any = {"present": list(GROUPS), "empty": [], "unobtainable": openid_faults.GONE}[sent]
        about = {"sub": hashlib.sha256(email.encode()).hexdigest()}
        self.provider.knobs = openid_faults.Knobs(
            claims=about | (_ELSEWHERE if sent == "unobtainable" else {}),
            userinfo={**about, "email": email, "groups": groups},
        )
        page = await self.there.get(at)
        ticket = re.search(r'name="?ticket"? value="([^"]+)"', page.text)
        assert ticket, page.text
        form = {"ticket": ticket[1], "login": "ada", "password": USERS["ada"].password}
        done = await self.there.post("/login", data=form)
        return await browser.get(str(done.headers["location"]).removeprefix(BASE))

    async def _oauth2(self, browser: httpx2.AsyncClient, at: str, email: str, sent: Sent) -> httpx2.Response:
        number = int(email[1:].partition("@")[0])
        self.github.knobs = github_answers.Knobs(
            profile={"id": number},
            listings={
                "emails": [{"email": email, "primary": True, "verified": True}],
                "orgs": [{"login": one, "id": at} for at, one in enumerate(GROUPS, 1)]
                if sent == "present"
                else [],
                "teams": [],
            },
            endpoints={"orgs": "403"} if sent == "unobtainable" else {},
        )
        transport = httpx2.ASGITransport(self.github.app())
        async with httpx2.AsyncClient(transport=transport, base_url=self.github.server) as there:
            done = await there.get(at)
        return await browser.get(str(done.headers["location"]).removeprefix(BASE))

    async def invite(self, email: str, role: str) -> httpx2.AsyncClient:
        """Invite somebody, and return the browser in which they opened the link."""
        token = base64.urlsafe_b64encode(hashlib.sha256(email.encode()).digest()).decode().rstrip("=")
        invitation = Invitation(
            id=new_id(self.clock()),
            organization="acme",
            email=email,
            roles=(role,),
            teams=(),
            created_at=self.clock(),
            expires_at=self.clock() + timedelta(days=1),
        )
        await self.now.house.store.invite(hashlib.sha256(token.encode()).digest(), invitation)
        browser = self.now.browser()
        page = await browser.get(f"/invitation/{token}")
        assert page.status_code == 200, page.text
        return browser


def _connection(protocol: Protocol, keys: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """Return a connection that tells people apart by their Subject alone."""
    common = {"protocol": protocol, "organization": "acme", "domains": ["acme.example"], "visible": False}
    by: Mapping[str, dict[str, Any]] = {
        "saml": {"metadata": {"file": "acme-saml.xml"}},
        "oidc": {
            "issuer": place["oidc"],
            "client_id": "federation",
            "client_secret": SECRET,
            "scopes": ["openid", "profile", "email", "groups"],
        },
        "oauth2": {
            "preset": "github",
            "server": place["oauth2"],
            "client_id": "federation",
            "client_secret": SECRET,
        },
    }
    return {**common, **by[protocol], **keys}


@asynccontextmanager
async def opened(
    directory: Path, url: str, *, before: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[Ways]:
    """Open both houses; each of the rules is a connection of each protocol: ``saml-<rules>``.

    Args:
        directory: Empty.
        url: Of an empty database.
        before: Keys of every connection, as they were.
        rules: Keys of the connections, as they are, by name; ``{attribute}`` is ``WORKS_IN``.
    """
    clock = StandingClock()
    names = {f"{protocol}-{name}": (protocol, keys) for protocol in PROTOCOLS for name, keys in rules.items()}
    callbacks = tuple(f"{BASE}/oidc/{name}/callback" for name in names)
    async with AsyncExitStack() as stack:
        openid_site, github_site = [await stack.enter_async_context(serving()) for _ in range(2)]
        client = DemoClient(secret=SECRET, redirect_uris=callbacks)
        provider = OpenidProvider(openid_site.url, {"federation": client}, clock=clock)
        github = GitHub(
            github_site.url, client_id="federation", client_secret=SECRET, redirect_uris=callbacks
        )
        openid_site.app, github_site.app = provider.app(), github.app()
        file = write_settings(directory)
        idp = SamlIdp(
            entity_id="https://idp.acme.example", base_url="http://127.0.0.1:1", service_providers={}
        )
        (directory / "acme-saml.xml").write_bytes(idp.metadata())
        place = {"oidc": provider.issuer, "oauth2": github.server}

        async def side(told: Callable[[str], Mapping[str, Any]]) -> Side:
            connections = {
                name: _connection(protocol, told(name), place) for name, (protocol, _) in names.items()
            }
            overrides = {
                "database_url": url,
                "rate_limits": {"sign_in": "off", "failures": "off"},
                "connections": connections,
            }
            config = settings.load(file, overrides=overrides)
            house = await stack.enter_async_context(app.open_house(config, now=clock))
            inner = build(routes(), None)
            inner.state.house = house
            return Side(house, Verify(inner), config)

        there = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(provider.app()), base_url=provider.issuer)
        )
        yield Ways(
            url=url,
            before=await side(lambda _name: before),
            now=await side(lambda name: _for(names[name][0], names[name][1])),
            idp=idp,
            provider=provider,
            github=github,
            clock=clock,
            there=there,
        )


def _for(protocol: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    attribute, value = WORKS_IN[protocol]
    told = [
        one | {"attribute": {"name": attribute, "in": [value]}} if "attribute" in one else one
        for one in keys["role_rules"]
    ]
    return {**keys, "role_rules": told}
