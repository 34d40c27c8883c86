"""A service, a development OpenID Provider and people with browsers: who signs in where, and out again.

One process, the real application on a real store, the provider on loopback, which reaches the
service as a program does: with no cookie. A browser follows redirects, refreshes and frames.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
from loopback import NO_TLS, serving
from stair import NOW, StandingClock

from federation import app, keys, settings
from federation.demo.openid_faults import RIGHT
from federation.demo.openid_logout import public_sid
from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.openid_requests import Session
from federation.demo.openid_tokens import subject
from federation.demo.users import USERS
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

BASE = "http://localhost:8000"
SECRET = "a secret for tests"
ALIAS = "/v1/signed-out/"
SETTINGS = """
base_url: {base}
development: true
database_url: {database}
encryption_keys: [{{file: {directory}/secrets.key}}]
sp_key: {directory}/sp.key
sp_certificate: {directory}/sp.crt
rate_limits: {{sign_in: {rate}, failures: {rate}}}
organizations:
  acme: {{name: Acme}}
  umbrella: {{name: Umbrella}}
connections:
  acme: &one
    protocol: oidc
    organization: acme
    anyone: true
    on_email_match: create
    issuer: {issuer}
    client_id: us
    client_secret: {{file: client-secret}}
  acme-too: *one
  umbrella: {{<<: *one, organization: umbrella}}
  another: {{<<: *one, client_id: another}}
  aliased: {{<<: *one, client_id: aliased, post_logout_paths: [{alias}]}}
  local: {{<<: *one, client_id: local, logout: local}}
  vendor: {{<<: *one, client_id: vendor, preset: cognito, flow: code}}
"""
CLIENTS = {
    "us": ("acme", "acme-too", "umbrella"),
    "another": ("another",),
    "aliased": ("aliased",),
    "local": ("local",),
    "vendor": ("vendor",),
}
OURS, LEAVING = "session", "leaving"


@dataclass
class Scene:
    """Everything a test of signing out needs."""

    house: House
    provider: OpenidProvider
    clock: StandingClock
    transport: httpx2.ASGITransport
    database: str
    people: list["Person"] = field(default_factory=list)

    async def begin_test(self) -> None:
        """Forget who was signed in, an hour later: no logout of before is meant for what comes now."""
        for person in self.people:
            await person.client.aclose()
        self.people.clear()
        self.clock.at += timedelta(hours=1)
        self.provider._sessions.clear()
        self.provider.knobs = RIGHT
        self.provider.logout.told.clear()

    def person(self) -> "Person":
        """Return somebody with a fresh browser."""
        self.people.append(Person(self))
        return self.people[-1]

    async def code(self, answer: httpx2.Response) -> str:
        """Return the refusal's code from the record under the page's reference."""
        found = re.search(r'<output id="reference"[^>]*>([^<]+)<', answer.text)
        assert found, answer.text
        record = await self.house.store.find_record(found[1])
        assert record is not None
        return record.code

    def logout_token(self, person: "Person", *, client_id: str = "us", **differs: Any) -> str:
        """Return a logout token about a person's session at the provider."""
        session = person.there()
        told = {"sub": subject(session.user), "sid": public_sid(session), **differs}
        return self.provider.signer.logout_token(
            client_id=client_id, now=int(self.clock().timestamp()), knobs=self.provider.knobs, **told
        )

    async def tell(self, token: str, connection: str = "acme") -> httpx2.Response:
        """Tell the service of a logout, as the provider does."""
        async with self.program() as client:
            return await client.post(f"/oidc/{connection}/backchannel-logout", data={"logout_token": token})

    def program(self) -> httpx2.AsyncClient:
        """Return a client without cookies."""
        return httpx2.AsyncClient(transport=self.transport, base_url=BASE)

    async def asked(self, url: str, form: Mapping[str, str] | None) -> tuple[int, bytes]:
        """Be asked by the provider."""
        async with self.program() as client:
            answer = await (client.get(url) if form is None else client.post(url, data=dict(form)))
        return answer.status_code, answer.content


