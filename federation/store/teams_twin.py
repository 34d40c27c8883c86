"""What both engines say alike of ``teams_store.TeamsStore``."""

from datetime import datetime

from federation.store import teams
from federation.store.drive import Drive
from federation.store.people_values import Changed, KeptTeam, PersonOf, Terms


class TeamsTwin(Drive):
    """The verbs; their promises are told in ``teams_store``."""

    async def teams(self, organization: str) -> tuple[KeptTeam, ...]:
        return await self._read(lambda: teams.every(organization))

    async def add_team(self, organization: str, key: str, name: str, now: datetime) -> bool:
        return await self._decide(lambda: teams.add(organization, key, name, now))

    async def rename_team(self, organization: str, key: str, name: str) -> bool:
        return await self._decide(lambda: teams.rename(organization, key, name))

    async def remove_team(self, organization: str, key: str, terms: Terms, now: datetime) -> int | None:
        return await self._transact(lambda: teams.remove(organization, key, terms, now))

    async def link_group(self, organization: str, key: str, group: str, connection: str) -> bool:
        return await self._transact(lambda: teams.link(organization, key, group, connection))

    async def unlink_group(
        self, organization: str, key: str, group: str, connection: str, terms: Terms, now: datetime
    ) -> int | None:
        return await self._transact(lambda: teams.unlink(organization, key, group, connection, terms, now))

    async def set_team_role(
        self, organization: str, key: str, role: str, terms: Terms, now: datetime, *, give: bool
    ) -> bool | None:
        return await self._transact(lambda: teams.set_role(organization, key, role, terms, now, give=give))

    async def set_team_member(
        self, organization: str, user_id: str, key: str, terms: Terms, now: datetime, *, member: bool
    ) -> Changed | None:
        return await self._transact(
            lambda: teams.set_member(organization, user_id, key, terms, now, member=member)
        )

    async def set_grant(
        self, organization: str, user_id: str, role: str, terms: Terms, now: datetime, *, give: bool
    ) -> Changed:
        return await self._transact(
            lambda: teams.set_grant(organization, user_id, role, terms, now, give=give)
        )

    async def people(self, who: str, organization: str, now: datetime) -> tuple[PersonOf, ...]:
        return await self._read(lambda: teams.people(who, organization, now))
