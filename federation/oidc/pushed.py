"""Pushed authorization requests: the request goes to the provider itself, the browser brings its name.

RFC 9126. Asked where the provider requires it or the connection says so; nothing is sent
through the browser where pushing was due and failed. Pure.
"""

from collections.abc import Mapping
from typing import Any

from federation.errors import ProviderUnavailable
from federation.oidc.answers import Endpoint
from federation.oidc.authorization import is_visible, named
from federation.oidc.client import Client
from federation.oidc.client_authentication import Proof
from federation.oidc.provider import ProviderMetadata
from federation.oidc.token_endpoint import TokenRequest

_JSON = "application/json"
_CREATED = 201
_ENDPOINT = Endpoint(
    title="the endpoint for pushed requests",
    success=_CREATED,
    status="oidc.pushed_status",
    content_type="oidc.pushed_content_type",
    malformed="oidc.pushed_malformed",
)
_LENGTH = 1024  # of a request_uri: it goes into a URL


def pushes(client: Client, provider: ProviderMetadata) -> bool:
    """Tell whether to push: as the connection says, or where the provider requires it.

    Raises:
        ProviderUnavailable: ``oidc.pushed_impossible``: it is due, and there is no endpoint.

    Source: RFC 9126 §5.
    """
    due = {
        "always": True,
        "auto": provider.require_pushed_authorization_requests,
        "never": False,
    }[client.push]
    if due and not provider.pushed_authorization_request_endpoint:
        raise ProviderUnavailable(
            "oidc.pushed_impossible", "requests are to be pushed, but the provider names no endpoint for it"
        )
    return due


def pushed_request(
    parameters: Mapping[str, str], *, provider: ProviderMetadata, proof: Proof
) -> TokenRequest:
    """Build the POST that hands an authorization request over.

    Args:
        parameters: All of the authorization request; ``request_uri`` is not among them.
        provider: Whose ``pushes`` was asked.
        proof: From ``client_authentication.authenticate``.

    Source: RFC 9126 §2.1.
    """
    if "request_uri" in parameters:
        raise ValueError("a pushed request names no other one")
    return TokenRequest(
        url=provider.pushed_authorization_request_endpoint,
        form={**parameters, **proof.form},
        headers={"Accept": _JSON, **proof.headers},
    )


def read_pushed(status: int, content_type: str, body: bytes) -> str:
    """Return the ``request_uri`` that stands for a pushed request.

    Raises:
        ProviderUnavailable: ``oidc.pushed_client_refused`` (our id or secret is wrong there),
            ``oidc.pushed_error``, ``oidc.pushed_status``, ``oidc.pushed_content_type``,
            ``oidc.pushed_malformed``.

    Source: RFC 9126 §2.2, §2.3.
    """
    found = _ENDPOINT.read(status, content_type, body)
    if "error" in found:
        raise _refusal(found["error"])
    if status != _CREATED:
        raise _ENDPOINT.failed(status)
    uri, life = found.get("request_uri"), found.get("expires_in")
    if not isinstance(uri, str) or not 0 < len(uri) <= _LENGTH or not is_visible(uri):
        raise ProviderUnavailable("oidc.pushed_malformed", "request_uri is not a line of visible ASCII")
    if isinstance(life, bool) or not isinstance(life, int | float) or life <= 0:
        raise ProviderUnavailable("oidc.pushed_malformed", "expires_in is not a number of seconds")
    return uri


def _refusal(error: Any) -> ProviderUnavailable:
    if error in ("invalid_client", "unauthorized_client"):
        return ProviderUnavailable(
            "oidc.pushed_client_refused", f"the provider refused our client id or secret: {error}"
        )
    return ProviderUnavailable(
        "oidc.pushed_error", f"the provider refused the pushed request: {named(error)}"
    )
