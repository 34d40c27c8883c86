"""A service, two identity providers and people with browsers: who signs in where, and out again.

One process, the real application on a real store over https. A browser follows redirects,
refreshes and forms by itself, at the service as at the identity providers.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
from loopback import NO_TLS
from stair import NOW, StandingClock

from federation import app, keys, settings
from federation.demo.saml_idp import SamlIdp
from federation.demo.saml_requests import ServiceProvider, Session
from federation.demo.users import USERS
from federation.saml import certificates
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

BASE = "https://sp.example"
IDP, RIVAL = "https://idp.example", "https://rival.example"
# connection → whose it is; all but the last share one identity provider
CONNECTIONS = {
    **dict.fromkeys(("acme", "acme-too", "umbrella", "by-redirect", "by-post", "by-none", "local"), IDP),
    "rival": RIVAL,
}
SETTINGS = """
base_url: {base}
database_url: {database}
encryption_keys: [{{file: {keys}/secrets.key}}]
sp_key: {keys}/sp.key
sp_certificate: {keys}/sp.crt
rate_limits: {{sign_in: off, failures: off}}
organizations:
  acme: {{name: Acme}}
  umbrella: {{name: Umbrella}}
connections:
  acme: &one
    {{protocol: saml, organization: acme, anyone: true, on_email_match: create, metadata: {{file: idp.xml}}}}
  acme-too: *one
  umbrella: {{<<: *one, organization: umbrella}}
  by-redirect: {{<<: *one, metadata: {{file: idp-redirect.xml}}}}
  by-post: {{<<: *one, metadata: {{file: idp-post.xml}}}}
  by-none: {{<<: *one, metadata: {{file: idp-none.xml}}}}
  local: {{<<: *one, logout: local}}
  rival: {{<<: *one, metadata: {{file: rival.xml}}}}
"""
CLOCK = StandingClock()
_MESSAGES = ("SAMLRequest", "SAMLResponse")


@cache
def key_place(place: Path) -> Path:
    """Make our keys, once a run."""
    place.mkdir(exist_ok=True)
    keys.generate_key_pair(place / "sp.key", place / "sp.crt", name="sp", now=NOW)
    keys.generate_secret_key(place / "secrets.key")
    return place


@cache
def providers(place: Path) -> dict[str, SamlIdp]:
    """Make both identity providers, once a run; our service is registered at each."""
    pair = keys.load_key_pair(key_place(place) / "sp.key", place / "sp.crt")
    key = certificates.read_key(pair.certificate_der)

    def registered(connection: str) -> ServiceProvider:
        here = f"{BASE}/saml/{connection}"
        return ServiceProvider(acs_urls=(f"{here}/acs",), slo_url=f"{here}/slo", key=key)

    return {
        base: SamlIdp(
            entity_id=f"{base}/metadata",
            base_url=base,
            service_providers={
                f"{BASE}/saml/{name}/metadata": registered(name)
                for name, whose in CONNECTIONS.items()
                if whose == base
            },
            clock=CLOCK,
        )
        for base in (IDP, RIVAL)
    }


@dataclass
class Scene:
    """Everything a test of signing out needs."""

    house: House
    idps: dict[str, SamlIdp]
    transports: dict[str, httpx2.ASGITransport]
    people: list["Person"] = field(default_factory=list)

    async def begin_test(self) -> None:
        """Forget who was signed in, an hour later: no logout of before is meant for what comes now."""
        for person in self.people:
            await person.client.aclose()
        self.people.clear()
        CLOCK.at += timedelta(hours=1)
        for idp in self.idps.values():
            idp.slo.sessions.clear()
            idp.slo.answers = {}

    def person(self) -> "Person":
        """Return somebody with a fresh browser."""
        self.people.append(Person(self))
        return self.people[-1]

    def session(self, person: "Person", base: str = IDP) -> Session:
        """Return a person's session at an identity provider."""
        return self.idps[base].slo.sessions[person.cookie(base, "demo_saml_idp")]

    async def code(self, answer: httpx2.Response) -> str:
        """Return the refusal's code from the record under the page's reference."""
        found = re.search(r'<output id="reference"[^>]*>([^<]+)<', answer.text)
        assert found, answer.text
        record = await self.house.store.find_record(found[1])
        assert record is not None
        return record.code


def write_metadata(directory: Path, idps: Mapping[str, SamlIdp]) -> None:
    """Write what the identity providers publish, and variants that offer less for logout."""
    (directory / "rival.xml").write_bytes(idps[RIVAL].metadata())
    everything = idps[IDP].metadata().decode()
    (directory / "idp.xml").write_text(everything)
    for name, left_out in (("redirect", "HTTP-POST"), ("post", "HTTP-Redirect"), ("none", "HTTP-")):
        less = re.sub(rf"<md:SingleLogoutService [^>]*{left_out}[^>]*/>", "", everything)
        (directory / f"idp-{name}.xml").write_text(less)


