"""The proof, as a person goes through it: refused by a new way in, signed in the old one, joined."""

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import NOW, Stair, listening, standing

from federation.web.signed_in import csrf_token

MINUTE = timedelta(minutes=1)
ACS = "/saml/acme-saml/acs"
TITLE = "An account with this e-mail address exists already"
HTML = "text/html"
ASKING = {"on_email_match": "ask_proof"}


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path, acme_saml=ASKING, further={"acme-oidc": ASKING}) as opened:
        yield opened


async def old_way(
    stair: Stair, browser: httpx2.AsyncClient, who: str = "ada", **knobs: Any
) -> httpx2.Response:
    """Sign in by SAML, as Ada always did."""
    stair.clock.at += MINUTE
    return await browser.post(ACS, data=await stair.saml(browser, who, **knobs))


async def new_way(stair: Stair, browser: httpx2.AsyncClient, who: str = "ada") -> httpx2.Response:
    stair.clock.at += MINUTE
    return await browser.get(await stair.oidc(browser, who))


async def known(stair: Stair, who: str = "ada") -> str:
    """Let somebody sign in the old way, elsewhere; return their user."""
    browser = stair.browser()
    assert (await old_way(stair, browser, who)).status_code == 303
    return await user(browser)


async def user(browser: httpx2.AsyncClient) -> str:
    answer = await browser.get("/session")
    return str(answer.json()["user"]["id"]) if answer.status_code == 200 else ""


async def refused(stair: Stair) -> httpx2.AsyncClient:
    """Return a browser in which Ada came by the new way, and was asked for the old one."""
    browser = stair.browser(accept=HTML)
    answer = await new_way(stair, browser)
    assert (answer.status_code, TITLE in answer.text) == (403, True), answer.text
    return browser


async def asked(browser: httpx2.AsyncClient) -> Mapping[str, str]:
    """Return the form of the page that asks whether both are theirs."""
    page = await browser.get("/join")
    assert page.status_code == 200, page.text
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found, page.text
    return {"csrf": found[1]}


async def code(stair: Stair, answer: httpx2.Response) -> str:
    found = re.search(r'<output id="reference"[^>]*>([A-Z2-7]{10})<', answer.text)
    assert found, answer.text
    record = await stair.house.store.find_record(found[1])
    assert record is not None
    return record.code


async def test_from_the_refusal_to_one_account(stair: Stair) -> None:
    ada = await known(stair)
    browser = stair.browser(accept=HTML)
    answer = await new_way(stair, browser)
    assert (answer.status_code, await code(stair, answer)) == (403, "policy.proof_needed")
    assert TITLE in answer.text
    assert 'href="/login/acme-saml?return_to=%2Fjoin"' in answer.text
    assert "/login/acme-oidc" not in answer.text  # the way that they tried
    assert "other-saml" not in answer.text  # not visible
    assert "ada@" not in answer.text
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("join="))
    assert ("HttpOnly" in cookie, "Max-Age=600" in cookie, "SameSite=lax" in cookie) == (True, True, True)
    assert await user(browser) == ""

    assert (await old_way(stair, browser)).status_code == 303
    page = await browser.get("/join")
    assert "ada@acme.example" in page.text
    assert "Acme (OpenID Connect)" in page.text
    assert await user(browser) == ada
    done = await browser.post("/join", data={**await asked(browser), "answer": "join"})
    assert (done.status_code, "one account now" in done.text) == (200, True)
    assert "join" not in browser.cookies

    elsewhere = stair.browser()
    assert (await new_way(stair, elsewhere)).status_code == 303
    assert await user(elsewhere) == ada
    assert stair.count("user") == 1


async def test_who_is_not_there_yet_is_asked_for_the_old_way_again(stair: Stair) -> None:
    await known(stair)
    browser = await refused(stair)
    page = await browser.get("/join")
    assert (page.status_code, TITLE in page.text) == (200, True)
    assert (await browser.post("/join", data={"answer": "join"})).headers["location"] == "/join"


