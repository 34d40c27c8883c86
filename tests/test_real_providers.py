"""Sign in for real: through SimpleSAMLphp and oidc-provider, which others wrote.

The service runs as its own process; a browser without JavaScript goes every step of the way.
"""

import dataclasses
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from drive import Browser, LoginRefused
from providers import PEOPLE, OidcProvider, SimpleSamlPhp
from service import Service, serving

pytestmark = pytest.mark.providers

SECRET = "the-secret-of-a-test-client-0123456789"
RULES = [
    {"name": "administrators", "groups": ["admins"], "roles": ["admin"]},
    {"name": "auditors", "attribute": {"name": "department", "in": ["Finance"]}, "roles": ["auditor"]},
    {"name": "researchers", "groups": ["zoë & <r&d*"], "roles": ["researcher"]},
]
ROLES = {"alice": ["admin"], "bob": ["auditor"], "zoe": ["researcher"]}  # a rule, so no default role
CONNECTIONS = ("ssp-file", "ssp-url", "op")


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp,
    oidc_provider_server: OidcProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    (directory / "idp.xml").write_bytes(simplesamlphp_server.metadata())
    common = {"organization": "acme", "domains": ["acme.example"], "role_rules": RULES}
    saml = {**common, "protocol": "saml", "preset": "simplesamlphp"}
    settings = {
        "organizations": {"acme": {"name": "Acme", "default_roles": ["member"]}},
        "rate_limits": {"sign_in": "off", "failures": "off"},
        "connections": {
            "ssp-file": {**saml, "metadata": {"file": str(directory / "idp.xml")}},
            "ssp-url": {**saml, "metadata": {"url": simplesamlphp_server.entity_id}},
            "op": {
                **common,
                "protocol": "oidc",
                "issuer": oidc_provider_server.issuer,
                "client_id": "federation",
                "client_secret": SECRET,
                "scopes": ["openid", "profile", "email", "groups"],
            },
        },
    }
    with serving(directory, settings) as running, Browser() as browser:
        for connection in ("ssp-file", "ssp-url"):
            metadata = browser.request("GET", running.url(f"/saml/{connection}/metadata"))
            assert metadata.headers["content-type"].startswith("application/samlmetadata+xml")
            simplesamlphp_server.register(metadata.content)
        oidc_provider_server.register(
            client_id="federation",
            client_secret=SECRET,
            redirect_uris=[running.url("/oidc/op/callback")],
            post_logout_redirect_uris=[running.url("/logout")],
        )
        yield running


@pytest.fixture
def browser(simplesamlphp: SimpleSamlPhp, openid_provider_npm: OidcProvider) -> Iterator[Browser]:
    """Open a browser; both providers stand at their defaults."""
    with Browser() as opened:
        yield opened


def sign_in(service: Service, browser: Browser, connection: str, login: str) -> dict[str, object]:
    start = service.url(f"/login/{connection}?return_to=/session")
    page = browser.go(start, PEOPLE[login])
    assert page.status_code == 200, page.text
    return dict(page.json())


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_first_and_second_login_are_one_user(service: Service, browser: Browser, connection: str) -> None:
    first = sign_in(service, browser, connection, "alice")
    with Browser() as another:
        second = sign_in(service, another, connection, "alice")
    assert first["user"] == second["user"]
    assert first["roles"] == ROLES["alice"]


@pytest.mark.parametrize("login", ["alice", "bob", "zoe"])
def test_both_protocols_give_the_same_user(service: Service, browser: Browser, login: str) -> None:
    person = PEOPLE[login]
    seen = {}
    for connection in CONNECTIONS:
        with Browser() as fresh:
            said = sign_in(service, fresh, connection, login)
        user = dict(said["user"])  # type: ignore[call-overload]
        user.pop("id")  # until linking is built, two Subjects are two users
        seen[connection] = (user, said["groups"], said["roles"], said["attributes"]["department"])  # type: ignore[index]
    assert seen["op"] == seen["ssp-file"] == seen["ssp-url"]
    user, groups, roles, department = seen["op"]
    assert user == {
        "email": person.email,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "display_name": f"{person.given_name} {person.family_name}",
    }
    assert groups == list(person.groups)
    assert roles == ROLES[login]
    assert department == [person.department]


@pytest.mark.parametrize("variant", ["sign-assertion-only", "sign-response-only", "sha512", "oid"])
@pytest.mark.parametrize("login", ["alice", "zoe"])
def test_every_way_of_signing(
    service: Service, browser: Browser, simplesamlphp: SimpleSamlPhp, variant: str, login: str
) -> None:
    simplesamlphp.variant(variant)
    said = sign_in(service, browser, "ssp-file", login)
    assert said["roles"] == ROLES[login]
    sent = browser.last_response().xml
    signed = {"sign-assertion-only": 1, "sign-response-only": 1}.get(variant, 2)
    assert sent.count(b"<ds:SignatureValue>") == signed
    assert (b"rsa-sha512" in sent) == (variant == "sha512")


