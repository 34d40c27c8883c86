"""Sign in by SAML for real, in every variant of SimpleSAMLphp, and be refused in as many.

The service runs as its own process; its one signed metadata document, with everything in it,
is how SimpleSAMLphp knows each of its connections.
"""

import base64
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2
import pytest
from acme import is_person, refusal, registered, sp, subject
from drive import Browser
from providers import NAME_IDS, PEOPLE, SimpleSamlPhp
from service import Service

pytestmark = pytest.mark.providers

TARGETED_ID = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
CBC = {"allow": "cbc", "reason": "SimpleSAMLphp 1.19 has nothing else", "until": "2099-12-31"}
SHARED = "urn:acme:sp"
CONNECTIONS: dict[str, dict[str, Any]] = {
    "usual": {},
    "persistent": {"name_id_format": "persistent"},
    "transient": {"name_id_format": "transient", "subject_attribute": "uid"},
    "unspecified": {"name_id_format": "unspecified"},
    "keyed": {"subject_attribute": "uid"},
    "targeted": {"subject_attribute": TARGETED_ID},
    "unasked": {"name_id_policy": False},
    "excepted": {"exceptions": [CBC]},
    "either": {"signed": "either"},
    "response": {"signed": "response"},
    "assertion": {"signed": "assertion"},
    "both": {"signed": "both"},
    "signs": {"sign_requests": "always", "request_binding": "redirect"},
    "posts": {"sign_requests": "always", "request_binding": "post"},
    "forced": {"force_authn": True},
    "passive": {"is_passive": True},
    "hinted": {"login_hint": "subject"},
    "indexed": {"acs_paths": ["/old-product/acs"], "assertion_consumer_service_index": 7},
    "older": {"acs_paths": ["/older-product/acs"], "sp_entity_id": SHARED},
    "newer": {"sp_entity_id": SHARED},
    "acr": {"require": {"acr": ["urn:oasis:names:tc:SAML:2.0:ac:classes:Password"]}},
    "mfa": {"requested_authn_context": ["https://refeds.org/profile/mfa"]},
    "xmlsec": {"second_opinion": "xmlsec"},
    "toolkit": {"second_opinion": "python3-saml"},
    "refuse": {},
    "restart": {"unsolicited": "restart", "landing_paths": ["/session"]},
    "accept": {"unsolicited": "accept", "landing_paths": ["/account", "/session"]},
}


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    with registered(directory, simplesamlphp_server, CONNECTIONS) as running:
        yield running


@pytest.fixture
def idp(simplesamlphp: SimpleSamlPhp) -> SimpleSamlPhp:
    """SimpleSAMLphp at its defaults; it knows us only by a signature of our key."""
    simplesamlphp.variant(**{"rig.signer": "sp.crt"})
    return simplesamlphp


@pytest.fixture
def browser(idp: SimpleSamlPhp) -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def sent(browser: Browser) -> str:
    """Return the Response that came, as text."""
    return browser.last_response().xml.decode()


def name_id(browser: Browser) -> str:
    found = re.search(r"<saml:NameID [^>]*>([^<]+)</saml:NameID>", sent(browser))
    assert found, sent(browser)
    return found[1]


# Who somebody is


@pytest.mark.parametrize("login", ["alice", "bob", "zoe"])
def test_an_address_is_the_name(service: Service, browser: Browser, login: str) -> None:
    said = service.sign_in(browser, "usual", PEOPLE[login])
    is_person(said, login)
    names = (NAME_IDS["emailAddress"], browser_idp(browser), sp(service, "usual"))
    assert subject(service, said) == (browser_idp(browser), *names, PEOPLE[login].email)


def browser_idp(browser: Browser) -> str:
    """Return the entity ID of who answered."""
    found = re.search(r"<saml:Issuer[^>]*>([^<]+)<", sent(browser))
    assert found
    return found[1]


