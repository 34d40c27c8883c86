"""The pages of connections, in a browser that has no script."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from stair import Stair, standing
from test_administration_connections import GOOD, OPERATOR, SAML, desk, tried

from federation.administration import connections, organizations
from federation.administration.desk import Desk

PAGE = "/admin/connections"


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
    async with standing(tmp_path) as stair:
        yield stair


async def signed_in(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    browser = stair.browser(accept="text/html")
    await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    return browser


async def read(browser: httpx2.AsyncClient, path: str, status: int = 200) -> str:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def post(browser: httpx2.AsyncClient, at: str, path: str, **form: str) -> httpx2.Response:
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', await read(browser, at))
    assert csrf
    told = {"csrf": csrf[1], **form}
    return await browser.post(path, data=told, headers={"sec-fetch-site": "same-origin"})


async def here(stair: Stair, name: str = "okta", **differs: object) -> Desk:
    """Make a connection of acme's in the store."""
    at = desk(stair.house, OPERATOR)
    body = {**GOOD, "domains": ["own.example"], **differs}
    await connections.create(at, name, organization="acme", body=body)
    return at


async def test_all_of_them_with_their_state_and_no_other_organizations(stair: Stair) -> None:
    at = await here(stair)
    await organizations.create(at, "beta", body={"name": "Beta"})
    await connections.create(at, "theirs", organization="beta", body={**GOOD, "display_name": "Secret"})
    ada = await signed_in(stair)
    shown = await read(ada, PAGE)
    assert "Acme (SAML)" in shown
    assert "Managed by configuration" in shown
    assert "Beta&#39;s Okta" in shown
    assert "Secret" not in shown
    assert "Acme (SAML)" not in await read(ada, f"{PAGE}?search=own.example")
    assert "No connection matches" in await read(ada, f"{PAGE}?search=%3Cscript%3E")
    for path in ("", "/disable", "/delete"):
        await read(ada, f"{PAGE}/theirs{path}", 404)
        await read(ada, f"{PAGE}/nothing{path}", 404)
    for deed in ("enable", "disable", "delete"):
        answer = await post(ada, f"{PAGE}/okta/delete", f"{PAGE}/theirs/{deed}", name="Secret")
        assert answer.status_code == 404
    assert "theirs" in stair.house.connections


async def test_who_is_no_administrator_sees_none_of_it(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    for path in (PAGE, f"{PAGE}/acme-oidc", f"{PAGE}/acme-oidc/disable"):
        await read(bob, path, 403)


async def test_one_tells_what_to_do_next(stair: Stair) -> None:
    await here(stair)
    ada = await signed_in(stair)
    shown = await read(ada, f"{PAGE}/okta")
    assert "Test it next" in shown
    assert "own.example until a record in DNS" in shown
    assert f'href="{PAGE}/okta/setup/people"' in shown, "where its record is"
    assert "/oidc/okta/callback" in shown
    assert f"{PAGE}/okta/enable" not in shown
    await tried(stair)
    shown = await read(ada, f"{PAGE}/okta")
    assert "The test went through" in shown
    answer = await post(ada, f"{PAGE}/okta", f"{PAGE}/okta/enable")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/okta")
    assert ">Active</span>" in await read(ada, f"{PAGE}/okta")
    at = desk(stair.house, OPERATOR)
    await connections.create(at, "draft", organization="acme", body={"protocol": "saml"})
    assert "Setup is not finished" in await read(ada, f"{PAGE}/draft")


async def test_what_a_provider_says_is_text(stair: Stair) -> None:
    evil = "<script>alert(1)</script>"
    await here(stair, display_name=evil, client_id=evil, acr_values=[evil])
    ada = await signed_in(stair)
    for path in (PAGE, f"{PAGE}/okta", f"{PAGE}/okta/delete", f"{PAGE}/okta/disable"):
        shown = await read(ada, path)
        assert "<script>alert" not in shown
        assert "&lt;script&gt;" in shown
    document = (
        stair.idps["other-saml"]
        .metadata()
        .decode()
        .replace("idp.other.example", "idp.other.example?&lt;b&gt;")
    )
    body = {**SAML, "metadata": {"xml": document}}
    await connections.create(desk(stair.house, OPERATOR), "evil", organization="acme", body=body)
    assert "<b>" not in await read(ada, f"{PAGE}/evil")


async def test_it_is_switched_off_and_deleted_by_its_name(stair: Stair) -> None:
    await here(stair)
    ada = await signed_in(stair)
    answer = await post(ada, f"{PAGE}/acme-oidc/disable", f"{PAGE}/acme-oidc/disable")
    assert answer.status_code == 303
    assert ">Switched off</span>" in await read(ada, f"{PAGE}/acme-oidc")
    assert f"{PAGE}/acme-oidc/delete" not in await read(ada, f"{PAGE}/acme-oidc")
    answer = await post(ada, f"{PAGE}/okta/delete", f"{PAGE}/okta/delete", name="okta")
    assert answer.status_code == 422
    assert 'aria-describedby="name-fault"' in answer.text
    answer = await post(ada, f"{PAGE}/okta/delete", f"{PAGE}/okta/delete", name="Beta's Okta")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert "okta" not in stair.house.connections


@pytest.mark.parametrize("deed", ["enable", "disable", "delete"])
async def test_a_change_starts_on_a_page_of_ours_by_who_is_there(stair: Stair, deed: str) -> None:
    await here(stair)
    await tried(stair)
    ada = await signed_in(stair)
    forged = {"csrf": "0" * 64, "name": "Beta's Okta"}
    answer = await ada.post(f"{PAGE}/okta/{deed}", data=forged, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code in (400, 403)
    stair.clock.at = stair.clock.at.replace(hour=stair.clock.at.hour + 1)  # no fresh proof any more
    answer = await post(ada, f"{PAGE}/okta/delete", f"{PAGE}/okta/{deed}", name="Beta's Okta")
    assert answer.status_code == 403
    row = await stair.house.store.find_kept_connection("okta")
    assert row is not None
    assert not row.enabled
