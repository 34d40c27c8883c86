"""The whole stair over ASGI: what good input gets, and every bad one its code.

Each refusal is held to its code in the record, then to what it left behind: no session row,
no cookie, and a process that signs the next person in.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx2
import pytest
from stair import BASE, NOW, Stair, listening, saml_answer, standing

from federation import vault
from federation.demo.openid_faults import FAULTS as OIDC_FAULTS
from federation.demo.saml_faults import FAULTS as SAML_FAULTS
from federation.demo.users import USERS

ACS = "/saml/acme-saml/acs"
CALLBACK = "/oidc/acme-oidc/callback"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    """A house of one's own."""
    async with standing(tmp_path) as opened:
        opened.remember_rows()
        yield opened


@pytest.fixture(scope="module")
async def open_all_day(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stair]:
    async with standing(
        tmp_path_factory.mktemp("shared"), "rate_limits: {sign_in: off, failures: off}"
    ) as opened:
        yield opened


@pytest.fixture
def shared(open_all_day: Stair) -> Stair:
    """A house that others use too; what they left is counted before."""
    open_all_day.remember_rows()
    return open_all_day


async def sign_in(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    browser = stair.browser()
    answer = await browser.post(ACS, data=await stair.saml(browser, who))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), answer.text
    return browser


async def assert_refused(
    stair: Stair, answer: httpx2.Response, code: str, status: tuple[int, ...] = (400, 403)
) -> None:
    """Hold a refusal to its code, and to having changed nothing."""
    assert await stair.code(answer) == code
    assert answer.status_code in status
    assert answer.json()["error"].keys() == {"status", "message", "reference"}
    assert code not in answer.text
    assert not any(
        name in line for line in answer.headers.get_list("set-cookie") for name in ("session=", "signin")
    )
    assert {table: stair.count(table) for table in stair.rows} == stair.rows
    assert stair.rows


# --- good input


async def test_saml_from_the_button_to_the_session(stair: Stair) -> None:
    browser = await sign_in(stair)
    told = (await browser.get("/session")).json()
    assert told["user"]["email"] == "ada@acme.example"
    assert told["user"]["display_name"] == "Ada Lovelace"
    assert (told["connection"], told["organization"]) == ("acme-saml", "acme")
    assert (told["groups"], told["roles"]) == (["staff", "platform-admins"], ["admin"])
    assert told["authenticated_at"] == NOW.isoformat()
    assert told["expires_at"] == (NOW + timedelta(hours=8)).isoformat()  # the IdP's own limit
    assert told.keys() == {
        "user", "connection", "organization", "groups", "roles", "system_roles", "teams", "attributes",
        "authenticated_at", "expires_at",
    }  # fmt: skip


async def test_oidc_from_the_button_to_the_session(stair: Stair) -> None:
    browser = stair.browser()
    answer = await browser.get(await stair.oidc(browser, "zoe"))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), answer.text
    told = (await browser.get("/session")).json()
    assert told["user"]["display_name"] == "Zoë & <R&D>"
    assert told["groups"] == ["staff", "équipe", "R&D <x>"]
    page = await browser.get("/account")
    assert "Zoë &amp; &lt;R&amp;D&gt;" in page.text
    assert "R&amp;D &lt;x&gt;" in page.text


async def test_two_tabs_share_one_binder(stair: Stair) -> None:
    browser = stair.browser()
    first, second = await stair.saml(browser), await stair.saml(browser)
    for form in (second, first):
        assert (await browser.post(ACS, data=form)).status_code == 303


async def test_signing_in_again_gives_a_new_session_and_keeps_the_user(stair: Stair) -> None:
    browser = await sign_in(stair)
    before = browser.cookies["session"], (await browser.get("/session")).json()["user"]["id"]
    answer = await browser.post(ACS, data=await stair.saml(browser))
    assert answer.status_code == 303
    after = browser.cookies["session"], (await browser.get("/session")).json()["user"]["id"]
    assert (before[0] != after[0], before[1]) == (True, after[1])
    async with stair.browser() as thief:
        thief.cookies.set("session", before[0])
        assert (await thief.get("/session")).status_code == 401


