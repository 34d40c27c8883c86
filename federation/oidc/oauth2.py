"""OAuth 2.0 without OpenID Connect: the request, its answer, and the code's exchange for a token.

RFC 6749 §4.1, §6; RFC 7636, S256; RFC 9207; RFC 9700 §2.1. Nothing here is signed: what is said of
a person is believed because we asked for it ourselves, over TLS, with a token that came
straight from the provider (``oauth2_person.py``). ``state`` is not read here: it is the handle
under which the pending sign-in was already taken. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable, SignInDeclined
from federation.oidc import client_authentication
from federation.oidc.answers import Endpoint
from federation.oidc.authorization import is_visible
from federation.oidc.client_authentication import SecretMethod
from federation.oidc.token_endpoint import JSON, OK, TokenRequest, read_life

_CODE_LENGTH: Final = 4096
_TOKEN_LENGTH: Final = 64 * 1024
_ENDPOINT: Final = Endpoint(
    title="the token endpoint",
    success=OK,
    status="oauth2.token_status",
    content_type="oauth2.token_content_type",
    malformed="oauth2.token_malformed",
)

# What an answer may say in `error`; nothing else is named in a record. RFC 6749 §4.1.2.1, and GitHub's own.
ANSWERS: Final = frozenset({
    "access_denied", "application_suspended", "invalid_request", "invalid_scope", "redirect_uri_mismatch",
    "server_error", "temporarily_unavailable", "unauthorized_client", "unsupported_response_type",
})  # fmt: skip

Refusal = type[AssertionRefused] | type[ProviderUnavailable]
_CODE: Final = (AssertionRefused, "oauth2.code_refused", "the provider refused the code")
_GRANT: Final = (
    AssertionRefused,
    "oauth2.refresh_refused",
    "the provider refused the refresh token",
)
_CLIENT: Final = (
    ProviderUnavailable,
    "oauth2.token_client_refused",
    "the provider refused our client id or secret",
)
_ADDRESS: Final = (
    AssertionRefused,
    "oauth2.email_unverified",
    "the person's primary e-mail address is not verified",
)
_REDIRECT: Final = (
    ProviderUnavailable,
    "oauth2.token_redirect_uri",
    "the provider has another redirect URI of ours",
)
# What a token endpoint may say in `error`: RFC 6749 §5.2, and GitHub's own, which come with status 200.
TOKEN_ERRORS: Final[Mapping[str, tuple[Refusal, str, str]]] = {
    "invalid_grant": _CODE,
    "bad_verification_code": _CODE,
    "invalid_client": _CLIENT,
    "unauthorized_client": _CLIENT,
    "incorrect_client_credentials": _CLIENT,
    "redirect_uri_mismatch": _REDIRECT,
    "unverified_user_email": _ADDRESS,
}
REFRESH_ERRORS: Final = {**TOKEN_ERRORS, "invalid_grant": _GRANT, "bad_refresh_token": _GRANT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Ourselves, as registered with one provider, and where it is asked."""

    issuer: str  # who they are: in every subject, and in an answer's iss
    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    client_secret: str = field(repr=False)  # "" where the method has none
    token_endpoint_auth_method: SecretMethod
    redirect_uri: str  # the one that is asked for
    scopes: tuple[str, ...]
    parameters: Mapping[str, str]  # further ones of the authorization request
    pkce: bool
    require_iss: bool  # in every answer (RFC 9207)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the token endpoint gave."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)  # "" where none was given
    expires_in: timedelta | None  # of the access token; None where it was not said
    scopes: frozenset[str] | None  # None: not said, as for a GitHub App, which has permissions instead
    receivers: tuple[str, ...] = ()  # as ``KeptTokens.receivers``


def start(client: Client, *, state: str, code_verifier: str) -> str:
    """Return the URL of an authorization request.

    Args:
        client: Ourselves.
        state: The pending sign-in's handle.
        code_verifier: 43 to 128 characters, kept with it (RFC 7636 §4.1).

    Source: RFC 6749 §4.1.1; RFC 7636 §4.3.
    """
    asked = {
        **client.parameters,  # what follows beats it
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
    }
    if client.scopes:
        asked["scope"] = " ".join(client.scopes)
    if client.pkce:
        asked["code_challenge"] = create_s256_code_challenge(code_verifier)  # type: ignore[no-untyped-call]
        asked["code_challenge_method"] = "S256"
    endpoint = client.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def read_answer(params: Mapping[str, str], *, client: Client) -> str:
    """Return the code of an authorization answer; asked before anything is fetched.

    Args:
        params: As received, each once.
        client: Ourselves, and whom we asked.

    Raises:
        AssertionRefused: ``oauth2.answer_iss`` (success and error alike), ``oauth2.error_answer``,
            ``oauth2.code_missing``, ``oauth2.code_malformed``.

    Source: RFC 9207 §2.4; RFC 6749 §4.1.2.
    """
    if "iss" in params:
        if params["iss"] != client.issuer:
            raise AssertionRefused("oauth2.answer_iss", "the answer names another issuer than the one asked")
    elif client.require_iss:
        raise AssertionRefused(
            "oauth2.answer_iss", "the answer names no issuer, and require_iss asks for one"
        )
    if "error" in params:
        said = _named(params["error"], ANSWERS)
        kind = SignInDeclined if params["error"] == "access_denied" else AssertionRefused
        raise kind("oauth2.error_answer", f"the provider answered {said}")
    code = params.get("code", "")
    if not code:
        raise AssertionRefused("oauth2.code_missing", "the answer holds neither a code nor an error")
    if len(code) > _CODE_LENGTH or not is_visible(code):
        raise AssertionRefused(
            "oauth2.code_malformed", "the code holds characters that no code has, or too many"
        )
    return code


