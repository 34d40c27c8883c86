"""Joining: a new way in whose address a user has already, and the person who proves to be that user.

They come by the new way and are refused; sign in the old way, in the same browser; and are
asked here whether both are theirs. The cookie of the first step is worth nothing without the
second, and nothing is joined but by a form of our own page.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.connection import AnyConnection
from federation.errors import ProofNeeded, SignInExpired
from federation.vault import hash_token
from federation.web import cookies, fields, pages, signed_in, start, texts
from federation.web.house import House

PATH = "/join"


def ask(
    request: Request, refusal: ProofNeeded, reference: str, contact: Mapping[str, str] | None
) -> Response:
    """Tell why nobody is signed in, and where to prove it; the other ways in are all told alike."""
    house: House = request.app.state.house
    if pages.wants_json(request):
        response = pages.as_json_error(refusal.status, texts.say_of(refusal, "public"), reference)
    else:
        tried = house.connections.get(refusal.connection)
        response = _proof_page(house, tried, reference, refusal, contact)
    cookies.set_join(response, refusal.join_token, house)
    return response


def _proof_page(
    house: House,
    tried: AnyConnection | None,
    reference: str,
    refusal: ProofNeeded | None,
    contact: Mapping[str, str] | None,
) -> Response:
    others = [
        {"display_name": one.title, "href": start.begin_path(one.id, PATH)}
        for one in (house.roster.connections_of(tried.organization) if tried is not None else ())
        if one is not tried and one.visible
    ]
    may_go_on = refusal is None or bool(refusal.join_token)
    return pages.page(
        house,
        "proof.html",
        status=ProofNeeded.status if refusal else 200,
        script=bool(reference),
        tried=tried.title if tried else "",
        connections=others if may_go_on else [],
        reference=reference,
        contact=contact,
    )


async def show(request: Request) -> Response:
    """GET /join: ask whether both are theirs; before they have signed in the old way, for that.

    Raises:
        SignInExpired: ``signin.join_*``.
    """
    house: House = request.app.state.house
    join_token = _needed(request, house)
    waiting = await house.store.find_join(hash_token(join_token), house.clock())
    tried = house.connections.get(waiting.connection)
    token, session = await signed_in.current(request)
    if session is None or (session.created_at < waiting.created_at and waiting.user_id != session.user.id):
        return _proof_page(house, tried, "", None, None)
    return pages.page(
        house,
        "join.html",
        tried=tried.title if tried else waiting.connection,
        email=waiting.email,
        name=session.user.display_name or session.user.email,
        csrf=signed_in.csrf_token(_of_both(token, join_token)),
    )


async def decided(request: Request) -> Response:
    """POST /join: join both, or forget the new one.

    Raises:
        RequestRefused: ``csrf.refused``, ``form.missing``.
        SignInExpired: ``signin.join_*``.
    """
    house: House = request.app.state.house
    form = await fields.read_form(request)
    waiting = _needed(request, house)
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse(PATH, 303)
    signed_in.prove_own(request, form, _of_both(token, waiting))
    match fields.needed(form, "answer"):
        case "join":
            await house.signin.joins.join(
                waiting, session, signed_in.audited(request, session, "account.link")
            )
            response = pages.page(house, "joined.html")
        case _:
            await house.store.drop_join(hash_token(waiting))
            response = RedirectResponse("/account", 303)
    cookies.set_join(response, "", house)
    return response


def _of_both(session_token: str, join_token: str) -> str:
    """What the form is for: no other session, and nothing else that has come to wait here meanwhile."""
    return f"{session_token} {join_token}"


def _needed(request: Request, house: House) -> str:
    if token := cookies.read_join(request, house):
        return token
    raise SignInExpired("signin.join_unknown", "this browser waits for no account to be joined")
