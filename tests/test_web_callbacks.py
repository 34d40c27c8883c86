"""Where answers arrive: paths that are kept, paths that are shared, by query and by form; our keys."""

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from arriving import CLIENT, Arrival, begin, log_in, peer, register
from stair import BASE, Stair, _providers, listening, standing

from federation.signin.signin import PENDING_LIFE

ISSUER = _providers()[1].issuer
KEPT = ["/v1/oauth/callback/", "/oauth/callback/okta", "/api/auth/sso/callback/Okta"]
SHARED = "/v1/oauth/callback/"
EVIL = {  # says of itself what it likes; nobody is asked
    "issuer": "https://evil.example",
    "skip_discovery": True,
    "authorization_endpoint": "https://evil.example/authorize",
    "token_endpoint": "https://evil.example/token",
    "jwks_uri": "https://evil.example/keys",
}
SHARING = {"callback_paths": [SHARED], "require_iss": True}
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@asynccontextmanager
async def house(directory: Path, **further: dict[str, Any]) -> AsyncIterator[Stair]:
    async with standing(directory, further=further) as opened:
        yield opened
        opened.provider.clients.known.pop(CLIENT, None)  # type: ignore[attr-defined]


async def connection_of(browser: httpx2.AsyncClient) -> str:
    return str((await browser.get("/session")).json()["connection"])


async def refused(stair: Stair, answer: httpx2.Response, code: str) -> None:
    assert await stair.code(answer) == code
    assert stair.count("session") == 0


# ── paths that are kept ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", KEPT)
@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_a_registration_need_not_change(tmp_path: Path, path: str, mode: str) -> None:
    async with house(tmp_path, kept=peer(ISSUER, callback_paths=[path], response_mode=mode)) as stair:
        register(stair, path)
        browser = stair.browser()
        arrival = await log_in(stair, await begin(browser, "kept"))
        assert (arrival.path, arrival.posted) == (path, mode == "form_post")
        answer = await arrival.bring(browser)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), answer.text
        assert await connection_of(browser) == "kept"


async def test_a_kept_path_is_exact(tmp_path: Path) -> None:
    async with house(tmp_path, kept=peer(ISSUER, callback_paths=KEPT)) as stair:
        for path in (
            SHARED[:-1],
            SHARED.upper(),
            SHARED + "/",
            "/oauth/callback/Okta",
            "/oauth/callback/okta/",
        ):
            assert (await stair.browser().get(path)).status_code == 404, path
        assert (await stair.browser().put(SHARED)).status_code == 405


@pytest.mark.parametrize("elsewhere", ["/oidc/kept/callback", KEPT[1]])
async def test_an_answer_belongs_where_it_was_asked_for(tmp_path: Path, elsewhere: str) -> None:
    async with house(tmp_path, kept=peer(ISSUER, callback_paths=KEPT)) as stair:
        register(stair, KEPT[0])
        browser = stair.browser()
        arrival = await log_in(stair, await begin(browser, "kept"))
        stair.provider.asked.clear()
        await refused(stair, await arrival.bring(browser, path=elsewhere), "oidc.redirect_uri")
        assert "/token" not in stair.provider.asked


# ── one path of several connections ───────────────────────────────────────────────────────


@pytest.fixture
async def sharing(tmp_path: Path) -> AsyncIterator[Stair]:
    further = {name: peer(ISSUER, **SHARING) for name in ("first", "second")}
    evil = {"evil": peer("", **EVIL, **SHARING), "apart": peer(ISSUER)}
    async with house(tmp_path, **further, **evil) as stair:
        register(stair, SHARED, "/oidc/apart/callback")
        yield stair


@pytest.mark.parametrize("name", ["first", "second"])
async def test_an_answer_finds_its_connection_by_its_state(sharing: Stair, name: str) -> None:
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, name))
    assert arrival.path == SHARED
    assert (await arrival.bring(browser)).status_code == 303
    assert await connection_of(browser) == name


@pytest.mark.parametrize("state", ["another", "", None])
async def test_an_answer_to_nothing_finds_none(sharing: Stair, state: str | None) -> None:
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "first"))
    for posted in (True, False):
        await refused(sharing, await arrival.bring(browser, posted=posted, state=state), "signin.unknown")


async def test_the_handle_of_a_connection_elsewhere_finds_none_and_stays_good(sharing: Stair) -> None:
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "apart"))
    await refused(sharing, await arrival.bring(browser, path=SHARED), "signin.unknown")
    saml = await sharing.begin(browser, "acme-saml")
    await refused(sharing, await browser.get(SHARED, params={"state": saml["RelayState"]}), "signin.unknown")
    assert (await arrival.bring(browser)).status_code == 303


