"""Test connection: a real sign-in that opens nothing, and the report of it."""

import base64
import re
import sqlite3
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from databases import ANYBODY
from stair import BASE, Stair, listening, saml_answer, standing
from test_administration_connections import actor, desk

from federation.administration import connections
from federation.demo.saml_faults import FAULTS
from federation.demo.users import USERS
from federation.errors import ChangeConflicts
from federation.trial.report import Report, Step
from federation.trial.sandbox import open_report

CHANGED_BY_A_TRIAL = {"trial", "pending_sign_in", "claimed_assertion", "decision_record", "ring", "audit"}
# What a worker writes soon after its start, whatever anybody does.
OF_THE_WORKER = {"lease", "policy_in_force", "provider_metadata", "metadata_change"}
OF_EACH_USE = {"idle_at", "last_seen"}


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
    async with standing(tmp_path) as found:
        yield found


async def administrator(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    """Return a browser that asks for pages, signed in."""
    browser = stair.browser()
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    assert answer.status_code == 303, answer.text
    browser.headers["accept"] = "text/html"
    stair.clock.at += timedelta(minutes=1)
    return browser


async def started(browser: httpx2.AsyncClient, connection: str = "acme-saml") -> dict[str, str]:
    """Start a test; return what the identity provider is asked, or where its page is."""
    path = f"/admin/connections/{connection}/test"
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    answer = await browser.post(path, data={"csrf": csrf[1]}, headers={"origin": BASE})
    assert answer.status_code == 200, answer.text
    assert "location" not in answer.headers
    link = re.search(r'href="(http[^"]+)"', answer.text)
    assert link
    url = unescape(link[1])
    return dict(parse_qsl(urlsplit(url).query)) | {"url": url}


async def answered(
    stair: Stair, browser: httpx2.AsyncClient, asked: Mapping[str, str], who: str = "ada", **knobs: Any
) -> httpx2.Response:
    form = saml_answer(dict(asked), who, now=stair.clock(), **knobs)
    return await browser.post("/saml/acme-saml/acs", data=form)


async def report_of(stair: Stair, answer: httpx2.Response) -> Report:
    """Follow the browser to the report, and open it."""
    assert answer.status_code == 303, answer.text
    before, _, identifier = answer.headers["location"].rpartition("/")
    assert before == "/admin/tests"
    assert "set-cookie" not in answer.headers
    trial = await stair.house.store.find_trial(identifier, stair.clock())
    assert trial is not None
    told = open_report(stair.house.vault, trial)
    assert told is not None
    assert (told.id, told.code) == (identifier, trial.code)
    return told


def step(report: Report, code: str) -> Step:
    return next(one for one in report.checks if one.code == code)


def everything(stair: Stair) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that a trial has no business in; when a session was last used is no matter."""
    with closing(sqlite3.connect(stair.database)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in set(tables) - CHANGED_BY_A_TRIAL - OF_THE_WORKER:
            columns = {one for _, one, *_ in db.execute(f'PRAGMA table_info("{name}")')} - OF_EACH_USE
            found[name] = db.execute(f'SELECT {", ".join(sorted(columns))} FROM "{name}"').fetchall()  # noqa: S608
        return found


# What it finds


async def test_a_trial_that_goes_through_makes_nothing_and_tells_all(stair: Stair) -> None:
    browser = await administrator(stair)
    before = everything(stair)
    asked = await started(browser)
    answer = await answered(stair, browser, asked, "bob")
    report = await report_of(stair, answer)
    assert everything(stair) == before
    assert report.code == ""
    assert {one.outcome for one in report.checks} <= {"held", "remark"}
    assert step(report, "saml.audience").received == f"{BASE}/saml/acme-saml/metadata"
    assert step(report, "saml.recipient").expected == f"{BASE}/saml/acme-saml/acs"
    assert (report.found, report.user) == ("new", "")
    assert {one.name: one.values for one in report.identity}["email"] == (USERS["bob"].email,)
    assert any(one.becomes == ("groups",) for one in report.claims)
    assert [key.used for key in report.keys] == [True]
    assert report.keys[0].not_after
    assert report.clocks[0].ahead == 0
    assert {one.name for one in report.endpoints} >= {"acs_url", "idp_entity_id"}
    assert [one.name for one in report.rules] == ["platform administrators"]
    signed = "".join(one.text for one in report.documents[0].pieces if one.signed)
    assert signed.lstrip().startswith("<saml:Assertion")
    assert "SignatureValue" not in signed
    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert "would go through" in page.text
    assert "<mark>" in page.text


async def test_whom_it_would_find_and_what_they_would_get(stair: Stair) -> None:
    browser = await administrator(stair)
    report = await report_of(stair, await answered(stair, browser, await started(browser)))
    assert report.found == "subject"
    assert report.user
    roles = {(one.name, one.source, one.why) for one in report.roles}
    assert ("admin", "connection:acme-saml", "platform administrators") in roles
    assert [one.outcome for one in report.rules] == ["held"]


@pytest.mark.parametrize("name", FAULTS)
async def test_a_broken_answer_shows_the_red_check(stair: Stair, name: str) -> None:
    browser = await administrator(stair)
    fault = FAULTS[name]
    asked = await started(browser)
    before = everything(stair)
    knobs: dict[str, Any] = {
        knob: stair.clock() + value if isinstance(value, timedelta) else value
        for knob, value in fault.knobs.items()
    }
    if knobs.get("key") == "another":
        knobs["key"] = stair.idps["other-saml"].key
    answer = await answered(stair, browser, asked, **knobs)
    report = await report_of(stair, answer)
    assert everything(stair) == before
    assert report.code == fault.code
    red = step(report, fault.code)
    assert red.outcome == "broken"
    assert red.said
    assert red.mend
    page = await browser.get(answer.headers["location"])
    assert "would be refused" in page.text
    assert fault.code in page.text
    assert 'class="state bad">Broken' in page.text


async def test_a_certificate_that_is_not_the_connections_is_named(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    report = await report_of(stair, await answered(stair, browser, asked, key=stair.idps["other-saml"].key))
    assert report.code == "saml.signature"
    assert not any(key.used for key in report.keys)
    assert step(report, "saml.signed_info").outcome == "held"
    assert "saml.digest" not in {one.code for one in report.checks}


async def test_the_providers_own_words_are_text(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    fault = dict(FAULTS["status"].knobs)
    answer = await answered(stair, browser, asked, **fault)
    report = await report_of(stair, answer)
    assert "urn:oasis:names:tc:SAML:2.0:status:Responder" in report.said_there


# Who may


async def test_only_administrators_of_the_organization_start_one(stair: Stair) -> None:
    member = await administrator(stair, "bob")
    for answer in (
        await member.get("/admin/connections/acme-saml/test"),
        await member.post("/admin/connections/acme-saml/test"),
        await stair.browser().post("/admin/connections/acme-saml/test"),
    ):
        assert answer.status_code in (401, 403)
    assert stair.count("trial") == 0


async def test_a_start_needs_the_token_of_the_page(stair: Stair) -> None:
    browser = await administrator(stair)
    path = "/admin/connections/acme-saml/test"
    for headers, data in (
        ({"origin": BASE}, {}),
        ({"origin": BASE}, {"csrf": "x"}),
        ({"origin": "https://evil.example"}, {"csrf": "x"}),
    ):
        answer = await browser.post(path, data=data, headers=headers)
        assert answer.status_code in (400, 403)
    assert stair.count("trial") == 0


async def test_no_such_connection_and_no_such_trial(stair: Stair) -> None:
    browser = await administrator(stair)
    for path in ("/admin/connections/nobody/test", "/admin/tests/nobody", "/admin/tests/%00"):
        assert (await browser.get(path)).status_code == 404


async def test_it_is_forgotten_after_a_day(stair: Stair) -> None:
    browser = await administrator(stair)
    answer = await answered(stair, browser, await started(browser))
    identifier = answer.headers["location"].rpartition("/")[2]
    stair.clock.at += timedelta(hours=24)
    assert await stair.house.store.find_trial(identifier, stair.clock()) is None
    assert await stair.house.store.purge(stair.clock()) > 0
    assert stair.count("trial") == 0


# No trial is a sign-in, and no sign-in a trial


async def test_its_answer_does_not_open_a_session_afterwards(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    form = saml_answer(asked, "bob", now=stair.clock())
    assert (await browser.post("/saml/acme-saml/acs", data=form)).status_code == 303
    stair.remember_rows()
    again = stair.browser()
    again.cookies.update(browser.cookies)
    refusal = await again.post("/saml/acme-saml/acs", data=form)
    assert await stair.code(refusal) == "signin.used"
    # With the RelayState of a sign-in of its own it answers another request; and it is spent besides.
    real = await stair.begin(again, "acme-saml")
    refusal = await again.post("/saml/acme-saml/acs", data=form | {"RelayState": real["RelayState"]})
    assert await stair.code(refusal) == "saml.response_in_response_to"
    assert stair.rows == {table: stair.count(table) for table in stair.rows}


async def test_its_assertion_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    async with standing(tmp_path) as stair:
        browser = await administrator(stair)
        before = stair.count("claimed_assertion")
        knobs: dict[str, Any] = {"assertion_id": "_the-very-same"}
        first = await report_of(stair, await answered(stair, browser, await started(browser), **knobs))
        assert (first.code, stair.count("claimed_assertion")) == ("", before + 1)
        # The same assertion once more, as a sign-in: it answers that request, and has been used.
        other = stair.browser()
        form = await stair.saml(other, **knobs)
        assert await stair.code(await other.post("/saml/acme-saml/acs", data=form)) == "signin.replayed"
        # and as another trial
        again = await report_of(stair, await answered(stair, browser, await started(browser), **knobs))
        assert again.code == "signin.replayed"
        assert step(again, "signin.replayed").outcome == "broken"


async def test_a_real_answer_with_the_relay_state_of_a_trial_is_no_sign_in(stair: Stair) -> None:
    browser = await administrator(stair)
    stair.remember_rows()
    trial = await started(browser)
    real = await stair.begin(browser, "acme-saml")
    form = saml_answer(real, "ada", now=stair.clock()) | {"RelayState": trial["RelayState"]}
    report = await report_of(stair, await browser.post("/saml/acme-saml/acs", data=form))
    assert report.code == "saml.response_in_response_to"
    assert stair.rows == {table: stair.count(table) for table in stair.rows}


async def test_another_browser_ends_no_trial(stair: Stair) -> None:
    browser, other = await administrator(stair), stair.browser()
    asked = await started(browser)
    await stair.begin(other, "acme-saml")  # it has a binder of its own
    answer = await answered(stair, other, asked)
    assert await stair.code(answer) == "signin.browser"
    (trial,) = await stair.house.store.trials("acme-saml", None, 10, stair.clock())
    assert trial.ended_at is None


async def test_another_connection_ends_no_trial(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    browser.headers["accept"] = "application/json"
    form = saml_answer(asked, "ada", now=stair.clock())
    answer = await browser.post("/saml/other-saml/acs", data=form)
    assert await stair.code(answer) == "signin.connection"


async def test_unsolicited_it_is_nothing(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    browser.headers["accept"] = "application/json"
    form = saml_answer(asked, "ada", now=stair.clock())
    del form["RelayState"]
    assert await stair.code(await browser.post("/saml/acme-saml/acs", data=form)) == "signin.unknown"


async def test_late_it_has_expired(stair: Stair) -> None:
    browser = await administrator(stair)
    asked = await started(browser)
    stair.clock.at += timedelta(minutes=10)
    browser.headers["accept"] = "application/json"
    assert await stair.code(await answered(stair, browser, asked)) == "signin.unknown"


# Connections that are not enabled


async def test_a_disabled_connection_is_tried_and_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    extra = {"other-saml": {"enabled": False, "unsolicited": "accept"}}
    async with standing(tmp_path, further=extra) as stair:
        browser = await administrator(stair)
        before = everything(stair)
        asked = await started(browser, "other-saml")
        form = saml_answer(asked, "bob", "other-saml", now=stair.clock())
        answer = await browser.post("/saml/other-saml/acs", data=form)
        report = await report_of(stair, answer)
        assert (report.code, everything(stair)) == ("policy.domain", before)
        assert stair.house.connections["other-saml"].enabled is False
        person = stair.browser()
        assert await stair.code(await person.get("/login/other-saml")) == "policy.connection_disabled"
        unasked = form_of_nobody(stair, "other-saml")
        refusal = await stair.code(await person.post("/saml/other-saml/acs", data=unasked))
        assert refusal in ("policy.domain", "policy.connection_disabled")
        assert everything(stair)["session"] == before["session"]


def form_of_nobody(stair: Stair, connection: str) -> dict[str, str]:
    """An answer that nobody asked for."""
    request = zlib.compress(b'<a ID="_x"/>')[2:-4]
    asked = {"SAMLRequest": base64.b64encode(request).decode(), "RelayState": ""}
    return saml_answer(
        asked, "bob", connection, now=stair.clock(), in_response_to=None, response_in_response_to=None
    )


async def test_one_that_an_operator_switched_off_is_tried_too(stair: Stair) -> None:
    browser = await administrator(stair)
    await stair.house.store.switch_off("other-saml", stair.clock(), ANYBODY)
    asked = await started(browser, "other-saml")
    form = saml_answer(asked, "bob", "other-saml", now=stair.clock())
    report = await report_of(stair, await browser.post("/saml/other-saml/acs", data=form))
    assert report.code == "policy.domain"


# OpenID Connect


async def oidc_answer(stair: Stair, url: str, who: str = "ada", fault: str = "") -> str:
    """Log in at the provider; return the callback's path and query."""
    transport = httpx2.ASGITransport(stair.provider.app())
    async with httpx2.AsyncClient(transport=transport, base_url=stair.provider.issuer) as there:
        page = await there.get(url)
        ticket = re.search(r'name="?ticket"? value="([^"]+)"', page.text)
        assert ticket, page.text
        form = {"ticket": ticket[1], "login": who, "password": USERS[who].password, "break": fault}
        done = await there.post("/login", data=form)
    return str(done.headers["location"]).removeprefix(BASE)


async def test_openid_connect_tells_token_and_keys_and_no_secret(stair: Stair) -> None:
    browser = await administrator(stair)
    async with listening():
        asked = await started(browser, "acme-oidc")
        before = everything(stair)
        path = await oidc_answer(stair, asked["url"], "bob")
        report = await report_of(stair, await browser.get(path))
    assert everything(stair) == before
    assert report.code == ""
    assert [one.name for one in report.documents][:2] == ["ID Token: header", "ID Token: claims"]
    assert {one.outcome for one in report.checks} == {"held", "remark"}
    assert step(report, "policy.link.address").outcome == "remark"  # nobody proved the domain
    assert step(report, "oidc.audience").received == "federation"
    assert step(report, "oidc.nonce").received == asked["nonce"]
    assert sum(key.used for key in report.keys) == 1
    assert "iat" in {one.name for one in report.clocks}
    assert {one.method for one in report.exchanges} == {"GET", "POST"}
    told = repr(report)
    code = dict(parse_qsl(urlsplit(path).query))["code"]
    assert code not in told
    assert "a secret for tests" not in told
    assert "eyJ" not in told
    stair.remember_rows()
    browser.headers["accept"] = "application/json"
    async with listening():
        assert await stair.code(await browser.get(path)) == "signin.used"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("token-client", "oidc.token_client_refused"),
        ("nonce", "oidc.nonce"),
        ("kid-unknown", "oidc.key_unknown"),
    ],
)
async def test_what_fails_at_the_provider_is_red(stair: Stair, fault: str, code: str) -> None:
    browser = await administrator(stair)
    async with listening():
        asked = await started(browser, "acme-oidc")
        answer = await browser.get(await oidc_answer(stair, asked["url"], fault=fault))
        report = await report_of(stair, answer)
        page = await browser.get(answer.headers["location"])
    assert report.code == code
    assert step(report, code).outcome == "broken"
    assert code in page.text


