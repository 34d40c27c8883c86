"""The authorization request, its answer, and the code's exchange for tokens.

OIDC Core §3.1.2, §3.1.3; RFC 6749 §4.1; RFC 7636, S256 always; RFC 9207. ``state`` is not
read here: it is the handle under which the pending sign-in was already taken. Pure.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from federation.errors import AssertionRefused, ProviderUnavailable
from federation.oidc import documents
from federation.oidc.client import Client
from federation.oidc.provider import ProviderMetadata

JSON = "application/json"
OK = 200
_CODE_LENGTH = 4096
_TOKEN_LENGTH = 64 * 1024
# The registered error codes; only these are named in a record. RFC 6749 §4.1.2.1, §5.2; Core §3.1.2.6.
ERRORS = frozenset({
    "access_denied", "account_selection_required", "consent_required", "interaction_required",
    "invalid_client", "invalid_grant", "invalid_request", "invalid_request_object",
    "invalid_request_uri", "invalid_scope", "login_required", "registration_not_supported",
    "request_not_supported", "request_uri_not_supported", "server_error",
    "temporarily_unavailable", "unauthorized_client", "unmet_authentication_requirements",
    "unsupported_grant_type", "unsupported_response_type",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A POST to make, form-encoded by whoever makes it."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the token endpoint gave; nothing in it is verified yet."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)  # "" where none was given


def start(
    client: Client,
    provider: ProviderMetadata,
    *,
    state: str,
    nonce: str,
    code_verifier: str,
    login_hint: str,
) -> str:
    """Return the URL of an authorization request.

    Args:
        client: Ourselves.
        provider: Where to.
        state: The pending sign-in's handle.
        nonce: 256 random bits, kept with it.
        code_verifier: 43 to 128 characters, kept with it (RFC 7636 §4.1).
        login_hint: What the person typed; "" leaves it out.

    Source: Core §3.1.2.1; RFC 7636 §4.3.
    """
    params = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": " ".join(client.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": create_s256_code_challenge(code_verifier),  # type: ignore[no-untyped-call]
        "code_challenge_method": "S256",
    }
    if login_hint:
        params["login_hint"] = login_hint
    endpoint = provider.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(params)}"


def read_answer(params: Mapping[str, str], *, provider: ProviderMetadata) -> str:
    """Return the code of an authorization answer; asked before anything is fetched.

    Args:
        params: As received, each once.
        provider: Whom the pending sign-in was started with.

    Raises:
        AssertionRefused: ``oidc.answer_iss`` (success and error alike), ``oidc.error_answer``,
            ``oidc.code_missing``, ``oidc.code_malformed``.

    Source: RFC 9207 §2.4; RFC 6749 §4.1.2; Core §3.1.2.6.
    """
    if "iss" in params:
        if params["iss"] != provider.issuer:
            raise AssertionRefused("oidc.answer_iss", "the answer names another issuer than the one asked")
    elif provider.iss_parameter_supported:
        raise AssertionRefused(
            "oidc.answer_iss", "the answer names no issuer, though the provider promises it"
        )
    if "error" in params:
        raise AssertionRefused("oidc.error_answer", f"the provider answered {_named(params['error'])}")
    code = params.get("code", "")
    if not code:
        raise AssertionRefused("oidc.code_missing", "the answer holds neither a code nor an error")
    if len(code) > _CODE_LENGTH or not _is_visible(code):
        raise AssertionRefused(
            "oidc.code_malformed", "the code holds characters that no code has, or too many"
        )
    return code


def token_request(
    client: Client, provider: ProviderMetadata, *, code: str, code_verifier: str
) -> TokenRequest:
    """Build the exchange of a code for tokens.

    Source: Core §3.1.3.1; RFC 6749 §2.3.1 (both halves of Basic form-encoded), §4.1.3; RFC 7636 §4.5.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": code_verifier,
    }
    headers = {"Accept": JSON}
    match client.token_endpoint_auth_method:
        case "client_secret_basic":
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        case "client_secret_post":
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        case "none":
            form["client_id"] = client.client_id
        case _:
            raise ValueError("token_endpoint_auth_method is client_secret_basic, client_secret_post or none")
    return TokenRequest(url=provider.token_endpoint, form=form, headers=headers)


def read_tokens(status: int, content_type: str, body: bytes) -> Tokens:
    """Read the token endpoint's answer.

    Raises:
        AssertionRefused: ``oidc.code_refused``: the provider does not know the code (any more).
        ProviderUnavailable: ``oidc.token_client_refused`` (our id or secret is wrong there),
            ``oidc.token_error``, ``oidc.token_status``, ``oidc.token_content_type``,
            ``oidc.token_malformed``, ``oidc.token_type``, ``oidc.token_no_id_token``.

    Source: Core §3.1.3.3, §3.1.3.4; RFC 6749 §5.1, §5.2.
    """
    found = _read_json(status, content_type, body)
    if "error" in found:
        _refuse(found["error"])
    if status != OK:
        raise ProviderUnavailable("oidc.token_status", f"the token endpoint answered {status}, not 200")
    token_type, access_token = found.get("token_type"), found.get("access_token", "")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise ProviderUnavailable("oidc.token_type", "the token endpoint gave no token of type Bearer")
    if (
        not isinstance(access_token, str)
        or len(access_token) > _TOKEN_LENGTH
        or not _is_visible(access_token)
    ):
        raise ProviderUnavailable("oidc.token_malformed", "the access token is not a line of visible ASCII")
    id_token = found.get("id_token")
    if not isinstance(id_token, str) or not id_token:
        raise ProviderUnavailable("oidc.token_no_id_token", "the token endpoint gave no ID Token")
    return Tokens(id_token=id_token, access_token=access_token)


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, lower-cased."""
    return content_type.partition(";")[0].strip().lower()


def _read_json(status: int, content_type: str, body: bytes) -> dict[str, Any]:
    """A failing endpoint may say why in JSON; if it does not, its status is the answer."""
    if media_type(content_type) != JSON:
        if status != OK:
            raise ProviderUnavailable("oidc.token_status", f"the token endpoint answered {status}, not 200")
        raise ProviderUnavailable("oidc.token_content_type", f"the token endpoint's answer is not {JSON}")
    try:
        return documents.read_object(body)
    except ValueError as fault:
        if status != OK:
            raise ProviderUnavailable(
                "oidc.token_status", f"the token endpoint answered {status}, not 200"
            ) from None
        raise ProviderUnavailable("oidc.token_malformed", f"the token endpoint's answer: {fault}") from None


def _refuse(error: Any) -> None:
    if error == "invalid_grant":
        raise AssertionRefused("oidc.code_refused", "the provider refused the code: invalid_grant")
    if error in ("invalid_client", "unauthorized_client"):
        raise ProviderUnavailable(
            "oidc.token_client_refused", f"the provider refused our client id or secret: {error}"
        )
    raise ProviderUnavailable("oidc.token_error", f"the token endpoint answered {_named(error)}")


def _named(error: Any) -> str:
    return error if isinstance(error, str) and error in ERRORS else "an error that no specification names"


def _is_visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
