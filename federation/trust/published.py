"""Trust material by URL: fetched, compared, kept in the store, the same on every node.

It is read from the store at start, so that sign-ins work while the provider's web server does
not; asked for again when it is due; and compared before it is believed. A refresh that fails
leaves in force what is known, until its own ``validUntil``. What did not change is not parsed.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from federation import fetch as outbound
from federation.connection import SamlConnection
from federation.errors import ConfigurationError, FederationError, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.saml import changes
from federation.saml.changes import Change
from federation.saml.metadata import IdentityProvider
from federation.store.metadata_values import Metadata
from federation.store.store import Store
from federation.trust import reading
from federation.trust.contract import ASK_AFTER, Because, within
from federation.trust.reading import Reader

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=30)  # another node's change is picked up that soon
RETRY_AFTER = timedelta(seconds=5)  # likewise one worker, while there is nothing to keep
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=1)  # what cacheDuration may ask for
_SLACK = timedelta(minutes=5)  # whoever asks hourly is sometimes a little early
_ACCEPT = "application/samlmetadata+xml, application/xml;q=0.9, */*;q=0.8"
_OK, _NOT_MODIFIED = 200, 304


State = Literal["same", "first", "taken", "held", "rejected"]


class Outcome(NamedTuple):
    """What came of asking a provider for its metadata."""

    state: State
    changes: tuple[Change, ...]  # against what was in force


By = Callable[[Outcome], Store]  # the store whose next change is told as somebody's


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is in force on this worker."""

    idp: IdentityProvider
    digest: str
    checked_at: datetime
    held: bool  # a later document waits for approval


def due_at(idp: IdentityProvider, checked_at: datetime) -> datetime:
    """Return when to ask again: as cacheDuration says, within bounds; near its end, hourly."""
    pause = LONGEST if idp.refresh_after is None else min(max(idp.refresh_after, SHORTEST), LONGEST)
    if idp.valid_until is not None and idp.valid_until - checked_at < LONGEST:
        pause = SHORTEST
    return checked_at + pause - _SLACK


