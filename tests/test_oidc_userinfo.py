"""OIDC Core §5.3: what UserInfo must be before a word of it is taken."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oidc_peer import client, demands

from federation.demo.openid_faults import GONE, Knobs
from federation.demo.openid_tokens import Signer, subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.oidc import key_set, relying_party, userinfo
from federation.oidc.client import Client
from federation.oidc.id_token import Expected
from federation.oidc.provider import ProviderMetadata
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import Tokens

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://op.example"
SIGNER = Signer(ISSUER, "ES256")
JWKS = key_set.read_jwks(SIGNER.jwks(), "application/json")
ADA = subject(USERS["ada"])
PLAIN = client(id_token_signed_response_alg="ES256")
SIGNED = replace(PLAIN, userinfo_signed_response_alg="ES256")
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
    userinfo_endpoint=f"{ISSUER}/userinfo",
)


def signed(access_token: str = "at", ours: Client = PLAIN, **claims: Any) -> SignedClaims:
    text = SIGNER.id_token(USERS["ada"], client_id="us", nonce="n", now=AT, knobs=Knobs(claims=claims))
    expected = Expected(
        issuer=ISSUER,
        client_id="us",
        nonce="n",
        code="c",
        front_channel=False,
        demands=ours.demands,
        now=NOW,
        skew=timedelta(seconds=60),
    )
    tokens = Tokens(id_token=text, access_token=access_token)
    return relying_party.verify_id_token(tokens, jwks=JWKS, client=ours, expected=expected)


def read(body: bytes, ours: Client = PLAIN) -> dict[str, Any]:
    jwks = JWKS if ours.userinfo_signed_response_alg else None
    return dict(userinfo.read(body, jwks=jwks, client=ours, about=userinfo.About.named_by(signed())))


def answer(header: dict[str, Any] | None = None, *, sign: str = "right", **fault: Any) -> bytes:
    """The good signed answer, but for what differs."""
    knobs = Knobs(userinfo=fault, userinfo_header=header or {}, userinfo_sign=sign)
    return SIGNER.userinfo({"sub": ADA, "groups": ["g"]}, client_id="us", knobs=knobs).encode()


@pytest.mark.parametrize(
    ("fetch", "scopes", "claims", "asked"),
    [
        ("never", ("openid", "email"), {}, False),
        ("always", ("openid",), {}, True),
        ("auto", ("openid",), {}, False),
        ("auto", ("openid", "email"), {}, True),
        ("auto", ("openid", "email"), {"email": "a@x", "email_verified": False}, False),
        ("auto", ("openid", "email"), {"email": "a@x"}, True),
        ("auto", ("openid", "email", "groups"), {"email": "a@x", "email_verified": True}, True),
        ("auto", ("openid", "profile"), {"name": "A"}, False),
    ],
)
def test_it_is_asked_where_the_id_token_is_thin(
    fetch: str, scopes: tuple[str, ...], claims: dict[str, Any], *, asked: bool
) -> None:
    ours = replace(PLAIN, fetch_userinfo=fetch, scopes=scopes)  # type: ignore[arg-type]
    assert userinfo.wants(ours, PROVIDER, signed(**claims)) is asked


@pytest.mark.parametrize(
    ("where", "access_token"), [(replace(PROVIDER, userinfo_endpoint=""), "at"), (PROVIDER, "")]
)
def test_what_cannot_be_asked(where: ProviderMetadata, access_token: str) -> None:
    claims = signed(access_token)
    assert userinfo.wants(PLAIN, where, claims) is False
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.userinfo_impossible: "):
        userinfo.wants(replace(PLAIN, fetch_userinfo="always"), where, claims)


def test_an_unknown_way_of_fetching_is_not_never() -> None:
    with pytest.raises(ValueError, match="fetch_userinfo"):
        userinfo.wants(client(fetch_userinfo="Always"), PROVIDER, signed())


@pytest.mark.parametrize(
    ("code", "ours", "status", "content_type"),
    [
        ("oidc.userinfo_status", PLAIN, 500, "text/html"),
        ("oidc.userinfo_status", PLAIN, 401, "application/json"),
        ("oidc.userinfo_status", PLAIN, 204, "application/json"),
        ("oidc.userinfo_content_type", PLAIN, 200, "application/jwt"),  # not registered
        ("oidc.userinfo_content_type", PLAIN, 200, ""),
        ("oidc.userinfo_content_type", PLAIN, 200, "text/html"),
        ("oidc.userinfo_content_type", SIGNED, 200, "application/json"),  # a way around the signature
        ("oidc.userinfo_content_type", SIGNED, 200, ""),
    ],
)
def test_an_answer_of_another_form_is_not_read(
    code: str, ours: Client, status: int, content_type: str
) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        userinfo.read_body(status, content_type, b"<evil>", client=ours)
    assert caught.value.code == code
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize(
    ("ours", "content_type"),
    [(PLAIN, "application/json"), (PLAIN, "Application/JSON; charset=utf-8"), (SIGNED, "application/jwt")],
)
def test_the_registered_form_is_asked_for_and_read(ours: Client, content_type: str) -> None:
    assert userinfo.read_body(200, content_type, b"x", client=ours) == b"x"
    assert userinfo.accepted(ours) == content_type.partition(";")[0].lower()


PLAIN_FAULTS: list[tuple[str, bytes]] = [
    ("oidc.userinfo_malformed", b"["),
    ("oidc.userinfo_malformed", b""),
    ("oidc.userinfo_malformed", f'{{"sub":"x","sub":"{ADA}"}}'.encode()),
    ("oidc.userinfo_sub", b"{}"),  # Core §5.3.2: must
    ("oidc.userinfo_sub", b'{"sub":"mallory"}'),
    ("oidc.userinfo_sub", b'{"sub":null}'),
    ("oidc.userinfo_sub", json.dumps({"sub": [ADA]}).encode()),
    ("oidc.userinfo_sub", json.dumps({"sub": f"{ADA} "}).encode()),
]
SIGNED_FAULTS: list[tuple[str, bytes]] = [
    # code                       the answer                                            source
    ("oidc.userinfo_signature", answer(sign="other_key")),                         # Core §5.3.4
    ("oidc.userinfo_signature", answer({"alg": "none"}, sign="none")),             # never
    ("oidc.userinfo_signature", answer({"alg": "HS256"}, sign="public_key")),      # CVE-2015-9235
    ("oidc.userinfo_signature", answer({"kid": "nobody"})),
    ("oidc.userinfo_signature", answer({"typ": "at+jwt"})),                        # RFC 8725 §3.11
    ("oidc.userinfo_signature", answer({"crit": ["exp"]})),                        # RFC 7515 §4.1.11
    ("oidc.userinfo_signature", json.dumps({"sub": ADA}).encode()),                # plain
    ("oidc.userinfo_signature", b"a.b.c.d.e"),                                     # encrypted
    ("oidc.userinfo_signature", b"\xff" + answer()),
    ("oidc.userinfo_signature", b""),
    ("oidc.userinfo_issuer",    answer(iss=GONE)),                                 # Core §5.3.2
    ("oidc.userinfo_issuer",    answer(iss="https://other.example")),
    ("oidc.userinfo_audience",  answer(aud=GONE)),                                 # Core §5.3.2
    ("oidc.userinfo_audience",  answer(aud="them")),
    ("oidc.userinfo_audience",  answer(aud=[])),
    ("oidc.userinfo_audience",  answer(aud=7)),                                    # a string or a list
    ("oidc.userinfo_audience",  answer(aud={"us": True})),
    ("oidc.userinfo_audience",  answer(aud="bus")),                                # no part of a name
    ("oidc.userinfo_expired",   answer(exp=AT - 60)),                              # RFC 7519 §4.1.4
    ("oidc.userinfo_expired",   answer(exp="soon")),
    ("oidc.userinfo_expired",   answer(exp=None)),
    ("oidc.userinfo_sub",       answer(sub="mallory")),                            # Core §5.3.2
    ("oidc.userinfo_sub",       answer(sub=GONE)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "code", "body"),
    [(PLAIN, *fault) for fault in PLAIN_FAULTS] + [(SIGNED, *fault) for fault in SIGNED_FAULTS],
)
def test_one_fault_is_refused_by_its_code(ours: Client, code: str, body: bytes) -> None:
    kind = ProviderUnavailable if code == "oidc.userinfo_malformed" else AssertionRefused
    with pytest.raises(kind) as caught:
        read(body, ours)
    assert caught.value.code == code
    assert "mallory" not in caught.value.detail
    if kind is AssertionRefused:  # the ID Token's signature held: they are told apart by person
        assert caught.value.person == signed().subject.person
        assert [check.code for check in caught.value.checks if check.said] == [code]


@pytest.mark.parametrize(
    ("ours", "body"),
    [
        (PLAIN, json.dumps({"sub": ADA, "groups": ["g"]}).encode()),
        (SIGNED, answer()),
        (SIGNED, answer() + b"\n"),
        (SIGNED, answer({"typ": GONE})),
        (SIGNED, answer(aud=["them", "us"])),
        (SIGNED, answer(exp=AT - 59)),
    ],
)
def test_the_good_answer_is_read(ours: Client, body: bytes) -> None:
    assert read(body, ours)["groups"] == ["g"]


def test_by_subject_claims_it_still_is_sub_that_must_agree() -> None:
    ours = replace(PLAIN, demands=demands(subject_claims=("oid",)))
    claims = signed(ours=ours, oid="o-1")
    assert claims.subject.value == "o-1"
    found = userinfo.read(
        json.dumps({"sub": ADA}).encode(), jwks=None, client=ours, about=userinfo.About.named_by(claims)
    )
    assert found["sub"] == ADA
    with pytest.raises(AssertionRefused, match=r"^oidc\.userinfo_sub: "):
        userinfo.read(b'{"sub":"o-1"}', jwks=None, client=ours, about=userinfo.About.named_by(claims))


@pytest.mark.parametrize(("ours", "jwks"), [(PLAIN, JWKS), (SIGNED, None)])
def test_a_signed_answer_is_never_read_without_keys(ours: Client, jwks: key_set.Jwks | None) -> None:
    with pytest.raises(ValueError, match="keys"):
        userinfo.read(answer(), jwks=jwks, client=ours, about=userinfo.About.named_by(signed()))


CLAIMS = signed()


def bent(fault: dict[str, Any]) -> bytes:
    return answer(**fault)


@settings(max_examples=200, deadline=None)
@given(
    st.binary()
    | st.dictionaries(
        st.sampled_from(["sub", "iss", "aud", "exp"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.integers()),
    ).map(bent),
    st.sampled_from([PLAIN, SIGNED]),
)
def test_any_answer_is_read_or_refused(body: bytes, ours: Client) -> None:
    try:
        jwks = JWKS if ours is SIGNED else None
        found = userinfo.read(body, jwks=jwks, client=ours, about=userinfo.About.named_by(CLAIMS))
    except FederationError:
        return
    assert found["sub"] == ADA


ALONE = [
    # of the client, of the provider, whether it does
    ({}, {}, True),
    ({"fetch_userinfo": "always"}, {}, True),
    ({"fetch_userinfo": "never"}, {}, False),
    ({}, {"userinfo_endpoint": ""}, False),
    ({"demands": demands(claims={"hd": "acme.example"})}, {}, False),  # held against the ID Token
    ({"demands": demands(tenants=frozenset({"t"}))}, {}, False),
    ({"demands": demands(subject_claims=("oid",))}, {}, False),  # a subject that ``sub`` does not name
]


@pytest.mark.parametrize(("ours", "theirs", "alone"), ALONE)
def test_it_stands_alone_where_nothing_of_the_id_token_is_missed(
    ours: dict[str, Any],
    theirs: dict[str, Any],
    alone: bool,  # noqa: FBT001  a case
) -> None:
    assert userinfo.stands_alone(replace(PLAIN, **ours), replace(PROVIDER, **theirs)) is alone
