"""Sign out for real, here and at SimpleSAMLphp, by Redirect and by POST: who is out, and who is not.

Every message of SimpleSAMLphp is signed and every one of ours is checked by it, where a test
does not say otherwise.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from acme import registered, sp
from drive import Browser, Message
from providers import PEOPLE, SimpleSamlPhp
from service import Service

pytestmark = pytest.mark.providers

CONNECTIONS: dict[str, dict[str, Any]] = {
    "one": {},
    "two": {},
    "posts": {},  # its copy of their metadata offers POST alone, as theirs of ours does
    "persistent": {"name_id_format": "persistent"},
    "transient": {"name_id_format": "transient", "subject_attribute": "uid"},
    "local": {"logout": "local"},
}
FULL, PARTIAL, FAILED, UNTOLD = "outcome=full", "outcome=partial", "outcome=failed", ""


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    by_redirect = rb'<md:SingleLogoutService Binding="[^"]*HTTP-Redirect"[^>]*/>'
    posting, count = re.subn(by_redirect, b"", simplesamlphp_server.metadata())
    assert count == 1
    (directory / "posting.xml").write_bytes(posting)
    posts = {"metadata": {"file": str(directory / "posting.xml")}}
    with registered(directory, simplesamlphp_server, CONNECTIONS | {"posts": posts}) as running:
        yield running


@pytest.fixture
def idp(simplesamlphp: SimpleSamlPhp, service: Service) -> SimpleSamlPhp:
    simplesamlphp.variant("logout-by-post", sp=sp(service, "posts"))
    return simplesamlphp


@pytest.fixture
def browser(idp: SimpleSamlPhp) -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def another(idp: SimpleSamlPhp) -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def is_known_there(service: Service, browser: Browser) -> bool:
    """Tell whether SimpleSAMLphp lets this browser in without a password."""
    page = browser.go(service.url("/login/two?return_to=/session"))
    return "password" not in page.text


def logout_messages(browser: Browser) -> list[tuple[str, str]]:
    """Return what was said about logout, and how it went, in order."""
    seen = [message for message in browser.messages if b"Logout" in message.xml[:200]]
    return [(message.kind, message.binding) for message in seen]


def last(browser: Browser, kind: str) -> Message:
    return [message for message in browser.messages if message.kind == kind][-1]


def sign_out_there(service: Service, browser: Browser, idp: SimpleSamlPhp, **how: Any) -> Any:
    return browser.go(idp.sign_out_url(service.url("/healthz")), **how)


def test_whoever_asks_to_leave_is_told_how_far_it_goes(service: Service, browser: Browser) -> None:
    service.sign_in(browser, "one", PEOPLE["alice"])
    assert "everything else" in browser.request("GET", service.url("/logout")).text


def told(page: httpx2.Response) -> str:
    """Return which outcome the page tells of."""
    assert (page.status_code, page.url.path) == (200, "/logout")
    return page.url.query.decode()


BINDINGS = {"one": "redirect", "posts": "post", "persistent": "redirect", "transient": "redirect"}


@pytest.mark.parametrize("connection", BINDINGS)
def test_out_from_here_is_out_everywhere(
    service: Service, browser: Browser, another: Browser, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["alice"])
    service.sign_in(another, connection, PEOPLE["bob"])
    page = service.sign_out(browser)
    assert told(page) == FULL
    by = BINDINGS[connection]
    assert logout_messages(browser) == [("SAMLRequest", by), ("SAMLResponse", by)]
    assert service.is_nobody(browser)
    assert not is_known_there(service, browser)
    assert not service.is_nobody(another)


@pytest.mark.parametrize("connection", BINDINGS)
def test_out_from_there_is_out_here(
    service: Service, browser: Browser, another: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["alice"])
    service.sign_in(another, connection, PEOPLE["alice"])  # in another browser, another session of theirs
    page = sign_out_there(service, browser, idp)
    assert page.text == "ok\n"  # they went on: our answer was good
    by = BINDINGS[connection]
    assert logout_messages(browser) == [("SAMLRequest", by), ("SAMLResponse", by)]
    assert last(browser, "SAMLResponse").url.startswith(idp.slo_url)
    assert service.is_nobody(browser)
    assert "session" not in browser.client.cookies
    assert not service.is_nobody(another)


@pytest.mark.parametrize("connection", ["one", "posts"])
def test_out_from_there_by_an_encrypted_name(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    by_post = ["logout-by-post"] if connection == "posts" else []
    idp.variant("encrypted-name-id", *by_post, sp=sp(service, connection))
    service.sign_in(browser, connection, PEOPLE["zoe"])
    assert sign_out_there(service, browser, idp).text == "ok\n"
    asked = last(browser, "SAMLRequest").xml
    assert b"EncryptedID" in asked
    assert b"zoe@" not in asked  # base64 holds three letters by chance, and no @
    assert b"NameID>zoe" not in asked
    assert service.is_nobody(browser)


@pytest.mark.parametrize("connection", ["one", "posts"])
def test_out_from_here_after_an_encrypted_name(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    by_post = ["logout-by-post"] if connection == "posts" else []
    idp.variant("encrypted-name-id", "encrypted", *by_post, sp=sp(service, connection))
    service.sign_in(browser, connection, PEOPLE["zoe"])
    assert told(service.sign_out(browser)) == FULL


@pytest.fixture
def twice(service: Service, browser: Browser, another: Browser) -> str:
    """Sign in at two connections by one session of theirs; return the cookie of the first."""
    service.sign_in(browser, "one", PEOPLE["alice"])
    first = str(browser.client.cookies["session"])
    browser.client.cookies.delete("session")  # or the second session would take the first one's place
    assert is_known_there(service, browser)
    another.client.cookies.set("session", first, domain="localhost.local")
    assert service.who(another)["connection"] == "one"
    assert service.who(browser)["connection"] == "two"
    return first


@pytest.mark.usefixtures("twice")
def test_out_of_one_is_out_of_the_other(service: Service, browser: Browser, another: Browser) -> None:
    assert told(service.sign_out(browser)) == FULL
    asked, relayed, answered, done = logout_messages(browser)
    assert (asked, relayed) == (("SAMLRequest", "redirect"), ("SAMLRequest", "redirect"))
    assert (answered, done) == (("SAMLResponse", "redirect"), ("SAMLResponse", "redirect"))
    assert service.is_nobody(browser)
    assert service.is_nobody(another)


@pytest.mark.usefixtures("twice")
def test_out_from_there_is_out_of_both(
    service: Service, browser: Browser, another: Browser, idp: SimpleSamlPhp
) -> None:
    assert sign_out_there(service, browser, idp).text == "ok\n"
    assert len(logout_messages(browser)) == 4
    assert service.is_nobody(browser)
    assert service.is_nobody(another)


@pytest.mark.usefixtures("twice")
def test_who_could_not_be_signed_out_everywhere_is_told(
    service: Service, browser: Browser, another: Browser, idp: SimpleSamlPhp
) -> None:
    idp.variant("no-logout", sp=sp(service, "one"))
    assert told(service.sign_out(browser)) == PARTIAL
    assert service.is_nobody(browser)
    assert not service.is_nobody(another)


def test_local_logout_asks_nobody(service: Service, browser: Browser) -> None:
    service.sign_in(browser, "local", PEOPLE["alice"])
    assert "may keep you signed in" in browser.request("GET", service.url("/logout")).text
    assert told(service.sign_out(browser)) == UNTOLD
    assert logout_messages(browser) == []
    assert service.is_nobody(browser)
    assert is_known_there(service, browser)


UNSIGNED = {"one": "saml.query_unsigned", "posts": "saml.unsigned"}


def unsigned(idp: SimpleSamlPhp, service: Service, connection: str) -> None:
    by_post = ["logout-by-post"] if connection == "posts" else []
    idp.variant("unsigned-logout", *by_post, sp=sp(service, connection))


@pytest.mark.parametrize("connection", UNSIGNED)
def test_an_unsigned_request_ends_nothing(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    unsigned(idp, service, connection)
    service.sign_in(browser, connection, PEOPLE["alice"])
    page = sign_out_there(service, browser, idp)
    assert (page.status_code, service.code_of(page)) == (403, UNSIGNED[connection])
    assert not service.is_nobody(browser)


@pytest.mark.parametrize("connection", UNSIGNED)
def test_an_unsigned_answer_counts_for_nothing(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    unsigned(idp, service, connection)
    service.sign_in(browser, connection, PEOPLE["alice"])
    page = service.sign_out(browser)
    assert told(page) == FAILED
    assert service.newest_code() == UNSIGNED[connection]
    assert service.is_nobody(browser)


@pytest.mark.parametrize("connection", ["one", "posts"])
def test_a_request_is_good_once_and_as_it_was_sent(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["alice"])
    slo = service.url(f"/saml/{connection}/slo")
    sign_out_there(service, browser, idp, stop=lambda url: url.startswith(slo))
    hop = browser.hops[-1]
    assert hop.status == 0
    with Browser() as thief:  # no cookie is needed: it names the session, and is signed
        method = "POST" if hop.data else "GET"
        changed = thief.request(method, *other(hop.url, hop.data))
        assert (changed.status_code, service.code_of(changed)) in CHANGED
        assert not service.is_nobody(browser)
        assert thief.request(method, hop.url, hop.data or None).status_code in {200, 303}
        assert service.is_nobody(browser)
        again = thief.request(method, hop.url, hop.data or None)
        assert (again.status_code, service.code_of(again)) == (403, "signin.replayed")


CHANGED = {(403, "saml.signature"), (403, "saml.digest")}


def other(url: str, data: Any) -> tuple[str, dict[str, str] | None]:
    """Change a request: its RelayState by redirect, its issuer by POST."""
    if not data:
        assert "&RelayState=" in url
        return url.replace("&RelayState=", "&RelayState=x"), None
    xml = base64.b64decode(data["SAMLRequest"])
    changed = xml.replace(b"alice@acme.example", b"bob@acme.example")
    assert changed != xml
    return url, {**data, "SAMLRequest": base64.b64encode(changed).decode()}


def test_they_check_our_requests(service: Service, browser: Browser, idp: SimpleSamlPhp) -> None:
    service.sign_in(browser, "one", PEOPLE["alice"])
    service.sign_out(browser, stop=lambda url: url.startswith(idp.slo_url))
    url = browser.hops[-1].url
    for fault in (url.replace("&RelayState=", "&RelayState=x"), url.partition("&SigAlg=")[0]):
        assert "Unhandled exception" in browser.request("GET", fault).text
    assert is_known_there(service, browser)


def test_an_answer_from_before_the_logout_comes_too_late(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    acs = service.url("/saml/one/acs")
    browser.go(service.url("/login/one"), PEOPLE["alice"], stop=lambda url: url == acs)
    hop = browser.hops[-1]
    assert sign_out_there(service, browser, idp).text == "ok\n"
    page = browser.request("POST", hop.url, hop.data)
    assert (page.status_code, service.code_of(page)) == (400, "signin.logged_out")
    assert service.is_nobody(browser)
    service.sign_in(browser, "one", PEOPLE["alice"])  # anew is well
