"""What both engines say alike: each promise of ``store.Store`` handed to its verb.

A twin only tells how steps are driven: to read, to let one statement decide (the disk waited
for, or not), or in one transaction; and what it does besides about a session that is found or ends.
"""

from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime, timedelta

from federation.decision import Decision, Standing
from federation.errors import StoreUnavailable
from federation.identity import Identity, Session
from federation.store import (
    accounts,
    audit,
    domain_proofs,
    enforcement,
    erasure,
    invitations,
    joins,
    migration,
    provider_metadata,
    provider_sessions,
    record_pages,
    tokens,
    verbs,
)
from federation.store.administration_twin import AdministrationTwin
from federation.store.audit import AuditEntry
from federation.store.directory_twin import DirectoryTwin
from federation.store.drive import Verb
from federation.store.endings import Administrators
from federation.store.endings_twin import EndingsTwin
from federation.store.kept_twin import KeptTwin
from federation.store.local_twin import LocalTwin
from federation.store.own_account_twin import OwnAccountTwin
from federation.store.provisioning_twin import ProvisioningTwin
from federation.store.records_twin import RecordsTwin
from federation.store.rows import Result, Steps
from federation.store.setup_links_twin import SetupLinksTwin
from federation.store.teams_twin import TeamsTwin
from federation.store.trials_twin import TrialsTwin
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


