"""Signing out of a session that keeps tokens: they are revoked at the provider, and nobody waits for it."""

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stair
from databases import ask
from directory import USER
from test_tokens_journey import ASKED, KEEPING, asking

from federation import tokens
from federation.demo.openid_faults import RIGHT, Knobs
from federation.demo.openid_provider import OpenidProvider
from federation.identity import KeptTokens
from federation.web.embed import provider_tokens


@pytest.fixture
async def keeping(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[stair.Stair]:
    told = KEEPING | getattr(request, "param", {})
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": told}) as house:
        house.provider.knobs = RIGHT
        house.provider.grants.revoked.clear()
        yield house
    house.provider.knobs = RIGHT


async def signed_in(house: stair.Stair) -> tuple[httpx2.AsyncClient, KeptTokens]:
    browser = house.browser()
    await browser.get(await house.oidc(browser))
    told = await provider_tokens(asking(house.house, browser), life=ASKED)
    assert told
    return browser, told


async def sign_out(browser: httpx2.AsyncClient) -> httpx2.Response:
    page = await browser.get("/account", headers={"accept": "text/html"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf, page.text
    answer = await browser.post("/logout", data={"csrf": csrf[1]}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code in (200, 303)
    assert (await browser.get("/verify")).status_code == 401
    return answer


def lives(provider: OpenidProvider, told: KeptTokens) -> tuple[bool, bool]:
    return told.refresh in provider.grants._refresh, told.access in provider.grants._tokens


def said(log: pytest.LogCaptureFixture) -> list[tuple[str, str, Any]]:
    lines = [one for one in log.records if "revoked" in one.getMessage()]
    return [
        (one.getMessage(), vars(one)["connection"], vars(one).get("code") or vars(one).get("tokens"))
        for one in lines
    ]


async def test_signing_out_revokes_what_was_kept(
    keeping: stair.Stair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    browser, told = await signed_in(keeping)
    other, theirs = await signed_in(keeping)
    assert lives(keeping.provider, told) == (True, True)
    await sign_out(browser)
    await keeping.house.tokens.close()
    assert lives(keeping.provider, told) == (False, False)
    assert keeping.provider.grants.revoked == ["refresh_token", "access_token"]
    assert lives(keeping.provider, theirs) == (True, True)
    assert await provider_tokens(asking(keeping.house, other), life=ASKED) == theirs
    assert said(caplog) == [("tokens revoked", "acme-oidc", 2)]
    whole = " ".join(f"{line.getMessage()} {line.__dict__}" for line in caplog.records)
    assert not any(secret in whole for secret in (told.access, told.refresh, told.id))


async def test_a_way_in_that_is_let_go_gives_back_what_it_kept(keeping: stair.Stair) -> None:
    browser, told = await signed_in(keeping)
    url = f"sqlite:///{keeping.database}"
    ((mine,),) = await ask(url, "SELECT person FROM account")
    columns = [name for (name,) in await ask(url, "SELECT name FROM pragma_table_info('account')")]
    (row,) = await ask(url, "SELECT * FROM account")
    other = dict(zip(columns, row, strict=True)) | {"person": "a" * 64, "connection": "acme-saml"}
    marks = ", ".join("?" * len(other))
    with closing(sqlite3.connect(keeping.database)) as db:
        db.execute(f"INSERT INTO account ({', '.join(other)}) VALUES ({marks})", tuple(other.values()))  # noqa: S608
        db.commit()
    page = await browser.get("/account", headers={"accept": "text/html"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf, page.text
    here = {"sec-fetch-site": "same-origin"}
    answer = await browser.post(f"/account/ways/{mine}", data={"csrf": csrf[1]}, headers=here)
    assert answer.status_code == 303, answer.text
    await keeping.house.tokens.close()
    assert lives(keeping.provider, told) == (False, False)
    assert keeping.count("kept_token") == 0


OFF: list[dict[str, Any]] = [
    {"revoke_tokens": False},
    {"keep_tokens": ["id"]},
    {"keep_tokens": []},
]


@pytest.mark.parametrize("keeping", OFF, indirect=True, ids=str)
async def test_where_it_is_not_wanted_nothing_is_revoked(keeping: stair.Stair) -> None:
    browser = keeping.browser()
    await browser.get(await keeping.oidc(browser))
    await sign_out(browser)
    await keeping.house.tokens.close()
    assert keeping.provider.grants.revoked == []


@pytest.mark.parametrize(
    "keeping", [{"revocation_endpoint": "http://127.0.0.1:1/revoke"}], indirect=True, ids=["elsewhere"]
)
async def test_the_settings_beat_discovery(keeping: stair.Stair, caplog: pytest.LogCaptureFixture) -> None:
    browser, _ = await signed_in(keeping)
    await sign_out(browser)
    await keeping.house.tokens.close()
    assert said(caplog) == [("tokens not revoked", "acme-oidc", "fetch.connection")]
    assert keeping.provider.grants.revoked == []


FAILS = [
    ("error", "oidc.revocation_status"),
    ("refused", "oidc.revocation_refused"),
    ("busy", "oidc.revocation_status"),
    ("redirect", "fetch.redirect"),
]


@pytest.mark.parametrize(("how", "code"), FAILS)
async def test_a_provider_that_fails_keeps_nobody(
    keeping: stair.Stair, caplog: pytest.LogCaptureFixture, how: str, code: str
) -> None:
    browser, _ = await signed_in(keeping)
    keeping.provider.knobs = Knobs(fails={"revoke": how})
    await sign_out(browser)
    await keeping.house.tokens.close()
    assert said(caplog) == [("tokens not revoked", "acme-oidc", code)]
    assert keeping.provider.grants.revoked == ["refresh_token", "access_token"]  # each is tried


async def test_a_provider_that_hangs_keeps_nobody(
    keeping: stair.Stair, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_REVOKING", 1.5)
    browser, _ = await signed_in(keeping)
    keeping.provider.knobs = Knobs(fails={"revoke": "slow"})
    async with asyncio.timeout(30):
        await sign_out(browser)
        assert said(caplog) == []
        await keeping.house.tokens.close()
    assert said(caplog) == [("tokens not revoked", "acme-oidc", "TimeoutError")]


async def test_without_an_endpoint_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": KEEPING}) as house:
        house.provider.knobs = Knobs(discovery={"revocation_endpoint": "ftp://unusable"})
        browser, _ = await signed_in(house)
        await sign_out(browser)
        await house.house.tokens.close()
        house.provider.knobs = RIGHT
    assert said(caplog) == []


TOLD = "a-token-for-the-tests-of-this-directory"


async def test_whom_a_directory_puts_out_leaves_nothing_at_the_provider(tmp_path: Path) -> None:
    (tmp_path / "scim").write_text(TOLD)
    scim = {"scim": {"bearer": {"file": str(tmp_path / "scim")}, "external_id": ["sub"]}}
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": KEEPING | scim}) as house:
        house.provider.knobs = RIGHT
        house.provider.grants.revoked.clear()
        _, told = await signed_in(house)
        url = f"sqlite:///{house.database}"
        ((subject,),) = await ask(url, "SELECT subject_key FROM account")
        directory = house.browser(authorization=f"Bearer {TOLD}")
        ada = {"userName": "ada", "externalId": json.loads(subject)[-1], "active": True}
        made = await directory.post("/scim/v2/acme-oidc/Users", json={"schemas": [USER], **ada})
        assert made.status_code == 201, made.text
        assert lives(house.provider, told) == (True, True)
        at = f"/scim/v2/acme-oidc/Users/{made.json()['id']}"
        sent = {"schemas": [USER], **ada, "active": False}
        assert (await directory.put(at, json=sent)).status_code == 200
        await house.house.tokens.close()
        assert lives(house.provider, told) == (False, False)
        assert house.count("kept_token") == 0