async def test_the_session_ends_by_itself(stair: Stair) -> None:
    browser = await sign_in(stair)
    stair.clock.at = NOW + timedelta(hours=8)
    assert (await browser.get("/session")).status_code == 401
    assert (await browser.get("/verify")).status_code == 401


# --- bad input: SAML

NOT_A_RESPONSE = [
    ("form.missing",   b"RelayState={handle}"),
    ("form.missing",   b"SAMLResponse=&RelayState={handle}"),
    ("form.repeated",  b"SAMLResponse=YQ&SAMLResponse=YQ&RelayState={handle}"),
    ("form.repeated",  b"SAMLResponse=YQ&RelayState={handle}&RelayState={handle}"),
    ("form.malformed", b"SAMLResponse=%FF&RelayState={handle}"),
    ("form.too_large", b"SAMLResponse=" + b"A" * (10 << 20) + b"&RelayState={handle}"),
    ("saml.not_base64", b"SAMLResponse=%25%25%25&RelayState={handle}"),
    ("saml.not_xml",   b"SAMLResponse=bm90IHhtbA%3D%3D&RelayState={handle}"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "body"), NOT_A_RESPONSE, ids=lambda value: str(value)[:40])
async def test_what_is_no_response_is_refused(shared: Stair, code: str, body: bytes) -> None:
    browser = shared.browser()
    asked = await shared.begin(browser, "acme-saml")
    body = body.replace(b"{handle}", quote(asked["RelayState"]).encode())
    await assert_refused(shared, await browser.post(ACS, content=body, headers=FORM), code)


@pytest.mark.parametrize("fault", SAML_FAULTS)
async def test_a_response_with_one_fault_is_refused(shared: Stair, fault: str) -> None:
    browser = shared.browser()
    answer = await browser.post(ACS, data=await shared.saml(browser, **SAML_FAULTS[fault].knobs))
    await assert_refused(shared, answer, SAML_FAULTS[fault].code)
    await sign_in(shared)


async def test_an_answer_without_a_sign_in(shared: Stair) -> None:
    browser = shared.browser()
    form = await shared.saml(browser)
    await assert_refused(shared, await browser.post(ACS, data=form | {"RelayState": "x"}), "signin.unknown")
    await assert_refused(
        shared, await browser.post(ACS, data={"SAMLResponse": form["SAMLResponse"]}), "signin.unknown"
    )


async def test_an_answer_that_comes_too_late(stair: Stair) -> None:
    browser = stair.browser()
    form = await stair.saml(browser)
    stair.clock.at = NOW + timedelta(minutes=10)
    await assert_refused(stair, await browser.post(ACS, data=form), "signin.unknown")


async def test_another_browsers_answer(shared: Stair) -> None:
    mine, theirs = shared.browser(), shared.browser()
    form = await shared.saml(theirs)
    await shared.begin(mine, "acme-saml")
    await assert_refused(shared, await mine.post(ACS, data=form), "signin.browser")
    assert (await theirs.post(ACS, data=form)).status_code == 303  # and it was not used up


async def test_another_connections_answer(shared: Stair) -> None:
    browser = shared.browser()
    form = await shared.saml(browser)
    answer = await browser.post("/saml/other-saml/acs", data=form)
    await assert_refused(shared, answer, "signin.connection")


async def test_used_twice(stair: Stair) -> None:
    browser = stair.browser()
    form = await stair.saml(browser)
    first = await browser.post(ACS, data=form)
    again = await browser.post(ACS, data=form)  # this browser holds the session: it just goes on
    assert (first.status_code, again.status_code) == (303, 303)
    assert again.headers["location"] == "/account"
    assert "set-cookie" not in again.headers
    browser.cookies.delete("session")
    refused = await browser.post(ACS, data=form)
    assert (refused.status_code, await stair.code(refused)) == (400, "signin.used")
    assert stair.count("session") == 1


async def test_one_assertion_opens_one_session_though_two_sign_ins_wait(stair: Stair) -> None:
    browser = stair.browser()
    form = await stair.saml(browser, assertion_id="_the-same", in_response_to=None)
    await browser.post(ACS, data=form)
    one = await stair.saml(browser, assertion_id="_once")
    two = await stair.saml(browser, assertion_id="_once")
    assert (await browser.post(ACS, data=one)).status_code == 303
    refused = await browser.post(ACS, data=two)
    assert (refused.status_code, await stair.code(refused)) == (403, "signin.replayed")


