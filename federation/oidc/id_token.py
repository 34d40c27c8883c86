"""The ID Token: did this provider say this, to us, now, in answer to our request?

OIDC Core §3.1.3.7, tightened where the text leaves a choice. Each rule is one function, asked
of the octets that were signed; RULES is the whole list (the header's own rules stand in
``signature.py``, before the signature; who asks them all is ``signed_claims.py``). Pure.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from federation.oidc.client import Demands
from federation.oidc.provider import TENANT

SUBJECT_LENGTH = 255  # Core §2
_LATEST = 253_370_764_800  # 9999-01-01: beyond it a number is no time (and overflows with the skew)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the ID Token must agree with."""

    issuer: str  # the provider's; with {tenantid} where it stands for many tenants (Entra)
    client_id: str
    nonce: str = field(repr=False)  # sent with this sign-in's request
    code: str = field(repr=False)  # that came with this sign-in; "" where its flow has none
    front_channel: bool  # whether this token came through the browser
    demands: Demands  # of this connection, beyond what the protocol does
    now: datetime  # UTC, aware
    skew: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Header and claims that the provider's key signed, and what came along with them."""

    alg: str
    crv: str  # of the key that verified; "" for RSA
    claims: Mapping[str, Any]
    access_token: str = field(repr=False)


def issuer(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (2): octet for octet; {tenantid} is the token's own tid, which ``tenant`` judges."""
    found, wanted = said.claims.get("iss"), want.issuer
    if TENANT in wanted:
        tid = said.claims.get("tid")
        if not isinstance(tid, str) or not want.demands.tenants:
            return f"tid is {_shown(tid)}, and the issuer {wanted!r} stands for many tenants"
        wanted = wanted.replace(TENANT, tid)
    return None if wanted and found == wanted else f"iss is {_shown(found)}, not {wanted!r}"


def tenant(said: Statement, want: Expected) -> str | None:
    """Entra: the tid is one of those that may sign in, where the connection names any."""
    found, wanted = said.claims.get("tid"), want.demands.tenants
    if not wanted or (isinstance(found, str) and found in wanted):
        return None
    return f"tid is {_shown(found)}, not one of {sorted(wanted)}"


def audience(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (3): our client_id is in aud; azp never stands in for it."""
    found = said.claims.get("aud")
    return None if want.client_id in read_audience(found) else f"aud is {_shown(found)}"


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
    return None if _is_name(found) else f"sub is {_shown(found)}"


def subject_claims(said: Statement, want: Expected) -> str | None:
    """Claims that name the person in place of sub (Entra: tid and oid): every one, or nobody."""
    odd = [name for name in want.demands.subject_claims if not _is_name(said.claims.get(name))]
    return "; ".join(f"{name} is {_shown(said.claims.get(name))}" for name in odd) or None


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
    """Core §3.1.3.6, §3.1.3.8: optional, as no token comes by the browser; where it stands it holds."""
    if "at_hash" not in said.claims:
        return None
    return _hash("at_hash", said.access_token, said)


def code_hash(said: Statement, want: Expected) -> str | None:
    """Core §3.3.2.10, §3.3.2.11: beside a code in the browser it must stand; where it stands it holds."""
    if "c_hash" not in said.claims:
        beside = want.front_channel and want.code
        return "c_hash is absent, though a code came with the ID Token" if beside else None
    return _hash("c_hash", want.code, said)


def _hash(name: str, hashed: str, said: Statement) -> str | None:
    found = said.claims[name]
    if not isinstance(found, str) or not hashed:
        return f"{name} is no string, or nothing came with the ID Token that it could be of"
    expected = left_half(hashed, alg=said.alg, crv=said.crv)
    return None if hmac.compare_digest(found.encode(), expected.encode()) else f"{name} is another's"


def authenticated(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (13): where max_age is demanded, auth_time stands, and is recent. Never ahead of now."""
    limit, at = want.demands.max_age, read_time(said.claims.get("auth_time"))
    if at is not None and at - want.now > want.skew:
        return f"the person signed in at {at.isoformat()}, in the future"
    if limit is None:
        return None
    if at is None:
        return f"auth_time is {_shown(said.claims.get('auth_time'))}"
    late = want.now - at > limit + want.skew
    return f"the person signed in at {at.isoformat()}, more than {limit} ago" if late else None


def context(said: Statement, want: Expected) -> str | None:
    """Core §3.1.3.7 (12): acr is one of those that are demanded; absent is none of them."""
    found, wanted = said.claims.get("acr"), want.demands.acrs
    if not wanted or (isinstance(found, str) and found in wanted):
        return None
    return f"acr is {_shown(found)}, not one of {sorted(wanted)}"


def demanded(said: Statement, want: Expected) -> str | None:
    """What was asked for beside the protocol, and only the token can prove (Google's hd): to the octet."""
    odd = [(name, said.claims.get(name), wanted) for name, wanted in want.demands.claims.items()]
    return (
        "; ".join(
            f"{name} is {_shown(found)}, not {wanted!r}" for name, found, wanted in odd if found != wanted
        )
        or None
    )


Rule = Callable[[Statement, Expected], str | None]
RULES: Mapping[str, Rule] = {
    "oidc.issuer": issuer,
    "oidc.tenant": tenant,
    "oidc.audience": audience,
    "oidc.azp": authorized_party,
    "oidc.subject": subject,
    "oidc.subject_claims": subject_claims,
    "oidc.expired": unexpired,
    "oidc.issued_at": issued,
    "oidc.not_before": begun,
    "oidc.nonce": nonce,
    "oidc.at_hash": access_token_hash,
    "oidc.c_hash": code_hash,
    "oidc.auth_time": authenticated,
    "oidc.acr": context,
    "oidc.demanded_claim": demanded,
}
# A renewed ID Token answers no request of the browser's and tells of no new authentication (Core §12.2).
RENEWED_RULES: Mapping[str, Rule] = {
    code: rule
    for code, rule in RULES.items()
    if code not in ("oidc.nonce", "oidc.c_hash", "oidc.auth_time", "oidc.acr")
}


def left_half(hashed: str, *, alg: str, crv: str) -> str:
    """Return what at_hash or c_hash must be: half of a digest by the algorithm's own hash.

    Source: Core §3.1.3.6, §3.3.2.11; for EdDSA the hash that the curve itself uses (RFC 8032 §5).
    """
    octets = hashed.encode()
    if crv == "Ed448":
        digest = hashlib.shake_256(octets).digest(114)
    else:
        size = alg[-3:] if crv != "Ed25519" else "512"
        digest = hashlib.new(f"sha{size}", octets).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_audience(value: Any) -> tuple[str, ...]:
    """Return whom a token is for; nobody where the value is neither a string nor a list of strings.

    Source: RFC 7519 §4.1.3.
    """
    named = [value] if isinstance(value, str) else value
    whole = isinstance(named, list) and all(isinstance(one, str) for one in named)
    return tuple(named) if whole else ()


def read_time(value: Any) -> datetime | None:
    """Return a NumericDate as UTC, or None: no number, a boolean, or outside the calendar.

    Source: RFC 7519 §2.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= SUBJECT_LENGTH


def _shown(value: Any) -> str:
    return "absent" if value is None else f"{value!r:.120}"
