"""The authorization request, and what the browser brings back in answer to it.

OIDC Core §3.1.2, §3.2.2, §3.3.2; RFC 6749 §4.1; RFC 7636, S256 or nothing; RFC 9207. ``state``
is not read here: it is the handle under which the pending sign-in was already taken. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from federation.errors import AssertionRefused, SignInDeclined
from federation.oidc.client import Client
from federation.oidc.provider import TENANT, ProviderMetadata

_CODE_LENGTH = 4096
_IS_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*=[A-Za-z0-9_.~-]*").fullmatch  # RFC 3986 §2.3: unreserved
# The registered error codes; only these are named in a record. RFC 6749 §4.1.2.1, §5.2; Core §3.1.2.6.
ERRORS = frozenset({
    "access_denied", "account_selection_required", "consent_required", "interaction_required",
    "invalid_client", "invalid_grant", "invalid_request", "invalid_request_object",
    "invalid_request_uri", "invalid_scope", "login_required", "registration_not_supported",
    "request_not_supported", "request_uri_not_supported", "server_error",
    "temporarily_unavailable", "unauthorized_client", "unmet_authentication_requirements",
    "unsupported_grant_type", "unsupported_response_type",
})  # fmt: skip
# What an answer can bring; of these it may bring what its response type asks for, and nothing else.
_BROUGHT = ("code", "id_token", "access_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontChannel:
    """What came through the browser; nothing in it is verified yet."""

    code: str = field(repr=False)  # "" where the response type has none
    id_token: str = field(repr=False)  # likewise


# Core §3.1.2.1: both, because some providers know one of them alone.
ANEW: Final[Mapping[str, str]] = {"prompt": "login", "max_age": "0"}


def parameters(
    client: Client, *, state: str, nonce: str, code_verifier: str, login_hint: str
) -> dict[str, str]:
    """Return the parameters of an authorization request.

    Args:
        client: Ourselves, and what we ask of this provider.
        state: The pending sign-in's handle.
        nonce: 256 random bits, kept with it.
        code_verifier: 43 to 128 characters, kept with it (RFC 7636 §4.1).
        login_hint: What the person typed; "" leaves it out.

    Source: Core §3.1.2.1, §5.5; OAuth 2.0 Form Post Response Mode §2; RFC 7636 §4.3.
    """
    asked = dict(client.parameters)  # what follows beats it
    asked |= _wishes(client)
    if login_hint and client.login_hint:
        asked["login_hint"] = login_hint
    asked |= {
        "response_type": client.response_type,
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": " ".join(client.scopes),
        "state": state,
        "nonce": nonce,
    }
    if client.response_mode != "query":  # the default of a code, and nothing else may stand in a URL
        asked["response_mode"] = client.response_mode
    if client.pkce and "code" in client.response_type.split():
        asked["code_challenge"] = create_s256_code_challenge(code_verifier)  # type: ignore[no-untyped-call]
        asked["code_challenge_method"] = "S256"
    return asked


def _wishes(client: Client) -> dict[str, str]:
    """What is demanded of the answer is asked for too: else it would be refused for want of asking."""
    acrs = client.acr_values or tuple(sorted(client.demands.acrs))
    max_age = client.max_age if client.max_age is not None else client.demands.max_age
    wished = {"acr_values": " ".join(acrs), "claims": client.claims}
    if max_age is not None:
        wished["max_age"] = str(int(max_age.total_seconds()))
    return {name: value for name, value in wished.items() if value}


def request_url(provider: ProviderMetadata, asked: Mapping[str, str]) -> str:
    """Return the URL that sends a browser to the provider, whose endpoint may have a query of its own.

    Args:
        provider: Where to.
        asked: From ``parameters``; or ``client_id`` and ``request_uri``, where they were pushed.

    Source: RFC 6749 §3.1; RFC 9126 §4.
    """
    endpoint = provider.authorization_endpoint
    query = "&".join([_pair(name, value) for name, value in asked.items()])
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def _pair(name: str, value: str) -> str:
    """Most names and values are such that encoding changes nothing, and asking that is quicker."""
    pair = f"{name}={value}"
    return pair if _IS_PLAIN(pair) else _encoded(name, value)


@lru_cache(maxsize=1024)  # redirect_uri and scope are the same every time
def _encoded(name: str, value: str) -> str:
    return f"{quote_plus(name)}={quote_plus(value)}"


def read_answer(params: Mapping[str, str], *, client: Client, provider: ProviderMetadata) -> FrontChannel:
    """Return what an authorization answer brings; asked before anything is fetched.

    Args:
        params: As received, each once.
        client: Ourselves; its response type says what may come.
        provider: Whom the pending sign-in was started with.

    Raises:
        AssertionRefused: ``oidc.answer_iss`` (success and error alike), ``oidc.error_answer``,
            ``oidc.answer_unasked`` (something that was not asked for), ``oidc.code_missing``,
            ``oidc.code_malformed``, ``oidc.answer_no_id_token``.

    Source: RFC 9207 §2.4; RFC 6749 §4.1.2; Core §3.1.2.5, §3.1.2.6, §3.2.2.5, §3.3.2.5.
    """
    _issuer(params, client, provider)
    if "error" in params:
        kind = SignInDeclined if params["error"] == "access_denied" else AssertionRefused
        raise kind("oidc.error_answer", f"the provider answered {named(params['error'])}")
    wanted = client.response_type.split()
    if unasked := [name for name in _BROUGHT if name in params and name not in wanted]:
        raise AssertionRefused(
            "oidc.answer_unasked",
            f"{client.response_type} was asked for, and the answer holds {' and '.join(unasked)}",
        )
    return FrontChannel(
        code=_code(params.get("code", "")) if "code" in wanted else "",
        id_token=_id_token(params.get("id_token", "")) if "id_token" in wanted else "",
    )


def _issuer(params: Mapping[str, str], client: Client, provider: ProviderMetadata) -> None:
    if "iss" in params:
        if params["iss"] not in _issuers(client, provider):
            raise AssertionRefused("oidc.answer_iss", "the answer names another issuer than the one asked")
    elif client.require_iss:
        raise AssertionRefused(
            "oidc.answer_iss", "the answer names no issuer, though this connection requires it"
        )
    elif provider.iss_parameter_supported and not _brings_id_token(params, client):
        raise AssertionRefused(
            "oidc.answer_iss", "the answer names no issuer, though the provider promises it"
        )


def _brings_id_token(params: Mapping[str, str], client: Client) -> bool:
    """An ID Token in front says who issued it, signed, and is asked before its code is redeemed.

    Providers that promise the parameter leave it out there (RFC 9207 §2.4, on OpenID Connect).
    """
    return (
        "error" not in params and "id_token" in client.response_type.split() and bool(params.get("id_token"))
    )


def _issuers(client: Client, provider: ProviderMetadata) -> frozenset[str]:
    """An issuer that stands for many tenants answers as one of those that may sign in."""
    if TENANT not in provider.issuer:
        return frozenset({provider.issuer})
    return frozenset(provider.issuer_of(tenant) for tenant in client.demands.tenants)


def _code(code: str) -> str:
    if not code:
        raise AssertionRefused("oidc.code_missing", "the answer holds neither a code nor an error")
    if len(code) > _CODE_LENGTH or not is_visible(code):
        raise AssertionRefused(
            "oidc.code_malformed", "the code holds characters that no code has, or too many"
        )
    return code


def _id_token(id_token: str) -> str:
    if not id_token:
        raise AssertionRefused("oidc.answer_no_id_token", "the answer holds neither an ID Token nor an error")
    return id_token


def named(error: Any) -> str:
    """Return a registered error code; of any other only that it is none."""
    return error if isinstance(error, str) and error in ERRORS else "an error that no specification names"


def is_visible(text: str) -> bool:
    """Tell whether a text is one line of visible ASCII (RFC 6749 §A)."""
    return text.isascii() and text.isprintable() and " " not in text
