"""What the OpenID Foundation's certification asks of a relying party, on one stage.

The whole service in process over a real store, the development OpenID Provider on loopback,
and people with browsers, who go every step of the way. A POST from the provider's page is
cross-site: it comes without our cookies, as SameSite has it.
"""

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2
import yaml
from databases import lay_sqlite
from loopback import NO_TLS, Site, serving
from stair import NOW, StandingClock

from federation import app, keys, registry, settings
from federation.connectors.oidc import OidcConnector
from federation.demo.openid_faults import RIGHT, Knobs
from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.users import USERS
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

BASE = "http://localhost:8000"
SECRET = "a secret of 32 octets and more, for HS256"
DEADLINE = 1.5  # seconds: what a provider gets here
_PLAIN: Mapping[str, Any] = {
    "protocol": "oidc",
    "organization": "acme",
    "domains": ["acme.example"],
    "scopes": ["openid", "profile", "email", "groups"],
    "client_secret": SECRET,
}
_KEYED = {"token_endpoint_auth_method": "private_key_jwt", "client_secret": None}
# connection → its keys in the settings file, and what its client registered at the provider
Connections = Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
CONNECTIONS: Connections = {
    "basic": ({}, {}),
    "form-post": ({"response_mode": "form_post"}, {}),
    "implicit": ({"flow": "implicit"}, {}),
    "hybrid": ({"flow": "hybrid"}, {}),
    "token": ({"flow": "token"}, {}),
    "secret-post": ({"token_endpoint_auth_method": "client_secret_post"}, {}),
    "public": ({"token_endpoint_auth_method": "none", "client_secret": None}, {"public": True, "secret": ""}),
    "no-pkce": ({"pkce": False}, {"pkce": False}),
    "es256": ({"id_token_signed_response_alg": "ES256"}, {"alg": "ES256"}),
    "ps256": ({"id_token_signed_response_alg": "PS256"}, {"alg": "PS256"}),
    "eddsa": ({"id_token_signed_response_alg": "EdDSA"}, {"alg": "EdDSA"}),
    "hs256": ({"id_token_signed_response_alg": "HS256"}, {"alg": "HS256"}),
    "userinfo-signed": ({"userinfo_signed_response_alg": "RS256"}, {"userinfo_alg": "RS256"}),
    "keyed": ({**_KEYED}, {"secret": ""}),
    "keyed-endpoint": ({**_KEYED, "client_assertion_audience": "token_endpoint"}, {"secret": ""}),
    "fapi": (
        {
            **_KEYED,
            "pushed_authorization": "always",
            "require_iss": True,
            "id_token_signed_response_alg": "PS256",
        },
        {"secret": "", "alg": "PS256", "require_pushed": True},
    ),
    "pushed": ({"pushed_authorization": "always"}, {}),
    "asking": (
        {
            "acr_values": ["urn:demo:otp"],
            "max_age": "10m",
            "require": {"acr": ["urn:demo:otp"]},
            "claims": {"id_token": {"department": None}},
            "authorization_params": {"ui_locales": "de"},
        },
        {},
    ),
}  # fmt: skip


