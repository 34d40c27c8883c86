"""The ID Token: did this provider say this, to us, now, in answer to our request?

OIDC Core §3.1.3.7, tightened where the text leaves a choice. Each rule is one function, asked
of the octets that were signed; RULES is the whole list (the header's own rules stand in
``signature.py``, before the signature). Pure.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from federation.errors import AssertionRefused, Check
from federation.identity import Subject
from federation.oidc import documents, signature
from federation.oidc.authorization import Tokens
from federation.oidc.client import Client
from federation.oidc.provider import Jwks

SUBJECT_LENGTH = 255  # Core §2
_LATEST = 253_370_764_800  # 9999-01-01: beyond it a number is no time (and overflows with the skew)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the ID Token must agree with."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)  # sent with this sign-in's request
    now: datetime  # UTC, aware
    skew: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Header and claims that the provider's key signed, and what came along with them."""

    alg: str
    crv: str  # of the key that verified; "" for RSA
    claims: Mapping[str, Any]
    access_token: str


class _Seal:
    """Held by this module alone."""


_SEAL = _Seal()


@dataclass(frozen=True, kw_only=True)
class SignedClaims:
    """Claims whose signature held and that broke no rule; ``verify_id_token`` alone makes them."""

    id: str  # SHA-256 of the signing input, hex: the same whatever the signature's octets
    claims: Mapping[str, Any]
    subject: Subject
    expires_at: datetime  # UTC, without skew
    has_access_token: bool
    checks: tuple[Check, ...]
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("SignedClaims are made by verify_id_token only")


