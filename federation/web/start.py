"""How a sign-in starts: the sign-in page, an e-mail address, a link to one connection."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.connection import AnyConnection
from federation.identity import Session, parse_email
from federation.policy import domains
from federation.signin.return_to import local_path
from federation.web import cookies, fields, local, pages, signed_in, texts
from federation.web.callbacks import rate_key, send_away
from federation.web.house import House

BUTTONS: Final = 8  # on the sign-in page; a person reads no more


async def login(request: Request) -> Response:
    """GET /login: the sign-in page, or where an e-mail address leads."""
    query = fields.read_query(request)
    return_to = local_path(query.get("return_to", ""))
    if "email" in query:
        return await email_page(request, query["email"], return_to)
    return await sign_in_page(request, return_to)


async def sign_in_page(request: Request, return_to: str) -> Response:
    """Show the e-mail field, and a button per connection that is not switched off."""
    house: House = request.app.state.house
    off = await house.store.switched_off()
    # Of a thousand connections few are visible: only theirs are worth a path.
    every = [one for one in house.connections.values() if one.visible and one.enabled and one.id not in off]
    return choices(request, [(one, begin_path(one.id, return_to)) for one in every], return_to)


def choices(
    request: Request, among: Iterable[tuple[AnyConnection, str]], return_to: str, *, inviting: str = ""
) -> Response:
    """Show the e-mail field, and a button, with its path, for each of these that is visible.

    First the one that this browser came by last. Where there are very many, the field alone leads on:
    nobody reads a thousand names, and nobody need know who is served here.
    ``inviting`` is the name of the organization whose invitation the browser has opened.
    """
    visible = [
        {"id": connection.id, "display_name": connection.title, "href": href}
        for connection, href in among
        if connection.visible and connection.enabled
    ]
    if pages.wants_json(request):
        return pages.as_json({"connections": visible})
    house: House = request.app.state.house
    by = cookies.read_last(request, house)
    last = next((one for one in visible if one["id"] == by), None)
    others = [one for one in visible if one is not last]
    return pages.page(
        house,
        "sign_in.html",
        last=last,
        connections=others[:BUTTONS],
        more=len(others) > BUTTONS,
        return_to=return_to,
        inviting=inviting,
    )


async def forget(request: Request) -> Response:
    """POST /login/forget: no longer offer the connection that this browser came by last.

    Raises:
        RequestRefused: ``csrf.refused``.
    """
    house: House = request.app.state.house
    form = await fields.read_form(request)
    signed_in.prove_ours(request)
    return_to = local_path(form.get("return_to", ""))
    response = RedirectResponse(f"/login?return_to={quote(return_to, safe='')}", 303)
    cookies.set_last(response, "", house)
    return response


async def email_page(request: Request, email: str, return_to: str) -> Response:
    """Say where this address signs in; one shape, by the same steps, for known, unknown and malformed ones.

    Where there are several ways for it, the person chooses among these, and sees no other's. Whoever
    asks learns no more than by typing the address and going on. Rate-limited: nobody reads out whose
    domains we serve.

    Raises:
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("email", *rate_key(request, "")), house.clock())
    address = parse_email(email.strip()) or ""
    owners = domains.find_ways(address, house.roster.homes())
    proved = await house.store.proofs_of(domains.names_of(address), house.clock())
    there = [house.connections[one] for one in owners if one in house.connections]
    off = await house.store.switched_off()
    here = [one for one in there if one.enabled and one.id not in off]
    ours = [one for one in here if _may_be_asked(one, address, proved)]
    ways = [_way(house, one, return_to, address, among=ours) for one in ours]
    href = ways[0]["href"] if len(ways) == 1 else None
    if pages.wants_json(request):
        return pages.as_json({"sign_in": href, "connections": ways})
    return pages.page(house, "email.html", email=email[:254], href=href, ways=ways, return_to=return_to)


def _may_be_asked(one: AnyConnection, address: str, proved: AbstractSet[tuple[str, str]]) -> bool:
    """Nobody is led to a connection that only claims their domain: it could ask them for a password."""
    if not one.of_store:
        return True  # by the operator's word
    names = {domain for owner, domain in proved if owner == one.organization}
    return domains.is_proved(one, domains.domain_of(address), names)


def _way(
    house: House, one: AnyConnection, return_to: str, address: str, *, among: Sequence[AnyConnection]
) -> dict[str, str]:
    name = one.title
    if len({other.organization for other in among}) > 1:
        organization = house.roster.organizations[one.organization].name
        name = texts.say("email.of", connection=name, organization=organization)
    return {"id": one.id, "display_name": name, "href": begin_path(one.id, return_to, address)}


def ways_in(
    house: House, connections: Iterable[str], return_to: str, login_hint: str = ""
) -> list[dict[str, str]]:
    """Return a button for each of these that there is, as data."""
    there = [house.connections[one] for one in connections if one in house.connections]
    return [
        {"id": one.id, "display_name": one.title, "href": begin_path(one.id, return_to, login_hint)}
        for one in there
        if one.enabled
    ]


def begin_path(connection: str, return_to: str, login_hint: str = "") -> str:
    """Return the path that starts a sign-in."""
    query = {"return_to": return_to} | ({"login_hint": login_hint} if login_hint else {})
    return f"/login/{quote(connection)}?{urlencode(query)}"


async def begin(request: Request) -> Response:
    """GET /login/{connection}: start a sign-in and go to the identity provider."""
    query = fields.read_query(request)
    return await leave(
        request,
        request.path_params["connection"],
        return_to=query.get("return_to", ""),
        login_hint=parse_email(query.get("login_hint", "")) or "",
    )


async def leave(
    request: Request,
    connection: str,
    *,
    return_to: str,
    login_hint: str,
    anew: Session | None = None,
    link: Session | None = None,
) -> Response:
    """Start a sign-in and go to the identity provider; a session that stands goes on standing.

    ``anew`` and ``link`` as ``SignIn.begin`` has them.
    """
    house: House = request.app.state.house
    key = rate_key(request, connection if connection in house.connections else "")
    house.rates.sign_in.hit(("start", *key), house.clock())
    begun = await house.signin.begin(
        connection,
        return_to=return_to,
        binder=cookies.read_binder(request, house),
        session_token=cookies.read_session(request, house),
        login_hint=login_hint,
        trial="",
        anew=anew,
        link=link,
    )
    if (here := house.connections[connection]).protocol == "local":
        response = local.show_form(request, here, begun, return_to=return_to, email=login_hint)
    else:
        response = send_away(house, begun.url, begun.fields, from_form=request.method == "POST")
    cookies.set_binders(response, begun.binder, house)
    return response
