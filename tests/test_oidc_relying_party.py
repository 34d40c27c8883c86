"""From signed claims and UserInfo to the verified assertion."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from oidc_peer import client

from federation.demo.openid_faults import GONE, Knobs
from federation.demo.openid_tokens import Signer, subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused, ProviderUnavailable
from federation.identity import Subject, VerifiedAssertion
from federation.oidc import id_token, provider, relying_party, signature
from federation.oidc.authorization import Tokens
from federation.oidc.id_token import Expected, SignedClaims
from federation.oidc.provider import ProviderMetadata

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SKEW = timedelta(seconds=60)
ISSUER = "https://op.example"
SIGNER = Signer(ISSUER, "ES256")
JWKS = provider.read_jwks(SIGNER.jwks(), "application/json")
ADA = subject(USERS["ada"])
CLIENT = client(id_token_signed_response_alg="ES256")
WANT = Expected(issuer=ISSUER, client_id="us", nonce="n-0S6", now=NOW, skew=SKEW)
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
    userinfo_endpoint=f"{ISSUER}/userinfo",
)


def token(claims: dict[str, Any]) -> str:
    return SIGNER.id_token(USERS["ada"], client_id="us", nonce="n-0S6", now=AT, knobs=Knobs(claims=claims))


def signed(access_token: str = "at", **claims: Any) -> SignedClaims:
    tokens = Tokens(id_token=token(claims), access_token=access_token)
    return relying_party.verify_id_token(tokens, jwks=JWKS, client=CLIENT, expected=WANT)


def accept(claims: dict[str, Any], userinfo: dict[str, Any] | None = None) -> VerifiedAssertion:
    told = None if userinfo is None else {"sub": ADA, **userinfo}
    return relying_party.accept(signed(**claims), told, client=CLIENT, expected=WANT)


def test_the_assertion_says_who_when_and_how() -> None:
    claims = signed(sid="s-1", auth_time=AT - 30, amr=["pwd", "otp"], acr="urn:gold")
    assertion = relying_party.accept(claims, None, client=CLIENT, expected=WANT)
    assert assertion.subject == Subject(issuer=ISSUER, value=ADA)
    assert assertion.id == claims.id
    assert assertion.not_on_or_after == NOW + timedelta(seconds=300) + SKEW
    how = assertion.authentication
    assert (how.instant, how.acr, how.amr) == (NOW - timedelta(seconds=30), "urn:gold", ("pwd", "otp"))
    assert (how.session_index, how.session_until) == ("s-1", None)
    assert {check.code for check in assertion.checks} == {"oidc.signature", *id_token.RULES}
    assert assertion.attributes == {}


@pytest.mark.parametrize(
    "odd", [{"auth_time": "x", "acr": 7, "amr": 7, "sid": []}, {"auth_time": True, "amr": [7]}]
)
def test_odd_words_about_the_sign_in_are_not_taken(odd: dict[str, Any]) -> None:
    how = accept({"acr": GONE, "amr": GONE, **odd}).authentication
    assert (how.instant, how.acr, how.amr, how.session_index) == (None, "", (), "")


def test_one_method_may_come_without_its_list() -> None:
    assert accept({"amr": "pwd"}).authentication.amr == ("pwd",)


ATTRIBUTES: list[tuple[dict[str, Any], dict[str, tuple[str, ...]]]] = [
    ({"a": "x"}, {"a": ("x",)}),
    ({"a": ""}, {"a": ("",)}),
    ({"a": ["x", "y"]}, {"a": ("x", "y")}),
    ({"a": []}, {"a": ()}),
    ({"a": None}, {}),
    ({"a": True, "b": False}, {"a": ("true",), "b": ("false",)}),
    ({"a": 7, "b": 1.5}, {"a": ("7",), "b": ("1.5",)}),
    ({"a": ["x", None, {"y": 1}, ["z"], True, 7]}, {"a": ("x", "true", "7")}),
    ({"realm_access": {"roles": ["r"]}}, {"realm_access.roles": ("r",)}),
    ({"a": {"b": {"c": "x"}, "d": None}}, {"a.b.c": ("x",)}),
    ({"a": {"b": "nested"}, "a.b": "literal"}, {"a.b": ("literal",)}),
    ({"a.b": "literal", "a": {"b": "nested"}}, {"a.b": ("literal",)}),
    ({"https://acme.example/department": "R&D"}, {"https://acme.example/department": ("R&D",)}),
    ({"name": "Zoë & <R&D>"}, {"name": ("Zoë & <R&D>",)}),
    ({"jti": "1", "c_hash": "x", "session_state": "y"}, {}),
]


@pytest.mark.parametrize(("claims", "expected"), ATTRIBUTES)
def test_claims_become_flat_attributes(claims: dict[str, Any], expected: dict[str, tuple[str, ...]]) -> None:
    for assertion in (accept(claims), accept({}, claims)):
        assert assertion.attributes == expected


def test_the_id_token_wins_over_userinfo_claim_by_claim() -> None:
    assertion = accept({"name": "signed", "a": None}, {"name": "told", "a": "told", "groups": ["g"]})
    assert assertion.attributes == {"name": ("signed",), "a": ("told",), "groups": ("g",)}
    assert "oidc.userinfo_sub" in {check.code for check in assertion.checks}


EMAIL: list[tuple[dict[str, Any], dict[str, Any] | None, bool | None]] = [
    # ID Token, UserInfo, and what comes of it
    ({"email": "a@x", "email_verified": True}, None, True),
    ({"email": "a@x", "email_verified": "true"}, None, True),  # Cognito
    ({"email": "a@x", "email_verified": False}, None, False),
    ({"email": "a@x", "email_verified": "false"}, None, False),
    ({"email": "a@x"}, None, None),  # absent
    ({"email": "a@x", "email_verified": None}, None, None),
    ({"email": "a@x", "email_verified": 1}, None, None),  # no boolean
    ({"email": "a@x", "email_verified": "True"}, None, None),
    ({"email": "a@x", "email_verified": ["true"]}, None, None),
    ({"email_verified": True}, None, None),  # of what?
    ({}, {"email": "a@x", "email_verified": True}, True),
    ({"email": "a@x"}, {"email": "a@x", "email_verified": "true"}, True),
    ({"email": "a@x"}, {"email": "b@x", "email_verified": True}, None),  # another's
    ({"email": "a@x"}, {"email_verified": True}, None),  # of what?
    ({"email_verified": True}, {"email": "b@x"}, None),  # of what?
    ({"email": "a@x", "email_verified": False}, {"email": "a@x", "email_verified": True}, False),  # signed
]  # fmt: skip


@pytest.mark.parametrize(("claims", "userinfo", "verified"), EMAIL)
def test_an_address_is_verified_only_if_the_provider_says_so_of_it(
    claims: dict[str, Any],
    userinfo: dict[str, Any] | None,
    verified: bool | None,  # noqa: FBT001
) -> None:
    assertion = accept(claims, userinfo)
    assert assertion.email_verified is verified
    assert "email_verified" not in assertion.attributes  # one place to look it up, not two


@pytest.mark.parametrize(
    ("claims", "unobtainable"),
    [
        ({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "x"}}}, {"groups"}),
        ({"hasgroups": True}, {"groups"}),
        ({"hasgroups": "true"}, {"groups"}),
        ({"hasgroups": False}, set()),
        ({"_claim_names": {"groups": "src1"}, "groups": ["g"]}, set()),
        ({"_claim_names": ["groups"]}, set()),
        ({}, set()),
    ],
)
def test_groups_that_were_named_but_not_sent(claims: dict[str, Any], unobtainable: set[str]) -> None:
    assert accept(claims).unobtainable == unobtainable


@pytest.mark.parametrize(
    ("fetch", "scopes", "claims", "asked"),
    [
        ("never", ("openid", "email"), {}, False),
        ("always", ("openid",), {}, True),
        ("auto", ("openid",), {}, False),
        ("auto", ("openid", "email"), {}, True),
        ("auto", ("openid", "email"), {"email": "a@x"}, False),
        ("auto", ("openid", "email", "groups"), {"email": "a@x"}, True),
        ("auto", ("openid", "profile"), {"name": "A"}, False),
    ],
)
def test_userinfo_is_asked_where_the_id_token_is_thin(
    fetch: str, scopes: tuple[str, ...], claims: dict[str, Any], *, asked: bool
) -> None:
    ours = client(fetch_userinfo=fetch, scopes=scopes)
    assert relying_party.wants_userinfo(ours, PROVIDER, signed(**claims)) is asked


@pytest.mark.parametrize(
    ("where", "access_token"), [(replace(PROVIDER, userinfo_endpoint=""), "at"), (PROVIDER, "")]
)
def test_userinfo_that_cannot_be_asked(where: ProviderMetadata, access_token: str) -> None:
    claims = signed(access_token)
    assert relying_party.wants_userinfo(CLIENT, where, claims) is False
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.userinfo_impossible: "):
        relying_party.wants_userinfo(replace(CLIENT, fetch_userinfo="always"), where, claims)


def test_an_unknown_way_of_fetching_is_not_never() -> None:
    with pytest.raises(ValueError, match="fetch_userinfo"):
        relying_party.wants_userinfo(client(fetch_userinfo="Always"), PROVIDER, signed())


USERINFO_FAULTS: list[tuple[str, int, str, bytes]] = [
    ("oidc.userinfo_status", 500, "text/html", b"<evil>"),
    ("oidc.userinfo_status", 401, "application/json", b'{"error":"invalid_token"}'),
    ("oidc.userinfo_content_type", 200, "application/jwt", b"a.b.c"),
    ("oidc.userinfo_content_type", 200, "", b"{}"),
    ("oidc.userinfo_malformed", 200, "application/json", b"["),
    ("oidc.userinfo_malformed", 200, "application/json", f'{{"sub":"x","sub":"{ADA}"}}'.encode()),
    ("oidc.userinfo_sub", 200, "application/json", b"{}"),  # Core §5.3.2: must
    ("oidc.userinfo_sub", 200, "application/json", b'{"sub":"mallory"}'),
    ("oidc.userinfo_sub", 200, "application/json", b'{"sub":null}'),
    ("oidc.userinfo_sub", 200, "application/json", json.dumps({"sub": [ADA]}).encode()),
    ("oidc.userinfo_sub", 200, "application/json", json.dumps({"sub": f"{ADA} "}).encode()),
]


@pytest.mark.parametrize(("code", "status", "content_type", "body"), USERINFO_FAULTS)
def test_one_fault_in_userinfo_is_refused(code: str, status: int, content_type: str, body: bytes) -> None:
    kind = AssertionRefused if code == "oidc.userinfo_sub" else ProviderUnavailable
    with pytest.raises(kind) as caught:
        relying_party.read_userinfo(status, content_type, body, claims=signed())
    assert caught.value.code == code
    assert "evil" not in caught.value.detail
    assert bool(caught.value.person) is (code == "oidc.userinfo_sub")


def test_good_userinfo_is_read() -> None:
    body = json.dumps({"sub": ADA, "groups": ["g"]}).encode()
    assert relying_party.read_userinfo(200, "application/json", body, claims=signed())["groups"] == ["g"]


def test_userinfo_of_somebody_else_is_never_merged() -> None:
    for userinfo in ({"sub": "mallory", "groups": ["admins"]}, {"groups": ["admins"]}):
        with pytest.raises(AssertionRefused, match=r"^oidc\.userinfo_sub: "):
            relying_party.accept(signed(), userinfo, client=CLIENT, expected=WANT)


@pytest.mark.parametrize(
    "other", [replace(WANT, issuer="https://other.example"), replace(WANT, client_id="them")]
)
def test_claims_of_another_sign_in_are_not_accepted(other: Expected) -> None:
    with pytest.raises(ValueError, match="one sign-in"):
        relying_party.accept(signed(), None, client=CLIENT, expected=other)


def explain(text: str, jwks: provider.Jwks | None) -> dict[str, str | None]:
    checks = relying_party.explain(text, jwks=jwks, client=CLIENT, issuer=ISSUER, now=NOW, skew=SKEW)
    return {check.code: check.said for check in checks}


def test_explaining_a_file_asks_every_rule() -> None:
    told = explain(token({"aud": "them", "exp": 1}), JWKS)
    assert set(told) == {"oidc.signature", *signature.HEADER_RULES, *id_token.RULES}
    broken = {code for code, said in told.items() if said and not said.startswith("not asked")}
    assert broken == {"oidc.audience", "oidc.expired"}
    assert told["oidc.nonce"] == told["oidc.at_hash"] == "not asked: a file has no sign-in"


def test_explaining_without_keys_says_that_the_signature_was_not_asked() -> None:
    assert str(explain(token({}), None)["oidc.signature"]).startswith("not asked")


def test_explaining_a_token_whose_signature_does_not_hold() -> None:
    told = explain(token({})[:-4] + "AAAA", JWKS)
    assert told["oidc.signature"] == "the ID Token's signature does not hold"
    assert explain(token({}), provider.read_jwks(Signer(ISSUER, "ES256").jwks(), "application/json"))["oidc.signature"]


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.A.c", "e30.AAAA.c"])
def test_explaining_what_is_no_token(text: str) -> None:
    with pytest.raises(AssertionRefused, match=r"^oidc\.(id_token|claims)_malformed: "):
        explain(text, JWKS)
