"""The story of signing out: here first and whatever follows, then at the identity provider.

begin · complete is a logout that starts here, requested one that starts there. The same lines
for every protocol; each step is one function. Our session never waits for somebody else's.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from federation.clock import Clock
from federation.connectors.contract import (
    Callback,
    Challenge,
    Connector,
    Logout,
    LogoutOutcome,
    ProviderLogout,
    Return,
)
from federation.errors import FederationError, RequestRefused, SignInExpired, StoreUnavailable
from federation.identity import ProviderSession
from federation.signin.recording import Recorder
from federation.signin.signin import PENDING_LIFE, place_of_theirs
from federation.store.store import Store
from federation.store.values import Pending
from federation.tokens import TokenKeeper
from federation.vault import Vault, hash_token

log = logging.getLogger(__name__)

AFTERWARDS = "/logout"


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """A logout that goes on at the identity provider: where to send the browser, by what binder."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)  # of a form to post there; none: a link
    binder: str = field(repr=False)
    returns_to: str  # the connection whose answer arrives where everybody lands; "": it needs no reminder


class SignOut:
    """Everything that signing out needs, made once at start."""

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        store: Store,
        vault: Vault,
        recorder: Recorder,
        tokens: TokenKeeper,
        clock: Clock,
    ) -> None:
        self._connectors = connectors
        self._store = store
        self._vault = vault
        self._recorder = recorder
        self._tokens = tokens
        self._clock = clock

    async def begin(self, session_token: str, *, binder: str) -> Leaving | None:
        """End the session of this cookie; say where its logout goes on, None if nowhere.

        What keeps us from asking the provider is recorded, and is no reason to stay signed in.

        Args:
            session_token: The browser's session cookie.
            binder: Its binder cookie, "" if it has none yet.

        Raises:
            StoreUnavailable: The session could not be ended.
        """
        now, token_hash = self._clock(), hash_token(session_token)
        kept = await self._tokens.to_revoke(session_token, now)
        try:
            theirs = await self._store.provider_session(token_hash, now)
        finally:
            await self._store.end_session(token_hash, now)
            if kept is not None:
                self._tokens.revoke(kept)
        if theirs is None:
            return None
        try:
            return await self._ask_provider(*theirs, token_hash, binder, now)
        except FederationError as refusal:
            await self._note(refusal, None)
            return None

    async def _ask_provider(
        self,
        organization: str,
        connection: str,
        sealed: str,
        token_hash: bytes,
        binder: str,
        now: datetime,
    ) -> Leaving | None:
        connector = self._connectors.get(connection)
        # Another organization's of the same id is another connection: its provider knows nobody of these.
        if connector is None or connector.connection.organization != organization:
            return None
        if connector.logout is None:
            return None
        session = ProviderSession.decode(self._vault.open(sealed, place_of_theirs(connection, token_hash)))
        handle = secrets.token_urlsafe(32)
        challenge = await connector.logout.begin(session, handle=handle, now=now)
        if challenge is None:
            return None
        binder = binder or secrets.token_urlsafe(32)
        returns_to = connection if challenge.returns is Return.AFTERWARDS else ""
        leaving = Leaving(url=challenge.url, fields=challenge.fields, binder=binder, returns_to=returns_to)
        if challenge.returns is Return.NONE:
            return leaving
        pending = Pending(
            handle=handle,
            connection=waiting_as(connection),
            binder_hash=hash_token(binder),
            expects=challenge.expects,
            return_to=AFTERWARDS,
            created_at=now,
            expires_at=now + PENDING_LIFE,
        )
        await self._store.remember_pending(pending)
        return leaving

    async def complete(self, callback: Callback) -> LogoutOutcome:
        """Take the provider's answer. One that breaks a rule is recorded and counts as failed.

        Raises:
            SignInExpired: Not a logout that this browser is waiting for.
        """
        now = self._clock()
        logout = self._logout(callback.connection)
        if not callback.handle:
            raise SignInExpired("signin.unknown", "the answer names no logout that was started here")
        pending = await self._store.take_pending(
            waiting_as(callback.connection), callback.handle, hash_token(callback.binder), now
        )
        try:
            return await logout.read_answer(callback, pending.expects, now)
        except FederationError as refusal:
            await self._note(refusal, callback)
            return LogoutOutcome.FAILED

    async def returned(self, callback: Callback) -> LogoutOutcome:
        """Take back who comes from a provider that answers by that alone; refuse them nothing.

        What is wrong with it is recorded and counts as failed: they are signed out here anyhow.

        Args:
            callback: Its connection is what this browser remembers, "" if nothing.
        """
        try:
            if not callback.connection:
                raise SignInExpired("signin.unknown", "this browser waits for no answer to a logout")
            return await self.complete(callback)
        except FederationError as refusal:
            await self._note(refusal, callback)
            return LogoutOutcome.FAILED

    async def framed(self, connection: str, params: Mapping[str, str]) -> None:
        """End the session that a frame in a provider's page names; nothing tells whether there was one.

        Raises:
            RequestRefused: The frame's URL broke a rule.
            ProviderUnavailable: The provider's metadata could not be had.
            StoreUnavailable: The session could not be ended.
        """
        now = self._clock()
        names = await self._logout(connection).read_frame(params, now)
        ended = 0
        for one in self._parties(connection):
            for name in names:
                ended += await self._store.end_session_alone(
                    one, name, now, organization=self._organization(connection)
                )
        log.info("ended by a frame", extra={"connection": connection, "sessions": ended})

    async def requested(self, callback: Callback, *, recorded: bool) -> Challenge | None:
        """End the sessions that a provider names; return our answer, None where it takes none.

        Args:
            callback: The message.
            recorded: Whether a refusal is: not of who was refused too often.

        Raises:
            AssertionRefused: The message broke a rule, or came before: nobody is answered.
            ProviderUnavailable: The provider's metadata could not be had.
            StoreUnavailable: It was not done, and that is our answer.
        """
        now = self._clock()
        logout = self._logout(callback.connection)
        try:
            request = await logout.read_request(callback, now)
            done = await self._end(request, callback.connection, now)
        except FederationError as refusal:
            if recorded:
                await self._recorder.record_refusal(refusal, callback)
            raise
        return await logout.answer(request, relay_state=callback.handle, done=done, now=now)

    async def _end(self, request: ProviderLogout, connection: str, now: datetime) -> bool:
        """End what is named, once; False where the store did not let us, and they may ask again."""
        try:
            ended = await self._store.end_provider_sessions(
                self._parties(connection),
                request.names,
                request.indexes,
                organization=self._organization(connection),
                # No identifier holds a space: an assertion of the same id is another one.
                claim=(request.issuer, f"logout {request.id}"),
                issued_at=request.issued_at,
                until=request.until,
                now=now,
            )
        except StoreUnavailable as outage:
            log.warning("not ended", extra={"connection": connection, "code": outage.code})
            return False
        log.info("ended by the provider", extra={"connection": connection, "sessions": ended})
        return True

    def _logout(self, connection: str) -> Logout:
        connector = self._connectors.get(connection)
        if connector is None or connector.logout is None:
            raise RequestRefused("signin.no_connection", "no connection of this id can be signed out of")
        return connector.logout

    def _organization(self, connection: str) -> str:
        """Return whose it is now; sessions that another's of the same id opened are not its provider's."""
        return self._connectors[connection].connection.organization

    def _parties(self, connection: str) -> tuple[str, ...]:
        """Return with which of its organization a connection shares our name to the provider.

        Of this moment: connections come and go.
        """
        ours = self._connectors.get(connection)
        if ours is None or ours.logout is None:
            return ()
        whose = ours.connection.organization, ours.logout.party
        return tuple(
            name
            for name, one in self._connectors.items()
            if one.logout is not None and (one.connection.organization, one.logout.party) == whose
        )

    async def _note(self, refusal: FederationError, callback: Callback | None) -> None:
        """Record a refusal that the person is not shown: they are signed out here, as they wanted."""
        reference = await self._recorder.record_refusal(refusal, callback)
        log.warning("logout refused", extra={"ref": reference, "code": refusal.code})


def waiting_as(connection: str) -> str:
    """Return the name under which a logout waits: no sign-in's answer can take it, nor the reverse."""
    return f"logout:{connection}"