async def test_no_provider_passes_off_anothers_answer_as_its_own(sharing: Stair) -> None:
    """Mix-up (RFC 9207 §1): a code of the honest one, under the state of a sign-in at the other."""
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "first"))
    for iss in (sharing.provider.issuer, None):
        at_evil = httpx2.URL(await begin(browser, "evil")).params["state"]
        await refused(sharing, await arrival.bring(browser, state=at_evil, iss=iss), "oidc.answer_iss")
    assert (await arrival.bring(browser)).status_code == 303  # the code is still good: nobody was shown it


async def test_a_shared_path_too_takes_an_answer_once_and_from_its_browser(sharing: Stair) -> None:
    browser, other = sharing.browser(), sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "first"))
    await begin(other, "first")
    await refused(sharing, await arrival.bring(other), "signin.browser")
    assert (await arrival.bring(browser)).status_code == 303
    assert await sharing.code(await arrival.bring(other)) == "signin.browser"
    again = await arrival.bring(browser)  # "back": just go on
    assert (again.status_code, again.headers["location"]) == (303, "/account")
    browser.cookies.delete("session")
    assert await sharing.code(await arrival.bring(browser)) == "signin.used"


async def test_an_expired_handle_finds_none(sharing: Stair) -> None:
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "first"))
    sharing.clock.at += PENDING_LIFE
    await refused(sharing, await arrival.bring(browser), "signin.unknown")


async def test_what_shared_paths_stand_for_is_no_path_of_its_own(sharing: Stair) -> None:
    browser = sharing.browser()
    arrival = await log_in(sharing, await begin(browser, "first"))
    for posted in (True, False):
        assert (await arrival.bring(browser, path="/oidc/callback", posted=posted)).status_code == 404


async def test_guessing_at_a_shared_path_is_bounded(tmp_path: Path) -> None:
    further = {name: peer(ISSUER, **SHARING) for name in ("first", "second")}
    async with standing(tmp_path, "rate_limits: {sign_in: 5/minute}", further=further) as stair:
        browser = stair.browser()
        told = [(await browser.get(SHARED, params={"state": str(number)})).status_code for number in range(7)]
        assert told == [400] * 5 + [429] * 2


# ── by form ───────────────────────────────────────────────────────────────────────────────

MODES: dict[str, dict[str, Any]] = {
    "code": {"response_mode": "form_post"},
    "implicit": {"flow": "implicit"},
    "hybrid": {"flow": "hybrid"},
}
BROUGHT = {"code": {"code"}, "implicit": {"id_token"}, "hybrid": {"code", "id_token"}}


@asynccontextmanager
async def by_form(directory: Path, **keys: Any) -> AsyncIterator[tuple[Stair, httpx2.AsyncClient, Arrival]]:
    """Somebody who comes back from the provider."""
    async with house(directory, kept=peer(ISSUER, **keys)) as stair:
        register(stair, keys.get("callback_paths", ["/oidc/kept/callback"])[0])
        browser = stair.browser()
        yield stair, browser, await log_in(stair, await begin(browser, "kept"))


@pytest.mark.parametrize("flow", MODES)
async def test_every_flow_comes_back_by_form(tmp_path: Path, flow: str) -> None:
    async with by_form(tmp_path, **MODES[flow]) as (_, browser, arrival):
        assert arrival.fields.keys() - {"state", "iss"} == BROUGHT[flow]
        # What the URL says does not count: the body is the answer.
        answer = await arrival.bring(browser, path=f"{arrival.path}?code=x&state=y&error=z")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")


@pytest.mark.parametrize("flow", MODES)
@pytest.mark.parametrize("path", ["/oidc/kept/callback", SHARED])
async def test_a_form_without_cookies_is_posted_again_by_our_own_page_once(
    tmp_path: Path, flow: str, path: str
) -> None:
    kept = {"callback_paths": [path]} if path == SHARED else {}
    async with by_form(tmp_path, **MODES[flow], **kept) as (stair, browser, arrival):
        page = await arrival.bring(stair.browser(**HTML))  # cross-site: nothing of ours comes along
        assert (page.status_code, stair.count("session")) == (200, 0)
        assert f'<form method="post" action="{path}"' in page.text
        pairs = re.findall(r'name="([^"]+)" value="([^"]*)"', page.text)
        again = {name: html.unescape(value) for name, value in pairs}
        assert again == {**arrival.fields, "again": "1"}
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        await refused(stair, await stair.browser().post(path, data=again), "signin.browser")
        assert (await browser.post(path, data=again)).status_code == 303


async def test_an_error_without_cookies_promises_nothing(tmp_path: Path) -> None:
    async with by_form(tmp_path, **MODES["code"]) as (stair, browser, arrival):
        page = await arrival.bring(stair.browser(**HTML), code=None, error="access_denied")
        assert "One more step and you know what it said." in page.text
        again = {**arrival.fields, "error": "access_denied", "again": "1"}
        del again["code"]
        await refused(stair, await browser.post(arrival.path, data=again), "oidc.error_answer")


