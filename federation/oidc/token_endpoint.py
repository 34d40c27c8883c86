"""The token endpoint: a code or a refresh token is handed in, and tokens come back.

OIDC Core §3.1.3, §12; RFC 6749 §4.1.3, §5, §6. How we prove who we are stands in
``client_authentication.py``. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from federation.errors import AssertionRefused, ProviderUnavailable
from federation.identity import KeptTokens
from federation.oidc.answers import Endpoint
from federation.oidc.authorization import is_visible, named
from federation.oidc.client import Client
from federation.oidc.client_authentication import Proof
from federation.oidc.provider import ProviderMetadata

JSON = "application/json"
OK = 200
_TOKEN_LENGTH = 64 * 1024
_ENDPOINT = Endpoint(
    title="the token endpoint",
    success=OK,
    status="oidc.token_status",
    content_type="oidc.token_content_type",
    malformed="oidc.token_malformed",
)
_LONGEST, _DIGITS = 10 * 366 * 86400, 9  # seconds; what claims to live longer says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A POST to make, form-encoded by whoever makes it."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a provider gave; nothing in it is verified yet."""

    id_token: str = field(repr=False)  # "" where a renewal brought none
    access_token: str = field(repr=False)  # "" where none was given
    refresh_token: str = field(default="", repr=False)  # likewise
    expires_in: timedelta | None = None  # of the access token; None where it was not said
    scopes: tuple[str, ...] = ()  # (): as asked (RFC 6749 §5.1)
    receivers: tuple[str, ...] = ()  # as ``KeptTokens.receivers``


