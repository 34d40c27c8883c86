"""Every flow and every way of asking, over HTTP: our connector against the development provider."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from oidc_world import ALIAS, BASE, HANDLE, NOW, PATH, World, callback, open_world

from federation.demo.openid_faults import FRONT_FAULTS, GONE, HYBRID_FAULTS, RIGHT, Fault, Knobs
from federation.demo.openid_tokens import subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.identity import KeptTokens, Subject

KEPT = ("access", "refresh", "id")
OFFLINE = ["openid", "email", "offline_access"]
PLAIN: dict[str, Any] = {"scopes": ["openid"], "fetch_userinfo": "never"}


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


@pytest.fixture(autouse=True)
def right(world: World) -> None:
    world.provider.knobs = RIGHT
    world.provider.require_pushed = False
    world.provider.asked.clear()
    world.browser.cookies.clear()


FLOWS: list[tuple[dict[str, Any], dict[str, str], list[str]]] = [
    # what the connection says; what is asked; what we ask of the provider itself
    ({}, {"response_type": "code"}, ["/token", "/userinfo"]),
    ({"response_mode": "form_post"}, {"response_mode": "form_post"}, ["/token", "/userinfo"]),
    ({"flow": "implicit"}, {"response_type": "id_token", "response_mode": "form_post"}, []),
    ({"flow": "hybrid"}, {"response_type": "code id_token", "response_mode": "form_post"},
     ["/token", "/userinfo"]),
    ({"flow": "token"}, {"response_type": "code"}, ["/token", "/userinfo"]),
    ({"client_id": "old", "pkce": False}, {"response_type": "code"}, ["/token", "/userinfo"]),
    ({"client_id": "public", "token_endpoint_auth_method": "none", "client_secret": None},
     {"code_challenge_method": "S256"}, ["/token", "/userinfo"]),
    ({"client_id": "hmac", "id_token_signed_response_alg": "HS256", "userinfo_signed_response_alg": "ES256"},
     {}, ["/token", "/userinfo"]),
    ({"client_id": "signed", "userinfo_signed_response_alg": "RS256"}, {}, ["/token", "/userinfo"]),
    ({"acr_values": ["urn:demo:otp"], "require": {"acr": ["urn:demo:otp"], "max_age": "1h"}},
     {"acr_values": "urn:demo:otp", "max_age": "3600"}, ["/token", "/userinfo"]),
    ({"claims": {"id_token": {"email": None}}, "fetch_userinfo": "never", "scopes": ["openid"]},
     {"claims": '{"id_token": {"email": null}}'}, ["/token"]),
    ({"authorization_params": {"audience": "api://acme"}}, {"audience": "api://acme"},
     ["/token", "/userinfo"]),
    ({"callback_paths": [ALIAS]}, {"redirect_uri": BASE + ALIAS}, ["/token", "/userinfo"]),
    ({"require_iss": True}, {}, ["/token", "/userinfo"]),
]  # fmt: skip


@pytest.mark.parametrize(("says", "asked", "fetched"), FLOWS)
async def test_a_sign_in(
    world: World, says: dict[str, Any], asked: dict[str, str], fetched: list[str]
) -> None:
    connector = world.connector(**says)
    url = (await connector.begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)).url
    found = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
    assert asked.items() <= found.items()
    assert ("code_challenge" in found) is ("code" in found["response_type"] and says.get("pkce", True))
    world.provider.asked.clear()
    assertion = await world.sign_in(connector, user="zoe")
    assert assertion.subject == Subject(issuer=world.provider.issuer, value=subject(USERS["zoe"]))
    assert assertion.attributes["email"] == ("zoe@acme.example",)
    assert assertion.tokens is None
    assert [path for path in world.provider.asked if path != "/jwks"] == fetched


@pytest.mark.parametrize("flow", ["implicit", "hybrid"])
@pytest.mark.parametrize("name", FRONT_FAULTS)
async def test_one_fault_of_a_token_that_comes_through_the_browser(
    world: World, flow: str, name: str
) -> None:
    with pytest.raises(FederationError) as caught:
        await world.sign_in(world.connector(flow=flow), fault=name)
    assert caught.value.code == FRONT_FAULTS[name].code
    assert "/token" not in world.provider.asked  # the token in front vouches for the code


@pytest.mark.parametrize("fault", HYBRID_FAULTS.values(), ids=list(HYBRID_FAULTS))
async def test_one_fault_between_a_code_and_the_tokens_beside_it(world: World, fault: Fault) -> None:
    world.provider.knobs = fault.knobs
    with pytest.raises(AssertionRefused) as caught:
        await world.sign_in(world.connector(flow="hybrid"))
    assert caught.value.code == fault.code
    assert ("/token" in world.provider.asked) is (fault.knobs.bends == "back")
    assert "/userinfo" not in world.provider.asked


@pytest.mark.parametrize(
    ("asked", "answered", "code"),
    [
        ("code", "implicit", "oidc.answer_unasked"),
        ("code", "hybrid", "oidc.answer_unasked"),
        ("implicit", "code", "oidc.answer_unasked"),
        ("implicit", "hybrid", "oidc.answer_unasked"),
        ("hybrid", "code", "oidc.answer_no_id_token"),
        ("hybrid", "implicit", "oidc.code_missing"),
    ],
)
async def test_an_answer_of_another_response_type_is_refused(
    world: World, asked: str, answered: str, code: str
) -> None:
    arrived, expects = await world.come_back(world.connector(flow=answered))
    with pytest.raises(AssertionRefused) as caught:
        await world.connector(flow=asked).complete(arrived, expects, NOW)
    assert caught.value.code == code
    assert "/token" not in world.provider.asked


@pytest.mark.parametrize(
    ("kept", "arrived_at"),
    [
        ({}, ALIAS),
        ({}, f"{PATH}/"),
        ({}, ""),
        ({"redirect_uri": ""}, PATH),
        ({"redirect_uri": BASE + ALIAS}, PATH),
        ({"redirect_uri": "https://evil.example" + PATH}, PATH),
        (None, PATH),  # kept by a version that did not keep it yet
    ],
)
async def test_an_answer_to_another_path_than_the_one_that_was_asked_for(
    world: World, kept: dict[str, str] | None, arrived_at: str
) -> None:
    connector = world.connector()
    arrived, expects = await world.come_back(connector)
    old = {name: value for name, value in expects.items() if name != "redirect_uri"}
    with pytest.raises(AssertionRefused, match=r"^oidc\.redirect_uri: "):
        await connector.complete(
            replace(arrived, path=arrived_at), old if kept is None else {**expects, **kept}, NOW
        )
    assert "/token" not in world.provider.asked


async def test_an_error_is_heard_by_post_too(world: World) -> None:
    connector = world.connector(flow="hybrid")
    challenge = await connector.begin(handle=HANDLE, login_hint="", fresh=False, now=NOW)
    params = {"error": "access_denied", "iss": world.provider.issuer}
    with pytest.raises(AssertionRefused, match=r"^oidc\.error_answer: .*access_denied"):
        await connector.complete(callback(params), challenge.expects, NOW)


async def test_a_connection_may_require_the_issuer_in_the_answer(world: World) -> None:
    world.provider.knobs = Knobs(
        answer={"iss": GONE}, discovery={"authorization_response_iss_parameter_supported": GONE}
    )
    assert await world.sign_in(world.connector(**PLAIN))
    with pytest.raises(AssertionRefused, match=r"^oidc\.answer_iss: "):
        await world.sign_in(world.connector(require_iss=True))


async def test_a_request_is_pushed_where_the_provider_requires_it(world: World) -> None:
    world.provider.require_pushed = True
    connector = world.connector()
    challenge = await connector.begin(handle=HANDLE, login_hint="ada@acme.example", fresh=False, now=NOW)
    assert set(parse_qs(urlsplit(challenge.url).query)) == {"client_id", "request_uri"}
    assert await world.sign_in(connector)
    assert world.provider.asked.count("/par") == 2


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        (Knobs(fails={"pushed": "refused"}), "oidc.pushed_client_refused"),
        (Knobs(fails={"pushed": "error"}), "oidc.pushed_status"),
        (Knobs(pushed={"request_uri": GONE}), "oidc.pushed_malformed"),
        (Knobs(discovery={"pushed_authorization_request_endpoint": GONE}), "oidc.pushed_impossible"),
    ],
)
async def test_nothing_goes_through_the_browser_where_pushing_failed(
    world: World, knobs: Knobs, code: str
) -> None:
    world.provider.knobs = knobs
    with pytest.raises(ProviderUnavailable) as caught:
        await world.connector(client_id="pushing", pushed_authorization="always").begin(
            handle=HANDLE, login_hint="", fresh=False, now=NOW
        )
    assert caught.value.code == code


DEMANDS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"require": {"acr": ["urn:demo:otp"]}}, {"acr": "urn:demo:password"}, "oidc.acr"),
    ({"max_age": "1h"}, {"auth_time": GONE}, "oidc.auth_time"),
    ({"max_age": "1h"}, {"auth_time": 1}, "oidc.auth_time"),
    ({"require": {"max_age": "1h"}}, {"auth_time": 1}, "oidc.auth_time"),
    ({"preset": "google", "authorization_params": {"hd": "acme.example"}}, {}, "oidc.demanded_claim"),
    (
        {"preset": "google", "authorization_params": {"hd": "acme.example"}},
        {"hd": "other.example"},
        "oidc.demanded_claim",
    ),
    ({"preset": "entra"}, {"tid": "t"}, "oidc.subject_claims"),
    ({"tenants": ["aaaaaaaa-2222-4333-8444-555555555555"]}, {"tid": "t"}, "oidc.tenant"),
]


@pytest.mark.parametrize(("says", "claims", "code"), DEMANDS)
async def test_what_a_connection_demands_is_held_against_the_answer(
    world: World, says: dict[str, Any], claims: dict[str, Any], code: str
) -> None:
    world.provider.knobs = Knobs(claims=claims)
    with pytest.raises(AssertionRefused) as caught:
        await world.sign_in(world.connector(**PLAIN, **says))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        (Knobs(userinfo_sign="other_key"), "oidc.userinfo_signature"),
        (Knobs(userinfo_sign="none", userinfo_header={"alg": "none"}), "oidc.userinfo_signature"),
        (Knobs(userinfo={"aud": "them"}), "oidc.userinfo_audience"),
        (Knobs(userinfo={"sub": "mallory"}), "oidc.userinfo_sub"),
    ],
)
async def test_a_signed_userinfo_answer_is_verified(world: World, knobs: Knobs, code: str) -> None:
    world.provider.knobs = knobs
    with pytest.raises(AssertionRefused) as caught:
        await world.sign_in(world.connector(client_id="signed", userinfo_signed_response_alg="RS256"))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("client_id", "registered"), [("signed", {}), ("federation", {"userinfo_signed_response_alg": "RS256"})]
)
async def test_userinfo_comes_in_the_registered_form_alone(
    world: World, client_id: str, registered: dict[str, Any]
) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.userinfo_content_type: "):
        await world.sign_in(world.connector(client_id=client_id, **registered))


async def test_the_session_at_the_provider_is_remembered(world: World) -> None:
    single = (await world.sign_in(world.connector(**PLAIN))).provider_session
    local = (await world.sign_in(world.connector(**PLAIN, logout="local"))).provider_session
    assert single
    assert local
    assert single.name == local.name
    assert single.index
    assert (single.hint.count("."), local.hint) == (2, "")


async def test_tokens_are_kept_and_renewed(world: World) -> None:
    connector = world.connector(scopes=OFFLINE, keep_tokens=KEPT)
    assertion = await world.sign_in(connector)
    tokens = assertion.tokens
    assert tokens
    assert (tokens.access_until, tokens.scopes) == (NOW + timedelta(seconds=300), tuple(OFFLINE))
    assert connector.renewal
    person = assertion.subject.person
    new = (await connector.renewal.renew(tokens, person=person, now=NOW)).kept
    assert {new.access, new.refresh, new.id}.isdisjoint({tokens.access, tokens.refresh, tokens.id, ""})
    with pytest.raises(AssertionRefused, match=r"^oidc\.refresh_refused: "):  # the old one was used
        await connector.renewal.renew(tokens, person=person, now=NOW)


async def test_without_a_refresh_token_nothing_is_renewed(world: World) -> None:
    assert world.connector(keep_tokens=("access", "id")).renewal is None


RENEWED: list[tuple[Knobs, str]] = [
    (Knobs(claims={"sub": "mallory"}), "oidc.subject_changed"),  # Core §12.2
    (Knobs(claims={"iss": "https://other.example"}), "oidc.issuer"),
    (Knobs(claims={"aud": "them"}), "oidc.audience"),
    (Knobs(claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "oidc.at_hash"),
    (Knobs(header={"alg": "none"}, sign="none"), "oidc.alg"),
    (Knobs(sign="other_key"), "oidc.signature"),
    (Knobs(token_members={"access_token": GONE}), "oidc.token_no_access_token"),
    (Knobs(fails={"token": "error"}), "oidc.token_status"),
]


@pytest.mark.parametrize(("knobs", "code"), RENEWED)
async def test_one_fault_of_a_renewal(world: World, knobs: Knobs, code: str) -> None:
    connector = world.connector(scopes=OFFLINE, keep_tokens=KEPT)
    assertion = await world.sign_in(connector)
    assert assertion.tokens
    world.provider.knobs = knobs
    with pytest.raises(FederationError) as caught:
        await connector.renew(assertion.tokens, person=assertion.subject.person, now=NOW)
    assert caught.value.code == code


async def test_a_renewal_may_bring_an_access_token_alone(world: World) -> None:
    connector = world.connector(scopes=OFFLINE, keep_tokens=KEPT)
    assertion = await world.sign_in(connector)
    tokens = assertion.tokens
    assert tokens
    world.provider.knobs = Knobs(
        token_members={"id_token": GONE, "refresh_token": GONE, "expires_in": GONE, "scope": GONE}
    )
    new = (await connector.renew(tokens, person=assertion.subject.person, now=NOW)).kept
    stays = {"refresh": tokens.refresh, "id": tokens.id, "receivers": tokens.receivers}
    assert new == KeptTokens(access=new.access, scopes=tokens.scopes, **stays)  # type: ignore[arg-type]
    assert new.access != tokens.access


async def test_refresh_reads_every_kind_of_key_again(world: World) -> None:
    connector = world.connector(
        client_id="hmac", id_token_signed_response_alg="HS256", userinfo_signed_response_alg="ES256"
    )
    await connector.refresh(NOW)
    assert world.provider.asked == ["/.well-known/openid-configuration", "/jwks"]
    assert await world.sign_in(connector)
