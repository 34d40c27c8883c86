"""The ways in that lead to one account: shown, one more linked, one let go.

Both changes need a fresh proof of who sits there. Another way is proved by signing in by it in this
browser, and joined by its person's word (``join``); one way in that works always stays.
"""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.errors import AccountRefused
from federation.identity import Session
from federation.store.people_values import Way
from federation.web import fields, join, pages, prove, signed_in, start, texts
from federation.web.house import House


def shown(house: House, session: Session, ways: Sequence[Way]) -> Sequence[Mapping[str, object]]:
    """Return each way as the page shows it; one that may not go has no link to let it go."""
    usable = _usable(house, session)
    return [
        {
            "connection": _title(house, one.connection),
            "email": one.email,
            "used": one.used_at,
            "current": one.connection == session.connection,
            "off": one.connection not in usable,
            "href": f"/account/ways/{one.person}"
            if any(other.connection in usable for other in ways if other is not one)
            else "",
        }
        for one in ways
    ]


def others(house: House, session: Session, ways: Sequence[Way]) -> Sequence[Mapping[str, str]]:
    """Return the organization's visible connections that could lead here too, as many as fit a page."""
    if not ways:  # a recovery code's session
        return []
    mine = {one.connection for one in ways}
    found = [
        {"id": one.id, "display_name": one.title}
        for one in house.roster.connections_of(session.organization)
        if one.enabled and one.visible and one.id not in mine
    ]
    return found[: start.BUTTONS]


def _usable(house: House, session: Session) -> frozenset[str]:
    every = house.roster.connections_of(session.organization)
    return frozenset(one.id for one in every if one.enabled)


def _title(house: House, connection: str) -> str:
    known = house.connections.get(connection)
    return known.title if known else connection or texts.say("my_account.break_glass")


async def link(request: Request) -> Response:
    """POST /account/link: sign in at another connection of the organization, to join it to this account.

    Raises:
        RequestRefused: ``csrf.refused``, ``form.missing``.
        AccountRefused: ``account.no_way``: a recovery code's session has no account to join it to.
        ProveAgain: ``admin.prove_again``.
    """
    house: House = request.app.state.house
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse("/login?return_to=/account", 303)
    form = await fields.read_form(request)
    signed_in.prove_own(request, form, token)
    prove.demand(house, session.proved_at)
    wanted = fields.needed(form, "connection")
    if wanted not in _usable(house, session):
        raise HTTPException(404)
    if session.connection not in house.connections:
        raise AccountRefused("account.no_way", "a session of a recovery code is nobody's account")
    return await start.leave(request, wanted, return_to=join.PATH, login_hint="", link=session)


async def ask_unlink(request: Request) -> Response:
    """GET /account/ways/{person}: ask before a way in is let go; the proof is asked for here already.

    Raises:
        ProveAgain: ``admin.prove_again``.
    """
    house: House = request.app.state.house
    token, session = await signed_in.current(request)
    if session is None:
        return await prove.sign_in(request)
    ways = await house.store.ways_of(session.organization, session.user.id)
    way = next((one for one in ways if one.person == request.path_params["person"]), None)
    if way is None:
        raise HTTPException(404)
    prove.demand(house, session.proved_at)
    return pages.page(
        house,
        "unlink.html",
        connection=_title(house, way.connection),
        email=way.email,
        action=f"/account/ways/{way.person}",
        csrf=signed_in.csrf_token(token),
    )


async def unlink(request: Request) -> Response:
    """POST /account/ways/{person}: let a way in go; sessions that came by it end.

    Raises:
        RequestRefused: ``csrf.refused``.
        AccountRefused: ``account.last_way``, ``account.last_administrator``.
        ProveAgain: ``admin.prove_again``.
    """
    house: House = request.app.state.house
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse("/login?return_to=/account", 303)
    signed_in.prove_own(request, await fields.read_form(request), token)
    prove.demand(house, session.proved_at)
    done = await signed_in.audited(request, session, "account.unlink").unlink_account(
        session.organization,
        session.user.id,
        request.path_params["person"],
        usable=_usable(house, session),
        administrators=house.roster.organizations,
        now=house.clock(),
    )
    if done is None:
        raise HTTPException(404)
    for kept in done.tokens:
        house.tokens.revoke(kept)  # behind this answer: whether it could be, the log tells
    return RedirectResponse("/account", 303)
