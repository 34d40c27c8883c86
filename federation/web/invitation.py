"""An invitation's link: the browser keeps it, and the person signs in by one of the organization's ways."""

from starlette.requests import Request
from starlette.responses import Response

from federation.vault import hash_token
from federation.web import cookies, start
from federation.web.callbacks import rate_key
from federation.web.house import House


async def opened(request: Request) -> Response:
    """GET /invitation/{token}: keep it for the sign-in, which uses it up; opening it does not.

    Raises:
        SignInExpired: ``signin.invitation_unknown``, ``signin.invitation_used``.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("invitation", *rate_key(request, "")), house.clock())
    token = request.path_params["token"]
    invitation = await house.store.find_invitation(hash_token(token), house.clock())
    ways = house.roster.connections_of(invitation.organization)
    host = house.terms.organizations.get(invitation.organization)
    response = start.choices(
        request,
        [(one, start.begin_path(one.id, "/")) for one in ways],
        "/",
        inviting=host.name if host else invitation.organization,
    )
    cookies.set_invitation(response, token, house)
    response.headers["referrer-policy"] = "no-referrer"  # the link is its bearer's
    return response