class Twin(
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
        return await self._read(lambda: verbs.person_keys(person))

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

    async def forget_stable_ids(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        return await self._decide(
            lambda: accounts.forget_stable_ids(organization, person, refused_at=refused_at, now=now)
        )

    async def detach_account(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        done = await self._transact(
            lambda: accounts.detach(organization, person, refused_at=refused_at, now=now)
        )
        if done is None:
            return None
        released, ended = done
        for token_hash in ended:
            self._ended(token_hash)
        return released

    async def invite(self, token_hash: bytes, invitation: Invitation) -> bool:
        return await self._transact(lambda: invitations.invite(token_hash, invitation))

    async def invitations(self, organization: str, now: datetime) -> tuple[Invitation, ...]:
        return await self._read(lambda: invitations.every(organization, now))

    async def find_invitation(self, token_hash: bytes, now: datetime) -> Invitation:
        return await self._read(lambda: invitations.find(token_hash, now))

    async def revoke_invitation(self, organization: str, identifier: str, now: datetime) -> bool:
        return await self._decide(lambda: invitations.revoke(organization, identifier, now))

    async def team_keys(self, organization: str, keys: tuple[str, ...]) -> frozenset[str]:
        return await self._read(lambda: invitations.team_keys(organization, keys))

    async def add_person(
        self, organization: str, email: str, *, connection: str, roles: tuple[str, ...], now: datetime
    ) -> Awaited | None:
        return await self._transact(
            lambda: invitations.add_person(organization, email, connection=connection, roles=roles, now=now)
        )

    async def ask_join(
        self, token_hash: bytes, who: Identity, now: datetime, until: datetime, *, user_id: str = ""
    ) -> None:
        await self._transact(lambda: joins.ask(token_hash, who, now, until, user_id=user_id))

    async def find_join(self, token_hash: bytes, now: datetime) -> Join:
        return await self._read(lambda: joins.find(token_hash, now))

    async def join_account(
        self, token_hash: bytes, session: Session, now: datetime, *, record: Record
    ) -> None:
        await self._transact(lambda: joins.join(token_hash, session, now, record=record))

    async def drop_join(self, token_hash: bytes) -> None:
        await self._decide(lambda: joins.drop(token_hash))

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

    async def tokens_of(self, token_hash: bytes, now: datetime) -> KeptTokensOf | None:
        return await self._read(lambda: tokens.find(token_hash, now))

    async def due_tokens(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[KeptTokensOf, ...]:
        return await self._read(lambda: tokens.due(connection, organization, now, batch))

    async def take_tokens(self, found: KeptTokensOf, holder: str, until: datetime, now: datetime) -> bool:
        return await self._decide(lambda: tokens.take(found, holder, until, now))

    async def keep_renewed_tokens(
        self, session_id: str, holder: str, renewed: SealedTokens, now: datetime
    ) -> bool:
        return await self._decide(lambda: tokens.keep_renewed(session_id, holder, renewed, now))

    async def put_off_tokens(
        self, session_id: str, holder: str, until: datetime, renew_at: datetime | None
    ) -> None:
        await self._decide(lambda: tokens.put_off(session_id, holder, until, renew_at))

    async def end_refused_session(self, session_id: str, holder: str, now: datetime) -> bool:
        token_hash = await self._decide(lambda: tokens.end_refused(session_id, holder, now))
        if token_hash is None:
            return False
        self._ended(token_hash)
        return True

    async def end_session_alone(self, connection: str, name: str, now: datetime, *, organization: str) -> int:
        ended = await self._decide(
            lambda: provider_sessions.end_alone(connection, name, now, organization=organization)
        )
        for token_hash in ended:
            self._ended(token_hash)
        return len(ended)

    async def find_metadata(self, connection: str) -> Metadata | None:
        return await self._read(lambda: provider_metadata.find(connection))

    async def may_fetch(self, connection: str, now: datetime, pause: timedelta) -> bool:
        return await self._decide(lambda: provider_metadata.may_fetch(connection, now, pause))

    async def note_checked(
        self, connection: str, etag: str, last_modified: str, now: datetime, *, digest: str
    ) -> None:
        await self._decide(
            lambda: provider_metadata.note_checked(connection, etag, last_modified, now, digest=digest)
        )

    async def keep_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(lambda: provider_metadata.keep(metadata, changes, now, previous=previous))

    async def hold_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(lambda: provider_metadata.hold(metadata, changes, now, previous=previous))

    async def approve_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        return await self._transact(lambda: provider_metadata.approve(connection, digest, now))

    async def reject_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        return await self._transact(lambda: provider_metadata.reject(connection, digest, now))

    async def metadata_changes(self, connection: str | None, limit: int) -> tuple[MetadataChange, ...]:
        return await self._read(lambda: provider_metadata.changes_of(connection, limit))

    async def keep_record(self, record: Record, *, claim: Claim | None, sealing: Sealing | None) -> None:
        await self._transact(lambda: verbs.keep_record(record, claim=claim, sealing=sealing))

    async def find_record(self, reference: str) -> Record | None:
        return await self._read(lambda: verbs.find_record(reference))

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

    async def find_persons(self, who: str, organization: str) -> tuple[PersonFound, ...]:
        return await self._read(lambda: erasure.find(who, organization))

    async def export_person(self, user_id: str, organization: str) -> PersonData:
        return await self._read(lambda: erasure.export(user_id, organization))

    async def erase_person(
        self, user_id: str, organization: str, *, administrators: Administrators, force: bool
    ) -> Erased:
        erased, ended = await self._transact(
            lambda: erasure.erase(user_id, organization, administrators, force=force)
        )
        for token_hash in ended:
            self._ended(token_hash)
        return erased

    async def policies(self) -> tuple[PolicyInForce, ...]:
        return await self._read(record_pages.policies)

    async def keep_policy(
        self, connection: str, digest: str, policy: str, now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(
            lambda: record_pages.keep_policy(connection, digest, policy, now, previous=previous), long=True
        )

    async def proved_domains(self, organization: str, now: datetime) -> frozenset[str]:
        return await self._read(lambda: domain_proofs.proved(organization, now))

    async def proofs_of(self, domains: Collection[str], now: datetime) -> frozenset[tuple[str, str]]:
        return await self._read(lambda: domain_proofs.of(domains, now))

    async def domain_proofs(self) -> tuple[DomainProof, ...]:
        return await self._read(domain_proofs.every)

    async def begin_domain_proof(
        self, organization: str, domain: str, token: str, now: datetime
    ) -> DomainProof:
        return await self._transact(lambda: domain_proofs.begin(organization, domain, token, now))

    async def note_domain_proof(self, proof: DomainProof, now: datetime, *, seen: bool) -> None:
        await self._decide(lambda: domain_proofs.note(proof, now, seen=seen))

    async def enforcements(self) -> tuple[Enforcement, ...]:
        return await self._read(enforcement.every)

    async def preflight(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight:
        return await self._read_in_turns(
            lambda: enforcement.preflight(organization, domain, connections, now)
        )

    async def preflight_of_few(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight | None:
        return await self._read_in_turns(
            lambda: enforcement.preflight_of_few(organization, domain, connections, now)
        )

    async def enforce(self, wanted: Enforcement, *, locked_out: int) -> tuple[Preflight, bool]:
        return await self._transact(lambda: enforcement.enforce(wanted, locked_out=locked_out), long=True)

    async def lift_enforcement(self, organization: str, domain: str) -> bool:
        return await self._decide(lambda: enforcement.lift(organization, domain))

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

    async def find_session(self, token_hash: bytes, now: datetime) -> Session | None:
        """Ask whoever remembers sessions."""
        return await self._store.find_session(token_hash, now)

    async def close(self) -> None:
        """Leave it open: it is another's."""
