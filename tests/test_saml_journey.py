"""What a SAML connection may be told to do differently, from the browser to the session."""

from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from stair import BASE, NOW, Stair, saml_answer, standing

from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.saml import bindings, xml
from federation.web import cookies

ACS = "/saml/acme-saml/acs"


def uninvited(stair: Stair, relay_state: str = "", **knobs: Any) -> dict[str, str]:
    """Return the form of an IdP's portal tile: an answer that nobody here asked for."""
    absent: dict[str, Any] = {"in_response_to": None, "response_in_response_to": None}
    document = stair.idps["acme-saml"].response(
        user=USERS["ada"],
        acs_url=knobs.pop("acs_url", BASE + ACS),
        sp_entity_id=f"{BASE}/saml/acme-saml/metadata",
        request_id="_nobody-asked",
        now=NOW,
        **absent | knobs,
    )
    relayed = {"RelayState": relay_state} if relay_state else {}
    return {"SAMLResponse": SamlIdp.encode(document), **relayed}


async def test_by_default_nobody_is_let_in_uninvited(tmp_path: Path) -> None:
    async with standing(tmp_path) as stair:
        for relay_state in ("", "/account", "x" * 43):
            answer = await stair.browser().post(ACS, data=uninvited(stair, relay_state))
            assert (answer.status_code, await stair.code(answer)) == (400, "signin.unknown")
        assert stair.count("session") == 0


LANDINGS = [
    # RelayState              leads to
    ("",                      "/account"),
    ("/reports",              "/reports"),
    ("/elsewhere",            "/account"),   # not one of the landing paths
    ("//evil.example",        "/account"),
    ("https://evil.example/", "/account"),
    ("/reports/",             "/account"),   # exact
]  # fmt: skip


@pytest.mark.parametrize(("relay_state", "goal"), LANDINGS)
async def test_a_connection_may_accept_them(tmp_path: Path, relay_state: str, goal: str) -> None:
    keys = {"unsolicited": "accept", "landing_paths": ["/account", "/reports"]}
    async with standing(tmp_path, acme_saml=keys) as stair:
        browser = stair.browser()
        form = uninvited(stair, relay_state)
        answer = await browser.post(ACS, data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, goal), answer.text
        assert (await browser.get("/session")).json()["user"]["email"] == "ada@acme.example"
        again = await stair.browser().post(ACS, data=form)
        assert (again.status_code, await stair.code(again)) == (403, "signin.replayed")
        assert stair.count("session") == 1


