"""What the store declares comes into force on every worker within a second, and stops nothing."""

import base64
import json
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ANYBODY, ask, until
from stair import BASE, NOW, Stair, standing, write_settings
from test_administration_connections import BETA, GOOD, OPERATOR, desk, made, tried

from federation import app, settings
from federation.administration import affected, connections, organizations
from federation.administration.connection_views import ConnectionView
from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.errors import ProviderUnavailable
from federation.fetch import Fetch, OfStore
from federation.outbound.addresses import Declared
from federation.roster import kept, roster
from federation.store.domains_values import DomainProof
from federation.store.store import Store

OWN: dict[str, Any] = {"display_name": "Beta", "domains": ["beta.example"], "on_email_match": "create"}


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as stair:
        await organizations.create(desk(stair.house, OPERATOR), "beta", body=BETA)
        yield stair


async def proved(store: Store, organization: str, *domains: str) -> None:
    for domain in domains:
        proof = DomainProof(
            organization=organization, domain=domain, token="t", created_at=NOW, checked_at=None, seen_at=None
        )
        await store.begin_domain_proof(organization, domain, "t", NOW)
        await store.note_domain_proof(proof, NOW, seen=True)


async def theirs(stair: Stair, *, domains: tuple[str, ...] = ("evil.example",)) -> ConnectionView:
    """Make a connection to the SAML identity provider of other-saml, for beta, and enable it."""
    at = desk(stair.house)
    body = {
        "protocol": "saml",
        "display_name": "Beta",
        "domains": list(domains),
        "on_email_match": "create",
        "metadata": {"xml": stair.idps["other-saml"].metadata().decode()},
        "role_rules": [{"name": "r", "groups": ["platform-admins"], "roles": ["owner"]}],
    }
    await connections.create(at, "theirs", organization="beta", body=body)
    await tried(stair, "theirs")
    return await connections.enable(at, "theirs")


async def soon(holds: Callable[[], bool]) -> None:
    """Wait until it holds by itself: a busy machine takes longer than the second that it may take."""

    async def looked() -> bool:
        return holds()

    await until(looked)


async def test_another_worker_hears_of_every_change_within_a_second(stair: Stair, tmp_path: Path) -> None:
    assert roster.EVERY < 1
    config = settings.load(tmp_path / "federation.yaml")
    async with app.open_house(config, now=stair.clock) as other:
        at = desk(stair.house)
        view = await made(at)
        await soon(lambda: "okta" in other.connections)
        untouched = other.roster.connectors["acme-oidc"]
        before = other.roster.connectors["okta"]
        await connections.update(at, "okta", {"display_name": "New"}, number=view.number)
        await soon(lambda: other.connections["okta"].title == "New")
        assert other.roster.connectors["okta"] is not before
        assert other.roster.connectors["acme-oidc"] is untouched
        await tried(stair)
        await connections.enable(at, "okta")
        await soon(lambda: other.connections["okta"].enabled)
        assert other.issuers["https://beta.okta.example"] == ("okta",)
        await connections.delete(at, "okta", "New", force=False)
        await soon(lambda: "okta" not in other.connections)
        assert "https://beta.okta.example" not in other.issuers
        await organizations.delete(desk(stair.house, OPERATOR), "beta", "Beta")
        await soon(lambda: "beta" not in other.roster.organizations)


async def test_the_order_is_the_files_then_as_they_were_made(stair: Stair) -> None:
    at = desk(stair.house)
    for name in ("zeta", "alpha"):
        stair.clock.at += timedelta(seconds=1)
        await made(
            replace(at, now=stair.clock.at),
            name,
            domains=[f"{name}.example"],
            issuer=f"https://{name}.example",
        )
    assert list(stair.house.connections) == ["acme-saml", "other-saml", "acme-oidc", "zeta", "alpha"]
    assert list(stair.house.roster.connectors) == list(stair.house.connections)


KEEP = """INSERT INTO kept_connection (id, organization_id, protocol, body, sealed, enabled, number,
  created_at, updated_at) VALUES"""
