"""A provider's tokens after the sign-in: handed out to the application, renewed before they end.

A refresh token that is used twice may end everything granted with it (RFC 9700 §4.14.2), so one
node at a time renews: it takes the tokens in the store, asks, and lets go of them as it puts the
new ones in place. What the provider refuses to renew, or answers with what breaks a rule, ends
the session; where it only fails, the session stays and it is asked again.

Whoever dies between the provider's answer and the store loses the new refresh token. Another
asks with the old one, once it has seen the same holder for HOLD, by its own clock alone: no two
clocks are compared. A provider that gave it up refuses, and the session ends, by a code of its
own; one that lets it be used again goes on. Nothing is lost silently, and nobody is let in by it.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from federation.clock import Clock
from federation.connectors.contract import Connector, Renewal, Renewed, Revocation
from federation.errors import (
    AssertionRefused,
    FederationError,
    ProviderUnavailable,
    SignInExpired,
    StoreUnavailable,
)
from federation.identity import KeptTokens
from federation.signin import tokens_at_rest
from federation.signin.recording import Recorder
from federation.store.store import Store
from federation.store.values import KeptTokensOf
from federation.vault import Vault, hash_token

log = logging.getLogger(__name__)

HOLD: Final = timedelta(minutes=1)  # one renewal is four exchanges at most, each within fetch.DEADLINE
PAUSE: Final = timedelta(seconds=10)  # after a failure, for whoever asks
RETRY: Final = timedelta(minutes=5)  # after a failure, where nobody asks
PATIENCE: Final = 5.0  # seconds that one node waits for another's renewal
_GLANCE: Final = 0.1  # seconds
_FORGET: Final = timedelta(hours=1)  # what was seen of a holder and never again asked for
_REFUSED: Final = frozenset({"oidc.refresh_refused", "oauth2.refresh_refused"})
_STORE_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds: the new refresh token is nowhere else
_BATCH: Final = 500  # of one connection, in one turn
_LANES: Final = 4  # of one connection at once
_AT_ONCE: Final = 16  # of all of them, and so many revocations
_REVOKING: Final = 15.0  # seconds for the tokens of one session, its turn included
_TURN: Final = 30.0  # seconds: other background work waits behind it


class TokenKeeper:
    """Everything that the tokens of sessions need, made once at start."""

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        store: Store,
        vault: Vault,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._connectors = connectors
        self._store = store
        self._vault = vault
        self._recorder = recorder
        self._clock = clock  # what was asked for waits its turn, and an ID Token is held to the minute
        self._renewing: dict[str, asyncio.Task[Renewed | None]] = {}
        self._revoking: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._held: dict[str, tuple[str, datetime]] = {}  # session → by whom, since when that is seen here

    async def access_token(self, session_token: str, *, life: timedelta, now: datetime) -> KeptTokens | None:
        """Return what a session keeps of its provider's tokens, the access token renewed where it must be.

        Args:
            session_token: The browser's session cookie.
            life: How long the access token should be good for. One that is in the first half of its
                life is not renewed; one that cannot be is returned as long as it is good.
            now: UTC, aware.

        Returns:
            None where the session has ended, or its connection keeps nothing. A token is "" where
            the connection does not keep that one.

        Raises:
            SignInExpired: ``signin.tokens_expired``: it has ended, and there is no refresh token.
            ProviderUnavailable: It has ended, and the provider failed: ``oidc.refresh_pending``
                (a moment ago, or another node asks it right now), or as ``Renewal.renew``.
            ConfigurationError: ``keys.unknown``, ``keys.envelope``.
            StoreUnavailable: The database did not answer.
        """
        found = await self._store.tokens_of(hash_token(session_token), now)
        if found is None or not self._is_serving(found):
            return None
        opened = tokens_at_rest.unseal(found, vault=self._vault)
        if opened.lasts(life, now):
            return opened.tokens
        if opened.tokens.refresh and self._renewal(found) is not None:
            try:
                renewed = await self._renewed(found, now)
            except ProviderUnavailable:
                if not opened.good(now):
                    raise
            else:
                return renewed.kept if renewed else None
        if not opened.good(now):
            raise SignInExpired(
                "signin.tokens_expired", "the access token has ended, and nothing is kept that renews it"
            )
        return opened.tokens

    async def fresh(self, found: KeptTokensOf, now: datetime) -> KeptTokens | None:
        """Return access and ID Token of this moment, to ask the provider about their person.

        Renewed where they can be: a grant that has ended ends its session here. An access token that
        nothing renews is returned as it is kept.

        Returns:
            None where the session has ended, now or before.

        Raises:
            ProviderUnavailable: The provider failed, or another renews them and what it keeps does not do.
            SignInExpired, ConfigurationError, StoreUnavailable: As ``access_token``.
        """
        opened = tokens_at_rest.unseal(found, vault=self._vault)
        if opened.tokens.refresh and self._renewal(found) is not None:
            if (renewed := await self._renewed(found, now)) is None:
                return None
            if renewed.fresh is None:
                raise ProviderUnavailable(
                    "oidc.refresh_pending", "another renewed the tokens, and keeps no access token"
                )
            return renewed.fresh
        if not opened.tokens.access or not opened.good(now):
            raise SignInExpired(
                "signin.tokens_expired", "the access token has ended, and nothing is kept that renews it"
            )
        return _only_access(opened.tokens)

    async def renew_due(self, now: datetime) -> None:
        """Renew what ends soon, though nobody asks; so a grant that has ended is noticed, too."""
        self._held = {one: seen for one, seen in self._held.items() if now - seen[1] < _FORGET}
        turns = asyncio.Semaphore(_AT_ONCE)
        ends = asyncio.get_running_loop().time() + _TURN
        renewable = [one.connection for one in self._connectors.values() if one.renewal is not None]
        due = (self._renew_due_of(one.id, one.organization, now, turns, ends) for one in renewable)
        await asyncio.gather(*due)

    async def _renew_due_of(
        self, connection: str, organization: str, now: datetime, turns: asyncio.Semaphore, ends: float
    ) -> None:
        """Renew what is due of one connection, until it fails: no other waits for a provider that is down."""
        found = await self._store.due_tokens(connection, organization, now, _BATCH)
        due = [one for one in found if self._is_free(one, now)]

        async def renew(one: KeptTokensOf) -> None:
            async with turns:
                await self._renewed(one, self._clock())

        for first in range(0, len(due), _LANES):
            if asyncio.get_running_loop().time() > ends:
                return
            lanes = (renew(one) for one in due[first : first + _LANES])
            told = await asyncio.gather(*lanes, return_exceptions=True)
            failures = [failure for failure in told if failure is not None]
            for failure in failures:
                why = failure.code if isinstance(failure, FederationError) else type(failure).__name__
                log.warning("tokens not renewed", extra={"connection": connection, "code": why})
            if failures:
                return

    async def close(self) -> None:
        """Let all that was begun come to its end; before the store and the door are closed."""
        await asyncio.gather(*self._renewing.values(), return_exceptions=True)
        await asyncio.gather(*self._revoking, return_exceptions=True)

    async def to_revoke(self, session_token: str, now: datetime) -> KeptTokensOf | None:
        """Return what its provider is to be told of once this session has ended; None if nothing.

        A database that does not answer keeps nobody from signing out: then none, too.
        """
        if not any(one.revocation for one in self._connectors.values()):
            return None
        try:
            found = await self._store.tokens_of(hash_token(session_token), now)
        except StoreUnavailable as outage:
            log.warning("tokens not revoked", extra={"connection": "", "code": outage.code})
            return None
        return found if found and self._revocation(found) else None

    def revoke(self, found: KeptTokensOf) -> None:
        """Have the tokens of a session that has ended revoked, behind the answer that says so."""
        self._begin_revoking(found, lambda: tokens_at_rest.unseal(found, vault=self._vault).tokens)

    def _begin_revoking(self, found: KeptTokensOf, opened: Callable[[], KeptTokens]) -> None:
        if (revocation := self._revocation(found)) is None:
            return
        task = asyncio.create_task(self._revoke(revocation, found.connection, opened))
        self._revoking.add(task)
        task.add_done_callback(self._revoking.discard)

    async def _revoke(
        self, revocation: Revocation, connection: str, opened: Callable[[], KeptTokens]
    ) -> None:
        """Revoke once: whether it could be, the log tells, and nobody waits for it."""
        why = ""
        try:
            async with asyncio.timeout(_REVOKING), self._turns:
                done = await revocation.revoke(opened(), now=self._clock())
        except FederationError as failure:
            why = failure.code
        except Exception as failure:  # noqa: BLE001  no trace: it may quote a token
            why = type(failure).__name__
        if why:
            log.warning("tokens not revoked", extra={"connection": connection, "code": why})
        elif done:
            log.info("tokens revoked", extra={"connection": connection, "tokens": done})

    async def _renewed(self, found: KeptTokensOf, now: datetime) -> Renewed | None:
        """Renew in a task of its own, one for all who ask here.

        A request that is given up must not stop between the provider's answer and the store.
        """
        task = self._renewing.get(found.session_id)
        if task is None:
            task = asyncio.create_task(self._renew(found, now))
            self._renewing[found.session_id] = task

            def done(ended: asyncio.Task[Renewed | None]) -> None:
                del self._renewing[found.session_id]
                if not ended.cancelled():
                    ended.exception()  # told to those who still wait

            task.add_done_callback(done)
        return await asyncio.shield(task)

    async def _renew(self, found: KeptTokensOf, now: datetime) -> Renewed | None:
        renewal = self._renewal(found)
        holder = secrets.token_hex(16)
        if renewal is None or not self._is_free(found, now):
            return await self._of_another(found, now)
        if not await self._store.take_tokens(found, holder, now + HOLD, now):
            return await self._of_another(found, now)
        try:
            before = tokens_at_rest.unseal(found, vault=self._vault).tokens
            new = await renewal.renew(before, person=found.person, now=now)
        except AssertionRefused as refusal:
            return await self._end(_lost(refusal, found), found, holder, now)
        except Exception:
            await self._store.put_off_tokens(found.session_id, holder, now + PAUSE, now + RETRY)
            raise
        if await self._keep(new.kept, found, holder, now):
            return new
        current = await self._of_another(found, now)
        if current is None:  # the session ended meanwhile: nobody else has these
            self._begin_revoking(found, lambda: new.kept)
        return current

    async def _keep(self, new: KeptTokens, found: KeptTokensOf, holder: str, now: datetime) -> bool:
        """Put new tokens in place; try again where the store does not answer."""
        sealed = tokens_at_rest.seal(
            new,
            vault=self._vault,
            connection=found.connection,
            person=found.person,
            token_hash=found.token_hash,
            now=now,
        )
        for pause in _STORE_PAUSES:
            try:
                return await self._store.keep_renewed_tokens(found.session_id, holder, sealed, now)
            except StoreUnavailable:
                await asyncio.sleep(pause)
        return await self._store.keep_renewed_tokens(found.session_id, holder, sealed, now)

    async def _of_another(self, found: KeptTokensOf, now: datetime) -> Renewed | None:
        """Wait briefly for who renews them now; return theirs, else the old ones while they are good.

        Raises:
            ProviderUnavailable: ``oidc.refresh_pending``.
        """
        current = await self._store.tokens_of(found.token_hash, now)
        for _ in range(int(PATIENCE / _GLANCE)):
            if current is None or current.version != found.version or not current.taken:
                break
            await asyncio.sleep(_GLANCE)
            current = await self._store.tokens_of(found.token_hash, now)
        if current is None:
            return None
        opened = tokens_at_rest.unseal(current, vault=self._vault)
        if not opened.good(self._clock()):
            raise ProviderUnavailable(
                "oidc.refresh_pending", "the access token has ended, and the provider has not renewed it yet"
            )
        return Renewed(kept=opened.tokens, fresh=_only_access(opened.tokens))

    async def _end(
        self, refusal: FederationError, found: KeptTokensOf, holder: str, now: datetime
    ) -> Renewed | None:
        """End the session of what is not renewed, and record why."""
        if not await self._store.end_refused_session(found.session_id, holder, now):
            return await self._of_another(found, now)  # ended already, or renewed after HOLD
        refusal.person = found.person
        reference = await self._recorder.record_refusal(refusal, connection=found.connection)
        log.info(
            "ended: not renewed",
            extra={"ref": reference, "connection": found.connection, "code": refusal.code},
        )
        return None

    def _is_free(self, found: KeptTokensOf, now: datetime) -> bool:
        """Tell whether nobody has them, or who has them has been seen to for so long that they are gone.

        The deadline in the row is of another node's clock: one that is ahead would find it past at once.
        """
        if not found.taken:
            self._held.pop(found.session_id, None)
            return True
        holder, since = self._held.get(found.session_id, ("", now))
        if holder != found.taken_by:
            self._held[found.session_id] = (found.taken_by, now)
            return False
        return now - since >= HOLD

    def _is_serving(self, found: KeptTokensOf) -> bool:
        """A session of a connection that is not in force here counts as ended here."""
        connector = self._connector(found)
        return connector is not None and connector.connection.enabled

    def _revocation(self, found: KeptTokensOf) -> Revocation | None:
        connector = self._connector(found)
        return connector.revocation if connector else None

    def _renewal(self, found: KeptTokensOf) -> Renewal | None:
        connector = self._connector(found)
        return connector.renewal if connector else None

    def _connector(self, found: KeptTokensOf) -> Connector | None:
        """Return by which they came: another organization's of the same id is another connection."""
        connector = self._connectors.get(found.connection)
        theirs = connector is not None and connector.connection.organization == found.organization
        return connector if theirs else None


def _only_access(tokens: KeptTokens) -> KeptTokens | None:
    """Return what asks right now; an ID Token that was kept is of another moment."""
    return replace(tokens, refresh="", id="") if tokens.access else None


def _lost(refusal: AssertionRefused, found: KeptTokensOf) -> FederationError:
    """Tell a refresh token that was most likely spent by who died over it from one that has ended."""
    if not found.taken or refusal.code not in _REFUSED:
        return refusal
    return SignInExpired(
        "signin.renewal_lost",
        "a process ended while it renewed these tokens, and the provider does not take the old ones again",
        refusal.checks,
    )
