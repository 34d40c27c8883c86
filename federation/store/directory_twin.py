"""What both engines say alike of ``directory_store.DirectoryStore``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from federation.store import directory, lookout
from federation.store.directory_values import (
    Causes,
    MemberListed,
    MetadataAge,
    PeopleCursor,
    PeopleFilter,
    PeoplePage,
    PersonListed,
    RecordLine,
    TeamListed,
)
from federation.store.domains_values import DomainProof, Enforcement
from federation.store.drive import Drive
from federation.store.metadata_values import MetadataChange
from federation.store.people_values import Ended, Invitation, PersonOf


class DirectoryTwin(Drive):
    """The verbs; their promises are told in ``directory_store``."""

    async def list_people(self, asked: PeopleFilter, after: PeopleCursor | None, limit: int) -> PeoplePage:
        return await self._read(lambda: directory.people(asked, after, limit))

    async def belongs(self, organization: str, user_id: str) -> bool:
        return await self._read(lambda: directory.belongs(organization, user_id))

    async def describe_person(
        self, organization: str, user_id: str, now: datetime
    ) -> tuple[PersonListed, PersonOf]:
        return await self._read(lambda: directory.person(organization, user_id, now))

    async def list_members(
        self, organization: str, team: str, after: str, limit: int
    ) -> tuple[tuple[MemberListed, ...], str]:
        return await self._read(lambda: directory.members(organization, team, after, limit))

    async def list_teams(
        self, organization: str, after: str, limit: int, wanted: str
    ) -> tuple[tuple[TeamListed, ...], str]:
        return await self._read(lambda: directory.teams(organization, after, limit, wanted))

    async def find_team(self, organization: str, key: str) -> TeamListed | None:
        return await self._read(lambda: directory.team(organization, key))

    async def count_members(self, organization: str, keys: Sequence[str]) -> Mapping[str, int]:
        return await self._read(lambda: directory.counted(organization, keys))

    async def list_invitations(
        self, organization: str, after: str, limit: int, now: datetime, wanted: str
    ) -> tuple[tuple[Invitation, ...], str]:
        return await self._read(lambda: directory.open_invitations(organization, after, limit, now, wanted))

    async def sign_ins_of(self, organization: str, user_id: str, limit: int) -> tuple[RecordLine, ...]:
        return await self._read(lambda: directory.sign_ins_of(organization, user_id, limit))

    async def end_sessions_of(self, organization: str, user_id: str, session_id: str, now: datetime) -> Ended:
        told, ended = await self._transact(
            lambda: directory.end_sessions(organization, user_id, session_id, now)
        )
        for token_hash in ended:
            self._ended(token_hash)
        return told

    async def note_done(self) -> bool:
        return await self._transact(directory.note_done)

    async def count_causes(self, organization: str | None, now: datetime) -> Causes:
        return await self._read(lambda: lookout.causes(organization, now))

    async def metadata_ages(self, connections: Iterable[str], limit: int) -> tuple[MetadataAge, ...]:
        names = tuple(connections)
        return await self._read(lambda: lookout.metadata_ages(names, limit))

    async def domain_proofs_of(self, places: Iterable[tuple[str, str]]) -> tuple[DomainProof, ...]:
        wanted = tuple(places)
        return await self._read(lambda: lookout.proofs_of(wanted))

    async def enforcements_of(self, organization: str) -> tuple[Enforcement, ...]:
        return await self._read(lambda: lookout.enforced_in(organization))

    async def changes_of(self, connections: Iterable[str], limit: int) -> tuple[MetadataChange, ...]:
        names = tuple(connections)
        return await self._read(lambda: lookout.changes_of(names, limit))