BROKEN = [
    ("{", ""),
    ("[]", ""),
    ("{}", ""),
    (json.dumps({**GOOD, "client_id": 7}), ""),
    (json.dumps({**GOOD, "anything": 1}), ""),
    (json.dumps({**GOOD, "callback_paths": ["/x"]}), ""),
    (json.dumps({**GOOD, "issuer": "https://10.0.0.1"}), ""),
    (json.dumps({**GOOD, "domains": ["acme.example"]}), ""),
    (json.dumps(GOOD), "v1.00000000.AAAA.AAAA"),
    (json.dumps(GOOD), "nonsense"),
    (json.dumps({"protocol": "saml", "domains": ["x.example"], "metadata": {"xml": "<x/>"}}), ""),
]


async def test_a_row_that_cannot_be_used_stops_nothing_and_says_why(stair: Stair, tmp_path: Path) -> None:
    url = f"sqlite:///{stair.database}"
    for n, (body, sealed) in enumerate(BROKEN):
        quoted = body.replace("'", "''")
        await ask(
            url,
            f"{KEEP} ('broken{n}', 'beta', 'oidc', '{quoted}', '{sealed}', 1, 90, 0, 0)",
        )
    await ask(url, "UPDATE configuration SET number = 90")
    await stair.house.roster.refresh(NOW)
    names = {f"broken{n}" for n in range(len(BROKEN))}
    assert stair.house.roster.faults.keys() == names
    assert names.isdisjoint(stair.house.connections)
    async with app.open_house(settings.load(tmp_path / "federation.yaml"), now=stair.clock) as other:
        assert other.roster.faults == stair.house.roster.faults
        assert list(other.connections) == ["acme-saml", "other-saml", "acme-oidc"]
    view = await connections.find(desk(stair.house), "broken3")
    assert (view.state, bool(view.fault)) == ("faulty", True)
    assert (await stair.browser().get("/login/broken3")).status_code == 404


async def test_the_settings_file_wins(stair: Stair, tmp_path: Path) -> None:
    await made(desk(stair.house), "later")
    body = dict(
        kept.body_of(stair.house.roster.kept["later"].row), domains=["later.example"], organization="acme"
    )
    file = write_settings(tmp_path)
    config = settings.load(file, overrides={"connections": {"later": body}})
    async with app.open_house(config, now=stair.clock) as other:
        assert other.connections["later"].organization == "acme"
        assert "settings file" in other.roster.faults["later"]


async def signed_in(stair: Stair, browser: httpx2.AsyncClient) -> httpx2.Response:
    """Have mallory@evil.example come in by the connection that ``theirs`` made."""
    return await signed_in_by(stair, browser, await stair.begin(browser, "theirs"))


async def signed_in_by(stair: Stair, browser: httpx2.AsyncClient, asked: dict[str, str]) -> httpx2.Response:
    """Answer what the provider was asked."""
    request = zlib.decompress(base64.b64decode(asked["SAMLRequest"]), -15).decode()
    request_id = re.search(r'\bID="([^"]+)"', request)
    assert request_id
    document = stair.idps["other-saml"].response(
        user=USERS["mallory"],
        acs_url=f"{BASE}/saml/theirs/acs",
        sp_entity_id=f"{BASE}/saml/theirs/metadata",
        request_id=request_id[1],
        now=stair.clock(),
    )
    form = {"SAMLResponse": SamlIdp.encode(document), "RelayState": asked["RelayState"]}
    return await browser.post("/saml/theirs/acs", data=form)


async def test_people_come_in_by_it_once_dns_proves_their_domain(stair: Stair) -> None:
    await theirs(stair)
    browser = stair.browser()
    assert (await browser.get("/login?email=ada@evil.example")).json()["sign_in"] is None
    stair.remember_rows()
    refused = await signed_in(stair, browser)
    assert await stair.code(refused) == "policy.domain_unproved"
    assert stair.rows == {table: stair.count(table) for table in stair.rows}
    await proved(stair.house.store, "beta", "evil.example")
    answer = await browser.get("/login?email=ada@evil.example")
    assert answer.json()["sign_in"].startswith("/login/theirs")
    assert (await signed_in(stair, browser)).status_code == 303
    told = (await browser.get("/session")).json()
    assert (told["organization"], told["roles"]) == ("beta", ["owner"])


