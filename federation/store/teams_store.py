"""The promises about teams of the store, and about what an operator gives somebody by hand."""

from datetime import datetime
from typing import Protocol

from federation.store.people_values import Changed, KeptTeam, PersonOf, Terms


class TeamsStore(Protocol):
    """Part of ``store.Store``.

    Each change of access is in force in every live session within a second, on every node. Where
    ``terms`` ask for it, one that would leave an organization without an administrator it had is
    refused (``policy.last_administrator``), and nothing is changed.
    """

    async def teams(self, organization: str) -> tuple[KeptTeam, ...]:
        """Return the teams of an organization by key; of a declared one, how many are in it."""

    async def add_team(self, organization: str, key: str, name: str, now: datetime) -> bool:
        """Make an empty team by hand; False where the key is taken."""

    async def rename_team(self, organization: str, key: str, name: str) -> bool:
        """Give a team another name; its key stays. False where there is none."""

    async def remove_team(self, organization: str, key: str, terms: Terms, now: datetime) -> int | None:
        """Remove a team with its groups, roles and members; return how many, None where there is no team."""

    async def link_group(self, organization: str, key: str, group: str, connection: str) -> bool:
        """Lead a group into a team, from the next sign-ins on; False where there is no such team.

        Args:
            organization: Whose team.
            key: The team's.
            group: Folded.
            connection: Whose group; "" every one's.
        """

    async def unlink_group(
        self, organization: str, key: str, group: str, connection: str, terms: Terms, now: datetime
    ) -> int | None:
        """Take a link back, and those out of the team whom this group put there; None for no such link.

        Whom another group leads there as well is back with their next sign-in: one reason is kept of each.
        """

    async def set_team_role(
        self, organization: str, key: str, role: str, terms: Terms, now: datetime, *, give: bool
    ) -> bool | None:
        """Give a team a role, or take it away; None for no such team, False where it was so before."""

    async def set_team_member(
        self, organization: str, user_id: str, key: str, terms: Terms, now: datetime, *, member: bool
    ) -> Changed | None:
        """Put somebody into a team by hand, or take that back; None for no such team, declared or kept."""

    async def set_grant(
        self, organization: str, user_id: str, role: str, terms: Terms, now: datetime, *, give: bool
    ) -> Changed:
        """Give somebody a role by hand, or take that back."""

    async def people(self, who: str, organization: str, now: datetime) -> tuple[PersonOf, ...]:
        """Return what is known of the users of an address or id, in an organization ("": in every one)."""
