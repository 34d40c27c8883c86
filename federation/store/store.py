"""The verbs of the store, each named for its promise, atomic on any node.

Two twins keep them: ``sqlite.SqliteStore`` and ``postgres.PostgresStore``, held to one suite.
Values in, values out; each change of state is one awaited verb and one transaction.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from federation.decision import Decision, Standing
from federation.errors import ConfigurationError
from federation.identity import Identity, Session
from federation.store.administration_store import AdministrationStore
from federation.store.audit import AuditEntry
from federation.store.directory_store import DirectoryStore
from federation.store.endings import Administrators
from federation.store.endings_store import EndingsStore
from federation.store.kept_store import KeptStore
from federation.store.local_store import LocalStore
from federation.store.own_account_store import OwnAccountStore
from federation.store.provisioning_store import ProvisioningStore
from federation.store.records_store import RecordsStore
from federation.store.setup_links_store import SetupLinksStore
from federation.store.teams_store import TeamsStore
from federation.store.trials_store import TrialsStore
from federation.store.values import (
    AUDIT_LIFE,
    RECORD_LIFE,
    Admitted,
    Awaited,
    Claim,
    Cursor,
    DomainProof,
    Enforcement,
    Erased,
    Invitation,
    Join,
    KeptTokensOf,
    Metadata,
    MetadataChange,
    NewSession,
    Pending,
    PersonData,
    PersonFound,
    PolicyInForce,
    Preflight,
    Record,
    RecordFilter,
    RecordPage,
    Released,
    SealedTokens,
    Sealing,
)


class Store(
    AdministrationStore,
    DirectoryStore,
    LocalStore,
    EndingsStore,
    TeamsStore,
    OwnAccountStore,
    KeptStore,
    ProvisioningStore,
    SetupLinksStore,
    TrialsStore,
    RecordsStore,
    Protocol,
):
    """What the shell may ask of the database. Every ``now`` is UTC and aware."""

    def audited(self, entry: AuditEntry) -> "Store":
        """Return the same store, whose next change is told in the audit log, in its transaction.

        A verb that answers False or None has changed nothing, and nothing is told.
        """

    async def remember_pending(self, pending: Pending) -> None:
        """Keep a started sign-in until it is taken or expires; it may be lost with the power.

        Raises:
            PolicyRefused: ``policy.connection_disabled``: its connection is switched off.
        """

    async def take_pending(self, connection: str, handle: str, binder_hash: bytes, now: datetime) -> Pending:
        """Mark used and return a pending sign-in: one caller wins, on any node.

        The mark may be lost with the power until a session or a record is kept after it.

        Raises:
            SignInExpired: ``signin.unknown`` (or expired), ``signin.connection``,
                ``signin.browser``, ``signin.used``; the first of these that is true.
        """

    async def is_waiting(self, connection: str, handle: str, now: datetime) -> bool:
        """Tell whether this handle is live: known for this connection, unused, unexpired."""

    async def connection_of(self, handle: str, now: datetime) -> str | None:
        """Return where the sign-in of this handle was started, answered or not; None once it is expired."""

    async def finished(self, handle: str, token_hash: bytes, now: datetime) -> str | None:
        """Return where to go on, if this used handle opened the caller's own live session."""

    async def person_keys(self, person: str) -> tuple[str, ...]:
        """Return every wrapped record key of this person, newest first."""

    async def open_session(
        self,
        decision: Decision,
        new: NewSession,
        now: datetime,
        *,
        claim: Claim | None,
        sealing: Sealing | None,
    ) -> Session:
        """Claim the assertion; write user, account, grants, session and record: one transaction.

        The user is found by the decision's Subject within the organization, or made; two
        sign-ins of the same new person at one moment make one user. Who is refused leaves
        nothing behind, nor a claim: see ``keep_record``.

        Args:
            decision: What was decided of a verified assertion.
            new: What to write.
            now: UTC.
            claim: The assertion's; None where there is none to be replayed.
            sealing: Of ``new.record``; None where it is sealed.

        Raises:
            AssertionRefused: ``signin.replayed``: the claim was taken; nothing else is looked at.
            PolicyRefused: ``identity.subject_recycled``: this Subject came with another stable id
                of this kind before. One that says none, or none of a kind seen before, is let
                through; of each kind the one seen first stays, however long it is not sent.
            SignInExpired: ``signin.logged_out``: the provider has ended this session of theirs
                since the authentication, or since we know not when.
        """

    async def forget_stable_ids(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        """Forget every stable id of a Subject's account: those that come next are kept.

        Args:
            organization: In which the account is.
            person: ``Subject.person``.
            refused_at: When the sign-in was refused that is the reason.
            now: UTC.

        Returns:
            None where there is no account of this Subject, or only one that has come into
            being or was released since: the refusal says nothing about it.
        """

    async def detach_account(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        """Part a Subject from its account and end the sessions: its next sign-in makes a new user.

        User, grants and profile stay, reachable by no sign-in. Arguments and None as
        ``forget_stable_ids``.
        """

    async def invite(self, token_hash: bytes, invitation: Invitation) -> bool:
        """Keep an invitation in place of any open one to the same address; False where it is a member's.

        Args:
            token_hash: SHA-256 of the token in its link.
            invitation: Unused.
        """

    async def invitations(self, organization: str, now: datetime) -> tuple[Invitation, ...]:
        """Return the invitations of an organization that have not expired, used or not, newest first."""

    async def find_invitation(self, token_hash: bytes, now: datetime) -> Invitation:
        """Return the open invitation of this link.

        Raises:
            SignInExpired: ``signin.invitation_unknown`` (or expired, or revoked), ``signin.invitation_used``.
        """

    async def revoke_invitation(self, organization: str, identifier: str, now: datetime) -> bool:
        """Take an open invitation back; False if there is none of this id."""

    async def team_keys(self, organization: str, keys: tuple[str, ...]) -> frozenset[str]:
        """Return which of these are keys of teams of the store."""

    async def add_person(
        self, organization: str, email: str, *, connection: str, roles: tuple[str, ...], now: datetime
    ) -> Awaited | None:
        """Make a user for an address, or whoever has it a member again; the source is ``manual``.

        Args:
            organization: In which.
            email: One plain address.
            connection: Through which they will come, whatever its word for an address is worth; ""
                leaves that open.
            roles: To grant.
            now: UTC.

        Returns:
            None, and nothing is done: several users have the address, or a member has it who is
            given roles or for whom no connection is named.
        """

    async def ask_join(
        self, token_hash: bytes, who: Identity, now: datetime, until: datetime, *, user_id: str = ""
    ) -> None:
        """Keep that a Subject was refused for its address, in place of what the same one asked before.

        ``user_id`` names who, signed in already, asked for this way in: it waits for them alone then, with
        whatever address. "" waits for whoever has the address and signs in after this.
        """

    async def find_join(self, token_hash: bytes, now: datetime) -> Join:
        """Return what the browser with this cookie waits for.

        Raises:
            SignInExpired: ``signin.join_unknown``, ``signin.join_used``, ``signin.join_expired``.
        """

    async def join_account(
        self, token_hash: bytes, session: Session, now: datetime, *, record: Record
    ) -> None:
        """Make the waiting Subject an account of this session's user, and keep the record: one transaction.

        Args:
            token_hash: Of the browser's cookie.
            session: Live; of the same browser.
            now: UTC.
            record: Of the joining.

        Raises:
            SignInExpired: As ``find_join``; ``signin.join_organization``: the session is of another one;
                ``signin.join_earlier``: it was opened before the Subject came; ``signin.join_another``:
                its user does not have the address. Nothing is used up then.
        """

    async def drop_join(self, token_hash: bytes) -> None:
        """Forget what waits there."""

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        """Return the live session of this token and note its use, at most once a minute."""

    async def sessions_of(self, user_id: str, organization: str, now: datetime) -> tuple[Session, ...]:
        """Return the person's live sessions in this organization, newest first."""

    async def end_session(self, token_hash: bytes, now: datetime) -> None:
        """End the session of this token, on every node within a second."""

    async def end_session_by_id(self, user_id: str, session_id: str, now: datetime) -> bool:
        """End one session of this person; False if it is not theirs or has ended."""

    async def provider_session(self, token_hash: bytes, now: datetime) -> tuple[str, str, str] | None:
        """Return organization, connection and sealed words of this token's live session.

        None where its provider cannot end it.
        """

    async def end_provider_sessions(  # noqa: PLR0913  all that a message says
        self,
        connections: tuple[str, ...],
        names: tuple[str, ...],
        indexes: tuple[str, ...],
        *,
        organization: str,
        claim: tuple[str, str],
        issued_at: datetime,
        until: datetime,
        now: datetime,
    ) -> int:
        """End the sessions that a provider's logout names, on every node within a second; once.

        Remembered until ``until``, for those of its sessions that are opened later: see
        ``open_session``. All of it is one transaction: a message that failed may come again.

        Args:
            connections: To which the message was said; sessions of others stay.
            names: As in ``identity.ProviderSession``, or its ``alone``: the ways to write the one
                that is meant, at least one, at most ``values.PROVIDER_NAMES``.
            indexes: Likewise; at most ``values.PROVIDER_INDEXES``. None at all means every
                session of these names.
            organization: Whose connections they are; what another has by one of this id stays.
            claim: Issuer and id of the message, as ``claim_assertion`` remembers them.
            issued_at: When the provider said so; a later authentication is not meant.
            until: Until when its assertions of before may arrive; the caller bounds it.
            now: UTC.

        Returns:
            How many were alive.

        Raises:
            AssertionRefused: ``signin.replayed``; nothing is ended.
        """

    async def tokens_of(self, token_hash: bytes, now: datetime) -> KeptTokensOf | None:
        """Return what this token's live session keeps of its provider's tokens, if anything."""

    async def due_tokens(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[KeptTokensOf, ...]:
        """Return tokens of live sessions that should be renewed, the longest due first; nobody's turn yet.

        Of one organization: what another has by a connection of this id is not its provider's.
        """

    async def take_tokens(self, found: KeptTokensOf, holder: str, until: datetime, now: datetime) -> bool:
        """Take the right to renew these: one caller on any node, until a deadline.

        Args:
            found: As they were found; where somebody has them, the caller has seen them held for
                so long that they are gone, whatever the clock of who wrote the deadline said.
            holder: Who takes them; of no other attempt, before or after.
            until: The deadline. Who has not come back by then is taken to be gone.
            now: UTC.

        Returns:
            False where somebody has taken or renewed them since, where it was said not to try before
            a later time, or where the session has ended.
        """

    async def keep_renewed_tokens(
        self, session_id: str, holder: str, renewed: SealedTokens, now: datetime
    ) -> bool:
        """Put new tokens in place of those that were taken, and let go of them: one statement.

        Returns:
            False where the session has ended, or another has taken them since the deadline.
        """

    async def put_off_tokens(
        self, session_id: str, holder: str, until: datetime, renew_at: datetime | None
    ) -> None:
        """Let go of what was taken and not renewed.

        Args:
            session_id: Whose tokens.
            holder: Who took them; nothing is done where another has since.
            until: Before then nobody tries again.
            renew_at: When they are due again though nobody asks.
        """

    async def end_refused_session(self, session_id: str, holder: str, now: datetime) -> bool:
        """End the session whose tokens this holder took and was refused; on every node within a second.

        Returns:
            False where it has ended, or another has taken or renewed them since.
        """

    async def end_session_alone(self, connection: str, name: str, now: datetime, *, organization: str) -> int:
        """End the session that its provider names without the person; return how many were alive.

        Nothing is claimed or remembered: whoever says this may be anybody who knows the name.

        Args:
            connection: As for ``end_provider_sessions``.
            name: As ``identity.ProviderSession.alone``.
            now: UTC.
            organization: As for ``end_provider_sessions``.
        """

    async def find_metadata(self, connection: str) -> Metadata | None:
        """Return what this connection's provider publishes, None where nothing was kept yet."""

    async def may_fetch(self, connection: str, now: datetime, pause: timedelta) -> bool:
        """Tell whether to fetch it now: one caller on any node, at most once in each pause."""

    async def note_checked(
        self, connection: str, etag: str, last_modified: str, now: datetime, *, digest: str
    ) -> None:
        """Note that the provider still publishes the document of this digest, if that is still in force.

        Otherwise the headers belong to a document that another node has put aside meanwhile.
        """

    async def keep_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        """Put a document in force and record its changes, if there are any.

        What is held goes: the provider publishes this one now. ``held_*`` of the value is not read.

        Args:
            metadata: The new document.
            changes: A line each.
            now: UTC.
            previous: Digest of the document in force that it was compared with, "" for none.

        Returns:
            False where another one is in force by now: somebody else was first.
        """

    async def hold_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        """Keep a document beside the one in force until it is approved; arguments as ``keep_metadata``.

        Returns:
            True where this call recorded a change. False where another one is in force by now,
            or none; where this document is held already, or with the same changes; where it
            was rejected.
        """

    async def approve_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        """Put the held document of this digest, and no other, in force; False if it is not held."""

    async def reject_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        """Drop the held document of this digest, never to hold it again; False if it is not held."""

    async def metadata_changes(self, connection: str | None, limit: int) -> tuple[MetadataChange, ...]:
        """Return the latest changes, newest first, of one connection or (None) of all; 1,000 at most."""

    async def keep_record(self, record: Record, *, claim: Claim | None, sealing: Sealing | None) -> None:
        """Keep why an attempt ended: 10,000 without a person, 100 of each person in an organization.

        Args:
            record: Of a person where ``sealing`` is given.
            claim: Of the assertion that was refused: it is not accepted later either. None where
                none was verified.
            sealing: Of the record; None where it is sealed, or nothing in it is.

        Raises:
            AssertionRefused: ``signin.replayed``: the claim was taken; nothing is kept.
        """

    async def find_record(self, reference: str) -> Record | None:
        """Return the record under a reference."""

    async def list_records(
        self, asked: RecordFilter, after: Cursor | None, limit: int, now: datetime
    ) -> RecordPage:
        """Return up to ``limit`` records, newest first, without what is sealed in them.

        Args:
            asked: Which.
            after: Where the page before ended; None for the first.
            limit: Of the page. It may be short, or empty, and lead on: a page looks at a thousand.
            now: UTC; nothing later is told.
        """

    async def list_admitted(
        self, asked: RecordFilter, after: Cursor | None, limit: int, now: datetime
    ) -> tuple[tuple[Admitted, ...], Cursor | None]:
        """Return who was admitted, newest first: of each person and connection the latest record.

        Arguments as ``list_records``; ``code`` of what is asked is not read.
        """

    async def stands(self, decision: Decision) -> Standing | None:
        """Return what stands of the person of a decision; None where they have no account."""

    async def records_of(self, person: str, organization: str) -> tuple[Record, ...]:
        """Return a person's records in an organization, newest first."""

    async def find_persons(self, who: str, organization: str) -> tuple[PersonFound, ...]:
        """Return the users whom an e-mail address, a user id or ``Subject.person`` means, come or awaited."""

    async def export_person(self, user_id: str, organization: str) -> PersonData:
        """Return all that is kept of a user in an organization; no token, nor a hash of one."""

    async def erase_person(
        self, user_id: str, organization: str, *, administrators: Administrators, force: bool
    ) -> Erased:
        """Delete all that is kept of a user in an organization; sessions end on every node within a second.

        Of their records stays that and how an attempt ended; of whom goes, with their key. What
        other organizations keep stays.

        Args:
            user_id: Whom.
            organization: Where.
            administrators: By organization, what makes an administrator, of whom one must be left.
            force: Also the last one.
        """

    async def policies(self) -> tuple[PolicyInForce, ...]:
        """Return the policies that the service last started with."""

    async def keep_policy(
        self, connection: str, digest: str, policy: str, now: datetime, *, previous: str
    ) -> bool:
        """Note a connection's policy, unless another than ``previous`` ("": none) was noted meanwhile.

        Everybody of whom its directory speaks becomes due, some at a time: see ``spread_provisioned``.
        """

    async def proved_domains(self, organization: str, now: datetime) -> frozenset[str]:
        """Return the domains of this organization whose record was seen in DNS in the last three weeks."""

    async def proofs_of(self, domains: Collection[str], now: datetime) -> frozenset[tuple[str, str]]:
        """Return which of these domains are proved, each with whose it is (organization, domain)."""

    async def domain_proofs(self) -> tuple[DomainProof, ...]:
        """Return every domain that somebody wants to prove, by organization and name."""

    async def begin_domain_proof(
        self, organization: str, domain: str, token: str, now: datetime
    ) -> DomainProof:
        """Keep a token for this domain, unless it has one; return what stands."""

    async def note_domain_proof(self, proof: DomainProof, now: datetime, *, seen: bool) -> None:
        """Note that DNS answered, and whether the record was there; the latest look counts."""

    async def enforcements(self) -> tuple[Enforcement, ...]:
        """Return what is enforced, by organization and domain."""

    async def preflight(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight:
        """Tell what it would mean to enforce these connections; ``domain`` "" is the whole organization."""

    async def preflight_of_few(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight | None:
        """As ``preflight``; None at once where there are more than 200 people to look at."""

    async def enforce(self, wanted: Enforcement, *, locked_out: int) -> tuple[Preflight, bool]:
        """Let people of an organization or domain come in by these connections alone, on every node at once.

        Args:
            wanted: What to enforce, in place of what is.
            locked_out: How many people the operator knows to be locked out by it, as ``Preflight.number``.

        Returns:
            What it means now; False beside it where nothing was changed, because another number of
            people is locked out, or a connection has seen no sign-in for a week.
        """

    async def lift_enforcement(self, organization: str, domain: str) -> bool:
        """Let people come in by every connection again; False if nothing was enforced here."""

    async def lease(self, job: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take or renew the right to do a background job; one holder at a time."""

    async def purge(
        self,
        now: datetime,
        batch: int = 1000,
        *,
        records_kept: timedelta = RECORD_LIFE,
        audit_kept: timedelta = AUDIT_LIFE,
    ) -> int:
        """Delete up to ``batch`` expired rows of each kind; return how many went.

        Args:
            now: UTC.
            batch: Rows of each kind.
            records_kept: For how long a record stands.
            audit_kept: For how long a line of the audit log stands.
        """

    async def ready(self) -> str | None:
        """Return what is wrong (unreachable, migrations not at head), or None."""

    async def close(self) -> None:
        """Release connections and threads."""


async def open_store(url: str) -> Store:
    """Migrate the database to head and open it.

    Args:
        url: ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://…``.

    Raises:
        ConfigurationError: ``store.url``, ``store.unreachable``, ``store.migration``.
    """
    # a driver is imported where it is used: asyncpg costs 80 ms that SQLite need not pay
    if url.startswith("sqlite:"):
        from federation.store.sqlite import open_sqlite  # noqa: PLC0415

        return await open_sqlite(url)
    if url.startswith("postgresql:"):
        from federation.store.postgres import open_postgres  # noqa: PLC0415

        return await open_postgres(url)
    raise ConfigurationError(
        "store.url", "expected sqlite:///path or postgresql://user:password@host/database"
    )
