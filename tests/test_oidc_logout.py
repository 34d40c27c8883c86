"""OpenID Connect logout: what is sent, and one good logout token, one fault at a time."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oidc_peer import client, demands

from federation import presets
from federation.demo.openid_faults import GONE, Knobs
from federation.demo.openid_tokens import Signer
from federation.demo.users import USERS
from federation.errors import AssertionRefused, RequestRefused
from federation.oidc import key_set, logout, relying_party, signature
from federation.oidc.client import Client
from federation.oidc.id_token import Expected
from federation.oidc.logout import EVENT, FRESH, EndSession, LogoutToken, VendorWay
from federation.oidc.provider import ProviderMetadata
from federation.oidc.token_endpoint import Tokens

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SKEW = timedelta(seconds=60)
ISSUER = "https://op.example"
SIGNER = Signer(ISSUER, "ES256")
JWKS = key_set.read_jwks(SIGNER.jwks(), "application/json")
TENANT, OTHER_TENANT = "aaaaaaaa-2222-4333-8444-555555555555", "bbbbbbbb-2222-4333-8444-555555555555"
CLIENT = client(id_token_signed_response_alg="ES256", demands=demands(tenants=frozenset({TENANT})))
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
    end_session_endpoint=f"{ISSUER}/logout",
)
BACK = "https://sp.example/logout"
STANDARD = VendorWay(parameter="", path="")


def way(preset: str) -> VendorWay:
    dialect = presets.oidc(preset)
    return VendorWay(parameter=dialect.end_session, path=dialect.end_session_path)


COGNITO, AUTH0, PING = way("cognito"), way("auth0"), way("pingfederate")


# --- asked by us


def ask(told: ProviderMetadata = PROVIDER, *, hint: str = "h.i.nt", vendor: VendorWay = STANDARD) -> Any:
    return logout.end_session(
        told, CLIENT, vendor=vendor, hint=hint, post_logout_redirect_uri=BACK, state="a-state"
    )


def parts(asked: EndSession) -> tuple[str, dict[str, str]]:
    url, _, query = asked.url.partition("?")
    return url, dict(parse_qsl(query, strict_parsing=True))


STANDARD_PARAMETERS = {"client_id": "us", "post_logout_redirect_uri": BACK, "state": "a-state"}
ENDPOINTS = [
    # vendor     published                        asked there                     with its own parameter
    (STANDARD,  f"{ISSUER}/logout",              f"{ISSUER}/logout",             ""),
    (STANDARD,  "",                              None,                           ""),
    (COGNITO,   "https://d.example/logout",      "https://d.example/logout",     "logout_uri"),
    (COGNITO,   "",                              None,                           ""),
    (AUTH0,     f"{ISSUER}/oidc/logout",         f"{ISSUER}/oidc/logout",        ""),
    (AUTH0,     "",                              f"{ISSUER}/v2/logout",          "returnTo"),
    (AUTH0,     f"{ISSUER}/v2/logout",           f"{ISSUER}/v2/logout",          "returnTo"),
    (PING,      f"{ISSUER}/idp/startSLO.ping",   f"{ISSUER}/idp/startSLO.ping",  "TargetResource"),
    (PING,      f"{ISSUER}/idp/init_logout.openid", f"{ISSUER}/idp/init_logout.openid", ""),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "published", "there", "own"), ENDPOINTS)
def test_each_vendor_is_asked_its_way(vendor: VendorWay, published: str, there: str | None, own: str) -> None:
    for issuer in (ISSUER, f"{ISSUER}/"):  # Auth0's ends in a slash
        asked = ask(replace(PROVIDER, issuer=issuer, end_session_endpoint=published), vendor=vendor)
        if there is None:
            assert asked is None
            continue
        right = {"client_id": "us", own: BACK} if own else {"id_token_hint": "h.i.nt", **STANDARD_PARAMETERS}
        assert parts(asked) == (there, right)
        assert asked.answered is not bool(own)
        assert "h.i.nt" not in repr(asked)


def test_an_endpoint_may_have_a_query_of_its_own() -> None:
    asked = ask(replace(PROVIDER, end_session_endpoint=f"{ISSUER}/logout?p=b2c_1"), hint="")
    assert parts(asked) == (f"{ISSUER}/logout", {"p": "b2c_1", **STANDARD_PARAMETERS})


def test_a_hint_that_makes_the_url_too_long_is_left_out() -> None:
    room = logout.URL_LENGTH - len(ask(hint="").url) - len("id_token_hint=&")
    assert len(ask(hint="x" * room).url) == logout.URL_LENGTH
    assert parts(ask(hint="x" * room))[1]["id_token_hint"]
    assert parts(ask(hint="x" * (room + 1)))[1] == STANDARD_PARAMETERS


@pytest.mark.parametrize(
    ("name", "is_theirs"),
    [
        (logout.provider_name(ISSUER, "ada"), True),
        (logout.provider_name(f"{ISSUER}/", "ada"), False),
        (logout.session_name(ISSUER, "s-1"), False),
        ('["https://op.example"]', False),
        ('[["https://op.example"],"ada"]', False),
        ("7", False),
        ("", False),
        ("null", False),
    ],
)
def test_a_session_at_another_provider_is_none_of_its_business(name: str, *, is_theirs: bool) -> None:
    assert logout.is_of(name, PROVIDER, CLIENT) is is_theirs


def test_of_many_tenants_those_that_may_sign_in_are_one_provider() -> None:
    shared = replace(PROVIDER, issuer="https://login.example/{tenantid}/v2.0")
    of = {tid: f"https://login.example/{tid}/v2.0" for tid in (TENANT, OTHER_TENANT, "{tenantid}")}
    found = [logout.is_of(logout.provider_name(issuer, "ada"), shared, CLIENT) for issuer in of.values()]
    assert found == [True, False, False]


@given(st.text(), st.text(), st.text(), st.text())
def test_no_session_and_no_person_share_a_name(a: str, b: str, c: str, d: str) -> None:
    assert (logout.session_name(a, b) == logout.session_name(c, d)) is ((a, b) == (c, d))
    assert logout.session_name(a, b) != logout.provider_name(c, d)


# --- told by the provider


def token(
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    *,
    sign: str = "right",
    signer: Signer = SIGNER,
) -> str:
    """The good logout token; ``claims`` and ``header`` are what differs."""
    knobs = Knobs(logout={"tid": TENANT, **(claims or {})}, logout_header=header or {}, logout_sign=sign)
    return signer.logout_token(client_id="us", sub="ada", sid="s-1", now=AT, jti="j-1", knobs=knobs)


def verify(
    text: str,
    *,
    ours: Client = CLIENT,
    told: ProviderMetadata = PROVIDER,
    now: datetime = NOW,
    skew: timedelta = SKEW,
) -> LogoutToken:
    return logout.verify_logout_token(text, jwks=JWKS, client=ours, provider=told, now=now, skew=skew)


PERSON, SESSION = logout.provider_name(ISSUER, "ada"), logout.session_name(ISSUER, "s-1")


def test_a_good_one_says_which_sessions_ended() -> None:
    found = verify(token())
    assert (found.issuer, found.names, found.indexes) == (ISSUER, (PERSON,), ("s-1", ""))
    assert (found.issued_at, found.until) == (NOW, NOW + FRESH + SKEW)
    assert "ada" not in repr(found)
    assert "s-1" not in repr(found)


NAMED = [
    # differs                      whose            which
    ({},                          (PERSON,),       ("s-1", "")),
    ({"sid": GONE},               (PERSON,),       ()),
    ({"sub": GONE},               (SESSION,),      ()),
    ({"sid": "s-1 "},             (PERSON,),       ("s-1 ", "")),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "names", "indexes"), NAMED)
def test_by_sub_by_sid_and_by_both(
    claims: dict[str, Any], names: tuple[str, ...], indexes: tuple[str, ...]
) -> None:
    found = verify(token(claims))
    assert (found.names, found.indexes) == (names, indexes)


def test_an_identifier_is_of_its_issuer_its_client_and_its_jti() -> None:
    one = verify(token()).id
    assert one == verify(token({"sid": "another"})).id
    ours = replace(CLIENT, client_id="them")
    others = {verify(token({"jti": "j-2"})).id, verify(token({"aud": ["us", "them"]}), ours=ours).id}
    assert len({one, *others}) == 3


FAULTS: list[tuple[str, dict[str, Any]]] = [
    # rule broken              what differs from the good token                source
    ("oidc.logout_issuer",     {"iss": "https://other.example"}),            # §2.6 (2)
    ("oidc.logout_issuer",     {"iss": f"{ISSUER}/"}),                       # octet for octet
    ("oidc.logout_issuer",     {"iss": GONE}),                               # §2.4
    ("oidc.logout_issuer",     {"iss": [ISSUER]}),                           # a string
    ("oidc.logout_tenant",     {"tid": OTHER_TENANT}),                       # as for ID Tokens
    ("oidc.logout_tenant",     {"tid": GONE}),                               # absent is none of them
    ("oidc.logout_audience",   {"aud": "them"}),                             # §2.6 (2)
    ("oidc.logout_audience",   {"aud": []}),                                 # empty is not yes
    ("oidc.logout_audience",   {"aud": GONE}),                               # §2.4
    ("oidc.logout_audience",   {"aud": "them", "azp": "us"}),                # azp is no audience
    ("oidc.logout_issued_at",  {"iat": GONE}),                               # §2.4
    ("oidc.logout_issued_at",  {"iat": str(AT)}),                            # a number
    ("oidc.logout_issued_at",  {"iat": True}),                               # a boolean is none
    ("oidc.logout_issued_at",  {"iat": AT + 61}),                            # in the future
    ("oidc.logout_issued_at",  {"iat": AT - 660}),                           # long ago, whatever exp says
    ("oidc.logout_expired",    {"exp": GONE}),                               # §2.4: REQUIRED
    ("oidc.logout_expired",    {"exp": AT - 60}),                            # the bound is exclusive
    ("oidc.logout_expired",    {"exp": None}),                               # a number
    ("oidc.logout_not_before", {"nbf": AT + 61}),                            # RFC 7519 §4.1.5
    ("oidc.logout_not_before", {"nbf": "now"}),                              # a number
    ("oidc.logout_jti",        {"jti": GONE}),                               # §2.4
    ("oidc.logout_jti",        {"jti": ""}),                                 # names no token
    ("oidc.logout_jti",        {"jti": 7}),                                  # a string
    ("oidc.logout_event",      {"events": GONE}),                            # conformance: no event
    ("oidc.logout_event",      {"events": {}}),                              # empty is not yes
    ("oidc.logout_event",      {"events": {f"{EVENT}/": {}}}),               # conformance: wrong event
    ("oidc.logout_event",      {"events": {EVENT: None}}),                   # an object
    ("oidc.logout_event",      {"events": {EVENT: True}}),                   # an object
    ("oidc.logout_event",      {"events": [EVENT]}),                         # the draft's list
    ("oidc.logout_event",      {"events": EVENT}),                           # an object
    ("oidc.logout_subject",    {"sub": GONE, "sid": GONE}),                  # §2.6 (4)
    ("oidc.logout_subject",    {"sub": None}),                               # null is nobody
    ("oidc.logout_subject",    {"sub": ""}),                                 # blank is nobody
    ("oidc.logout_subject",    {"sub": 7, "sid": GONE}),                     # a string
    ("oidc.logout_subject",    {"sub": "x" * 256}),                          # Core §2
    ("oidc.logout_subject",    {"sid": ""}),                                 # would be: no sid at all
    ("oidc.logout_subject",    {"sid": None}),                               # null is none
    ("oidc.logout_subject",    {"sub": GONE, "sid": ["s-1"]}),               # a string
    ("oidc.logout_nonce",      {"nonce": "n-0S6"}),                          # conformance: nonce present
    ("oidc.logout_nonce",      {"nonce": None}),                             # whatever its value
]  # fmt: skip


@pytest.mark.parametrize(("code", "claims"), FAULTS)
def test_one_fault_is_refused_by_its_rule(code: str, claims: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused, match=f"^{code}: ") as refused:
        verify(token(claims))
    assert [check.code for check in refused.value.checks if check.said] == [code]


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in FAULTS} == set(logout.RULES)


FORGED: list[tuple[str, dict[str, Any], str]] = [
    # rule broken         what differs in the header                 signed by
    ("oidc.alg",          {"alg": "none"},                          "none"),        # conformance: alg none
    ("oidc.alg",          {"alg": "HS256"},                         "public_key"),
    ("oidc.alg",          {"alg": "RS256"},                         "right"),       # conformance: wrong alg
    ("oidc.alg",          {"alg": GONE},                            "right"),
    ("oidc.crit",         {"crit": ["b64"], "b64": True},           "right"),
    ("oidc.typ",          {"typ": "at+jwt"},                        "right"),
    ("oidc.typ",          {"typ": "secevent+jwt"},                  "right"),
    ("oidc.typ",          {"typ": "x"},                             "right"),
    ("oidc.typ",          {"typ": ""},                              "right"),
    ("oidc.typ",          {"typ": 7},                               "right"),
    ("oidc.kid",          {"kid": 7},                               "right"),
    ("oidc.key_unknown",  {"kid": "nobody"},                        "right"),
    ("oidc.signature",    {},                                       "other_key"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "header", "sign"), FORGED)
def test_what_the_provider_did_not_sign(code: str, header: dict[str, Any], sign: str) -> None:
    with pytest.raises(AssertionRefused, match=f"^{code}: ") as refused:
        verify(token({}, header, sign=sign))
    assert refused.value.checks == ()


def test_every_rule_of_the_header_has_a_fault() -> None:
    assert {code for code, _, _ in FORGED} >= set(logout.HEADER_RULES)


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "LOGOUT+JWT", "JWT", GONE])
def test_its_kind_may_be_told_or_left_out(typ: object) -> None:
    assert verify(token({}, {"typ": typ})).names == (PERSON,)


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c.d.e", "!.!.!", "e30.e30.e30", "x" * 600_000])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(AssertionRefused, match=r"^oidc\.(id_token_malformed|alg): "):
        verify(text)


EDGES = [
    # claims                                        now, from the good one's on     skew   holds
    ({"iat": AT + 60},                              timedelta(0),                   60,    True),
    ({"iat": AT + 1},                               timedelta(0),                   0,     False),
    ({"exp": AT + 3600},                            FRESH - timedelta(seconds=1),   0,     True),
    ({"exp": AT + 3600},                            FRESH,                          0,     False),
    ({"exp": AT + 3600},                            FRESH + timedelta(seconds=59),  60,    True),
    ({"exp": AT + 3600},                            FRESH + timedelta(seconds=60),  60,    False),
    ({"exp": AT + 1},                               timedelta(0),                   0,     True),
    ({"exp": AT},                                   timedelta(0),                   0,     False),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "later", "skew", "holds"), EDGES)
def test_each_bound_a_second_before_on_it_and_after(
    claims: dict[str, Any], later: timedelta, skew: int, *, holds: bool
) -> None:
    allowed = timedelta(seconds=skew)
    if not holds:
        with pytest.raises(AssertionRefused, match=r"^oidc\.logout_(issued_at|expired): "):
            verify(token(claims), now=NOW + later, skew=allowed)
        return
    assert (
        verify(token(claims), now=NOW + later, skew=allowed).until > NOW + later
    )  # it is remembered so long


def test_a_tenants_word_is_for_its_own() -> None:
    shared = replace(PROVIDER, issuer="https://login.example/{tenantid}/v2.0")
    theirs = f"https://login.example/{TENANT}/v2.0"
    assert verify(token({"iss": theirs}), told=shared).names == (logout.provider_name(theirs, "ada"),)
    for claims in (
        {"iss": f"https://login.example/{OTHER_TENANT}/v2.0"},
        {"iss": f"https://login.example/{OTHER_TENANT}/v2.0", "tid": OTHER_TENANT},
        {"iss": shared.issuer},
        {"iss": theirs, "tid": GONE},
    ):
        with pytest.raises(AssertionRefused, match=r"^oidc\.logout_(issuer|tenant): "):
            verify(token(claims), told=shared)


def test_an_id_token_signs_nobody_out_and_a_logout_token_nobody_in() -> None:
    id_token = SIGNER.id_token(USERS["ada"], client_id="us", nonce="n", now=AT, tid=TENANT, sid="s-1")
    with pytest.raises(AssertionRefused, match=r"^oidc\.logout_jti: ") as refused:
        verify(id_token)
    broken = [check.code for check in refused.value.checks if check.said]
    assert broken == ["oidc.logout_jti", "oidc.logout_event", "oidc.logout_nonce"]
    want = Expected(
        issuer=ISSUER, client_id="us", nonce="n", code="", front_channel=False,
        demands=CLIENT.demands, now=NOW, skew=SKEW,
    )  # fmt: skip
    for header, code in (({}, "oidc.typ"), ({"typ": "JWT"}, "oidc.nonce")):
        tokens = Tokens(id_token=token({}, header), access_token="")
        with pytest.raises(AssertionRefused, match=f"^{code}: "):
            relying_party.verify_id_token(tokens, jwks=JWKS, client=CLIENT, expected=want)


def test_new_keys_are_asked_for_where_its_own_is_not_known() -> None:
    def needed(text: str) -> bool:
        rules = logout.HEADER_RULES
        return signature.needs_new_keys(text, jwks=JWKS, registered="ES256", rules=rules)

    assert needed(token({}, {"kid": "nobody"}))
    assert not needed(token())
    assert not needed(token({}, {"kid": "nobody", "typ": "at+jwt"}))
    assert not needed("x")


# --- told by a frame


FRAMES = [
    # whether iss is told, what came                           refused by
    (True,  {"iss": ISSUER, "sid": "s-1"},                     ""),
    (True,  {"sid": "s-1"},                                    "oidc.frontchannel_missing"),
    (True,  {"iss": ISSUER},                                   "oidc.frontchannel_missing"),
    (True,  {"iss": ISSUER, "sid": " "},                       "oidc.frontchannel_missing"),
    (True,  {"iss": "", "sid": "s-1"},                         "oidc.frontchannel_missing"),
    (True,  {},                                                "oidc.frontchannel_missing"),
    (True,  {"iss": f"{ISSUER}/", "sid": "s-1"},               "oidc.frontchannel_issuer"),
    (True,  {"iss": "https://other.example", "sid": "s-1"},    "oidc.frontchannel_issuer"),
    (False, {"iss": ISSUER, "sid": "s-1"},                     ""),
    (False, {"sid": "s-1"},                                    ""),  # Entra's
    (False, {"iss": ISSUER},                                   "oidc.frontchannel_missing"),
    (False, {"sid": ""},                                       "oidc.frontchannel_missing"),
    (False, {"iss": "", "sid": "s-1"},                         "oidc.frontchannel_issuer"),
    (False, {"iss": "https://other.example", "sid": "s-1"},    "oidc.frontchannel_issuer"),
]  # fmt: skip


@pytest.mark.parametrize(("issuer_told", "params", "code"), FRAMES)
def test_a_frame_names_its_provider_and_a_session(
    params: dict[str, str], code: str, *, issuer_told: bool
) -> None:
    def read() -> tuple[str, ...]:
        return logout.read_frame(params, provider=PROVIDER, client=CLIENT, issuer_told=issuer_told)

    if not code:
        assert read() == (SESSION,)
        return
    with pytest.raises(RequestRefused, match=f"^{code}: "):
        read()


def test_a_frame_without_iss_may_mean_any_tenant_that_signs_in_here() -> None:
    shared = replace(PROVIDER, issuer="https://login.example/{tenantid}/v2.0")
    both = client(demands=demands(tenants=frozenset({TENANT, OTHER_TENANT})))
    names = logout.read_frame({"sid": "s-1"}, provider=shared, client=both, issuer_told=False)
    issuers = [f"https://login.example/{tid}/v2.0" for tid in (TENANT, OTHER_TENANT)]
    assert names == tuple(logout.session_name(issuer, "s-1") for issuer in issuers)
    named = {"iss": issuers[1], "sid": "s-1"}
    names = logout.read_frame(named, provider=shared, client=both, issuer_told=False)
    assert names == (logout.session_name(issuers[1], "s-1"),)


def test_of_the_vendors_entra_alone_leaves_iss_out() -> None:
    assert [name for name in presets.PRESETS if not presets.oidc(name).frame_iss] == ["entra"]


def test_the_manual_has_a_row_for_every_rule_in_the_codes_order() -> None:
    page = (Path(__file__).parent.parent / "docs/oidc.md").read_text()
    rows = re.findall(r"^\| `(oidc\.logout_\w+)` \| (.+?) \| .+ \|$", page, re.MULTILINE)
    assert [code for code, _ in rows] == list(logout.RULES)
    for code, section in rows:
        own = re.match(r"Back-Channel Logout (§[\d.]+(?: \(\d\))?)", logout.RULES[code].__doc__ or "")
        assert own is None or section == f"Back-Channel {own[1]}"
