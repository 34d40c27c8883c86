"""Sign-ins that somebody else starts: whose is meant, where they end, and what they leave alone."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from arriving import CLIENT, log_in, peer, register
from stair import BASE, Stair, _providers, listening, standing

from federation.oidc import provider
from federation.oidc.provider import Discovery
from federation.web import initiate

ISSUER = _providers()[1].issuer
INITIATE = "/oidc/initiate"
AUTHORIZE = f"{ISSUER}/authorize"
FORM = {"content-type": "application/x-www-form-urlencoded"}
TOLD = {  # each but the first needs nobody to be asked
    "skip_discovery": True,
    "authorization_endpoint": AUTHORIZE,
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}


def named(value: object) -> str | None:
    """Name a case without the issuer's port, which is another in every process."""
    return re.sub(r"(?<=127\.0\.0\.1):\d+", "", value) if isinstance(value, str) else None


def told(issuer: str, **keys: Any) -> dict[str, Any]:
    return peer(ISSUER, **TOLD) | {"issuer": issuer} | keys


TENANT = "11111111-2222-4333-8444-555555555555"
FURTHER: dict[str, dict[str, Any]] = {
    # one issuer, several connections
    "shop": told("https://shared.example", domains=["shop.example"], client_id="shop"),
    "bank": told("https://shared.example", domains=["bank.example"], client_id="bank", visible=False),
    "club": told("https://shared.example", anyone=True, domains=[], client_id="club", display_name="Club"),
    # an issuer that ends in a slash; a document's address in its place; many tenants
    "slash": told("https://slash.example/", client_id="slash"),
    "entra": told(
        "https://login.example/common/v2.0", client_id="entra", tenants=[TENANT], preset="entra",
        attributes={"email": "email"},
    ),
    # paths of other products
    "alone": told("https://alone.example", client_id="alone", initiate_paths=["/v1/oauth/start", "/alone/"]),
    "left": told("https://left.example", client_id="left", initiate_paths=["/sso/start"], preset="okta"),
    "right": told(
        "https://right.example", client_id="right", initiate_paths=["/sso/start"], login_hint=False
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
async def listens() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture(scope="module")
async def stair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stair]:
    directory = tmp_path_factory.mktemp("initiate")
    async with standing(directory, "rate_limits: {sign_in: off, failures: off}", further=FURTHER) as opened:
        yield opened
        opened.provider.clients.known.pop(CLIENT, None)  # type: ignore[attr-defined]


def started(stair: Stair) -> list[tuple[str, str]]:
    """Return connection and goal of every sign-in that is waiting, oldest first."""
    with closing(sqlite3.connect(stair.database)) as db:
        return db.execute("SELECT connection, return_to FROM pending_sign_in ORDER BY rowid").fetchall()


async def starts(stair: Stair, answer: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Return which connection's sign-in an answer starts, and what its provider is asked."""
    assert answer.status_code == 303, answer.text
    url = httpx2.URL(answer.headers["location"])
    assert str(url).startswith(AUTHORIZE)
    assert "signin" in answer.cookies
    return started(stair)[-1][0], dict(url.params)


# ── whose sign-in is meant ────────────────────────────────────────────────────────────────

MEANT = [
    # path               what comes                                          connection
    (INITIATE,           {"iss": ISSUER},                                    "acme-oidc"),
    (INITIATE,           {"iss": "https://slash.example/"},                  "slash"),
    (INITIATE,           {"iss": f"https://login.example/{TENANT}/v2.0"},    "entra"),
    (INITIATE,           {"iss": "https://login.example/common/v2.0"},       "entra"),
    (INITIATE,           {"provider": "left"},                               "left"),
    (INITIATE,           {"provider": "bank"},                               "bank"),  # by its link alone
    (INITIATE,           {"provider": "okta"},                               "left"),  # the only one of Okta
    (INITIATE,           {"provider": "okta", "iss": "https://acme.okta.example"}, "left"),  # see ``whose``
    (INITIATE,           {"provider": "shop", "iss": "https://slash.example/"}, "shop"),
    (INITIATE,           {"provider": "generic", "iss": ISSUER},             "acme-oidc"),
    (INITIATE,           {"iss": "https://shared.example", "login_hint": "x@bank.example"}, "bank"),
    ("/v1/oauth/start",  {},                                                 "alone"),
    ("/alone/",          {},                                                 "alone"),
    ("/v1/oauth/start",  {"iss": "https://acme.okta.example"},               "alone"),
    ("/v1/oauth/start",  {"provider": "shop"},                               "alone"),
    ("/sso/start",       {"iss": "https://right.example"},                   "right"),
    ("/sso/start",       {"provider": "left"},                               "left"),
    ("/sso/start",       {"provider": "okta"},                               "left"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "sent", "connection"), MEANT)
async def test_one_connection_is_meant(
    stair: Stair, path: str, sent: dict[str, str], connection: str
) -> None:
    found, asked = await starts(stair, await stair.browser().get(path, params=sent))
    assert found == connection
    assert asked["client_id"] == str(FURTHER.get(connection, {"client_id": "federation"})["client_id"])


@pytest.mark.parametrize(("path", "sent", "connection"), MEANT)
async def test_by_post_it_is_asked_again_by_get_with_the_cookies(
    stair: Stair, path: str, sent: dict[str, str], connection: str
) -> None:
    browser = stair.browser()
    before = started(stair)
    answer = await browser.post(path, data=sent | {"else": "x"}, headers=FORM)
    assert (answer.status_code, started(stair)) == (303, before)
    assert "set-cookie" not in answer.headers
    where = httpx2.URL(answer.headers["location"])
    assert (where.path, dict(where.params), where.host) == (path, sent, "")
    assert (await starts(stair, await browser.get(str(where))))[0] == connection


async def test_a_registered_query_counts_in_a_post_too(stair: Stair) -> None:
    answer = await stair.browser().post(f"{INITIATE}?provider=left", data={"iss": "https://x.example"})
    assert httpx2.URL(answer.headers["location"]).params["provider"] == "left"


UNMEANT = [
    # path          what comes                                    code
    (INITIATE,      "",                                           "signin.initiate_unnamed"),
    (INITIATE,      "login_hint=ada%40acme.example",              "signin.initiate_unnamed"),
    (INITIATE,      "iss=",                                       "signin.initiate_unknown"),
    (INITIATE,      "iss=https://nobody.example",                 "signin.initiate_unknown"),
    (INITIATE,      f"iss={ISSUER}/",                             "signin.initiate_unknown"),
    (INITIATE,      f"iss={ISSUER.upper()}",                      "signin.initiate_unknown"),
    (INITIATE,      f"iss={ISSUER[:-1]}",                         "signin.initiate_unknown"),
    (INITIATE,      f"iss={ISSUER}%20",                           "signin.initiate_unknown"),
    (INITIATE,      "iss=https://slash.example",                  "signin.initiate_unknown"),
    (INITIATE,      "iss=https://login.example/%7Btenantid%7D/v2.0", "signin.initiate_unknown"),
    (INITIATE,      "iss=https://login.example/organizations/v2.0",  "signin.initiate_unknown"),
    (INITIATE,      "iss=https://idp.acme.example",               "signin.initiate_unknown"),  # speaks SAML
    (INITIATE,      "provider=acme-saml",                         "signin.initiate_unknown"),
    (INITIATE,      "provider=Left",                              "signin.initiate_unknown"),
    (INITIATE,      "provider=",                                  "signin.initiate_unknown"),
    (INITIATE,      f"provider=nobody&iss={ISSUER}",              "signin.initiate_unknown"),
    ("/sso/start",  f"iss={ISSUER}",                              "signin.initiate_unknown"),
    ("/sso/start",  "provider=shop",                              "signin.initiate_unknown"),
    (INITIATE,      f"iss={ISSUER}&iss={ISSUER}",                 "form.repeated"),
    (INITIATE,      "provider=left&provider=right",               "form.repeated"),
    (INITIATE,      f"iss={ISSUER}&target_link_uri=a&target_link_uri=b", "form.repeated"),
    (INITIATE,      "iss=%FF",                                    "form.malformed"),
    (INITIATE,      "iss=" + "x" * 16_400,                        "form.too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "code"), UNMEANT, ids=named)
async def test_else_it_is_refused_and_nobody_is_asked(stair: Stair, path: str, query: str, code: str) -> None:
    before = started(stair)
    stair.provider.asked.clear()
    answer = await stair.browser().get(f"{path}?{query}")
    assert (answer.status_code, await stair.code(answer)) == (400, code)
    assert (started(stair), stair.provider.asked) == (before, [])
    assert "set-cookie" not in answer.headers


POSTED = [
    (f"{INITIATE}?iss=a", "iss=b", "form.repeated"),
    (f"{INITIATE}?iss=a", "iss=a", "form.repeated"),
    (INITIATE, "iss=a&iss=b", "form.repeated"),
    (INITIATE, "iss=" + "x" * 16_400, "form.too_large"),
]


@pytest.mark.parametrize(("url", "body", "code"), POSTED)
async def test_a_post_says_each_thing_once_and_shortly(stair: Stair, url: str, body: str, code: str) -> None:
    answer = await stair.browser().post(url, content=body, headers=FORM)
    assert (answer.status_code, await stair.code(answer)) == (400, code)


async def test_other_methods_and_other_paths_start_nothing(stair: Stair) -> None:
    assert (await stair.browser().put(INITIATE)).status_code == 405
    for path in ("/oidc/initiate/", "/oidc/Initiate", "/v1/oauth/start/", "/alone", "/V1/oauth/start"):
        assert (await stair.browser().get(path, params={"iss": ISSUER})).status_code == 404, path


# ── several ───────────────────────────────────────────────────────────────────────────────


async def test_of_several_the_person_chooses_among_those_that_everybody_sees(stair: Stair) -> None:
    before = started(stair)
    asked = {"iss": "https://shared.example", "login_hint": "ref/1", "target_link_uri": f"{BASE}/app?x=1"}
    answer = await stair.browser().get(INITIATE, params=asked)
    shown = answer.json()["connections"]
    assert [(one["id"], one["display_name"]) for one in shown] == [("shop", "shop"), ("club", "Club")]
    assert (answer.status_code, started(stair)) == (200, before)
    page = await stair.browser(accept="text/html").get(INITIATE, params=asked)
    assert page.text.count('class="button choice"') == 2
    assert "bank" not in page.text
    assert 'name="return_to" value="/app?x=1"' in page.text  # a hidden one is reached by e-mail
    found, told_ = await starts(stair, await stair.browser().get(shown[1]["href"]))
    assert (found, started(stair)[-1][1], told_["login_hint"]) == ("club", "/app?x=1", "ref/1")


async def test_a_path_of_several_that_says_no_more_lets_choose_among_them(stair: Stair) -> None:
    answer = await stair.browser().get("/sso/start")
    assert [one["id"] for one in answer.json()["connections"]] == ["left", "right"]


# ── where it ends ─────────────────────────────────────────────────────────────────────────

LANDINGS = [
    # target_link_uri                            return_to
    (None,                                       "/"),
    ("",                                         "/"),
    (BASE,                                       "/"),
    (f"{BASE}/",                                 "/"),
    (f"{BASE}/reports?year=2026#top",            "/reports?year=2026#top"),
    (f"{BASE}/a%20b",                            "/a%20b"),
    ("/reports",                                 "/"),  # no URL
    ("https://evil.example/reports",             "/"),
    ("//evil.example",                           "/"),
    (f"{BASE}.evil.example/",                    "/"),
    (f"{BASE}@evil.example/",                    "/"),
    (f"{BASE}0/x",                               "/"),  # another port
    (f"{BASE}//evil.example",                    "/"),
    (f"{BASE}/\\evil.example",                   "/"),
    (f"{BASE}/%2F/evil.example",                 "/"),
    (f"{BASE}/../x",                             "/"),
    (f"{BASE}/%252e%252e/x",                     "/"),
    (f"{BASE}/a\nb",                             "/"),
    (f"{BASE.upper()}/x",                        "/"),
    (f"{BASE}/{'x' * 3000}",                     "/"),
    (f" {BASE}/x",                               "/"),
    ("javascript:alert(1)",                      "/"),
    (f"x{BASE}/y",                               "/"),
    (f"{BASE}{BASE}/y",                          "/"),
    # round and round
    (f"{BASE}{INITIATE}?iss={ISSUER}",           "/"),
    (f"{BASE}/login/left",                       "/"),
    (f"{BASE}/%6cogin/left",                     "/"),
    (f"{BASE}/login?email=x",                    "/"),
    (f"{BASE}/v1/oauth/start",                   "/"),
    (f"{BASE}/alone/",                           "/"),
    (f"{BASE}/oidc/left/callback?code=x",        "/"),
    (f"{BASE}/loginx",                           "/loginx"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "goal"), LANDINGS, ids=named)
async def test_it_ends_at_a_path_of_ours(stair: Stair, target: str | None, goal: str) -> None:
    sent = {"iss": ISSUER} | ({} if target is None else {"target_link_uri": target})
    await starts(stair, await stair.browser().get(INITIATE, params=sent))
    assert started(stair)[-1] == ("acme-oidc", goal)


# ── whom it names ─────────────────────────────────────────────────────────────────────────

HINTS = [
    ("ada@acme.example", "ada@acme.example"),
    ("opaque/+=&? 7", "opaque/+=&? 7"),  # whatever it is, the provider gets it back
    ("zoë", "zoë"),
    ("x" * initiate.HINT_LENGTH, "x" * initiate.HINT_LENGTH),
    ("x" * (initiate.HINT_LENGTH + 1), None),
    ("a\r\nb", None),
    ("", None),
]


@pytest.mark.parametrize(("hint", "asked"), HINTS)
async def test_the_hint_goes_on_as_it_came(stair: Stair, hint: str, asked: str | None) -> None:
    sent = {"iss": ISSUER, "login_hint": hint}
    _, parameters = await starts(stair, await stair.browser().get(INITIATE, params=sent))
    assert parameters.get("login_hint") == asked


async def test_a_connection_may_keep_hints_to_itself(stair: Stair) -> None:
    sent = {"provider": "right", "login_hint": "ada@acme.example"}
    _, parameters = await starts(stair, await stair.browser().get(INITIATE, params=sent))
    assert "login_hint" not in parameters


# ── what it leaves alone ──────────────────────────────────────────────────────────────────


async def test_from_the_tile_to_the_session_and_what_stands_until_then(stair: Stair) -> None:
    browser = stair.browser()
    first = await browser.get(await stair.oidc(browser, "bob"))
    assert first.status_code == 303
    before = browser.cookies["session"]
    answer = await browser.get(INITIATE, params={"iss": ISSUER, "target_link_uri": f"{BASE}/account?tab=1"})
    await starts(stair, answer)
    assert not any(line.startswith("session=") for line in answer.headers.get_list("set-cookie"))
    assert (await browser.get("/session")).json()["user"]["email"] == "bob@acme.example"
    arrival = await log_in(stair, answer.headers["location"], "ada")
    done = await arrival.bring(browser)
    assert done.status_code == 200  # bob's place is not taken silently
    assert '<a class="button primary" href="/account?tab=1">' in done.text
    assert browser.cookies["session"] != before
    assert (await browser.get("/session")).json()["user"]["email"] == "ada@acme.example"


async def test_the_binder_is_the_one_of_every_tab(stair: Stair) -> None:
    browser = stair.browser()
    link = await browser.get("/login/acme-oidc")
    binder = browser.cookies["signin"]
    await browser.get(INITIATE, params={"iss": ISSUER})
    assert browser.cookies["signin"] == binder
    arrival = await log_in(stair, link.headers["location"])
    assert (await arrival.bring(browser)).status_code == 303


async def test_who_starts_one_is_not_signed_in_by_it_elsewhere(stair: Stair) -> None:
    answer = await stair.browser().get(INITIATE, params={"iss": ISSUER})
    arrival = await log_in(stair, answer.headers["location"])
    assert await stair.code(await arrival.bring(stair.browser())) == "signin.browser"


async def test_starts_are_counted_as_those_of_links(tmp_path: Path) -> None:
    async with standing(tmp_path, "rate_limits: {sign_in: 3/minute}") as opened:
        browser = opened.browser()
        told = [
            (await browser.get(INITIATE, params={"iss": ISSUER})).status_code,
            (await browser.get("/login/acme-oidc")).status_code,
            (await browser.get(INITIATE, params={"provider": "acme-oidc"})).status_code,
            (await browser.get(INITIATE, params={"iss": ISSUER})).status_code,
            (await browser.get("/login/acme-oidc")).status_code,
        ]
        assert told == [303, 303, 303, 429, 429]


async def test_a_connection_known_by_its_document_alone(tmp_path: Path) -> None:
    keys = peer(ISSUER, issuer=None, discovery_url=f"{ISSUER}/.well-known/openid-configuration")
    async with standing(tmp_path, further={"acme-oidc": {"visible": False}, "found": keys}) as opened:
        register(opened, "/oidc/found/callback")
        browser = opened.browser()
        assert [
            one["id"] for one in (await browser.get(INITIATE, params={"iss": ISSUER})).json()["connections"]
        ]
        assert opened.house.issuers[ISSUER] == ("acme-oidc", "found")
        assert opened.house.issuers[f"{ISSUER}/"] == ("found",)
        found, _ = await starts(opened, await browser.get(INITIATE, params={"iss": f"{ISSUER}/"}))
        assert found == "found"


ISSUERS = [
    ("", "https://op.example", (), {"https://op.example"}),
    ("https://op.example/x/.well-known/openid-configuration?appid=1", None, (),
     {"https://op.example/x", "https://op.example/x/"}),
    ("https://login.example/organizations/v2.0/.well-known/openid-configuration",
     "https://login.example/organizations/v2.0", (TENANT,),
     {"https://login.example/organizations/v2.0", f"https://login.example/{TENANT}/v2.0"}),
]  # fmt: skip


@pytest.mark.parametrize(("url", "issuer", "tenants", "expected"), ISSUERS)
def test_issuers_are_known_before_anything_is_fetched(
    url: str, issuer: str | None, tenants: tuple[str, ...], expected: set[str]
) -> None:
    discovery = Discovery(url=url, issuer=issuer, endpoints={})
    assert provider.issuers(discovery, tenants=frozenset(tenants)) == expected
