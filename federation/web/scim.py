"""SCIM 2.0 at ``/scim/v2/{connection}``: who asks, whether they may, what they sent; the rest is a story.

Whoever asks proves it before anything of theirs is read. Every answer is JSON as RFC 7644 §3.12 has it,
whatever went wrong. Nothing here hangs on a cookie, and no page of another site may read an answer.
"""

import base64
import binascii
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from federation.connection import AnyConnection
from federation.errors import (
    FederationError,
    NotFound,
    PolicyRefused,
    RequestRefused,
    StoreUnavailable,
    TooManyRequests,
)
from federation.provisioning import credentials
from federation.provisioning.credentials import Sent
from federation.provisioning.request import Answered, Asked, Caller
from federation.records.records import mint_reference
from federation.web import fields
from federation.web.callbacks import ALIAS, rate_key
from federation.web.house import House
from federation.web.middleware import where

log = logging.getLogger("federation.scim")

MEDIA_TYPE: Final = "application/scim+json"
BODY_LIMIT: Final = 4 * 1024 * 1024  # octets
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_CHALLENGE: Final = 'Bearer realm="SCIM", Basic realm="SCIM"'  # RFC 6750 §3, RFC 7617 §2
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_AGAIN: Final = 5  # seconds, where nobody knows better
_OPEN: Final = frozenset({"ServiceProviderConfig", "Schemas", "ResourceTypes"})  # tell nothing of anybody
_KINDS: Final = _OPEN | {"Users", "Groups", "Bulk", "Me", ".search", "token"}
_STATUS: Final = {
    "scim.credential": HTTPStatus.UNAUTHORIZED,
    "form.too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "form.too_slow": HTTPStatus.REQUEST_TIMEOUT,
}


async def scim(request: Request) -> Response:
    """Answer any method at ``/scim/v2/{connection}/…`` (RFC 7644 §3)."""
    return await told(request, _answer, _refused)


async def told(
    request: Request,
    answer: Callable[[Request], Awaitable[Response]],
    refuse: Callable[[int, FederationError], Response],
) -> Response:
    """Answer in the caller's own language whatever goes wrong, and say in the log what was asked.

    Args:
        request: At a connection's base URL.
        answer: What is done.
        refuse: How a refusal is written, of its status.
    """
    began, code = time.perf_counter(), ""
    try:
        response = await answer(request)
    except ClientDisconnect:
        raise  # nobody is left to answer
    except FederationError as refusal:
        response, code = refuse(_STATUS.get(refusal.code, refusal.status), refusal), refusal.code
        response.headers.update(_headers(refusal))
    except Exception as exception:  # noqa: BLE001  a directory reads JSON alone
        code, reference = "unexpected", mint_reference()
        log.error(  # noqa: TRY400  the message of the exception may hold what was sent
            "unexpected",
            extra={"ref": reference, "error": type(exception).__name__, "at": where(exception)},
        )
        response = refuse(500, FederationError(code, ""))
    _note(request, response, code, time.perf_counter() - began)
    return response


def _note(request: Request, response: Response, code: str, seconds: float) -> None:
    """Say in one line what was asked: nothing that a client may have made up, and nobody's name."""
    house: House = request.app.state.house
    named, kind = request.path_params["connection"], place_of(request).partition("/")[0]
    log.info(
        "scim",
        extra={
            "connection": named if named in house.connections else "",
            "method": request.method if request.method in _METHODS else "",
            "kind": kind if kind in _KINDS else "",
            "status": response.status_code,
            "code": code,
            "scim_type": getattr(request.state, "scim_type", ""),
            "credential": getattr(request.state, "credential", ""),
            "ms": round(seconds * 1000, 1),
        },
    )


async def _answer(request: Request) -> Response:
    if request.method not in _METHODS:
        return error(405, "this method is none of SCIM's", {"allow": ", ".join(_METHODS)})
    house: House = request.app.state.house
    connection = known(request)
    caller = await _caller(request, connection)
    await demand_enabled(house, connection)
    await house.provisioner.demand_own(connection)
    with house.provisioner.admitting(connection.id):
        return await _admitted(request, connection, caller)


async def _admitted(request: Request, connection: AnyConnection, caller: Caller) -> Response:
    house: House = request.app.state.house
    asked = Asked(
        method="GET" if request.method == "HEAD" else request.method,
        path=f"/{place_of(request)}",
        query=fields.read_query(request),
        headers={name: ", ".join(request.headers.getlist(name)) for name in request.headers},
        body=await fields.read_body(request, most=BODY_LIMIT) if request.method in _WITH_BODY else b"",
        base_url=_base_url(request),
    )
    answered = await house.provisioner.answer(connection, asked, caller)
    request.state.scim_type = answered.error
    return _written(answered, head=request.method == "HEAD")