@pytest.mark.parametrize("deed", ["disable", "delete"])
async def test_its_sessions_end_with_it_on_every_worker(stair: Stair, tmp_path: Path, deed: str) -> None:
    await theirs(stair)
    await proved(stair.house.store, "beta", "evil.example")
    browser = stair.browser()
    await signed_in(stair, browser)
    token = browser.cookies.get("session") or ""
    async with app.open_house(settings.load(tmp_path / "federation.yaml"), now=stair.clock) as other:
        assert await other.session(token)
        at = desk(stair.house)
        assert (await affected.count(at, "theirs")).only_way == 1
        ended = (
            await connections.disable(at, "theirs", force=True)
            if deed == "disable"
            else await connections.delete(at, "theirs", "Beta", force=True)
        )
        assert ended == 1
        assert await stair.house.session(token) is None
        assert await other.session(token) is None  # at once, though this worker has heard of nothing yet
    grants = await ask(f"sqlite:///{stair.database}", "SELECT role FROM role_grant")
    assert len(grants) == (1 if deed == "disable" else 0)
    assert stair.count("account") == 1  # found again by whoever comes by another connection


async def test_a_sign_in_under_way_is_refused_when_it_goes(stair: Stair) -> None:
    await theirs(stair)
    await proved(stair.house.store, "beta", "evil.example")
    browser = stair.browser()
    asked = await stair.begin(browser, "theirs")
    # As another node does it: this worker still knows the connection.
    await stair.house.store.drop_connection("theirs", NOW, ANYBODY)
    answer = await signed_in_by(stair, browser, asked)
    assert await stair.code(answer) == "policy.connection_disabled"
    assert stair.count("session") == 0


async def test_its_button_is_on_no_page_but_by_an_operators_word(stair: Stair) -> None:
    await theirs(stair)
    shown = (await stair.browser().get("/login")).json()["connections"]
    assert "theirs" not in {one["id"] for one in shown}


async def test_a_start_with_a_thousand_takes_seconds_and_a_sign_in_nothing(
    stair: Stair, tmp_path: Path
) -> None:
    url = f"sqlite:///{stair.database}"
    document = stair.idps["other-saml"].metadata().decode()
    rows = []
    for n in range(1000):
        told: dict[str, Any] = {"domains": [f"d{n}.example"], "display_name": f"C {n}"}
        if n % 2:
            told |= {**GOOD, **told, "issuer": f"https://i{n}.example"}
        else:
            told |= {
                "protocol": "saml",
                "metadata": {"xml": document.replace("idp.other.example", f"i{n}.example")},
            }
        quoted = json.dumps(told).replace("'", "''")
        rows.append(f"('c{n}', 'o{n}', '{told['protocol']}', '{quoted}', '', 1, {n + 2}, {n}, 0)")
    for n in range(0, 1000, 100):
        values = ",".join(f"('o{m}', '{{\"name\": \"O{m}\"}}', {m + 2}, 0, 0)" for m in range(n, n + 100))
        await ask(
            url,
            f"INSERT INTO kept_organization (id, body, number, created_at, updated_at) VALUES {values}",  # noqa: S608
        )
        await ask(
            url,
            f"{KEEP} {','.join(rows[n : n + 100])}",
        )
    await ask(url, "UPDATE configuration SET number = 2000")
    began = time.process_time()
    await stair.house.roster.refresh(NOW)
    assert time.process_time() - began < 6.0
    assert stair.house.roster.faults == {}
    assert len(stair.house.connections) == 1003
    at, began = desk(stair.house, OPERATOR), time.process_time()
    page = await connections.list_connections(at, search="", after="", limit=50)
    assert len(page.connections) == 50
    assert time.process_time() - began < 0.3


PRIVATE = [
    "https://127.0.0.1:1/x", "https://[::1]:1/x", "https://10.1.2.3/x", "https://169.254.169.254/latest",
    "https://localhost:1/x", "https://[::ffff:10.0.0.1]/x", "https://[64:ff9b::a00:1]/x",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
async def test_nothing_private_is_asked_through_the_stores_door(url: str) -> None:
    inner = Fetch(allow=(), proxy=None, development=True)
    door = OfStore(inner)
    for declared in Declared:
        with pytest.raises(ProviderUnavailable, match=r"^fetch\.(address_private|address_forbidden): "):
            await door.get(url, declared=declared, accept="*/*")
        with pytest.raises(ProviderUnavailable, match=r"^fetch\.(address_private|address_forbidden): "):
            await door.post_form(url, {}, {}, declared=declared)
    await inner.close()
