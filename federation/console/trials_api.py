"""Trials of a connection, by the API. One is started in a browser: the provider has to see the person."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from federation.administration import trials
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation, PageAsked, Paged
from federation.store.trials_store import Trial
from federation.trial.report import Report


class TrialLine(Model):
    """A trial in a list."""

    id: str
    connection: str
    organization: str
    state: Literal["under_way", "went_through", "refused"]
    code: str = Field(description="Of the refusal, as docs/refusals.md explains it; or empty")
    started_by: str = Field(description="Id of the user or setup link")
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="Null while it is under way")
    expires_at: AwareDatetime = Field(description="When it is forgotten")


class TrialShown(TrialLine):
    """A trial and its report."""

    report: Report | None = Field(
        description="Null while it is under way; personal values need `decisions:reveal` of a token"
    )


def _line(trial: Trial) -> dict[str, object]:
    ended: Literal["went_through", "refused"] = "refused" if trial.code else "went_through"
    return {
        "id": trial.id,
        "connection": trial.connection,
        "organization": trial.organization,
        "state": "under_way" if trial.ended_at is None else ended,
        "code": trial.code,
        "started_by": trial.started_by,
        "started_at": trial.started_at,
        "ended_at": trial.ended_at,
        "expires_at": trial.expires_at,
    }


async def list_trials(desk: Desk, asked: Asked) -> Paged[TrialLine]:
    """Return a connection's trials, the latest first; each is kept for a day."""
    query: PageAsked = asked.query
    page = await trials.every(desk, asked.path["id"], cursor=query.cursor, limit=query.limit)
    return Paged[TrialLine](items=tuple(TrialLine(**_line(one)) for one in page.items), next=page.next)


async def show_trial(desk: Desk, asked: Asked) -> TrialShown:
    """Return one with all that it found."""
    tried = await trials.find(desk, asked.path["trial"])
    return TrialShown(**_line(tried.trial), report=tried.report)


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/connections/{id}/tests",
        "List the tests of a connection",
        "connections:read",
        list_trials,
        query=PageAsked,
        answer=Paged[TrialLine],
    ),
    Operation(
        "GET",
        "/tests/{trial}",
        "Read what a test found",
        "connections:read",
        show_trial,
        answer=TrialShown,
    ),
)