def issuer(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (2): octet for octet."""
    found = said.claims.get("iss")
    return None if want.issuer and found == want.issuer else f"iss is {_shown(found)}, not {want.issuer!r}"


def audience(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (3): our client_id is in aud; azp never stands in for it."""
    found = said.claims.get("aud")
    named = [found] if isinstance(found, str) else found
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        return f"aud is {_shown(found)}"
    return None if want.client_id in named else f"aud is {_shown(found)}, without {want.client_id!r}"


def authorized_party(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (4, 5): any azp is us, and beside other audiences there must be one."""
    several = isinstance(said.claims.get("aud"), list) and len(said.claims["aud"]) > 1
    if "azp" not in said.claims:
        return "several audiences and no azp" if several else None
    found = said.claims["azp"]
    return None if found == want.client_id else f"azp is {_shown(found)}, not {want.client_id!r}"


def subject(said: Statement, _want: Expected) -> str | None:
    """Core §2: a string, not blank, at most 255 characters; which ones is the provider's choice."""
    found = said.claims.get("sub")
    if isinstance(found, str) and found.strip() and len(found) <= SUBJECT_LENGTH:
        return None
    return f"sub is {_shown(found)}"


def unexpired(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (9): exp must exist and lie ahead; the bound is exclusive."""
    at = read_time(said.claims.get("exp"))
    if at is None:
        return f"exp is {_shown(said.claims.get('exp'))}"
    return None if want.now < at + want.skew else f"expired at {at.isoformat()}"


def issued(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (10): iat must exist and not lie ahead."""
    at = read_time(said.claims.get("iat"))
    if at is None:
        return f"iat is {_shown(said.claims.get('iat'))}"
    return None if at <= want.now + want.skew else f"issued at {at.isoformat()}, in the future"


def begun(said: Statement, want: Expected) -> str | None:
    """RFC 7519 §4.1.5: nbf may be absent; where it stands it holds."""
    if "nbf" not in said.claims:
        return None
    at = read_time(said.claims["nbf"])
    if at is None:
        return f"nbf is {_shown(said.claims['nbf'])}"
    return None if at <= want.now + want.skew else f"not before {at.isoformat()}"


def nonce(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (11): the one that we sent; one is always sent."""
    found = said.claims.get("nonce")
    if not isinstance(found, str):
        return "nonce is absent" if found is None else "nonce is not a string"
    same = hmac.compare_digest(found.encode(), want.nonce.encode())
    return None if want.nonce and same else "nonce is not the one that was sent"


def access_token_hash(said: Statement, _want: Expected) -> str | None:
    """Core §3.1.3.6, §3.1.3.8: optional in the code flow; where it stands it holds."""
    if "at_hash" not in said.claims:
        return None
    found = said.claims["at_hash"]
    if not isinstance(found, str) or not said.access_token:
        return "at_hash without a token to hash, or not a string"
    expected = left_half(said.access_token, alg=said.alg, crv=said.crv)
    return None if hmac.compare_digest(found.encode(), expected.encode()) else "at_hash is another token's"


RULES: Mapping[str, Callable[[Statement, Expected], str | None]] = {
    "oidc.issuer": issuer,
    "oidc.audience": audience,
    "oidc.azp": authorized_party,
    "oidc.subject": subject,
    "oidc.expired": unexpired,
    "oidc.issued_at": issued,
    "oidc.not_before": begun,
    "oidc.nonce": nonce,
    "oidc.at_hash": access_token_hash,
}


def verify_id_token(tokens: Tokens, *, jwks: Jwks, client: Client, expected: Expected) -> SignedClaims:
    """Verify an ID Token's signature, then hold its claims against what we expect.

    Args:
        tokens: From the token endpoint, unverified.
        jwks: The provider's keys, fresh enough (``needs_new_keys``).
        client: Ourselves; names the registered algorithm.
        expected: The pending sign-in, our names, and the time.

    Raises:
        AssertionRefused: Whatever ``signature.verify`` raises, ``oidc.claims_malformed``;
            then, with every check, the first broken one of RULES.

    Source: Core §3.1.3.7.
    """
    signed = signature.verify(tokens.id_token, jwks=jwks, registered=client.id_token_signed_response_alg)
    said = Statement(
        alg=signed.alg,
        crv=signed.crv,
        claims=read_claims(signed.payload),
        access_token=tokens.access_token,
    )
    checks = (Check("oidc.signature"), *(Check(code, rule(said, expected)) for code, rule in RULES.items()))
    if any(check.said for check in checks):
        raise _refusal(checks, said, expected)
    return SignedClaims(
        id=hashlib.sha256(tokens.id_token.rpartition(".")[0].encode()).hexdigest(),
        claims=said.claims,
        subject=Subject(issuer=expected.issuer, value=said.claims["sub"]),
        expires_at=datetime.fromtimestamp(said.claims["exp"], UTC),
        has_access_token=bool(tokens.access_token),
        checks=checks,
        seal=_SEAL,
    )


def _refusal(checks: tuple[Check, ...], said: Statement, want: Expected) -> AssertionRefused:
    broken = [check.code for check in checks if check.said]
    refusal = AssertionRefused(broken[0], f"the ID Token breaks {', '.join(broken)}", checks)
    if subject(said, want) is None:
        refusal.person = Subject(issuer=want.issuer, value=said.claims["sub"]).person
    return refusal


def read_claims(payload: bytes) -> dict[str, Any]:
    """Parse a payload.

    Raises:
        AssertionRefused: ``oidc.claims_malformed``.
    """
    try:
        return documents.read_object(payload)
    except ValueError as fault:
        raise AssertionRefused("oidc.claims_malformed", f"the ID Token's claims: {fault}") from None


def left_half(access_token: str, *, alg: str, crv: str) -> str:
    """Return what at_hash must be: half of the token's digest by the algorithm's own hash.

    Source: Core §3.1.3.6; for EdDSA the hash that the curve itself uses (RFC 8032 §5).
    """
    octets = access_token.encode()
    if crv == "Ed448":
        digest = hashlib.shake_256(octets).digest(114)
    else:
        size = alg[-3:] if crv != "Ed25519" else "512"
        digest = hashlib.new(f"sha{size}", octets).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_time(value: Any) -> datetime | None:
    """Return a NumericDate as UTC, or None: no number, a boolean, or outside the calendar.

    Source: RFC 7519 §2.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)


def _shown(value: Any) -> str:
    return "absent" if value is None else f"{value!r:.120}"
