"""A setup link's own pages: the one that it opens, and where its holder's tests are reported.

Opening a link does nothing: mail scanners and link previews open them too. It is begun with by a button,
which is counted; from then on the browser holds it in a cookie, and its address names nothing.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.administration import setup_links, trials
from federation.console import seat
from federation.console import trials as tests
from federation.console.seat import LINK, Seat
from federation.web import cookies, pages, signed_in
from federation.web.callbacks import rate_key
from federation.web.house import House


async def opened(request: Request) -> Response:
    """GET /setup/{token}: what it is for, and the button; nothing is counted or set, whatever the token."""
    return pages.page(
        request.app.state.house, "setup_begin.html", action=f"{LINK}/{request.path_params['token']}"
    )


async def begin(request: Request) -> Response:
    """POST /setup/{token}: count it, keep it in the browser, and lead on.

    Raises:
        RequestRefused: ``csrf.refused``: somebody else's page would have the browser begin.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    signed_in.prove_ours(request)
    now, (address, *_) = house.clock(), rate_key(request, "")
    house.rates.sign_in.hit((setup_links.KIND, address), now)
    token = request.path_params["token"]
    if await setup_links.begin(house.store, token, now=now, address=address) is None:
        house.rates.failures.hit((setup_links.KIND, address), now)
        return seat.over(request)
    response = RedirectResponse(LINK, 303)
    cookies.set_setup(response, token, house)
    return response


async def report(here: Seat) -> Response:
    """GET /setup/tests/{trial}: what came of a test that this link's holder made."""
    tried = await trials.find(here.desk, here.request.path_params["trial"])
    return tests.report_page(here.request, here.visitor, tried, here.place)


async def leave(here: Seat) -> Response:
    """POST /setup/leave: forget the link in this browser; it can be opened again."""
    await here.read_change()
    response = pages.page(here.request.app.state.house, "setup_left.html")
    cookies.set_setup(response, "", here.request.app.state.house)
    return response
