"""Proving once more that it is you, before a change that matters, and coming back to it.

The person signs in anew at the connection that their session came by: asked there as if nobody were
signed in, and nobody else's answer counts. What comes of it is a session like any other, with a new
``proved_at``: that alone is what a dangerous change asks about. A sign-in of which the provider does not say
when the person proved themselves has none: whoever finds a browser open could repeat it without a word.
"""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.errors import AccountRefused, ProveAgain, RequestRefused
from federation.identity import Session
from federation.signin.return_to import local_path
from federation.web import fields, pages, signed_in, start
from federation.web.house import House

FRESH: Final = timedelta(minutes=15)  # a proof older than this is asked for again before dangerous changes
PATH: Final = "/prove"
_ASKS: Final = {"saml": "asks", "oidc": "asks", "oauth2": "may_not_ask", "local": "password"}


def demand(house: House, proven_at: datetime | None) -> None:
    """Refuse a dangerous change to whom has not proved themselves lately (None: nobody has).

    Raises:
        ProveAgain: ``admin.prove_again``.
    """
    if proven_at is None or house.clock() - proven_at > FRESH:
        raise ProveAgain("admin.prove_again", "the person's proof is older than a quarter of an hour")


async def ask(request: Request) -> Response:
    """Answer the page that leads through a fresh sign-in, and back to where the change was made."""
    house: House = request.app.state.house
    _, session = await signed_in.current(request)
    if session is None:
        return await sign_in(request)
    connection = house.connections.get(session.connection)
    back = came_from(request)
    return pages.page(
        house,
        "prove.html",
        status=ProveAgain.status,
        name=session.user.display_name or session.user.email,
        way=_ASKS[connection.protocol] if connection else "none",
        connection=connection.title if connection else "",
        href=f"{PATH}?return_to={quote(back, safe='')}",
        return_to=back,
    )


async def begin(request: Request) -> Response:
    """GET /prove: start a fresh sign-in at the connection that the session came by.

    Raises:
        AccountRefused: ``account.no_way``: it came by none.
    """
    house: House = request.app.state.house
    return_to = local_path(fields.read_query(request).get("return_to", ""))
    _, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse(f"/login?return_to={quote(return_to, safe='')}", 303)
    return await anew(request, house, session, return_to)


async def anew(request: Request, house: House, session: Session, return_to: str) -> Response:
    """As ``begin``, for a session that was found."""
    if session.connection not in house.connections:
        raise AccountRefused(
            "account.no_way", "the session came by a recovery code, which cannot be asked again"
        )
    return await start.leave(
        request, session.connection, return_to=return_to, login_hint=session.user.email, anew=session
    )


async def sign_in(request: Request) -> Response:
    """Lead to the sign-in page, and back."""
    return RedirectResponse(f"/login?return_to={quote(came_from(request), safe='')}", 303)


def came_from(request: Request) -> str:
    """Return the page that a person is on: the one asked for, or where the form of a change stands."""
    house: House = request.app.state.house
    here = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    if request.method != "GET":
        told = request.headers.get("referer", "")
        if not told.startswith(house.base_url + "/"):
            return "/account"
        here, query = urlsplit(told).path, urlsplit(told).query
    try:
        return local_path(f"{here}?{query}" if query else here)
    except RequestRefused:
        return "/account"  # a page's address holds whatever somebody searched for
