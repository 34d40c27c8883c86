"""Sign in for real: through SimpleSAMLphp and oidc-provider, which others wrote.

The service runs as its own process; a browser without JavaScript goes every step of the way.
"""

import dataclasses
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from acme import ROLES, settings
from drive import Browser, LoginRefused
from providers import PEOPLE, OidcProvider, SimpleSamlPhp
from service import Service, serving

pytestmark = pytest.mark.providers

SECRET = "the-secret-of-a-test-client-0123456789"
CONNECTIONS = ("ssp-file", "ssp-url", "op")


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp,
    oidc_provider_server: OidcProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    (directory / "idp.xml").write_bytes(simplesamlphp_server.metadata())
    told = settings(
        {
            "ssp-file": {"metadata": {"file": str(directory / "idp.xml")}},
            "ssp-url": {"metadata": {"url": simplesamlphp_server.entity_id}},
            "op": {
                "protocol": "oidc",
                "preset": "generic",
                "issuer": oidc_provider_server.issuer,
                "client_id": "federation",
                "client_secret": SECRET,
                "scopes": ["openid", "profile", "email", "groups"],
            },
        }
    )
    with serving(directory, told) as running, Browser() as browser:
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


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_first_and_second_login_are_one_user(service: Service, browser: Browser, connection: str) -> None:
    first = service.sign_in(browser, connection, PEOPLE["alice"])
    with Browser() as another:
        second = service.sign_in(another, connection, PEOPLE["alice"])
    assert first["user"] == second["user"]
    assert first["roles"] == ROLES["alice"]


@pytest.mark.parametrize("login", ["alice", "bob", "zoe"])
def test_both_protocols_give_the_same_user(service: Service, browser: Browser, login: str) -> None:
    person = PEOPLE[login]
    seen = {}
    for connection in CONNECTIONS:
        with Browser() as fresh:
            said = service.sign_in(fresh, connection, PEOPLE[login])
        user = dict(said["user"])
        user.pop("id")  # until linking is built, two Subjects are two users
        seen[connection] = (user, said["groups"], said["roles"], said["attributes"]["department"])
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
def test_sign_out_ends_the_session_on_the_server(
    service: Service, browser: Browser, oidc_provider_server: OidcProvider, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["bob"])
    kept = dict(browser.client.cookies.items())
    browser.go(service.url("/logout"))  # only asks
    assert not service.is_nobody(browser)
    page = service.sign_out(browser)
    # here, or before oidc-provider's own question: see test_real_logout
    assert str(page.url).startswith((service.url("/logout"), f"{oidc_provider_server.issuer}/session/end"))
    assert service.is_nobody(browser)
    with Browser() as thief:  # the cookie itself is worth nothing any more
        thief.client.cookies.update(kept)
        assert service.is_nobody(thief)


def test_keys_rotate_between_two_logins(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    before = service.sign_in(browser, "op", PEOPLE["alice"])
    openid_provider_npm.rotate_keys(keep=False)
    with Browser() as another:
        after = service.sign_in(another, "op", PEOPLE["alice"])
    assert before["user"] == after["user"]


def test_claims_in_the_id_token_do_as_well(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    openid_provider_npm.options(conformIdTokenClaims=False)
    assert service.sign_in(browser, "op", PEOPLE["zoe"])["roles"] == ROLES["zoe"]


def test_who_cancels_at_the_provider_is_told_so(service: Service, browser: Browser) -> None:
    form = browser.go(service.url("/login/op"))
    answer = browser.request("POST", str(form.url), {"cancel": "1"})
    page = browser.go(str(answer.url.join(answer.headers["location"])))
    assert page.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(page) == "oidc.error_answer"


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