@dataclass
class Stage:
    """A running service, its provider, and what became of a sign-in."""

    house: House
    application: Verify
    provider: OpenidProvider
    clock: StandingClock
    database: Path
    people: list["Person"] = field(default_factory=list)

    def person(self) -> "Person":
        """Return somebody with a fresh browser."""
        self.people.append(Person(self))
        return self.people[-1]

    async def sign_in(self, connection: str, who: str = "ada", *, knobs: Knobs = RIGHT) -> httpx2.Response:
        """Sign in with a fresh browser while the provider does this wrong; return how it ended."""
        self.provider.knobs = knobs
        self.provider.asked.clear()
        try:
            return await self.person().sign_in(connection, who)
        finally:
            self.provider.knobs = RIGHT

    def forget(self, connection: str) -> None:
        """Know nothing of what the provider publishes, as a worker that has just started."""
        connectors = self.house.signin.connectors
        assert isinstance(connectors, dict)
        known = connectors[connection]
        assert isinstance(known, OidcConnector)
        connectors[connection] = OidcConnector(known._entry, known._fetch)

    async def code(self, page: httpx2.Response) -> str:
        """Return the refusal's code, as it is recorded under the page's reference."""
        found = re.search(r'<output id="reference"[^>]*>([A-Z2-7]{10})<', page.text)
        assert found, f"{page.status_code} {page.text}"
        record = await self.house.store.find_record(found[1])
        assert record is not None
        return record.code

    async def is_refused(self, page: httpx2.Response, code: str, status: int = 403) -> None:
        """Hold a refusal: its code in the record, and nothing of it with the person."""
        assert await self.code(page) == code
        assert page.status_code == status
        assert "set-cookie" not in page.headers or "session=" not in page.headers["set-cookie"]
        for secret in (code, "other.example", "mallory", "somebody-else", SECRET):
            assert secret not in page.text
        await self.opened_nothing()

    async def opened_nothing(self) -> None:
        """Hold that the person who came last has no session."""
        assert await self.people[-1].session() is None

    async def is_admitted(self, page: httpx2.Response, who: str = "ada") -> Mapping[str, Any]:
        """Hold that the person who came last is this one, and return what ``/session`` says."""
        assert page.status_code == 303, f"{await self.code(page)} {page.text}"
        assert page.headers["location"] == "/account"
        session = await self.people[-1].session()
        assert session is not None
        assert session["user"]["email"] == USERS[who].email
        assert session["groups"] == list(USERS[who].groups)
        return session

    def sessions(self) -> int:
        """Return how many sessions the store holds."""
        with closing(sqlite3.connect(self.database)) as db:
            return int(db.execute("SELECT count(*) FROM session").fetchone()[0])