@pytest.mark.parametrize(
    ("variant", "encrypted"),
    [
        (["encrypt-assertion"], {b"EncryptedAssertion"}),
        (["encrypt-assertion", "sign-response-only"], {b"EncryptedAssertion"}),
        (["encrypt-assertion", "encrypt-name-id"], {b"EncryptedAssertion"}),
        (["encrypt-name-id"], {b"EncryptedID"}),
        (["encrypt-name-id", "sign-assertion-only"], {b"EncryptedID"}),
        (["encrypt-name-id", "sign-response-only"], {b"EncryptedID"}),
    ],
)
def test_every_way_of_encrypting(
    service: Service,
    browser: Browser,
    simplesamlphp: SimpleSamlPhp,
    variant: list[str],
    encrypted: set[bytes],
) -> None:
    """This version encrypts by AES-128-CBC, which a signature must cover."""
    simplesamlphp.variant(*variant)
    said = sign_in(service, browser, "ssp-file", "zoe")
    assert said["roles"] == ROLES["zoe"]
    sent = browser.last_response().xml
    assert {kind for kind in (b"EncryptedAssertion", b"EncryptedID") if kind in sent} == encrypted
    assert b"xmlenc#aes128-cbc" in sent


def test_a_chained_cipher_that_no_signature_covers_is_refused(
    service: Service, browser: Browser, simplesamlphp: SimpleSamlPhp
) -> None:
    simplesamlphp.variant("encrypt-assertion", "sign-assertion-only")
    page = browser.go(service.url("/login/ssp-file"), PEOPLE["zoe"])
    assert page.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(page) == "saml.encryption_algorithm"


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_wrong_password_opens_nothing(service: Service, browser: Browser, connection: str) -> None:
    wrong = dataclasses.replace(PEOPLE["alice"], password="wrong")
    with pytest.raises(LoginRefused):
        browser.go(service.url(f"/login/{connection}"), wrong)
    assert service.is_nobody(browser)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_another_domain_may_not_enter(service: Service, browser: Browser, connection: str) -> None:
    page = browser.go(service.url(f"/login/{connection}"), PEOPLE["mallory"])
    assert page.status_code == 403
    assert "mallory" not in page.text
    assert "evil.example" not in page.text
    assert service.is_nobody(browser)
    assert service.code_of(page) == "policy.domain"


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_sign_out_ends_the_session_on_the_server(service: Service, browser: Browser, connection: str) -> None:
    sign_in(service, browser, connection, "bob")
    kept = dict(browser.client.cookies.items())
    page = browser.request("GET", service.url("/logout"))
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    browser.go(service.url("/logout"))  # only asks
    assert not service.is_nobody(browser)
    answer = browser.request("POST", service.url("/logout"), {"csrf": csrf})
    assert answer.status_code == 303
    assert service.is_nobody(browser)
    with Browser() as thief:  # the cookie itself is worth nothing any more
        thief.client.cookies.update(kept)
        assert service.is_nobody(thief)


def test_keys_rotate_between_two_logins(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    before = sign_in(service, browser, "op", "alice")
    openid_provider_npm.rotate_keys(keep=False)
    with Browser() as another:
        after = sign_in(service, another, "op", "alice")
    assert before["user"] == after["user"]


def test_claims_in_the_id_token_do_as_well(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    openid_provider_npm.options(conformIdTokenClaims=False)
    assert sign_in(service, browser, "op", "zoe")["roles"] == ROLES["zoe"]


def test_who_cancels_at_the_provider_is_told_so(service: Service, browser: Browser) -> None:
    form = browser.go(service.url("/login/op"))
    answer = browser.request("POST", str(form.url), {"cancel": "1"})
    page = browser.go(str(answer.url.join(answer.headers["location"])))
    assert page.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(page) == "oidc.error_answer"


def acs_hop(service: Service, browser: Browser, login: str) -> tuple[str, dict[str, str]]:
    """Sign in up to the last step and keep the form that the browser would have posted."""
    acs = service.url("/saml/ssp-file/acs")
    browser.go(service.url("/login/ssp-file"), PEOPLE[login], stop=lambda url: url == acs)
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
    import base64

    xml = base64.b64decode(form["SAMLResponse"]).replace(b"alice@acme.example", b"admin@acme.example")
    answer = browser.request("POST", url, {**form, "SAMLResponse": base64.b64encode(xml).decode()})
    assert answer.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(answer) == "saml.digest"


def test_an_unsolicited_response_is_refused(
    service: Service, browser: Browser, simplesamlphp: SimpleSamlPhp
) -> None:
    asked = urlencode({"spentityid": service.url("/saml/ssp-file/metadata"), "RelayState": "/account"})
    page = browser.go(f"{simplesamlphp.origin}/simplesaml/saml2/idp/SSOService.php?{asked}", PEOPLE["alice"])
    assert page.status_code == 400
    assert service.is_nobody(browser)
    assert service.code_of(page) == "signin.unknown"


def test_a_code_is_used_once(service: Service, browser: Browser) -> None:
    callback = service.url("/oidc/op/callback")
    browser.go(service.url("/login/op"), PEOPLE["alice"], stop=lambda url: url.startswith(callback))
    url = browser.hops[-1].url
    assert set(parse_qs(urlsplit(url).query)) == {"code", "state", "iss"}
    with Browser() as another:
        stolen = another.request("GET", url)
        assert stolen.status_code == 400
        assert service.code_of(stolen) == "signin.browser"
    assert browser.request("GET", url).status_code == 303
    browser.client.cookies.delete("session")
    again = browser.request("GET", url)
    assert again.status_code == 400
    assert service.code_of(again) == "signin.used"
