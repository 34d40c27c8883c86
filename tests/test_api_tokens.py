"""Bearer tokens of the API: made, bounded, refused; and what a session has to prove besides."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import BASE, Stair, standing

PATH = "/admin/api/tokens"
HTML = {"accept": "text/html"}
DAY = timedelta(days=1)


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as found:
        yield found


async def signed_in(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    browser = stair.browser()
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    assert answer.status_code == 303, answer.text
    return browser


async def make(client: httpx2.AsyncClient, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "terraform", "scopes": scopes} | more
    answer = await client.post(PATH, json=body, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def bearing(stair: Stair, token: str) -> httpx2.AsyncClient:
    return stair.browser(authorization=f"Bearer {token}")


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_token_is_shown_once_and_kept_hashed(stair: Stair) -> None:
    made = await make(await signed_in(stair), "audit:read", "tokens:write")
    secret = made["token"]
    client = bearing(stair, secret)
    listed = await client.get(PATH)
    assert listed.status_code == 200
    assert secret not in listed.text
    audit = await client.get("/admin/api/audit?personal=true")
    assert secret not in audit.text
    for file in stair.database.parent.glob("federation.db*"):
        assert secret.encode() not in file.read_bytes()


async def test_it_ends_after_ninety_days_unless_said_otherwise(stair: Stair) -> None:
    browser = await signed_in(stair)
    made = await make(browser, "audit:read")
    assert made["expires_at"] == (stair.clock() + 90 * DAY).isoformat().replace("+00:00", "Z")
    client = bearing(stair, made["token"])
    stair.clock.at += 90 * DAY - timedelta(seconds=1)
    assert (await client.get("/admin/api/audit")).status_code == 200
    stair.clock.at += timedelta(seconds=1)
    assert refused(await client.get("/admin/api/audit")) == (401, "admin.token")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"days": 0}, {"days"}),
        ({"days": 366}, {"days"}),
        ({"days": "30"}, {"days"}),
        ({"scopes": []}, {"scopes"}),
        ({"scopes": ["audit:write"]}, {"scopes.0"}),
        ({"scopes": "audit:read"}, {"scopes"}),
        ({"name": ""}, {"name"}),
        ({"name": "  "}, {"name"}),
        ({"name": "a\x00b"}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"zip": 1}, {"zip"}),
    ],
)
async def test_each_fault_is_named(stair: Stair, body: dict[str, Any], fields: set[str]) -> None:
    browser = await signed_in(stair)
    before = stair.count("api_token")
    told = {"name": "terraform", "scopes": ["audit:read"]} | body
    answer = await browser.post(PATH, json=told, headers={"origin": BASE})
    assert refused(answer) == (422, "admin.invalid")
    assert fields <= {one["field"] for one in answer.json()["error"]["fields"]}
    assert stair.count("api_token") == before


async def test_a_token_gives_no_more_than_it_has(stair: Stair) -> None:
    mine = await make(await signed_in(stair), "audit:read", "tokens:write", days=30)
    client = bearing(stair, mine["token"])
    asked = {"name": "x", "scopes": ["audit:read", "people:read"]}
    assert refused(await client.post(PATH, json=asked)) == (403, "admin.scope")
    later = await client.post(PATH, json={"name": "x", "scopes": ["audit:read"], "days": 31})
    assert refused(later) == (422, "admin.invalid")
    everywhere = {"name": "x", "scopes": ["audit:read"], "everywhere": True}
    assert refused(await client.post(PATH, json=everywhere)) == (404, "admin.unknown")
    made = await make(client, "audit:read")
    assert made["expires_at"] == mine["expires_at"]
    without = bearing(stair, made["token"])
    for answer in (
        await without.get(PATH),
        await without.post(PATH, json={"name": "x", "scopes": ["audit:read"]}),
    ):
        assert refused(answer) == (403, "admin.scope")


async def test_a_revoked_token_is_refused_at_once(stair: Stair) -> None:
    browser = await signed_in(stair)
    made = await make(browser, "audit:read")
    client = bearing(stair, made["token"])
    assert (await client.get("/admin/api/audit")).status_code == 200
    for _ in range(2):
        done = await browser.delete(f"{PATH}/{made['id']}", headers={"origin": BASE})
        assert done.status_code == 204
    assert refused(await client.get("/admin/api/audit")) == (401, "admin.token")


async def test_it_outlives_its_maker(stair: Stair) -> None:
    browser = await signed_in(stair)
    made = await make(browser, "audit:read", "tokens:write")
    stair.clock.at += 2 * DAY  # their session is over
    assert refused(await browser.get(PATH)) == (401, "admin.signed_out")
    assert (await bearing(stair, made["token"]).get(PATH)).status_code == 200


async def test_unknown_revoked_and_malformed_have_one_answer(stair: Stair) -> None:
    browser = await signed_in(stair)
    gone = await make(browser, "audit:read")
    await browser.delete(f"{PATH}/{gone['id']}", headers={"origin": BASE})
    told = set()
    for sent in (
        f"Bearer {gone['token']}", "Bearer fst_" + "A" * 43, "Bearer", "Bearer x", "Basic YTpi",
        gone["token"], f"Bearer {gone['token']}x", "Bearer fst_" + "é" * 43, "",
    ):  # fmt: skip
        answer = await stair.browser().get(PATH, headers={b"authorization": sent.encode()})
        error = answer.json()["error"]
        told.add((answer.status_code, answer.headers["www-authenticate"], error["code"], error["message"]))
    assert len(told) == 1
    assert told.pop()[0] == 401


async def test_a_token_sent_twice_or_beside_a_session_counts_as_itself(stair: Stair) -> None:
    browser = await signed_in(stair)
    made = await make(browser, "audit:read")
    twice = [("authorization", f"Bearer {made['token']}")] * 2
    assert refused(await stair.browser().get(PATH, headers=twice)) == (401, "admin.token")
    beside = await browser.get(PATH, headers={"authorization": "Bearer fst_" + "A" * 43})
    assert refused(beside) == (401, "admin.token")


async def test_failures_are_held_back_and_a_good_token_is_not(stair: Stair) -> None:
    made = await make(await signed_in(stair), "audit:read")
    bad, good = stair.browser(authorization="Bearer fst_" + "A" * 43), bearing(stair, made["token"])
    codes = [(await bad.get("/admin/api/audit")).status_code for _ in range(32)]
    assert codes[:2] == [401, 401]
    assert codes[-1] == 429
    assert (await good.get("/admin/api/audit")).status_code == 200


async def test_a_use_is_noted(stair: Stair) -> None:
    made = await make(await signed_in(stair), "tokens:write")
    client = bearing(stair, made["token"])
    for after, noted in ((0, 0), (30, 0), (60, 60)):
        stair.clock.at += timedelta(seconds=after and 30)
        await client.get(PATH)
        (one,) = (await client.get(PATH)).json()["items"]
        assert one["last_used_at"].endswith(f":0{noted // 60}:00Z")


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
                                     {"origin": "https://evil.example"}, {"origin": "null"}])  # fmt: skip
async def test_a_session_proves_where_a_change_starts(stair: Stair, headers: dict[str, str]) -> None:
    browser = await signed_in(stair)
    body = {"name": "x", "scopes": ["audit:read"]}
    assert refused(await browser.post(PATH, json=body, headers=headers)) == (403, "csrf.refused")
    assert stair.count("api_token") == 0


async def test_a_session_that_proved_itself_long_ago_does_so_again(stair: Stair) -> None:
    browser = await signed_in(stair)
    stair.clock.at += timedelta(minutes=15, seconds=1)
    body = {"name": "x", "scopes": ["audit:read"]}
    answer = await browser.post(PATH, json=body, headers={"origin": BASE})
    assert refused(answer) == (403, "admin.prove_again")
    assert (await browser.get(PATH)).status_code == 200


async def test_one_of_its_organization_that_is_gone_counts_no_more(stair: Stair) -> None:
    made = await make(await signed_in(stair), "audit:read")
    client = bearing(stair, made["token"])
    kept = stair.house.roster.organizations.pop("acme")
    try:
        assert refused(await client.get("/admin/api/audit")) == (401, "admin.token")
    finally:
        stair.house.roster.organizations["acme"] = kept


async def test_the_page_shows_it_once(stair: Stair) -> None:
    browser = await signed_in(stair)
    page = await browser.get("/admin/tokens", headers=HTML)
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": csrf, "name": "<b>x</b>", "audit:read": "on", "days": "30"}
    here = HTML | {"sec-fetch-site": "same-origin"}
    made = await browser.post("/admin/tokens", data=form, headers=here)
    assert made.status_code == 200
    secret = made.text.partition("fst_")[2][:43]
    assert len(secret) == 43
    assert made.headers["cache-control"] == "no-store"
    assert "<b>x</b>" not in made.text
    again = await browser.get("/admin/tokens", headers=HTML)
    assert secret not in again.text
    (one,) = (await bearing(stair, f"fst_{secret}").get("/admin/api/audit")).json()["items"]
    done = await browser.post(f"/admin/tokens/{one['name']}/revoke", data={"csrf": csrf}, headers=here)
    assert done.status_code == 303
    assert refused(await bearing(stair, f"fst_{secret}").get("/admin/api/audit")) == (401, "admin.token")


@pytest.mark.parametrize("fault", [{"name": ""}, {"audit:read": "off"}, {"days": "400"}, {"days": "x"}])
async def test_the_page_says_what_is_wrong(stair: Stair, fault: dict[str, str]) -> None:
    browser = await signed_in(stair)
    page = await browser.get("/admin/tokens", headers=HTML)
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": csrf, "name": "x", "audit:read": "on", "days": "30"} | fault
    answer = await browser.post("/admin/tokens", data=form, headers=HTML | {"sec-fetch-site": "same-origin"})
    assert answer.status_code == 422
    assert 'class="fault"' in answer.text
    assert stair.count("api_token") == 0


async def test_the_audit_page_shows_and_narrows(stair: Stair) -> None:
    browser = await signed_in(stair)
    await make(browser, "audit:read")
    for query, seen in (
        ("", True),
        ("?action=token", True),
        ("?action=team", False),
        ("?since=2026-11-22", False),
    ):
        page = await browser.get(f"/admin/audit{query}", headers=HTML)
        assert page.status_code == 200
        assert ("token.create" in page.text) is seen, query
        assert "127.0.0.1" not in page.text
    assert "127.0.0.1" in (await browser.get("/admin/audit?personal=1", headers=HTML)).text
    for query in ("?since=x", "?cursor=x"):
        assert (await browser.get(f"/admin/audit{query}", headers=HTML)).status_code == 422


async def test_twenty_at_once_are_twenty(stair: Stair) -> None:
    browser = await signed_in(stair)
    made = await asyncio.gather(*(make(browser, "audit:read") for _ in range(20)))
    assert len({json.dumps(one["token"]) for one in made}) == 20
    assert stair.count("audit") == 20
