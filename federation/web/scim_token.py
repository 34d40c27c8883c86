"""Access tokens for a directory's OAuth client: client credentials alone (RFC 6749 §4.4)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import (
    FederationError,
    PolicyRefused,
    RequestRefused,
    StoreUnavailable,
    TooManyRequests,
)
from federation.provisioning import credentials
from federation.web import fields, pages, scim
from federation.web.house import House

_GRANT: Final = "client_credentials"
_ERRORS: Final = {
    "scim.credential": "invalid_client",
    "scim.disabled": "unauthorized_client",
    "scim.grant_type": "unsupported_grant_type",
}


async def token(request: Request) -> Response:
    """POST /scim/v2/{connection}/token: give a client an access token."""
    return await scim.told(request, _give, _refused)


async def _give(request: Request) -> Response:
    house: House = request.app.state.house
    connection, now = scim.known(request), house.clock()
    form = await fields.read_form(request)
    client_id, client_secret = _client(request, form)
    client = await credentials.client_of(
        house.store, connection, client_id=client_id, client_secret=client_secret, now=now
    )
    if client is None:
        raise scim.unproven(request, connection)
    request.state.credential = client.id
    await scim.demand_enabled(house, connection)
    if fields.needed(form, "grant_type") != _GRANT:
        raise RequestRefused("scim.grant_type", f"expected grant_type={_GRANT}")
    made = await credentials.mint_access(house.store, client, now)
    left = int((made.credential.expires_at - now).total_seconds())
    return pages.as_json({"access_token": made.secret, "token_type": "Bearer", "expires_in": left})


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Return who it says it is: by HTTP Basic, or in the form (RFC 6749 §2.3.1), in one way alone (§2.3).

    Raises:
        RequestRefused: ``form.repeated``.
    """
    client_id, client_secret, sent = (
        form.get("client_id", ""),
        form.get("client_secret", ""),
        scim.sent_by(request),
    )
    if (sent is not None) + bool(client_secret) + bool(form.get("client_assertion")) > 1:
        raise RequestRefused("form.repeated", "the client proves itself in one way, not in several")
    if sent is None:
        return client_id, client_secret
    name, _, secret = (sent.basic or "").partition(":")
    if client_id not in {"", unquote_plus(name)}:
        raise RequestRefused("form.repeated", "the client is another one in the header than in the form")
    return unquote_plus(name), unquote_plus(secret)


def _refused(status: int, refusal: FederationError) -> Response:
    """RFC 6749 §5.2."""
    passes = isinstance(refusal, TooManyRequests | StoreUnavailable) or refusal.code == "unexpected"
    otherwise = "temporarily_unavailable" if passes else "invalid_request"
    told = _ERRORS.get(refusal.code, otherwise)
    ours = isinstance(refusal, RequestRefused | PolicyRefused)
    said = refusal.detail if ours else refusal.public
    return pages.as_json({"error": told, "error_description": said}, status)
