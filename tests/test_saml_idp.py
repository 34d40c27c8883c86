"""The development SAML IdP: whom it answers, what its pages do, what it refuses to bind."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from lxml import etree
from saml_peer import ACS, IDP, NOW, REQUEST, SP, expected
from starlette.testclient import TestClient

from federation import clock
from federation.demo.loopback import loopback_only
from federation.demo.saml_faults import FAULTS
from federation.demo.saml_idp import COOKIE, SamlIdp
from federation.demo.saml_requests import PERSISTENT, TRANSIENT, UNSPECIFIED, ServiceProvider
from federation.demo.saml_response import Knobs
from federation.demo.saml_signing import (
    SignatureKnobs,
    SigningKey,
    algorithm,
    make_key,
    make_value,
    sign,
)
from federation.demo.users import USERS
from federation.errors import AssertionRefused
from federation.saml import bindings, certificates, metadata, outgoing, service_provider
from federation.saml.xml import DS, EMAIL_ADDRESS, SAML, SAMLP


@pytest.fixture(scope="module")
def idp() -> SamlIdp:
    return SamlIdp(entity_id=IDP, base_url="https://idp.example", service_providers={SP: ACS})


@pytest.fixture
def browser(idp: SamlIdp) -> Iterator[TestClient]:
    with TestClient(idp.app(), base_url="https://idp.example") as client:
        yield client


ASKS: dict[str, Any] = {
    "sp_entity_id": SP,
    "name_id_policy": True,
    "name_id_format": EMAIL_ADDRESS,
    "allow_create": True,
    "force_authn": False,
    "is_passive": False,
    "authn_context": (),
    "comparison": "exact",
    "acs_index": None,
    "hint_in_subject": False,
}


def request(*, acs_url: str = ACS, **other: Any) -> bytes:
    return outgoing.build_authn_request(
        outgoing.AuthnAsks(**ASKS | other),
        request_id=REQUEST,
        destination="https://idp.example/sso",
        acs_url=acs_url,
        now=NOW,
        login_hint="",
    )


def request_url(sign: Callable[[str], str] | None = None, **other: Any) -> str:
    return bindings.encode_redirect(
        "https://idp.example/sso",
        name="SAMLRequest",
        message=request(**other),
        relay_state='a"&b',
        sign=sign,
    )


@cache
def our_key() -> SigningKey:
    return make_key(now=NOW)


def signing_sp() -> ServiceProvider:
    key = certificates.read_key(our_key().certificate)
    return ServiceProvider(acs_urls=(ACS, f"{ACS}/2"), slo_url="https://sp.example/saml/acme/slo", key=key)


def sign_query(query: str) -> str:
    signed = f"{query}&SigAlg={quote(algorithm('rsa-sha256'), safe='')}"
    value = bindings.encode_post(make_value(our_key(), "rsa-sha256", signed.encode()))
    return f"{signed}&Signature={quote(value, safe='')}"


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
    assert (read.sso_redirect_url, read.sso_post_url) == (idp.sso_url, idp.sso_url)
    assert (read.slo_redirect_url, read.slo_post_url) == ("", "")  # nobody is registered for it
    assert not read.wants_signed_requests


@pytest.fixture(scope="module")
def strict() -> SamlIdp:
    """One that answers signed requests only."""
    return SamlIdp(
        entity_id=IDP,
        base_url="https://idp.example",
        service_providers={SP: signing_sp()},
        wants_signed_requests=True,
        clock=lambda: NOW,
    )


@pytest.fixture
def visitor(strict: SamlIdp) -> Iterator[TestClient]:
    with TestClient(strict.app(), base_url="https://idp.example") as client:
        yield client


def test_the_metadata_says_what_it_wants_and_where_it_signs_out(strict: SamlIdp) -> None:
    read = metadata.read_metadata(strict.metadata(), entity_id=IDP, development=False, now=NOW, signers=())
    assert read.wants_signed_requests
    assert {read.slo_redirect_url, read.slo_post_url} == {"https://idp.example/slo"}


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (request_url(), 400),
        (request_url(sign=sign_query), 200),
        (request_url(sign=sign_query).replace("RelayState=", "RelayState=x"), 400),
        (request_url(sign=sign_query, acs_url=f"{ACS}/2"), 200),
        (request_url(sign=sign_query, acs_index=1), 200),
        (request_url(sign=sign_query, acs_index=2), 400),
        (request_url(sign=sign_query, name_id_format="urn:x"), 400),
    ],
)
def test_a_signed_request_is_verified(visitor: TestClient, url: str, status: int) -> None:
    assert visitor.get(url).status_code == status


def posted(document: bytes) -> dict[str, str]:
    return {"SAMLRequest": bindings.encode_post(document), "RelayState": "r"}


def signed_document() -> bytes:
    root = etree.fromstring(request())
    root.insert(1, etree.Element(DS + "Signature"))
    sign(root, our_key(), SignatureKnobs())
    return bytes(etree.tostring(root))


def test_a_request_by_post_is_answered(strict: SamlIdp, visitor: TestClient) -> None:
    assert visitor.post("/sso", data=posted(request())).status_code == 400  # not signed
    assert visitor.post("/sso", data=posted(signed_document().replace(b"acme", b"acne"))).status_code == 400
    page = visitor.post("/sso", data=posted(signed_document()))
    action = re.search(r'action="(/sso[?]ticket=[^"]+)"', page.text)
    assert action
    fields = sent(visitor.post(action[1], data={"login": "ada", "password": "ada"}).text)
    assert (judge_at(strict, fields["SAMLResponse"]), fields["RelayState"]) == ("ada@acme.example", "r")
    assert visitor.get("/sso?ticket=other").status_code == 400


def judge_at(idp: SamlIdp, encoded: str) -> str:
    known = metadata.read_metadata(idp.metadata(), entity_id=None, development=False, now=NOW, signers=())
    document = bindings.decode_post(encoded)
    return service_provider.accept(document, expected(idp=known), decryption_keys=()).subject.value


def said(page: str) -> Any:
    """Return the response that a page carries."""
    return etree.fromstring(bindings.decode_post(sent(page)["SAMLResponse"]))


LOGIN = {"login": "bob", "password": "bob"}


@pytest.mark.parametrize(
    ("wanted", "named"),
    [(EMAIL_ADDRESS, "bob@acme.example"), (UNSPECIFIED, "bob"), (PERSISTENT, ""), (TRANSIENT, "")],
)
def test_a_person_is_named_as_asked(browser: TestClient, wanted: str, named: str) -> None:
    url = request_url(name_id_format=wanted)
    first = said(browser.post(url, data=LOGIN).text).find(f".//{SAML}NameID")
    again = said(browser.post(url, data=LOGIN).text).find(f".//{SAML}NameID")
    assert first.get("Format") == wanted
    assert first.text == named or not named
    assert (first.text == again.text) == (wanted != TRANSIENT)


def test_the_session_index_stays_for_a_session(browser: TestClient) -> None:
    url = request_url()
    pages = [browser.post(url, data=form).text for form in (LOGIN, {"continue": "1"}, LOGIN)]
    first, again, other = [said(page).find(f".//{SAML}AuthnStatement").get("SessionIndex") for page in pages]
    assert first == again != other


def test_what_cannot_be_had_is_reported(browser: TestClient) -> None:
    def codes(url: str) -> list[str]:
        root = said(browser.get(url).text)
        assert root.find(f"{SAML}Assertion") is None
        return [one.get("Value").rpartition(":")[2] for one in root.iter(SAMLP + "StatusCode")]

    assert codes(request_url(is_passive=True)) == ["Responder", "NoPassive"]
    assert codes(request_url(authn_context=("urn:x",))) == ["Responder", "NoAuthnContext"]
    browser.post(request_url(), data=LOGIN)
    assert codes(request_url(is_passive=True, force_authn=True)) == ["Responder", "NoPassive"]
    passive = said(browser.get(request_url(is_passive=True)).text)
    assert passive.find(f".//{SAML}NameID").text == "bob@acme.example"


def test_force_authn_asks_for_the_password(browser: TestClient) -> None:
    browser.post(request_url(), data=LOGIN)
    forced = request_url(force_authn=True)
    assert "Continue as" not in browser.get(forced).text
    assert browser.post(forced, data={"continue": "1"}).status_code == 401


def test_a_tile_answers_nobody(idp: SamlIdp, browser: TestClient) -> None:
    browser.post(request_url(), data=LOGIN)
    link = re.search(r'href="(tile[^"]+)"', browser.get("/").text)
    assert link
    assert browser.get(f"/{link[1]}&RelayState=/there").status_code == 200
    page = browser.post(f"/{link[1]}&RelayState=/there", data={"continue": "1"}).text
    assert sent(page)["RelayState"] == "/there"
    assert said(page).get("InResponseTo") is None
    assert judge(idp, sent(page)["SAMLResponse"]) == "saml.in_response_to"
    assert browser.get("/tile?sp=other").status_code == 400


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
