"""Discovery and keys: what a provider publishes, and what of it we take."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import JWKRegistry

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.oidc import provider
from federation.oidc.provider import Discovery

ISSUER = "https://op.example"
URL = f"{ISSUER}/.well-known/openid-configuration"
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize?a=b",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example/jwks",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "end_session_endpoint": f"{ISSUER}/logout",
    "authorization_response_iss_parameter_supported": True,
}
WELL = "/.well-known/openid-configuration"


def read(
    configured: str | None = ISSUER, *, development: bool = False, **fault: Any
) -> provider.ProviderMetadata:
    document = {name: value for name, value in {**GOOD, **fault}.items() if value is not ...}
    return provider.read_metadata(
        json.dumps(document).encode(),
        "application/json",
        discovery=Discovery(url=URL, issuer=configured, endpoints={}),
        templated=False,
        development=development,
    )


def read_document(document: bytes, content_type: str = "application/json") -> provider.ProviderMetadata:
    known = Discovery(url=URL, issuer=ISSUER, endpoints={})
    return provider.read_metadata(document, content_type, discovery=known, templated=False, development=True)


@pytest.mark.parametrize(
    ("issuer", "url", "expected"),
    [
        ("https://op.example", None, f"https://op.example{WELL}"),
        ("https://op.example/", None, f"https://op.example{WELL}"),  # Auth0's issuer
        ("https://op.example/realms/a", None, f"https://op.example/realms/a{WELL}"),
        (f"https://op.example{WELL}", None, f"https://op.example{WELL}"),  # pasted into the wrong field
        (None, "https://op.example", f"https://op.example{WELL}"),
        (None, f"https://op.example{WELL}", f"https://op.example{WELL}"),
        (None, f"https://op.example{WELL}/", f"https://op.example{WELL}"),
        (None, f"https://op.example/x{WELL}?appid=1", f"https://op.example/x{WELL}?appid=1"),  # Entra
        ("https://op.example", f"https://in.example{WELL}", f"https://in.example{WELL}"),
    ],
)
def test_the_discovery_url_however_it_is_written(issuer: str | None, url: str | None, expected: str) -> None:
    assert provider.discovery_url(issuer=issuer, discovery_url=url) == expected


def test_the_good_document_is_read() -> None:
    found = read()
    assert (found.issuer, found.jwks_uri) == (ISSUER, "https://keys.example/jwks")
    assert found.iss_parameter_supported is True
    assert found.token_endpoint_auth_methods_supported == ("client_secret_basic",)


def test_what_may_be_left_out() -> None:
    found = read(
        userinfo_endpoint=..., end_session_endpoint=..., authorization_response_iss_parameter_supported=...
    )
    assert (found.userinfo_endpoint, found.end_session_endpoint) == ("", "")
    assert found.iss_parameter_supported is False


def test_lists_of_names_are_read_for_the_doctor() -> None:
    found = read(token_endpoint_auth_methods_supported=["private_key_jwt", 7], scopes_supported="openid")
    assert found.token_endpoint_auth_methods_supported == ("private_key_jwt",)
    assert found.scopes_supported == ()


METADATA_FAULTS: list[tuple[str, dict[str, Any]]] = [
    # code                     what differs                                              source
    ("oidc.discovery_issuer", {"issuer": "https://other.example"}),                    # Discovery §4.3
    ("oidc.discovery_issuer", {"issuer": f"{ISSUER}/"}),                               # octet for octet
    ("oidc.discovery_issuer", {"issuer": ...}),                                        # Discovery §3
    ("oidc.discovery_issuer", {"issuer": [ISSUER]}),                                   # a string
    ("oidc.discovery_issuer", {"issuer": "https://op.example/{tenantid}"}),            # Entra, common
    ("oidc.discovery_endpoint", {"authorization_endpoint": ...}),                      # Discovery §3
    ("oidc.discovery_endpoint", {"token_endpoint": ...}),
    ("oidc.discovery_endpoint", {"jwks_uri": ...}),
    ("oidc.discovery_endpoint", {"token_endpoint": "http://op.example/token"}),        # https
    ("oidc.discovery_endpoint", {"token_endpoint": "http://127.0.0.1.evil.example/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "http://localhost.evil.example/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "javascript:alert(1)"}),
    ("oidc.discovery_endpoint", {"authorization_endpoint": "https://op.example/a#b"}), # RFC 6749 §3.1
    ("oidc.discovery_endpoint", {"token_endpoint": "https://u:p@op.example/token"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://op.example:x/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://[::1/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://op.example/\r\nX: y"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://op.example/\tX"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "ftp://127.0.0.1/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://op.example/a b"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://öp.example/"}),
    ("oidc.discovery_endpoint", {"token_endpoint": "https://op.example/" + "x" * 2048}),
    ("oidc.discovery_endpoint", {"token_endpoint": 7}),
    ("oidc.discovery_endpoint", {"userinfo_endpoint": "ftp://op.example/"}),           # absent or right
    ("oidc.discovery_malformed", {"authorization_response_iss_parameter_supported": "true"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), METADATA_FAULTS)
def test_one_fault_in_the_document_is_refused(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as caught:
        read(**fault)
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{", b"\xff", b'{"issuer":"a","issuer":"b"}', b"[" * 100_000]
)
def test_what_is_no_document(document: bytes) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_malformed: "):
        read_document(document)


@pytest.mark.parametrize("named", [ISSUER, f"{ISSUER}/"])
def test_without_an_issuer_the_url_must_be_its(named: str) -> None:
    assert read(None, issuer=named).issuer == named


@pytest.mark.parametrize(
    "named", [f"{ISSUER}//", "https://other.example", "http://op.example", f"{ISSUER}/realms/a", "", URL]
)
def test_without_an_issuer_nothing_but_the_url_is_its(named: str) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_issuer: "):
        read(None, issuer=named)


def test_an_empty_issuer_is_nobodys() -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_issuer: "):
        read("", issuer="")


ENDPOINTS = [name for name in GOOD if name.endswith(("_endpoint", "_uri"))]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/t", "http://[::1]:9/t", "http://localhost:9/t"])
@pytest.mark.parametrize("name", ENDPOINTS)
def test_http_is_for_development_on_loopback(name: str, url: str) -> None:
    assert getattr(read(development=True, **{name: url}), name) == url
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_endpoint: "):
        read(development=False, **{name: url})


@pytest.mark.parametrize("name", ENDPOINTS)
def test_development_opens_loopback_alone(name: str) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_endpoint: "):
        read(development=True, **{name: "http://op.example/t"})


def _public(kty: str, size: int | str, **members: Any) -> dict[str, Any]:
    key = JWKRegistry.generate_key(kty, size)
    return {**key.as_dict(private=False), **members}


RSA = _public("RSA", 2048, kid="rsa")
RSA2 = _public("RSA", 2048)
EC = _public("EC", "P-256", kid="ec")
OKP = _public("OKP", "Ed25519", kid="okp")


def jwks(*entries: Any) -> provider.Jwks:
    return provider.read_jwks(json.dumps({"keys": entries}).encode(), "application/json")


UNUSABLE: list[tuple[str, Any]] = [
    ("not an object", "key"),
    ("no kty", {"kid": "x"}),
    ("unknown kty", {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
    ("a secret", {"kty": "oct", "k": "c2VjcmV0"}),
    ("for encryption", {**RSA, "use": "enc"}),
    ("for signing only", {**RSA, "key_ops": ["sign"]}),
    ("operations not a list", {**RSA, "key_ops": "verify"}),
    ("unknown curve", {**EC, "crv": "secp256k1"}),
    ("curve is a list", {**EC, "crv": ["P-256"]}),
    ("for key agreement", {**OKP, "crv": "X25519"}),
    ("not on its curve", {**EC, "x": EC["y"]}),
    ("not base64url", {**RSA, "n": "+/="}),
    ("no modulus", {"kty": "RSA", "e": "AQAB"}),
    ("exponent 1", {**RSA, "e": "AQ"}),
    ("even modulus", {**RSA, "n": RSA["n"][:-2] + "AA"}),
    ("kid is a number", {**RSA, "kid": 7}),
    ("alg is a list", {**RSA, "alg": ["RS256"]}),
    ("1024 bits", {**RSA, "n": RSA["n"][:170] + "_w"}),
    ("16384 bits", {**RSA, "n": "f" * 2731}),
    ("with its private half", JWKRegistry.generate_key("EC", "P-256").as_dict(private=True)),
]


@pytest.mark.parametrize("entry", [entry for _, entry in UNUSABLE], ids=[name for name, _ in UNUSABLE])
def test_an_unusable_key_is_skipped_and_the_others_stay(entry: Any) -> None:
    assert [key.kid for key in jwks(entry, EC).keys] == ["ec"]
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.jwks_no_key: "):
        jwks(entry)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b"\x00garbage",
        b'{"keys":[' + b"{}," * 100 + b"{}]}",
    ],
)
def test_what_is_no_jwk_set(document: bytes) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.jwks_malformed: "):
        provider.read_jwks(document, "application/json")


KEYS = jwks(
    RSA, EC, OKP, {**RSA, "kid": "oaep", "alg": "RSA-OAEP"}, {**RSA, "kid": "pinned", "alg": "RS512"},
    {**OKP, "kid": "new", "alg": "Ed25519"}, {**OKP, "kid": "old", "alg": "EdDSA"},
    {**OKP, "kid": "agree", "alg": "ECDH-ES"}, {**RSA, "kid": "blank", "alg": ""},
    {**EC, "kid": "twin"}, {**RSA2, "kid": "twin"},
)  # fmt: skip
CHOICES: list[tuple[str | None, str, str]] = [
    # kid       alg       what comes of it
    ("rsa",     "RS256",  "rsa"),
    ("rsa",     "PS512",  "rsa"),
    ("ec",      "ES256",  "ec"),
    ("ec",      "ES384",  "oidc.key_unknown"),    # another curve
    ("ec",      "RS256",  "oidc.key_unknown"),    # another kind
    ("okp",     "EdDSA",  "okp"),
    ("new",     "EdDSA",  "new"),                 # RFC 9864 names the curve
    ("new",     "Ed448",  "oidc.key_unknown"),
    ("old",     "Ed25519", "old"),                # and the other way round
    ("agree",   "EdDSA",  "oidc.key_unknown"),    # says it is for key agreement
    ("blank",   "RS256",  "oidc.key_unknown"),    # "" is an algorithm, not an absent one
    ("oaep",    "RS256",  "oidc.key_unknown"),    # says it is for encryption
    ("pinned",  "RS256",  "oidc.key_unknown"),    # says it is for RS512
    ("twin",    "RS256",  "twin"),                # RFC 7517 §4.5: one kid, two kinds
    ("rsa",     "HS256",  "oidc.key_unknown"),
    ("rsa",     "none",   "oidc.key_unknown"),
    ("",        "RS256",  "oidc.key_unknown"),    # "" is a kid, not an absent one
    (None,      "RS512",  "oidc.key_ambiguous"),
    (None,      "ES384",  "oidc.key_unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("kid", "alg", "outcome"), CHOICES)
def test_the_one_key_that_fits(kid: str | None, alg: str, outcome: str) -> None:
    if not outcome.startswith("oidc."):
        assert KEYS.choose(kid=kid, alg=alg, issuer=ISSUER).kid == outcome
        return
    with pytest.raises(AssertionRefused) as caught:
        KEYS.choose(kid=kid, alg=alg, issuer=ISSUER)
    assert caught.value.code == outcome


def test_without_kid_the_only_one_that_fits() -> None:
    assert jwks(RSA, EC, {**RSA, "use": "enc"}).choose(kid=None, alg="RS256", issuer=ISSUER).kid == "rsa"


members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid", "key_ops"])
# A NUL or a lone surrogate spoils the whole document, not one key.
text = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=8)
values = st.none() | st.integers() | text | st.lists(text, max_size=2)
values |= st.sampled_from(["RSA", "EC", "OKP", "P-256", "P-521", "Ed448", "sig", "AQAB", RSA["n"], EC["x"]])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([RSA, EC, OKP]), st.dictionaries(members, values, max_size=4))
def test_no_key_breaks_the_set(good: dict[str, Any], fault: dict[str, Any]) -> None:
    assert "okp" in [key.kid for key in jwks({**good, **fault}, OKP).keys]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(list(GOOD)), values).map(lambda d: json.dumps(d).encode())
)
def test_no_document_breaks_the_reader(document: bytes) -> None:
    with pytest.raises(FederationError):
        provider.read_jwks(document, "application/json")
    with pytest.raises(FederationError):
        read_document(document)
