"""What both engines say alike of ``trials_store.TrialsStore``."""

from collections.abc import Collection, Mapping
from datetime import datetime

from federation.decision import Decision
from federation.store import trials
from federation.store.drive import Drive
from federation.store.trials_store import Probed, Trial
from federation.store.values import Claim


class TrialsTwin(Drive):
    """The verbs; their promises are told in ``trials_store``."""

    async def open_trial(self, trial: Trial, *, in_force: int) -> bool:
        return await self._decide(lambda: trials.begin(trial, in_force=in_force))

    async def end_trial(
        self, trial: Trial, now: datetime, *, code: str, sealed: str, claim: Claim | None, in_force: int
    ) -> bool:
        return await self._transact(
            lambda: trials.end(trial, now, code=code, sealed=sealed, claim=claim, in_force=in_force)
        )

    async def find_trial(self, identifier: str, now: datetime) -> Trial | None:
        return await self._read(lambda: trials.find(identifier, now))

    async def these_trials(self, identifiers: Collection[str], now: datetime) -> Mapping[str, Trial]:
        return await self._read(lambda: trials.these(identifiers, now))

    async def trials(
        self, connection: str, before: tuple[datetime, str] | None, limit: int, now: datetime
    ) -> tuple[Trial, ...]:
        return await self._read(lambda: trials.of(connection, before, limit, now))

    async def probe(self, decision: Decision, now: datetime) -> Probed:
        return await self._read(lambda: trials.probe(decision, now))
