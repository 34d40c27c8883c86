"""Tokens of providers without OpenID Connect in two whole houses: kept, renewed once, refused, revoked."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from databases import ask
from loopback import Site, serving
from stair import BASE, Stair, standing
from starlette.responses import Response
from test_oauth2_sign_in import SECRET, World, github, plain
from test_tokens_journey import ASKED, asking
from test_tokens_leaving import sign_out

from federation import app, settings
from federation.demo.github import GitHub
from federation.demo.github_answers import Knobs
from federation.errors import AssertionRefused
from federation.identity import KeptTokens, Subject
from federation.web.embed import provider_tokens
from federation.web.house import House

KEEPING = {"keep_tokens": ["access", "refresh"]}
SOON = timedelta(minutes=4, seconds=30)
FIVE = {"expires_in": 300}
KINDS = ("github", "plain")


def connections(site: Site) -> dict[str, dict[str, Any]]:
    return {
        "github": github(site.url, **KEEPING),
        "plain": plain(site.url, **KEEPING, revocation_endpoint=f"{site.url}/revoke"),
    }


class Revocable:
    """The development GitHub with the endpoint of RFC 7009 beside it, which GitHub has not."""

    def __init__(self, there: GitHub) -> None:
        self.there, self.inner = there, there.app()
        self.asked: list[dict[str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/revoke":
            await self.inner(scope, receive, send)
            return
        body = (await receive())["body"].decode()
        form = dict(httpx2.QueryParams(body))
        self.asked.append(form)
        self.there._renewals.pop(form["token"], None)
        self.there._tokens.pop(form["token"], None)
        await Response()(scope, receive, send)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[World, House, Revocable]]:
    async with serving() as site:
        callbacks = [f"{BASE}/oidc/{name}/callback" for name in KINDS]
        there = GitHub(site.url, client_id="Iv1.federation", client_secret=SECRET, redirect_uris=callbacks)
        there.knobs = Knobs(
            expires=True, token_members=dict(FIVE), versions=False, profile={"email_verified": True}
        )
        site.app = revocable = Revocable(there)
        further = connections(site)
        async with standing(tmp_path, further=further) as stair:
            config = settings.load(tmp_path / "federation.yaml", overrides={"connections": further})
            async with app.open_house(config, now=stair.clock) as second:
                yield World(stair, there), second, revocable


async def signed_in(world: World, connection: str) -> tuple[httpx2.AsyncClient, KeptTokens]:
    browser, answer = await world.sign_in(connection)
    assert answer.status_code == 303, answer.text
    told = await provider_tokens(asking(world.stair.house, browser), life=ASKED)
    assert told
    assert told.access_until == world.stair.clock() + timedelta(minutes=5)
    world.github.asked.clear()
    return browser, told


async def codes(stair: Stair) -> list[str]:
    found = await ask(f"sqlite:///{stair.database}", "SELECT code FROM decision_record WHERE code <> ''")
    return [row[0] for row in found]


Opened = tuple[World, House, Revocable]


@pytest.mark.parametrize("connection", KINDS)
async def test_two_houses_renew_once_and_rotate(world: Opened, connection: str) -> None:
    here, second, _ = world
    browser, told = await signed_in(here, connection)
    spent = {told.refresh}
    for turn in (1, 2):
        here.stair.clock.at += SOON
        houses = [here.stair.house, second] * 5
        renewed = await asyncio.gather(*(provider_tokens(asking(one, browser), life=ASKED) for one in houses))
        (new,) = {one for one in renewed if one}
        assert None not in renewed
        assert here.github.asked == ["/login/oauth/access_token"] * turn
        assert new.refresh not in spent
        assert new.scopes == told.scopes
        assert new.access_until == here.stair.clock() + timedelta(minutes=5)
        spent.add(new.refresh)
    assert (await browser.get("/verify")).status_code == 200
    assert await codes(here.stair) == []


@pytest.mark.parametrize("connection", KINDS)
async def test_the_background_renews_and_ends_what_is_refused(world: Opened, connection: str) -> None:
    here, second, _ = world
    browser, told = await signed_in(here, connection)
    here.stair.clock.at += SOON
    await here.stair.house.tokens.renew_due(here.stair.clock())
    again = await provider_tokens(asking(second, browser), life=ASKED)
    assert again
    assert again.refresh != told.refresh
    assert here.github.asked == ["/login/oauth/access_token"]
    here.github._renewals.clear()  # the person took the application off their account
    here.stair.clock.at += SOON
    await second.tokens.renew_due(here.stair.clock())
    here.stair.clock.at += timedelta(seconds=1)
    assert (await browser.get("/verify")).status_code == 401
    assert await provider_tokens(asking(here.stair.house, browser), life=ASKED) is None
    assert await codes(here.stair) == ["oauth2.refresh_refused"]


async def test_a_refresh_token_that_does_not_come_anew_stays(world: Opened) -> None:
    here, _, _ = world
    browser, told = await signed_in(here, "plain")
    (granted,) = here.github._renewals.values()
    granted.knobs.token_members["refresh_token"] = told.refresh  # type: ignore[index]
    here.stair.clock.at += SOON
    new = await provider_tokens(asking(here.stair.house, browser), life=ASKED)
    assert new
    assert (new.refresh, new.access == told.access) == (told.refresh, False)
    del granted.knobs.token_members["refresh_token"]  # type: ignore[attr-defined]


async def test_an_outage_ends_nothing(world: Opened) -> None:
    here, _, _ = world
    browser, told = await signed_in(here, "github")
    here.github.knobs = Knobs(endpoints={"access_token": "error"})
    here.stair.clock.at += SOON
    assert await provider_tokens(asking(here.stair.house, browser), life=ASKED) == told
    assert (await browser.get("/verify")).status_code == 200
    assert await codes(here.stair) == []


MOVED = ["token_endpoint", "userinfo_endpoint"]


@pytest.mark.parametrize("endpoint", MOVED)
async def test_nothing_kept_is_sent_to_a_moved_endpoint(world: Opened, tmp_path: Path, endpoint: str) -> None:
    here, _, revocable = world
    browser, _ = await signed_in(here, "plain")
    asked: list[str] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await Response()(scope, receive, send)

    async with serving() as elsewhere:
        elsewhere.app = listen
        declared = here.stair.house.connections["plain"]
        keys = {one: str(getattr(declared, one)) for one in MOVED}
        moved = f"{elsewhere.url}{urlsplit(keys[endpoint]).path}"
        url = keys["token_endpoint"].removesuffix(urlsplit(keys["token_endpoint"]).path)
        told = plain(url, **KEEPING, revocation_endpoint=f"{url}/revoke")
        further = {"plain": told | {endpoint: moved}}
        config = settings.load(tmp_path / "federation.yaml", overrides={"connections": further})
        async with app.open_house(config, now=here.stair.clock) as edited:
            here.stair.clock.at += SOON
            renewed = await provider_tokens(asking(edited, browser), life=ASKED)
            connector = edited.signin.connectors["plain"]
            assert connector.rereading
            if endpoint == "token_endpoint":
                assert renewed is None
            else:
                assert renewed
                subject = Subject(issuer="x", value="y")
                with pytest.raises(AssertionRefused, match=r"^oauth2\.tokens_moved: "):
                    await connector.rereading.reread(renewed, subject=subject, now=here.stair.clock())
    assert asked == []
    assert revocable.asked == []
    assert await codes(here.stair) == (["oauth2.tokens_moved"] if endpoint == "token_endpoint" else [])


async def test_signing_out_revokes_where_there_is_a_way(world: Opened) -> None:
    here, _, revocable = world
    browser, told = await signed_in(here, "plain")
    await sign_out(browser)
    await here.stair.house.tokens.close()
    assert [one["token_type_hint"] for one in revocable.asked] == ["refresh_token", "access_token"]
    assert [one["token"] for one in revocable.asked] == [told.refresh, told.access]
    assert "client_secret" not in json.dumps(revocable.asked)  # Basic, as the connection has it
    assert (here.github._renewals, here.github._tokens) == ({}, {})
    other, _ = await signed_in(here, "github")
    await sign_out(other)
    await here.stair.house.tokens.close()
    assert len(revocable.asked) == 2  # GitHub's own form is not asked
