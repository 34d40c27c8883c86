"""The development SAML IdP: whom it answers, what its pages do, what it refuses to bind."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import escape
from urllib.parse import parse_qs, urlsplit

import pytest
from saml_peer import ACS, IDP, NOW, REQUEST, SP, expected, trusted
from starlette.testclient import TestClient
from test_saml_start import requests

from federation import clock
from federation.demo.loopback import loopback_only
from federation.demo.saml_faults import FAULTS
from federation.demo.saml_idp import COOKIE, SamlIdp
from federation.demo.saml_response import Knobs
from federation.demo.users import USERS
from federation.errors import AssertionRefused
from federation.saml import bindings, metadata, service_provider


@pytest.fixture(scope="module")
def idp() -> SamlIdp:
    return SamlIdp(entity_id=IDP, base_url="https://idp.example", service_providers={SP: ACS})


@pytest.fixture
def browser(idp: SamlIdp) -> Iterator[TestClient]:
    with TestClient(idp.app(), base_url="https://idp.example") as client:
        yield client


def request_url(*, sp_entity_id: str = SP, acs_url: str = ACS) -> str:
    asked = requests(acs_url=acs_url)
    asked = replace(asked, asks=replace(asked.asks, sp_entity_id=sp_entity_id))
    return service_provider.start(
        trusted(), asked, request_id=REQUEST, relay_state='a"&b', login_hint="", now=NOW
    ).url


def sent(text: str) -> dict[str, str]:
    """Return the fields of the page that carries the answer."""
    from html import unescape

    fields = re.findall(r'name="(\w+)" value="([^"]*)"', text)
    return {name: unescape(value) for name, value in fields}


def judge(idp: SamlIdp, encoded: str) -> str:
    now = clock.now()
    known = metadata.read_metadata(idp.metadata(), entity_id=None, development=False, now=NOW, signers=())
    want = expected(idp=known, now=now, asked_at=now, skew=timedelta(0))
    try:
        return service_provider.accept(bindings.decode_post(encoded), want, decryption_keys=()).subject.value
    except AssertionRefused as refusal:
        return refusal.code


def test_a_person_signs_in(idp: SamlIdp, browser: TestClient) -> None:
    page = browser.get(request_url())
    assert page.status_code == 200
    assert all(escape(user.why) in page.text for user in USERS.values())
    action = re.search(r'action="([^"]+)"', page.text)
    assert action
    answer = browser.post(action[1].replace("&amp;", "&"), data={"login": "ada", "password": "ada"})
    fields = sent(answer.text)
    assert fields["RelayState"] == 'a"&b'
    assert judge(idp, fields["SAMLResponse"]) == "ada@acme.example"
    assert "form-action 'self' https://sp.example;" in answer.headers["content-security-policy"]
    assert "<button>" in answer.text
    assert f'action="{ACS}"' in answer.text


def test_the_script_of_the_page_is_the_one_that_its_policy_allows(browser: TestClient) -> None:
    import base64
    import hashlib

    answer = browser.post(request_url(), data={"login": "ada", "password": "ada"})
    script = re.search(r"<script>(.*?)</script>", answer.text)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_a_session_offers_to_go_on(idp: SamlIdp, browser: TestClient) -> None:
    assert "Continue as" not in browser.get(request_url()).text
    browser.post(request_url(), data={"login": "bob", "password": "bob"})
    assert COOKIE in browser.cookies
    assert "Continue as Bob Builder" in browser.get(request_url()).text
    fields = sent(browser.post(request_url(), data={"continue": "1"}).text)
    assert judge(idp, fields["SAMLResponse"]) == "bob@acme.example"
    assert "Bob" in browser.get("/").text
    browser.post("/logout")
    assert "Nobody" in browser.get("/").text
    assert browser.post(request_url(), data={"continue": "1"}).status_code == 401


@pytest.mark.parametrize(
    "form", [{}, {"login": "ada"}, {"login": "ada", "password": "bob"}, {"login": "eve"}]
)
def test_a_wrong_password_shows_the_form_again(browser: TestClient, form: dict[str, str]) -> None:
    answer = browser.post(request_url(), data=form)
    assert answer.status_code == 401
    assert "Wrong user or password" in answer.text
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize("fault", FAULTS)
def test_the_select_breaks_one_rule(idp: SamlIdp, browser: TestClient, fault: str) -> None:
    answer = browser.post(request_url(), data={"login": "zoe", "password": "zoe", "break": fault})
    assert judge(idp, sent(answer.text)["SAMLResponse"]) == FAULTS[fault].code


@pytest.mark.parametrize(
    "url",
    [
        "/sso",
        "/sso?SAMLRequest=x",
        request_url(sp_entity_id="https://other.example"),
        request_url(acs_url=ACS + "/evil"),
        request_url().replace("SAMLRequest", "SAMLResponse"),
    ],
)
def test_nobody_else_is_answered(browser: TestClient, url: str) -> None:
    for answer in (browser.get(url), browser.post(url, data={"login": "ada", "password": "ada"})):
        assert answer.status_code == 400
        assert "SAMLResponse" not in answer.text or "value=" not in answer.text
        assert COOKIE not in browser.cookies


def test_the_metadata_is_served(idp: SamlIdp, browser: TestClient) -> None:
    answer = browser.get("/metadata")
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    read = metadata.read_metadata(answer.content, entity_id=IDP, development=False, now=NOW, signers=())
    assert read.sso_url == idp.sso_url


def test_a_login_url_carries_one_request() -> None:
    assert list(parse_qs(urlsplit(request_url()).query)) == ["SAMLRequest", "RelayState"]


def test_a_knob_that_finds_nothing_is_an_error(idp: SamlIdp) -> None:
    with pytest.raises(ValueError, match="not in the message"):
        idp.response(
            user=USERS["ada"],
            acs_url=ACS,
            sp_entity_id=SP,
            request_id=REQUEST,
            now=NOW,
            tamper=(("nowhere", ""),),
        )
    assert Knobs().sign == "assertion"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_loopback_is_bound(host: str) -> None:
    loopback_only(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.evil.example"])  # noqa: S104
def test_nothing_else_is_bound(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        loopback_only(host)
