"""The story of a sign-in: begin · complete · end, the same lines for every protocol.

Each step is one function and at most one store verb. A verified assertion is claimed in the
transaction that opens its session, or in the one that records why none is opened. A refusal
gets its reference here, is recorded under it, and goes on its way.
"""

import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from federation import attributes, tokens_at_rest
from federation.clock import Clock
from federation.connection import AnyConnection, Organization
from federation.connectors.contract import Callback, Connector
from federation.decision import Decision, Settled
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
from federation.policy import addresses, domains
from federation.policy.decide import decide
from federation.records import records
from federation.return_to import local_path
from federation.rules.rule import SystemRole
from federation.scim.subjects import awaited
from federation.store.store import Store
from federation.store.values import (
    RECORD_DETAIL,
    TRIAL,
    Claim,
    NewSession,
    Pending,
    Record,
    SealedTokens,
    Sealing,
)
from federation.trial import message, sandbox
from federation.trial.sandbox import Sandbox
from federation.vault import Vault

log = logging.getLogger(__name__)

PENDING_LIFE = timedelta(minutes=10)
_SPREAD = 0.1  # of the interval at which a provider is asked again
JOIN_LIFE = timedelta(minutes=10)
ANEW, LINK = "anew", "link"  # keys of ``Pending.expects``, each with the id of a user


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a session lives."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A started sign-in: where to send the browser, and which binder it must hold."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)  # of a form to post there; none: a redirect
    binder: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A finished sign-in. ``token`` is "" where the browser's own session already stands.

    ``restart`` instead asks for a sign-in of our own: then nothing of the answer was used.
    """

    return_to: str
    token: str = field(repr=False)
    session: Session | None
    restart: bool = False
    join_token: str = field(default="", repr=False)  # what the browser keeps of a way in that waits; ""
    replaces_another: bool = False  # another user's live session of this browser ended with it


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where a sign-in leads, and what it replaces."""

    return_to: str
    handle: str = field(repr=False)  # of the pending sign-in; "" where there was none
    replaces: bytes = field(repr=False)  # SHA-256 of the token of the session that it replaces
    asked_at: datetime | None  # when it was started here; None: it was not
    anew: str = ""  # id of the user who was asked to prove themselves anew; "": nobody in particular
    link: str = ""  # id of the user whose further way in it is to be; "": it is a sign-in


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
        self.organizations = organizations
        self._system_roles = system_roles  # by connection id: the settings file's, and nobody else's
        self.store = store
        self._vault = vault
        self._limits = limits
        self.sandbox = sandbox
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
            await self.record_refusal(refusal, callback)
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
            await self.sandbox.complete(pending, connector, callback, now, story=self)
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
            who = self.identify(assertion, connector.connection)
            decision = await self.decide(who, connector.connection, assertion.checks, now)
            await self._expected_person(who, goal, assertion.checks)
            if goal.link:
                return await self._await_link(who, claim, goal, callback, now)
            return await self._open(decision, claim, goal, callback, now)
        except FederationError as refusal:
            refusal.person, refusal.identity = assertion.subject.person, who
            refusal.checks = refusal.checks or assertion.checks  # the signature held: see rate limits
            if isinstance(refusal, SsoRequired):
                refusal.return_to = goal.return_to
            if refusal.code != "signin.replayed" and not isinstance(refusal, StoreUnavailable):
                await self._spend(claim, refusal, assertion.checks, callback, now)
                if isinstance(refusal, ProofNeeded) and who is not None:
                    await self._await_proof(refusal, who, goal, now)
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

    async def _await_link(
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
            size=_size(callback),
            digest=_digest(callback),
            person=who.subject.person,
        )
        await self.store.keep_record(record, claim=claim, sealing=None)
        token = secrets.token_urlsafe(32)
        await self.store.ask_join(hash_token(token), who, now, now + JOIN_LIFE, user_id=goal.link)
        return Completed(return_to=goal.return_to, token="", session=None, join_token=token)

    async def _await_proof(self, refusal: ProofNeeded, who: Identity, goal: Goal, now: datetime) -> None:
        """Remember a new Subject until its person has proved whose it is, in this browser.

        Not where nobody here asked for the sign-in: anybody may post an answer of their own into
        the browser of somebody else, who would then prove it theirs.
        """
        refusal.connection = who.connection
        if goal.handle:
            token = secrets.token_urlsafe(32)
            await self.store.ask_join(hash_token(token), who, now, now + JOIN_LIFE)
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
        waiting = await self.store.find_join(hash_token(join_token), now)
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
        record, sealing = self._record(refusal, reference, callback, now)
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

    def identify(self, assertion: VerifiedAssertion, connection: AnyConnection) -> Identity:
        return attributes.normalize(
            assertion,
            connection=connection.id,
            organization=connection.organization,
            attributes=connection.attributes,
            split_groups=connection.split_groups,
        )

    async def decide(
        self, who: Identity, connection: AnyConnection, checks: tuple[Check, ...], now: datetime
    ) -> Decision:
        organization = self.organizations[connection.organization]
        verified = await self._verified(connection, now)
        decision = decide(
            who,
            connection,
            organization,
            checks,
            system_roles=self._system_roles.get(connection.id, ()),
            verified=verified,
        )
        if connection.scim is None:
            return decision
        return replace(decision, awaited=awaited(who, connection, email_trusted=decision.email_proven))

    async def is_trusted(self, who: Identity, connection: AnyConnection, now: datetime) -> bool:
        """Tell whether an address is theirs by the connection's word, whatever rules say of them."""
        organization = self.organizations[connection.organization]
        verified = await self._verified(connection, now)
        return addresses.is_trusted(who, connection, organization, verified)

    async def _verified(self, connection: AnyConnection, now: datetime) -> frozenset[str]:
        """Return the domains that are proven to be the organization's, where that is asked."""
        if not domains.needs_proof(connection, self.organizations[connection.organization]):
            return frozenset()
        return await self.store.proved_domains(connection.organization, now)

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
            size=_size(callback),
            digest=_digest(callback),
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
        sealing = self.sealing(
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

    async def record_refusal(
        self, refusal: FederationError, callback: Callback | None = None, *, connection: str = ""
    ) -> str:
        """Mint a reference, set it on the refusal, and keep why under it.

        Of which connection, the callback tells; without one, ``connection``. Where the store is
        what failed, the log alone has the reference; the refusal stays the one that the person
        is told.
        """
        if refusal.reference:
            return refusal.reference
        refusal.reference = records.mint_reference()
        record, sealing = self._record(
            refusal, refusal.reference, callback, self._clock(), connection=connection
        )
        try:
            await self.store.keep_record(record, claim=None, sealing=sealing)
        except StoreUnavailable as outage:
            log.error(  # noqa: TRY400  the trace may hold what was to be stored
                "not recorded", extra={"ref": refusal.reference, "why": outage.code}
            )
        return refusal.reference

    def _record(
        self,
        refusal: FederationError,
        reference: str,
        callback: Callback | None,
        now: datetime,
        *,
        connection: str = "",
    ) -> tuple[Record, Sealing | None]:
        known = self.connectors.get(callback.connection if callback else connection)
        sealing, sealed = None, ""
        said = refusal.message or (callback.said if callback else b"")
        if refusal.person and refusal.checks:
            who = refusal.identity if isinstance(refusal.identity, Identity) else None
            sealing = self.sealing(refusal.person, reference, refusal.checks, who, said=said)
        elif said:
            sealed = self._vault.seal(said, message.place(reference))
        record = Record(
            reference=reference,
            at=now,
            code=refusal.code,
            detail=refusal.detail[:RECORD_DETAIL],
            connection=known.connection.id if known else "",
            organization=known.connection.organization if known else "",
            size=_size(callback) if callback else 0,
            digest=_digest(callback) if callback else "",
            person=refusal.person,
            message=sealed,
        )
        return record, sealing

    def sealing(
        self,
        person: str,
        reference: str,
        checks: tuple[Check, ...],
        who: Identity | None,
        *,
        said: bytes = b"",
    ) -> Sealing:
        """Encrypt a record under the person's own key, so that erasing the key erases it.

        Each key of the ring wraps its own: a ring whose first key was changed, or lost, seals on. What
        the message ``said`` is sealed likewise, where it is kept.
        """
        keyed = self._vault.keyed(f"person:{person}")

        def seal(wrapped: str, settled: Settled | None) -> str:
            every = (*checks, *settled.link.checks, *settled.outcome.checks) if settled else checks
            told = records.encode(every, who, settled)
            return keyed.seal(wrapped, told, f"record:{reference}")

        def seal_message(wrapped: str) -> str:
            return keyed.seal(wrapped, said, message.place(reference))

        return Sealing(
            ring_key=self._vault.first,
            fresh=keyed.fresh,
            seal=seal,
            seal_message=seal_message if said else None,
        )


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


def hash_token(token: str) -> bytes:
    """Return what is stored in place of a token; SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _size(callback: Callback) -> int:
    return sum(len(value) for value in callback.params.values())


def _digest(callback: Callback) -> str:
    return hashlib.sha256("\n".join(callback.params.values()).encode("utf-8", "surrogatepass")).hexdigest()
