"""Who sits at the wizard: an administrator in the administration, or the holder of a setup link.

Both have the same steps of one connection; they differ in where these stand, and in what they may do.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import connections, setup_links
from federation.administration.connection_views import ConnectionView
from federation.administration.desk import Desk
from federation.console import access, shell
from federation.console.access import Visitor
from federation.console.trials import Place
from federation.web import cookies, pages, signed_in, upload
from federation.web.callbacks import rate_key
from federation.web.house import House

HERE: Final = "/admin/connections"
LINK: Final = setup_links.PATH
STEPS: Final = ("provider", "answer", "people", "mapping", "test", "enable")


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One visitor at one connection's wizard."""

    request: Request
    visitor: Visitor
    desk: Desk
    connection: str  # its id
    base: str  # path of the steps
    place: Place  # of the tests

    @property
    def by_link(self) -> bool:
        """Whether they hold a setup link."""
        return self.visitor.actor.kind == "setup_link"

    @property
    def may_enable(self) -> bool:
        """Whether they may let people in, once it is tested."""
        return not self.by_link or self.visitor.actor.may_enable

    def path(self, step: str) -> str:
        """Return where a step is."""
        return f"{self.base}/{step}"

    async def view(self) -> ConnectionView:
        """Return the connection as it is now.

        Raises:
            NotFound: ``admin.not_yours``.
        """
        return await connections.find(self.desk, self.connection)

    async def read_change(self) -> Mapping[str, str]:
        """Return the form of a change, with a file in it or without.

        Raises:
            RequestRefused: ``csrf.refused``; ``form.*``.
        """
        form = await upload.read(self.request)
        signed_in.prove_own(self.request, form, self.visitor.credential)
        return form

    def demand_fresh(self) -> None:
        """Have an administrator prove again who they are; a link's holder has nothing but the link.

        Raises:
            ProveAgain: ``admin.prove_again``.
        """
        if not self.by_link:
            access.demand_fresh(self.request, self.visitor)

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Render a page of the wizard."""
        here = "" if self.by_link else HERE
        return shell.page(
            self.request, self.visitor, template, here=here, status=status, seat=self, **context
        )


Handler = Callable[[Seat], Awaitable[Response]]


def of_administrator(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers under ``/admin/connections/{id}/setup``."""

    async def answer(request: Request) -> Response:
        visitor = await access.by_session(request)
        connection = request.path_params["id"]
        seat = Seat(
            request=request,
            visitor=visitor,
            desk=access.desk(request, visitor.actor),
            connection=connection,
            base=f"{HERE}/{connection}/setup",
            place=Place(
                here=HERE,
                test=f"{HERE}/{connection}/setup/test",
                reports="/admin/tests/",
                back=f"{HERE}/{connection}/setup/enable",
            ),
        )
        return await handler(seat)

    return answer


def of_link(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers under ``/setup``: to whoever holds the cookie of a link that opens something."""

    async def answer(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is None or visitor.actor.connection is None:
            return over(request)
        seat = Seat(
            request=request,
            visitor=visitor,
            desk=access.desk(request, visitor.actor),
            connection=visitor.actor.connection,
            base=LINK,
            place=Place(here="", test=f"{LINK}/test", reports=f"{LINK}/tests/", back=f"{LINK}/enable"),
        )
        return await handler(seat)

    return answer


async def visitor_of(request: Request) -> Visitor | None:
    """Return the holder of the link whose cookie a browser has; None where it opens nothing.

    Raises:
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    now, (address, *_) = house.clock(), rate_key(request, "")
    house.rates.sign_in.hit((setup_links.KIND, address), now)
    await house.roster.refresh(now)
    token = cookies.read_setup(request, house)
    actor = await setup_links.open_link(house.store, house.roster, token, now=now, address=address)
    return None if actor is None else Visitor(actor=actor, credential=token)


def over(request: Request) -> Response:
    """Answer whoever has no link that opens anything: one page, whatever became of it."""
    return pages.page(request.app.state.house, "setup_over.html", status=404)
