"""The story of a sign-in: begin · complete · end, the same lines for every protocol.

Each step is one function and at most one store verb. A verified assertion is claimed in the
transaction that opens its session, or in the one that records why none is opened. A refusal
gets its reference here, is recorded under it, and goes on its way.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from federation.clock import Clock
from federation.connection import AnyConnection, Organization
from federation.connectors.contract import Callback, Connector
from federation.decision import Decision
from federation.errors import (
    AccountRefused,
    Check,
    FederationError,
    PolicyRefused,
    ProofNeeded,
    RequestRefused,
    SignInExpired,
    SsoRequired,
    StoreUnavailable,
)
from federation.identity import Identity, Session, VerifiedAssertion
from federation.records import records
from federation.rules.rule import SystemRole
from federation.signin import tokens_at_rest
from federation.signin.deciding import Deciding
from federation.signin.joins import Joins
from federation.signin.recording import Recorder, digest_of, size_of
from federation.signin.return_to import local_path
from federation.signin.values import Begun, Completed, Goal, Limits
from federation.store.store import Store
from federation.store.values import TRIAL, Claim, NewSession, Pending, Record, SealedTokens
from federation.trial import sandbox
from federation.trial.sandbox import Sandbox
from federation.vault import Vault, hash_token

PENDING_LIFE = timedelta(minutes=10)
_SPREAD = 0.1  # of the interval at which a provider is asked again
ANEW, LINK = "anew", "link"  # keys of ``Pending.expects``, each with the id of a user


class SignIn:
    """Everything a sign-in needs, made once at start."""

    def __init__(  # noqa: PLR0913  all that it is made of
        self,
        *,
        connectors: Mapping[str, Connector],
        organizations: Mapping[str, Organization],
        system_roles: Mapping[str, tuple[SystemRole, ...]],
        store: Store,
        vault: Vault,
        limits: Limits,
        sandbox: Sandbox,
        clock: Clock,
    ) -> None:
        self.connectors = connectors
        self.store = store
        self.deciding = Deciding(organizations=organizations, system_roles=system_roles, store=store)
        self.recorder = Recorder(connectors=connectors, store=store, vault=vault, clock=clock)
        self.joins = Joins(store, clock)
        self.sandbox = sandbox
        self._vault = vault
        self._limits = limits
        self._clock = clock

    async def begin(  # noqa: PLR0913  what a sign-in begins with, each said aloud
        self,
        connection: str,
        *,
        return_to: str,
        binder: str,
        session_token: str,
        login_hint: str,
        trial: str,
        anew: Session | None = None,
        link: Session | None = None,
    ) -> Begun:
        """Start a sign-in at one connection.

        Args:
            connection: Its id, from the path.
            return_to: Where the person wanted to go; a local path.
            binder: The browser's binder cookie, "" if it has none yet.
            session_token: The browser's session cookie, "" if it has none: a cross-site answer
                comes without it, and the session that this sign-in opens replaces that one.
            login_hint: An e-mail address, passed on to the provider; "" leaves it out.
            trial: Id of the trial that it is: nothing is opened in the end, and the connection need not be
                enabled. "" for a sign-in.
            anew: Whose session is to be proved anew: they are asked as if nobody were signed in, and nobody
                else's answer counts. None: no matter who comes.
            link: Whose session asks for another way in: nothing is opened, and what is proved waits to be
                joined to this user. None: it is a sign-in.

        Raises:
            RequestRefused: ``signin.no_connection``, ``return_to.not_local``.
            PolicyRefused: ``policy.connection_disabled``.
            ProviderUnavailable: The provider's metadata could not be had.
        """
        now = self._clock()
        goal = local_path(return_to)
        connector = self.connectors.get(connection)
        if connector is None:
            raise RequestRefused("signin.no_connection", "no connection has this id")
        if not (trial or connector.connection.enabled):
            raise PolicyRefused("policy.connection_disabled", "the settings switch this connection off")
        handle = secrets.token_urlsafe(32)
        challenge = await connector.begin(
            handle=handle, login_hint=login_hint, fresh=anew is not None, now=now
        )
        marks = {TRIAL: trial, ANEW: anew.user.id if anew else "", LINK: link.user.id if link else ""}
        # Made once and shared by all tabs: a second tab must not unbind the first.
        binder = binder or secrets.token_urlsafe(32)
        pending = Pending(
            handle=handle,
            connection=connection,
            binder_hash=hash_token(binder),
            expects={**challenge.expects, **{key: value for key, value in marks.items() if value}},
            return_to=goal,
            replaces=hash_token(session_token) if session_token else b"",
            created_at=now,
            expires_at=now + PENDING_LIFE,
        )
        await self.store.remember_pending(pending)
        return Begun(url=challenge.url, fields=challenge.fields, binder=binder)

    async def complete(self, callback: Callback) -> Completed:
        """Finish a sign-in: take, verify, decide, claim and open. Records every outcome.

        Raises:
            SignInExpired: Not a sign-in that this browser is waiting for.
            AssertionRefused: The message broke a rule.
            PolicyRefused: The person may not enter.
            ProviderUnavailable: The provider failed.
        """
        now = self._clock()
        try:
            return await self._complete(callback, now)
        except FederationError as refusal:
            if refusal.code == "signin.used" and (again := await self._go_on(callback, now)):
                return again
            await self.recorder.record_refusal(refusal, callback)
            raise

    async def _complete(self, callback: Callback, now: datetime) -> Completed:
        connector = self.connectors.get(callback.connection)
        if connector is None:
            raise RequestRefused("signin.no_connection", "no connection has this id")
        try:
            pending = await self._take(callback, now)
        except SignInExpired as unknown:
            if unknown.code != "signin.unknown" or connector.uninvited.policy == "refuse":
                raise
            return await self._welcome(connector, callback, now)
        if pending.trial:
            await self.sandbox.complete(pending, connector, callback, now, story=self.deciding)
            return Completed(return_to=pending.return_to, token="", session=None)
        assertion, callback = await self._verify(connector, callback, pending.expects, now)
        goal = Goal(
            return_to=pending.return_to,
            handle=pending.handle,
            replaces=pending.replaces,
            asked_at=pending.created_at,
            anew=pending.expects.get(ANEW, ""),
            link=pending.expects.get(LINK, ""),
        )
        return await self._admit(assertion, connector, goal, callback, now)

    async def _welcome(self, connector: Connector, callback: Callback, now: datetime) -> Completed:
        """Receive an answer to no request of ours, as its connection wants it."""
        return_to = connector.uninvited.landing(callback.handle)
        if connector.uninvited.policy == "restart":
            return Completed(return_to=return_to, token="", session=None, restart=True)
        assertion, callback = await self._verify(connector, callback, None, now)
        goal = Goal(return_to=return_to, handle="", replaces=b"", asked_at=None)
        return await self._admit(assertion, connector, goal, callback, now)

    async def _verify(
        self, connector: Connector, callback: Callback, expects: Mapping[str, str] | None, now: datetime
    ) -> tuple[VerifiedAssertion, Callback]:
        """Verify an answer to what was asked (None: nothing was), and hold on to it where it is kept."""
        if connector.connection.record == "redacted":
            return await sandbox.ask(connector, callback, expects, now), callback
        assertion, said = await self.sandbox.hear_out(connector, callback, expects, now)
        return assertion, replace(callback, said=said)

    async def _admit(
        self,
        assertion: VerifiedAssertion,
        connector: Connector,
        goal: Goal,
        callback: Callback,
        now: datetime,
    ) -> Completed:
        claim = Claim(issuer=assertion.subject.issuer, id=assertion.id, until=assertion.not_on_or_after)
        who: Identity | None = None
        try:
            who = self.deciding.identify(assertion, connector.connection)
            decision = await self.deciding.decide(who, connector.connection, assertion.checks, now)
            await self._expected_person(who, goal, assertion.checks)
            if goal.link:
                return await self.joins.await_link(who, claim, goal, callback, now)
            return await self._open(decision, claim, goal, callback, now)
        except FederationError as refusal:
            refusal.person, refusal.identity = assertion.subject.person, who
            refusal.checks = refusal.checks or assertion.checks  # the signature held: see rate limits
            if isinstance(refusal, SsoRequired):
                refusal.return_to = goal.return_to
            if refusal.code != "signin.replayed" and not isinstance(refusal, StoreUnavailable):
                await self._spend(claim, refusal, assertion.checks, callback, now)
                if isinstance(refusal, ProofNeeded) and who is not None:
                    await self.joins.await_proof(refusal, who, goal, now)
            raise

    async def _expected_person(self, who: Identity, goal: Goal, checks: tuple[Check, ...]) -> None:
        """Refuse somebody else where one person was asked, and a way in that leads somewhere already.

        Raises:
            AccountRefused: ``account.another_person``, ``account.link_taken``.
        """
        if not (goal.anew or goal.link):
            return
        owner = await self.store.owner_of(who.organization, who.subject.person)
        if goal.anew and owner != goal.anew:
            raise AccountRefused(
                "account.another_person", "another person came back than the one who was asked", checks
            )
        if goal.link and owner is not None:
            raise AccountRefused("account.link_taken", "this way in leads to an account already", checks)

    async def _spend(
        self,
        claim: Claim,
        refusal: FederationError,
        verified: tuple[Check, ...],
        callback: Callback,
        now: datetime,
    ) -> None:
        """Record a refusal, and claim its assertion with it: it is not accepted later either.

        Raises:
            AssertionRefused: ``signin.replayed``. That it came before is what is told, whatever
                was decided of it meanwhile.
            StoreUnavailable: It could come again, so the refusal may not be the last word.
        """
        reference = records.mint_reference()
        record, sealing = self.recorder.of_refusal(refusal, reference, callback, now)
        try:
            await self.store.keep_record(record, claim=claim, sealing=sealing)
        except FederationError as told:
            told.person, told.identity = refusal.person, refusal.identity
            told.checks = told.checks or verified
            raise told from None
        refusal.reference = reference

    async def _take(self, callback: Callback, now: datetime) -> Pending:
        if not callback.handle:
            raise SignInExpired("signin.unknown", "the answer names no sign-in that was started here")
        return await self.store.take_pending(
            callback.connection, callback.handle, hash_token(callback.binder), now
        )

    async def _open(
        self, decision: Decision, claim: Claim, goal: Goal, callback: Callback, now: datetime
    ) -> Completed:
        token = secrets.token_urlsafe(32)
        ends = now + self._limits.absolute
        if (until := decision.identity.authentication.session_until) is not None:
            ends = min(ends, until)
        reference = records.mint_reference()
        record = Record(
            reference=reference,
            at=now,
            code="",
            detail="admitted",
            connection=decision.identity.connection,
            organization=decision.identity.organization,
            size=size_of(callback),
            digest=digest_of(callback),
            person=decision.identity.subject.person,
        )
        new = NewSession(
            token_hash=hash_token(token),
            ended_token_hash=hash_token(callback.session_token) if callback.session_token else goal.replaces,
            handle=goal.handle,
            idle=self._limits.idle.total_seconds(),
            absolute_end=ends,
            user_agent=callback.user_agent[:200],
            provider_sealed=self._seal_theirs(decision.identity, hash_token(token)),
            tokens=self._seal_tokens(decision.identity, hash_token(token), now),
            reread_at=self._reread_at(decision.identity, now),
            asked_at=goal.asked_at,
            asked_anew=bool(goal.anew),
            bootstrap=hash_token(callback.bootstrap) if callback.bootstrap else b"",
            invitation=hash_token(callback.invitation) if callback.invitation else b"",
            record=record,
        )
        sealing = self.recorder.sealing(
            record.person, reference, decision.checks, decision.identity, said=callback.said
        )
        before = await self.store.find_session(new.ended_token_hash, now) if new.ended_token_hash else None
        session = await self.store.open_session(decision, new, now, claim=claim, sealing=sealing)
        return Completed(
            return_to=goal.return_to,
            token=token,
            session=session,
            replaces_another=before is not None and not _is_same_person(before, session),
        )

    def _seal_theirs(self, who: Identity, token_hash: bytes) -> str:
        """Encrypt what it takes to end their session at the provider: it names the person."""
        if (theirs := who.provider_session) is None:
            return ""
        return self._vault.seal(theirs.encode(), place_of_theirs(who.connection, token_hash))

    def _seal_tokens(self, who: Identity, token_hash: bytes, now: datetime) -> SealedTokens | None:
        if who.tokens is None:
            return None
        return tokens_at_rest.seal(
            who.tokens,
            vault=self._vault,
            connection=who.connection,
            person=who.subject.person,
            token_hash=token_hash,
            now=now,
        )

    def _reread_at(self, who: Identity, now: datetime) -> datetime | None:
        """Return when their provider is asked about them again; None where it cannot be."""
        connector = self.connectors[who.connection]
        asks = connector.rereading
        if asks is None or (asks.needs_tokens and who.tokens is None):
            return None
        return next_reread(connector.connection, who.subject.person, now)

    async def _go_on(self, callback: Callback, now: datetime) -> Completed | None:
        """Answer a repeated message from the browser whose session it opened: just go on."""
        if not callback.session_token:
            return None
        goal = await self.store.finished(callback.handle, hash_token(callback.session_token), now)
        return Completed(return_to=goal, token="", session=None) if goal else None

    async def end(self, token: str) -> None:
        """End the session of this cookie, on every node."""
        await self.store.end_session(hash_token(token), self._clock())


def next_reread(connection: AnyConnection, person: str, now: datetime) -> datetime:
    """Return when to ask about somebody again: after the interval, less up to a tenth of it, each their own.

    Whoever signed in with all others at nine is not asked about with all others at ten.
    """
    share = int(person[:8], 16) / 2**32  # of a digest: spread evenly
    return now + connection.reconcile_every * (1 - _SPREAD * share)


def _is_same_person(before: Session, session: Session) -> bool:
    """Tell whether a person would call both theirs: by two connections one human may be two users."""
    if before.user.id == session.user.id:
        return True
    address = session.user.email.lower()
    same_address = bool(address) and before.user.email.lower() == address
    return same_address and before.organization == session.organization


def place_of_theirs(connection: str, token_hash: bytes) -> str:
    """Return where the words about a session's own at the provider stand: moved, they open nowhere."""
    return f"provider_session:{connection}:{token_hash.hex()}"
