"""Tokens in two whole houses on one database: to the application, to /verify, to whoever explains."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stair
from databases import ask
from starlette.requests import Request

from federation import app, settings
from federation.demo.openid_faults import RIGHT
from federation.identity import KeptTokens
from federation.operator import explain
from federation.upkeep import upkeep
from federation.web import cookies
from federation.web.embed import provider_tokens
from federation.web.house import House
from federation.web.routes import build, routes
from federation.web.verify import Verify

KEEPING: dict[str, Any] = {
    "keep_tokens": ["access", "refresh", "id"],
    "scopes": ["openid", "profile", "email", "groups", "offline_access"],
}
SOON = timedelta(minutes=4, seconds=30)  # the provider's access tokens live for five minutes
ASKED = timedelta(minutes=1)
MANUAL = (Path(__file__).parent.parent / "docs/tokens.md").read_text()
EXAMPLE = re.search(r"<!-- tokens -->\n```python\n(.*?)```", MANUAL, re.DOTALL)[1]  # type: ignore[index]


@pytest.fixture
async def first(tmp_path: Path) -> AsyncIterator[stair.Stair]:
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": KEEPING}) as house:
        house.provider.knobs = RIGHT
        yield house


@pytest.fixture
async def second(first: stair.Stair, tmp_path: Path) -> AsyncIterator[House]:
    """Another process on the same database."""
    config = settings.load(
        tmp_path / "federation.yaml", overrides={"connections": {"acme-oidc": dict(KEEPING)}}
    )
    async with app.open_house(config, now=first.clock) as house:
        yield house


def asking(house: House, browser: httpx2.AsyncClient) -> Request:
    """An application's request, as ``Embedded`` hands it on."""
    wire_name = cookies.name(cookies.SESSION, secure=False)
    said = f"{wire_name}={browser.cookies[wire_name]}".encode() if browser.cookies else b""
    return Request({"type": "http", "headers": [(b"cookie", said)], "federation": house})


async def test_an_application_asks_for_the_tokens_of_its_request(first: stair.Stair, second: House) -> None:
    browser = first.browser()
    assert await provider_tokens(asking(first.house, browser), life=ASKED) is None
    assert (await browser.get(await first.oidc(browser))).status_code == 303
    told = await provider_tokens(asking(first.house, browser), life=ASKED)
    assert told
    first.clock.at += SOON
    first.provider.asked.clear()
    requests = [asking(house, browser) for house in (first.house, second)] * 5
    renewed = await asyncio.gather(*(provider_tokens(one, life=ASKED) for one in requests))
    assert first.provider.asked.count("/token") == 1
    (new,) = {one for one in renewed if isinstance(one, KeptTokens)}
    assert new.access not in ("", told.access)


async def test_the_example_of_the_manual_works(first: stair.Stair) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(EXAMPLE, names)  # noqa: S102  the example itself is under test
    browser = first.browser()
    assert (await names["calendar"](asking(first.house, browser))).status_code == 401
    await browser.get(await first.oidc(browser))
    answer = await names["calendar"](asking(first.house, browser))
    assert json.loads(answer.body) == {
        "scopes": KEEPING["scopes"],
        "until": (first.clock() + timedelta(minutes=5)).isoformat(),
        "asks with": ["Authorization"],
    }


async def test_a_refusal_to_renew_ends_it_everywhere_and_is_explained(
    first: stair.Stair, second: House, tmp_path: Path
) -> None:
    inner = build(routes(), None)
    inner.state.house = second
    browser = first.browser()
    await browser.get(await first.oidc(browser))
    there = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(Verify(inner)), base_url=stair.BASE, cookies=browser.cookies
    )
    first.browsers.append(there)
    assert [(await one.get("/verify")).status_code for one in (browser, there)] == [200, 200]
    told = await provider_tokens(asking(second, browser), life=ASKED)
    assert told
    first.provider.grants.forget()
    first.clock.at += SOON
    await first.house.tokens.renew_due(first.clock())
    first.clock.at += timedelta(seconds=1)
    assert [(await one.get("/verify")).status_code for one in (browser, there)] == [401, 401]
    assert await provider_tokens(asking(second, browser), life=ASKED) is None
    database = f"sqlite:///{first.database}"
    refused = "SELECT reference FROM decision_record WHERE code = 'oidc.refresh_refused'"
    ((reference,),) = await ask(database, refused)
    config = settings.load(tmp_path / "federation.yaml")
    story = await explain.by_reference(config, reference, values=False)
    assert (story.facts["connection"], story.facts["organization"]) == ("acme-oidc", "acme")
    assert story.facts["person"]
    assert not any(secret in str(story.as_json()) for secret in (told.access, told.refresh, told.id))


async def test_a_house_that_closes_finishes_what_it_has_begun(first: stair.Stair, tmp_path: Path) -> None:
    browser = first.browser()
    await browser.get(await first.oidc(browser))
    told = await provider_tokens(asking(first.house, browser), life=ASKED)
    assert told
    first.clock.at += SOON
    config = settings.load(
        tmp_path / "federation.yaml", overrides={"connections": {"acme-oidc": dict(KEEPING)}}
    )
    async with app.open_house(config, now=first.clock) as leaving:
        begun = asyncio.create_task(leaving.tokens.renew_due(first.clock()))
        while not leaving.tokens._renewing:  # noqa: ASYNC110
            await asyncio.sleep(0)
        begun.cancel()
    first.provider.asked.clear()
    renewed = await provider_tokens(asking(first.house, browser), life=ASKED)
    assert renewed
    assert renewed.access != told.access
    assert "/token" not in first.provider.asked


async def test_the_house_renews_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_SOON", timedelta(0))
    monkeypatch.setattr(upkeep, "RENEW_EVERY", timedelta(seconds=0.2))
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": KEEPING}) as house:
        house.provider.knobs = RIGHT
        browser = house.browser()
        await browser.get(await house.oidc(browser))
        house.provider.asked.clear()
        house.clock.at += SOON
        for _ in range(400):
            if "/token" in house.provider.asked:
                return
            await asyncio.sleep(0.05)
    pytest.fail("nobody renewed them")
