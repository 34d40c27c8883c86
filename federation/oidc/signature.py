"""The ID Token's signature: by the registered algorithm and a published key, or not at all.

RFC 7515 §5.2, OIDC Core §3.1.3.7 (6-8), §10.1. The header is foreign until the signature
holds, so it is only asked what we would accept, never what it wants: the key comes from
jwks_uri, the algorithm from the connection. Pure.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from federation.errors import AssertionRefused
from federation.oidc import documents
from federation.oidc.key_set import Jwks
from federation.oidc.signing_key import FITTING, SigningKey

HEADER_LENGTH, PAYLOAD_LENGTH, SIGNATURE_LENGTH = 16 * 1024, 256 * 1024, 2048  # octets of base64url
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_EDWARDS = ("EdDSA", "Ed25519", "Ed448")  # RFC 9864 respells EdDSA, the key's curve decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A payload whose signature held: exactly the octets that were signed."""

    payload: bytes
    alg: str
    crv: str  # of the key that verified; "" for RSA


def algorithm(header: Mapping[str, Any], registered: str) -> str | None:
    """Core §3.1.3.7 (6, 7): the registered algorithm, never the token's choice."""
    alg = header.get("alg")
    if (
        isinstance(alg, str)
        and alg in FITTING
        and (alg == registered or (registered == "EdDSA" and alg in _EDWARDS))
    ):
        return None
    return f"alg is not {registered}, which is registered for this client"


def critical(header: Mapping[str, Any], _registered: str) -> str | None:
    """RFC 7515 §4.1.11, RFC 7797: we understand no extension, and the payload is base64url."""
    return "the header holds crit or b64" if {"crit", "b64"} & header.keys() else None


def kind(header: Mapping[str, Any], _registered: str) -> str | None:
    """RFC 8725 §3.11: a token that says it is another kind (at+jwt, logout+jwt) is not an ID Token."""
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str):
        return "typ is not a string"
    return "typ names another kind of token" if typ.lower().endswith("+jwt") else None


def key_id(header: Mapping[str, Any], _registered: str) -> str | None:
    """RFC 7515 §4.1.4."""
    return None if isinstance(header.get("kid", ""), str) else "kid is not a string"


HeaderRule = Callable[[Mapping[str, Any], str], str | None]
# Asked before the signature. jwk, jku, x5u and x5c are not even read: keys come from jwks_uri alone.
HEADER_RULES: Mapping[str, HeaderRule] = {
    "oidc.alg": algorithm,
    "oidc.crit": critical,
    "oidc.typ": kind,
    "oidc.kid": key_id,
}


def verify(
    id_token: str, *, jwks: Jwks, registered: str, rules: Mapping[str, HeaderRule] = HEADER_RULES
) -> Signed:
    """Judge the header, choose the key, verify the signature.

    Args:
        id_token: Compact JWS, unverified.
        jwks: The provider's keys.
        registered: The connection's algorithm, the only one accepted.
        rules: Of its header; those of an ID Token, but for a token of another kind.

    Raises:
        AssertionRefused: ``oidc.id_token_malformed``, one of HEADER_RULES,
            ``oidc.key_unknown``, ``oidc.key_ambiguous``, ``oidc.signature``.

    Source: RFC 7515 §5.2.
    """
    header = read_header(id_token)
    for code, rule in rules.items():
        if (broken := rule(header, registered)) is not None:
            raise AssertionRefused(code, broken)
    alg: str = header["alg"]
    key = jwks.choose(kid=header.get("kid"), alg=alg, issuer=_unverified_issuer(id_token, jwks))
    try:
        payload = _verified(id_token, alg, key)
    except (JoseError, ValueError, TypeError):
        raise AssertionRefused("oidc.signature", "the ID Token's signature does not hold") from None
    return Signed(payload=payload, alg=alg, crv=key.crv)


def _verified(id_token: str, alg: str, key: SigningKey) -> bytes:
    """Return the payload, once the algorithm holds its signature.

    joserfc's algorithm, not its reading of the token: the header was read and judged here, and to
    parse it a second time costs as much as an RSA verification.

    Raises:
        ValueError: It does not hold, or a part is not the one spelling of its octets (RFC 7515 §2).
        JoseError: The key is none of this algorithm.
    """
    signed, _, signature = id_token.rpartition(".")
    octets = [_exactly(segment) for segment in (*signed.split("."), signature)]
    model = _ALGORITHMS[alg]
    model.check_key(key.key)
    if not model.verify(signed.encode("ascii"), octets[2], key.key):
        raise ValueError("the signature does not hold")
    return octets[1]


def needs_new_keys(
    id_token: str, *, jwks: Jwks, registered: str, rules: Mapping[str, HeaderRule] = HEADER_RULES
) -> bool:
    """Tell whether fetching the keys again may help: the token is in order, its key is not known.

    Where the header names no key, one that was replaced shows only in a signature that does not hold.

    Source: Core §10.1.1.
    """
    try:
        header = read_header(id_token)
        if any(rule(header, registered) for rule in rules.values()):
            return False
        if "kid" not in header:
            verify(id_token, jwks=jwks, registered=registered, rules=rules)
        else:
            issuer = _unverified_issuer(id_token, jwks)
            jwks.choose(kid=header["kid"], alg=header["alg"], issuer=issuer)
    except AssertionRefused as refused:
        return refused.code in ("oidc.key_unknown", "oidc.signature")
    return False


def _unverified_issuer(id_token: str, jwks: Jwks) -> str:
    """Return ``iss`` where some key is one issuer's alone, else "": the second reading is not free."""
    if not jwks.names_issuers:
        return ""
    try:
        said = documents.read_object(read_payload(id_token)).get("iss")
    except ValueError:
        return ""
    return said if isinstance(said, str) else ""


def read_header(id_token: str) -> dict[str, Any]:
    """Return the JOSE header of a compact JWS; nothing in it is verified.

    Raises:
        AssertionRefused: ``oidc.id_token_malformed``.
    """
    segments = id_token.split(".")
    if len(segments) != 3:  # noqa: PLR2004  RFC 7515 §7.1; five would be an encrypted one
        raise AssertionRefused("oidc.id_token_malformed", f"the ID Token has {len(segments)} parts, not 3")
    limits = (HEADER_LENGTH, PAYLOAD_LENGTH, SIGNATURE_LENGTH)
    if any(len(one) > limit for one, limit in zip(segments, limits, strict=True)):
        raise AssertionRefused("oidc.id_token_malformed", "the ID Token is too large")
    if not all(_SEGMENT.fullmatch(one) for one in (segments[0], segments[1], segments[2] or "-")):
        raise AssertionRefused("oidc.id_token_malformed", "the ID Token is not base64url")
    try:
        return documents.read_object(_decode(segments[0]))
    except ValueError as fault:
        raise AssertionRefused("oidc.id_token_malformed", f"the ID Token's header: {fault}") from None


def read_payload(id_token: str) -> bytes:
    """Return the payload of a compact JWS, unverified: for ``explain``, and to choose among keys.

    Raises:
        AssertionRefused: ``oidc.id_token_malformed``.
    """
    read_header(id_token)
    try:
        return _decode(id_token.split(".")[1])
    except ValueError:
        raise AssertionRefused("oidc.id_token_malformed", "the ID Token is not base64url") from None


def _decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _exactly(segment: str) -> bytes:
    """Decode the one spelling of some octets: no bits left over that somebody may have changed."""
    octets = _decode(segment)
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != segment.encode("ascii"):
        raise ValueError("another spelling of the same octets")
    return octets


_ALGORITHMS = {alg: JWSRegistry.algorithms[alg] for alg in FITTING}
