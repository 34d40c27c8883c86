"""Templates, the assets they name, and the policy each page is sent with.

A page says what it needs and gets no more: style always, a script only where one runs. No
inline style or script anywhere, and Trusted Types without a single policy.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from federation.configuration.branding import Brand
from federation.web import texts
from federation.web.house import House

_HERE = Path(__file__).parent
_MEDIA = {".css": "text/css", ".mjs": "text/javascript", ".svg": "image/svg+xml"}

ASSETS: Mapping[str, tuple[bytes, str]] = {
    file.name: (file.read_bytes(), _MEDIA[file.suffix])
    for file in sorted((_HERE / "static").iterdir())
    if file.suffix in _MEDIA
}
"""File name → content and media type; read once."""

NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of everything that is not a page."""

# A link, not a form, leads to an IdP: form-action also judges where a form's answer redirects to.
_PAGE = NOTHING.replace("form-action 'none'", "form-action 'self'; style-src 'self'; img-src 'self'")
_PAGE_WITH_SCRIPT = _PAGE + "; script-src 'self'"


@cache
def asset(name: str) -> str:
    """Return an asset's path; it changes when its content does."""
    return f"/static/{name}?v={hashlib.sha256(ASSETS[name][0]).hexdigest()[:12]}"


def when(moment: datetime) -> str:
    """Return a time as people read it: ``21 Nov 2026, 08:15 UTC``."""
    month = texts.say(f"months.{moment.month}")
    return f"{moment.day} {month} {moment:%Y, %H:%M} UTC"


def device(user_agent: str) -> str:
    """Say in plain words what a User-Agent header claims."""
    browser = next((says for mark, says in _BROWSERS if mark in user_agent), "")
    if not browser:
        browser = texts.say("device.program" if "python" in user_agent else "device.unknown")
    system = next((says for mark, says in _SYSTEMS if mark in user_agent), "")
    return texts.say("device.both", browser=browser, system=system) if system else browser


# First match wins: every browser claims to be several others.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrom", "Chrome"), ("Safari", "Safari"),
    ("curl", "curl"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"asset": asset, "t": texts.say, "language": texts.language}
    environment.filters |= {"when": when, "device": device}
    return environment


_ENVIRONMENT = _environment()


@cache
def _template(name: str) -> Template:
    return _ENVIRONMENT.get_template(name)


# What people meet when they sign in is compiled at start. The administration's pages, which would take
# a third of a process's whole start, a little later: ``compile_later``.
_LATER = tuple(name for name in _ENVIRONMENT.list_templates() if name.startswith(("console", "wizard")))
for _name in _ENVIRONMENT.list_templates():
    if _name not in _LATER:
        _template(_name)


async def compile_later(*, after: float = 2, between: float = 0.05) -> None:
    """Compile the administration's pages, so that none is compiled within a request.

    One at a time, in a thread: a long one takes a tenth of a second, in which others are signed in.

    Args:
        after: Seconds to wait first: what comes at start comes first.
        between: Seconds from one to the next.
    """
    await asyncio.sleep(after)
    for name in _LATER:
        await asyncio.to_thread(_template, name)
        await asyncio.sleep(between)


def page(
    house: House,
    template: str,
    *,
    status: int = 200,
    script: bool = False,
    referrer: str = "same-origin",
    form_action: str = "",
    framed_by: str = "",
    **context: Any,
) -> Response:
    """Render a template.

    Args:
        house: Whose page.
        template: File name.
        status: HTTP status.
        script: Whether this page runs our module.
        referrer: Referrer-Policy; with ``no-referrer`` a form's POST has ``Origin: null``.
        form_action: URL elsewhere that its form posts to; "" is ours. Browsers judge by this policy
            where the answer of a form redirects to as well: on to the IdP's login host, or to us.
        framed_by: URL of who may show the page in a frame; "" is nobody.
        context: What the template names.

    Raises:
        ValueError: ``form_action`` or ``framed_by`` is no URL whose origin a policy can name.
    """
    body = _template(template).render(brand=_brand(house.brand), script=script, **context)
    policy = _PAGE_WITH_SCRIPT if script else _PAGE
    if form_action:
        policy = policy.replace("form-action 'self'", f"form-action {origin(form_action)} https: 'self'")
    if framed_by:
        policy = policy.replace("frame-ancestors 'none'", f"frame-ancestors {origin(framed_by)}")
    return HTMLResponse(
        body, status, headers={"content-security-policy": policy, "referrer-policy": referrer}
    )


def _brand(brand: Brand) -> Mapping[str, str]:
    return {
        "name": brand.name,
        "icon": f"/static/brand/{brand.logo}" if brand.logo else asset("federation.svg"),
        "icon_type": brand.logo_type,
        "style": f"/static/brand/{brand.style}" if brand.style else "",
    }


def post(
    house: House, url: str, fields: Mapping[str, str], *, sentence: str, framed: bool = False
) -> Response:
    """Answer a page that posts fields elsewhere: by our module, without scripts by its button.

    Args:
        house: Whose page.
        url: Where the fields go.
        fields: Name → value.
        sentence: What the person reads.
        framed: Let who is posted to show the page in a frame.
    """
    return page(
        house,
        "post.html",
        script=True,
        referrer="no-referrer",
        form_action=url,
        framed_by=url if framed else "",
        sentence=sentence,
        action=url,
        fields=fields,
    )


def origin(url: str) -> str:
    """Return the origin of a URL, for a policy.

    Raises:
        ValueError: It is none, or holds what a policy would read as its own words.
    """
    found = re.match(r"(?i:https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(?=[/?]|$)", url)
    if found is None:
        raise ValueError("not a URL whose origin a policy can name")
    return found[0]


def as_json(content: Mapping[str, Any], status: int = 200) -> Response:
    """Answer JSON, in ASCII: half a surrogate pair, which anybody may send, has no other form."""
    return Response(json.dumps(content), status, media_type="application/json")


def as_json_error(
    status: int,
    message: str,
    reference: str = "",
    *,
    code: str = "",
    fields: Sequence[tuple[str, str]] = (),
) -> Response:
    """Answer a program; the same shape for every error.

    Args:
        status: HTTP status.
        message: A sentence for people.
        reference: Of the record; "" for none.
        code: Which rule, where administrators ask: nobody else is told.
        fields: Each that cannot be used, and what was expected of it.
    """
    error: dict[str, Any] = {"status": status, "message": message, "reference": reference}
    if code:
        error["code"] = code
    if fields:
        error["fields"] = [{"field": name, "message": why} for name, why in fields]
    return as_json({"error": error}, status)


def wants_json(request: Request) -> bool:
    """Tell whether a program asks, not a browser: it names JSON, and HTML not; or there is only JSON."""
    if request.scope["path"].startswith("/admin/api/"):
        return True
    accept = request.headers.get("accept", "").lower()
    return "application/json" in accept and "text/html" not in accept
