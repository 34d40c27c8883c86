"""One's own account, as its person goes through it: proved anew, linked, let go, ended elsewhere."""

import re
import zlib
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from stair import BASE, Stair, listening, saml_answer, standing

from federation.demo.users import USERS
from federation.store.audit_pages import AuditFilter
from federation.web.prove import FRESH
from federation.web.signed_in import csrf_token

MINUTE = timedelta(minutes=1)
ACS = "/saml/acme-saml/acs"
ORIGIN = {"origin": BASE}
EVERY = AuditFilter(organization="acme", since=None, actor="", action="", kind="", name="")


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as opened:
        yield opened


async def by_saml(stair: Stair, browser: httpx2.AsyncClient, who: str = "ada") -> httpx2.Response:
    stair.clock.at += MINUTE
    return await browser.post(ACS, data=await stair.saml(browser, who))


def csrf(browser: httpx2.AsyncClient) -> str:
    return csrf_token(browser.cookies["session"])


async def change(browser: httpx2.AsyncClient, path: str, **sent: str) -> httpx2.Response:
    return await browser.post(path, data={"csrf": csrf(browser), **sent}, headers=ORIGIN)


async def user(browser: httpx2.AsyncClient) -> str:
    answer = await browser.get("/session")
    return str(answer.json()["user"]["id"]) if answer.status_code == 200 else ""


async def page(browser: httpx2.AsyncClient, path: str = "/account") -> str:
    return (await browser.get(path, headers={"accept": "text/html"})).text


def asked_of(answer: httpx2.Response) -> dict[str, str]:
    """What the identity provider is asked, by a redirect or by a page of ours that leads on."""
    where = answer.headers.get("location") or re.search(r'href="(https?://[^"]+)"', answer.text)[1]  # type: ignore[index]
    return dict(parse_qsl(urlsplit(where.replace("&amp;", "&")).query))


async def by_oidc(stair: Stair, answer: httpx2.Response, who: str) -> str:
    """Log in at the provider as somebody; return the callback."""
    where = answer.headers.get("location") or re.search(r'href="(https?://[^"]+)"', answer.text)[1]  # type: ignore[index]
    transport = httpx2.ASGITransport(stair.provider.app())
    async with httpx2.AsyncClient(transport=transport, base_url=stair.provider.issuer) as there:
        shown = await there.get(where.replace("&amp;", "&"))
        ticket = re.search(r'name="?ticket"? value="([^"]+)"', shown.text)
        assert ticket, shown.text
        form = {"ticket": ticket[1], "login": who, "password": USERS[who].password, "break": ""}
        done = await there.post("/login", data=form)
    return str(done.headers["location"]).removeprefix(BASE)


async def linked(stair: Stair, browser: httpx2.AsyncClient, who: str = "ada") -> httpx2.Response:
    """Link the OpenID Provider's account of somebody; return the answer to the last form."""
    away = await change(browser, "/account/link", connection="acme-oidc")
    back = await browser.get(await by_oidc(stair, away, who))
    assert back.headers["location"] == "/join", back.text
    asking = await page(browser, "/join")
    token = re.search(r'name="csrf" value="([^"]+)"', asking)
    assert token, asking
    form = {"csrf": token[1], "answer": "join"}
    return await browser.post("/join", data=form, headers=ORIGIN | {"accept": "text/html"})


