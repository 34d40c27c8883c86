"""One key of a provider: whether it can verify at all, and which algorithms.

RFC 7517 §4, RFC 7518 §6, RFC 8037 §2, NIST SP 800-186 §D.1. A key that cannot be used is None,
never an error: a new kind of key beside the old one locks nobody out. Pure.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

RSA_BITS = range(2048, 8193)  # below: NIST SP 800-131A; above: one verification becomes work for an attacker
_COORDINATE = 88  # characters: 66 octets, of P-521 (RFC 7518 §6.2.1.2); longer ones cost and are no key
_EXPONENT = range(3, 1 << 33)  # above: likewise
# What a key needs to verify each algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864). No "none".
FITTING: Mapping[str, tuple[str, frozenset[str]]] = {
    **{alg: ("RSA", frozenset({""})) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")},
    "ES256": ("EC", frozenset({"P-256"})),
    "ES384": ("EC", frozenset({"P-384"})),
    "ES512": ("EC", frozenset({"P-521"})),
    "EdDSA": ("OKP", frozenset({"Ed25519", "Ed448"})),
    "Ed25519": ("OKP", frozenset({"Ed25519"})),
    "Ed448": ("OKP", frozenset({"Ed448"})),
    # By the client_secret alone, see ``from_secret``: no published key is ever "oct".
    **{alg: ("oct", frozenset({""})) for alg in ("HS256", "HS384", "HS512")},
}
_SECRET_OCTETS = {"HS256": 32, "HS384": 48, "HS512": 64}  # RFC 7518 §3.2
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = {"EC": frozenset({"P-256", "P-384", "P-521"}), "OKP": frozenset({"Ed25519", "Ed448"})}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# Edwards curves: octets of a key, the field's prime, and the y of every point of small order. With such
# a key, or with one of zeros, signatures can be made that hold without anybody's private half.
_P25519, _P448 = 2**255 - 19, 2**448 - 2**224 - 1
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # order 8; the other is its negative
_EDWARDS: Mapping[str, tuple[int, int, frozenset[int]]] = {
    "Ed25519": (32, _P25519, frozenset({0, 1, _P25519 - 1, _Y8, _P25519 - _Y8})),
    "Ed448": (57, _P448, frozenset({0, 1, _P448 - 1})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One key, parsed once."""

    kid: str | None
    alg: str | None
    issuer: str  # whose tokens alone it verifies (Entra); "": the provider's, whatever they name
    kty: str
    crv: str  # "" for RSA and for a secret
    thumbprint: str  # RFC 7638: one key published twice is one key
    key: Key

    def fits(self, alg: str) -> bool:
        """Tell whether this key can have signed with ``alg``."""
        kty, curves = FITTING.get(alg, ("", frozenset()))
        if self.kty != kty or self.crv not in curves:
            return False
        return self.alg in (None, alg) or (kty == "OKP" and self.alg in ("EdDSA", self.crv))

    def is_named(self, kid: str | None) -> bool:
        """Tell whether a header's ``kid`` is this key's; None names every key, and a secret has no name."""
        return kid is None or kid == self.kid or self.kty == "oct"


def from_secret(client_secret: str, *, alg: str) -> SigningKey:
    """Return the client_secret as the key of one HMAC algorithm.

    Raises:
        ValueError: ``alg`` is no HMAC algorithm, or the secret is shorter than its hash.

    Source: Core §10.1; RFC 7518 §3.2.
    """
    octets = client_secret.encode()
    if len(octets) < _SECRET_OCTETS[alg]:
        raise ValueError(f"{alg} needs a secret of at least {_SECRET_OCTETS[alg]} octets")
    return SigningKey(
        kid=None, alg=alg, issuer="", kty="oct", crv="", thumbprint="", key=OctKey.import_key(octets)
    )


def read_key(entry: Any) -> SigningKey | None:
    """Read one member of a JWK Set; None where it can verify nothing for us.

    Source: RFC 7517 §4; Core §10.1.
    """
    if not isinstance(entry, dict) or _is_unusable(entry):
        return None
    kty, crv = entry["kty"], entry.get("crv", "")
    members: dict[str, str | list[str]] = {name: entry[name] for name in ("kty", *_MEMBERS[kty])}
    try:
        key = JWKRegistry.import_key(members)
        thumbprint = key.thumbprint()
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return SigningKey(
        kid=entry.get("kid"),
        alg=entry.get("alg"),
        issuer=entry.get("issuer", ""),
        kty=kty,
        crv="" if kty == "RSA" else crv,
        thumbprint=thumbprint,
        key=key,
    )


def _is_unusable(entry: Mapping[str, Any]) -> bool:
    kty = entry.get("kty")
    operations = entry.get("key_ops", ["verify"])
    return (
        not isinstance(kty, str)
        or kty not in _MEMBERS  # "oct" neither: a published secret verifies nothing
        or (kty in _CURVES and str(entry.get("crv")) not in _CURVES[kty])
        or entry.get("use", "sig") != "sig"
        or not (isinstance(operations, list) and "verify" in operations)
        or not _PRIVATE.isdisjoint(entry)  # its private half is public: anybody can sign with it
        or not all(isinstance(entry.get(name, ""), str) for name in ("kid", "alg", "issuer"))
        or not all(isinstance(entry.get(name), str) for name in _MEMBERS[kty])
        or (kty == "EC" and max(len(entry["x"]), len(entry["y"])) > _COORDINATE)
        or (kty == "RSA" and not _is_sound_rsa(entry["n"], entry["e"]))
        or (kty == "OKP" and not _is_sound_edwards(entry["crv"], entry["x"]))
    )


def _is_sound_rsa(n: str, e: str) -> bool:
    modulus, exponent = (int.from_bytes(_octets(one), "big") for one in (n, e))
    return bool(modulus % 2 and modulus.bit_length() in RSA_BITS and exponent % 2 and exponent in _EXPONENT)


def _is_sound_edwards(crv: str, x: str) -> bool:
    """RFC 8032 §5.1.3, §5.2.3: y in little-endian order below the sign bit, smaller than the prime."""
    length, prime, small = _EDWARDS[crv]
    octets = _octets(x)
    y = int.from_bytes(octets, "little") & ((1 << (8 * length - 1)) - 1)
    return len(octets) == length and y < prime and y not in small


def _octets(text: str) -> bytes:
    """Decode base64url without padding; b"" where it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64URL.fullmatch(text) else b""
    except ValueError:
        return b""
