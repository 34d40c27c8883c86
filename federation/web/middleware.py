"""What surrounds every answer: security headers, and a page where we failed.

Plain ASGI. An unexpected exception is logged by its type and place alone: its message may
hold what a person sent.
"""

import logging
import traceback
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from federation.records.records import mint_reference
from federation.web import errors, pages, texts
from federation.web.callbacks import ALIAS

log = logging.getLogger("federation.web")

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": pages.NOTHING,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""On every answer that does not say otherwise itself."""
HSTS = "max-age=31536000"
_RAW = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
_RAW_SECURE = (*_RAW, (b"strict-transport-security", HSTS.encode()))


class SecurityHeaders:
    """Add each header that an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _RAW_SECURE if scope["app"].state.house.secure else _RAW

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message["headers"])
                said = {name for name, _ in own}  # in lower case (ASGI)
                message["headers"] = own + [header for header in wanted if header[0] not in said]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Speaking:
    """Say everything in the language of the installation."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            texts.speak(scope["app"].state.house.language)
        await self._app(scope, receive, send)


class Aliases:
    """Let a connection's further paths stand for its own; exact, and told to the handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (path := scope["app"].state.house.stands_for(scope["path"])):
            scope = {**scope, "path": path, "raw_path": path.encode(), ALIAS: scope["path"]}
        await self._app(scope, receive, send)


class LastResort:
    """Answer 500 under a reference for whatever nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as exception:  # noqa: BLE001  the last resort
            reference = mint_reference()
            log.error(  # noqa: TRY400  the message of the exception is left out on purpose
                "unexpected",
                extra={"ref": reference, "error": type(exception).__name__, "at": where(exception)},
            )
            if not started:
                answer = errors.failed(Request(scope), reference)
                await answer(scope, receive, send)


def where(exception: BaseException) -> str:
    """Return the innermost place of ours in the trace, as ``file:line``."""
    frames = traceback.extract_tb(exception.__traceback__)
    ours = [frame for frame in frames if "/federation/" in frame.filename] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
