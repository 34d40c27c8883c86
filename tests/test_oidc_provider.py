"""Discovery and keys: what a provider publishes, and what of it we take."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import JWKRegistry

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.oidc import key_set, provider
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
        (None, f"https://op.example/{WELL}", f"https://op.example{WELL}"),  # issuer with a slash, and suffix
        (None, f"https://op.example/x//{WELL}//", f"https://op.example/x{WELL}"),
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
    ("oidc.discovery_endpoint", {"end_session_endpoint": ["https://op.example/"]}),
    ("oidc.discovery_endpoint", {"pushed_authorization_request_endpoint": "http://op.example/"}),
    ("oidc.discovery_malformed", {"authorization_response_iss_parameter_supported": "true"}),
    ("oidc.discovery_malformed", {"require_pushed_authorization_requests": 1}),
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


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/jwk-set+json", True),  # RFC 7517 §8.5
        ("", False),
        ("text/html; charset=utf-8", False),
        ("text/json", False),
        ("application/json, text/html", False),
        ("application/octet-stream", False),
    ],
)
def test_what_is_published_says_that_it_is_json(content_type: str, taken: bool) -> None:  # noqa: FBT001  a column
    good, keys = json.dumps(GOOD).encode(), json.dumps({"keys": [RSA]}).encode()
    if taken:
        assert read_document(good, content_type).issuer == ISSUER
        assert key_set.read_jwks(keys, content_type).keys
        return
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_content_type: "):
        read_document(good, content_type)
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.jwks_content_type: "):
        key_set.read_jwks(keys, content_type)


def test_members_that_we_do_not_know_change_nothing() -> None:
    strangers: dict[str, Any] = {
        "client_id": "evil", "client_secret": "evil", "redirect_uri": "https://evil.example/",
        "development": True,
        "id_token_signed_response_alg": "none", "proxy": "http://evil.example", "verify": False,
        "iss_parameter_supported": False, "issuer_of": "x", "mtls_endpoint_aliases": {"token_endpoint": "x"},
        "signed_metadata": "e30.e30.e30", "revocation_endpoint": "http://x/",
        "endpoints": {"token_endpoint": "http://x/"}, "__class__": "x",
    }  # fmt: skip
    assert read_document(json.dumps({**GOOD, **strangers}).encode()) == read()


def test_what_is_said_of_logout_and_of_pushed_requests() -> None:
    told: dict[str, Any] = {
        "backchannel_logout_supported": True,
        "frontchannel_logout_supported": "true",  # said to nobody's harm: not a boolean, so not said
        "require_pushed_authorization_requests": True,
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
    }
    found = read(**told)
    assert (found.backchannel_logout_supported, found.frontchannel_logout_supported) == (True, False)
    assert found.require_pushed_authorization_requests is True
    assert found.pushed_authorization_request_endpoint == f"{ISSUER}/par"
    assert read().require_pushed_authorization_requests is False


OVERRIDES = [
    "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint",
    "pushed_authorization_request_endpoint",
]  # fmt: skip


def known(endpoints: dict[str, str], *, url: str = URL, issuer: str | None = ISSUER) -> Discovery:
    return Discovery(url=url, issuer=issuer, endpoints=endpoints)


def read_known(discovery: Discovery, *, templated: bool = False, **fault: Any) -> provider.ProviderMetadata:
    document = {name: value for name, value in {**GOOD, **fault}.items() if value is not ...}
    return provider.read_metadata(
        json.dumps(document).encode(),
        "application/json",
        discovery=discovery,
        templated=templated,
        development=False,
    )


@pytest.mark.parametrize("theirs", [..., "http://op.example/", f"{ISSUER}/theirs", 7])
@pytest.mark.parametrize("name", OVERRIDES)
def test_an_endpoint_of_the_settings_beats_the_documents(name: str, theirs: Any) -> None:
    ours = "https://elsewhere.example/ours"
    assert getattr(read_known(known({name: ours}), **{name: theirs}), name) == ours


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_endpoint_of_the_settings_is_held_to_the_same_rule(name: str) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_endpoint: "):
        read_known(known({name: "http://elsewhere.example/"}))


ALL = {name: GOOD[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}


def from_settings(
    endpoints: dict[str, str], *, issuer: str = ISSUER, templated: bool = False, development: bool = False
) -> provider.ProviderMetadata:
    return provider.from_settings(
        known(endpoints, url="", issuer=issuer), templated=templated, development=development
    )


def test_without_discovery_the_settings_say_everything() -> None:
    found = from_settings(ALL)
    assert (found.issuer, found.token_endpoint, found.userinfo_endpoint) == (
        ISSUER,
        GOOD["token_endpoint"],
        "",
    )
    assert from_settings({**ALL, "jwks_uri": "http://127.0.0.1:9/k"}, development=True).jwks_uri


def test_whom_our_secret_alone_signs_for_needs_no_keys() -> None:
    assert from_settings({name: url for name, url in ALL.items() if name != "jwks_uri"}).jwks_uri == ""


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        *((name, url) for name in ALL for url in ("", "http://op.example/")),
        *((name, None) for name in ALL if name != "jwks_uri"),
    ],
)
def test_without_discovery_nothing_may_be_missing(name: str, instead: str | None) -> None:
    told = {**ALL, name: instead}
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_endpoint: "):
        from_settings({key: url for key, url in told.items() if url is not None})


def test_a_provider_is_known_by_something() -> None:
    with pytest.raises(ValueError, match="known by"):
        known({}, url="", issuer=None)


ENTRA = "https://login.microsoftonline.com"
SHARED = f"{ENTRA}/{{tenantid}}/v2.0"
ONE = f"{ENTRA}/0f1e2d3c-0000-4000-8000-000000000001/v2.0"
TEMPLATES: list[tuple[str | None, str, str, bool]] = [
    # configured                     discovery URL                       named                       taken
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        SHARED,                     True),
    (f"{ENTRA}/organizations/v2.0",  f"{ENTRA}/organizations/v2.0{WELL}", SHARED,                     True),
    (None,                           f"{ENTRA}/common/v2.0{WELL}",        SHARED,                     True),
    (None,                           f"{ENTRA}/common/v2.0{WELL}",        f"{SHARED}/",               True),
    (ONE,                            f"{ONE}{WELL}",                      SHARED,                     False),
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        f"{SHARED}/",               False),
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        "{tenantid}",               False),
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        f"{ENTRA}/{{tenant}}/v2.0", False),
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        "https://x/{tenantid}",     False),
    (f"{ENTRA}/common/v2.0",         f"{ENTRA}/common/v2.0{WELL}",        ONE,                        False),
    ("https://op.example/common/organizations", URL, "https://op.example/{tenantid}/{tenantid}",      False),
]  # fmt: skip


@pytest.mark.parametrize(("issuer", "url", "named", "taken"), TEMPLATES)
def test_the_issuer_of_many_tenants(issuer: str | None, url: str, named: str, taken: bool) -> None:  # noqa: FBT001
    discovery = known({}, url=url, issuer=issuer)
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_issuer: "):
        read_known(discovery, templated=False, issuer=named)  # unless the settings name the tenants
    if not taken:
        with pytest.raises(ProviderUnavailable, match=r"^oidc\.discovery_issuer: "):
            read_known(discovery, templated=True, issuer=named)
        return
    found = read_known(discovery, templated=True, issuer=named)
    assert found.issuer_of("tid").removesuffix("/") == f"{ENTRA}/tid/v2.0"


def test_tenants_may_be_named_of_an_issuer_that_stands_for_one() -> None:
    found = read_known(known({}, issuer=ONE, url=f"{ONE}{WELL}"), templated=True, issuer=ONE)
    assert found.issuer_of("another") == ONE
    assert from_settings(ALL, issuer=ONE, templated=True).issuer == ONE
    assert from_settings(ALL, issuer=f"{ENTRA}/common/v2.0", templated=True).issuer == SHARED
    assert from_settings(ALL, issuer=f"{ENTRA}/common/v2.0").issuer == f"{ENTRA}/common/v2.0"


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
P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1
Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826  # of order 8, RFC 8032 §5.1
SMALL_ORDER = [
    *((y, "Ed25519", 32) for y in (0, 1, P25519 - 1, Y8, P25519 - Y8, P25519, P25519 + 1)),
    *((y, "Ed448", 57) for y in (0, 1, P448 - 1, P448, P448 + 1)),
]


def edwards(y: int, crv: str, length: int, sign: int = 0) -> dict[str, Any]:
    octets = (y | sign << (8 * length - 1)).to_bytes(length, "little")
    return {"kty": "OKP", "crv": crv, "x": base64.urlsafe_b64encode(octets).rstrip(b"=").decode()}


def jwks(*entries: Any) -> key_set.Jwks:
    return key_set.read_jwks(json.dumps({"keys": entries}).encode(), "application/json")


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
    ("a coordinate padded with zeros", {**EC, "x": "A" * 4000 + EC["x"]}),
    ("not base64url", {**RSA, "n": "+/="}),
    ("no modulus", {"kty": "RSA", "e": "AQAB"}),
    ("exponent 1", {**RSA, "e": "AQ"}),
    ("exponent 4", {**RSA, "e": "BA"}),
    ("an exponent that is work", {**RSA, "e": RSA["n"]}),
    ("kty is a list", {**RSA, "kty": ["RSA"]}),
    ("issuer is a list", {**RSA, "issuer": [ISSUER]}),
    ("a curve of the other kind", {**OKP, "crv": "P-256"}),
    ("too short for its curve", {**OKP, "crv": "Ed448"}),
    ("base64 with plus and slash", {**OKP, "x": "+" + OKP["x"][1:]}),
    ("zeros", edwards(0, "Ed25519", 32)),
    ("zeros of Ed448", edwards(0, "Ed448", 57)),
    ("bits beyond Ed448's y", edwards(5 + (1 << 450), "Ed448", 57)),
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
        key_set.read_jwks(document, "application/json")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize(("y", "crv", "length"), SMALL_ORDER)
def test_a_key_of_small_order_is_anybodys(y: int, crv: str, length: int, sign: int) -> None:
    assert [key.kid for key in jwks(edwards(y, crv, length, sign), EC).keys] == ["ec"]


def test_why_a_key_of_small_order_is_refused() -> None:
    """With the neutral element as key, S·B = R holds for whoever chooses S: no private half is needed."""
    anybody = Ed25519PublicKey.from_public_bytes(b"\x01" + bytes(31))
    two_b = bytes.fromhex("c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022")  # 2·B
    anybody.verify(two_b + (2).to_bytes(32, "little"), b"whatever is said")


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


def test_one_key_published_twice_is_one_key() -> None:
    keys = jwks({**RSA, "alg": "RS256"}, {**RSA, "use": "sig"}, {**RSA, "kid": "again"})
    assert keys.choose(kid="rsa", alg="RS256", issuer=ISSUER).kid == "rsa"
    assert keys.choose(kid=None, alg="RS256", issuer=ISSUER).kid == "rsa"
    with pytest.raises(AssertionRefused, match=r"^oidc\.key_ambiguous: "):
        jwks(RSA, {**RSA2, "kid": "rsa"}).choose(kid="rsa", alg="RS256", issuer=ISSUER)


CONSUMERS = f"{ENTRA}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
KEY_ISSUERS: list[tuple[str, str, str]] = [
    # the key names      the token names                             what comes of it
    (SHARED,             ONE,                                        ""),
    (SHARED,             CONSUMERS,                                  ""),
    (ONE,                ONE,                                        ""),
    (CONSUMERS,          ONE,                                        "oidc.key_unknown"),  # another's
    (ONE,                "",                                         "oidc.key_unknown"),
    (SHARED,             "",                                         "oidc.key_unknown"),
    (SHARED,             f"{ENTRA}//v2.0",                           "oidc.key_unknown"),
    (SHARED,             f"{ENTRA}/v2.0",                            "oidc.key_unknown"),
    (SHARED,             SHARED,                                     "oidc.key_unknown"),  # no tenant's
    (SHARED,             f"{ENTRA}/a/b/v2.0",                        "oidc.key_unknown"),
    (SHARED,             ONE.replace("https://login", "https://x"),  "oidc.key_unknown"),
    (SHARED,             f"{ONE}/",                                  "oidc.key_unknown"),
    ("",                 "https://anybody.example",                  ""),
]  # fmt: skip


@pytest.mark.parametrize(("named", "issuer", "outcome"), KEY_ISSUERS)
def test_a_key_that_is_one_issuers_alone(named: str, issuer: str, outcome: str) -> None:
    keys = jwks({**RSA, "issuer": named})
    assert keys.names_issuers is bool(named)
    if not outcome:
        assert keys.choose(kid="rsa", alg="RS256", issuer=issuer).kid == "rsa"
        return
    with pytest.raises(AssertionRefused, match=f"^{outcome}: "):
        keys.choose(kid="rsa", alg="RS256", issuer=issuer)


@pytest.mark.parametrize(("alg", "octets"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_our_secret_is_the_key_of_one_algorithm(alg: str, octets: int) -> None:
    keys = key_set.secret_key("s" * octets, alg=alg)
    for kid in (None, "whatever their software writes there"):
        assert keys.choose(kid=kid, alg=alg, issuer=ISSUER).alg == alg
    for other in ("HS256", "HS384", "HS512", "RS256", "EdDSA", "none"):
        if other != alg:
            with pytest.raises(AssertionRefused, match=r"^oidc\.key_unknown: "):
                keys.choose(kid=None, alg=other, issuer=ISSUER)
    with pytest.raises(ValueError, match="octets"):
        key_set.secret_key("s" * (octets - 1), alg=alg)
    assert "ssss" not in repr(keys)


def test_without_a_key_nothing_is_verified() -> None:
    with pytest.raises(ValueError, match="without a key"):
        key_set.Jwks(())


members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid", "key_ops", "issuer"])
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
        key_set.read_jwks(document, "application/json")
    with pytest.raises(FederationError):
        read_document(document)