async def test_a_fresh_proof_asks_the_provider_anew_and_renews_the_session(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    before, who = browser.cookies["session"], await user(browser)
    stair.clock.at += FRESH + MINUTE
    away = await browser.get("/prove?return_to=/account")
    asked = asked_of(away)
    request = zlib.decompress(b64decode(asked["SAMLRequest"]), -15).decode()
    assert 'ForceAuthn="true"' in request
    back = await browser.post(ACS, data=saml_answer(asked, "ada", now=stair.clock()))
    assert (back.status_code, back.headers["location"]) == (303, "/account")
    assert browser.cookies["session"] != before
    assert await user(browser) == who
    told = (await browser.get("/session")).json()
    assert told["authenticated_at"] == stair.clock().isoformat()


async def test_a_proof_from_before_the_question_is_none(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    stair.clock.at += FRESH + MINUTE
    asked = asked_of(await browser.get("/prove"))
    early = saml_answer(asked, "ada", now=stair.clock(), authn_instant=stair.clock() - FRESH)
    answer = await browser.post(ACS, data=early)
    assert (answer.status_code, await stair.code(answer)) == (403, "saml.authn_instant")
    assert await user(browser)  # what stood stands


async def test_somebody_elses_proof_does_not_count(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    who = await user(browser)
    asked = asked_of(await browser.get("/prove"))
    answer = await browser.post(ACS, data=saml_answer(asked, "bob", now=stair.clock()))
    assert (answer.status_code, await stair.code(answer)) == (409, "account.another_person")
    assert await user(browser) == who


async def test_an_openid_provider_is_asked_anew(stair: Stair) -> None:
    browser = stair.browser()
    await browser.get(await stair.oidc(browser))
    stair.clock.at += FRESH
    away = await browser.get("/prove?return_to=/account")
    assert {"prompt": "login", "max_age": "0"}.items() <= asked_of(away).items()
    back = await browser.get(await by_oidc(stair, away, "ada"))
    assert (back.status_code, back.headers["location"]) == (303, "/account")


async def test_whoever_is_signed_out_signs_in_first(stair: Stair) -> None:
    browser = stair.browser()
    answer = await browser.get("/prove?return_to=/admin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?return_to=%2Fadmin")
    html = {"accept": "text/html"}
    led = await browser.get("/admin?organization=acme", headers=html)
    assert (led.status_code, led.headers["location"]) == (
        303,
        "/login?return_to=%2Fadmin%3Forganization%3Dacme",
    )
    assert (await browser.get("/admin")).status_code == 401  # a program is told


async def test_whoever_administers_nothing_reads_a_plain_page(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser, "bob")
    told = await browser.get("/admin", headers={"accept": "text/html"})
    assert told.status_code == 403
    assert "Only for administrators" in told.text
    assert 'href="/account"' in told.text


async def test_a_second_way_is_linked_and_leads_to_the_same_person(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    who = await user(browser)
    assert "Both lead to one account now" in (await linked(stair, browser)).text
    assert await user(browser) == who
    elsewhere = stair.browser()
    await elsewhere.get(await stair.oidc(elsewhere))
    assert await user(elsewhere) == who
    shown = await page(browser)
    assert shown.count("/account/ways/") == 2


async def test_addresses_need_not_be_the_same(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    who = await user(browser)
    assert "Both lead to one account now" in (await linked(stair, browser, "bob")).text
    elsewhere = stair.browser()
    await elsewhere.get(await stair.oidc(elsewhere, "bob"))
    assert await user(elsewhere) == who


async def test_what_is_somebodys_already_is_not_linked(stair: Stair) -> None:
    bob = stair.browser()
    await bob.get(await stair.oidc(bob, "bob"))
    browser = stair.browser()
    await by_saml(stair, browser)
    away = await change(browser, "/account/link", connection="acme-oidc")
    back = await browser.get(await by_oidc(stair, away, "bob"))
    assert (back.status_code, await stair.code(back)) == (409, "account.link_taken")


async def test_what_waits_for_one_user_is_not_anothers(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    away = await change(browser, "/account/link", connection="acme-oidc")
    await browser.get(await by_oidc(stair, away, "carol" if "carol" in USERS else "zoe"))
    other = stair.browser()
    await by_saml(stair, other, "bob")
    waiting = browser.cookies["join"]
    other.cookies.set("join", waiting)
    both = csrf_token(f"{other.cookies['session']} {waiting}")
    answer = await other.post("/join", data={"csrf": both, "answer": "join"}, headers=ORIGIN)
    assert (answer.status_code, await stair.code(answer)) == (400, "signin.join_another")


REFUSED: list[tuple[dict[str, Any], int]] = [
    # what is wrong with the form                  status
    ({"csrf": ""}, 403),
    ({"csrf": "0" * 64}, 403),
    ({"origin": "https://evil.example"}, 403),
    ({"connection": ""}, 400),
    ({"connection": "nobody"}, 404),
    ({"late": True}, 403),
]


@pytest.mark.parametrize(("wrong", "status"), REFUSED)
async def test_linking_is_refused(stair: Stair, wrong: dict[str, Any], status: int) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    if wrong.pop("late", False):
        stair.clock.at += FRESH + MINUTE
    origin = wrong.pop("origin", BASE)
    form = {"csrf": csrf(browser), "connection": "acme-oidc"} | wrong
    answer = await browser.post("/account/link", data=form, headers={"origin": origin})
    assert answer.status_code == status
    assert stair.count("pending_sign_in") == 1  # Ada's own


async def test_a_way_in_is_let_go_and_its_sessions_end(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    await linked(stair, browser)
    elsewhere = stair.browser()
    await elsewhere.get(await stair.oidc(elsewhere))
    ways = await stair.house.store.ways_of("acme", await user(browser))
    person = next(one.person for one in ways if one.connection == "acme-oidc")
    assert "Unlink this way in?" in await page(browser, f"/account/ways/{person}")
    stair.clock.at += MINUTE  # lines of one moment have no order
    done = await change(browser, f"/account/ways/{person}")
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert await user(elsewhere) == ""
    assert await user(browser)
    told, _ = await stair.house.store.audit_page(EVERY, None, 9)
    assert [(one.entry.action, one.entry.name) for one in told] == [
        (action, await user(browser)) for action in ("account.unlink", "account.link")
    ]
    again = await change(browser, f"/account/ways/{person}")
    assert again.status_code == 404


async def test_the_last_way_in_stays(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    assert "/account/ways/" not in await page(browser)
    (way,) = await stair.house.store.ways_of("acme", await user(browser))
    answer = await change(browser, f"/account/ways/{way.person}")
    assert (answer.status_code, await stair.code(answer)) == (409, "account.last_way")


async def test_nobody_lets_go_what_is_anothers(stair: Stair) -> None:
    browser, bob = stair.browser(), stair.browser()
    await by_saml(stair, browser)
    await by_saml(stair, bob, "bob")
    (way,) = await stair.house.store.ways_of("acme", await user(bob))
    assert (await change(browser, f"/account/ways/{way.person}")).status_code == 404
    assert await user(bob)


async def test_a_late_change_leads_through_a_proof_and_back(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    (way,) = await stair.house.store.ways_of("acme", await user(browser))
    stair.clock.at += FRESH + MINUTE
    asking = await browser.get(f"/account/ways/{way.person}", headers={"accept": "text/html"})
    assert asking.status_code == 403
    assert f'href="/prove?return_to=%2Faccount%2Fways%2F{way.person}"' in asking.text
    posted = await browser.post(
        f"/account/ways/{way.person}",
        data={"csrf": csrf(browser)},
        headers=ORIGIN | {"accept": "text/html", "referer": f"{BASE}/account"},
    )
    assert 'href="/prove?return_to=%2Faccount"' in posted.text


async def test_all_other_sessions_end_at_once(stair: Stair) -> None:
    browser, second, third, bob = (stair.browser() for _ in range(4))
    for one in (browser, second, third):
        await by_saml(stair, one)
    await by_saml(stair, bob, "bob")
    assert (await browser.post("/sessions/end-others", headers=ORIGIN)).status_code in (400, 403)
    assert (await change(browser, "/sessions/end-others")).status_code == 303
    assert [bool(await user(one)) for one in (browser, second, third, bob)] == [True, False, False, True]


async def test_the_account_page_tells_why(stair: Stair) -> None:
    browser = stair.browser()
    await by_saml(stair, browser)
    shown = await page(browser)
    for said in ("Ways in that lead here", "Roles, and why you have them", "last used", "This one"):
        assert said in shown
