"""The provider: where its endpoints are, and with which of its keys a token was signed.

Discovery §3, §4.3 and Core §10.1.1, RFC 7517. The document's issuer is compared as it stands;
only the address to fetch it from is forgiving. A key that we cannot use is skipped, one by
one, so that a new kind of key beside the old one locks nobody out. Pure.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from federation.errors import AssertionRefused, ProviderUnavailable
from federation.oidc import documents

WELL_KNOWN = "/.well-known/openid-configuration"
RSA_BITS = range(2048, 8193)  # below: NIST SP 800-131A; above: one verification becomes work for an attacker
MAXIMUM_KEYS = 100
_URL_LENGTH = 2048
_HTTPS, _HTTP = "https", "http"
# What a key needs to verify each algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864). No HMAC, no "none".
FITTING: Mapping[str, tuple[str, frozenset[str]]] = {
    **{alg: ("RSA", frozenset({""})) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")},
    "ES256": ("EC", frozenset({"P-256"})),
    "ES384": ("EC", frozenset({"P-384"})),
    "ES512": ("EC", frozenset({"P-521"})),
    "EdDSA": ("OKP", frozenset({"Ed25519", "Ed448"})),
    "Ed25519": ("OKP", frozenset({"Ed25519"})),
    "Ed448": ("OKP", frozenset({"Ed448"})),
}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519", "Ed448"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """What we use of a discovery document; every URL is https, or http on loopback."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    iss_parameter_supported: bool = False  # authorization_response_iss_parameter_supported, RFC 9207 §3
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)  # Discovery §3: default
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """How to know a provider: from its document, from the settings, or from both."""

    url: str  # of the document; "" where it is not asked for
    issuer: str | None  # as configured; None: the document's own, held against its URL
    endpoints: Mapping[str, str]  # by their names in the document, and before it

    def __post_init__(self) -> None:
        if not self.url and not self.issuer:
            raise ValueError("a provider is known by its document or by its issuer")


def discovery_url(*, issuer: str | None, discovery_url: str | None) -> str:
    """Return where the discovery document is, however the operator wrote it.

    With or without the well-known suffix, with or without a slash at the end; a query
    (Entra's ``?appid=``) stays.

    Source: Discovery §4.1.
    """
    parts = urlsplit(discovery_url or issuer or "")
    path = parts.path.rstrip("/")
    if not path.endswith(WELL_KNOWN):
        path += WELL_KNOWN
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def read_metadata(
    document: bytes, *, issuer: str | None, discovery_url: str, development: bool
) -> ProviderMetadata:
    """Read a discovery document and hold its issuer against the configured one.

    Args:
        document: As fetched.
        issuer: As configured, compared octet for octet; None where only a discovery URL is.
        discovery_url: Where the document came from. Without ``issuer`` the document must
            name this URL less its suffix, one slash at the end more or less (Auth0).
        development: Let its endpoints be http on loopback.

    Raises:
        ProviderUnavailable: ``oidc.discovery_malformed``, ``oidc.discovery_issuer``,
            ``oidc.discovery_endpoint``.

    Source: Discovery §3, §4.3; RFC 8414 §3.3.
    """
    found = _object(document, "oidc.discovery_malformed", "the discovery document")
    named = found.get("issuer")
    if not isinstance(named, str) or named not in _issuers(issuer, discovery_url):
        raise ProviderUnavailable(
            "oidc.discovery_issuer", "the discovery document names another issuer than the configured one"
        )

    def endpoint(name: str, *, required: bool) -> str:
        return _endpoint(found, name, required=required, development=development)

    return ProviderMetadata(
        issuer=named,
        authorization_endpoint=endpoint("authorization_endpoint", required=True),
        token_endpoint=endpoint("token_endpoint", required=True),
        jwks_uri=endpoint("jwks_uri", required=True),
        userinfo_endpoint=endpoint("userinfo_endpoint", required=False),
        end_session_endpoint=endpoint("end_session_endpoint", required=False),
        iss_parameter_supported=_flag(found, "authorization_response_iss_parameter_supported"),
        token_endpoint_auth_methods_supported=_names(found, "token_endpoint_auth_methods_supported")
        or ("client_secret_basic",),
        id_token_signing_alg_values_supported=_names(found, "id_token_signing_alg_values_supported"),
        code_challenge_methods_supported=_names(found, "code_challenge_methods_supported"),
        scopes_supported=_names(found, "scopes_supported"),
    )


def _issuers(issuer: str | None, discovery_url: str) -> tuple[str, ...]:
    if issuer is not None:
        return (issuer,) if issuer else ()
    parts = urlsplit(discovery_url)
    base = urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix(WELL_KNOWN), "", ""))
    return (base, base + "/")


