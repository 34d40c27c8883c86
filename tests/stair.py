"""The whole stair in one process: real application, store, keys, and both development IdPs.

Only the browser's side is ours here: ASGI in place of a socket. The service asks the OpenID
Provider over loopback. The clock stands still unless a test moves it.
"""

import base64
import re
import sqlite3
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import loopback
from databases import lay_sqlite
from processes import free_port

from federation import app, settings
from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
BASE = "http://localhost:8000"
SECRET = "a secret for tests"
SETTINGS = """
base_url: {base}
development: true
database_url: sqlite:///{directory}/federation.db
encryption_keys: [{{file: {directory}/secrets.key}}]
sp_key: {keys}/sp.key
sp_certificate: {keys}/sp.crt
trusted_proxies: [10.0.0.0/8]
{more}
organizations:
  acme: {{name: Acme, default_roles: [member]}}
connections:
  acme-saml:
    protocol: saml
    organization: acme
    display_name: Acme (SAML)
    on_email_match: create  # tests sign one address in both ways, as two users
    domains: [acme.example]
    metadata: {{file: acme-saml.xml}}
    role_rules: &rules
      - {{name: platform administrators, groups: [platform-admins], roles: [admin]}}
  other-saml:
    protocol: saml
    organization: acme
    visible: false
    domains: [other.example]
    metadata: {{file: other-saml.xml}}
  acme-oidc:
    protocol: oidc
    organization: acme
    display_name: Acme (OpenID Connect)
    on_email_match: create
    domains: [acme.example]
    issuer: {issuer}
    client_id: federation
    client_secret: {{file: client-secret}}
    scopes: [openid, profile, email, groups]
    role_rules: *rules
"""
SAML_IDP = {"acme-saml": "https://idp.acme.example", "other-saml": "https://idp.other.example"}


