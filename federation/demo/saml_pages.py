"""Pages of the development SAML IdP: a login form, and what carries a message on."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from starlette.responses import HTMLResponse

from federation.demo.pages import STYLE, login_form
from federation.demo.saml_faults import FAULTS
from federation.demo.saml_logout import LOGOUT_FAULTS
from federation.demo.users import DemoUser

_SEND = "document.forms[0].submit()"


def _allow(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _page(title: str, body: str, *, status: int = 200, goal: str = "'self'", head: str = "") -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>{head}</head>'
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


def post(title: str, goal: str, fields: Mapping[str, str]) -> HTMLResponse:
    """Return the form that carries a message to a service: by script, or by its button."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
        for name, value in fields.items()
    )
    body = f"""<form method="post" action="{escape(goal)}">
{hidden}<button>Continue</button>
</form><script>{_SEND}</script>"""
    # The service answers with redirects, by way of itself or back to us; form-action covers those too.
    return _page(title, body, goal=f"'self' {_origin(goal)}")


def go(title: str, url: str) -> HTMLResponse:
    """Return the page that leads on by a link, at once: no redirect, which a form's policy would judge."""
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
    return _page(title, f'<p><a href="{escape(url)}">Continue</a></p>', head=refresh)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def error(said: str) -> HTMLResponse:
    """Return a page for what cannot be answered to the service."""
    return _page("This request cannot be answered", f"<p>{escape(said)}</p>", status=400)


def home(known: DemoUser | None, services: list[str]) -> HTMLResponse:
    """Return who is signed in here, ways out, and a tile for each service."""
    tiles = "".join(
        f'<li><a href="tile?{escape(urlencode({"sp": name}))}">{escape(name)}</a></li>' for name in services
    )
    links = f"<h2>Services</h2><p>A tile leads there unasked.</p><ul>{tiles}</ul>"
    if known is None:
        return _page("Development SAML IdP", f"<p>Nobody is signed in here.</p>{links}")
    faults = "".join(
        f'<option value="{escape(name)}">{escape(fault.says)} ({escape(fault.code)})</option>'
        for name, fault in LOGOUT_FAULTS.items()
    )
    body = f"""<p>{escape(known.display_name)} is signed in here.</p>
<form method="post" action="logout"><button>Sign out here</button></form>
<h2>Sign out everywhere</h2>
<form method="post" action="logout">
<label>Break one rule <select name="break"><option value="">none: ask as SAML wants it</option>{faults}
</select></label>
<button name="by" value="redirect">Sign out everywhere, by redirect</button>
<button name="by" value="post">Sign out everywhere, by POST</button>
</form>{links}"""
    return _page("Development SAML IdP", body)


def signed_out(services: Mapping[str, bool]) -> HTMLResponse:
    """Return what became of a logout that was started here: service → whether it said so."""
    rows = "".join(
        f"<li>{escape(name)}: {'signed out' if done else 'not signed out'}</li>"
        for name, done in services.items()
    )
    return _page("Signed out", f"<p>Nobody is signed in here.</p><ul>{rows}</ul>")
