"""Test connection: a real sign-in that makes no user and no session, and every check of it.

The pages of administrators, and of the holder of a setup link: they differ in where they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import trials
from federation.administration.desk import Desk
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.store.trials_store import Trial
from federation.web import cookies, pages, texts
from federation.web.callbacks import rate_key
from federation.web.house import House

HERE: Final = "/admin/connections"
_SHOWN: Final = 10  # earlier ones


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a visitor's pages of one connection's tests stand."""

    here: str  # of the navigation; "" where there is none
    test: str  # path of the page that starts one
    reports: str  # before a trial's id
    back: str  # path of the connection


def of_administrator(connection: str) -> Place:
    """Return where an administrator finds them."""
    path = f"{HERE}/{connection}"
    return Place(here=HERE, test=f"{path}/test", reports="/admin/tests/", back=path)


async def test(request: Request) -> Response:
    """GET /admin/connections/{id}/test: what will happen, and the button that starts it."""
    connection = request.path_params["id"]
    visitor = await access.by_session(request)
    return await test_page(request, visitor, connection, of_administrator(connection))


async def start(request: Request) -> Response:
    """POST /admin/connections/{id}/test."""
    connection = request.path_params["id"]
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    return await leave(request, visitor, connection, of_administrator(connection))


async def show(request: Request) -> Response:
    """GET /admin/tests/{trial}: what came of it."""
    visitor = await access.by_session(request)
    tried = await trials.find(access.desk(request, visitor.actor), request.path_params["trial"])
    return report_page(request, visitor, tried, of_administrator(tried.trial.connection))


async def test_page(request: Request, visitor: Visitor, connection: str, place: Place) -> Response:
    """Say what a test does, and show the latest ones."""
    desk = access.desk(request, visitor.actor)
    one = await trials.connection(desk, connection)
    earlier = await latest(desk, connection)
    return shell.page(
        request,
        visitor,
        "console_test.html",
        here=place.here,
        connection=one,
        place=place,
        earlier=earlier,
    )


async def latest(desk: Desk, connection: str) -> Sequence[Trial]:
    """Return the latest tests of a connection."""
    return (await trials.every(desk, connection, cursor=None, limit=_SHOWN)).items


async def leave(request: Request, visitor: Visitor, connection: str, place: Place) -> Response:
    """Start a test, and lead to the identity provider.

    By a page of ours, never by a redirect: ``form-action`` also judges where a form's answer redirects to.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("trial", *rate_key(request, connection)), house.clock())
    started = await trials.start(
        access.desk(request, visitor.actor),
        house.signin,
        connection,
        binder=cookies.read_binder(request, house),
        landing=place.reports,
    )
    if (begun := started.begun) is None:
        return shell.back(place.reports + started.trial.id)
    if begun.fields:
        response = pages.post(house, begun.url, begun.fields, sentence=texts.say("trials.leaving"))
    else:
        to = pages.origin(begun.url).partition("://")[2]
        response = pages.page(house, "console_test_leave.html", referrer="no-referrer", url=begun.url, to=to)
    cookies.set_binders(response, begun.binder, house)
    return response


def report_page(request: Request, visitor: Visitor, tried: trials.Tried, place: Place) -> Response:
    """Show what a test found."""
    house: House = request.app.state.house
    connection = house.connections.get(tried.trial.connection)
    return shell.page(
        request,
        visitor,
        "console_trial.html",
        here=place.here,
        trial=tried.trial,
        report=tried.report,
        title=connection.title if connection else tried.trial.connection,
        place=place,
        base_url=house.base_url,
        source=whose.source,
    )
