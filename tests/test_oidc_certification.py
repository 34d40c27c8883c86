"""The OpenID Foundation's certification of relying parties: one test per module, named after it.

The whole stair over loopback; each test holds what the person gets and which refusal is in the
record. Where a module is run for several flows, so is its test. What the suite calls a stop is
here: no session, and nothing more is asked of the provider.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from certified import BASE, CONNECTIONS, SECRET, Stage, staged
from oidc_leaving import Scene, leaving
from test_oidc_leaving import Notes

from federation.demo.openid_faults import BESIDE, GONE, TWICE, Knobs, Later
from federation.oidc.logout import EVENT

OTHER = "https://other.example"
DISCOVERY = "/.well-known/openid-configuration"
YEAR = 366 * 86400  # seconds
every_flow = pytest.mark.parametrize("flow", ["basic", "form-post", "implicit", "hybrid"])
with_userinfo = pytest.mark.parametrize("flow", ["basic", "form-post", "hybrid"])


@pytest.fixture(scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("certification")) as stage:
        yield stage


@pytest.fixture
def stage(everything: Stage) -> Stage:
    everything.clock.at += timedelta(minutes=1)  # keys that are unknown are fetched again at most so often
    return everything


async def refused(stage: Stage, flow: str, code: str, status: int = 403, **knobs: Any) -> list[str]:
    """Sign in while the provider does this wrong; return what was asked of it meanwhile."""
    before = stage.sessions()
    page = await stage.sign_in(flow, knobs=Knobs(**knobs))
    await stage.is_refused(page, code, status)
    assert stage.sessions() == before
    return list(stage.provider.asked)


# Basic RP, and the same modules for Form Post, Implicit and Hybrid


@pytest.mark.parametrize("connection", [name for name in CONNECTIONS if name != "asking"])
async def test_oidcc_client_test(stage: Stage, connection: str) -> None:
    for who in ("ada", "zoe"):
        await stage.is_admitted(await stage.sign_in(connection, who), who)


@every_flow
async def test_oidcc_client_test_invalid_iss(stage: Stage, flow: str) -> None:
    asked = await refused(stage, flow, "oidc.issuer", claims={"iss": OTHER})
    assert "/userinfo" not in asked


@every_flow
async def test_oidcc_client_test_missing_sub(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.subject", claims={"sub": GONE})
    await refused(stage, flow, "oidc.subject", claims={"sub": " "})


@every_flow
async def test_oidcc_client_test_invalid_aud(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.audience", claims={"aud": "somebody-else"})
    await refused(stage, flow, "oidc.audience", claims={"aud": [], "azp": flow})


@every_flow
async def test_oidcc_client_test_missing_iat(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.issued_at", claims={"iat": GONE})


async def test_oidcc_client_test_kid_absent_single_jwks(stage: Stage) -> None:
    stage.forget("basic")
    one = json.dumps({"keys": stage.provider.signer.published()[:1]}).encode()
    await stage.is_admitted(await stage.sign_in("basic", knobs=Knobs(header={"kid": GONE}, jwks=one)))
    stage.forget("basic")


@every_flow
async def test_oidcc_client_test_kid_absent_multiple_jwks(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.key_ambiguous", header={"kid": GONE})


@pytest.mark.parametrize("connection", ["basic", "es256", "ps256", "eddsa", "hs256"])
async def test_oidcc_client_test_idtoken_sig_rs256(stage: Stage, connection: str) -> None:
    await stage.is_admitted(await stage.sign_in(connection))


@pytest.mark.parametrize("flow", ["basic", "form-post", "implicit", "hybrid", "es256", "hs256"])
async def test_oidcc_client_test_idtoken_sig_none(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.alg", header={"alg": "none"}, sign="none")
    await refused(stage, flow, "oidc.alg", header={"alg": "nOnE"}, sign="none")


@every_flow
async def test_oidcc_client_test_invalid_sig_rs256(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.signature", sign="other_key")
    await refused(stage, flow, "oidc.alg", header={"alg": "HS256"}, sign="public_key")


@with_userinfo
async def test_oidcc_client_test_userinfo_invalid_sub(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.userinfo_sub", userinfo={"sub": "mallory"})
    await refused(stage, flow, "oidc.userinfo_sub", userinfo={"sub": GONE})


@every_flow
async def test_oidcc_client_test_nonce_invalid(stage: Stage, flow: str) -> None:
    await refused(stage, flow, "oidc.nonce", claims={"nonce": "another"})
    await refused(stage, flow, "oidc.nonce", claims={"nonce": GONE})


@with_userinfo
async def test_oidcc_client_test_scope_userinfo_claims(stage: Stage, flow: str) -> None:
    page = await stage.sign_in(flow, "zoe")
    session = await stage.is_admitted(page, "zoe")
    assert stage.provider.asked[-1] == "/userinfo"
    assert session["user"]["given_name"] == "Zoë"
    assert session["attributes"]["department"] == ["R&D"]


async def test_oidcc_client_test_userinfo_bearer_header(stage: Stage) -> None:
    # The provider takes the access token from that header alone; a body or a query it does not read.
    await stage.is_admitted(await stage.sign_in("basic"))
    assert stage.provider.asked == ["/token", "/userinfo"]


async def test_oidcc_client_test_client_secret_basic(stage: Stage) -> None:
    await stage.is_admitted(await stage.sign_in("basic"))
    assert stage.provider.clients.proofs[-1] == ("client_secret_basic", {})


# Implicit and Hybrid RP


@every_flow
async def test_oidcc_client_test_nonce_unless_code_flow(stage: Stage, flow: str) -> None:
    nonces = set()
    for _ in range(2):
        await stage.is_admitted(await stage.sign_in(flow))
        nonces.add(stage.people[-1].asked["nonce"])
    assert all(len(nonce) >= 43 for nonce in nonces)
    assert len(nonces) == 2


@with_userinfo
async def test_oidcc_client_test_invalid_athash(stage: Stage, flow: str) -> None:
    wrong = {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}
    assert "/userinfo" not in await refused(stage, flow, "oidc.at_hash", claims=wrong, bends="back")


@every_flow
async def test_oidcc_client_test_missing_athash(stage: Stage, flow: str) -> None:
    # It binds an access token that comes through the browser; we take none from there, hash or not.
    asked = await refused(stage, flow, "oidc.answer_unasked", answer={"access_token": "of-somebody"})
    assert asked == []


async def test_oidcc_client_test_invalid_chash(stage: Stage) -> None:
    wrong = {"c_hash": "AAAAAAAAAAAAAAAAAAAAAA"}
    assert "/token" not in await refused(stage, "hybrid", "oidc.c_hash", claims=wrong, bends="front")


async def test_oidcc_client_test_missing_chash(stage: Stage) -> None:
    asked = await refused(stage, "hybrid", "oidc.c_hash", claims={"c_hash": GONE}, bends="front")
    assert "/token" not in asked


@pytest.mark.parametrize(
    ("code", "knobs"),
    [
        ("oidc.subject_changed", {"claims": {"sub": "mallory"}, "bends": "back"}),
        ("oidc.issuer", {"claims": {"iss": OTHER}, "bends": "back"}),
        ("oidc.audience", {"claims": {"aud": "somebody-else"}, "bends": "back"}),
        ("oidc.nonce", {"claims": {"nonce": "another"}, "bends": "back"}),
        ("oidc.signature", {"sign": "other_key", "bends": "back"}),
    ],
)
async def test_hybrid_holds_the_second_id_token_to_every_rule_too(
    stage: Stage, code: str, knobs: dict[str, Any]
) -> None:
    await refused(stage, "hybrid", code, **knobs)


@pytest.mark.parametrize(
    ("flow", "asked"),
    [
        ("basic", ("code", None)),
        ("token", ("code", None)),
        ("form-post", ("code", "form_post")),
        ("implicit", ("id_token", "form_post")),
        ("hybrid", ("code id_token", "form_post")),
    ],
)
async def test_no_token_is_asked_for_in_a_url(stage: Stage, flow: str, asked: tuple[str, Any]) -> None:
    await stage.is_admitted(await stage.sign_in(flow))
    sent = stage.people[-1].asked
    assert (" ".join(sorted(sent["response_type"].split())), sent.get("response_mode")) == asked
    proof = sent.get("code_challenge_method") == "S256"
    assert proof == (flow != "implicit")


# Form Post RP


@pytest.mark.parametrize("flow", ["form-post", "implicit", "hybrid"])
async def test_oidcc_client_test_form_post_error(stage: Stage, flow: str) -> None:
    page = await stage.person().sign_in(flow, form={"cancel": "1"})
    await stage.is_refused(page, "oidc.error_answer")
    assert stage.people[-1].sent["error"] == "access_denied"


@every_flow
async def test_an_error_is_shown_in_our_words_alone(stage: Stage, flow: str) -> None:
    said = {"error": "<script>", "error_description": "call +1 555 somebody-else"}
    await refused(stage, flow, "oidc.error_answer", answer={"code": GONE, "id_token": GONE, **said})


# RP-Initiated, Back-Channel and Front-Channel Logout; what lies beside the modules: test_oidc_leaving.py


@pytest.fixture(scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    place = tmp_path_factory.mktemp("certification-logout")
    async with leaving(place, f"sqlite:///{place}/federation.db") as scene:
        yield scene


@pytest.fixture
async def scene(everybody: Scene) -> Scene:
    await everybody.begin_test()
    return everybody


@pytest.fixture
def noted(scene: Scene, caplog: pytest.LogCaptureFixture) -> Notes:
    return Notes(scene, caplog)


async def left(scene: Scene, **knobs: Any) -> tuple[str, bool]:
    """Sign out while the provider does this wrong; return how it ended, and whether another browser stays.

    Both browsers share the person's session at the provider; so, as a logout of its own, each logout
    token and frame has one more session to end.
    """
    person, beside = scene.person(), scene.person()
    await person.sign_in()
    for cookie in person.client.cookies.jar:
        if cookie.name == "demo_openid_provider":
            beside.client.cookies.jar.set_cookie(cookie)
    await beside.sign_in()
    scene.provider.knobs = Knobs(**knobs)
    page = await person.sign_out()
    assert not await person.signed_in()
    return str(page.url).partition("outcome=")[2], await beside.signed_in()


async def test_oidcc_client_test_rp_init_logout(scene: Scene, noted: Notes) -> None:
    assert await left(scene) == ("full", False)
    assert await noted.codes() == []


async def test_oidcc_client_test_rp_init_logout_other_state(scene: Scene, noted: Notes) -> None:
    assert (await left(scene, ended={"state": "another"}))[0] == "failed"
    assert await noted.codes() == ["signin.unknown"]


async def test_oidcc_client_test_rp_init_logout_no_state(scene: Scene, noted: Notes) -> None:
    assert (await left(scene, ended={"state": GONE}))[0] == "failed"
    assert await noted.codes() == ["signin.unknown"]


async def test_oidcc_client_test_rp_backchannel_rpinitlogout(scene: Scene) -> None:
    assert await left(scene) == ("full", False)
    assert scene.provider.logout.told == [("us", 200)]


async def untold(scene: Scene, noted: Notes, code: str, **knobs: Any) -> None:
    """Sign out while the logout token breaks a rule: it ends nothing, and the provider is told so."""
    assert await left(scene, **knobs) == ("full", True)
    assert scene.provider.logout.told == [("us", 400)]
    assert await noted.codes() == [code]


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_alg_none(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.alg", logout_header={"alg": "none"}, logout_sign="none")


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.alg", logout_header={"alg": "HS256"}, logout_sign="public_key")


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_no_event(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.logout_event", logout={"events": GONE})


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.logout_event", logout={"events": {f"{EVENT}2": {}}})


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.logout_nonce", logout={"nonce": "n"})


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.logout_audience", logout={"aud": "somebody-else"})


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss(scene: Scene, noted: Notes) -> None:
    await untold(scene, noted, "oidc.logout_issuer", logout={"iss": OTHER})


@pytest.mark.parametrize("by", ["rpinitlogout", "opinitlogout"])
async def test_oidcc_client_test_rp_frontchannel(scene: Scene, noted: Notes, by: str) -> None:
    known = scene.provider.clients.known
    assert isinstance(known, dict)
    url = f"{BASE}/oidc/acme/frontchannel-logout"
    before, known["us"] = (
        known["us"],
        replace(known["us"], backchannel_logout_uri="", frontchannel_logout_uri=url),
    )
    try:
        if by == "rpinitlogout":
            assert await left(scene) == ("full", False)
        else:
            person = scene.person()
            await person.sign_in()
            await person.go("GET", f"{scene.provider.issuer}/logout")
            assert not await person.signed_in()
    finally:
        known["us"] = before
    assert scene.provider.logout.told == []
    assert await noted.codes() == []


# Third-party-initiated login


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_oidcc_client_test_3rd_party_init_login(stage: Stage, method: str) -> None:
    person = stage.person()
    told = {
        "iss": stage.provider.issuer,
        "provider": "basic",  # several connections have this issuer here
        "login_hint": "ada@acme.example",
        "target_link_uri": f"{BASE}/account",
    }
    if method == "GET":
        begun = await person.client.get("/oidc/initiate", params=told)
    else:
        asked = await person.client.post("/oidc/initiate", data=told)
        assert asked.status_code == 303
        begun = await person.client.get(asked.headers["location"])
    assert begun.headers["location"].startswith(f"{stage.provider.issuer}/authorize?")
    assert "login_hint=ada%40acme.example" in begun.headers["location"]
    await stage.is_admitted(await person.finish(begun, "ada"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("signin.initiate_unknown", {"iss": OTHER}),
        ("signin.initiate_unknown", {"iss": ""}),
        ("signin.initiate_unknown", {"provider": "nobody"}),
        ("signin.initiate_unnamed", {"login_hint": "ada@acme.example"}),
    ],
)
async def test_oidcc_client_test_3rd_party_init_login_of_nobody(
    stage: Stage, code: str, told: dict[str, str]
) -> None:
    stage.provider.asked.clear()
    page = await stage.person().client.get("/oidc/initiate", params=told)
    await stage.is_refused(page, code, 400)
    assert stage.provider.asked == []


async def test_oidcc_client_test_3rd_party_init_login_leads_nowhere_else(stage: Stage) -> None:
    person = stage.person()
    told = {"provider": "basic", "target_link_uri": f"{OTHER}/account"}
    begun = await person.client.get("/oidc/initiate", params=told)
    page = await person.finish(begun, "ada")
    assert (page.status_code, page.headers["location"]) == (303, "/")


# Config RP


@pytest.mark.parametrize(
    ("code", "discovery"),
    [
        ("oidc.discovery_issuer", {"issuer": OTHER}),
        ("oidc.discovery_issuer", {"issuer": GONE}),
        ("oidc.discovery_endpoint", {"authorization_endpoint": "http://other.example/authorize"}),
        ("oidc.discovery_endpoint", {"token_endpoint": GONE}),
        ("oidc.discovery_endpoint", {"jwks_uri": "file:///etc/passwd"}),
    ],
)
async def test_oidcc_client_test_discovery_issuer_mismatch(
    stage: Stage, code: str, discovery: dict[str, Any]
) -> None:
    stage.forget("basic")
    assert await refused(stage, "basic", code, 502, discovery=discovery) == [DISCOVERY]
    stage.forget("basic")


async def test_oidcc_client_test_discovery_openid_config(stage: Stage) -> None:
    stage.forget("basic")
    await stage.is_admitted(await stage.sign_in("basic"))
    assert stage.provider.asked == [DISCOVERY, "/token", "/jwks", "/userinfo"]


async def test_oidcc_client_test_discovery_jwks_uri_keys(stage: Stage) -> None:
    stage.provider.signer.rotate()
    await stage.house.signin.connectors["basic"].refresh(stage.clock())
    await stage.is_admitted(await stage.sign_in("basic"))
    assert "/jwks" not in stage.provider.asked


@pytest.mark.parametrize("keep", [True, False])
@every_flow
async def test_oidcc_client_test_signing_key_rotation(stage: Stage, flow: str, *, keep: bool) -> None:
    await stage.house.signin.connectors[flow].refresh(stage.clock())
    await stage.is_admitted(await stage.sign_in(flow))
    for _ in range(2):  # beyond the key that was published ahead
        stage.provider.signer.rotate(keep=keep)
    await stage.is_admitted(await stage.sign_in(flow))
    assert stage.provider.asked.count("/jwks") == 1
    await stage.is_admitted(await stage.sign_in(flow))
    assert "/jwks" not in stage.provider.asked


@every_flow
async def test_oidcc_client_test_signing_key_rotation_just_before_signing(stage: Stage, flow: str) -> None:
    await stage.house.signin.connectors[flow].refresh(stage.clock())
    last = "back" if flow == "hybrid" else "every"
    await stage.is_admitted(await stage.sign_in(flow, knobs=Knobs(rotates=True, bends=last)))
    assert stage.provider.asked.count("/jwks") == 1


async def test_unknown_keys_are_asked_for_once_in_a_while(stage: Stage) -> None:
    first = await refused(stage, "basic", "oidc.key_unknown", header={"kid": "nobody"})
    assert first.count("/jwks") == 1
    for _ in range(3):
        asked = await refused(stage, "basic", "oidc.key_unknown", header={"kid": "nobody"})
        assert "/jwks" not in asked


# Comprehensive: not certified, and asked all the same


@pytest.mark.parametrize("connection", ["es256", "ps256", "eddsa", "hs256"])
async def test_oidcc_client_test_invalid_sig_es256_and_others(stage: Stage, connection: str) -> None:
    await refused(stage, connection, "oidc.signature", sign="other_key")


async def test_oidcc_client_test_userinfo_signed(stage: Stage) -> None:
    await stage.is_admitted(await stage.sign_in("userinfo-signed"))


@pytest.mark.parametrize(
    ("code", "status", "knobs"),
    [
        ("oidc.userinfo_signature", 403, {"userinfo_sign": "other_key"}),
        ("oidc.userinfo_signature", 403, {"userinfo_header": {"alg": "none"}, "userinfo_sign": "none"}),
        (
            "oidc.userinfo_signature",
            403,
            {"userinfo_header": {"alg": "HS256"}, "userinfo_sign": "public_key"},
        ),
        ("oidc.userinfo_issuer", 403, {"userinfo": {"iss": OTHER}}),
        ("oidc.userinfo_issuer", 403, {"userinfo": {"iss": GONE}}),
        ("oidc.userinfo_audience", 403, {"userinfo": {"aud": "somebody-else"}}),
        ("oidc.userinfo_audience", 403, {"userinfo": {"aud": GONE}}),
        ("oidc.userinfo_sub", 403, {"userinfo": {"sub": "mallory"}}),
    ],
)
async def test_oidcc_client_test_userinfo_signed_wrongly(
    stage: Stage, code: str, status: int, knobs: dict[str, Any]
) -> None:
    await refused(stage, "userinfo-signed", code, status, **knobs)


async def test_oidcc_client_test_aggregated_claims(stage: Stage) -> None:
    # Another issuer's word, carried along: not ours to believe, and nothing of it becomes an attribute.
    elsewhere = {
        "_claim_names": {"department": "src1"},
        "_claim_sources": {"src1": {"JWT": "eyJhbGciOiJub25lIn0.eyJkZXBhcnRtZW50IjoiQm9hcmQifQ."}},
    }
    page = await stage.sign_in("basic", knobs=Knobs(claims=elsewhere, userinfo={"department": GONE}))
    assert "department" not in (await stage.is_admitted(page))["attributes"]


async def test_oidcc_client_test_distributed_claims(stage: Stage) -> None:
    # What is only named is not fetched from where a token says, and no group of it is granted.
    elsewhere = {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": f"{stage.provider.issuer}/groups", "access_token": "x"}},
    }
    page = await stage.sign_in("basic", knobs=Knobs(claims=elsewhere, userinfo={"groups": GONE}))
    assert page.status_code == 303
    session = await stage.people[-1].session()
    assert session is not None
    assert session["groups"] in ([], None)
    assert stage.provider.asked == ["/token", "/userinfo"]


async def test_oidcc_client_test_acr_max_age_and_claims(stage: Stage) -> None:
    session = await stage.is_admitted(await stage.sign_in("asking"))
    sent = stage.people[-1].asked
    assert (sent["acr_values"], sent["max_age"], sent["ui_locales"]) == ("urn:demo:otp", "600", "de")
    assert session["attributes"]["department"] == ["Engineering"]
    await refused(stage, "asking", "oidc.acr", claims={"acr": "urn:demo:password"})
    await refused(stage, "asking", "oidc.acr", claims={"acr": GONE})
    await refused(stage, "asking", "oidc.auth_time", claims={"auth_time": Later(seconds=-661)})
    await refused(stage, "asking", "oidc.auth_time", claims={"auth_time": GONE})


async def test_oidcc_client_test_max_age_makes_the_provider_ask_again(stage: Stage) -> None:
    person = stage.person()
    await person.sign_in("asking")
    stage.clock.at += timedelta(minutes=11)
    begun = await person.begin("asking")
    page = await person.client.get(begun.headers["location"])
    assert "Continue as" not in page.text


@pytest.mark.parametrize("connection", ["secret-post", "public", "keyed", "keyed-endpoint"])
async def test_oidcc_client_test_client_authentication(stage: Stage, connection: str) -> None:
    await stage.is_admitted(await stage.sign_in(connection))
    method, told = stage.provider.clients.proofs[-1]
    wanted = {"secret-post": "client_secret_post", "public": "none"}.get(connection, "private_key_jwt")
    assert method == wanted
    if connection.startswith("keyed"):
        issuer = stage.provider.issuer
        assert told["aud"] == (issuer if connection == "keyed" else f"{issuer}/token")
        assert told["exp"] - told["iat"] <= 60


# FAPI 2.0 Security Profile, as far as it goes without DPoP and mutual TLS


async def test_fapi2_security_profile_final_client_test_happy_path(stage: Stage) -> None:
    await stage.is_admitted(await stage.sign_in("fapi"))
    assert stage.provider.asked == ["/par", "/token", "/userinfo"]
    assert set(stage.people[-1].asked) == {"client_id", "request_uri"}
    jtis = [told["jti"] for method, told in stage.provider.clients.proofs[-2:]]
    assert len(set(jtis)) == 2
    assert all(told["aud"] == stage.provider.issuer for _, told in stage.provider.clients.proofs[-2:])


@pytest.mark.parametrize("flow", ["basic", "form-post", "implicit", "hybrid", "fapi"])
@pytest.mark.parametrize("iss", [OTHER, "", "HTTP://127.0.0.1"], ids=["another", "empty", "like-it"])
async def test_fapi2_client_test_invalid_authorization_response_iss(
    stage: Stage, flow: str, iss: Any
) -> None:
    asked = await refused(stage, flow, "oidc.answer_iss", answer={"iss": iss})
    assert "/token" not in asked


@pytest.mark.parametrize("flow", ["basic", "form-post", "fapi"])
async def test_fapi2_client_test_missing_authorization_response_iss(stage: Stage, flow: str) -> None:
    asked = await refused(stage, flow, "oidc.answer_iss", answer={"iss": GONE})
    assert "/token" not in asked


@pytest.mark.parametrize("flow", ["implicit", "hybrid"])
async def test_a_signed_issuer_in_front_stands_in_for_the_missing_one(stage: Stage, flow: str) -> None:
    asked = await refused(stage, flow, "oidc.issuer", answer={"iss": GONE}, claims={"iss": OTHER})
    assert "/token" not in asked


async def test_fapi2_client_test_invalid_missing_iss_of_an_error(stage: Stage) -> None:
    error = {"code": GONE, "error": "access_denied"}
    for iss in (OTHER, GONE):
        await refused(stage, "fapi", "oidc.answer_iss", answer={**error, "iss": iss})


@every_flow
async def test_fapi2_client_test_invalid_authorization_response_state(stage: Stage, flow: str) -> None:
    for state, code in (("another", "signin.unknown"), (GONE, "signin.unknown"), (TWICE, "form.repeated")):
        assert await refused(stage, flow, code, 400, answer={"state": state}) == []


@pytest.mark.parametrize("flow", ["basic", "implicit", "hybrid", "fapi"])
@pytest.mark.parametrize(
    ("code", "knobs"),
    [
        ("oidc.azp", {"claims": {"aud": BESIDE}}),
        ("oidc.azp", {"claims": {"azp": "somebody-else"}}),
        ("oidc.expired", {"claims": {"exp": Later(seconds=-61)}}),
        ("oidc.expired", {"claims": {"exp": GONE}}),
        ("oidc.issued_at", {"claims": {"iat": Later(seconds=YEAR)}}),
        ("oidc.not_before", {"claims": {"nbf": Later(seconds=YEAR)}}),
        ("oidc.nonce", {"claims": {"nonce": "another"}}),
        ("oidc.alg", {"header": {"alg": "none"}, "sign": "none"}),
        ("oidc.alg", {"header": {"alg": "ES256"}}),
        ("oidc.crit", {"header": {"crit": ["exp"], "exp": 1}}),
        ("oidc.typ", {"header": {"typ": "at+jwt"}}),
        ("oidc.typ", {"header": {"typ": "logout+jwt"}}),
    ],
)  # fmt: skip
async def test_fapi2_client_test_invalid_id_token(
    stage: Stage, flow: str, code: str, knobs: dict[str, Any]
) -> None:
    await refused(stage, flow, code, **knobs)


@pytest.mark.parametrize("flow", ["basic", "fapi"])
async def test_fapi2_client_test_token_type_case_insensitivity(stage: Stage, flow: str) -> None:
    for kind in ("bearer", "BEARER"):
        await stage.is_admitted(await stage.sign_in(flow, knobs=Knobs(token_members={"token_type": kind})))
    await refused(stage, flow, "oidc.token_type", 502, token_members={"token_type": "DPoP"})


@pytest.mark.parametrize("flow", ["basic", "fapi"])
async def test_fapi2_client_test_ensure_authorization_without_expires_in(stage: Stage, flow: str) -> None:
    await stage.is_admitted(await stage.sign_in(flow, knobs=Knobs(token_members={"expires_in": GONE})))


async def test_fapi2_client_test_required_pushed_authorization(stage: Stage) -> None:
    stage.forget("basic")
    stage.provider.require_pushed = True  # as its document then says
    try:
        await stage.is_admitted(await stage.sign_in("basic"))
    finally:
        stage.provider.require_pushed = False
        stage.forget("basic")
    assert set(stage.people[-1].asked) == {"client_id", "request_uri"}


async def test_an_id_token_of_the_sign_in_before_is_refused(stage: Stage) -> None:
    await stage.is_admitted(await stage.sign_in("basic", "bob"), "bob")
    await refused(stage, "basic", "oidc.nonce", repeats=True)


async def test_what_was_answered_once_is_worth_nothing_twice(stage: Stage) -> None:
    for flow in ("basic", "implicit", "hybrid"):
        await stage.is_admitted(await stage.sign_in(flow))
        person = stage.people[-1]
        person.client.cookies.delete("session")
        again = await person.client.get(f"/oidc/{flow}/callback", params=person.sent)
        if flow != "basic":
            again = await person.client.post(f"/oidc/{flow}/callback", data=person.sent)
        await stage.is_refused(again, "signin.used", 400)


async def test_an_answer_in_another_browser_is_refused(stage: Stage) -> None:
    for flow in ("basic", "implicit", "hybrid"):
        victim, thief = stage.person(), stage.person()
        begun = await victim.begin(flow)
        page = await thief.finish(begun, "bob")
        await stage.is_refused(page, "signin.browser", 400)
        assert await victim.session() is None


async def test_our_secret_is_nowhere_in_what_goes_through_the_browser(stage: Stage) -> None:
    for name in CONNECTIONS:
        await stage.sign_in(name)
        person = stage.people[-1]
        assert SECRET not in str((person.asked, person.sent))
        assert "code_verifier" not in str((person.asked, person.sent))
