"""The provider's keys: with which of them a token was signed.

Core §10.1, §10.1.1, RFC 7517. A key that we cannot use is skipped, one by one. Pure.
"""

import re
from dataclasses import dataclass

from federation.errors import AssertionRefused, ProviderUnavailable
from federation.oidc import documents, signing_key
from federation.oidc.provider import TENANT
from federation.oidc.signing_key import SigningKey

MAXIMUM_KEYS = 100
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Jwks:
    """The keys that a provider's tokens may be signed with; never empty."""

    keys: tuple[SigningKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("without a key nothing can be verified")

    @property
    def names_issuers(self) -> bool:
        """Tell whether some key is one issuer's alone, so that ``choose`` needs the token's."""
        return any(one.issuer for one in self.keys)

    def choose(self, *, kid: str | None, alg: str, issuer: str) -> SigningKey:
        """Return the one key that a header names; without ``kid`` only if one alone fits.

        Args:
            kid: As the header says; None where it does not.
            alg: The registered algorithm.
            issuer: As the token says, unverified still: it picks the key, and is a rule afterwards.

        Raises:
            AssertionRefused: ``oidc.key_unknown``, ``oidc.key_ambiguous``.

        Source: Core §10.1; RFC 7515 §6.
        """
        fitting = [
            one
            for one in self.keys
            if one.fits(alg) and one.is_named(kid) and _speaks_for(one.issuer, issuer)
        ]
        if not fitting:
            raise AssertionRefused(
                "oidc.key_unknown", "the provider publishes no such key for this algorithm"
            )
        if len({one.thumbprint for one in fitting}) > 1:
            raise AssertionRefused("oidc.key_ambiguous", "several of the provider's keys fit the ID Token")
        return fitting[0]


def _speaks_for(named: str, issuer: str) -> bool:
    """Tell whether a key whose entry names an issuer verifies this one's tokens; TENANT is any tenant."""
    before, template, after = named.partition(TENANT)
    if not template:
        return named in ("", issuer)
    tenant = issuer[len(before) : len(issuer) - len(after)]
    return issuer == before + tenant + after and _GUID.fullmatch(tenant) is not None


def read_jwks(document: bytes, content_type: str) -> Jwks:
    """Read a JWK Set; keys that we cannot use are skipped one by one.

    Raises:
        ProviderUnavailable: ``oidc.jwks_content_type``, ``oidc.jwks_malformed``, ``oidc.jwks_no_key``.

    Source: RFC 7517 §5; Core §10.1.
    """
    if not documents.is_json(content_type):
        raise ProviderUnavailable("oidc.jwks_content_type", "the JWK Set is not JSON")
    try:
        entries = documents.read_object(document).get("keys")
    except ValueError as fault:
        raise ProviderUnavailable("oidc.jwks_malformed", f"the JWK Set is unreadable: {fault}") from None
    if not isinstance(entries, list) or len(entries) > MAXIMUM_KEYS:
        raise ProviderUnavailable(
            "oidc.jwks_malformed", f"the JWK Set is not a list of at most {MAXIMUM_KEYS}"
        )
    keys = tuple(key for entry in entries if (key := signing_key.read_key(entry)) is not None)
    if not keys:
        raise ProviderUnavailable("oidc.jwks_no_key", "the JWK Set holds no key that can verify a signature")
    return Jwks(keys)


def secret_key(client_secret: str, *, alg: str) -> Jwks:
    """Return the client_secret as the one key of a client registered with an HMAC algorithm.

    Raises:
        ValueError: As ``signing_key.from_secret``.

    Source: Core §3.1.3.7 (8), §10.1.
    """
    return Jwks((signing_key.from_secret(client_secret, alg=alg),))