async def test_a_large_id_token_fits(tmp_path: Path) -> None:
    async with by_form(tmp_path, **MODES["hybrid"]) as (stair, browser, arrival):
        large = "e" * 64 * 1024
        page = await arrival.bring(stair.browser(**HTML), id_token=large)
        assert page.text.count(large) == 1
        await refused(stair, await arrival.bring(browser, id_token=large), "oidc.id_token_malformed")


async def test_a_token_that_was_not_asked_for_is_seen(tmp_path: Path) -> None:
    async with by_form(tmp_path, **MODES["implicit"]) as (stair, browser, arrival):
        await refused(stair, await arrival.bring(browser, access_token="x"), "oidc.answer_unasked")


# ── the way that was asked for ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keys", [{}, *MODES.values()])
async def test_an_answer_comes_the_way_that_was_asked_for(tmp_path: Path, keys: dict[str, Any]) -> None:
    async with by_form(tmp_path, **keys) as (stair, browser, arrival):
        assert arrival.posted == bool(keys)
        stair.provider.asked.clear()
        answer = await arrival.bring(browser, posted=not arrival.posted)
        await refused(stair, answer, "oidc.response_mode")
        assert answer.status_code == 403
        assert "/token" not in stair.provider.asked


@pytest.mark.parametrize("keys", [{}, *MODES.values()])
@pytest.mark.parametrize("posted", [True, False])
async def test_an_error_is_heard_either_way(tmp_path: Path, keys: dict[str, Any], *, posted: bool) -> None:
    async with by_form(tmp_path, **keys) as (stair, browser, arrival):
        answer = await arrival.bring(browser, posted=posted, code=None, id_token=None, error="invalid_scope")
        await refused(stair, answer, "oidc.error_answer")


SAID = [
    # error              heading                     sentence
    ("access_denied",   "You are not signed in",     "that was cancelled there, or you have no access"),
    ("server_error",    "We could not sign you in",  "We could not verify the answer"),
    ("<script>",        "We could not sign you in",  "We could not verify the answer"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "heading", "sentence"), SAID)
async def test_who_cancelled_is_told_so(tmp_path: Path, error: str, heading: str, sentence: str) -> None:
    async with by_form(tmp_path, **MODES["code"]) as (stair, browser, arrival):
        browser.headers["accept"] = "text/html"
        page = await arrival.bring(browser, code=None, error=error, error_description="<b>theirs</b>")
        assert page.status_code == 403
        assert f"<h1>{heading}</h1>" in page.text
        assert sentence in page.text
        assert "theirs" not in page.text
        assert "<script>" not in page.text
        assert stair.count("session") == 0


async def test_cancelling_in_the_providers_page(tmp_path: Path) -> None:
    async with house(tmp_path, kept=peer(ISSUER, **MODES["code"])) as stair:
        register(stair, "/oidc/kept/callback")
        browser = stair.browser(**HTML)
        arrival = await log_in(stair, await begin(browser, "kept"), cancel=True)
        assert (arrival.posted, arrival.fields["error"]) == (True, "access_denied")
        assert "You are not signed in" in (await arrival.bring(browser)).text


# ── after signing out; our keys ───────────────────────────────────────────────────────────


async def test_people_land_after_logout_where_another_product_had_them(tmp_path: Path) -> None:
    async with house(tmp_path, kept=peer(ISSUER, post_logout_paths=["/logged-out", "/Bye/"])) as stair:
        for path in ("/logged-out", "/Bye/", "/logout"):
            assert "signed out" in (await stair.browser(**HTML).get(path)).text.lower()
        assert (await stair.browser().get("/bye/")).status_code == 404


async def test_our_public_keys_are_published(tmp_path: Path) -> None:
    async with house(tmp_path) as stair:
        answer = await stair.browser().get("/oidc/jwks.json")
        assert answer.headers["content-type"] == "application/jwk-set+json"
        assert answer.headers["cache-control"] == "public, max-age=3600"
        keys = json.loads(answer.content)["keys"]
        assert keys
        for key in keys:
            assert key.keys() <= {"kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "x5c", "x5t#S256"}
            assert (key["use"], bool(key["kid"])) == ("sig", True)
        again = await stair.browser(if_none_match=answer.headers["etag"]).get("/oidc/jwks.json")
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert (await stair.browser(if_none_match='"x"').get("/oidc/jwks.json")).status_code == 200
        assert (await stair.browser().post("/oidc/jwks.json")).status_code == 405


async def test_what_is_served_otherwise_than_written_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, kept=peer(ISSUER, flow="token")):
        told = [record.__dict__ for record in caplog.records if "notice" in record.__dict__]
    assert [(one["connection"], one["levelname"]) for one in told] == [("kept", "WARNING")]
    assert "flow: token is served as code with PKCE" in told[0]["notice"]
    assert BASE not in caplog.text
