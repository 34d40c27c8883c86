"""Where OpenID Providers tell of sessions that they ended: from server to server, and by a frame.

No cookie of ours counts in either: the message itself says which sessions are meant.
"""

import logging

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from federation.connectors.contract import Callback
from federation.connectors.oidc_logout import TOKEN
from federation.errors import FederationError, ProviderUnavailable, StoreUnavailable, TooManyRequests
from federation.web import fields, pages
from federation.web.callbacks import arrived_at, known, rate_key
from federation.web.house import House

log = logging.getLogger("federation.web")

# Any page may show it: it says nothing, whoever looks.
_FRAMED = pages.NOTHING.replace("frame-ancestors 'none'", "frame-ancestors *")
_DONE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Done</title></html>\n'


async def backchannel_logout(request: Request) -> Response:
    """POST /oidc/{connection}/backchannel-logout: a logout token (Back-Channel Logout §2.5, §2.8)."""
    house: House = request.app.state.house
    connection = known(request, "oidc").id
    # All of a provider's messages come from its few addresses, and those of its other customers too:
    # what is refused is counted, and then refused without a record; what is right is always heard.
    key = rate_key(request, connection)
    too_often = _too_often(house, key)
    try:
        token = fields.needed(await fields.read_form(request), TOKEN)
        callback = Callback(
            connection=connection,
            handle="",
            binder="",
            params={TOKEN: token},
            user_agent=request.headers.get("user-agent", ""),
            path=arrived_at(request),
            posted=True,
        )
        await house.signout.requested(callback, recorded=too_often is None)
    except FederationError as refusal:
        if too_often is not None:
            raise too_often from None
        house.rates.failures.count(key, house.clock())  # an outage too: each leaves a record
        return await _not_done(house, refusal)
    return Response(status_code=200)


def _too_often(house: House, key: tuple[str, str]) -> TooManyRequests | None:
    try:
        house.rates.failures.ask(key, house.clock())
    except TooManyRequests as told:
        return told
    return None


async def _not_done(house: House, refusal: FederationError) -> Response:
    """Answer 400, whoever could mend it: no other status says that the logout failed (§2.8)."""
    reference = refusal.reference or await house.signin.recorder.record_refusal(refusal)
    log.warning("logout refused", extra={"ref": reference, "code": refusal.code})
    passes = isinstance(refusal, ProviderUnavailable | StoreUnavailable)
    return pages.as_json({"error": "temporarily_unavailable" if passes else "invalid_request"}, 400)


async def frontchannel_logout(request: Request) -> Response:
    """GET /oidc/{connection}/frontchannel-logout: a frame in a provider's page (Front-Channel Logout §2)."""
    house: House = request.app.state.house
    connection = known(request, "oidc").id
    house.rates.sign_in.hit(("logout", *rate_key(request, connection)), house.clock())
    await house.signout.framed(connection, fields.read_query(request))
    headers = {"content-security-policy": _FRAMED, "cross-origin-resource-policy": "cross-origin"}
    return HTMLResponse(_DONE, headers=headers)