@pytest.mark.parametrize("connection", ["persistent", "unspecified"])
def test_another_kind_of_name_keys_the_person_for_good(
    service: Service, browser: Browser, connection: str
) -> None:
    said = service.sign_in(browser, connection, PEOPLE["alice"])
    is_person(said, "alice")  # the address then is an attribute
    first = name_id(browser)
    assert f'Format="{NAME_IDS[connection]}"' in sent(browser)
    assert subject(service, said)[1:] == (
        NAME_IDS[connection],
        browser_idp(browser),
        sp(service, connection),
        first,
    )
    with Browser() as another:
        again = service.sign_in(another, connection, PEOPLE["alice"])
        assert (again["user"], name_id(another)) == (said["user"], first)
    with Browser() as another:
        assert service.sign_in(another, connection, PEOPLE["bob"])["user"]["id"] != said["user"]["id"]


def test_a_passing_name_stands_beside_what_keys_the_person(service: Service, browser: Browser) -> None:
    said = service.sign_in(browser, "transient", PEOPLE["zoe"])
    is_person(said, "zoe")
    with Browser() as another:
        again = service.sign_in(another, "transient", PEOPLE["zoe"])
        assert name_id(another) != name_id(browser)
    assert again["user"] == said["user"]
    assert subject(service, said) == (browser_idp(browser), "uid", "", "", "zoe")


