"""Forward-auth: may this request pass, and who is it? Bare ASGI, ahead of Starlette's stack.

One cookie, one look-up, one answer. Every header is always there, so that a proxy that copies
them always overwrites what a client sent. Whatever fails, the answer is not 200.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from federation.errors import RequestRefused
from federation.identity import Session
from federation.web import cookies, fields
from federation.web.house import House

log = logging.getLogger("federation.web")

PATH = "/verify"
_REMEMBERED = 2048  # characters of groups; how many and how long is the identity provider's choice
_NO_STORE = (b"cache-control", b"no-store")
_EMPTY = (b"content-length", b"0")
Headers = Sequence[tuple[bytes, bytes]]


class Verify:
    """Answer ``GET /verify``; everything else goes on to the application."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        try:
            status, headers = await verify(scope, self._app.state.house)
        except Exception as failure:  # noqa: BLE001  a proxy must hear "no", whatever happened
            log.error("verify failed", extra={"error": type(failure).__name__})  # noqa: TRY400
            status, headers = 503, []
        await send(
            {"type": "http.response.start", "status": status, "headers": [*headers, _NO_STORE, _EMPTY]}
        )
        await send({"type": "http.response.body", "body": b""})


async def verify(scope: Scope, house: House) -> tuple[int, Headers]:
    """Return the status and who it is; no header but with 200."""
    if scope["method"] not in ("GET", "HEAD"):
        return 405, [(b"allow", b"GET, HEAD")]
    query = scope["query_string"]
    role = asked_role(query) if query else None
    if role == "":
        return 400, []
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
    token = cookies.only(lines, cookies.name(cookies.SESSION, secure=house.secure)) if lines else ""
    session = await house.session(token) if token else None
    if session is None:
        return 401, []
    if role is not None and role not in session.roles:
        return 403, []
    return 200, who(session)


def asked_role(query: bytes) -> str:
    """Return the one role asked for; "" if the query is anything but one ``role=…``."""
    try:
        asked = fields.parse(query, limit=fields.QUERY_LIMIT)
    except RequestRefused:
        return ""
    return asked.get("role", "") if len(asked) == 1 else ""


def who(session: Session) -> Headers:
    """Return the identity headers: percent-encoded UTF-8, lists joined by commas after that."""
    user, groups = session.user, session.groups
    headers = _headers if sum(map(len, groups)) <= _REMEMBERED else _headers.__wrapped__
    return headers(user.id, user.email, groups, session.roles, session.system_roles)


@lru_cache(maxsize=1024)  # encoding costs more than looking up what was encoded before
def _headers(
    user: str, email: str, groups: tuple[str, ...], roles: tuple[str, ...], system_roles: tuple[str, ...]
) -> Headers:
    return [
        (b"x-auth-request-user", encode(user)),
        (b"x-auth-request-email", encode(email)),
        (b"x-auth-request-groups", b",".join(map(encode, groups))),
        (b"x-auth-request-roles", b",".join(map(encode, roles))),
        (b"x-auth-request-system-roles", b",".join(map(encode, system_roles))),
    ]


def encode(value: str) -> bytes:
    """Percent-encode all but letters, digits and ``-._~@`` (RFC 3986 §2.3)."""
    return quote(value, safe="@").encode("ascii")
