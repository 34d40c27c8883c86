"""Ways in that wait in a browser until their person has proved, or said, whose they are."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from federation.clock import Clock
from federation.connectors.contract import Callback
from federation.errors import ProofNeeded
from federation.identity import Identity, Session
from federation.records import records
from federation.signin.recording import digest_of, size_of
from federation.signin.values import Completed, Goal
from federation.store.store import Store
from federation.store.values import Claim, Record
from federation.vault import hash_token

LIFE: Final = timedelta(minutes=10)


class Joins:
    """Remembers them and joins them, made once at start."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take where they wait."""
        self._store, self._clock = store, clock

    async def await_link(
        self, who: Identity, claim: Claim, goal: Goal, callback: Callback, now: datetime
    ) -> Completed:
        """Remember a further way in until its person, in this browser, says that both are them."""
        record = Record(
            reference=records.mint_reference(),
            at=now,
            code="",
            detail="a further way in, which waits to be joined to the user who asked for it",
            connection=who.connection,
            organization=who.organization,
            size=size_of(callback),
            digest=digest_of(callback),
            person=who.subject.person,
        )
        await self._store.keep_record(record, claim=claim, sealing=None)
        token = secrets.token_urlsafe(32)
        await self._store.ask_join(hash_token(token), who, now, now + LIFE, user_id=goal.link)
        return Completed(return_to=goal.return_to, token="", session=None, join_token=token)

    async def await_proof(self, refusal: ProofNeeded, who: Identity, goal: Goal, now: datetime) -> None:
        """Remember a new Subject until its person has proved whose it is, in this browser.

        Not where nobody here asked for the sign-in: anybody may post an answer of their own into
        the browser of somebody else, who would then prove it theirs.
        """
        refusal.connection = who.connection
        if goal.handle:
            token = secrets.token_urlsafe(32)
            await self._store.ask_join(hash_token(token), who, now, now + LIFE)
            refusal.join_token = token

    async def join(self, join_token: str, session: Session, store: Store) -> None:
        """Make the Subject that waits in this browser an account of the user who is signed in there.

        Args:
            join_token: Of the browser's cookie.
            session: Whose account it becomes.
            store: That tells this one change in the audit log.

        Raises:
            SignInExpired: ``signin.join_*``.
        """
        now = self._clock()
        waiting = await self._store.find_join(hash_token(join_token), now)
        record = Record(
            reference=records.mint_reference(),
            at=now,
            code="",
            detail="joined to the user whose session this browser has",
            connection=waiting.connection,
            organization=waiting.organization,
            person=waiting.person,
        )
        await store.join_account(hash_token(join_token), session, now, record=record)