def test_without_what_keys_the_person_nobody_enters(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    idp.variant("no-attributes", sp=sp(service, "transient"))
    assert refusal(service, browser, "transient") == "saml.subject_attribute"


def test_an_attribute_keys_the_person_in_place_of_the_address(service: Service, browser: Browser) -> None:
    said = service.sign_in(browser, "keyed", PEOPLE["alice"])
    is_person(said, "alice")
    assert subject(service, said) == (browser_idp(browser), "uid", "", "", "alice")


def test_a_targeted_id_is_a_name_in_an_attribute(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    made = {"class": "core:TargetedID", "attributename": "mail", "nameId": True}
    named = {"class": "core:AttributeMap", "0": "name2oid"}
    options = {"authproc": {"90": made, "100": named}}
    idp.variant(sp=sp(service, "targeted"), **options)
    assert refusal(service, browser, "targeted") == "saml.subject_attribute"  # its XML, sent as text
    idp.variant(sp=sp(service, "targeted"), attributeencodings={TARGETED_ID: "raw"}, **options)
    said = service.sign_in(browser, "targeted", PEOPLE["alice"])
    is_person(said, "alice")
    theirs = browser_idp(browser)
    *key, value = subject(service, said)
    assert key == [theirs, TARGETED_ID, theirs, sp(service, "targeted")]
    assert f">{value}</saml:NameID></saml:AttributeValue>" in sent(browser)


def test_no_policy_leaves_the_name_to_them(service: Service, browser: Browser) -> None:
    said = service.sign_in(browser, "unasked", PEOPLE["alice"])
    is_person(said, "alice")
    assert b"NameIDPolicy" not in browser.messages[0].xml


def test_a_name_of_another_kind_is_refused(service: Service, browser: Browser, idp: SimpleSamlPhp) -> None:
    idp.variant(sp=sp(service, "unasked"), NameIDFormat=NAME_IDS["persistent"])
    assert refusal(service, browser, "unasked") == "saml.name_id_format"


# Encryption


ENCRYPTED = [
    # what is encrypted                                             how often EncryptedData stands there
    (("encrypted",), 1),
    (("encrypted-name-id",), 1),
    (("encrypted", "encrypted-name-id"), 1),
    (("encrypted-name-id", "sign-assertion-only"), 1),  # its signature covers the ciphertext
    (("encrypted", "sign-response-only"), 1),
]


@pytest.mark.parametrize(("variants", "count"), ENCRYPTED)
def test_what_is_encrypted_to_our_published_key_is_read(
    service: Service, browser: Browser, idp: SimpleSamlPhp, variants: tuple[str, ...], count: int
) -> None:
    idp.variant(*variants, sp=sp(service, "usual"))
    said = service.sign_in(browser, "usual", PEOPLE["zoe"])
    is_person(said, "zoe")
    assert sent(browser).count("<xenc:EncryptedData ") == count
    assert "zoe@acme.example" not in sent(browser)[: sent(browser).find("AttributeStatement")]
    assert 'Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"' in sent(browser)


def test_cbc_that_no_signature_covers_needs_an_exception(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    for connection in ("usual", "excepted"):
        idp.variant("encrypted", "sign-assertion-only", sp=sp(service, connection))
    assert refusal(service, browser, "usual") == "saml.encryption_algorithm"
    with Browser() as another:
        is_person(service.sign_in(another, "excepted", PEOPLE["alice"]), "alice")


# Signatures


WANTED = ("either", "response", "assertion", "both")
SIGNED = {
    # what is signed         which connections take it
    "sign-response-only": {"either", "response"},
    "sign-assertion-only": {"either", "assertion"},
    "": {"either", "response", "assertion", "both"},
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("variant", SIGNED)
def test_what_must_be_signed_is(
    service: Service, browser: Browser, idp: SimpleSamlPhp, variant: str, wanted: str
) -> None:
    idp.variant(*filter(None, [variant]), sp=sp(service, wanted))
    if wanted in SIGNED[variant]:
        is_person(service.sign_in(browser, wanted, PEOPLE["alice"]), "alice")
        assert sent(browser).count("<ds:SignatureValue>") == (1 if variant else 2)
    else:
        assert refusal(service, browser, wanted) == "saml.signed"


@pytest.mark.parametrize("login", ["alice", "zoe"])
@pytest.mark.parametrize(
    ("variant", "mark"), [("sha512", "xmldsig-more#rsa-sha512"), ("oid", 'Name="urn:oid:2.5.4.42"')]
)
def test_other_algorithms_and_names(
    service: Service, browser: Browser, idp: SimpleSamlPhp, variant: str, mark: str, login: str
) -> None:
    idp.variant(variant, sp=sp(service, "usual"))
    is_person(service.sign_in(browser, "usual", PEOPLE[login]), login)
    assert mark in sent(browser)


# What we ask


def asked(service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str) -> tuple[str, Any]:
    """Start a sign-in and hold back the request: its URL and, of a form, its fields."""
    browser.go(service.url(f"/login/{connection}"), stop=lambda url: url.startswith(idp.sso_url))
    hop = browser.hops[-1]
    assert hop.status == 0
    return hop.url, dict(hop.data)


@pytest.mark.parametrize("connection", ["signs", "posts"])
def test_they_check_our_requests(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str
) -> None:
    is_person(service.sign_in(browser, connection, PEOPLE["alice"]), "alice")
    assert browser.messages[0].binding == {"signs": "redirect", "posts": "post"}[connection]
    assert browser.messages[0].kind == "SAMLRequest"


NOT_SIGNED = "Validation of received messages enabled, but no signature found on message."


def said_wrong(answer: httpx2.Response) -> str:
    """Return what SimpleSAMLphp's error page says was the cause."""
    found = re.search(r"Caused by: [\w\\]+: ([^\n]+)\n", answer.text)
    assert found, answer.text[-3000:]
    return found[1]


def other(xml: bytes) -> bytes:
    changed = xml.replace(b"AllowCreate", b'SPNameQualifier="x" AllowCreate')
    assert changed != xml
    return changed


def test_they_refuse_a_changed_request_by_redirect(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    url, _ = asked(service, browser, idp, "signs")
    query = dict(parse_qsl(urlsplit(url).query))
    assert list(query) == ["SAMLRequest", "RelayState", "SigAlg", "Signature"]
    assert "password" in browser.go(url).text
    packed = zlib.compress(other(zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15)))[2:-4]
    unsigned = {name: query[name] for name in ("SAMLRequest", "RelayState")}
    faults = [
        (query | {"RelayState": "another"}, "Unable to validate signature on query string."),
        (
            query | {"SAMLRequest": base64.b64encode(packed).decode()},
            "Unable to validate signature on query string.",
        ),
        (unsigned, NOT_SIGNED),
    ]
    for fault, cause in faults:
        answer = browser.request("GET", f"{idp.sso_url}?{urlencode(fault, quote_via=quote)}")
        assert said_wrong(answer) == cause


def test_they_refuse_a_changed_request_by_post(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    url, form = asked(service, browser, idp, "posts")
    assert url == idp.sso_url
    xml = base64.b64decode(form["SAMLRequest"])
    unsigned = re.sub(rb"<ds:Signature .*</ds:Signature>", b"", xml, flags=re.DOTALL)
    assert unsigned != xml
    for fault in (other(xml), unsigned):  # of either it says the same
        answer = browser.request("POST", url, form | {"SAMLRequest": base64.b64encode(fault).decode()})
        assert said_wrong(answer) == NOT_SIGNED
    assert "password" in browser.go(url, data=form).text


def test_a_forced_sign_in_asks_again(service: Service, browser: Browser) -> None:
    service.sign_in(browser, "usual", PEOPLE["alice"])
    page = browser.go(
        service.url("/login/usual?return_to=/session")
    )  # they know the person: nothing is asked
    assert page.json()["user"]["email"] == "alice@acme.example"
    page = browser.go(service.url("/login/forced?return_to=/session"))
    assert "password" in page.text
    is_person(service.sign_in(browser, "forced", PEOPLE["alice"]), "alice")


def test_a_passive_sign_in_asks_nothing(service: Service, browser: Browser) -> None:
    assert refusal(service, browser, "passive") == "saml.status"
    service.sign_in(browser, "usual", PEOPLE["alice"])
    is_person(browser.go(service.url("/login/passive?return_to=/session")).json(), "alice")


def test_a_hint_harms_nobody(service: Service, browser: Browser) -> None:
    browser.go(service.url("/login/hinted?login_hint=alice@acme.example"))
    assert b">alice@acme.example</saml:NameID>" in browser.messages[0].xml
    is_person(service.sign_in(browser, "hinted", PEOPLE["alice"]), "alice")


def test_another_products_acs_is_asked_for_by_its_index(service: Service, browser: Browser) -> None:
    is_person(service.sign_in(browser, "indexed", PEOPLE["alice"]), "alice")
    assert b'AssertionConsumerServiceIndex="7"' in browser.messages[0].xml
    assert browser.last_response().url == service.url("/old-product/acs")


def test_two_connections_share_a_name(service: Service, browser: Browser) -> None:
    said = [service.sign_in(browser, connection, PEOPLE["alice"]) for connection in ("older", "newer")]
    assert [message.url for message in browser.messages if message.kind == "SAMLResponse"] == [
        service.url("/older-product/acs"),
        service.url("/saml/newer/acs"),
    ]
    assert said[0]["user"] == said[1]["user"]
    assert subject(service, said[0])[3] == SHARED


def test_what_they_say_of_the_sign_in_is_asked(service: Service, browser: Browser) -> None:
    is_person(service.sign_in(browser, "acr", PEOPLE["alice"]), "alice")
    with Browser() as another:
        assert refusal(service, another, "mfa") == "saml.authn_context"  # it does not ask for a second factor


@pytest.mark.parametrize("variant", ["", "encrypted", "encrypted-name-id", "sha512", "sign-response-only"])
@pytest.mark.parametrize("connection", ["xmlsec", "toolkit"])
def test_a_second_opinion_agrees(
    service: Service, browser: Browser, idp: SimpleSamlPhp, connection: str, variant: str
) -> None:
    idp.variant(*filter(None, [variant]), sp=sp(service, connection))
    is_person(service.sign_in(browser, connection, PEOPLE["zoe"]), "zoe")


# What they import


def test_their_converter_reads_all_of_our_metadata(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    converter = f"{idp.origin}/simplesaml/admin/metadata-converter.php"
    form = browser.go(converter)
    state = re.search(r'name="AuthState" value="([^"]+)"', form.text)
    assert state, form.text
    login = {"AuthState": state[1].replace("&amp;", "&"), "username": "admin", "password": idp.secret}
    browser.go(str(form.url), data=login)
    for document, count in (
        ("/saml/posts/metadata", 1),
        ("/saml/metadata", len(CONNECTIONS) - 1),
    ):  # two share a name
        xml = browser.request("GET", service.url(document)).text
        page = browser.go(converter, data={"xmldata": xml}).text
        assert page.count("$metadata[&#039;") == count
        for words in (sp(service, "posts"), "Acme &amp;amp; Söhne", "Acme sign-in", "security@acme.example"):
            assert words in page


# What nobody asked for


def test_an_answer_that_nobody_asked_for_is_refused(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    page = browser.go(idp.unsolicited_url(sp(service, "refuse"), "/account"), PEOPLE["alice"])
    assert (page.status_code, service.code_of(page)) == (400, "signin.unknown")
    assert service.is_nobody(browser)


def test_an_answer_that_nobody_asked_for_starts_a_sign_in(
    service: Service, browser: Browser, idp: SimpleSamlPhp
) -> None:
    page = browser.go(idp.unsolicited_url(sp(service, "restart"), "/account"), PEOPLE["alice"])
    is_person(page.json(), "alice")  # at the first landing path
    acs = [hop.data["SAMLResponse"] for hop in browser.hops if hop.url == service.url("/saml/restart/acs")]
    assert len(acs) == 2
    answered = ["InResponseTo=" in message.xml.decode() for message in browser.messages]
    assert answered == [False, False, True]  # the tile's, our request, its answer
    again = browser.go(idp.unsolicited_url(sp(service, "restart"), ""))
    assert (again.status_code, service.code_of(again)) == (400, "signin.restarted")


@pytest.mark.parametrize(
    ("relay_state", "path"),
    [
        ("/session", "/session"),
        ("", "/account"),
        ("https://evil.example/", "/account"),
        ("/logout", "/account"),
    ],
)
def test_an_answer_that_nobody_asked_for_is_taken_once(
    service: Service, browser: Browser, idp: SimpleSamlPhp, relay_state: str, path: str
) -> None:
    page = browser.go(idp.unsolicited_url(sp(service, "accept"), relay_state), PEOPLE["alice"])
    assert str(page.url) == service.url(path)
    is_person(service.who(browser), "alice")
    (posted,) = [hop for hop in browser.hops if hop.url == service.url("/saml/accept/acs")]
    with Browser() as another:
        again = another.request("POST", posted.url, posted.data)
        assert (again.status_code, service.code_of(again)) == (403, "signin.replayed")


# What happens to an answer on its way


def acs_hop(service: Service, browser: Browser, login: str) -> tuple[str, dict[str, str]]:
    """Sign in up to the last step and keep the form that the browser would have posted."""
    acs = service.url("/saml/usual/acs")
    browser.go(service.url("/login/usual"), PEOPLE[login], stop=lambda url: url == acs)
    hop = browser.hops[-1]
    assert (hop.url, hop.status) == (acs, 0)
    return hop.url, dict(hop.data)


def test_a_response_is_used_once(service: Service, browser: Browser) -> None:
    url, form = acs_hop(service, browser, "alice")
    assert browser.request("POST", url, form).status_code == 303
    # The browser that holds its session just goes on; without the session it is refused.
    assert browser.request("POST", url, form).status_code == 303
    browser.client.cookies.delete("session")
    again = browser.request("POST", url, form)
    assert again.status_code == 400
    assert service.code_of(again) == "signin.used"


def test_a_response_of_an_older_sign_in_is_refused(service: Service, browser: Browser) -> None:
    url, old = acs_hop(service, browser, "alice")
    with Browser() as another:
        url, new = acs_hop(service, another, "bob")
        answer = another.request("POST", url, {**new, "SAMLResponse": old["SAMLResponse"]})
        assert answer.status_code == 403
        assert service.is_nobody(another)
        assert service.code_of(answer) == "saml.response_in_response_to"


def test_a_response_in_another_browser_is_refused(service: Service, browser: Browser) -> None:
    url, form = acs_hop(service, browser, "alice")
    with Browser() as another:
        acs_hop(service, another, "bob")  # it has a binder of its own
        answer = another.request("POST", url, form)
        assert answer.status_code == 400
        assert service.is_nobody(another)
        assert service.code_of(answer) == "signin.browser"


def test_a_changed_response_is_refused(service: Service, browser: Browser) -> None:
    url, form = acs_hop(service, browser, "alice")
    xml = base64.b64decode(form["SAMLResponse"]).replace(b"alice@acme.example", b"admin@acme.example")
    answer = browser.request("POST", url, {**form, "SAMLResponse": base64.b64encode(xml).decode()})
    assert answer.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(answer) == "saml.digest"
