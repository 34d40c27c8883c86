"""Pages of the development SAML IdP: a login form, and the form that carries the answer."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from federation.demo.pages import STYLE, login_form
from federation.demo.saml_faults import FAULTS
from federation.demo.users import DemoUser

_SEND = "document.forms[0].submit()"


def _allow(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _page(title: str, body: str, *, status: int = 200, goal: str = "'self'") -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    policy = (
        f"default-src 'none'; style-src {_allow(STYLE)}; script-src {_allow(_SEND)}; form-action {goal};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(
        html,
        status_code=status,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def login(*, action: str, known: DemoUser | None, wrong: bool) -> HTMLResponse:
    """Return the login page.

    Args:
        action: Where the form goes; carries the request along.
        known: Who is signed in here already: a button goes on as them.
        wrong: The last try failed.
    """
    body = login_form(
        action=action,
        ticket="",
        login="",
        known=known,
        wrong=wrong,
        faults={name: (fault.says, fault.code) for name, fault in FAULTS.items()},
        cancel=False,
    )
    return _page("Development SAML IdP", body, status=401 if wrong else 200)


def answer(*, acs_url: str, encoded: str, relay_state: str) -> HTMLResponse:
    """Return the form that carries a response to the service: by script, or by its button."""
    parts = urlsplit(acs_url)
    body = f"""<form method="post" action="{escape(acs_url)}">
<input type="hidden" name="SAMLResponse" value="{escape(encoded)}">
<input type="hidden" name="RelayState" value="{escape(relay_state)}">
<button>Continue</button>
</form><script>{_SEND}</script>"""
    # The service answers with redirects within itself, and form-action covers those too.
    return _page("Signing in", body, goal=f"{parts.scheme}://{parts.netloc}")


def error(said: str) -> HTMLResponse:
    """Return a page for what cannot be answered to the service."""
    return _page("This request cannot be answered", f"<p>{escape(said)}</p>", status=400)


def home(known: DemoUser | None) -> HTMLResponse:
    """Return who is signed in here, and a way out."""
    if known is None:
        return _page("Development SAML IdP", "<p>Nobody is signed in here.</p>")
    body = (
        f"<p>{escape(known.display_name)} is signed in here.</p>"
        '<form method="post" action="logout"><button>Sign out here</button></form>'
    )
    return _page("Development SAML IdP", body)
