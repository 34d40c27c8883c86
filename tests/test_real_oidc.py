"""OpenID Connect for real: every flow, key and client authentication at npm's oidc-provider.

Others wrote it, and its messages are not shaped by us. The service runs as its own process.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from acme import ROLES, settings
from drive import Browser
from providers import PEOPLE, OidcProvider
from service import Service, serving

from federation import keys, registry

pytestmark = pytest.mark.providers

SECRET = "the-secret-of-a-test-client-0123456789"
# over http, for which its "web" clients may not ask for a token in front
_IN_FRONT = {"application_type": "native", "grant_types": ["authorization_code", "implicit"]}
_KEYED = {"token_endpoint_auth_method": "private_key_jwt", "client_secret": None}
# connection → its keys in the settings file, and what its client registers beside what all do
CONNECTIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "code": ({}, {}),
    "form-post": ({"response_mode": "form_post"}, {}),
    "secret-post": ({"token_endpoint_auth_method": "client_secret_post"}, {}),
    "public": ({"token_endpoint_auth_method": "none", "client_secret": None}, {}),
    "keyed": (_KEYED, {}),
    "pushed": ({"pushed_authorization": "always"}, {"require_pushed_authorization_requests": True}),
    "keyed-pushed": ({**_KEYED, "pushed_authorization": "always"}, {}),
    "es256": ({"id_token_signed_response_alg": "ES256"}, {}),
    "ps256": ({"id_token_signed_response_alg": "PS256"}, {}),
    "eddsa": ({"id_token_signed_response_alg": "EdDSA"}, {}),
    "implicit": ({"flow": "implicit"}, {**_IN_FRONT, "response_types": ["id_token"]}),
    "hybrid": ({"flow": "hybrid"}, {**_IN_FRONT, "response_types": ["code id_token"]}),
    "userinfo-signed": ({"userinfo_signed_response_alg": "RS256"}, {"userinfo_signed_response_alg": "RS256"}),
}


@pytest.fixture(scope="module")
def service(
    oidc_provider_server: OidcProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    common = {
        "protocol": "oidc",
        "preset": "generic",
        "issuer": oidc_provider_server.issuer,
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "email", "groups"],
    }
    told = {name: {**common, "client_id": name, **own} for name, (own, _) in CONNECTIONS.items()}
    for keyed in told.values():
        if keyed["client_secret"] is None:
            del keyed["client_secret"]
    with serving(directory, settings(told)) as running:
        own = registry.own_keys(keys.load_key_set(directory / "sp.key", directory / "sp.crt"))
        for name, (connection, client) in CONNECTIONS.items():
            oidc_provider_server.register(**_client(running, name, connection, client, own.jwks))
        yield running


def _client(
    service: Service, name: str, told: Mapping[str, Any], client: Mapping[str, Any], jwks: bytes
) -> dict[str, Any]:
    """Return what a connection's client registers (RFC 7591)."""
    method = told.get("token_endpoint_auth_method", "client_secret_basic")
    secret = {"client_secret": SECRET} if method.startswith("client_secret") else {}
    keyed = {"jwks": json.loads(jwks)} if method == "private_key_jwt" else {}
    return {
        "client_id": name,
        "redirect_uris": [service.url(f"/oidc/{name}/callback")],
        "post_logout_redirect_uris": [service.url("/logout")],
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": told.get("id_token_signed_response_alg", "RS256"),
        **secret,
        **keyed,
        **client,
    }


@pytest.fixture
def browser(openid_provider_npm: OidcProvider) -> Iterator[Browser]:
    """Open a browser; the provider stands at its defaults."""
    with Browser() as opened:
        yield opened


def asked(browser: Browser, provider: OidcProvider) -> dict[str, str]:
    """Return the authorization request as it went through the browser."""
    [url] = [hop.url for hop in browser.hops if hop.url.startswith(f"{provider.issuer}/auth?")][-1:]
    return dict(parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("login", ["alice", "zoe"])
def test_sign_in(service: Service, browser: Browser, connection: str, login: str) -> None:
    person = PEOPLE[login]
    said = service.sign_in(browser, connection, person)
    assert said["user"]["email"] == person.email
    assert said["groups"] == list(person.groups)
    assert said["roles"] == ROLES[login]


@pytest.mark.parametrize("connection", ["pushed", "keyed-pushed"])
def test_a_pushed_request_leaves_a_reference_in_the_browser(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["alice"])
    assert set(asked(browser, openid_provider_npm)) == {"client_id", "request_uri"}


def test_keys_rotate_between_two_logins(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    rotating = ("code", "form-post", "keyed", "es256", "ps256", "eddsa", "userinfo-signed")
    people = {}
    for connection in rotating:
        with Browser() as fresh:
            people[connection] = service.sign_in(fresh, connection, PEOPLE["alice"])["user"]
    openid_provider_npm.rotate_keys(keep=False)
    for connection in rotating:
        with Browser() as fresh:
            assert service.sign_in(fresh, connection, PEOPLE["alice"])["user"] == people[connection]


def test_a_provider_that_wants_every_request_pushed(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    openid_provider_npm.options(requirePushed=True)
    service.sign_in(browser, "pushed", PEOPLE["alice"])


def test_who_cancels_at_the_provider_is_told_so_by_form_post(service: Service, browser: Browser) -> None:
    form = browser.go(service.url("/login/form-post"))
    answer = browser.request("POST", str(form.url), {"cancel": "1"})
    page = browser.go(str(answer.url.join(answer.headers["location"])))
    assert page.status_code == 403
    assert service.is_nobody(browser)
    assert service.code_of(page) == "oidc.error_answer"
