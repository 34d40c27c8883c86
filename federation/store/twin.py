"""What both engines say alike: each promise of ``store.Store`` handed to its verb.

A twin only tells how steps are driven: to read, to let one statement decide (the disk waited
for, or not), or in one transaction; and what it does besides about a session that is found or ends.
"""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta

from federation.decision import Decision, Standing
from federation.errors import StoreUnavailable
from federation.identity import Session
from federation.store import audit, invitations, migration, provider_sessions, record_pages, records, verbs
from federation.store.administration_twin import AdministrationTwin
from federation.store.audit import AuditEntry
from federation.store.directory_twin import DirectoryTwin
from federation.store.domains_twin import DomainsTwin
from federation.store.drive import Verb
from federation.store.endings_twin import EndingsTwin
from federation.store.kept_twin import KeptTwin
from federation.store.local_twin import LocalTwin
from federation.store.metadata_twin import MetadataTwin
from federation.store.own_account_twin import OwnAccountTwin
from federation.store.people_twin import PeopleTwin
from federation.store.provisioning_twin import ProvisioningTwin
from federation.store.records_twin import RecordsTwin
from federation.store.rows import Result, Steps
from federation.store.setup_links_twin import SetupLinksTwin
from federation.store.teams_twin import TeamsTwin
from federation.store.tokens_twin import TokensTwin
from federation.store.trials_twin import TrialsTwin
from federation.store.values import (
    AUDIT_LIFE,
    RECORD_LIFE,
    Admitted,
    Claim,
    Cursor,
    KeptTokensOf,
    NewSession,
    Pending,
    PolicyInForce,
    Record,
    RecordFilter,
    RecordPage,
    Sealing,
)


