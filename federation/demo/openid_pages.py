"""Pages of the development OpenID Provider: plain HTML, no script, and what it can do wrong.

Also how its token endpoint fails: those answers are pages too, only for machines.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from federation.demo.openid_faults import FAULTS
from federation.demo.pages import STYLE, login_form
from federation.demo.users import DemoUser

SLOW = 60.0  # seconds: longer than any client waits
HUGE = 2 * 1024 * 1024  # octets


def _page(title: str, body: str, *, status: int = 200, goal: str = "'self'") -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css">'
        f"</head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'self'; form-action {goal}; frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(
        html,
        status_code=status,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def style(_request: Request) -> Response:
    """GET /style.css."""
    return Response(STYLE, media_type="text/css")


def login(
    *, action: str, ticket: str, login: str, redirect_uri: str, known: DemoUser | None, wrong: bool
) -> Response:
    """Return the login page: a form, who there is, and what may be broken.

    Args:
        action: Where the form goes.
        ticket: Names the request that is being answered.
        login: What to write into the form.
        redirect_uri: Where the answer will go.
        known: Who is signed in here already: a button goes on as them.
        wrong: The last try failed.
    """
    body = login_form(
        action=action,
        ticket=ticket,
        login=login,
        known=known,
        wrong=wrong,
        faults={name: (fault.says, fault.code) for name, fault in FAULTS.items()},
        cancel=True,
    )
    parts = urlsplit(redirect_uri)
    # Chromium holds the redirect after a form to form-action too.
    return _page("Development OpenID Provider", body, goal=f"'self' {parts.scheme}://{parts.netloc}")


def error(said: str) -> Response:
    """Return a page for what cannot be answered to the client."""
    return _page("This request cannot be answered", f"<p>{escape(said)}</p>", status=400)


def signed_out() -> Response:
    """Return the page after logout."""
    return _page("Signed out", "<p>You are signed out of the development OpenID Provider.</p>")


async def deliver(request: Request, answer: Mapping[str, Any], how: str) -> Response:
    """Answer a token request, rightly or as ``Knobs.token`` says."""
    right = JSONResponse(dict(answer), headers={"Cache-Control": "no-store"})
    octets = bytes(right.body)
    plain = {"Content-Type": "application/json"}
    match how:
        case "slow":
            await _linger(request)
        case "drip":
            return StreamingResponse(_drip(octets), headers=plain)
        case "huge":
            return Response(json.dumps({**answer, "padding": "x" * HUGE}), headers=plain)
        case "malformed":
            return Response(octets[: len(octets) // 2], headers=plain)
        case "error":
            return Response("internal error", status_code=500)
        case "text":
            return HTMLResponse(octets)
        case "redirect":
            return RedirectResponse(str(request.url), status_code=307)
        case "compressed":
            return Response(gzip.compress(octets), headers={**plain, "Content-Encoding": "gzip"})
        case "refused":
            return JSONResponse({"error": "invalid_client"}, status_code=401)
    return right


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
