"""Whatever a provider answers: an entry, or a refusal with a reference; of ours, never more than 502 or 504.

Every way to fail at every endpoint, and every member of every answer in every odd type.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from certified import CONNECTIONS, Stage, staged

from federation.demo import openid_failures
from federation.demo.openid_faults import (
    FAULTS,
    FRONT_FAULTS,
    GONE,
    HYBRID_FAULTS,
    PUBLISHED_FAULTS,
    TWICE,
    Fault,
    Knobs,
)

# the code of every way to fail, the same at every endpoint; then what each calls what is left
CARRIED = {
    "slow": "fetch.timeout",
    "drip": "fetch.timeout",
    "huge": "fetch.too_large",
    "unframed": "fetch.too_large",
    "redirect": "fetch.redirect",
    "compressed": "fetch.encoded",
    "dropped": "fetch.connection",
}
UNREADABLE = ("malformed", "empty", "array", "number", "nan", "repeated", "deep", "not-utf-8")
REFUSING = ("error", "error-json", "busy", "nothing", "refused", "unknown-error")
ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "token": {
        **dict.fromkeys(UNREADABLE, "oidc.token_malformed"),
        **dict.fromkeys(REFUSING, "oidc.token_status"),
        **dict.fromkeys(("text", "html"), "oidc.token_content_type"),
        "error-json": "oidc.token_error",
        "refused": "oidc.token_client_refused",
        "unknown-error": "oidc.token_error",
    },
    "pushed": {
        **dict.fromkeys(UNREADABLE, "oidc.pushed_status"),
        **dict.fromkeys(REFUSING, "oidc.pushed_status"),
        **dict.fromkeys(("text", "html"), "oidc.pushed_status"),
        "malformed": "oidc.pushed_malformed",
        "text": "oidc.pushed_content_type",
        "error-json": "oidc.pushed_error",
        "refused": "oidc.pushed_client_refused",
        "unknown-error": "oidc.pushed_error",
    },
    "userinfo": {
        **dict.fromkeys(UNREADABLE, "oidc.userinfo_malformed"),
        **dict.fromkeys(REFUSING, "oidc.userinfo_status"),
        **dict.fromkeys(("text", "html"), "oidc.userinfo_content_type"),
    },
    "discovery": {
        **dict.fromkeys(UNREADABLE, "oidc.discovery_malformed"),
        **dict.fromkeys(REFUSING, "oidc.discovery_unavailable"),
        **dict.fromkeys(("text", "html"), "oidc.discovery_content_type"),
    },
    "jwks": {
        **dict.fromkeys(UNREADABLE, "oidc.jwks_malformed"),
        **dict.fromkeys(REFUSING, "oidc.jwks_unavailable"),
        **dict.fromkeys(("text", "html"), "oidc.jwks_content_type"),
    },
}
ODD: tuple[Any, ...] = (None, True, 1e308, "", "\ud800", "x" * 70_000, [None], {"a": [{}]}, GONE)
CLAIMS = (
    "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "auth_time", "acr", "amr",
    "sid", "email", "email_verified", "name", "groups", "_claim_names", "_claim_sources", "hasgroups",
)  # fmt: skip
USERINFO = ("iss", "aud", "sub", "exp", "email", "email_verified", "name", "groups", "_claim_names")
TOKEN_MEMBERS = ("access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token", "error")
DISCOVERY_MEMBERS = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
    "end_session_endpoint", "pushed_authorization_request_endpoint", "require_pushed_authorization_requests",
    "token_endpoint_auth_methods_supported", "id_token_signing_alg_values_supported",
    "code_challenge_methods_supported", "scopes_supported", "authorization_response_iss_parameter_supported",
    "backchannel_logout_session_supported", "frontchannel_logout_session_supported",
)  # fmt: skip
KEY_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "key_ops", "x5c", "issuer", "d")


@pytest.fixture(scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("knobs")) as stage:
        yield stage


@pytest.fixture
def stage(everything: Stage) -> Stage:
    everything.clock.at += timedelta(minutes=1)
    for name in CONNECTIONS:
        everything.forget(name)
    return everything


async def holds(stage: Stage, page: httpx2.Response) -> str:
    """Hold what is true of every answer of ours; return the refusal's code, "" for an entry."""
    if page.status_code == 303:
        return ""
    assert page.status_code in (400, 403, 502, 504), f"{page.status_code} {page.text}"
    code = await stage.code(page)  # it has a reference, and a record under it
    assert code.startswith(("oidc.", "fetch.", "signin.", "form.", "policy.", "identity."))
    await stage.opened_nothing()
    return code


