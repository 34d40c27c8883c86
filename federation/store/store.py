"""The verbs of the store, each named for its promise, atomic on any node.

Two twins keep them: ``sqlite.SqliteStore`` and ``postgres.PostgresStore``, held to one suite.
Values in, values out; each change of state is one awaited verb and one transaction.
"""

from datetime import datetime, timedelta
from typing import Protocol

from federation.decision import Decision, Standing
from federation.errors import ConfigurationError
from federation.identity import Session
from federation.store.administration_store import AdministrationStore
from federation.store.audit import AuditEntry
from federation.store.directory_store import DirectoryStore
from federation.store.domains_store import DomainsStore
from federation.store.endings_store import EndingsStore
from federation.store.kept_store import KeptStore
from federation.store.local_store import LocalStore
from federation.store.metadata_store import MetadataStore
from federation.store.own_account_store import OwnAccountStore
from federation.store.people_store import PeopleStore
from federation.store.provisioning_store import ProvisioningStore
from federation.store.records_store import RecordsStore
from federation.store.setup_links_store import SetupLinksStore
from federation.store.teams_store import TeamsStore
from federation.store.tokens_store import TokensStore
from federation.store.trials_store import TrialsStore
from federation.store.values import (
    AUDIT_LIFE,
    RECORD_LIFE,
    Admitted,
    Claim,
    Cursor,
    NewSession,
    Pending,
    PolicyInForce,
    Record,
    RecordFilter,
    RecordPage,
    Sealing,
)


class Store(
    PeopleStore,
    MetadataStore,
    TokensStore,
    DomainsStore,
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

    async def team_keys(self, organization: str, keys: tuple[str, ...]) -> frozenset[str]:
        """Return which of these are keys of teams of the store."""

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

    async def end_session_alone(self, connection: str, name: str, now: datetime, *, organization: str) -> int:
        """End the session that its provider names without the person; return how many were alive.

        Nothing is claimed or remembered: whoever says this may be anybody who knows the name.

        Args:
            connection: As for ``end_provider_sessions``.
            name: As ``identity.ProviderSession.alone``.
            now: UTC.
            organization: As for ``end_provider_sessions``.
        """

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

    async def policies(self) -> tuple[PolicyInForce, ...]:
        """Return the policies that the service last started with."""

    async def keep_policy(
        self, connection: str, digest: str, policy: str, now: datetime, *, previous: str
    ) -> bool:
        """Note a connection's policy, unless another than ``previous`` ("": none) was noted meanwhile.

        Everybody of whom its directory speaks becomes due, some at a time: see ``spread_provisioned``.
        """

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