async def test_an_error_of_the_provider_is_told_in_its_words(stair: Stair) -> None:
    browser = await administrator(stair)
    async with listening():
        asked = await started(browser, "acme-oidc")
        answer = await browser.get(
            "/oidc/acme-oidc/callback",
            params={
                "state": asked["state"],
                "error": "access_denied",
                "error_description": "<script>alert(1)</script> not assigned",
                "iss": stair.provider.issuer,
            },
        )
        report = await report_of(stair, answer)
    assert report.code == "oidc.error_answer"
    assert report.said_there == ("access_denied", "<script>alert(1)</script> not assigned")
    page = await browser.get(answer.headers["location"])
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; not assigned" in page.text


async def test_a_code_of_a_sign_in_ends_no_trial_and_the_other_way_round(stair: Stair) -> None:
    browser = await administrator(stair)
    async with listening():
        trial = await started(browser, "acme-oidc")
        real = await browser.get("/login/acme-oidc")
        theirs = dict(parse_qsl(urlsplit(real.headers["location"]).query))
        path = await oidc_answer(stair, real.headers["location"])
        stair.remember_rows()
        report = await report_of(stair, await browser.get(path.replace(theirs["state"], trial["state"])))
        assert report.code == "oidc.code_refused"
        trial = await started(browser, "acme-oidc")
        path = await oidc_answer(stair, trial["url"])
        browser.headers["accept"] = "application/json"
        answer = await browser.get(path.replace(trial["state"], theirs["state"]))
        assert await stair.code(answer) == "oidc.code_refused"
    assert stair.rows == {table: stair.count(table) for table in stair.rows}