def token_request(
    client: Client,
    provider: ProviderMetadata,
    *,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    proof: Proof,
) -> TokenRequest:
    """Build the exchange of a code for tokens.

    Args:
        client: Ourselves.
        provider: Who gave the code.
        code: From ``read_answer``.
        code_verifier: Kept with the pending sign-in.
        redirect_uri: Likewise: the one that was asked for.
        proof: From ``client_authentication.authenticate``.

    Source: Core §3.1.3.1; RFC 6749 §4.1.3; RFC 7636 §4.5.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if client.pkce:
        form["code_verifier"] = code_verifier
    return _request(provider, form, proof)


def refresh_request(provider: ProviderMetadata, *, refresh_token: str, proof: Proof) -> TokenRequest:
    """Build the exchange of a refresh token for new tokens, of the scopes that it stands for.

    Source: Core §12.1; RFC 6749 §6.
    """
    return _request(provider, {"grant_type": "refresh_token", "refresh_token": refresh_token}, proof)


def _request(provider: ProviderMetadata, form: Mapping[str, str], proof: Proof) -> TokenRequest:
    return TokenRequest(
        url=provider.token_endpoint, form={**form, **proof.form}, headers={"Accept": JSON, **proof.headers}
    )


def read_tokens(status: int, content_type: str, body: bytes) -> Tokens:
    """Read the answer to a code.

    Raises:
        AssertionRefused: ``oidc.code_refused``: the provider does not know the code (any more).
        ProviderUnavailable: ``oidc.token_client_refused`` (our id or secret is wrong there),
            ``oidc.token_error``, ``oidc.token_status``, ``oidc.token_content_type``,
            ``oidc.token_malformed``, ``oidc.token_type``, ``oidc.token_no_id_token``.

    Source: Core §3.1.3.3, §3.1.3.4; RFC 6749 §5.1, §5.2.
    """
    found = _ENDPOINT.read(status, content_type, body)
    _error(status, found, "oidc.code_refused", "the provider refused the code: invalid_grant")
    tokens = _tokens(found)
    if not tokens.id_token:
        raise ProviderUnavailable("oidc.token_no_id_token", "the token endpoint gave no ID Token")
    return tokens


def read_refreshed(status: int, content_type: str, body: bytes) -> Tokens:
    """Read the answer to a refresh token; it may hold no ID Token, and no other refresh token.

    Raises:
        AssertionRefused: ``oidc.refresh_refused``: the provider has ended the grant.
        ProviderUnavailable: As ``read_tokens`` does; ``oidc.token_no_access_token``.

    Source: Core §12.2; RFC 6749 §5.1, §5.2, §6.
    """
    found = _ENDPOINT.read(status, content_type, body)
    _error(status, found, "oidc.refresh_refused", "the provider refused the refresh token: invalid_grant")
    tokens = _tokens(found)
    if not tokens.access_token:
        raise ProviderUnavailable("oidc.token_no_access_token", "the token endpoint gave no access token")
    return tokens


def _tokens(found: Mapping[str, Any]) -> Tokens:
    token_type = found.get("token_type")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise ProviderUnavailable("oidc.token_type", "the token endpoint gave no token of type Bearer")
    id_token, scope = found.get("id_token"), found.get("scope")
    return Tokens(
        id_token=id_token if isinstance(id_token, str) else "",
        access_token=_token(found, "access_token"),
        refresh_token=_token(found, "refresh_token"),
        expires_in=read_life(found.get("expires_in")),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _token(found: Mapping[str, Any], name: str) -> str:
    token = found.get(name)
    if token is None:
        return ""
    if not isinstance(token, str) or len(token) > _TOKEN_LENGTH or not is_visible(token):
        raise ProviderUnavailable("oidc.token_malformed", f"{name} is not a line of visible ASCII")
    return token


def read_life(seconds: Any) -> timedelta | None:
    """Return how long an access token lasts; None where that was not said, or as no number.

    Digits in a string are one too, as some providers write them.

    Source: RFC 6749 §5.1.
    """
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) <= _DIGITS:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST:
        return None
    return timedelta(seconds=int(seconds))


def origins(*urls: str) -> tuple[str, ...]:
    """Return the origins of endpoints, each once; "" is none. Source: RFC 6454 §4."""
    return tuple(sorted({_origin(url) for url in urls if url}))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def may_reach(tokens: KeptTokens, *urls: str) -> bool:
    """Tell whether kept tokens may be sent to these: to where the sign-in that brought them had them go.

    Whoever edits a connection names an endpoint of theirs, and would be handed other people's tokens.
    """
    return set(origins(*urls)) <= set(tokens.receivers)


def moved(code: str) -> AssertionRefused:
    """Return why kept tokens are not sent where they would go now; the code is of the protocol."""
    return AssertionRefused(
        code, "the endpoint is at another host than when the tokens were given: they are not sent there"
    )


def keep_tokens(
    tokens: Tokens, *, keeping: Collection[str], scopes: tuple[str, ...], now: datetime
) -> KeptTokens | None:
    """Return what is kept of tokens that a verified sign-in brought; None where that is nothing.

    Args:
        tokens: As given.
        keeping: Of "access", "refresh" and "id": what the connection wants.
        scopes: As asked: what the access token is for, unless the provider said otherwise.
        now: UTC, aware.
    """
    access = tokens.access_token if "access" in keeping else ""
    refresh = tokens.refresh_token if "refresh" in keeping else ""
    identity = tokens.id_token if "id" in keeping else ""
    if not (access or refresh or identity):
        return None
    return KeptTokens(
        access=access,
        refresh=refresh,
        id=identity,
        access_until=now + tokens.expires_in if access and tokens.expires_in is not None else None,
        scopes=tokens.scopes or scopes,
        receivers=tokens.receivers,
    )


def fresh_tokens(tokens: Tokens, before: KeptTokens, *, now: datetime) -> KeptTokens:
    """Return what a renewal brought, for use right now: arguments as ``keep_renewed``."""
    return KeptTokens(
        access=tokens.access_token,
        id=tokens.id_token,
        access_until=now + tokens.expires_in if tokens.expires_in is not None else None,
        scopes=tokens.scopes or before.scopes,
        receivers=before.receivers,
    )


def keep_renewed(
    tokens: Tokens, before: KeptTokens, *, keeping: Collection[str], now: datetime
) -> KeptTokens:
    """Return what takes the place of kept tokens: what was not given anew stays (RFC 6749 §6, Core §12.2).

    Args:
        tokens: From ``read_refreshed``; an ID Token in it is verified.
        before: What was kept.
        keeping: As for ``keep_tokens``.
        now: UTC, aware.

    Raises:
        ValueError: The connection keeps nothing any more.
    """
    full = replace(
        tokens,
        refresh_token=tokens.refresh_token or before.refresh,
        id_token=tokens.id_token or before.id,
        receivers=before.receivers,
    )
    kept = keep_tokens(full, keeping=keeping, scopes=before.scopes, now=now)
    if kept is None:
        raise ValueError("tokens are renewed where some are kept")
    return kept


def _error(status: int, found: Mapping[str, Any], invalid_grant: str, said: str) -> None:
    """An error is one whatever the status; and a status other than 200 brings no tokens."""
    error = found.get("error")
    if error == "invalid_grant":
        raise AssertionRefused(invalid_grant, said)
    if error in ("invalid_client", "unauthorized_client"):
        raise ProviderUnavailable(
            "oidc.token_client_refused", f"the provider refused our client id or secret: {error}"
        )
    if "error" in found:
        raise ProviderUnavailable("oidc.token_error", f"the token endpoint answered {named(error)}")
    if status != OK:
        raise _ENDPOINT.failed(status)
