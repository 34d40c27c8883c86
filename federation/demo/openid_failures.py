"""How an endpoint of the development OpenID Provider fails: not what it says, but how it says it.

Any endpoint that answers a program may fail in any of these ways (``Knobs.fails``,
``Knobs.publishes``), so that a test can ask all of both.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

SLOW = 60.0  # seconds: longer than any client waits
HUGE = 2 * 1024 * 1024  # octets
DEEP = 100_000  # levels

# What is sent in place of the right octets: status, media type ("": the right one), octets
_INSTEAD: Mapping[str, tuple[int, str, bytes]] = {
    "error": (500, "text/plain", b"internal error"),
    "error-json": (500, "application/json", b'{"error":"server_error"}'),
    "busy": (429, "text/plain", b"later"),
    "html": (200, "text/html; charset=utf-8", b"<!doctype html><title>Sign in</title><p>Sign in first."),
    "empty": (200, "", b""),
    "nothing": (204, "", b""),
    "array": (200, "", b"[]"),
    "number": (200, "", b"1e999"),
    "nan": (200, "", b'{"a":NaN}'),
    "repeated": (200, "", b'{"a":1,"a":2}'),
    "deep": (200, "", b"[" * DEEP),
    "not-utf-8": (200, "", b'{"a":"\xff\xfe"}'),
    "refused": (401, "application/json", b'{"error":"invalid_client"}'),
    "unknown-error": (400, "application/json", b'{"error":{"code":7},"error_description":[null]}'),
}  # fmt: skip
HOW = (
    "slow", "drip", "huge", "malformed", "text", "redirect", "compressed", "dropped", "unframed", *_INSTEAD,
)  # fmt: skip
"""Every way to fail; "right" is none."""


class _Dropped(Response):
    """Half of what was announced, then nothing: the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's own
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def deliver(
    request: Request, octets: bytes, media_type: str, how: str, *, status: int = 200
) -> Response:
    """Return an answer, rightly or as ``how`` says.

    Args:
        request: That is answered; one that is told slowly is watched until the client goes.
        octets: The right body.
        media_type: The right one.
        how: "right", or one of HOW.
        status: The right one.
    """
    if how in _INSTEAD:
        code, kind, other = _INSTEAD[how]
        return Response(other, status_code=code, media_type=kind or media_type)
    if how == "slow":
        await _linger(request)
    if how == "redirect":
        return Response(status_code=307, headers={"Location": str(request.url)})
    if how == "dropped":
        return _Dropped(octets, media_type=media_type)
    if how in ("drip", "unframed"):  # huge, but its size is told nowhere
        return StreamingResponse(_drip(octets) if how == "drip" else _pour(octets), media_type=media_type)
    kind, encoding, body = media_type, {}, octets
    match how:
        case "huge":
            body = octets + b" " * HUGE
        case "malformed":
            body = octets[: len(octets) // 2]
        case "text":
            kind = "text/html"
        case "compressed":
            encoding, body = {"Content-Encoding": "gzip"}, gzip.compress(octets)
    headers = {"Content-Type": kind, "Cache-Control": "no-store", **encoding}
    return Response(body, status_code=status, headers=headers)


async def _linger(request: Request) -> None:
    """Wait until the client has gone, so that no server is kept from stopping."""
    for _ in range(int(SLOW / 0.05)):
        if await request.is_disconnected():
            return
        await asyncio.sleep(0.05)


async def _drip(octets: bytes) -> AsyncIterator[bytes]:
    for octet in octets:
        yield bytes([octet])
        await asyncio.sleep(0.1)


async def _pour(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
    for _ in range(HUGE // 65536):
        yield b" " * 65536