async def test_a_provider_that_cannot_be_reached_is_a_report_at_once(stair: Stair) -> None:
    browser = await administrator(stair)
    path = "/admin/connections/acme-oidc/test"
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await browser.get(path)).text)
    assert csrf
    answer = await browser.post(path, data={"csrf": csrf[1]}, headers={"origin": BASE})
    report = await report_of(stair, answer)
    assert report.code == "fetch.connection"


# By the API


async def test_the_api_lists_and_shows(stair: Stair) -> None:
    browser = await administrator(stair)
    answer = await answered(stair, browser, await started(browser), **dict(FAULTS["audience"].knobs))
    identifier = answer.headers["location"].rpartition("/")[2]
    stair.clock.at += timedelta(seconds=1)
    await started(browser)
    browser.headers["accept"] = "application/json"
    listed = (await browser.get("/admin/api/connections/acme-saml/tests")).json()
    assert [one["state"] for one in listed["items"]] == ["under_way", "refused"]
    shown = await browser.get(f"/admin/api/tests/{identifier}")
    assert shown.status_code == 200, shown.text
    assert (shown.json()["code"], shown.json()["report"]["code"]) == ("saml.audience", "saml.audience")
    under_way = await browser.get(f"/admin/api/tests/{listed['items'][0]['id']}")
    assert under_way.json()["report"] is None
    for path in ("/admin/api/tests/nobody", "/admin/api/connections/nobody/tests"):
        assert (await browser.get(path)).status_code == 404