@asynccontextmanager
async def leaving(directory: Path, database: str) -> AsyncIterator[Scene]:
    """Open everything in an empty directory, on an empty database."""
    place = directory.parent / "leaving-keys"
    idps = providers(place)
    write_metadata(directory, idps)
    file = directory / "federation.yaml"
    file.write_text(SETTINGS.format(base=BASE, database=database, keys=place))
    async with app.open_house(settings.load(file), now=CLOCK) as house:
        inner = build(routes(), None)
        inner.state.house = house
        transports = {base: httpx2.ASGITransport(idp.app()) for base, idp in idps.items()}
        yield Scene(house, idps, transports | {BASE: httpx2.ASGITransport(Verify(inner))})
    CLOCK.at = NOW


class Person:
    """Somebody with a browser."""

    def __init__(self, scene: Scene) -> None:
        self.client = httpx2.AsyncClient(mounts=scene.transports, base_url=BASE, verify=NO_TLS)
        self.client.headers["accept"] = "text/html"
        self.hops: list[tuple[str, str]] = []

    def cookie(self, base: str, name: str) -> str:
        """Return a cookie's value at a host, "" if there is none."""
        host = base.partition("://")[2]
        found = [one.value for one in self.client.cookies.jar if one.domain == host and one.name == name]
        return (found or [""])[0] or ""

    async def go(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None = None,
        *,
        stop: Callable[[str, str], bool] = lambda _method, _url: False,
    ) -> httpx2.Response:
        """Browse on to a page that asks for nothing more, or up to a request that ``stop`` holds back."""
        for _ in range(20):
            site = "same-origin" if url.startswith(("/", BASE)) else "cross-site"
            answer = await self.client.request(method, url, data=data, headers={"sec-fetch-site": site})
            self.hops.append((method, str(answer.url)))
            following = onward(answer)
            if following is None or stop(following[0], following[1]):
                return answer
            method, url, data = following
        raise AssertionError(f"round and round: {self.hops}")

    async def sign_in(
        self,
        connection: str = "acme",
        who: str = "ada",
        *,
        again: bool = False,
        stop: Callable[[str, str], bool] = lambda _method, _url: False,
    ) -> httpx2.Response:
        """Sign in; ``again`` goes on with the session at the identity provider."""
        page = await self.go("GET", f"/login/{connection}?return_to=/account")
        action = re.search(r'action="([^"]+)"', page.text)
        assert action, page.text
        form = {"continue": "1"} if again else {"login": who, "password": USERS[who].password}
        return await self.go("POST", urljoin(str(page.url), unescape(action[1])), form, stop=stop)

    async def signed_in(self) -> bool:
        """Tell whether the service knows this browser."""
        answer = await self.client.get("/session", headers={"accept": "application/json"})
        return answer.status_code == 200

    async def sign_out(
        self, *, stop: Callable[[str, str], bool] = lambda _method, _url: False
    ) -> httpx2.Response:
        """Press the button of the account page."""
        page = await self.client.get("/account")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf, page.text
        return await self.go("POST", "/logout", {"csrf": csrf[1]}, stop=stop)

    async def sign_out_there(
        self,
        by: str,
        base: str = IDP,
        fault: str = "",
        *,
        stop: Callable[[str, str], bool] = lambda _method, _url: False,
    ) -> httpx2.Response:
        """Press the button of the identity provider's home page: out of everything."""
        return await self.go("POST", f"{base}/logout", {"by": by, "break": fault}, stop=stop)


def onward(answer: httpx2.Response) -> tuple[str, str, dict[str, str] | None] | None:
    """Return what a browser does next by itself: a redirect, a refresh, or the form of a message."""
    if "location" in answer.headers:
        return "GET", urljoin(str(answer.url), answer.headers["location"]), None
    if refresh := re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text):
        return "GET", urljoin(str(answer.url), unescape(refresh[1])), None
    fields = {
        name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', answer.text)
    }
    action = re.search(r'<form method="post" action="([^"]+)"', answer.text)
    if action and any(name in fields for name in _MESSAGES):
        return "POST", urljoin(str(answer.url), unescape(action[1])), fields
    return None


def message(answer: httpx2.Response) -> tuple[str, str, Any]:
    """Return the request that a browser would make next."""
    found = onward(answer)
    assert found is not None, answer.text
    return found