def _written(answered: Answered, *, head: bool) -> Response:
    headers = {name.lower(): value for name, value in answered.headers.items()}
    if not answered.body:
        headers.pop("content-type", None)
        return Response(status_code=answered.status, headers=headers)
    headers |= {"content-type": MEDIA_TYPE, "content-length": str(len(answered.body))}
    return Response(b"" if head else answered.body, answered.status, headers)


def known(request: Request) -> AnyConnection:
    """Return the connection that the path names.

    Raises:
        NotFound: ``scim.no_connection``.
    """
    house: House = request.app.state.house
    connection = house.connections.get(request.path_params["connection"])
    if connection is None or connection.scim is None:
        raise NotFound("scim.no_connection", "there is no SCIM service at this URL")
    return connection


async def demand_enabled(house: House, connection: AnyConnection) -> None:
    """Refuse whoever proved themselves at a connection that is switched off.

    Raises:
        PolicyRefused: ``scim.disabled``.
    """
    if not connection.enabled or connection.id in await house.store.switched_off():
        raise PolicyRefused("scim.disabled", "this connection is switched off")


async def _caller(request: Request, connection: AnyConnection) -> Caller:
    """Return who asks; what describes the service alone, anybody may read (RFC 7644 §4).

    Raises:
        RequestRefused: ``scim.credential``.
        TooManyRequests: ``rate.limited``.
        StoreUnavailable: Nobody can tell.
    """
    house: House = request.app.state.house
    now, (address, _) = house.clock(), rate_key(request, "")
    sent = sent_by(request)
    if sent is None and request.method in {"GET", "HEAD"} and place_of(request).partition("/")[0] in _OPEN:
        house.rates.sign_in.hit(("scim", address), now)
        return Caller(credential="", address=address)
    caller = None
    if sent is not None:
        caller = await credentials.caller_of(house.store, connection, sent, now=now, address=address)
    if caller is None:
        raise unproven(request, connection)
    request.state.credential = caller.credential
    return caller


def unproven(request: Request, connection: AnyConnection) -> FederationError:
    """Count a wrong credential, and return the refusal.

    By address and by connection. What is right is heard however much was wrong before: the directories
    of many customers ask from the same few addresses, and one of them must not keep another's from
    ending somebody's access. Nobody guesses 256 bits, nor 16 characters of the settings file.
    """
    house: House = request.app.state.house
    now, (address, _) = house.clock(), rate_key(request, "")
    keys = (("scim", address), ("scim", "", connection.id))
    try:
        for key in keys:
            house.rates.failures.ask(key, now)
    except TooManyRequests as too_often:
        return too_often
    for key in keys:
        house.rates.failures.count(key, now)
    return RequestRefused("scim.credential", "no credential was sent that counts at this connection now")


def sent_by(request: Request) -> Sent | None:
    """Return what the Authorization header says; None where it says nothing, or it is there twice."""
    lines = request.headers.getlist("authorization")
    scheme, _, value = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
    match scheme.lower():
        case "bearer":
            return Sent(bearer=value.strip())
        case "basic":
            return Sent(basic=_decoded(value.strip()))
    return Sent() if lines else None


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def place_of(request: Request) -> str:
    """Return what of the path is behind the connection's base URL, without slashes around it."""
    return str(request.path_params.get("place", "/token")).strip("/")


def _base_url(request: Request) -> str:
    """Return the base URL that this client knows, on our own origin."""
    house: House = request.app.state.house
    called = str(request.scope.get(ALIAS, request.scope["path"]))
    return house.base_url + called.removesuffix(request.path_params["place"])


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal as RFC 7644 §3.12 has it."""
    body = {"schemas": [_ERROR], "status": str(status), "detail": detail}
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


def _refused(status: int, refusal: FederationError) -> Response:
    ours = refusal.code.startswith(("scim.", "form."))
    return error(status, refusal.detail if ours else refusal.public)


def _headers(refusal: FederationError) -> dict[str, str]:
    """Return what clients go by: whether to prove themselves, and when to come again."""
    if refusal.code == "scim.credential":
        return {"www-authenticate": _CHALLENGE}
    if isinstance(refusal, TooManyRequests):
        return {"retry-after": str(refusal.retry_after)}
    return {"retry-after": str(_AGAIN)} if isinstance(refusal, StoreUnavailable) else {}