async def test_a_domain_that_is_not_the_connections(shared: Stair) -> None:
    browser = shared.browser()
    answer = await browser.post(ACS, data=await shared.saml(browser, "mallory"))
    await assert_refused(shared, answer, "policy.domain")
    assert "evil.example" not in answer.text


# --- bad input: OpenID Connect


@pytest.mark.parametrize("fault", sorted(OIDC_FAULTS))
async def test_an_answer_with_one_fault_is_refused(
    shared: Stair, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    fetch = getattr(shared.house.signin.connectors["acme-oidc"], "_fetch")  # noqa: B009  not of every one
    monkeypatch.setattr(fetch, "_deadline", 2.0)  # nobody waits ten seconds here
    browser = shared.browser()
    answer = await browser.get(await shared.oidc(browser, fault=fault))
    await assert_refused(shared, answer, OIDC_FAULTS[fault].code, (400, 403, 502, 504))
    right = await browser.get(await shared.oidc(browser))
    assert right.status_code == 303, right.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods(shared: Stair, method: str) -> None:
    answer = await shared.browser().request(method, CALLBACK)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


STEPS = ["/login/acme-oidc", "/login/acme-saml", "/saml/acme-saml/slo", "/oidc/initiate?provider=acme-oidc",
         "/oidc/acme-oidc/frontchannel-logout", "/logout?state=x"]  # fmt: skip


@pytest.mark.parametrize("path", STEPS)
async def test_head_takes_no_step(shared: Stair, path: str) -> None:
    """RFC 9110 §9.2.1: it is safe. A link checker starts nothing, and uses nothing up."""
    browser = shared.browser()
    answer = await browser.head(path)
    assert (answer.status_code, answer.content, list(browser.cookies)) == (405, b"", [])


async def test_head_uses_no_answer_up(shared: Stair) -> None:
    browser = shared.browser()
    answer = await shared.oidc(browser)
    assert (await browser.head(answer)).status_code == 405
    assert (await browser.get(answer)).status_code == 303


@pytest.mark.parametrize(
    "path", ["/login", "/login?email=ada@acme.example", "/account", "/session", "/healthz"]
)
async def test_head_of_a_page_is_its_get_without_the_page(shared: Stair, path: str) -> None:
    browser = shared.browser()
    asked = await browser.head(path)
    assert (asked.status_code, asked.content) == ((await browser.get(path)).status_code, b"")


# --- connections, targets, Host


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/login/nobody"),
        ("POST", "/saml/nobody/acs"),
        ("POST", "/saml/acme-oidc/acs"),
        ("GET", "/saml/acme-oidc/metadata"),
        ("GET", "/oidc/acme-saml/callback"),
        ("POST", "/oidc/nobody/callback"),
    ],
)
async def test_a_path_of_no_such_connection(shared: Stair, method: str, path: str) -> None:
    answer = await shared.browser().request(method, path)
    await assert_refused(shared, answer, "signin.no_connection", (404,))


EVIL = [
    "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)",
    "/%2fevil.example", "/%5cevil.example", "/%255cevil.example", "/x/..//evil", "/\tevil", "/\r\nx: y",
    "evil", "/ä", "/x//y",
]  # fmt: skip


@pytest.mark.parametrize("target", EVIL)
@pytest.mark.parametrize("path", ["/login", "/login/acme-saml"])
async def test_a_target_that_is_not_ours(shared: Stair, path: str, target: str) -> None:
    waiting = shared.count("pending_sign_in")
    answer = await shared.browser().get(path, params={"return_to": target})
    await assert_refused(shared, answer, "return_to.not_local")
    assert "location" not in answer.headers
    assert shared.count("pending_sign_in") == waiting


async def test_a_target_sent_twice(shared: Stair) -> None:
    answer = await shared.browser().get("/login/acme-saml?return_to=/a&return_to=/b")
    await assert_refused(shared, answer, "form.repeated")