@pytest.mark.parametrize("how", openid_failures.HOW)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_way_to_fail_at_every_endpoint(stage: Stage, endpoint: str, how: str) -> None:
    fails = {endpoint: how}
    knobs = Knobs(publishes=fails) if endpoint in ("discovery", "jwks") else Knobs(fails=fails)
    page = await stage.sign_in("pushed", knobs=knobs)
    code = {**CARRIED, **ENDPOINTS[endpoint]}[how]
    await stage.is_refused(page, code, 504 if code == "fetch.timeout" else 502)


@pytest.mark.parametrize("flow", ["hybrid", "fapi"])
@pytest.mark.parametrize(
    "fault", {**FAULTS, **FRONT_FAULTS, **HYBRID_FAULTS, **PUBLISHED_FAULTS}.values(), ids=lambda it: it.says
)
async def test_every_row_of_every_table_in_every_flow(stage: Stage, flow: str, fault: Fault) -> None:
    if fault.code != "fetch.timeout":  # above
        await holds(stage, await stage.sign_in(flow, knobs=fault.knobs))


@pytest.mark.parametrize("claim", CLAIMS)
async def test_every_claim_in_every_odd_type(stage: Stage, claim: str) -> None:
    for odd in ODD:
        await holds(stage, await stage.sign_in("hybrid", knobs=Knobs(claims={claim: odd})))


@pytest.mark.parametrize("claim", USERINFO)
async def test_every_claim_of_userinfo_in_every_odd_type(stage: Stage, claim: str) -> None:
    for odd in ODD:
        await holds(stage, await stage.sign_in("userinfo-signed", knobs=Knobs(userinfo={claim: odd})))


@pytest.mark.parametrize(
    "name", ["alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "p2c"]
)
async def test_every_header_in_every_odd_type(stage: Stage, name: str) -> None:
    for odd in ODD:
        await holds(stage, await stage.sign_in("basic", knobs=Knobs(header={name: odd})))


@pytest.mark.parametrize("name", TOKEN_MEMBERS)
async def test_every_member_of_the_token_answer_in_every_odd_type(stage: Stage, name: str) -> None:
    for odd in ODD:
        await holds(stage, await stage.sign_in("basic", knobs=Knobs(token_members={name: odd})))


@pytest.mark.parametrize("name", ["request_uri", "expires_in", "error"])
async def test_every_member_of_the_pushed_answer_in_every_odd_type(stage: Stage, name: str) -> None:
    for odd in ODD:
        stage.provider.knobs = Knobs(pushed={name: odd})
        try:
            page = await stage.person().begin("pushed")
        finally:
            stage.provider.knobs = Knobs()
        await holds(stage, page)


@pytest.mark.parametrize("name", DISCOVERY_MEMBERS)
async def test_every_member_of_discovery_in_every_odd_type(stage: Stage, name: str) -> None:
    for odd in ODD:
        stage.forget("basic")
        stage.provider.knobs = Knobs(discovery={name: odd})
        try:
            page = await stage.person().begin("basic")
            if page.status_code == 303 and page.headers["location"].startswith(stage.provider.issuer):
                page = await stage.people[-1].finish(page, "ada")
        finally:
            stage.provider.knobs = Knobs()
        await holds(stage, page)


@pytest.mark.parametrize("name", KEY_MEMBERS)
async def test_every_member_of_a_key_in_every_odd_type(stage: Stage, name: str) -> None:
    for odd in ODD:
        stage.forget("basic")
        first, *others = stage.provider.signer.published()
        bent = {key: value for key, value in {**first, name: odd}.items() if value is not GONE}
        jwks = json.dumps({"keys": [bent, *others]}).encode()
        await holds(stage, await stage.sign_in("basic", knobs=Knobs(jwks=jwks)))


@pytest.mark.parametrize("flow", ["basic", "implicit", "hybrid"])
@pytest.mark.parametrize(
    "name",
    ["code", "id_token", "iss", "state", "error", "error_description", "access_token", "session_state"],
)
async def test_every_parameter_of_the_answer_in_every_odd_form(stage: Stage, flow: str, name: str) -> None:
    for odd in ("", " ", "\x00", "é" * 300, "x" * 12_000, GONE):
        await holds(stage, await stage.sign_in(flow, knobs=Knobs(answer={name: odd})))
    if name in ("state", "iss"):
        await holds(stage, await stage.sign_in(flow, knobs=Knobs(answer={name: TWICE})))