class Person:
    """Somebody with a browser, without script."""

    def __init__(self, stage: Stage) -> None:
        self._mounts = {BASE: httpx2.ASGITransport(stage.application)}
        self.client = self._browser()
        self.asked: dict[str, str] = {}  # the authorization request, as it went through the browser
        self.sent: dict[str, str] = {}  # the fields of the last answer

    def _browser(self) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(
            mounts=self._mounts, base_url=BASE, trust_env=False, timeout=30, verify=NO_TLS
        )
        client.headers["accept"] = "text/html"
        return client

    async def sign_in(
        self, connection: str, who: str = "ada", *, form: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Sign in; ``form`` is what is filled in at the provider in place of the password."""
        page = await self.begin(connection)
        return page if page.status_code != 303 else await self.finish(page, who, form)

    async def begin(self, connection: str) -> httpx2.Response:
        """Ask for a sign-in."""
        page = await self.client.get(f"/login/{connection}?return_to=/account")
        self.asked = dict(parse_qsl(urlsplit(page.headers.get("location", "")).query))
        return page

    async def finish(
        self, begun: httpx2.Response, who: str, form: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Log in at the provider, and bring its answer."""
        page = await self.client.get(begun.headers["location"])
        if "location" not in page.headers:
            action, ticket = _form(page)
            told = form or {"login": who, "password": USERS[who].password}
            page = await self.client.post(action, data={**ticket, **told})
        return await self.bring(page)

    async def bring(self, page: httpx2.Response) -> httpx2.Response:
        """Bring the provider's answer, as it has the browser do it."""
        if "location" in page.headers:
            self.sent = dict(parse_qsl(urlsplit(page.headers["location"]).query))
            return await self.client.get(page.headers["location"])
        goal, self.sent = _form(page)
        async with self._browser() as elsewhere:  # from another site: none of our cookies comes along
            answer = await elsewhere.post(goal, content=_body(page), headers=_FROM_ELSEWHERE)
        if answer.status_code == 200 and 'name="again"' in answer.text:
            goal, again = _form(answer)
            answer = await self.client.post(urljoin(BASE, goal), data=again)
        return answer

    async def session(self) -> Mapping[str, Any] | None:
        """Return what ``/session`` says; None where nobody is signed in."""
        answer = await self.client.get("/session", headers={"accept": "application/json"})
        return dict(answer.json()) if answer.status_code == 200 else None


_FROM_ELSEWHERE = {"sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded"}
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def _pairs(page: httpx2.Response) -> list[tuple[str, str]]:
    return [(unescape(name), unescape(value)) for name, value in _FIELD.findall(page.text)]


def _form(page: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Return where a page's form goes, and its hidden fields."""
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action, f"{page.status_code} {page.text}"
    return unescape(action[1]), dict(_pairs(page))


def _body(page: httpx2.Response) -> bytes:
    """Return the form's fields as they are sent, a repeated one twice."""
    return urlencode(_pairs(page)).encode()


@cache
def _key_place(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    keys.generate_key_pair(place / "sp.key", place / "sp.crt", name="sp", now=NOW)
    keys.generate_secret_key(place / "secrets.key")
    return place


def _write(directory: Path, issuer: str, connections: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a settings file and what it names."""
    place = _key_place(directory.parent / "certified-keys")
    (directory / "client-secret").write_text(SECRET)
    lay_sqlite(directory / "federation.db")
    told: dict[str, Any] = {}
    for name, keyed in connections.items():
        whole = {**_PLAIN, "issuer": issuer, "client_id": name, **keyed}
        if whole["client_secret"] is None:
            del whole["client_secret"]
        else:
            whole["client_secret"] = {"file": str(directory / "client-secret")}
        told[name] = {key: value for key, value in whole.items() if value is not None}
    file = directory / "federation.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "base_url": BASE,
                "development": True,
                "database_url": f"sqlite:///{directory}/federation.db",
                "encryption_keys": [{"file": str(place / "secrets.key")}],
                "sp_key": str(place / "sp.key"),
                "sp_certificate": str(place / "sp.crt"),
                "rate_limits": {"sign_in": "off", "failures": "off"},
                "organizations": {"acme": {"name": "Acme", "default_roles": ["member"]}},
                "connections": told,
            }
        )
    )
    return file


def _registered(directory: Path, connections: Connections) -> dict[str, DemoClient]:
    """Register every connection at the provider."""
    place = _key_place(directory.parent / "certified-keys")
    jwks = registry.own_keys(keys.load_key_set(place / "sp.key", place / "sp.crt")).jwks
    return {
        name: DemoClient(
            **{
                "secret": SECRET,
                "redirect_uris": (f"{BASE}/oidc/{name}/callback",),
                "post_logout_redirect_uris": (f"{BASE}/logout",),
                "jwks": jwks if told.get("token_endpoint_auth_method") == "private_key_jwt" else b"",
                **client,
            }
        )
        for name, (told, client) in connections.items()
    }


@asynccontextmanager
async def provided(
    directory: Path, connections: Connections = CONNECTIONS
) -> AsyncIterator[tuple[OpenidProvider, StandingClock]]:
    """Run the provider on loopback."""
    clock = StandingClock()
    async with serving() as site:
        assert isinstance(site, Site)
        provider = OpenidProvider(site.url, _registered(directory, connections), clock=clock)
        site.app = provider.app()
        yield provider, clock


@asynccontextmanager
async def staged(place: Path, connections: Connections = CONNECTIONS) -> AsyncIterator[Stage]:
    """Open the service, beside a provider that knows all of these, in an empty directory."""
    async with provided(place, connections) as (provider, clock):
        file = _write(place, provider.issuer, {name: keyed for name, (keyed, _) in connections.items()})
        async with app.open_house(settings.load(file), now=clock) as house:
            inner = build(routes(), None)
            inner.state.house = house
            for connector in house.signin.connectors.values():
                assert isinstance(connector, OidcConnector)
                connector._fetch._deadline = DEADLINE  # nobody waits ten seconds here
                await connector.refresh(clock())
            stage = Stage(house, Verify(inner), provider, clock, place / "federation.db")
            yield stage
            for person in stage.people:
                await person.client.aclose()
