"""Our cookies: session, sign-in binders, what waits to be joined, an invitation, and two marks.

Each is ``__Host-`` (RFC 6265bis §4.1.3.2), HttpOnly and holds 256 random bits and nothing
else (the marks: nothing at all, and a connection's id). On http loopback browsers refuse the
prefix and ``Secure``: the plain name is used.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Literal

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from federation.configuration.scalars import ID_PATTERN
from federation.identity import Session
from federation.web.house import House

SESSION = "session"
BINDER = "signin"  # Lax: comes along when the answer is in the query
BINDER_POST = "signin-post"  # SameSite=None: the answer's POST comes from the IdP's site
RESTARTED = "signin-restarted"  # SameSite=None, as the POST that it stops comes from the IdP's site
RESTARTED_LIFE = 60  # seconds
LEAVING = "leaving"  # at which connection a logout goes on that comes back to where everybody lands
LEAVING_LIFE = 600  # seconds, as long as the logout waits
JOIN = "join"  # what waits here until the person has proved to be a user whom we know
JOIN_LIFE = 600  # seconds, as long as it waits
# SameSite=None: whose it is does not matter, and the IdP's answer may come as a POST from its site
INVITATION = "invitation"
BOOTSTRAP = "bootstrap"  # likewise
BOOTSTRAP_LIFE = 3600  # seconds
INVITATION_LIFE = 3600  # seconds; the link may be opened again
LAST = "last"  # by which connection this browser came last: its id, and nothing of the person
LAST_LIFE = 180 * 86_400  # seconds
SETUP = "setup"  # Lax: the link is opened from a message
SETUP_LIFE = 12 * 3600  # seconds; the link may be opened again
BINDER_LIFE = 3600  # seconds; outlives a pending sign-in, and every sign-in renews it

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits, base64url: what we set and nothing else
_TOLD = "TOLD-"  # no id has capitals
_LEAVING = re.compile(rf"({_TOLD})?({ID_PATTERN.removeprefix('^').removesuffix('$')})")
_PLAIN = re.compile(r"[A-Za-z0-9_-]*")  # needs no quoting (RFC 6265 §4.1.1), and ends no header


def name(cookie: str, *, secure: bool) -> str:
    """Return the cookie's name on the wire."""
    return f"__Host-{cookie}" if secure else cookie


def only(lines: list[str], wire_name: str) -> str:
    """Return the one value of a cookie, "" unless it came exactly once and is one of ours.

    Args:
        lines: Every ``Cookie`` header.
        wire_name: As ``name`` returns it.
    """
    found = _values_of(wire_name)("; ".join(lines))
    return found[0] if len(found) == 1 and _TOKEN.fullmatch(found[0]) else ""


@cache
def _values_of(wire_name: str) -> Callable[[str], list[str]]:
    return re.compile(rf"(?:^|;)[ \t]*{re.escape(wire_name)}=([^;]*)").findall


def read_session(request: HTTPConnection, house: House) -> str:
    """Return the session token, "" if there is none."""
    return only(request.headers.getlist("cookie"), name(SESSION, secure=house.secure))


def read_binder(request: Request, house: House) -> str:
    """Return the browser's binder, "" if it sent none.

    A POST that carries the Lax one is not cross-site: that one binds as well.
    """
    lines = request.headers.getlist("cookie")
    lax = only(lines, name(BINDER, secure=house.secure))
    if request.method != "POST":
        return lax
    return only(lines, name(BINDER_POST, secure=house.secure)) or lax


def set_binders(response: Response, binder: str, house: House) -> None:
    """Set both binders to one value; tabs share them."""
    _set(response, house, BINDER, binder, BINDER_LIFE)
    # Browsers take SameSite=None with Secure alone; on http loopback the page that posts again helps.
    _set(response, house, BINDER_POST, binder, BINDER_LIFE, samesite="none" if house.secure else "lax")


def read_restarted(request: Request, house: House) -> bool:
    """Tell whether this browser's sign-in was started over within the last minute."""
    return name(RESTARTED, secure=house.secure) in request.cookies


def set_restarted(response: Response, house: House) -> None:
    """Note that a sign-in was started over."""
    _set(response, house, RESTARTED, "1", RESTARTED_LIFE, samesite="none" if house.secure else "lax")


