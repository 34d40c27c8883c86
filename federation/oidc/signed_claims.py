"""An ID Token whose signature held and that broke no rule: the claims that may be believed.

OIDC Core §3.1.3.7, §3.3.3.6, §12.2. The signature first (``signature.py``), then every rule of
``id_token.py``, then the person: of whom there is no word before. Pure.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from federation.errors import AssertionRefused, Check
from federation.identity import Subject
from federation.oidc import documents, signature
from federation.oidc.client import Client
from federation.oidc.id_token import (
    RENEWED_RULES,
    RULES,
    Expected,
    Rule,
    Statement,
    issuer,
    subject,
    subject_claims,
)
from federation.oidc.key_set import Jwks
from federation.oidc.token_endpoint import Tokens


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
    expected: Expected  # what they were held against
    checks: tuple[Check, ...]
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("SignedClaims are made by verify_id_token only")


def verify_id_token(tokens: Tokens, *, jwks: Jwks, client: Client, expected: Expected) -> SignedClaims:
    """Verify an ID Token's signature, then hold its claims against what we expect.

    Args:
        tokens: Unverified: the ID Token, and the access token that came along.
        jwks: The provider's keys, fresh enough (``needs_new_keys``).
        client: Ourselves; names the registered algorithm.
        expected: The pending sign-in, our names, and the time.

    Raises:
        AssertionRefused: Whatever ``signature.verify`` raises, ``oidc.claims_malformed``;
            then, with every check, the first broken one of RULES.

    Source: Core §3.1.3.7, §3.2.2.11, §3.3.2.12.
    """
    return _verify(tokens, jwks, client, expected, RULES)


def verify_renewed(
    tokens: Tokens, *, jwks: Jwks, client: Client, issuer: str, person: str, now: datetime, skew: timedelta
) -> SignedClaims:
    """Verify an ID Token that came with renewed tokens: of this person, by the same provider, for us.

    Args:
        tokens: From ``read_refreshed``, unverified.
        jwks: As for ``verify_id_token``.
        client: Ourselves.
        issuer: The provider's.
        person: ``Subject.person`` of whose tokens were renewed: issuer and subject in one.
        now: UTC, aware.
        skew: The connection's.

    Raises:
        AssertionRefused: As ``verify_id_token`` does, by RENEWED_RULES; ``oidc.subject_changed``.

    Source: Core §12.2.
    """
    expected = Expected(
        issuer=issuer, client_id=client.client_id, nonce="", code="", front_channel=False,
        demands=client.demands, now=now, skew=skew,
    )  # fmt: skip
    claims = _verify(tokens, jwks, client, expected, RENEWED_RULES)
    if not person or claims.subject.person != person:
        said = "the renewed ID Token names another person than the one whose tokens were renewed"
        raise AssertionRefused(
            "oidc.subject_changed", said, (*claims.checks, Check("oidc.subject_changed", said))
        )
    return claims


def same_person(front: SignedClaims, back: SignedClaims) -> None:
    """Hold the ID Token that came for the code against the one that came beside it.

    Raises:
        AssertionRefused: ``oidc.subject_changed``.

    Source: Core §3.3.3.6: iss and sub must be identical.
    """
    if (front.claims["iss"], front.claims["sub"]) != (back.claims["iss"], back.claims["sub"]):
        said = "the ID Token for the code names another person than the one beside it"
        raise AssertionRefused(
            "oidc.subject_changed", said, (*back.checks, Check("oidc.subject_changed", said))
        )


def _verify(
    tokens: Tokens,
    jwks: Jwks,
    client: Client,
    expected: Expected,
    rules: Mapping[str, Rule],
) -> SignedClaims:
    signed = signature.verify(tokens.id_token, jwks=jwks, registered=client.id_token_signed_response_alg)
    said = Statement(
        alg=signed.alg,
        crv=signed.crv,
        claims=read_claims(signed.payload),
        access_token=tokens.access_token,
    )
    broken = {code: why for code, rule in rules.items() if (why := rule(said, expected)) is not None}
    asked = [Check(code, broken[code]) if code in broken else _HELD[code] for code in rules]
    checks = (_HELD["oidc.signature"], *asked)
    if broken:
        raise _refusal(checks, said, expected)
    return SignedClaims(
        id=token_id(tokens.id_token),
        claims=said.claims,
        subject=_subject(said, said.claims["iss"], expected),
        expires_at=datetime.fromtimestamp(said.claims["exp"], UTC),
        has_access_token=bool(tokens.access_token),
        expected=expected,
        checks=checks,
        seal=_SEAL,
    )


_HELD = {code: Check(code) for code in ("oidc.signature", *RULES)}


def _subject(said: Statement, by: str, want: Expected) -> Subject:
    """A person is iss and sub; where claims stand for sub, their names tell it from any sub."""
    names = want.demands.subject_claims
    if not names:
        return Subject(issuer=by, value=said.claims["sub"])
    values = [said.claims[name] for name in names]
    return Subject(issuer=by, value=values[0] if len(values) == 1 else _join(values), format=_join(names))


def _join(parts: Sequence[str]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _refusal(checks: tuple[Check, ...], said: Statement, want: Expected) -> AssertionRefused:
    broken = [check.code for check in checks if check.said is not None]
    refusal = AssertionRefused(broken[0], f"the ID Token breaks {', '.join(broken)}", checks)
    if subject(said, want) is None and subject_claims(said, want) is None:
        by = said.claims["iss"] if issuer(said, want) is None else want.issuer
        refusal.person = _subject(said, by, want).person
    return refusal


def token_id(id_token: str) -> str:
    """Return what names an ID Token: SHA-256 of its signing input, hex, whatever its signature's octets."""
    return hashlib.sha256(id_token.rpartition(".")[0].encode()).hexdigest()


def read_claims(payload: bytes) -> dict[str, Any]:
    """Parse a payload.

    Raises:
        AssertionRefused: ``oidc.claims_malformed``.
    """
    try:
        return documents.read_object(payload)
    except ValueError as fault:
        raise AssertionRefused("oidc.claims_malformed", f"the ID Token's claims: {fault}") from None
