"""Between sign-ins: what an identity provider says of people now, decided as a sign-in would be.

Each connection that can be asked is, about each person with a live session through it, once in its
``reconcile_every``: by one node, a few at a time. What it does not say is not known to be gone: what
the sign-in said stands in for it, and groups that are left out could not be had. A refusal, by
provider or policy, ends this connection's sessions of the person; where its own rules refuse what is
said of them, what it gave goes too, from sessions by other ways as well. A provider that only fails
is asked again, later each time. What changes something or refuses leaves a record, and nothing else.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from federation.attributes import ALIASES
from federation.clock import Clock
from federation.connection import AnyConnection
from federation.connectors.contract import Connector, Rereading
from federation.errors import (
    AssertionRefused,
    Check,
    FederationError,
    PolicyRefused,
    ProviderUnavailable,
    SignInExpired,
)
from federation.identity import Groups, Identity, Presence, VerifiedAssertion
from federation.policy import domains, roles
from federation.records import records
from federation.signin.deciding import Deciding
from federation.signin.recording import Recorder
from federation.signin.signin import next_reread
from federation.store.store import Store
from federation.store.values import RECORD_DETAIL, DueReread, Record, Rereadable
from federation.tokens import TokenKeeper

log = logging.getLogger(__name__)

DETAIL: Final = "reconciled"
HOLD: Final = timedelta(minutes=5)  # whoever took somebody and did not come back is gone
PAUSE: Final = timedelta(minutes=5)  # after a provider failed; twice as long each time, to the interval
_UNWELCOME: Final = frozenset({*domains.RULES, roles.NO_RULE})
_BATCH: Final = 200  # people of one connection, in one turn
_LANES: Final = 4  # of one connection at once
_AT_ONCE: Final = 16  # of all of them
_TURN: Final = 20.0  # seconds: other background work waits behind it


@dataclass(frozen=True, slots=True)
class _Failing:
    """A provider that is left in peace."""

    times: int
    until: datetime


class Reconciler:
    """Everything that re-reads need, made once at start."""

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        store: Store,
        deciding: Deciding,
        recorder: Recorder,
        tokens: TokenKeeper,
        clock: Clock,
    ) -> None:
        self._connectors = connectors
        self._store = store
        self._deciding = deciding
        self._recorder = recorder
        self._tokens = tokens
        self._clock = clock
        self._failing: dict[str, _Failing] = {}

    async def reconcile_due(self, now: datetime) -> None:
        """Ask about everybody who is due, as many as fit in a turn."""
        turns = asyncio.Semaphore(_AT_ONCE)
        ends = asyncio.get_running_loop().time() + _TURN
        asking = [
            self._reconcile(connector, connector.rereading, turns, ends, now)
            for connector in self._connectors.values()
            if connector.rereading is not None and connector.connection.enabled
        ]
        await asyncio.gather(*asking)

    async def _reconcile(
        self,
        connector: Connector,
        rereading: Rereading,
        turns: asyncio.Semaphore,
        ends: float,
        now: datetime,
    ) -> None:
        """Ask about those of one connection, until its provider fails."""
        name = connector.connection.id
        failing = self._failing.get(name)
        if failing is not None and now < failing.until:
            return
        due = await self._store.due_rereads(name, connector.connection.organization, now, _BATCH)

        async def ask(one: DueReread) -> bool:
            async with turns:
                return await self._ask(one, connector, rereading)

        for first in range(0, len(due), _LANES):
            if asyncio.get_running_loop().time() > ends:
                return
            told = await asyncio.gather(*(ask(one) for one in due[first : first + _LANES]))
            if not all(told):
                times = failing.times + 1 if failing else 1
                pause = min(PAUSE * 2 ** min(times - 1, 16), connector.connection.reconcile_every)
                self._failing[name] = _Failing(times, now + pause)
                return
            self._failing.pop(name, None)

    async def _ask(self, one: DueReread, connector: Connector, rereading: Rereading) -> bool:
        """Ask about one person; False where the provider failed. Nothing that goes wrong stops the others."""
        now = self._clock()
        known = await self._store.take_reread(one, now + HOLD, now)
        if known is None or (rereading.needs_tokens and known.tokens is None):
            return True
        again = next_reread(connector.connection, one.person, now)
        try:
            await self._reread(known, connector, rereading, now)
        except (AssertionRefused, PolicyRefused) as refusal:
            if refusal.code != roles.UNDETERMINED:
                await self._refused(known, refusal, now)
                return True
            # a strict connection lets nobody in whose groups cannot be had; who is in stays as they are
            log.info("not reconciled", extra={"connection": one.connection, "code": refusal.code})
        except SignInExpired as ended:  # an access token that nothing renews: until they sign in again
            log.info("not reconciled", extra={"connection": one.connection, "code": ended.code})
            return True
        except Exception as failure:  # noqa: BLE001  no trace: it may quote what was received
            why = failure.code if isinstance(failure, FederationError) else type(failure).__name__
            log.warning("not reconciled", extra={"connection": one.connection, "code": why})
            await self._store.put_off_reread(one, now + PAUSE)
            return not isinstance(failure, ProviderUnavailable)
        await self._store.put_off_reread(one, again)
        return True

    async def _reread(
        self, known: Rereadable, connector: Connector, rereading: Rereading, now: datetime
    ) -> None:
        fresh = None
        if rereading.needs_tokens and known.tokens is not None:
            fresh = await self._tokens.fresh(known.tokens, now)
            if fresh is None:  # the session ended, by the provider's word too: that is recorded there
                return
        assertion = await rereading.reread(fresh, subject=known.subject, now=now)
        who = completed(
            self._deciding.identify(assertion, connector.connection), assertion, known, connector.connection
        )
        try:
            decision = await self._deciding.decide(who, connector.connection, assertion.checks, now)
            reference = records.mint_reference()
            record = _record(known.due, reference, "", DETAIL, now)
            sealing = self._recorder.sealing(known.due.person, reference, decision.checks, who)
            changed = await self._store.resettle(decision, record, now, sealing=sealing)
        except FederationError as refusal:
            refusal.identity = who
            raise
        if changed:
            log.info("reconciled", extra={"ref": reference, "connection": known.due.connection})

    async def _refused(self, known: Rereadable, refusal: FederationError, now: datetime) -> None:
        """End what hung on it, and record why."""
        reference = records.mint_reference()
        detail = f"{DETAIL}: {refusal.detail}"[:RECORD_DETAIL]
        record = _record(known.due, reference, refusal.code, detail, now)
        checks = refusal.checks or (Check(refusal.code, refusal.detail),)
        who = refusal.identity if isinstance(refusal.identity, Identity) else None
        sealing = self._recorder.sealing(known.due.person, reference, checks, who)
        ended = await self._store.end_refused_reread(
            known.due,
            record,
            now,
            sealing=sealing,
            taking=self._deciding.organizations if self._takes(known, refusal) else None,
        )
        log.info(
            "ended: refused between sign-ins",
            extra={
                "ref": reference,
                "connection": known.due.connection,
                "code": refusal.code,
                "sessions": ended,
            },
        )

    def _takes(self, known: Rereadable, refusal: FederationError) -> bool:
        """Tell whether what the connection gave goes too: it says of them what its rules do not let in."""
        connection = self._connectors[known.due.connection].connection
        return refusal.code in _UNWELCOME and connection.role_sync != "first_login"


def completed(
    told: Identity, assertion: VerifiedAssertion, known: Rereadable, connection: AnyConnection
) -> Identity:
    """Return what is known of somebody: what was said now, else what the sign-in said.

    Groups that nobody spoke of could not be had: that a short answer leaves them out takes nothing away.

    Args:
        told: The re-read, normalized.
        assertion: What it was made of.
        known: What stands.
        connection: Whose words for groups are meant.
    """
    proof = told.authentication
    names = {**ALIASES, **connection.attributes}["groups"]
    spoken = any(name in assertion.attributes or name in assertion.unobtainable for name in names)
    return replace(
        told,
        email=told.email or known.email,
        email_verified=told.email_verified if told.email else known.email_proven or None,
        groups=told.groups if spoken else Groups(Presence.UNOBTAINABLE),
        attributes={**known.attributes, **told.attributes},
        authentication=replace(proof, acr=proof.acr or known.acr, amr=proof.amr or known.amr),
    )


def _record(due: DueReread, reference: str, code: str, detail: str, now: datetime) -> Record:
    return Record(
        reference=reference,
        at=now,
        code=code,
        detail=detail,
        connection=due.connection,
        organization=due.organization,
        person=due.person,
    )