def token_request(client: Client, *, code: str, code_verifier: str, redirect_uri: str) -> TokenRequest:
    """Build the exchange of a code for a token.

    Args:
        client: Ourselves.
        code: From ``read_answer``.
        code_verifier: Kept with the pending sign-in.
        redirect_uri: Likewise: the one that was asked for.

    Source: RFC 6749 §2.3.1 (both halves of Basic form-encoded), §4.1.3; RFC 7636 §4.5.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if client.pkce:
        form["code_verifier"] = code_verifier
    return _request(client, form)


def refresh_request(client: Client, *, refresh_token: str) -> TokenRequest:
    """Build the exchange of a refresh token for new tokens, of the scopes that it stands for.

    Source: RFC 6749 §6.
    """
    return _request(client, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def _request(client: Client, form: Mapping[str, str]) -> TokenRequest:
    proof = client_authentication.by_secret(
        client.token_endpoint_auth_method, client_id=client.client_id, client_secret=client.client_secret
    )
    return TokenRequest(
        url=client.token_endpoint,
        form={**form, **proof.form},
        headers={"Accept": JSON, **proof.headers},  # without Accept GitHub answers as a form
    )


def read_tokens(status: int, content_type: str, body: bytes, *, client: Client) -> Tokens:
    """Read the token endpoint's answer to a code.

    An error is one whatever the status: GitHub's come with 200.

    Raises:
        AssertionRefused: ``oauth2.code_refused``, ``oauth2.email_unverified``.
        ProviderUnavailable: ``oauth2.token_client_refused`` (our id or secret is wrong there),
            ``oauth2.token_redirect_uri``, ``oauth2.token_error``, ``oauth2.token_status``,
            ``oauth2.token_content_type``, ``oauth2.token_malformed``, ``oauth2.token_type``.

    Source: RFC 6749 §5.1, §5.2.
    """
    return _tokens(_ENDPOINT.read(status, content_type, body), status, TOKEN_ERRORS, client.scopes)


def read_refreshed(status: int, content_type: str, body: bytes, *, scopes: Collection[str]) -> Tokens:
    """Read its answer to a refresh token; it may hold no other refresh token.

    Args:
        status: HTTP's.
        content_type: Its header.
        body: At most what ``fetch`` lets through.
        scopes: Of the tokens before, which go on unless it says otherwise.

    Raises:
        AssertionRefused: ``oauth2.refresh_refused``: the provider has ended the grant.
        ProviderUnavailable: As ``read_tokens`` does.

    Source: RFC 6749 §5.1, §5.2, §6.
    """
    return _tokens(_ENDPOINT.read(status, content_type, body), status, REFRESH_ERRORS, scopes)


def _tokens(
    found: Mapping[str, Any],
    status: int,
    errors: Mapping[str, tuple[Refusal, str, str]],
    scopes: Collection[str],
) -> Tokens:
    if "error" in found:
        raise _refused(found["error"], errors)
    if status != OK:
        raise _ENDPOINT.failed(status)
    token_type = found.get("token_type")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise ProviderUnavailable("oauth2.token_type", "the token endpoint gave no token of type Bearer")
    return Tokens(
        access_token=_token(found, "access_token", required=True),
        refresh_token=_token(found, "refresh_token", required=False),
        expires_in=read_life(found.get("expires_in")),
        scopes=_scopes(found, scopes),
    )


def _refused(error: Any, errors: Mapping[str, tuple[Refusal, str, str]]) -> FederationError:
    known = errors.get(error) if isinstance(error, str) else None
    if known is None:
        return ProviderUnavailable(
            "oauth2.token_error", f"the token endpoint answered {_named(error, ANSWERS)}"
        )
    kind, code, said = known
    return kind(code, f"{said}: {error}")


def _token(found: Mapping[str, Any], name: str, *, required: bool) -> str:
    token = found.get(name)
    if token is None and not required:
        return ""
    if not isinstance(token, str) or not token or len(token) > _TOKEN_LENGTH or not is_visible(token):
        raise ProviderUnavailable("oauth2.token_malformed", f"{name} is not a line of visible ASCII")
    return token


def _scopes(found: Mapping[str, Any], asked: Collection[str]) -> frozenset[str] | None:
    """RFC 6749 §5.1: none said means as asked; GitHub puts commas between them, in place of spaces."""
    if "scope" not in found:
        return frozenset(asked)
    said = found["scope"]
    if not isinstance(said, str):
        raise ProviderUnavailable("oauth2.token_malformed", "scope is not a string")
    return frozenset(said.replace(",", " ").split()) or None


def _named(error: Any, known: frozenset[str]) -> str:
    return error if isinstance(error, str) and error in known else "an error that we do not know"