def _object(document: bytes, code: str, what: str) -> dict[str, Any]:
    try:
        return documents.read_object(document)
    except ValueError as fault:
        raise ProviderUnavailable(code, f"{what} is unreadable: {fault}") from None


def _endpoint(found: Mapping[str, Any], name: str, *, required: bool, development: bool) -> str:
    value = found.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not is_safe_url(value, development=development):
        raise ProviderUnavailable(
            "oidc.discovery_endpoint", f"the discovery document has no usable {name}: https is expected"
        )
    return value


def is_safe_url(url: str, *, development: bool) -> bool:
    """Tell whether a URL is https, or in development http on loopback.

    No user, no fragment, no odd character.
    """
    if len(url) > _URL_LENGTH or not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in url:
        return False
    return parts.scheme == _HTTPS or (development and parts.scheme == _HTTP and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _flag(found: Mapping[str, Any], name: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise ProviderUnavailable("oidc.discovery_malformed", f"{name} is not a boolean")
    return value


def _names(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One public key, parsed once."""

    kid: str | None
    alg: str | None
    kty: str
    crv: str  # "" for RSA
    key: Key

    def fits(self, alg: str) -> bool:
        """Tell whether this key can have signed with ``alg``."""
        kty, curves = FITTING.get(alg, ("", frozenset()))
        if self.kty != kty or self.crv not in curves:
            return False
        return self.alg in (None, alg) or (kty == "OKP" and self.alg in ("EdDSA", self.crv))


@dataclass(frozen=True, slots=True)
class Jwks:
    """A provider's signing keys; never empty."""

    keys: tuple[SigningKey, ...]

    def choose(self, *, kid: str | None, alg: str) -> SigningKey:
        """Return the one key that a header names; without ``kid`` only if one alone fits.

        Raises:
            AssertionRefused: ``oidc.key_unknown``, ``oidc.key_ambiguous``.

        Source: Core §10.1; RFC 7515 §6.
        """
        fitting = [one for one in self.keys if one.fits(alg) and kid in (None, one.kid)]
        if not fitting:
            raise AssertionRefused(
                "oidc.key_unknown", "the provider publishes no such key for this algorithm"
            )
        if len(fitting) > 1:
            raise AssertionRefused("oidc.key_ambiguous", "several of the provider's keys fit the ID Token")
        return fitting[0]


def read_jwks(document: bytes) -> Jwks:
    """Read a JWK Set; keys that we cannot use are skipped one by one.

    Raises:
        ProviderUnavailable: ``oidc.jwks_malformed``, ``oidc.jwks_no_key``.

    Source: RFC 7517 §5; Core §10.1.
    """
    entries = _object(document, "oidc.jwks_malformed", "the JWK Set").get("keys")
    if not isinstance(entries, list) or len(entries) > MAXIMUM_KEYS:
        raise ProviderUnavailable(
            "oidc.jwks_malformed", f"the JWK Set is not a list of at most {MAXIMUM_KEYS}"
        )
    keys = tuple(key for entry in entries if (key := _key(entry)) is not None)
    if not keys:
        raise ProviderUnavailable("oidc.jwks_no_key", "the JWK Set holds no key that can verify a signature")
    return Jwks(keys)


def _key(entry: Any) -> SigningKey | None:
    if not isinstance(entry, dict) or _is_unusable(entry):
        return None
    kty, crv = entry["kty"], entry.get("crv", "")
    members: dict[str, str | list[str]] = {name: entry[name] for name in ("kty", *_MEMBERS[kty])}
    try:
        key = JWKRegistry.import_key(members)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return SigningKey(
        kid=entry.get("kid"), alg=entry.get("alg"), kty=kty, crv="" if kty == "RSA" else crv, key=key
    )


def _is_unusable(entry: Mapping[str, Any]) -> bool:
    kty = entry.get("kty")
    operations = entry.get("key_ops", ["verify"])
    return (
        kty not in ("RSA", "EC", "OKP")  # "oct" too: a published secret verifies nothing
        or (kty != "RSA" and str(entry.get("crv")) not in _CURVES)
        or entry.get("use", "sig") != "sig"
        or not (isinstance(operations, list) and "verify" in operations)
        or not _PRIVATE.isdisjoint(entry)  # its private half is public: anybody can sign with it
        or not isinstance(entry.get("kid", ""), str)
        or not isinstance(entry.get("alg", ""), str)
        or not all(isinstance(entry.get(name), str) for name in _MEMBERS[kty])
        or (kty == "RSA" and _bits(entry["n"]) not in RSA_BITS)
    )


def _bits(number: str) -> int:
    """Return the size of an RSA modulus; 0 where it is none: unreadable, or even."""
    try:
        modulus = int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big")
    except ValueError:
        return 0
    return modulus.bit_length() if modulus % 2 else 0
