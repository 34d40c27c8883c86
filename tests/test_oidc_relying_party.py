"""From signed claims and UserInfo to the verified assertion."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as given_
from hypothesis import strategies as st
from oidc_peer import client, demands

from federation.demo.openid_faults import GONE, Knobs
from federation.demo.openid_tokens import Signer, subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused, Check
from federation.identity import KeptTokens, ProviderSession, Subject, VerifiedAssertion
from federation.oidc import groups, id_token, key_set, logout, relying_party, signature
from federation.oidc.client import Client
from federation.oidc.id_token import Expected
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import Tokens

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SKEW = timedelta(seconds=60)
ISSUER = "https://op.example"
SIGNER = Signer(ISSUER, "ES256")
JWKS = key_set.read_jwks(SIGNER.jwks(), "application/json")
ADA = subject(USERS["ada"])
CLIENT = client(id_token_signed_response_alg="ES256")
WANT = Expected(
    issuer=ISSUER,
    client_id="us",
    nonce="n-0S6",
    code="c",
    front_channel=False,
    demands=CLIENT.demands,
    now=NOW,
    skew=SKEW,
)


def token(claims: dict[str, Any]) -> str:
    return SIGNER.id_token(USERS["ada"], client_id="us", nonce="n-0S6", now=AT, knobs=Knobs(claims=claims))


def given(**claims: Any) -> Tokens:
    return Tokens(
        id_token=token(claims), access_token="at", refresh_token="rt", expires_in=timedelta(hours=1)
    )


def signed(tokens: Tokens, ours: Client = CLIENT) -> SignedClaims:
    want = replace(WANT, demands=ours.demands)
    return relying_party.verify_id_token(tokens, jwks=JWKS, client=ours, expected=want)


def accept(
    claims: dict[str, Any],
    userinfo: dict[str, Any] | None = None,
    *,
    asked: groups.Asked | None = None,
    keeping: relying_party.Keeping = frozenset(),
    ours: Client = CLIENT,
) -> VerifiedAssertion:
    told = None if userinfo is None else {"sub": ADA, **userinfo}
    tokens = given(**claims)
    return relying_party.accept(
        signed(tokens, ours), told, tokens=tokens, asked=asked, keeping=keeping, client=ours
    )


def test_the_assertion_says_who_when_and_how() -> None:
    assertion = accept({"sid": "s-1", "auth_time": AT - 30, "amr": ["pwd", "otp"], "acr": "urn:gold"})
    assert assertion.subject == Subject(issuer=ISSUER, value=ADA)
    assert len(assertion.id) == 64
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
    ({"jti": "1", "s_hash": "x", "session_state": "y"}, {}),
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


def test_groups_that_were_asked_for_take_the_place_of_those_that_were_named() -> None:
    named = {"_claim_names": {"groups": "src1"}, "hasgroups": True}
    held = Check("oidc.groups_status")
    for names in (("g1", "g2"), ()):
        assertion = accept(named, asked=groups.Asked(names=names, check=held))
        assert (assertion.attributes["groups"], assertion.unobtainable) == (names, frozenset())
        assert held in assertion.checks


def test_groups_that_could_not_be_had_stay_unobtainable_and_the_record_says_why() -> None:
    why = Check("oidc.groups_status", "the groups' API answered 403, not 200")
    assertion = accept({"hasgroups": True}, asked=groups.Asked(names=None, check=why))
    assert assertion.unobtainable == {"groups"}
    assert "groups" not in assertion.attributes
    assert why in assertion.checks


@pytest.mark.parametrize(("sid", "index"), [("s-1", "s-1"), (7, ""), ([], ""), (GONE, "")])
def test_the_session_at_the_provider_goes_by_issuer_sub_and_sid(sid: object, index: str) -> None:
    found = accept({"sid": sid}).provider_session
    alone = logout.session_name(ISSUER, index) if index else ""
    name = relying_party.provider_name(ISSUER, ADA)
    assert found == ProviderSession(name=name, index=index, hint="", alone=alone)


def test_it_goes_by_sub_where_other_claims_are_the_person() -> None:
    ours = replace(CLIENT, demands=demands(subject_claims=("tid", "oid")))
    assertion = accept({"tid": "t", "oid": "o"}, {"name": "told"}, ours=ours)
    assert assertion.subject == Subject(issuer=ISSUER, value='["t","o"]', format='["tid","oid"]')
    assert assertion.provider_session
    assert assertion.provider_session.name == relying_party.provider_name(ISSUER, ADA)


@given_(st.text(), st.text(), st.text(), st.text())
def test_no_two_people_share_a_name_at_their_providers(a: str, b: str, c: str, d: str) -> None:
    one, other = relying_party.provider_name(a, b), relying_party.provider_name(c, d)
    assert (one == other) is ((a, b) == (c, d))


@pytest.mark.parametrize(("size", "fits"), [(10, True), (relying_party.HINT_LENGTH, False)])
def test_the_id_token_is_a_hint_for_logout_where_it_is_wanted_and_fits(size: int, *, fits: bool) -> None:
    claims = {"padding": "x" * size, "iat": AT}
    found = accept(claims, keeping=frozenset({"hint"}))
    assert found.provider_session
    assert (found.provider_session.hint.count(".") == 2) is fits
    assert found.tokens is None
    assert found.provider_session.hint not in ("", repr(found.provider_session)) or not fits


def test_tokens_are_kept_only_where_the_connection_asks_for_them() -> None:
    assert accept({}).tokens is None
    found = accept({}, keeping=frozenset({"access", "refresh"})).tokens
    assert found == KeptTokens(
        access="at", refresh="rt", access_until=NOW + timedelta(hours=1), scopes=CLIENT.scopes
    )


def test_userinfo_of_somebody_else_is_never_merged() -> None:
    tokens = given()
    for userinfo in ({"sub": "mallory", "groups": ["admins"]}, {"groups": ["admins"]}):
        with pytest.raises(AssertionRefused, match=r"^oidc\.userinfo_sub: "):
            relying_party.accept(
                signed(tokens), userinfo, tokens=tokens, asked=None, keeping=frozenset(), client=CLIENT
            )


@pytest.mark.parametrize(
    ("tokens", "ours"), [(given(sub="mallory"), CLIENT), (given(), replace(CLIENT, client_id="them"))]
)
def test_tokens_of_another_sign_in_are_not_accepted(tokens: Tokens, ours: Client) -> None:
    claims = signed(replace(tokens, id_token=token({})))
    with pytest.raises(ValueError, match="one sign-in"):
        relying_party.accept(claims, None, tokens=tokens, asked=None, keeping=frozenset(), client=ours)


def explain(text: str, jwks: key_set.Jwks | None) -> dict[str, str | None]:
    checks = relying_party.explain(text, jwks=jwks, client=CLIENT, issuer=ISSUER, now=NOW, skew=SKEW)
    return {check.code: check.said for check in checks}


def test_explaining_a_file_asks_every_rule() -> None:
    told = explain(token({"aud": "them", "exp": 1}), JWKS)
    assert set(told) == {"oidc.signature", *signature.HEADER_RULES, *id_token.RULES}
    broken = {code for code, said in told.items() if said and not said.startswith("not asked")}
    assert broken == {"oidc.audience", "oidc.expired"}
    assert {told[f"oidc.{one}"] for one in ("nonce", "at_hash", "c_hash")} == {
        "not asked: a file has no sign-in"
    }


def test_explaining_without_keys_says_that_the_signature_was_not_asked() -> None:
    assert str(explain(token({}), None)["oidc.signature"]).startswith("not asked")


def test_explaining_a_token_whose_signature_does_not_hold() -> None:
    told = explain(token({})[:-4] + "AAAA", JWKS)
    assert told["oidc.signature"] == "the ID Token's signature does not hold"
    assert explain(token({}), key_set.read_jwks(Signer(ISSUER, "ES256").jwks(), "application/json"))[
        "oidc.signature"
    ]


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.A.c", "e30.AAAA.c"])
def test_explaining_what_is_no_token(text: str) -> None:
    with pytest.raises(AssertionRefused, match=r"^oidc\.(id_token|claims)_malformed: "):
        explain(text, JWKS)
