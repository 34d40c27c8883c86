"""Google's service accounts: a key file is read, and its word exchanged for an access token.

The account asks in the name of an administrator whose Workspace let it (domain-wide delegation),
and to read groups alone. Pure.

Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications"; RFC 7523 §2.1, §3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from federation.errors import ConfigurationError, ProviderUnavailable
from federation.oidc import documents
from federation.oidc.authorization import is_visible, named
from federation.oidc.signing_key import RSA_BITS
from federation.oidc.token_endpoint import JSON, OK, TokenRequest, read_life

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 §2.1
SCOPE: Final = "https://www.googleapis.com/auth/admin.directory.group.readonly"
ASSERTION_LIFE: Final = timedelta(minutes=10)  # Google takes an hour at most
EARLY: Final = timedelta(minutes=5)  # before its end an access token is renewed
_ALG: Final = "RS256"
_TOKEN_LENGTH: Final = 16 * 1024
# What Google says beside invalid_grant of an administrator whom it does not know; other descriptions
# are of the key, the service account, or the clock.
_NO_SUBJECT: Final = frozenset({"invalid email or user id", "not a valid email or user id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where Google is asked. What a key file names in ``token_uri`` is not: it was never checked."""

    token: str
    groups: str


# By the host of the issuer: whose ids they are is who must be asked about them.
ENDPOINTS: Final[dict[str, Endpoints]] = {
    "accounts.google.com": Endpoints(
        token="https://oauth2.googleapis.com/token",  # noqa: S106  a URL
        groups="https://admin.googleapis.com/admin/directory/v1/groups",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Who asks, out of a key file."""

    client_email: str = field(repr=False)
    key_id: str
    key: RSAKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How one connection asks its Workspace's Directory."""

    endpoints: Endpoints
    account: ServiceAccount
    subject: str = field(repr=False)  # e-mail address of the administrator in whose name it asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """An access token of the service account's: of no person's sign-in."""

    token: str = field(repr=False)
    since: datetime
    renew_at: datetime
    until: datetime


def read_service_account(text: str) -> ServiceAccount:
    """Read a key file as Google makes them.

    Args:
        text: JSON, with ``type``, ``client_email``, ``private_key_id`` and ``private_key`` (PEM, RSA).

    Raises:
        ConfigurationError: ``registry.service_account``; the sentence holds nothing of the file.
    """
    try:
        found = documents.read_object(text.encode())
    except (ValueError, UnicodeError):
        raise _unusable("it is not one JSON object: Google makes such files under Keys, type JSON") from None
    if found.get("type") != "service_account":
        raise _unusable("its type is not service_account: a client's secrets, or another kind of credentials")
    told = {name: found.get(name) for name in ("client_email", "private_key_id", "private_key")}
    if not all(isinstance(value, str) and value for value in told.values()):
        raise _unusable("it lacks client_email, private_key_id or private_key")
    try:
        key = RSAKey.import_key(str(told["private_key"]))
        sound = key.is_private and key.raw_value.key_size in RSA_BITS
    except (ValueError, TypeError, AttributeError, JoseError):
        sound = False
    if not sound:
        raise _unusable("its private_key is no RSA key of at least 2048 bits in PEM")
    return ServiceAccount(client_email=str(told["client_email"]), key_id=str(told["private_key_id"]), key=key)


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError("registry.service_account", f"google_directory.service_account: {why}")


def token_request(access: Access, now: datetime) -> TokenRequest:
    """Build the exchange of an assertion for an access token: to read groups, and no more.

    Source: RFC 7523 §2.1, §3; Google, "Preparing to make an authorized API call", HTTP/REST.
    """
    issued = int(now.timestamp())
    claims = {
        "iss": access.account.client_email,
        "sub": access.subject,
        "scope": SCOPE,
        "aud": access.endpoints.token,
        "iat": issued,
        "exp": issued + int(ASSERTION_LIFE.total_seconds()),
    }
    header = {"alg": _ALG, "typ": "JWT", "kid": access.account.key_id}
    assertion = jwt.encode(header, claims, access.account.key, algorithms=[_ALG])
    return TokenRequest(
        url=access.endpoints.token,
        form={"grant_type": GRANT_TYPE, "assertion": assertion},
        headers={"Accept": JSON},
    )


def read_granted(status: int, content_type: str, body: bytes, *, now: datetime) -> Granted:
    """Read the answer to an assertion.

    Raises:
        ProviderUnavailable: ``oidc.directory_delegation``, ``oidc.directory_subject``,
            ``oidc.directory_grant``, ``oidc.directory_status``, ``oidc.directory_token``.

    Source: RFC 6749 §5.1, §5.2.
    """
    found = read_answer(content_type, body)
    _granted_or_raise(status, found or {})
    if found is None:
        raise _no_token("is not one JSON object")
    token, kind, life = found.get("access_token"), found.get("token_type"), read_life(found.get("expires_in"))
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _no_token("holds no token of type Bearer")
    if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_LENGTH or not is_visible(token):
        raise _no_token("holds no access token")
    if not life:
        raise _no_token("does not say how long the token lasts")
    return Granted(token=token, since=now, renew_at=now + life - min(EARLY, life / 2), until=now + life)


def _no_token(why: str) -> ProviderUnavailable:
    return ProviderUnavailable("oidc.directory_token", f"the answer of Google's token endpoint {why}")


def _granted_or_raise(status: int, found: Mapping[str, Any]) -> None:
    error, described = found.get("error"), found.get("error_description")
    if error in ("unauthorized_client", "access_denied", "invalid_scope"):
        raise ProviderUnavailable(
            "oidc.directory_delegation",
            f"Google lets the service account ask for nobody's groups ({error}): its Client ID needs"
            " the scope admin.directory.group.readonly under Domain-wide delegation",
        )
    said = described.strip().rstrip(".").lower() if isinstance(described, str) else ""
    if error == "invalid_grant" and said in _NO_SUBJECT:
        raise ProviderUnavailable(
            "oidc.directory_subject", "Google knows no account by the address in google_directory.subject"
        )
    if "error" in found:
        raise ProviderUnavailable(
            "oidc.directory_grant", f"Google refused the service account's assertion: {named(error)}"
        )
    if status != OK:
        raise ProviderUnavailable(
            "oidc.directory_status", f"Google's token endpoint answered {status}, not 200"
        )


def read_answer(content_type: str, body: bytes) -> dict[str, Any] | None:
    """Return Google's JSON object; None for anything else."""
    if documents.media_type(content_type) != JSON:
        return None
    try:
        return documents.read_object(body)
    except ValueError:
        return None
