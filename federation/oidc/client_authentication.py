"""How we prove to a provider's token endpoint who we are; likewise where we push or revoke.

RFC 6749 §2.3.1 (both halves of Basic form-encoded), OIDC Core §9, RFC 7521 §4.2, RFC 7523 §3.
The key of ``private_key_jwt`` is the service provider's own; ``public_jwks`` publishes it
together with the one before and the one to come, so that it can be exchanged. Pure.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote_plus

from joserfc import jwt
from joserfc.jwk import RSAKey

from federation.oidc.client import Client
from federation.oidc.provider import TENANT

SecretMethod = Literal["client_secret_basic", "client_secret_post", "none"]
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
ASSERTION_LIFE: Final = timedelta(seconds=60)
_ALG: Final = "RS256"  # one key, one algorithm; OIDC Core §9 asks every provider to have it


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionKey:
    """The key that signs our client assertions, loaded once."""

    kid: str  # RFC 7638
    certificate_der: bytes = field(repr=False)
    key: RSAKey = field(repr=False)


class Proof(NamedTuple):
    """What goes along with a request to show who makes it."""

    form: Mapping[str, str]
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        """Name the fields alone: their values are secrets."""
        return f"Proof(form={sorted(self.form)}, headers={sorted(self.headers)})"


def read_assertion_key(private_key: Any, certificate_der: bytes) -> AssertionKey:
    """Take one of our keys.

    Args:
        private_key: RSA, as ``keys`` loaded and checked it; whose type it is, is no word of this room.
        certificate_der: Its certificate; Entra knows a key by that alone.
    """
    key = RSAKey.import_key(private_key)
    return AssertionKey(kid=key.thumbprint(), certificate_der=certificate_der, key=key)


def public_jwks(keys: Sequence[AssertionKey]) -> bytes:
    """Return the JWK Set that providers fetch from us: the public halves, in this order.

    Source: RFC 7517 §5; Core §10.1.
    """
    published = [
        {**one.key.as_dict(private=False), "kid": one.kid, "use": "sig", "alg": _ALG} for one in keys
    ]
    return json.dumps({"keys": published}, separators=(",", ":")).encode()


def authenticate(
    client: Client, *, url: str, issuer: str, key: AssertionKey | None, jti: str, now: datetime
) -> Proof:
    """Return what proves who we are, by the method that the provider has registered.

    Args:
        client: Ourselves.
        url: Where the request goes, and the audience where that is not the issuer: every endpoint
            takes its own (RFC 7523 §3, RFC 9126 §2), and what one of a bad provider is told is of
            no use at the endpoint of another.
        issuer: The provider's.
        key: For ``private_key_jwt``; None where we have none.
        jti: 128 random bits, made for this request.
        now: UTC, aware.

    Raises:
        ValueError: ``private_key_jwt`` without a key.

    Source: Core §9; RFC 6749 §2.3.1.
    """
    method = client.token_endpoint_auth_method
    if method != "private_key_jwt":
        return by_secret(method, client_id=client.client_id, client_secret=client.client_secret)
    if key is None:
        raise ValueError("private_key_jwt needs our key")
    # An issuer that stands for many tenants is nobody's name: no server would find itself in it.
    named = client.assertion_audience == "issuer" and TENANT not in issuer
    audience = issuer if named else url
    form = {
        "client_id": client.client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": _assertion(client.client_id, audience, key, jti, now),
    }
    return Proof(form, {})


def by_secret(method: SecretMethod, *, client_id: str, client_secret: str) -> Proof:
    """Return what proves who we are by a shared secret, or names us where there is none.

    Source: RFC 6749 §2.3.1.
    """
    match method:
        case "client_secret_basic":
            pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
            return Proof({}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})
        case "client_secret_post":
            return Proof({"client_id": client_id, "client_secret": client_secret}, {})
        case "none":
            return Proof({"client_id": client_id}, {})


def _assertion(client_id: str, audience: str, key: AssertionKey, jti: str, now: datetime) -> str:
    """RFC 7523 §3: one audience, a string, so that no other server can be meant as well."""
    issued = int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": jti,
        "iat": issued,
        "exp": issued + int(ASSERTION_LIFE.total_seconds()),
    }
    header = {
        "alg": _ALG,
        "kid": key.kid,
        # RFC 7515 §4.1.7, §4.1.8: how Entra and ADFS find the certificate that was uploaded there.
        "x5t": _thumbprint(sha1(key.certificate_der, usedforsecurity=False).digest()),
        "x5t#S256": _thumbprint(sha256(key.certificate_der).digest()),
    }
    return jwt.encode(header, claims, key.key, algorithms=[_ALG])


def _thumbprint(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
