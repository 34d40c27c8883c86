"""How a sign-in starts: the sign-in page, an e-mail address, a link to one connection."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.connection import AnyConnection
from federation.identity import parse_email
from federation.policy import domains
from federation.return_to import local_path
from federation.web import cookies, fields, local, pages
from federation.web.callbacks import rate_key, send_away
from federation.web.house import House


async def login(request: Request) -> Response:
    """GET /login: the sign-in page, or where an e-mail address leads."""
    query = fields.read_query(request)
    return_to = local_path(query.get("return_to", ""))
    if "email" in query:
        return email_page(request, query["email"], return_to)
    return await sign_in_page(request, return_to)


async def sign_in_page(request: Request, return_to: str) -> Response:
    """Show a button per connection that is not switched off, and the e-mail field."""
    house: House = request.app.state.house
    off = await house.store.switched_off()
    every = [one for one in house.connections.values() if one.id not in off]
    return choices(request, [(one, begin_path(one.id, return_to)) for one in every], return_to)


def choices(
    request: Request, among: Iterable[tuple[AnyConnection, str]], return_to: str, *, inviting: str = ""
) -> Response:
    """Show a button, with its path, for each of these that is visible, and the e-mail field.

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
    return pages.page(house, "sign_in.html", connections=visible, return_to=return_to, inviting=inviting)


def email_page(request: Request, email: str, return_to: str) -> Response:
    """Say where this address signs in; one shape for known, unknown and malformed ones.

    Where one organization has several ways for it, the person chooses among these, and sees no
    other's. Whoever asks learns no more than by typing the address and going on. Rate-limited:
    nobody reads out whose domains we serve.

    Raises:
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("email", *rate_key(request, "")), house.clock())
    address = parse_email(email.strip())
    owners = domains.route(address, tuple(house.connections.values())) if address else ()
    ways = ways_in(house, owners, return_to, address or "")
    href = ways[0]["href"] if len(ways) == 1 else None
    if pages.wants_json(request):
        return pages.as_json({"sign_in": href, "connections": ways})
    return pages.page(house, "email.html", email=email[:254], href=href, ways=ways, return_to=return_to)


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


async def leave(request: Request, connection: str, *, return_to: str, login_hint: str) -> Response:
    """Start a sign-in and go to the identity provider; a session that stands goes on standing."""
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
    )
    if (here := house.connections[connection]).protocol == "local":
        response = local.show_form(request, here, begun, return_to=return_to, email=login_hint)
    else:
        response = send_away(house, begun.url, begun.fields)
    cookies.set_binders(response, begun.binder, house)
    return response