def read_leaving(request: Request, house: House) -> str:
    """Return the connection at which this browser's logout goes on, "" if it waits for none."""
    return _leaving(request, house)[1]


def is_told(request: Request, house: House) -> bool:
    """Tell whether this browser has been told already that its logout is not confirmed."""
    return bool(_leaving(request, house)[0])


def _leaving(request: Request, house: House) -> tuple[str, str]:
    lines = "; ".join(request.headers.getlist("cookie"))
    found = _values_of(name(LEAVING, secure=house.secure))(lines)
    match = _LEAVING.fullmatch(found[0]) if len(found) == 1 else None
    return (match[1], match[2]) if match else ("", "")


def set_leaving(response: Response, connection: str, house: House, *, told: bool = False) -> None:
    """Note at which connection a logout goes on, and what the person was told; "" forgets it."""
    mark = f"{_TOLD if told else ''}{connection}" if connection else ""
    _set(response, house, LEAVING, mark, LEAVING_LIFE if connection else 0)


def read_join(request: Request, house: House) -> str:
    """Return the token of what waits in this browser to be joined, "" if nothing does."""
    return only(request.headers.getlist("cookie"), name(JOIN, secure=house.secure))


def set_join(response: Response, token: str, house: House) -> None:
    """Set it for as long as it waits; "" forgets it."""
    _set(response, house, JOIN, token, JOIN_LIFE if token else 0)


def read_invitation(request: Request, house: House) -> str:
    """Return the token of the invitation that this browser opened, "" if none."""
    return only(request.headers.getlist("cookie"), name(INVITATION, secure=house.secure))


def set_invitation(response: Response, token: str, house: House) -> None:
    """Set it; "" forgets it."""
    life = INVITATION_LIFE if token else 0
    _set(response, house, INVITATION, token, life, samesite="none" if house.secure else "lax")


def read_bootstrap(request: Request, house: House) -> str:
    """Return the token of the first administrator's link that this browser opened, "" if none."""
    return only(request.headers.getlist("cookie"), name(BOOTSTRAP, secure=house.secure))


def set_bootstrap(response: Response, token: str, house: House) -> None:
    """Set it; "" forgets it."""
    life = BOOTSTRAP_LIFE if token else 0
    _set(response, house, BOOTSTRAP, token, life, samesite="none" if house.secure else "lax")


def read_last(request: Request, house: House) -> str:
    """Return the connection that this browser came by last, "" if it remembers none."""
    found = _values_of(name(LAST, secure=house.secure))("; ".join(request.headers.getlist("cookie")))
    return found[0] if len(found) == 1 and re.fullmatch(ID_PATTERN, found[0]) else ""


def set_last(response: Response, connection: str, house: House) -> None:
    """Remember it; "" forgets it."""
    _set(response, house, LAST, connection, LAST_LIFE if connection else 0)


def read_setup(request: Request, house: House) -> str:
    """Return the token of the setup link that this browser has begun with, "" if none."""
    return only(request.headers.getlist("cookie"), name(SETUP, secure=house.secure))


def set_setup(response: Response, token: str, house: House) -> None:
    """Set it; "" forgets it.

    For the whole host, as every cookie here: a path would cost it ``__Host-``, which alone keeps another host
    of the domain from planting a link of theirs, into which somebody would then type a secret.
    """
    _set(response, house, SETUP, token, SETUP_LIFE if token else 0)


def set_session(response: Response, token: str, session: Session, now: datetime, house: House) -> None:
    """Set the session cookie for as long as the session may live."""
    _set(response, house, SESSION, token, max(0, int((session.expires_at - now).total_seconds())))


def clear_session(response: Response, house: House) -> None:
    """Take the session cookie away."""
    _set(response, house, SESSION, "", 0)


def _set(
    response: Response,
    house: House,
    cookie: str,
    value: str,
    max_age: int,
    samesite: Literal["lax", "none"] = "lax",
) -> None:
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"the value of {cookie} is none of ours")
    # Written here: Starlette's way, by http.cookies, takes ten times as long.
    wire_name, quoted, secure = name(cookie, secure=house.secure), value or '""', house.secure
    attributes = f"HttpOnly; Max-Age={max_age}; Path=/; SameSite={samesite}{'; Secure' if secure else ''}"
    response.headers.append("set-cookie", f"{wire_name}={quoted}; {attributes}")