@dataclass
class StandingClock:
    """Tells one time until it is set."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Stair:
    """Everything a test of the whole way needs."""

    house: House
    application: Verify
    idps: dict[str, SamlIdp]
    provider: OpenidProvider
    clock: StandingClock
    database: Path
    browsers: list[httpx2.AsyncClient] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)  # as they were when the test began

    def browser(self, **headers: str) -> httpx2.AsyncClient:
        """Return a browser with no cookies that asks for JSON, so that refusals can be read."""
        transport = httpx2.ASGITransport(self.application)
        told = {"accept": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        self.browsers.append(httpx2.AsyncClient(transport=transport, base_url=BASE, headers=told))
        return self.browsers[-1]

    async def begin(
        self, browser: httpx2.AsyncClient, connection: str, return_to: str = "/account"
    ) -> dict[str, str]:
        """Start a sign-in; return what the identity provider is asked."""
        answer = await browser.get(f"/login/{connection}", params={"return_to": return_to})
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def saml(
        self, browser: httpx2.AsyncClient, who: str = "ada", connection: str = "acme-saml", **knobs: Any
    ) -> dict[str, str]:
        """Start a sign-in; return the form that the IdP would have the browser post."""
        asked = await self.begin(browser, connection)
        return saml_answer(asked, who, connection, now=self.clock(), **knobs)

    async def oidc(self, browser: httpx2.AsyncClient, who: str = "ada", fault: str = "") -> str:
        """Start a sign-in and log in at the provider; return the callback's path and query."""
        answer = await browser.get("/login/acme-oidc?return_to=/account")
        assert answer.status_code == 303, answer.text
        transport = httpx2.ASGITransport(self.provider.app())
        async with httpx2.AsyncClient(transport=transport, base_url=self.provider.issuer) as there:
            page = await there.get(answer.headers["location"])
            ticket = re.search(r'name="?ticket"? value="([^"]+)"', page.text)
            assert ticket, page.text
            form = {"ticket": ticket[1], "login": who, "password": USERS[who].password, "break": fault}
            done = await there.post("/login", data=form)
        return str(done.headers["location"]).removeprefix(BASE)

    async def code(self, answer: httpx2.Response) -> str:
        """Return the refusal's code from the record under the answer's reference."""
        record = await self.house.store.find_record(answer.json()["error"]["reference"])
        assert record is not None, answer.text
        return record.code

    def remember_rows(self) -> None:
        """Count what a refusal must leave as it was."""
        self.rows = {table: self.count(table) for table in ("session", "account", "user")}

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        with closing(sqlite3.connect(self.database)) as db:
            return int(db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608


@cache
def _providers() -> tuple[dict[str, SamlIdp], OpenidProvider, StandingClock]:
    """Make both kinds of provider once: their keys take longer than everything else."""
    idps = {
        name: SamlIdp(
            entity_id=entity_id,
            base_url="http://127.0.0.1:1",
            service_providers={f"{BASE}/saml/{name}/metadata": f"{BASE}/saml/{name}/acs"},
        )
        for name, entity_id in SAML_IDP.items()
    }
    client = DemoClient(secret=SECRET, redirect_uris=(f"{BASE}/oidc/acme-oidc/callback",))
    clock = StandingClock()
    issuer = f"http://127.0.0.1:{free_port()}"
    return idps, OpenidProvider(issuer, {"federation": client}, clock=clock), clock


def saml_answer(
    asked: dict[str, str], who: str = "ada", connection: str = "acme-saml", *, now: datetime, **knobs: Any
) -> dict[str, str]:
    """Return the form with which the SAML IdP answers what it was asked."""
    request = zlib.decompress(base64.b64decode(asked["SAMLRequest"]), -15).decode()
    request_id = re.search(r'\bID="([^"]+)"', request)
    assert request_id
    document = _providers()[0][connection].response(
        user=USERS[who],
        acs_url=f"{BASE}/saml/{connection}/acs",
        sp_entity_id=f"{BASE}/saml/{connection}/metadata",
        request_id=request_id[1],
        now=now,
        **knobs,
    )
    return {"SAMLResponse": SamlIdp.encode(document), "RelayState": asked["RelayState"]}


def write_settings(directory: Path, more: str = "") -> Path:
    """Write a settings file, and what it names, into an empty directory."""
    idps, provider, _ = _providers()
    keys = directory.parent / "stair-keys"  # of this whole run
    keys.mkdir(exist_ok=True)
    for name, idp in idps.items():
        (directory / f"{name}.xml").write_bytes(idp.metadata())
    (directory / "client-secret").write_text(SECRET)
    file = directory / "federation.yaml"
    file.write_text(
        SETTINGS.format(base=BASE, directory=directory, keys=keys, issuer=provider.issuer, more=more)
    )
    return file


@asynccontextmanager
async def standing(
    directory: Path,
    more: str = "",
    *,
    acme_saml: Mapping[str, Any] | None = None,
    further: Mapping[str, Mapping[str, Any]] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> AsyncIterator[Stair]:
    """Open everything in an empty directory.

    Args:
        directory: Empty.
        more: Added to the settings file.
        acme_saml: Keys of that connection.
        further: Connections besides, by their ids.
        overrides: Other settings.
    """
    idps, provider, clock = _providers()
    file = write_settings(directory, more)
    if not (directory / "federation.db").exists():  # some open the same house again
        lay_sqlite(directory / "federation.db")
    beside = {"acme-saml": acme_saml} if acme_saml else {}
    connections = {name: dict(keys) for name, keys in (beside | dict(further or {})).items()}
    told = {**(overrides or {}), "connections": connections}
    async with app.open_house(settings.load(file, overrides=told), now=clock) as house:
        inner = build(routes(), None)
        inner.state.house = house
        stair = Stair(house, Verify(inner), idps, provider, clock, directory / "federation.db")
        yield stair
        for browser in stair.browsers:
            await browser.aclose()
    clock.at = NOW


@asynccontextmanager
async def listening() -> AsyncIterator[None]:
    """Serve the OpenID Provider on its issuer's port, on this loop."""
    provider = _providers()[1]
    port = urlsplit(provider.issuer).port
    assert port
    async with loopback.listening(provider.app(), port):
        yield