async def test_a_session_of_before_proves_nothing(stair: Stair) -> None:
    """Somebody else may have come in the browser of a person who is signed in."""
    await known(stair)
    browser = stair.browser(accept=HTML)
    assert (await old_way(stair, browser)).status_code == 303
    await new_way(stair, browser)
    assert TITLE in (await browser.get("/join")).text
    form = {"csrf": csrf_token(f"{browser.cookies['session']} {browser.cookies['join']}")}
    answer = await browser.post("/join", data={**form, "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (400, "signin.join_earlier")


async def test_what_comes_to_wait_after_the_question_is_not_what_was_asked(stair: Stair) -> None:
    """Another tab was led through somebody else's sign-in, whose refusal arrives before the click."""
    await known(stair)
    theirs = await refused(stair)
    with closing(sqlite3.connect(stair.database)) as db, db:
        db.execute("UPDATE join_request SET person = 'mallory'")
    browser = await refused(stair)
    await old_way(stair, browser)
    form = await asked(browser)
    browser.cookies.delete("join")
    browser.cookies.set("join", theirs.cookies["join"])
    answer = await browser.post("/join", data={**form, "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (403, "csrf.refused")
    assert stair.count("account") == 1


async def test_who_says_no_has_joined_nothing(stair: Stair) -> None:
    await known(stair)
    browser = await refused(stair)
    await old_way(stair, browser)
    answer = await browser.post("/join", data={**await asked(browser), "answer": "drop"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert stair.count("join_request") == 0
    assert stair.count("account") == 1
    answer = await browser.get("/join")
    assert (answer.status_code, await code(stair, answer)) == (400, "signin.join_unknown")


async def test_another_browser_or_a_forged_cookie_joins_nothing(stair: Stair) -> None:
    await known(stair)
    await refused(stair)
    for cookie in ("", "A" * 43, "not one of ours"):
        browser = stair.browser(accept=HTML)
        await old_way(stair, browser)
        if cookie:
            browser.cookies.set("join", cookie)
        for answer in (await browser.get("/join"), await browser.post("/join", data={"answer": "join"})):
            assert (answer.status_code, await code(stair, answer)) in {
                (400, "signin.join_unknown"),
                (403, "csrf.refused"),
            }
    assert stair.count("account") == 1


async def test_another_user_joins_nothing(stair: Stair) -> None:
    await known(stair)
    browser = await refused(stair)
    await old_way(stair, browser, "bob")
    answer = await browser.post("/join", data={**await asked(browser), "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (400, "signin.join_another")
    assert stair.count("account") == 2


async def test_after_ten_minutes_nothing_waits(stair: Stair) -> None:
    await known(stair)
    browser = await refused(stair)
    await old_way(stair, browser)
    form = await asked(browser)
    stair.clock.at += 9 * MINUTE
    answer = await browser.post("/join", data={**form, "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (400, "signin.join_expired")


async def test_it_is_used_once(stair: Stair) -> None:
    await known(stair)
    browser = await refused(stair)
    await old_way(stair, browser)
    form, cookie = await asked(browser), browser.cookies["join"]
    assert (await browser.post("/join", data={**form, "answer": "join"})).status_code == 200
    browser.cookies.set("join", cookie)
    answer = await browser.post("/join", data={**form, "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (400, "signin.join_used")


@pytest.mark.parametrize("csrf", ["", "0" * 64])
async def test_no_other_page_joins(stair: Stair, csrf: str) -> None:
    await known(stair)
    browser = await refused(stair)
    await old_way(stair, browser)
    answer = await browser.post("/join", data={"csrf": csrf, "answer": "join"})
    assert (answer.status_code, await code(stair, answer)) == (403, "csrf.refused")
    form = await asked(browser)
    crossing = {"sec-fetch-site": "cross-site"}
    answer = await browser.post("/join", data={**form, "answer": "join"}, headers=crossing)
    assert answer.status_code == 403
    assert stair.count("account") == 1


async def test_an_answer_that_nobody_asked_for_leaves_nothing_to_join(tmp_path: Path) -> None:
    """Anybody may post one of their own into somebody's browser, who would then prove it theirs."""
    async with standing(tmp_path, acme_saml=ASKING | {"unsolicited": "accept"}) as stair:
        browser = stair.browser()
        assert (await new_way(stair, browser)).status_code == 303
        victim = stair.browser(accept=HTML)
        unasked: dict[str, Any] = {"in_response_to": None, "response_in_response_to": None}
        form = await stair.saml(stair.browser(), **unasked) | {"RelayState": ""}
        answer = await victim.post(ACS, data=form)
        assert (answer.status_code, TITLE in answer.text) == (403, True), answer.text
        assert "join" not in victim.cookies
        assert "/join" not in answer.text
        assert stair.count("join_request") == 0


async def test_a_program_is_told_in_its_own_form(stair: Stair) -> None:
    await known(stair)
    browser = stair.browser()
    answer = await new_way(stair, browser)
    assert await stair.code(answer) == "policy.proof_needed"
    assert answer.json()["error"]["message"] == f"{TITLE}."
    assert stair.clock.at > NOW