# A connection that is edited here


@pytest.mark.parametrize(("who", "found"), [("bob", "new"), ("ada", "ask_proof")])
async def test_one_that_was_never_enabled_is_tried_and_may_be_enabled_then(
    stair: Stair, who: str, found: str
) -> None:
    """By whoever has an account already, too: an administrator tries with their own address."""
    browser = await administrator(stair)
    ada, store = desk(stair.house, actor("acme")), stair.house.store
    proof = await store.begin_domain_proof("acme", "acme.example", "a-token", stair.clock())
    await store.note_domain_proof(proof, stair.clock(), seen=True)
    body = {
        "protocol": "saml",
        "domains": ["acme.example"],
        "metadata": {"xml": stair.idps["acme-saml"].metadata().decode()},
    }
    view = await connections.create(ada, "kept", organization="acme", body=body)
    assert (view.enabled, view.tried_at) == (False, None)
    with pytest.raises(ChangeConflicts, match=r"^admin\.untried: "):
        await connections.enable(ada, "kept")
    asked = await started(browser, "kept")
    document = stair.idps["acme-saml"].response(
        user=USERS[who],
        acs_url=f"{BASE}/saml/kept/acs",
        sp_entity_id=f"{BASE}/saml/kept/metadata",
        request_id=re.findall(r'\bID="([^"]+)"', inflated(asked["SAMLRequest"]))[0],
        now=stair.clock(),
    )
    form = {"SAMLResponse": base64.b64encode(document).decode(), "RelayState": asked["RelayState"]}
    before = everything(stair)
    report = await report_of(stair, await browser.post("/saml/kept/acs", data=form))
    after = everything(stair)
    assert (report.code, report.found) == ("", found), report.detail
    assert not [one for one in report.checks if one.outcome == "broken"]
    assert {name for name in after if after[name] != before[name]} == {"kept_connection"}  # tested_at alone
    assert (await connections.enable(ada, "kept")).enabled


def inflated(request: str) -> str:
    return zlib.decompress(base64.b64decode(request), -15).decode()