class Published:
    """One connection's trust material, as its provider publishes it."""

    def __init__(
        self, connection: SamlConnection, url: str, fetch: Fetch, store: Store, *, development: bool
    ) -> None:
        """Prepare; nothing is read before the first use. Raises as ``Reader`` does."""
        self._name = connection.id
        self._approve = connection.metadata_changes == "approve"
        self._url = url
        self._fetch = fetch
        self._store = store
        self._reader = Reader(connection, development=development)
        self._lock = asyncio.Lock()
        self._known: _Known | None = None
        self._read: tuple[str, IdentityProvider | None] | None = None  # the last document, by its digest
        self._looked: datetime | None = None
        self._renewed: datetime | None = None  # when an expired document was last asked for
        self._asked: datetime | None = None  # when an unknown key was last asked for
        self._attempts = 0
        self._failure: tuple[FederationError, datetime] | None = None

    @property
    def at_hand(self) -> IdentityProvider | None:
        """What this worker last read."""
        return self._known.idp if self._known else None

    async def get(self, now: datetime) -> IdentityProvider:
        """Return what is in force; at most a look at the store, twice a minute.

        Raises:
            ProviderUnavailable: Nothing is known yet, and it could not be had;
                ``saml.metadata_expired``: what is known must not be used any more.
            ConfigurationError: ``registry.metadata_held``: nor that, and the next one waits.
        """
        known = self._known
        if known is None or not within(LOOK_EVERY, self._looked, now):
            known = await self._look(now)
        return known.idp if _holds(known, now) else await self._outlive(now)

    async def refresh(self, now: datetime, *, because: Because) -> IdentityProvider:
        """Ask the provider again, where it is time to.

        Args:
            now: UTC, aware.
            because: ``schedule``: it may be due. ``unknown_key``: a message was signed by a key
                that is not known; asked for once a minute by all nodes together, and a failure
                is logged alone. Where a document waits, the store tells whether it was approved.

        Raises:
            ProviderUnavailable: It could not be had; what is known stays in force.
            ConfigurationError: As ``get``.
        """
        if because == "unknown_key":
            if within(ASK_AFTER, self._asked, now):  # anybody can send a message that nobody signed
                if self._known is not None and self._known.held:
                    await self._look(now, anew=True)
                return await self.get(now)
            self._asked = now
        attempts = self._attempts
        known = await self._look(now, anew=True)
        first = attempts != self._attempts  # it was asked a moment ago
        due = because == "unknown_key" or now >= due_at(known.idp, known.checked_at)
        if due and not first and await self._store.may_fetch(self._name, now, ASK_AFTER):
            try:
                await self.fetch_now(now)
            except ProviderUnavailable as failure:
                if because == "schedule":
                    raise
                log.warning("metadata not fetched", extra={"connection": self._name, "code": failure.code})
        return await self.get(now)

    async def fetch_now(self, now: datetime, *, by: By | None = None) -> Outcome:
        """Ask the provider, whenever it was asked last; compare, and keep or hold what it says.

        Args:
            now: UTC, aware.
            by: What tells in the audit log that somebody had it fetched; None: nobody did, it was due.

        Raises:
            ProviderUnavailable: ``fetch.*``, ``saml.metadata_unavailable``; ``saml.*`` of a
                document that cannot be used.
        """
        async with self._lock:
            return await self._ask(now, by)

    async def _look(self, now: datetime, *, anew: bool = False) -> _Known:
        """Hold what this worker knows against the store; ask the provider where nobody has."""
        if not anew and self._known is not None and self._lock.locked():
            return self._known  # somebody is looking
        attempts = self._attempts
        async with self._lock:
            if anew or self._known is None or not within(LOOK_EVERY, self._looked, now):
                await self._sync(now)
            if self._known is None:
                await self._ask_first(now, waited=attempts != self._attempts)
            if self._known is None:
                raise ProviderUnavailable("saml.metadata_unavailable", "the metadata was not kept; try again")
            return self._known

    async def _ask_first(self, now: datetime, *, waited: bool) -> None:
        """Ask while nothing is known; whoever waited shares what came of it, else a hang makes a queue."""
        if self._failure is not None:
            failure, at = self._failure
            if waited or within(RETRY_AFTER, at, now):
                raise type(failure)(failure.code, failure.detail)
        try:
            await self._ask(now)
        except FederationError as failure:
            self._failure = failure, now
            raise
        finally:
            self._attempts += 1
        self._failure = None

    async def _sync(self, now: datetime) -> None:
        """Take what the store has, if it is of this URL and these settings can read it."""
        row = await self._store.find_metadata(self._name)
        self._looked = now
        if row is None or row.source != self._url:
            return
        if idp := await self._readable(row):
            self._known = _Known(
                idp=idp, digest=row.digest, checked_at=row.checked_at, held=bool(row.held_digest)
            )

    async def _readable(self, row: Metadata) -> IdentityProvider | None:
        """Read a document that was once accepted; None where these settings cannot read it any more."""
        if self._known is not None and self._known.digest == row.digest:
            return self._known.idp
        if self._read is None or self._read[0] != row.digest:
            idp = None
            try:
                # As of then: that it has expired since is asked where it is used.
                idp = await self._reader.read(row.document.encode(), row.fetched_at)
            except ConfigurationError as fault:
                log.warning("metadata not readable", extra={"connection": self._name, "code": fault.code})
            self._read = row.digest, idp
        return self._read[1]

    async def _ask(self, now: datetime, by: By | None = None) -> Outcome:
        """Fetch, compare, and keep or hold; under the lock."""
        row = await self._store.find_metadata(self._name)
        old = await self._readable(row) if row else None
        # Another URL, or other signers, are the operator's own word: what was known then binds nobody.
        known = row if row is not None and old is not None and row.source == self._url else None
        answer = await self._request(known)
        if known is not None and answer.status == _NOT_MODIFIED:
            await self._store.note_checked(
                self._name,
                answer.etag or known.etag,
                answer.last_modified or known.last_modified,
                now,
                digest=known.digest,
            )
            return await self._settle(now, Outcome("same", ()))
        if answer.status != _OK:
            raise ProviderUnavailable(
                "saml.metadata_unavailable", f"the metadata URL answered {answer.status}, not 200"
            )
        return await self._compare(answer, row, known, old, now, by)

    async def _compare(
        self,
        answer: Answer,
        row: Metadata | None,
        known: Metadata | None,
        old: IdentityProvider | None,
        now: datetime,
        by: By | None,
    ) -> Outcome:
        digest = reading.digest(answer.body)
        if known is not None and digest == known.digest:
            await self._confirm(known, answer, now)
            return await self._settle(now, Outcome("same", ()))
        try:
            new = await self._reader.read(answer.body, now)
        except ConfigurationError as unusable:
            raise ProviderUnavailable(unusable.code, unusable.detail) from None
        found = Metadata(
            connection=self._name,
            source=self._url,
            document=answer.body.decode(),
            digest=digest,
            etag=answer.etag,
            last_modified=answer.last_modified,
            fetched_at=now,
            checked_at=now,
        )
        differences = changes.compare(old, new) if old is not None else ()
        lines, previous = tuple(map(str, differences)), row.digest if row else ""
        # Another name is another provider, whose people would be taken for those of whoever bears it
        # already: somebody says so, or the settings do (``entity_id``).
        approve = self._approve or (old is not None and new.entity_id != old.entity_id)
        waits = approve and known is not None and bool(differences)
        state: State = "held" if waits else "first" if old is None else "taken" if differences else "same"
        outcome = Outcome(state, differences)
        store = self._store if by is None or state == "same" else by(outcome)
        if waits:
            # What is known to be unchanged next time is what is in force, not what waits.
            waiting = replace(found, etag="", last_modified="")
            done = await store.hold_metadata(waiting, lines, now, previous=previous)
        else:
            done = await store.keep_metadata(found, lines, now, previous=previous)
            self._read = digest, new
        if done and differences:
            log.warning(
                "metadata changed",
                extra={
                    "connection": self._name,
                    "state": outcome.state,
                    "changes": changes.kinds(differences),
                },
            )
        return await self._settle(now, outcome)

    async def _confirm(self, known: Metadata, answer: Answer, now: datetime) -> None:
        """The document in force is published still, or again: then nothing waits any more."""
        if known.held_digest:
            again = replace(known, etag=answer.etag, last_modified=answer.last_modified, checked_at=now)
            await self._store.keep_metadata(again, (), now, previous=known.digest)
        else:
            await self._store.note_checked(
                self._name, answer.etag, answer.last_modified, now, digest=known.digest
            )

    async def _settle(self, now: datetime, outcome: Outcome) -> Outcome:
        """Take what is in force now, whoever put it there."""
        await self._sync(now)
        if outcome.state == "held" and self._known is not None and not self._known.held:
            return Outcome("rejected", outcome.changes)
        return outcome

    async def _request(self, known: Metadata | None) -> Answer:
        conditions = outbound.conditional(etag=known.etag, last_modified=known.last_modified) if known else {}
        return await self._fetch.get(self._url, declared=Declared.FILE, accept=_ACCEPT, headers=conditions)

    async def _outlive(self, now: datetime) -> IdentityProvider:
        """What is known has expired: ask once more, a little, before saying so."""
        if not within(LOOK_EVERY, self._renewed, now):
            self._renewed = now
            try:
                if await self._store.may_fetch(self._name, now, ASK_AFTER):
                    await self.fetch_now(now)
            except ProviderUnavailable as failure:
                log.warning("metadata not fetched", extra={"connection": self._name, "code": failure.code})
        known = await self._look(now, anew=True)
        if _holds(known, now):
            return known.idp
        if known.held:
            raise ConfigurationError(
                "registry.metadata_held",
                "the metadata in force has expired and what the provider publishes now waits for approval: "
                f"federation metadata approve {self._name}",
            )
        raise ProviderUnavailable(
            "saml.metadata_expired", "the metadata has expired and its URL offers no later one"
        )


def _holds(known: _Known, now: datetime) -> bool:
    return known.idp.valid_until is None or now < known.idp.valid_until
