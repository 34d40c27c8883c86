"""The authorization request, and its answer."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oidc_peer import client, demands

from federation.errors import AssertionRefused, FederationError
from federation.oidc import relying_party
from federation.oidc.client import Client
from federation.oidc.provider import ProviderMetadata
from federation.oidc.relying_party import FrontChannel

ISSUER = "https://op.example"
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
)
PROMISES = replace(PROVIDER, iss_parameter_supported=True)
TENANT = "11111111-2222-4333-8444-555555555555"
OTHER_TENANT = "99999999-2222-4333-8444-555555555555"
MANY = replace(PROVIDER, issuer=f"{ISSUER}/{{tenantid}}/v2.0")
CLIENT = client(scopes=("openid", "email"))
IMPLICIT = client(response_type="id_token", response_mode="form_post")
HYBRID = client(response_type="code id_token", response_mode="form_post")
REQUIRES_TOO = replace(HYBRID, require_iss=True)
REQUIRES = client(require_iss=True)
OF_TENANT = client(demands=demands(tenants=frozenset({TENANT})))
# RFC 7636, appendix B
VERIFIER, CHALLENGE = (
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)
GOOD = {
    "response_type": "code",
    "client_id": "us",
    "redirect_uri": "https://sp.example/oidc/acme/callback",
    "scope": "openid email",
    "state": "st",
    "nonce": "no",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def ask(typed: str = "", **other: Any) -> dict[str, str]:
    return relying_party.parameters(
        replace(CLIENT, **other), state="st", nonce="no", code_verifier=VERIFIER, login_hint=typed
    )


def test_the_request_asks_for_a_code_with_pkce_state_and_nonce() -> None:
    assert ask() == GOOD


ASKS: list[tuple[dict[str, Any], dict[str, str | None]]] = [
    # what the connection says, and what differs in the request; None: left out     source
    ({"response_mode": "form_post"}, {"response_mode": "form_post"}),             # Form Post Response Mode §2
    ({"pkce": False}, {"code_challenge": None, "code_challenge_method": None}),   # RFC 7636 §4.3
    ({"response_type": "id_token", "response_mode": "form_post"},                 # Core §3.2.2.1: no code
     {"response_type": "id_token", "response_mode": "form_post",
      "code_challenge": None, "code_challenge_method": None}),
    ({"response_type": "code id_token", "response_mode": "form_post"},            # Core §3.3.2.1
     {"response_type": "code id_token", "response_mode": "form_post"}),
    ({"parameters": {"hd": "acme.example", "prompt": "login"}}, {"hd": "acme.example", "prompt": "login"}),
    ({"parameters": dict.fromkeys(GOOD, "evil")}, {}),                            # ours beat them
    ({"parameters": {"login_hint": "kiosk"}}, {"login_hint": "kiosk"}),
    ({"claims": '{"id_token":{"a":null}}'}, {"claims": '{"id_token":{"a":null}}'}),  # Core §5.5
    ({"acr_values": ("gold", "silver")}, {"acr_values": "gold silver"}),          # Core §3.1.2.1, in order
    ({"max_age": timedelta(hours=1)}, {"max_age": "3600"}),                       # Core §3.1.2.1, seconds
    ({"max_age": timedelta(0)}, {"max_age": "0"}),                                # sign in anew
    ({"demands": demands(max_age=timedelta(hours=1), acrs=frozenset({"b", "a"}))},  # demanded, so asked for
     {"max_age": "3600", "acr_values": "a b"}),
    ({"demands": demands(max_age=timedelta(hours=2), acrs=frozenset({"b", "a"})), "acr_values": ("b",),
      "max_age": timedelta(hours=1)}, {"max_age": "3600", "acr_values": "b"}),
]  # fmt: skip


@pytest.mark.parametrize(("other", "differs"), ASKS)
def test_what_a_connection_says_is_asked(other: dict[str, Any], differs: dict[str, str | None]) -> None:
    expected = {name: value for name, value in {**GOOD, **differs}.items() if value is not None}
    assert ask(**other) == expected


@pytest.mark.parametrize(
    ("typed", "wanted", "sent"),
    [("ada@acme.example", True, "ada@acme.example"), ("ada@acme.example", False, None), ("", True, None)],
)
def test_a_login_hint_is_passed_on_where_the_connection_lets_it(
    typed: str,
    wanted: bool,  # noqa: FBT001
    sent: str | None,
) -> None:
    assert ask(typed, login_hint=wanted).get("login_hint") == sent


def test_what_was_typed_beats_the_connections_own_hint() -> None:
    asked = relying_party.parameters(
        client(parameters={"login_hint": "kiosk"}),
        state="s",
        nonce="n",
        code_verifier=VERIFIER,
        login_hint="ada",
    )
    assert asked["login_hint"] == "ada"


def test_the_endpoints_own_query_stays_and_values_are_encoded() -> None:
    b2c = replace(PROVIDER, authorization_endpoint=f"{ISSUER}/authorize?p=b2c_1")
    url = relying_party.request_url(b2c, ask("zoë+a@acme.example&state=x"))
    asked = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert (asked["p"], asked["login_hint"], asked["state"]) == (
        ["b2c_1"],
        ["zoë+a@acme.example&state=x"],
        ["st"],
    )
    assert relying_party.request_url(PROVIDER, {"a": "b"}) == f"{ISSUER}/authorize?a=b"


ANSWER_FAULTS: list[tuple[str, Client, ProviderMetadata, dict[str, str]]] = [
    # code                       client    provider  the answer                               source
    ("oidc.answer_iss",         CLIENT,   PROVIDER, {"code": "c", "iss": "https://o.example"}),  # RFC 9207
    ("oidc.answer_iss",         CLIENT,   PROVIDER, {"code": "c", "iss": f"{ISSUER}/"}),  # octet for octet
    ("oidc.answer_iss",         CLIENT,   PROVIDER, {"code": "c", "iss": ""}),  # present is present
    ("oidc.answer_iss",         CLIENT,   PROMISES, {"code": "c"}),  # promised, so required
    ("oidc.answer_iss",         CLIENT,   PROMISES, {"error": "access_denied"}),  # in errors too
    ("oidc.answer_iss",         CLIENT,   PROVIDER, {"error": "access_denied", "iss": "x"}),  # in errors too
    ("oidc.answer_iss",         REQUIRES, PROVIDER, {"code": "c"}),  # by the connection's own word
    ("oidc.answer_iss",         REQUIRES, PROVIDER, {"error": "access_denied"}),  # in errors too
    ("oidc.answer_iss",         HYBRID,   PROMISES, {"code": "c", "id_token": ""}),  # no token, no stand-in
    ("oidc.answer_iss",         CLIENT,   PROMISES, {"code": "c", "id_token": "a.b.c"}),  # not asked for
    ("oidc.answer_iss",         HYBRID,   PROMISES, {"error": "server_error", "id_token": "a.b.c"}),
    ("oidc.answer_iss",         REQUIRES_TOO, PROVIDER, {"code": "c", "id_token": "a.b.c"}),  # nor for this
    ("oidc.answer_iss",         HYBRID,   PROMISES, {"code": "c", "id_token": "a.b.c", "iss": "x"}),
    ("oidc.answer_iss",         OF_TENANT, MANY, {"code": "c", "iss": MANY.issuer}),  # nobody's name
    ("oidc.answer_iss",         OF_TENANT, MANY, {"code": "c", "iss": MANY.issuer_of(OTHER_TENANT)}),
    ("oidc.answer_iss",         CLIENT,   MANY, {"code": "c", "iss": MANY.issuer}),  # an empty list is no yes
    ("oidc.error_answer",       CLIENT,   PROVIDER, {"error": "access_denied"}),  # RFC 6749 §4.1.2.1
    ("oidc.error_answer",       CLIENT,   PROVIDER, {"error": "server_error", "code": "c"}),  # no success
    ("oidc.error_answer",       CLIENT,   PROVIDER, {"error": ""}),
    ("oidc.error_answer",       IMPLICIT, PROVIDER, {"error": "login_required", "id_token": "a.b.c"}),
    ("oidc.answer_unasked",     CLIENT,   PROVIDER, {"code": "c", "id_token": "a.b.c"}),  # never by the front
    ("oidc.answer_unasked",     CLIENT,   PROVIDER, {"id_token": "a.b.c", "access_token": "x"}),
    ("oidc.answer_unasked",     CLIENT,   PROVIDER, {"code": "c", "access_token": ""}),  # present is present
    ("oidc.answer_unasked",     IMPLICIT, PROVIDER, {"code": "c"}),  # another response type
    ("oidc.answer_unasked",     IMPLICIT, PROVIDER, {"id_token": "a.b.c", "code": "c"}),
    ("oidc.answer_unasked",     IMPLICIT, PROVIDER, {"id_token": "a.b.c", "access_token": "x"}),
    ("oidc.answer_unasked",     HYBRID,   PROVIDER, {"code": "c", "id_token": "a.b.c", "access_token": "x"}),
    ("oidc.code_missing",       CLIENT,   PROVIDER, {}),
    ("oidc.code_missing",       CLIENT,   PROVIDER, {"code": ""}),
    ("oidc.code_missing",       HYBRID,   PROVIDER, {"id_token": "a.b.c"}),
    ("oidc.answer_no_id_token", HYBRID,   PROVIDER, {"code": "c"}),
    ("oidc.answer_no_id_token", IMPLICIT, PROVIDER, {}),
    ("oidc.answer_no_id_token", IMPLICIT, PROVIDER, {"id_token": ""}),
    ("oidc.code_malformed",     CLIENT,   PROVIDER, {"code": "a\r\nb"}),  # RFC 6749 A.11
    ("oidc.code_malformed",     CLIENT,   PROVIDER, {"code": "é"}),
    ("oidc.code_malformed",     CLIENT,   PROVIDER, {"code": "a b"}),
    ("oidc.code_malformed",     CLIENT,   PROVIDER, {"code": "x" * 4097}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "ours", "provider", "params"), ANSWER_FAULTS)
def test_one_fault_in_the_answer_is_refused(
    code: str, ours: Client, provider: ProviderMetadata, params: dict[str, str]
) -> None:
    with pytest.raises(AssertionRefused) as caught:
        relying_party.read_answer(params, client=ours, provider=provider)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("ours", "provider", "params", "code", "id_token"),
    [
        (CLIENT, PROVIDER, {"code": "c0de"}, "c0de", ""),
        (CLIENT, PROMISES, {"code": "c0de", "iss": ISSUER, "state": "x"}, "c0de", ""),
        (REQUIRES, PROVIDER, {"code": "c0de", "iss": ISSUER, "session_state": "x"}, "c0de", ""),
        (IMPLICIT, PROVIDER, {"id_token": "a.b.c"}, "", "a.b.c"),
        (HYBRID, PROVIDER, {"code": "c0de", "id_token": "a.b.c"}, "c0de", "a.b.c"),
        (HYBRID, PROMISES, {"code": "c0de", "id_token": "a.b.c"}, "c0de", "a.b.c"),  # signed, its iss
        (IMPLICIT, PROMISES, {"id_token": "a.b.c"}, "", "a.b.c"),
        (OF_TENANT, MANY, {"code": "c0de", "iss": MANY.issuer_of(TENANT)}, "c0de", ""),
        (OF_TENANT, MANY, {"code": "c0de"}, "c0de", ""),
    ],
)
def test_the_good_answer_brings_what_was_asked_for(
    ours: Client, provider: ProviderMetadata, params: dict[str, str], code: str, id_token: str
) -> None:
    found = relying_party.read_answer(params, client=ours, provider=provider)
    assert found == FrontChannel(code=code, id_token=id_token)
    assert "c0de" not in repr(found)
    assert "a.b.c" not in repr(found)


def test_an_error_is_named_only_if_it_is_registered() -> None:
    with pytest.raises(AssertionRefused, match="access_denied"):
        relying_party.read_answer({"error": "access_denied"}, client=CLIENT, provider=PROVIDER)
    params = {"error": "<evil>", "error_description": "<evil>"}
    with pytest.raises(AssertionRefused) as caught:
        relying_party.read_answer(params, client=CLIENT, provider=PROVIDER)
    assert "evil" not in caught.value.detail


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "error", "code", "id_token", "access_token", "state", "response"]), st.text()
    ),
    st.sampled_from([PROVIDER, PROMISES, MANY]),
    st.sampled_from([CLIENT, IMPLICIT, HYBRID, REQUIRES, OF_TENANT]),
)
def test_any_answer_is_what_was_asked_or_a_refusal(
    params: dict[str, str], provider: ProviderMetadata, ours: Client
) -> None:
    with contextlib.suppress(FederationError):
        found = relying_party.read_answer(params, client=ours, provider=provider)
        assert (found.code, found.id_token) == (params.get("code", ""), params.get("id_token", ""))
        brought = {name for name, value in (("code", found.code), ("id_token", found.id_token)) if value}
        assert brought == set(ours.response_type.split())
