"""What a browser, a token or a link may try against one's account and the administration."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ANYBODY
from stair import Stair, listening, standing
from test_administration_connections import BETA, OPERATOR, desk, made
from test_own_account import asked_of, by_oidc, change

from federation.administration import connections, organizations, paging
from federation.demo.openid_faults import GONE, RIGHT, Knobs, Later
from federation.errors import FieldsRefused
from federation.store.rows import micros, moment
from federation.web.prove import FRESH

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as opened:
        yield opened
        opened.provider.knobs = RIGHT


async def signed_in(stair: Stair, **claims: Any) -> httpx2.AsyncClient:
    """Sign in by a provider whose ID Token says this."""
    browser = stair.browser()
    stair.provider.knobs = Knobs(claims=claims)
    away = await browser.get("/login/acme-oidc?return_to=/account")
    back = await browser.get(await by_oidc(stair, away, "ada"))
    assert back.status_code == 303, back.text
    return browser


async def may_link(stair: Stair, browser: httpx2.AsyncClient) -> bool:
    """Try a change that matters."""
    answer = await change(browser, "/account/link", connection="acme-saml")
    if answer.status_code == 403:
        assert await stair.code(answer) == "admin.prove_again"
    return answer.status_code == 200


async def test_who_only_comes_back_has_proved_nothing(stair: Stair) -> None:
    """A provider that says nothing of when may have asked nothing: an open browser is enough for that."""
    browser = await signed_in(stair, auth_time=GONE)
    assert not await may_link(stair, browser)
    again = await browser.get("/prove?return_to=/account")
    assert asked_of(again)["max_age"] == "0"
    refused = await browser.get(await by_oidc(stair, again, "ada"))
    assert (refused.status_code, await stair.code(refused)) == (403, "oidc.auth_time")
    stair.provider.knobs = RIGHT
    again = await browser.get("/prove?return_to=/account")
    assert (await browser.get(await by_oidc(stair, again, "ada"))).status_code == 303
    assert await may_link(stair, browser)


@pytest.mark.parametrize(("ago", "fresh"), [(FRESH, True), (FRESH + SECOND, False)])
async def test_the_proof_is_as_old_as_the_provider_says(stair: Stair, ago: timedelta, *, fresh: bool) -> None:
    browser = await signed_in(stair, auth_time=Later(seconds=-int(ago.total_seconds())))
    assert await may_link(stair, browser) is fresh


async def test_no_proof_is_ahead_of_its_time(stair: Stair) -> None:
    """It would stay fresh for as long as the session lives."""
    browser = stair.browser()
    stair.provider.knobs = Knobs(claims={"auth_time": Later(seconds=86_400)})
    away = await browser.get("/login/acme-oidc?return_to=/account")
    answer = await browser.get(await by_oidc(stair, away, "ada"))
    assert (answer.status_code, await stair.code(answer)) == (403, "oidc.auth_time")
    assert "session" not in browser.cookies


RECEIVERS = [
    {"issuer": "https://login.evil.example"},
    {"issuer": None},
    {"token_endpoint": "https://login.evil.example/token"},
    {"revocation_endpoint": "https://login.evil.example/revoke"},
    {"pushed_authorization_request_endpoint": "https://login.evil.example/par"},
    {"discovery_url": "https://login.evil.example/.well-known/openid-configuration"},
]


@pytest.mark.parametrize("moved", RECEIVERS)
async def test_a_kept_secret_is_sent_to_nobody_else(stair: Stair, moved: dict[str, Any]) -> None:
    """A setup link's holder, or a token, may name another provider: it would be handed what nothing shows."""
    await organizations.create(desk(stair.house, OPERATOR), "beta", body=BETA)
    at = desk(stair.house)
    await made(at, token_endpoint_auth_method="client_secret_basic")
    view = await connections.set_secret(at, "okta", "client_secret", "a secret of the operator's")
    same = await connections.update(at, "okta", {"client_id": "other"}, number=view.number)
    assert same.settings["client_secret"] == "set"
    view = await connections.update(at, "okta", moved, number=same.number)
    assert not view.settings.get("client_secret")
    assert ("client_secret",) in [steps for steps, _ in view.missing]


async def test_a_cursor_beyond_the_calendar_is_none_of_ours() -> None:
    last = micros(datetime.max.replace(tzinfo=UTC))
    place = paging.read_cursor(paging.write_cursor((last, "x")), int, str)
    assert place is not None
    assert micros(moment(int(place[0]))) == last
    for beyond in (last + 1, 2**62, 2**63):
        with pytest.raises(FieldsRefused, match=r"^admin\.invalid: "):
            paging.read_cursor(paging.write_cursor((beyond, "x")), int, str)


async def test_an_address_leads_nowhere_that_is_switched_off(stair: Stair) -> None:
    browser, asked = stair.browser(), {"email": "ada@acme.example"}
    told = (await browser.get("/login", params=asked)).json()
    assert [one["id"] for one in told["connections"]] == ["acme-saml", "acme-oidc"]
    await stair.house.store.switch_off("acme-oidc", stair.clock(), ANYBODY)
    told = (await browser.get("/login", params=asked)).json()
    assert [one["id"] for one in told["connections"]] == ["acme-saml"]
