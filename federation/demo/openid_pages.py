"""Pages of the development OpenID Provider: plain HTML, and what it can do wrong.

No script but the one that sends form_post's form on.
"""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from federation.demo.openid_faults import FAULTS, FRONT_FAULTS, HYBRID_FAULTS
from federation.demo.openid_requests import Asked
from federation.demo.pages import STYLE, login_form
from federation.demo.users import DemoUser

_SEND = "document.forms[0].submit()"
_SEND_HASH = base64.b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


def _page(
    title: str, body: str, *, status: int = 200, goal: str = "'self'", also: str = "", head: str = ""
) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css">'
        f"{head}</head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'self'; form-action {goal}; frame-ancestors 'none';"
        f" base-uri 'none'{also}"
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


def login(*, action: str, ticket: str, asked: Asked, known: DemoUser | None, wrong: bool) -> Response:
    """Return the login page: a form, who there is, and what may be broken.

    Args:
        action: Where the form goes.
        ticket: Names the request that is being answered.
        asked: The request.
        known: Who is signed in here already: a button goes on as them.
        wrong: The last try failed.
    """
    front = asked.wants_id_token
    faults = {**FAULTS, **(FRONT_FAULTS if front else {})}
    faults |= HYBRID_FAULTS if front and asked.wants_code else {}
    body = login_form(
        action=action,
        ticket=ticket,
        login=asked.login_hint,
        known=known,
        wrong=wrong,
        faults={name: (fault.says, fault.code) for name, fault in faults.items()},
        cancel=True,
    )
    # Chromium holds the redirect after a form to form-action too.
    return _page("Development OpenID Provider", body, goal=f"'self' {_origin(asked.redirect_uri)}")


def post(goal: str, pairs: Iterable[tuple[str, str]]) -> Response:
    """Return the form that carries an answer to the client (Form Post §2): by script, or by its button."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n' for name, value in pairs
    )
    body = f"""<form method="post" action="{escape(goal)}">
{hidden}<button>Continue</button>
</form><script>{_SEND}</script>"""
    also = f"; script-src 'sha256-{_SEND_HASH}'"
    return _page("Signed in", body, goal=f"'self' {_origin(goal)}", also=also)


def error(said: str) -> Response:
    """Return a page for what cannot be answered to the client."""
    return _page("This request cannot be answered", f"<p>{escape(said)}</p>", status=400)


def signed_out(frames: Iterable[str], onward: str) -> Response:
    """Return the page after logout; each client that wants it is told in a frame (Front-Channel §3).

    Args:
        frames: What they are told by.
        onward: Where to go then; "" stays.
    """
    told = "".join(f'<iframe src="{escape(url)}" title="signing out" hidden></iframe>' for url in frames)
    head = f'<meta http-equiv="refresh" content="1; url={escape(onward)}">' if onward else ""
    link = f'<p><a href="{escape(onward)}">Continue</a></p>' if onward else ""
    origins = " ".join(sorted({_origin(url) for url in frames}))
    return _page(
        "Signed out",
        f"<p>You are signed out of the development OpenID Provider.</p>{link}{told}",
        also=f"; frame-src {origins}" if origins else "",
        head=head,
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