class Person:
    """Somebody with a browser."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.client = httpx2.AsyncClient(
            mounts={BASE: scene.transport}, base_url=BASE, trust_env=False, verify=NO_TLS
        )
        self.client.headers["accept"] = "text/html"
        self.hops: list[tuple[str, str]] = []

    def cookie(self, name: str) -> str:
        """Return a cookie's value, "" if there is none."""
        found = [one.value for one in self.client.cookies.jar if one.name == name]
        return (found or [""])[0] or ""

    def there(self) -> Session:
        """Return this browser's session at the provider."""
        return self._scene.provider._sessions[self.cookie("demo_openid_provider")]

    async def go(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None = None,
        *,
        stop: Callable[[str], bool] = lambda _: False,
    ) -> httpx2.Response:
        """Browse on to a page that asks for nothing more, or up to a URL that ``stop`` holds back."""
        for _ in range(20):
            site = "same-origin" if url.startswith(("/", BASE)) else "cross-site"
            answer = await self.client.request(method, url, data=data, headers={"sec-fetch-site": site})
            self.hops.append((method, str(answer.url)))
            await self._show_frames(answer)
            following = onward(answer)
            if following is None or stop(following):
                return answer
            method, url, data = "GET", following, None
        raise AssertionError(f"round and round: {self.hops}")

    async def _show_frames(self, page: httpx2.Response) -> None:
        """Load a page's frames; those of another site get none of our cookies (SameSite=Lax)."""
        for source in re.findall(r'<iframe src="([^"]+)"', page.text):
            async with self._scene.program() as frame:
                answer = await frame.get(unescape(source))
            assert "frame-ancestors *" in answer.headers["content-security-policy"], answer.text

    async def sign_in(self, connection: str = "acme", who: str = "ada") -> httpx2.Response:
        """Sign in at the provider, or go on with the session there."""
        callback = f"{BASE}/oidc/{connection}/callback"
        page = await self.go("GET", f"/login/{connection}?return_to=/account", stop=callback.__eq__)
        action = re.search(r'action="([^"]+)"', page.text)
        ticket = re.search(r'name="?ticket"? value="([^"]+)"', page.text)
        assert action, page.text
        assert ticket, page.text
        form = {"login": who, "password": USERS[who].password}
        if 'name="continue"' in page.text:
            form = {"continue": "1"}
        url = urljoin(str(page.url), unescape(action[1]))
        return await self.go("POST", url, {"ticket": ticket[1], **form})

    async def signed_in(self) -> bool:
        """Tell whether the service knows this browser."""
        answer = await self.client.get("/session", headers={"accept": "application/json"})
        return answer.status_code == 200

    async def sign_out(self, *, stop: Callable[[str], bool] = lambda _: False) -> httpx2.Response:
        """Press the button of the account page."""
        page = await self.client.get("/account")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf, page.text
        return await self.go("POST", "/logout", {"csrf": csrf[1]}, stop=stop)


def onward(answer: httpx2.Response) -> str | None:
    """Return where a browser goes next by itself: a redirect, or a refresh."""
    if "location" in answer.headers:
        return urljoin(str(answer.url), answer.headers["location"])
    refresh = re.search(r'http-equiv="refresh" content="[01]; url=([^"]+)"', answer.text)
    return urljoin(str(answer.url), unescape(refresh[1])) if refresh else None


def _registered() -> dict[str, DemoClient]:
    return {
        client_id: DemoClient(
            secret=SECRET,
            redirect_uris=tuple(f"{BASE}/oidc/{name}/callback" for name in names),
            post_logout_redirect_uris=(f"{BASE}/logout", BASE + ALIAS),
            backchannel_logout_uri=f"{BASE}/oidc/{names[0]}/backchannel-logout",
        )
        for client_id, names in CLIENTS.items()
    }


@asynccontextmanager
async def leaving(directory: Path, database: str, *, rate: str = "off") -> AsyncIterator[Scene]:
    """Open everything in an empty directory, on an empty database."""
    keys.generate_key_pair(directory / "sp.key", directory / "sp.crt", name="sp", now=NOW)
    keys.generate_secret_key(directory / "secrets.key")
    (directory / "client-secret").write_text(SECRET)
    clock = StandingClock()
    async with serving() as site:
        scenes: list[Scene] = []

        async def ask(url: str, form: Mapping[str, str] | None) -> tuple[int, bytes]:
            return await scenes[0].asked(url, form)

        provider = OpenidProvider(site.url, _registered(), clock=clock, ask=ask)
        site.app = provider.app()
        file = directory / "federation.yaml"
        told = {"base": BASE, "database": database, "directory": directory, "alias": ALIAS, "rate": rate}
        file.write_text(SETTINGS.format(**told, issuer=provider.issuer))
        async with app.open_house(settings.load(file), now=clock) as house:
            inner = build(routes(), None)
            inner.state.house = house
            scene = Scene(house, provider, clock, httpx2.ASGITransport(Verify(inner)), database)
            scenes.append(scene)
            yield scene
            for person in scene.people:
                await person.client.aclose()


def path_of(url: str) -> str:
    """Return a URL without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