UNINVITED_FAULTS = [
    # code                            what differs
    ("saml.in_response_to",           {"in_response_to": "_some-request"}),
    ("saml.response_in_response_to",  {"response_in_response_to": "_some-request"}),
    ("saml.recipient",                {"recipient": f"{BASE}/saml/other-saml/acs"}),
    ("saml.signature",                {"key": "another"}),
    ("saml.unsigned",                 {"sign": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "knobs"), UNINVITED_FAULTS)
async def test_what_is_accepted_uninvited_keeps_every_rule(
    tmp_path: Path, code: str, knobs: dict[str, Any]
) -> None:
    async with standing(tmp_path, acme_saml={"unsolicited": "accept"}) as stair:
        answer = await stair.browser().post(ACS, data=uninvited(stair, **knobs))
        assert (answer.status_code, await stair.code(answer)) == (403, code)
        assert stair.count("session") == 0


async def test_an_invited_answer_of_another_browser_is_not_let_in_as_uninvited(tmp_path: Path) -> None:
    async with standing(tmp_path, acme_saml={"unsolicited": "accept"}) as stair:
        form = await stair.saml(stair.browser())
        other = stair.browser()
        await stair.begin(other, "acme-saml")  # has a binder of its own
        answer = await other.post(ACS, data=form)
        assert (answer.status_code, await stair.code(answer)) == (400, "signin.browser")
        stripped = {"SAMLResponse": form["SAMLResponse"]}
        answer = await other.post(ACS, data=stripped)
        # With request id and without handle: which of the two rules speaks first does not matter.
        assert (answer.status_code, await stair.code(answer)) == (403, "saml.response_in_response_to")


async def test_a_connection_may_start_over_instead(tmp_path: Path) -> None:
    keys = {"unsolicited": "restart", "landing_paths": ["/account"]}
    async with standing(tmp_path, acme_saml=keys) as stair:
        browser = stair.browser()
        # Nothing of the message is used: not even a signature is looked at.
        answer = await browser.post(ACS, data=uninvited(stair, sign="none"))
        assert (answer.status_code, stair.count("session")) == (303, 0)
        goal = urlsplit(answer.headers["location"])
        assert (goal.path, parse_qs(goal.query)) == ("/login/acme-saml", {"return_to": ["/account"]})
        asked = await stair.begin(browser, "acme-saml")
        done = await browser.post(ACS, data=saml_answer(asked, now=NOW))
        assert (done.status_code, done.headers["location"]) == (303, "/account")


async def test_starting_over_does_not_go_round_and_round(tmp_path: Path) -> None:
    async with standing(tmp_path, acme_saml={"unsolicited": "restart"}) as stair:
        browser = stair.browser()
        assert (await browser.post(ACS, data=uninvited(stair))).status_code == 303
        answer = await browser.post(ACS, data=uninvited(stair))
        assert (answer.status_code, await stair.code(answer)) == (400, "signin.restarted")
        assert (await stair.browser().post(ACS, data=uninvited(stair))).status_code == 303  # another browser


ALIAS = "/sso/saml2/acs"


async def test_a_further_path_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    async with standing(tmp_path, acme_saml={"acs_paths": [ALIAS]}) as stair:
        browser = stair.browser()
        asked = await stair.begin(browser, "acme-saml")
        request = bindings.decode_redirect(httpx2.URL("/", params=asked).query.decode()).message
        root = xml.parse(request, octets=10_000, elements=100)
        assert root.get("AssertionConsumerServiceURL") == BASE + ALIAS
        told = {"destination": BASE + ALIAS, "recipient": BASE + ALIAS}
        answer = await browser.post(ALIAS, data=saml_answer(asked, now=NOW, **told))
        assert (answer.status_code, answer.headers["location"]) == (303, "/account"), answer.text
        metadata = (await browser.get("/saml/acme-saml/metadata")).text
        assert f'Location="{BASE}{ALIAS}"' in metadata
        assert f'Location="{BASE}{ACS}"' in metadata


async def test_each_path_takes_what_was_sent_to_it_alone(tmp_path: Path) -> None:
    async with standing(tmp_path, acme_saml={"acs_paths": [ALIAS]}) as stair:
        for arrives, names in ((ALIAS, ACS), (ACS, ALIAS)):
            browser = stair.browser()
            asked = await stair.begin(browser, "acme-saml")
            told: dict[str, Any] = {"destination": None, "recipient": BASE + names}
            answer = await browser.post(arrives, data=saml_answer(asked, now=NOW, **told))
            assert (answer.status_code, await stair.code(answer)) == (403, "saml.recipient")
        for path in (ALIAS + "/", ALIAS.upper(), "/sso/saml2"):
            assert (await stair.browser().post(path, data={})).status_code == 404


async def test_a_request_may_be_posted(tmp_path: Path) -> None:
    async with standing(tmp_path, acme_saml={"request_binding": "post", "sign_requests": "always"}) as stair:
        browser = stair.browser(accept="text/html")
        page = await browser.get("/login/acme-saml")
        idp = stair.idps["acme-saml"]
        assert page.status_code == 200
        assert f'action="{unescape(idp.sso_url)}' in page.text
        assert "data-submit" in page.text
        assert "<button" in page.text
        policy = page.headers["content-security-policy"]
        assert "form-action http://127.0.0.1:1 https: 'self'" in policy
        assert cookies.BINDER in browser.cookies


async def test_what_was_asked_must_have_been_done(tmp_path: Path) -> None:
    keys = {"force_authn": True}
    async with standing(tmp_path, acme_saml=keys) as stair:
        browser = stair.browser()
        form = await stair.saml(browser, authn_instant="2026-11-21T11:50:00Z")
        answer = await browser.post(ACS, data=form)
        assert (answer.status_code, await stair.code(answer)) == (403, "saml.authn_instant")


@pytest.mark.parametrize("name", ["xmlsec", "python3-saml"])
async def test_a_second_opinion_refuses_but_never_admits(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onelogin.saml2.utils import OneLogin_Saml2_Utils

    # python3-saml reads the clock itself.
    monkeypatch.setattr(OneLogin_Saml2_Utils, "now", staticmethod(lambda: int(NOW.timestamp())))
    async with standing(tmp_path, acme_saml={"second_opinion": name}) as stair:
        browser = stair.browser()
        answer = await browser.post(ACS, data=await stair.saml(browser))
        assert answer.status_code == 303, answer.text
        answer = await browser.post(ACS, data=await stair.saml(browser, key="another"))
        assert await stair.code(answer) == "saml.signature"


async def test_a_second_opinion_that_says_no_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from onelogin.saml2.utils import OneLogin_Saml2_Utils

    monkeypatch.setattr(OneLogin_Saml2_Utils, "now", staticmethod(lambda: int(NOW.timestamp())))
    async with standing(tmp_path, acme_saml={"second_opinion": "python3-saml"}) as stair:
        browser = stair.browser()
        late = timedelta(seconds=-30)  # within our skew, which it does not apply there
        answer = await browser.post(ACS, data=await stair.saml(browser, confirmation_not_on_or_after=late))
        assert (answer.status_code, await stair.code(answer)) == (403, "saml.second_opinion")
        assert stair.count("session") == 0


async def test_all_that_is_shown_is_published_together(tmp_path: Path) -> None:
    async with standing(tmp_path) as stair:
        answer = await stair.browser().get("/saml/metadata")
        assert answer.headers["content-type"] == "application/samlmetadata+xml"
        assert f'entityID="{BASE}/saml/acme-saml/metadata"' in answer.text
        assert "other-saml" not in answer.text  # it is not visible
