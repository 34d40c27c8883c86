"""Sign out for real by OpenID Connect: oidc-provider, which others wrote, is asked and tells."""

from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from acme import settings
from drive import Browser
from providers import PEOPLE, OidcProvider
from service import Service, serving

pytestmark = pytest.mark.providers

SECRET = "the-secret-of-a-test-client-0123456789"
ALIAS = "/v1/signed-out"
CONNECTIONS = ("leaving", "leaving-es256", "leaving-by-alias")


@pytest.fixture(scope="module")
def service(
    oidc_provider_server: OidcProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    common = {
        "protocol": "oidc",
        "preset": "generic",
        "issuer": oidc_provider_server.issuer,
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "email", "groups"],
    }
    algs = {"leaving-es256": "ES256"}
    told = settings(
        {
            name: {**common, "client_id": name, "id_token_signed_response_alg": algs.get(name, "RS256")}
            | ({"post_logout_paths": [ALIAS]} if name == "leaving-by-alias" else {})
            for name in CONNECTIONS
        }
    )
    with serving(tmp_path_factory.mktemp("leaving"), told) as running:
        for name in CONNECTIONS:
            oidc_provider_server.register(
                client_id=name,
                client_secret=SECRET,
                redirect_uris=[running.url(f"/oidc/{name}/callback")],
                post_logout_redirect_uris=[running.url("/logout"), running.url(ALIAS)],
                id_token_signed_response_alg=algs.get(name, "RS256"),
                backchannel_logout_uri=running.url(f"/oidc/{name}/backchannel-logout"),
                backchannel_logout_session_required=True,
            )
        yield running


@pytest.fixture
def browser(openid_provider_npm: OidcProvider) -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def confirm(browser: Browser, page: httpx2.Response, *, everywhere: bool = True) -> httpx2.Response:
    """Answer the provider's question whether to sign out there."""
    action = page.text.partition('method="post" action="')[2].partition('"')[0]
    xsrf = page.text.partition('name="xsrf" value="')[2].partition('"')[0]
    assert action, page.text
    return browser.go(action, data={"xsrf": xsrf, **({"logout": "yes"} if everywhere else {})})


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_signing_out_here_signs_out_there_and_everywhere(
    service: Service, browser: Browser, connection: str
) -> None:
    service.sign_in(browser, connection, PEOPLE["alice"])
    with Browser() as elsewhere:
        service.sign_in(elsewhere, connection, PEOPLE["alice"])
        asked = service.sign_out(browser)
        assert service.is_nobody(browser)
        request = dict(parse_qsl(urlsplit(str(asked.url)).query))
        back = ALIAS if connection == "leaving-by-alias" else "/logout"
        assert request["post_logout_redirect_uri"] == service.url(back)
        assert request["id_token_hint"].count(".") == 2
        page = confirm(browser, asked)
        assert str(page.url) == service.url("/logout?outcome=full")
        came = [hop.url for hop in browser.hops if hop.url.startswith(service.url(back))]
        assert parse_qs(urlsplit(came[-2 if back == "/logout" else -1]).query)["state"] == [request["state"]]
        assert not service.is_nobody(elsewhere)  # another session there


def test_a_session_that_ends_there_ends_here(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    """By back-channel logout: this browser never comes back to us."""
    service.sign_in(browser, "leaving-es256", PEOPLE["alice"])
    kept = dict(browser.client.cookies.items())
    with Browser() as elsewhere:
        service.sign_in(elsewhere, "leaving", PEOPLE["bob"])
        page = browser.go(f"{openid_provider_npm.issuer}/session/end")
        confirm(browser, page)
        with Browser() as thief:
            thief.client.cookies.update(kept)
            assert service.is_nobody(thief)
        assert not service.is_nobody(elsewhere)
    assert "backchannel" not in _events(openid_provider_npm)


def test_who_is_signed_out_may_sign_in_again_at_once(
    service: Service, browser: Browser, openid_provider_npm: OidcProvider
) -> None:
    service.sign_in(browser, "leaving", PEOPLE["zoe"])
    confirm(browser, browser.go(f"{openid_provider_npm.issuer}/session/end"))
    assert service.is_nobody(browser)
    service.sign_in(browser, "leaving", PEOPLE["zoe"])


def _events(provider: OidcProvider) -> str:
    file = provider.work / "events.log"
    return file.read_text() if file.exists() else ""