class Twin(
    PeopleTwin,
    MetadataTwin,
    TokensTwin,
    DomainsTwin,
    AdministrationTwin,
    DirectoryTwin,
    LocalTwin,
    EndingsTwin,
    TeamsTwin,
    OwnAccountTwin,
    KeptTwin,
    ProvisioningTwin,
    SetupLinksTwin,
    TrialsTwin,
    RecordsTwin,
):
    """The verbs; their promises are told in ``store.Store``."""

    def audited(self, entry: AuditEntry) -> "Audited":
        return Audited(self, entry)

    @abstractmethod
    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        """Return the live session of this token: each twin remembers what it has read in its own way."""

    async def remember_pending(self, pending: Pending) -> None:
        # Lost with the power, the browser starts again.
        await self._note(lambda: verbs.remember_pending(pending))

    async def take_pending(self, connection: str, handle: str, binder_hash: bytes, now: datetime) -> Pending:
        # One caller wins among the living. With the power it is lost only where nothing that followed
        # was kept either: no session, no claim, no record of a refusal, so that nobody was answered
        # with one. Then the browser may send the same answer again, and it counts for the first time;
        # an authorization code is spent at its provider besides.
        return await self._note(lambda: verbs.take_pending(connection, handle, binder_hash, now))

    async def is_waiting(self, connection: str, handle: str, now: datetime) -> bool:
        return await self._read(lambda: verbs.is_waiting(connection, handle, now))

    async def connection_of(self, handle: str, now: datetime) -> str | None:
        return await self._read(lambda: verbs.connection_of(handle, now))

    async def finished(self, handle: str, token_hash: bytes, now: datetime) -> str | None:
        return await self._read(lambda: verbs.finished(handle, token_hash, now))

    async def person_keys(self, person: str) -> tuple[str, ...]:
        return await self._read(lambda: records.person_keys(person))

    async def open_session(
        self,
        decision: Decision,
        new: NewSession,
        now: datetime,
        *,
        claim: Claim | None,
        sealing: Sealing | None,
    ) -> Session:
        session = await self._transact(
            lambda: verbs.open_session(decision, new, now, claim=claim, sealing=sealing)
        )
        self._ended(new.ended_token_hash)
        return session

    async def team_keys(self, organization: str, keys: tuple[str, ...]) -> frozenset[str]:
        return await self._read(lambda: invitations.team_keys(organization, keys))

    async def sessions_of(self, user_id: str, organization: str, now: datetime) -> tuple[Session, ...]:
        return await self._read(lambda: verbs.sessions_of(user_id, organization, now))

    async def end_session(self, token_hash: bytes, now: datetime) -> None:
        await self._decide(lambda: verbs.end_session(token_hash, now))
        self._ended(token_hash)

    async def end_session_by_id(self, user_id: str, session_id: str, now: datetime) -> bool:
        token_hash = await self._decide(lambda: verbs.end_session_by_id(user_id, session_id, now))
        if token_hash is None:
            return False
        self._ended(token_hash)
        return True

    async def provider_session(self, token_hash: bytes, now: datetime) -> tuple[str, str, str] | None:
        return await self._read(lambda: provider_sessions.find(token_hash, now))

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
        ended = await self._transact(
            lambda: provider_sessions.end(
                connections,
                names,
                indexes,
                organization=organization,
                claim=claim,
                issued_at=issued_at,
                until=until,
                now=now,
            )
        )
        for token_hash in ended:
            self._ended(token_hash)
        return len(ended)

    async def end_session_alone(self, connection: str, name: str, now: datetime, *, organization: str) -> int:
        ended = await self._decide(
            lambda: provider_sessions.end_alone(connection, name, now, organization=organization)
        )
        for token_hash in ended:
            self._ended(token_hash)
        return len(ended)

    async def keep_record(self, record: Record, *, claim: Claim | None, sealing: Sealing | None) -> None:
        await self._transact(lambda: records.keep_record(record, claim=claim, sealing=sealing))

    async def find_record(self, reference: str) -> Record | None:
        return await self._read(lambda: records.find_record(reference))

    async def list_records(
        self, asked: RecordFilter, after: Cursor | None, limit: int, now: datetime
    ) -> RecordPage:
        return await self._read(lambda: record_pages.page(asked, after, limit, now))

    async def list_admitted(
        self, asked: RecordFilter, after: Cursor | None, limit: int, now: datetime
    ) -> tuple[tuple[Admitted, ...], Cursor | None]:
        return await self._read(lambda: record_pages.admitted(asked, after, limit, now))

    async def stands(self, decision: Decision) -> Standing | None:
        return await self._read(lambda: record_pages.stands(decision))

    async def records_of(self, person: str, organization: str) -> tuple[Record, ...]:
        return await self._read(lambda: record_pages.of_person(person, organization))

    async def policies(self) -> tuple[PolicyInForce, ...]:
        return await self._read(record_pages.policies)

    async def keep_policy(
        self, connection: str, digest: str, policy: str, now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(
            lambda: record_pages.keep_policy(connection, digest, policy, now, previous=previous), long=True
        )

    async def lease(self, job: str, holder: str, until: datetime, now: datetime) -> bool:
        return await self._decide(lambda: verbs.lease(job, holder, until, now))

    async def purge(
        self,
        now: datetime,
        batch: int = 1000,
        *,
        records_kept: timedelta = RECORD_LIFE,
        audit_kept: timedelta = AUDIT_LIFE,
    ) -> int:
        return await self._decide(lambda: verbs.purge(now, batch, records_kept, audit_kept))

    async def ready(self) -> str | None:
        try:
            return migration.fault(await self._read(verbs.version))
        except StoreUnavailable as refusal:
            return refusal.detail


class Audited(Twin):
    """The same store; what it changes is told in the audit log, in the same transaction.

    A verb that changed nothing has nothing told of it: see ``audit.is_change``.
    """

    def __init__(self, store: Twin, entry: AuditEntry) -> None:
        """Take whose store, and what is told of the one change to come."""
        self._store, self._entry = store, entry

    async def _read(self, verb: Verb[Result]) -> Result:
        return await self._store._read(verb)  # noqa: SLF001  a twin of the same kind

    async def _read_in_turns(self, verb: Verb[Result]) -> Result:
        return await self._store._read_in_turns(verb)  # noqa: SLF001  likewise

    async def _note(self, verb: Verb[Result]) -> Result:
        return await self._transact(verb)

    async def _decide(self, verb: Verb[Result]) -> Result:
        return await self._transact(verb)

    async def _transact(self, verb: Verb[Result], *, long: bool = False) -> Result:
        def told() -> Steps[Result]:
            result = yield from verb()
            if audit.is_change(result):
                yield audit.append(audit.named(self._entry, result))
            return result

        return await self._store._transact(told, long=long)  # noqa: SLF001  likewise

    def _ended(self, token_hash: bytes) -> None:
        self._store._ended(token_hash)  # noqa: SLF001  likewise

    def _dropped(self, kept: Sequence[KeptTokensOf]) -> None:
        self._store._dropped(kept)  # noqa: SLF001  likewise

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        """Ask whoever remembers sessions."""
        return await self._store.find_session(token_hash, now)

    async def close(self) -> None:
        """Leave it open: it is another's."""
