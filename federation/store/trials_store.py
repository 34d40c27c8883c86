"""The promises about trials of a connection: sign-ins that make no user and no session."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from federation.decision import Decision, Link, Outcome, Standing
from federation.errors import PolicyRefused
from federation.store.values import Claim


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A sign-in on trial. Its report is sealed; what stands beside it names nobody."""

    id: str  # UUIDv7
    organization: str
    connection: str
    number: int  # of the kept connection as it is tried; 0: of the settings file
    started_by: str  # id of the user, token or setup link
    started_at: datetime  # UTC, like every time here
    expires_at: datetime
    ended_at: datetime | None = None  # None: under way, or given up
    code: str = ""  # "" where it went through, or is under way
    sealed: str = field(default="", repr=False)  # the report, by ``vault``


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a decision would come to, as far as it would come; nothing was changed."""

    link: Link | None  # None: who this is was refused already
    standing: Standing | None
    outcome: Outcome | None
    refusal: PolicyRefused | None  # None: they would be let in


class TrialsStore(Protocol):
    """Part of ``store.Store``."""

    async def open_trial(self, trial: Trial, *, in_force: int) -> bool:
        """Keep a trial that begins; always True.

        Args:
            trial: Its number is read here: that of the kept connection, if this worker has it in force.
            in_force: Number of the store's latest change that is in force in this worker.
        """

    async def end_trial(
        self, trial: Trial, now: datetime, *, code: str, sealed: str, claim: Claim | None, in_force: int
    ) -> bool:
        """Keep what came of a trial, once, and claim its assertion with it; False where it had ended.

        One that went through is noted of the kept connection, if that is still as it was tried.

        Args:
            trial: As it was found.
            now: When it ended.
            code: Of the refusal; "" where it went through.
            sealed: The report.
            claim: Of the verified assertion: it opens nothing any more. None where nothing was verified.
            in_force: As for ``open_trial``.

        Raises:
            AssertionRefused: ``signin.replayed``; nothing was kept.
        """

    async def find_trial(self, identifier: str, now: datetime) -> Trial | None:
        """Return a trial that has not expired."""

    async def these_trials(self, identifiers: Collection[str], now: datetime) -> Mapping[str, Trial]:
        """Return those of these that have not expired, by id."""

    async def trials(
        self, connection: str, before: tuple[datetime, str] | None, limit: int, now: datetime
    ) -> tuple[Trial, ...]:
        """Return trials of a connection without their reports, the latest first.

        Args:
            connection: Its id.
            before: Start and id of the last one that was seen; None for the first page.
            limit: How many.
            now: What has expired by then is left out.
        """

    async def probe(self, decision: Decision, now: datetime) -> Probed:
        """Return what would come of a decision if it were carried out now. Changes nothing.

        That an operator has switched the connection off is left out: a trial asks what would be else.
        """
