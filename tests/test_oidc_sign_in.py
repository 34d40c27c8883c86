"""A whole OpenID Connect sign-in over HTTP: our connector against the development provider.

Every row of the provider's FAULTS is tried, and refused by the code that it names.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from oidc_world import HANDLE, NOW, World, callback, open_world

from federation.demo.openid_faults import FAULTS, PUBLISHED_FAULTS, RIGHT, Fault, Knobs
from federation.demo.openid_provider import OpenidProvider
from federation.demo.openid_tokens import subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.fetch import Fetch
from federation.identity import Subject
from federation.web import fields


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


@pytest.fixture(autouse=True)
def right(world: World) -> None:
    world.provider.knobs = RIGHT
    world.browser.cookies.clear()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_sign_in(world: World, method: str) -> None:
    connector = world.connector(token_endpoint_auth_method=method)
    world.provider.asked.clear()
    assertion = await world.sign_in(connector, user="zoe")
    assert assertion.subject == Subject(issuer=world.provider.issuer, value=subject(USERS["zoe"]))
    assert assertion.attributes["name"] == ("Zoë & <R&D>",)
    assert assertion.attributes["groups"] == ("staff", "équipe", "R&D <x>")
    assert (assertion.attributes["email"], assertion.email_verified) == (("zoe@acme.example",), True)
    assert assertion.authentication.instant == NOW
    assert world.provider.asked == ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"]


async def test_a_provider_may_name_http_in_development_alone(world: World) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_endpoint: "):
        await world.connector(development=False).begin(handle="h", login_hint="", fresh=False, now=NOW)


async def test_what_is_published_is_fetched_once(world: World) -> None:
    connector = world.connector()
    first = await world.sign_in(connector)
    world.provider.asked.clear()
    second = await world.sign_in(connector)
    assert world.provider.asked == ["/token", "/userinfo"]
    assert (first.subject, first.id == second.id) == (second.subject, False)


async def test_userinfo_is_left_alone_if_the_connection_says_so(world: World) -> None:
    world.provider.asked.clear()
    assertion = await world.sign_in(world.connector(fetch_userinfo="never"))
    assert "/userinfo" not in world.provider.asked
    assert assertion.attributes == {}


async def test_a_discovery_url_is_enough(world: World) -> None:
    for url in (world.provider.issuer, f"{world.provider.issuer}/.well-known/openid-configuration"):
        assertion = await world.sign_in(world.connector(issuer=None, discovery_url=url))
        assert assertion.subject.issuer == world.provider.issuer


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code != "fetch.timeout"])
async def test_one_broken_rule_is_refused_by_its_code(world: World, name: str) -> None:
    world.provider.asked.clear()
    with pytest.raises(FederationError) as caught:
        await world.sign_in(world.connector(), fault=name)
    assert caught.value.code == FAULTS[name].code
    if name.startswith(("answer", "code-", "state")):  # the answer is judged before anything is asked
        assert "/token" not in world.provider.asked


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.code == "fetch.timeout"])
async def test_a_slow_token_endpoint_runs_into_the_deadline(world: World, name: str) -> None:
    impatient = Fetch(allow=(), proxy=None, development=True, deadline=1)
    try:
        with pytest.raises(FederationError) as caught:
            await world.sign_in(World(world.provider, world.browser, impatient).connector(), fault=name)
    finally:
        await impatient.close()
    assert (caught.value.code, caught.value.status) == ("fetch.timeout", 504)


@pytest.mark.parametrize("fault", PUBLISHED_FAULTS.values(), ids=list(PUBLISHED_FAULTS))
async def test_a_fault_in_what_is_published(world: World, fault: Fault) -> None:
    world.provider.knobs = fault.knobs
    with pytest.raises(FederationError) as caught:
        await world.sign_in(world.connector())
    assert (caught.value.code, caught.value.status) == (fault.code, 502)


async def test_the_issuer_is_the_configured_one_to_the_octet(world: World) -> None:
    with pytest.raises(FederationError, match=r"^oidc\.discovery_issuer: "):
        await world.sign_in(world.connector(issuer=f"{world.provider.issuer}/"))


async def test_keys_that_were_rotated_without_notice_are_fetched_again(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    world.provider.signer.replace()
    world.provider.asked.clear()
    later = NOW + timedelta(seconds=31)
    assert await world.sign_in(connector, now=later)
    assert world.provider.asked.count("/jwks") == 1


async def test_a_key_that_was_replaced_under_its_name_is_fetched_again(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    world.provider.signer.replace(same_name=True)
    world.provider.asked.clear()
    assert await world.sign_in(connector, now=NOW + timedelta(seconds=31))
    assert world.provider.asked.count("/jwks") == 1


async def test_a_false_signature_is_refused_though_keys_cannot_be_fetched(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    world.provider.knobs = Knobs(publishes={"jwks": "error"})
    world.provider.signer.replace(same_name=True)
    with pytest.raises(FederationError, match=r"^oidc\.signature: "):
        await world.sign_in(connector, now=NOW + timedelta(seconds=31))


async def test_keys_that_were_published_ahead_are_not(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    world.provider.signer.rotate()
    world.provider.asked.clear()
    assert await world.sign_in(connector)
    assert "/jwks" not in world.provider.asked


async def test_unknown_key_ids_do_not_make_us_a_hammer(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    world.provider.asked.clear()
    for second in range(5):
        with pytest.raises(FederationError, match=r"^oidc\.key_unknown: "):
            await world.sign_in(connector, fault="kid-unknown", now=NOW + timedelta(seconds=31 + second))
    assert world.provider.asked.count("/jwks") == 1


async def test_a_code_is_good_once_and_only_with_its_verifier(world: World) -> None:
    connector = world.connector()
    challenge = await connector.begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    params = dict(fields.parse(await world.answer(challenge), limit=16_384))
    wrong = {**challenge.expects, "code_verifier": "x" * 43}
    for expects in (wrong, challenge.expects):  # the provider ends a code with its first use
        with pytest.raises(AssertionRefused, match=r"^oidc\.code_refused: "):
            await connector.complete(callback(params), expects, NOW)


async def test_a_wrong_secret_is_the_operators_to_mend(world: World) -> None:
    with pytest.raises(FederationError, match=r"^oidc\.token_client_refused: "):
        await world.sign_in(world.connector(client_secret="another"))


async def test_cancelling_at_the_provider(world: World) -> None:
    connector = world.connector()
    challenge = await connector.begin(handle=HANDLE, login_hint="ada@acme.example", fresh=False, now=NOW)
    page = await world.browser.get(challenge.url)
    assert 'name="login" value="ada@acme.example"' in page.text
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket
    back = await world.browser.post(
        f"{world.provider.issuer}/login", data={"ticket": ticket[1], "cancel": "1"}
    )
    params = {name: one for name, [one] in parse_qs(urlsplit(back.headers["location"]).query).items()}
    with pytest.raises(AssertionRefused, match=r"^oidc\.error_answer: .*access_denied"):
        await connector.complete(callback(params), challenge.expects, NOW)


async def test_the_provider_knows_the_browser_again(world: World) -> None:
    connector = world.connector()
    await world.sign_in(connector)
    challenge = await connector.begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    assert "Continue as Ada Lovelace" in (await world.browser.get(challenge.url)).text
    silent = await world.browser.get(f"{challenge.url}&prompt=none")
    assert (silent.status_code, "code=" in silent.headers["location"]) == (303, True)
    await world.browser.get(f"{world.provider.issuer}/logout")
    silent = await world.browser.get(f"{challenge.url}&prompt=none")
    assert "error=login_required" in silent.headers["location"]


async def test_a_wrong_password_asks_again(world: World) -> None:
    challenge = await world.connector().begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    ticket = re.search(r'name="ticket" value="([^"]+)"', (await world.browser.get(challenge.url)).text)
    assert ticket
    form = {"ticket": ticket[1], "login": "ada", "password": "guess"}
    page = await world.browser.post(f"{world.provider.issuer}/login", data=form)
    assert 'role="alert"' in page.text
    assert (await world.browser.post(f"{world.provider.issuer}/login", data=form)).status_code == 400


@pytest.mark.parametrize(
    "missing", ["code_challenge=", "state=", "nonce=", "response_type=", "scope=", "code_challenge_method="]
)
async def test_the_provider_asks_for_what_protects_its_clients(world: World, missing: str) -> None:
    challenge = await world.connector().begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    asked = await world.browser.get(re.sub(rf"(?<=[?&]){missing}[^&]*&?", "", challenge.url))
    assert "error=invalid_request" in asked.headers["location"]


async def test_the_provider_redirects_to_registered_places_only(world: World) -> None:
    challenge = await world.connector().begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    for there in (
        challenge.url.replace("localhost", "evil.example"),
        challenge.url.replace("client_id=f", "client_id=g"),
    ):
        asked = await world.browser.get(there)
        assert (asked.status_code, "location" in asked.headers) == (400, False)


async def test_its_pages_need_neither_script_nor_style_of_their_own(world: World) -> None:
    challenge = await world.connector().begin(handle=HANDLE, login_hint='"><script>', fresh=False, now=NOW)
    page = await world.browser.get(challenge.url)
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (
        (await world.browser.get(f"{world.provider.issuer}/style.css"))
        .headers["content-type"]
        .startswith("text/css")
    )
    for fault in FAULTS.values():
        assert fault.code in page.text


@pytest.mark.parametrize("host", ["op.example", "10.0.0.1", "127.0.0.1.evil.example", "[::]", ""])
def test_the_development_provider_is_for_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        OpenidProvider(f"http://{host}:9000", {})


def test_a_fault_differs_from_a_right_answer() -> None:
    assert all(fault.knobs != RIGHT for fault in (*FAULTS.values(), *PUBLISHED_FAULTS.values()))
    assert Knobs() == replace(RIGHT)
