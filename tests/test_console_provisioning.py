"""The page of a connection's provisioning, and the token that a setup link's holder may make."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from provisioning import NOBODY, scim_user
from stair import NOW, Stair, standing

PATH = "/admin/connections/acme-saml/provisioning"
OKTA = "/admin/connections/okta/provisioning"
SECRET = re.compile(r"fsc_[A-Za-z0-9_-]{43}")
BEARER = "a bearer token of 30 octets ..."


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    async with standing(tmp_path, acme_saml={"scim": {"bearer": BEARER}}) as opened:
        yield opened


async def administrator(stair: Stair) -> httpx2.AsyncClient:
    browser = stair.browser(accept="text/html", sec_fetch_site="same-origin")
    await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser))
    return browser


def csrf(page: httpx2.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def users(stair: Stair, secret: str) -> int:
    program = stair.browser(authorization=f"Bearer {secret}")
    return (await program.get("/scim/v2/acme-saml/Users")).status_code


async def test_a_token_is_shown_once_and_counts_until_it_is_revoked(stair: Stair) -> None:
    browser = await administrator(stair)
    page = await browser.get(PATH)
    assert "http://localhost:8000/scim/v2/acme-saml" in page.text
    form = {"csrf": csrf(page), "name": "Okta", "kind": "bearer", "days": "90"}
    assert (await browser.post(PATH, data=form | {"csrf": "x"})).status_code == 403
    made = await browser.post(PATH, data=form)
    (secret,) = set(SECRET.findall(made.text))
    assert made.headers["cache-control"] == "no-store"
    assert await users(stair, secret) == 200
    again = await browser.get(PATH)
    assert not SECRET.search(again.text)
    (revoke,) = re.findall(rf'action="({PATH}/[^"]+/revoke)"', again.text)
    assert (await browser.post(revoke, data={"csrf": form["csrf"]})).status_code == 303
    assert await users(stair, secret) == 401


async def test_who_proved_themselves_long_ago_makes_and_switches_nothing(stair: Stair) -> None:
    browser = await administrator(stair)
    await kept(browser)
    number = re.search(r'name="number" value="(\d+)"', (await browser.get(OKTA)).text)
    form = {"csrf": csrf(await browser.get(PATH)), "name": "Okta", "kind": "bearer", "days": "90", "on": "on"}
    stair.clock.at += timedelta(minutes=16)
    assert number
    for path in (PATH, f"{OKTA}/switch"):
        answer = await browser.post(
            path, data=form | {"number": number[1]}, headers={"accept": "application/json"}
        )
        assert await stair.code(answer) == "admin.prove_again", path
    assert stair.count("scim_credential") == 0
    assert "http://localhost:8000/scim/v2/okta" not in (await browser.get(OKTA)).text


@pytest.mark.parametrize("fault", [{"name": ""}, {"days": "0"}, {"days": "1826"}, {"days": "x"}])
async def test_a_form_that_cannot_be_used_says_so_beside_the_field(
    stair: Stair, fault: dict[str, str]
) -> None:
    browser = await administrator(stair)
    form = {"csrf": csrf(await browser.get(PATH)), "name": "Okta", "kind": "client", "days": "90"}
    answer = await browser.post(PATH, data=form | fault)
    assert answer.status_code == 422
    assert f'id="{next(iter(fault))}-fault"' in answer.text
    assert not SECRET.search(answer.text)


async def test_whom_policy_refuses_is_named_with_why_and_on_their_own_page(stair: Stair) -> None:
    directory = stair.browser(authorization=f"Bearer {BEARER}")
    for name in ("ada@acme.example", "eve@elsewhere.example"):
        sent = {"userName": name, "emails": [{"value": name, "primary": True}]}
        assert (await directory.post("/scim/v2/acme-saml/Users", json=sent)).status_code == 201
    browser = await administrator(stair)
    page = (await browser.get(PATH)).text
    assert re.search(r"policy\.domain</code></dt><dd>1</dd>", page)
    (link,) = re.findall(r'<a href="([^"]+)">eve@elsewhere\.example</a>', page)
    person = (await browser.get(link)).text
    assert "eve@elsewhere.example" in person
    assert re.search(r'state warn">[^<]*policy\.domain', person)
    assert "ada@acme.example" not in page.partition('id="refused"')[2]


async def kept(browser: httpx2.AsyncClient) -> str:
    """Make a connection in the administration; return what its forms need."""
    page = await browser.get("/admin/connections/new?preset=okta&protocol=oidc")
    hidden = dict(re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    told = {"id": "okta", "display_name": "Okta", "organization": "acme"}
    answer = await browser.post("/admin/connections/new", data=hidden | told)
    assert answer.headers["location"] == "/admin/connections/okta/setup/provider"
    return csrf(page)


async def switch(browser: httpx2.AsyncClient, *, on: bool) -> str:
    page = await browser.get(path := OKTA)
    found = re.search(r'name="number" value="(\d+)"', page.text)
    assert found
    form = {"csrf": csrf(page), "number": found[1]} | ({"on": "on"} if on else {})
    answer = await browser.post(f"{path}/switch", data=form)
    assert answer.status_code == 303, answer.text
    return (await browser.get(path)).text


async def test_a_connection_that_is_edited_here_is_switched_on_and_off(stair: Stair) -> None:
    browser = await administrator(stair)
    await kept(browser)
    url = "http://localhost:8000/scim/v2/okta"
    wizard = "/admin/connections/okta/setup/provider"
    assert url not in (await browser.get(wizard)).text
    assert url in await switch(browser, on=True)
    assert url in (await browser.get(wizard)).text
    assert url not in await switch(browser, on=False)
    forget = "federation scim forget okta"
    assert forget not in (await browser.get(OKTA)).text
    await stair.house.store.add_scim_user("okta", "acme", scim_user("ada"), NOBODY, NOW)
    assert forget in (await browser.get(OKTA)).text
    assert forget not in await switch(browser, on=True)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("may_enable", [True, False])
async def test_a_links_holder_makes_a_token_only_where_they_may_enable(
    stair: Stair,
    may_enable: bool,  # noqa: FBT001  a case
    on: bool,  # noqa: FBT001  likewise: whether an administrator has it provision already
) -> None:
    browser = await administrator(stair)
    form = {"csrf": await kept(browser), "days": "7"} | ({"may_enable": "on"} if may_enable else {})
    if on:
        await switch(browser, on=True)
    made = await browser.post("/admin/connections/okta/links", data=form)
    found = re.search(r"/setup/[A-Za-z0-9_-]{43}", made.text)
    assert found
    guest = stair.browser(accept="text/html", sec_fetch_site="same-origin")
    await guest.post(found[0])
    page = await guest.get("/setup/provider")
    assert ("http://localhost:8000/scim/v2/okta" in page.text) is on
    assert ('action="/setup/provider"' in page.text) is may_enable
    token = re.search(r'name="csrf" value="([^"]+)"', (await guest.get("/setup/people")).text)
    assert token
    answer = await guest.post("/setup/provider", data={"csrf": token[1]})
    assert (answer.status_code, bool(SECRET.search(answer.text))) == (
        (200, True) if may_enable else (403, False)
    )
    if may_enable:
        assert "http://localhost:8000/scim/v2/okta" in answer.text