LIES = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"}


PAGES = [
    "/", "/login", "/login?email=a@acme.example", "/login/", "/logout", "/account",
    "/saml/acme-saml/metadata", "/nope",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_what_a_client_says_about_our_address_changes_nothing(shared: Stair, path: str) -> None:
    browser = shared.browser(accept="text/html")
    honest, lying = await browser.get(path), await browser.get(path, headers=LIES)
    assert (honest.status_code, honest.headers, honest.text) == (lying.status_code, lying.headers, lying.text)
    assert "evil" not in lying.text


# --- a cross-site POST that lost its cookies


def form_of(page: str) -> tuple[str, dict[str, str]]:
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    assert action
    return action[1], dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


async def test_a_post_without_cookies_is_posted_again_from_our_site_once(stair: Stair) -> None:
    browser, bare = stair.browser(), stair.browser()
    form = await stair.saml(browser)
    page = await bare.post(ACS, data=form)
    assert page.status_code == 200
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in page.headers
    action, again = form_of(page.text)
    assert (action, again) == (ACS, form | {"again": "1"})
    assert stair.count("session") == 0
    await assert_refused(stair, await bare.post(action, data=again), "signin.browser")
    assert (await browser.post(action, data=again)).status_code == 303


async def test_no_page_for_an_answer_that_nobody_waits_for(shared: Stair) -> None:
    form = {"SAMLResponse": "YQ==", "RelayState": "unknown"}
    await assert_refused(shared, await shared.browser().post(ACS, data=form), "signin.unknown")


async def test_back_to_the_identity_provider_goes_on_with_the_session(stair: Stair) -> None:
    browser = stair.browser()
    form = await stair.saml(browser)
    assert (await browser.post(ACS, data=form)).status_code == 303
    session = browser.cookies["session"]
    browser.cookies.delete("session")  # Lax: not with a cross-site POST
    page = await browser.post(ACS, data=form, headers={"sec-fetch-site": "cross-site"})
    assert page.status_code == 200
    action, again = form_of(page.text)
    browser.cookies.set("session", session)
    answer = await browser.post(action, data=again)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


# --- sign-in page


async def test_the_sign_in_page_lists_visible_connections_as_links(shared: Stair) -> None:
    page = await shared.browser(accept="text/html").get("/login?return_to=/app")
    assert re.findall(r'href="(/login/[^"]+)"', page.text) == [
        "/login/acme-saml?return_to=%2Fapp",
        "/login/acme-oidc?return_to=%2Fapp",
    ]


ADDRESSES = [
    "x@other.example",
    "x@nowhere.example",
    "not an address",
    "",
    "x@other.example, y@nowhere.example",
]


async def test_an_address_gets_one_shape_of_answer(shared: Stair) -> None:
    browser = shared.browser()
    answers = [await browser.get("/login", params={"email": address}) for address in ADDRESSES]
    assert [answer.json()["sign_in"] for answer in answers] == [
        "/login/other-saml?return_to=%2F&login_hint=x%40other.example", None, None, None, None,
    ]  # fmt: skip
    shapes = {
        (answer.status_code, tuple(answer.json()), tuple(sorted(answer.headers.keys()))) for answer in answers
    }
    assert len(shapes) == 1
    pages = [
        await browser.get("/login", params={"email": address}, headers={"accept": "text/html"})
        for address in ADDRESSES
    ]
    assert {page.status_code for page in pages} == {200}
    assert len({tuple(sorted(page.headers.keys())) for page in pages}) == 1


async def test_of_several_ways_the_person_chooses_and_sees_no_other_organizations(shared: Stair) -> None:
    browser = shared.browser()
    asked = {"email": "ada@acme.example", "return_to": "/account"}
    said = (await browser.get("/login", params=asked)).json()
    assert said["sign_in"] is None
    assert [(one["id"], one["display_name"]) for one in said["connections"]] == [
        ("acme-saml", "Acme (SAML)"), ("acme-oidc", "Acme (OpenID Connect)"),
    ]  # fmt: skip
    page = (await browser.get("/login", params=asked, headers={"accept": "text/html"})).text
    assert [one["href"].replace("&", "&amp;") in page for one in said["connections"]] == [True, True]
    assert "http-equiv" not in page
    assert "other-saml" not in page
    unknown = (await browser.get("/login", params={"email": "ada@unknown.example"})).json()
    assert unknown == {"sign_in": None, "connections": []}


# --- forward-auth


async def test_verify_tells_who_it_is_in_headers(shared: Stair) -> None:
    browser = await sign_in(shared, "zoe")
    answer = await browser.get("/verify")
    assert answer.status_code == 200
    assert answer.headers["x-auth-request-user"] == (await browser.get("/session")).json()["user"]["id"]
    assert answer.headers["x-auth-request-email"] == "zoe@acme.example"
    assert answer.headers["x-auth-request-groups"] == "staff,%C3%A9quipe,R%26D%20%3Cx%3E"
    assert answer.headers["x-auth-request-roles"] == "member"
    assert answer.headers["cache-control"] == "no-store"


async def test_verify_always_sends_every_header(shared: Stair) -> None:
    browser = await sign_in(shared, "newcomer")
    answer = await browser.get("/verify")
    assert answer.headers["x-auth-request-groups"] == ""
    assert answer.headers["x-auth-request-roles"] == "member"


VERIFY = [
    ("?role=admin", 200),
    ("?role=auditor", 403),
    ("?role=Admin", 403),
    ("?role=", 400),
    ("?role=admin&role=admin", 400),
    ("?rôle=admin", 400),
    ("?x=1", 400),
    ("?role=admin&x=1", 400),
]


@pytest.mark.parametrize(("query", "status"), VERIFY)
async def test_verify_asks_for_a_role(shared: Stair, query: str, status: int) -> None:
    browser = await sign_in(shared)
    answer = await browser.get(f"/verify{query}")
    assert answer.status_code == status
    assert ("x-auth-request-user" in answer.headers) == (status == 200)
    async with shared.browser() as nobody:
        assert (await nobody.get(f"/verify{query}")).status_code == (400 if status == 400 else 401)


async def test_verify_refuses_a_cookie_sent_twice_and_other_methods(shared: Stair) -> None:
    browser = await sign_in(shared)
    token = browser.cookies["session"]
    async with shared.browser() as other:
        twice = await other.get("/verify", headers={"cookie": f"session={token}; session={token}"})
        assert twice.status_code == 401
        once = await other.get("/verify", headers={"cookie": f"session={token}"})
        assert once.status_code == 200
    assert (await browser.post("/verify")).status_code == 405


async def test_verify_says_no_when_the_store_is_gone(stair: Stair) -> None:
    browser = await sign_in(stair)
    await stair.house.store.close()
    assert (await browser.get("/verify")).status_code == 503
    answer = await browser.get("/session")
    assert answer.status_code == 503
    assert answer.json()["error"]["reference"]
    ready = await browser.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "failed")
    assert (await browser.get("/healthz")).status_code == 200


