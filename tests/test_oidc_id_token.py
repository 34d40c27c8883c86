"""OIDC Core §3.1.3.7: one good ID Token, one fault at a time, each refused by its own rule."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oidc_signed import (
    ADA,
    AT,
    CLIENT,
    ISSUER,
    JWKS,
    NOW,
    OTHER_TENANT,
    SIGNER,
    TENANT,
    TOKEN,
    WANT,
    good,
    needs_new_keys,
    verify,
)  # fmt: skip

from federation.demo.openid_faults import GONE
from federation.demo.openid_tokens import Signer
from federation.errors import AssertionRefused, FederationError
from federation.identity import Subject
from federation.oidc import id_token, key_set, relying_party, signature
from federation.oidc.id_token import Expected
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import Tokens

FAULTS: list[tuple[str, dict[str, Any]]] = [
    # rule broken         what differs from the good token                    source
    ("oidc.issuer",       {"iss": "https://other.example"}),                # Core §3.1.3.7 (2)
    ("oidc.issuer",       {"iss": "https://op.example/"}),                  # octet for octet
    ("oidc.issuer",       {"iss": GONE}),                                   # Core §2
    ("oidc.issuer",       {"iss": ["https://op.example"]}),                 # a string
    ("oidc.audience",     {"aud": "them"}),                                 # Core §3.1.3.7 (3)
    ("oidc.audience",     {"aud": "them", "azp": "us"}),                    # azp is no audience
    ("oidc.audience",     {"aud": []}),                                     # empty is not yes
    ("oidc.audience",     {"aud": GONE}),                                   # Core §2
    ("oidc.audience",     {"aud": {"us": True}}),                           # a string or a list
    ("oidc.audience",     {"aud": ["us", 7], "azp": "us"}),                 # of strings
    ("oidc.audience",     {"aud": "us "}),                                  # octet for octet
    ("oidc.azp",          {"aud": ["us", "them"]}),                         # Core §3.1.3.7 (4)
    ("oidc.azp",          {"aud": ["us", "them"], "azp": "them"}),          # Core §3.1.3.7 (5)
    ("oidc.azp",          {"azp": "them"}),                                 # any azp is us
    ("oidc.azp",          {"azp": None}),                                   # null is no azp of ours
    ("oidc.azp",          {"azp": ["us"]}),                                 # a string
    ("oidc.subject",      {"sub": GONE}),                                   # Core §2
    ("oidc.subject",      {"sub": ""}),                                     # conformance: missing-sub
    ("oidc.subject",      {"sub": " \u00a0"}),                              # names nobody
    ("oidc.subject",      {"sub": 7}),                                      # a string
    ("oidc.subject",      {"sub": "x" * 256}),                              # at most 255
    ("oidc.expired",      {"exp": AT - 60}),                                # the bound is exclusive
    ("oidc.expired",      {"exp": GONE}),                                   # Core §2
    ("oidc.expired",      {"exp": True}),                                   # a boolean is an int in Python
    ("oidc.expired",      {"exp": str(AT + 300)}),                          # a number
    ("oidc.expired",      {"exp": 10**400}),                                # beyond the calendar
    ("oidc.expired",      {"exp": 1e300}),                                  # beyond the calendar
    ("oidc.expired",      {"exp": -1}),                                     # before it
    ("oidc.issued_at",    {"iat": AT + 61}),                                # Core §3.1.3.7 (10)
    ("oidc.issued_at",    {"iat": GONE}),                                   # conformance: missing-iat
    ("oidc.issued_at",    {"iat": "now"}),                                  # a number
    ("oidc.issued_at",    {"iat": True}),                                   # not one second past 1970
    ("oidc.not_before",   {"nbf": AT + 61}),                                # RFC 7519 §4.1.5
    ("oidc.not_before",   {"nbf": None}),                                   # where it stands it holds
    ("oidc.not_before",   {"nbf": True}),                                   # a number
    ("oidc.nonce",        {"nonce": "n-0S7"}),                              # Core §3.1.3.7 (11)
    ("oidc.nonce",        {"nonce": GONE}),                                 # one was sent
    ("oidc.nonce",        {"nonce": ""}),                                   # one was sent
    ("oidc.nonce",        {"nonce": ["n-0S6"]}),                            # a string
    ("oidc.nonce",        {"nonce": "n-0S6é"}),                             # not ASCII, not ours
    ("oidc.at_hash",      {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),           # Core §3.1.3.8
    ("oidc.at_hash",      {"at_hash": ""}),                                 # where it stands it holds
    ("oidc.at_hash",      {"at_hash": None}),                               # where it stands it holds
    ("oidc.c_hash",       {"c_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),            # Core §3.3.2.10
    ("oidc.c_hash",       {"c_hash": SIGNER.half(TOKEN)}),                  # of the code, of nothing else
    ("oidc.c_hash",       {"c_hash": ""}),                                  # where it stands it holds
    ("oidc.c_hash",       {"c_hash": None}),                                # where it stands it holds
    ("oidc.tenant",       {"tid": OTHER_TENANT}),                           # not on the list
    ("oidc.tenant",       {"tid": TENANT.upper()}),                         # octet for octet
    ("oidc.subject_claims", {"oid": GONE}),                                 # Entra: refused without oid
    ("oidc.subject_claims", {"oid": ""}),                                   # names nobody
    ("oidc.subject_claims", {"oid": " "}),                                  # names nobody
    ("oidc.subject_claims", {"oid": 7}),                                    # a string
    ("oidc.subject_claims", {"oid": "x" * 256}),                            # at most 255
    ("oidc.auth_time",    {"auth_time": GONE}),                             # Core §3.1.3.7 (13)
    ("oidc.auth_time",    {"auth_time": AT - 3661}),                        # longer ago than demanded
    ("oidc.auth_time",    {"auth_time": AT + 61}),                          # not yet
    ("oidc.auth_time",    {"auth_time": str(AT)}),                          # a number
    ("oidc.auth_time",    {"auth_time": True}),                             # a number
    ("oidc.acr",          {"acr": GONE}),                                   # Core §3.1.3.7 (12)
    ("oidc.acr",          {"acr": "urn:demo:silver"}),                      # none of those demanded
    ("oidc.acr",          {"acr": ["urn:demo:password"]}),                  # a string
    ("oidc.demanded_claim", {"hd": GONE}),                                  # a consumer's account has none
    ("oidc.demanded_claim", {"hd": "other.example"}),                       # the hint was changed
    ("oidc.demanded_claim", {"hd": ["acme.example"]}),                      # a string
    ("oidc.demanded_claim", {"hd": "ACME.example"}),                        # octet for octet
]  # fmt: skip

HEADER_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    # rule broken         what differs in the header              signed     source
    ("oidc.alg",          {"alg": "none"},                        "none"),       # never
    ("oidc.alg",          {"alg": "None"},                        "none"),       # however it is spelled
    ("oidc.alg",          {"alg": "HS256"},                       "public_key"), # CVE-2015-9235
    ("oidc.alg",          {"alg": "RS512"},                       "right"),      # good, but not registered
    ("oidc.alg",          {"alg": GONE},                          "right"),      # RFC 7515 §4.1.1
    ("oidc.alg",          {"alg": ["RS256"]},                     "right"),      # a string
    ("oidc.crit",         {"crit": ["exp"], "exp": 1},            "right"),      # RFC 7515 §4.1.11
    ("oidc.crit",         {"crit": []},                           "right"),      # not even an empty one
    ("oidc.crit",         {"b64": False, "crit": ["b64"]},        "right"),      # RFC 7797
    ("oidc.crit",         {"b64": True},                          "right"),      # RFC 7797
    ("oidc.typ",          {"typ": "at+jwt"},                      "right"),      # RFC 9068
    ("oidc.typ",          {"typ": "application/Logout+JWT"},      "right"),      # Back-Channel Logout §2.4
    ("oidc.typ",          {"typ": 7},                             "right"),      # a string
    ("oidc.kid",          {"kid": 7},                             "right"),      # RFC 7515 §4.1.4
    ("oidc.kid",          {"kid": None},                          "right"),      # null is no absence
]  # fmt: skip

KEY_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("oidc.key_unknown",   {"kid": "nobody"},   "right"),
    ("oidc.key_unknown",   {"kid": "demo-enc"}, "right"),  # use=enc is not there for us
    ("oidc.key_ambiguous", {"kid": GONE},       "right"),  # conformance: kid-absent-multiple-jwks
    ("oidc.signature",     {},                  "other_key"),
    ("oidc.signature",     {},                  "none"),
    ("oidc.signature",     {"kid": "demo-2"},   "right"),  # published, but another's
]  # fmt: skip


def test_the_good_token_is_accepted() -> None:
    claims = verify(good())
    assert claims.subject == ADA
    assert claims.expires_at == NOW + timedelta(seconds=300)
    assert {check.code for check in claims.checks} == {"oidc.signature", *id_token.RULES}
    assert not any(check.said for check in claims.checks)


@pytest.mark.parametrize(("code", "fault"), FAULTS)
def test_one_fault_is_refused_by_its_rule(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good(fault))
    assert caught.value.code == code
    assert [check.code for check in caught.value.checks if check.said] == [code]
    assert {check.code for check in caught.value.checks} == {"oidc.signature", *id_token.RULES}


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in FAULTS} == set(id_token.RULES)


@pytest.mark.parametrize(("code", "header", "sign"), HEADER_FAULTS + KEY_FAULTS)
def test_a_bad_header_or_signature_is_refused_before_the_claims(
    code: str, header: dict[str, Any], sign: str
) -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good(header=header, sign=sign))
    assert (caught.value.code, caught.value.checks, caught.value.person) == (code, (), "")


def test_every_header_rule_has_a_fault() -> None:
    assert {code for code, _, _ in HEADER_FAULTS} == set(signature.HEADER_RULES)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": GONE},
        {"typ": "jwt"},
        {"typ": "application/jwt"},
        {"x5c": ["a", 7], "jku": 7, "x5u": "http://evil.example", "jwk": "mine"},
        {"note": "x" * 8000},
    ],
)
def test_what_a_header_may_hold(header: dict[str, Any]) -> None:
    assert verify(good(header=header)).claims["nonce"] == "n-0S6"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["us"]},
        {"aud": ["us", "them"], "azp": "us"},
        {"azp": "us"},
        {"sub": "zoë-😀-ünï"},
        {"sub": "x" * 255},
        {"exp": AT - 59},
        {"exp": AT + 300.5},
        {"iat": AT + 60},
        {"iat": 0},
        {"nbf": AT + 60},
        {"at_hash": GONE},
        {"c_hash": GONE},  # of the code it came for
        {"auth_time": AT - 3660},
        {"auth_time": AT + 60},
        {"acr": "urn:demo:gold"},
    ],
)
def test_what_a_token_may_say(claims: dict[str, Any]) -> None:
    assert verify(good(claims)).claims["nonce"] == "n-0S6"


def test_all_broken_rules_are_told_and_the_first_names_the_refusal() -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good({"aud": "them", "nonce": GONE, "exp": 1}))
    broken = [check.code for check in caught.value.checks if check.said]
    assert (caught.value.code, broken) == ("oidc.audience", ["oidc.audience", "oidc.expired", "oidc.nonce"])


def test_a_signed_refusal_names_the_person_and_its_detail_holds_nothing_of_theirs() -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good({"aud": "<evil>"}))
    assert caught.value.person == ADA.person
    assert "evil" not in caught.value.detail
    assert any("<evil>" in str(check) for check in caught.value.checks)


@pytest.mark.parametrize("claims", [{"sub": 7}, {"oid": GONE}])
def test_a_refusal_without_a_readable_subject_names_nobody(claims: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good(claims))
    assert caught.value.person == ""


@pytest.mark.parametrize(
    ("code", "want"),
    [
        ("oidc.issuer", replace(WANT, issuer="")),
        ("oidc.audience", replace(WANT, client_id="")),
        ("oidc.nonce", replace(WANT, nonce="")),
    ],
)
def test_an_empty_expectation_is_never_met(code: str, want: Expected) -> None:
    empty = {"nonce": "", "iss": "", "aud": []}
    said = id_token.Statement(alg="RS256", crv="", claims=empty, access_token=TOKEN)
    assert id_token.RULES[code](said, want)


def test_at_hash_needs_the_token_it_hashes() -> None:
    for claims in ({}, {"at_hash": SIGNER.half("")}):  # the hash of nothing is none
        with pytest.raises(AssertionRefused, match=r"^oidc\.at_hash: "):
            verify(replace(good(claims), access_token=""))


@pytest.mark.parametrize("alg", ["RS384", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed448"])
def test_every_registered_algorithm(alg: str) -> None:
    signer = Signer(ISSUER, alg)
    jwks = key_set.read_jwks(signer.jwks(), "application/json")
    registered = "EdDSA" if alg == "Ed448" else alg
    ours = replace(CLIENT, id_token_signed_response_alg=registered)
    crv = jwks.keys[0].crv
    at_hash = id_token.left_half(TOKEN, alg=alg, crv=crv)
    assert at_hash == signer.half(TOKEN)
    claims = relying_party.verify_id_token(
        good({"at_hash": at_hash}, signer=signer), jwks=jwks, client=ours, expected=WANT
    )
    assert claims.claims["at_hash"] == at_hash
    with pytest.raises(AssertionRefused, match=r"^oidc\.alg: "):  # the connection's, not the token's choice
        relying_party.verify_id_token(good(signer=signer), jwks=jwks, client=CLIENT, expected=WANT)
    with pytest.raises(AssertionRefused, match=r"^oidc\.(key_unknown|signature|at_hash): "):
        relying_party.verify_id_token(
            good(header={"alg": registered}, sign="other_key", signer=signer),
            jwks=jwks, client=ours, expected=WANT,
        )  # fmt: skip


def test_a_client_registered_for_edwards_curves_takes_no_other() -> None:
    ours = replace(CLIENT, id_token_signed_response_alg="EdDSA")
    with pytest.raises(AssertionRefused, match=r"^oidc\.alg: "):
        relying_party.verify_id_token(good(), jwks=JWKS, client=ours, expected=WANT)


@pytest.mark.parametrize(
    ("alg", "crv", "size"),
    [
        ("RS256", "", 16),
        ("PS384", "", 24),
        ("ES512", "P-521", 32),
        ("EdDSA", "Ed25519", 32),
        ("Ed448", "Ed448", 57),
    ],
)
def test_at_hash_is_half_of_the_algorithms_digest(alg: str, crv: str, size: int) -> None:
    encoded = id_token.left_half("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", alg=alg, crv=crv)
    assert len(base64.urlsafe_b64decode(encoded + "==")) == size
    if alg == "RS256":  # the example of OIDC Core, appendix A.3
        assert encoded == "77QmUPtjPfzWtF2AnpK9RQ"


def test_one_key_without_kid_is_enough() -> None:
    alone = key_set.Jwks(JWKS.keys[:1])
    tokens = good(header={"kid": GONE})
    assert relying_party.verify_id_token(tokens, jwks=alone, client=CLIENT, expected=WANT)


def test_the_id_is_the_signing_inputs() -> None:
    tokens = good()
    signing_input = tokens.id_token.rpartition(".")[0]
    assert verify(tokens).id == hashlib.sha256(signing_input.encode()).hexdigest()


@pytest.mark.parametrize(
    ("header", "fresh"),
    [
        ({"kid": "nobody"}, True),
        ({}, False),
        ({"kid": GONE}, False),
        ({"alg": "none", "kid": "nobody"}, False),
    ],
)
def test_new_keys_are_fetched_for_an_unknown_kid_alone(header: dict[str, Any], *, fresh: bool) -> None:
    assert needs_new_keys(good(header=header)) is fresh


def test_claims_cannot_be_forged_by_accident() -> None:
    with pytest.raises(TypeError):
        SignedClaims(
            id="1", claims={}, subject=Subject(issuer=ISSUER, value="x"), expires_at=NOW,
            has_access_token=False, expected=WANT, checks=(), seal=None,  # type: ignore[arg-type]
        )  # fmt: skip
    with pytest.raises((TypeError, ValueError)):
        replace(verify(good()), subject=Subject(issuer=ISSUER, value="mallory"))  # type: ignore[call-arg]


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("oidc.id_token_malformed", ""),
        ("oidc.id_token_malformed", "one"),
        ("oidc.id_token_malformed", "a.b.c.d.e"),
        ("oidc.id_token_malformed", "..."),
        ("oidc.id_token_malformed", "a+/=.b.c"),
        ("oidc.id_token_malformed", "é.b.c"),
        ("oidc.id_token_malformed", f"{_encode(b'[]')}.e30.c"),
        ("oidc.id_token_malformed", f"{_encode(b'{')}.e30.c"),
        ("oidc.id_token_malformed", f"{_encode(b'{' * 9000)}.e30.c"),
        ("oidc.id_token_malformed", _encode(b'{"alg":"none","alg":"RS256"}') + ".e30.c"),
        ("oidc.id_token_malformed", "A" * 20000 + ".e30.c"),
        ("oidc.id_token_malformed", "e30." + "A" * 300000 + ".c"),
        ("oidc.id_token_malformed", "e30.e30." + "A" * 3000),
        ("oidc.alg", "e30.e30.c"),
    ],
)
def test_what_is_no_token(code: str, text: str) -> None:
    tokens = Tokens(id_token=text, access_token="")
    with pytest.raises(AssertionRefused) as caught:
        verify(tokens)
    assert caught.value.code == code
    assert needs_new_keys(tokens) is False


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"7", b"\xff", b"{", b'{"sub":"a","sub":"b"}', b'{"a":{"b":1,"b":2}}', b'{"exp":NaN}',
        b'{"exp":Infinity}', b'{"exp":1e999}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"\\u0000":1}',
        b'{"a":["\\u0000"]}', b'{"a":' + b"[" * 50 + b"]" * 50 + b"}",
        b"[" * 100_000, b'{"a":' * 50 + b"1" + b"}" * 50, b'{"a":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_claims_are_strict_json(payload: bytes) -> None:
    header = _encode(json.dumps({"alg": "RS256", "kid": SIGNER.current.kid}).encode())
    signing_input = f"{header}.{_encode(payload)}"
    text = f"{signing_input}.{_encode(SIGNER._signature(signing_input.encode(), 'right'))}"
    with pytest.raises(AssertionRefused, match=r"^oidc\.(claims|id_token)_malformed: "):
        verify(Tokens(id_token=text, access_token=""))


@pytest.mark.parametrize("tail", ["\n", "=", "+", " ", "é"])
def test_a_token_is_base64url_to_its_end(tail: str) -> None:
    with pytest.raises(AssertionRefused, match=r"^oidc\.id_token_malformed: "):
        verify(replace(good(), id_token=good().id_token + tail))


def test_every_octet_counts() -> None:
    text = good().id_token
    for at in range(0, len(text), 7):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(AssertionRefused):
            verify(Tokens(id_token=changed, access_token=TOKEN))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time", "acr", "amr", "sid",
     "email", "email_verified", "groups", "_claim_names", "hasgroups", "a.b", "tid", "oid", "hd", "c_hash"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names, json_values, max_size=4), st.dictionaries(names, json_values, max_size=3))
def test_signed_nonsense_is_refused_or_read(claims: dict[str, Any], userinfo: dict[str, Any]) -> None:
    tokens = good(claims)
    try:
        signed = verify(tokens)
        assertion = relying_party.accept(
            signed,
            {**userinfo, "sub": signed.claims["sub"]},
            tokens=tokens,
            asked=None,
            keeping=frozenset({"hint"}),
            client=CLIENT,
        )
    except FederationError:
        return
    assert all(isinstance(value, str) for values in assertion.attributes.values() for value in values)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]), json_values),
    st.text(max_size=40),
)
def test_unsigned_nonsense_is_refused(header: dict[str, Any], text: str) -> None:
    encoded = _encode(json.dumps(header).encode())
    for candidate in (text, f"{encoded}.{text}.{text}", f"{encoded}.e30.AAAA"):
        tokens = Tokens(id_token=candidate, access_token="")
        with pytest.raises(FederationError):
            verify(tokens)
        needs_new_keys(tokens)
