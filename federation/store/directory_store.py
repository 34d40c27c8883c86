"""The lists that the administration reads, and what its overview asks: a part of ``store.Store``.

Every read is bounded: right with 100,000 people in an organization. The twins' part is ``directory_twin``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

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
from federation.store.metadata_values import MetadataChange
from federation.store.people_values import Ended, Invitation, PersonOf


class DirectoryStore(Protocol):
    """What the administration lists. ``limit`` is of a page; every ``now`` is UTC and aware."""

    async def list_people(self, asked: PeopleFilter, after: PeopleCursor | None, limit: int) -> PeoplePage:
        """Return some people of an organization: by address, or by name and address where one is looked for.

        Where a connection, a role, a team or a state leads, in the order in which they came.
        """

    async def belongs(self, organization: str, user_id: str) -> bool:
        """Tell whether an organization knows a user: by an account, as a member, or as one who is awaited."""

    async def describe_person(
        self, organization: str, user_id: str, now: datetime
    ) -> tuple[PersonListed, PersonOf]:
        """Return what a list tells of one user, and all else that is known of them there."""

    async def list_members(
        self, organization: str, team: str, after: str, limit: int
    ) -> tuple[tuple[MemberListed, ...], str]:
        """Return who is in a team, declared or of the store, and by whom; what leads on, "" at the end."""

    async def list_teams(
        self, organization: str, after: str, limit: int, wanted: str
    ) -> tuple[tuple[TeamListed, ...], str]:
        """Return teams of the store by key, with a text in name or key; what leads on, "" at the end."""

    async def find_team(self, organization: str, key: str) -> TeamListed | None:
        """Return a team of the store."""

    async def count_members(self, organization: str, keys: Sequence[str]) -> Mapping[str, int]:
        """Return how many are in each team; above ``MEMBERS_COUNTED`` they are more than that."""

    async def list_invitations(
        self, organization: str, after: str, limit: int, now: datetime, wanted: str
    ) -> tuple[tuple[Invitation, ...], str]:
        """Return invitations that may still be used to addresses that hold a text; what leads on, or ""."""

    async def sign_ins_of(self, organization: str, user_id: str, limit: int) -> tuple[RecordLine, ...]:
        """Return the latest records of somebody's sign-ins, newest first, without what is sealed in them."""

    async def end_sessions_of(self, organization: str, user_id: str, session_id: str, now: datetime) -> Ended:
        """End a session of somebody in an organization, "" every one, on every node within a second."""

    async def note_done(self) -> bool:
        """Change nothing: for what reads alone, and is told in the audit log all the same."""

    async def count_causes(self, organization: str | None, now: datetime) -> Causes:
        """Return how the latest attempts ended: of an organization, or (None) of all."""

    async def metadata_ages(self, connections: Iterable[str], limit: int) -> tuple[MetadataAge, ...]:
        """Return how old what these providers publish is: where a later document waits, then the oldest."""

    async def domain_proofs_of(self, places: Iterable[tuple[str, str]]) -> tuple[DomainProof, ...]:
        """Return the proofs of these domains (organization and name), of those that have one."""

    async def enforcements_of(self, organization: str) -> tuple[Enforcement, ...]:
        """Return what an organization enforces, by domain."""

    async def changes_of(self, connections: Iterable[str], limit: int) -> tuple[MetadataChange, ...]:
        """Return the latest changes of these connections' metadata, newest first."""