# --- account and sign-out


async def csrf_of(browser: httpx2.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await browser.get("/account")).text)
    assert found
    return found[1]


async def test_the_account_page_says_who_and_why(shared: Stair) -> None:
    page = (await (await sign_in(shared)).get("/")).text
    for words in (
        "Ada Lovelace",
        "Acme (SAML)",
        "admin",
        "platform administrators",
        "staff",
        "A Python program",
    ):
        assert words in page


async def test_sign_out_ends_the_session_on_the_server(shared: Stair) -> None:
    browser = await sign_in(shared)
    token = browser.cookies["session"]
    assert "Sign out?" in (await browser.get("/logout")).text
    answer = await browser.post("/logout", data={"csrf": await csrf_of(browser)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/logout")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "You are signed out" in (await browser.get("/logout")).text
    async with shared.browser() as thief:
        thief.cookies.set("session", token)
        assert (await thief.get("/session")).status_code == 401


FOREIGN = [
    ({"csrf": "right"}, {"sec-fetch-site": "cross-site"}),
    ({"csrf": "right"}, {"sec-fetch-site": "same-site"}),
    ({"csrf": "right"}, {"origin": "https://evil.example"}),
    ({"csrf": "right"}, {"origin": "null"}),
    ({"csrf": "wrong"}, {"sec-fetch-site": "same-origin"}),
    ({"csrf": "ä"}, {"sec-fetch-site": "same-origin"}),
    ({"csrf": ""}, {}),
    ({}, {"sec-fetch-site": "same-origin"}),
]


@pytest.mark.parametrize(("form", "headers"), FOREIGN)
@pytest.mark.parametrize("path", ["/logout", "/sessions/x/end"])
async def test_a_change_from_elsewhere_is_refused(
    shared: Stair, path: str, form: dict[str, str], headers: dict[str, str]
) -> None:
    browser = await sign_in(shared)
    right = await csrf_of(browser)
    sent = {name: right if value == "right" else value for name, value in form.items()}
    answer = await browser.post(path, content=urlencode(sent), headers=FORM | headers)
    assert (answer.status_code, await shared.code(answer)) == (403, "csrf.refused")
    assert (await browser.get("/session")).status_code == 200
    right_one = await browser.post("/logout", data={"csrf": right}, headers={"origin": BASE})
    assert right_one.status_code == 303


async def test_another_sessions_token_is_not_enough(shared: Stair) -> None:
    mine, theirs = await sign_in(shared), await sign_in(shared, "bob")
    answer = await mine.post("/logout", data={"csrf": await csrf_of(theirs)})
    assert await shared.code(answer) == "csrf.refused"


async def test_one_of_several_sessions_is_ended(stair: Stair) -> None:
    here, there, bob = await sign_in(stair), await sign_in(stair), await sign_in(stair, "bob")
    ends = re.findall(r'action="/sessions/([^"]+)/end"', (await here.get("/account")).text)
    assert len(ends) == 1
    stolen = await bob.post(f"/sessions/{ends[0]}/end", data={"csrf": await csrf_of(bob)})
    assert stolen.status_code == 303
    assert (await there.get("/session")).status_code == 200  # not his to end
    await here.post(f"/sessions/{ends[0]}/end", data={"csrf": await csrf_of(here)})
    assert (await there.get("/session")).status_code == 401
    assert (await here.get("/session")).status_code == 200


async def test_nobody_signed_in(shared: Stair) -> None:
    browser = shared.browser()
    answer = await browser.get("/session")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Nobody is signed in.")
    assert (await browser.get("/account")).headers["location"] == "/login?return_to=/account"
    assert (await browser.post("/logout")).headers["location"] == "/logout"
    assert (await browser.post("/sessions/x/end")).status_code == 303


# --- headers, metadata, health


@pytest.mark.parametrize(
    "path", ["/", "/logout", "/session", "/nope", "/login?return_to=//evil", "/login/acme-saml"]
)
async def test_every_answer_carries_its_headers(shared: Stair, path: str) -> None:
    answer = await shared.browser(accept="text/html").get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")


async def test_metadata_is_a_download_of_the_right_kind(shared: Stair) -> None:
    answer = await shared.browser().get("/saml/acme-saml/metadata")
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    assert answer.headers["content-disposition"] == 'attachment; filename="acme-saml-sp-metadata.xml"'
    assert f'entityID="{BASE}/saml/acme-saml/metadata"' in answer.text


async def test_ready_and_healthy(shared: Stair) -> None:
    browser = shared.browser()
    ready = await browser.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert (await browser.get("/healthz")).text == "ok\n"


async def test_a_refusal_as_a_page_says_the_same_and_no_more(shared: Stair) -> None:
    browser = shared.browser(accept="text/html,application/xhtml+xml")
    page = await browser.post(ACS, data=await shared.saml(browser, key="another"))
    assert page.headers["content-type"].startswith("text/html")
    reference = re.search(r'<output id="reference"[^>]*>([A-Z2-7]{10})<', page.text)
    assert reference
    record = await shared.house.store.find_record(reference[1])
    assert record is not None
    assert record.code == "saml.signature"
    assert "signature" not in page.text


# --- rates


async def test_too_many_starts(tmp_path: Path) -> None:
    async with standing(tmp_path, "rate_limits: {sign_in: 2/minute}") as stair:
        browser = stair.browser()
        for _ in range(2):
            await stair.begin(browser, "acme-saml")
        answer = await browser.get("/login/acme-saml")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "61")
        assert answer.json()["error"]["reference"]
        assert stair.count("decision_record") == 0  # or refusing would fill the ring
        await stair.begin(browser, "acme-oidc")  # another connection is counted apart


async def test_too_many_failures_but_a_signed_message_is_none(tmp_path: Path) -> None:
    async with standing(tmp_path, "rate_limits: {failures: 2/minute}") as stair:
        browser = stair.browser()
        for _ in range(3):  # genuine, though not admitted
            answer = await browser.post(ACS, data=await stair.saml(browser, "mallory"))
            assert answer.status_code == 403
        for _ in range(2):
            answer = await browser.post(ACS, data=await stair.saml(browser, key="another"))
            assert answer.status_code == 403
        answer = await browser.post(ACS, data=await stair.saml(browser))
        assert (answer.status_code, stair.count("session")) == (429, 0)
        stair.clock.at = NOW + timedelta(seconds=int(answer.headers["retry-after"]))
        await sign_in(stair)


async def test_a_new_sign_in_ends_the_session_that_this_browser_held(stair: Stair) -> None:
    browser = await sign_in(stair)
    held = browser.cookies["session"]
    # The cross-site POST comes without the Lax session cookie: what it replaces was noted at the start.
    asked = await stair.begin(browser, "acme-saml")
    browser.cookies.delete("session")
    answer = await browser.post("/saml/acme-saml/acs", data=saml_answer(asked, "bob", now=NOW))
    assert answer.status_code == 200  # not silently: it may be somebody else's wish
    assert f"<h1>You are now signed in as {USERS['bob'].display_name}</h1>" in answer.text
    assert '<a class="button primary" href="/account">' in answer.text
    now = (await browser.get("/session")).json()
    assert now["user"]["email"] == "bob@acme.example"
    browser.cookies.set("session", held)
    assert (await browser.get("/verify")).status_code == 401


async def test_who_comes_back_is_led_on_at_once(stair: Stair) -> None:
    browser = await sign_in(stair)
    again = await browser.post(ACS, data=await stair.saml(browser))
    assert (again.status_code, again.headers["location"]) == (303, "/account")


async def test_who_comes_by_another_connection_is_led_on_at_once(stair: Stair) -> None:
    browser = await sign_in(stair)
    answer = await browser.get(await stair.oidc(browser))
    assert answer.status_code == 303
    assert (await browser.get("/session")).json()["connection"] == "acme-oidc"


async def test_an_ended_session_of_another_is_nobodys_place(stair: Stair) -> None:
    browser = await sign_in(stair)
    form = await stair.saml(browser, "bob")
    token = browser.cookies["session"]
    await stair.house.signin.end(token)
    assert (await browser.post(ACS, data=form)).status_code == 303


async def test_a_name_is_text_where_it_takes_anothers_place(stair: Stair) -> None:
    browser = await sign_in(stair)
    answer = await browser.post(ACS, data=await stair.saml(browser, "zoe"))
    assert "<h1>You are now signed in as Zoë &amp; &lt;R&amp;D&gt;</h1>" in answer.text


async def test_a_lost_encryption_key_locks_nobody_out(stair: Stair) -> None:
    await sign_in(stair)
    story = stair.house.signin
    story._vault = story.recorder._vault = vault.Vault([(vault.key_id(b"n" * 32), b"n" * 32)])
    await sign_in(stair)
    browser = stair.browser()
    answer = await browser.post(ACS, data=await stair.saml(browser, "mallory"))
    assert (answer.status_code, await stair.code(answer)) == (403, "policy.domain")


@pytest.mark.parametrize(("name", "check"), [("secrets.key", "keys"), ("federation.yaml", "configuration")])
async def test_not_ready_where_it_could_not_start_again(stair: Stair, name: str, check: str) -> None:
    browser = stair.browser()
    file = stair.database.parent / name
    good = file.read_bytes()
    for content, status, state in ((b"nonsense", 503, "failed"), (good, 200, "ok")):
        file.write_bytes(content)
        ready = await browser.get("/readyz")
        assert (ready.status_code, ready.json()["checks"][check]) == (status, state)
