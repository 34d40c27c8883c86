"""Trying a connection out: a real sign-in that opens nothing, and the report of it.

By an administrator of its organization, or by who holds its setup link; nobody else starts one or
reads what came of it. A connection that is not enabled can be tried: nobody can sign in by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from federation import fetch
from federation.administration.desk import Desk
from federation.administration.paging import Page, cut, read_cursor
from federation.connection import AnyConnection
from federation.errors import FederationError, NotFound, RequestRefused, StoreUnavailable
from federation.signin.signin import SignIn
from federation.signin.values import Begun
from federation.store.rows import micros, moment, new_id
from federation.store.trials_store import Trial
from federation.trial import report
from federation.trial.report import Report
from federation.trial.sandbox import open_report

LIFE: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Started:
    """A trial that began; ``begun`` is None where it ended at once, and its report says why."""

    trial: Trial
    begun: Begun | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial, and its report once it has ended."""

    trial: Trial
    report: Report | None = field(repr=False)


async def connection(desk: Desk, identifier: str) -> AnyConnection:
    """Return a connection that may be tried, as it is kept now.

    Raises:
        NotFound: ``admin.unknown``, ``admin.not_yours``.
        NotAllowed: ``admin.scope``.
        RequestRefused: ``trial.local``.
    """
    await desk.roster.refresh(desk.now)
    one = desk.roster.connections.get(identifier)
    if one is None or identifier not in desk.roster.connectors:
        raise NotFound("admin.unknown", "no connection of this id is in force")
    desk.demand("connections:write", organization=one.organization, connection=identifier)
    if one.protocol == "local":
        raise RequestRefused("trial.local", "a connection of local accounts has nobody to answer a trial")
    return one


async def start(desk: Desk, story: SignIn, identifier: str, *, binder: str, landing: str) -> Started:
    """Start a trial: the browser that holds the binder goes to the provider, and comes back to the report.

    Args:
        desk: By whom.
        story: Of sign-ins.
        identifier: Of the connection.
        binder: The browser's binder cookie, "" if it has none yet.
        landing: Path of the reports; the trial's id is put behind it.

    Raises:
        NotFound: As ``connection``, like the others.
        StoreUnavailable: Nothing was started.
    """
    one = await connection(desk, identifier)
    trial = Trial(
        id=new_id(desk.now),
        organization=one.organization,
        connection=identifier,
        number=0,
        started_by=desk.actor.id,
        started_at=desk.now,
        expires_at=desk.now + LIFE,
    )
    audited = desk.audited(
        "connection.test", "connection", identifier, organization=one.organization, after={"trial": trial.id}
    )
    await audited.open_trial(trial, in_force=desk.roster.number)
    with fetch.listening() as heard:
        try:
            begun = await story.begin(
                identifier,
                return_to=landing + trial.id,
                binder=binder,
                session_token="",
                login_hint="",
                trial=trial.id,
            )
        except StoreUnavailable:
            raise
        except FederationError as refusal:
            await story.sandbox.refused(trial, refusal, heard, desk.now)
            return Started(trial=trial, begun=None)
    return Started(trial=trial, begun=begun)


async def reports(desk: Desk, found: Sequence[Trial]) -> list[Report]:
    """Return what was told of trials that ``every`` has listed, in their order, of those that have ended.

    Which it lists they may know of.
    """
    ended = [one.id for one in found if one.ended_at]
    kept = await desk.store.these_trials(ended, desk.now) if ended else {}
    told = [open_report(desk.vault, kept[one]) for one in ended if one in kept]
    return [_shown(desk, one) for one in told if one is not None]


async def find(desk: Desk, identifier: str) -> Tried:
    """Return a trial. What it says of a person, only who may know: see ``_shown``.

    Raises:
        NotFound: ``admin.unknown``, ``admin.not_yours``.
        NotAllowed: ``admin.scope``.
    """
    trial = await desk.store.find_trial(identifier, desk.now)
    if trial is None:
        raise NotFound("admin.unknown", "no trial of this id is kept")
    desk.demand("connections:read", organization=trial.organization, connection=trial.connection)
    if not _is_theirs(desk, trial):
        raise NotFound("admin.not_yours", "somebody else's trial")
    told = open_report(desk.vault, trial)
    return Tried(trial=trial, report=told and _shown(desk, told))


async def every(desk: Desk, identifier: str, *, cursor: str | None, limit: int) -> Page[Trial]:
    """Return the trials of a connection, the latest first, without their reports.

    Raises:
        NotFound: As ``find``.
        FieldsRefused: ``admin.invalid``: the cursor.
    """
    one = desk.roster.connections.get(identifier)
    if one is None:
        raise NotFound("admin.unknown", "no connection of this id is in force")
    desk.demand("connections:read", organization=one.organization, connection=identifier)
    place = read_cursor(cursor, int, str)
    before = (moment(int(place[0])), str(place[1])) if place else None
    found = await desk.store.trials(identifier, before, limit + 1, desk.now)
    page = cut(found, limit, lambda trial: (micros(trial.started_at), trial.id))
    return Page(items=[trial for trial in page.items if _is_theirs(desk, trial)], next=page.next)


def _is_theirs(desk: Desk, trial: Trial) -> bool:
    """Tell whether they may know of it: of a link's holder, it is the one that they started."""
    return desk.actor.kind != "setup_link" or trial.started_by == desk.actor.id


def _shown(desk: Desk, told: Report) -> Report:
    """Return as much as they may know: values to people, and to a token that may see what records hide."""
    if desk.actor.kind == "setup_link":
        return report.of_one_connection(told)
    reveals = desk.actor.kind != "api_token" or "decisions:reveal" in desk.actor.scopes
    return told if reveals else report.hide(told)
