"""What both engines say alike of ``own_account_store.OwnAccountStore``."""

from collections.abc import Collection
from datetime import datetime

from federation.store import own_account
from federation.store.drive import Drive
from federation.store.endings import Administrators
from federation.store.people_values import Ended, InTeam, LiveSession, Way


class OwnAccountTwin(Drive):
    """The verbs; their promises are told in ``own_account_store``."""

    async def ways_of(self, organization: str, user_id: str) -> tuple[Way, ...]:
        return await self._read(lambda: own_account.ways(organization, user_id))

    async def owner_of(self, organization: str, person: str) -> str | None:
        return await self._read(lambda: own_account.owner(organization, person))

    async def teams_of(self, organization: str, user_id: str) -> tuple[InTeam, ...]:
        return await self._read(lambda: own_account.teams(organization, user_id))

    async def live_sessions(self, organization: str, user_id: str, now: datetime) -> tuple[LiveSession, ...]:
        return await self._read(lambda: own_account.sessions(organization, user_id, now))

    async def end_other_sessions(self, organization: str, user_id: str, kept: str, now: datetime) -> int:
        ended = await self._decide(lambda: own_account.end_others(organization, user_id, kept, now))
        for token_hash in ended:
            self._ended(token_hash)
        return len(ended)

    async def unlink_account(
        self,
        organization: str,
        user_id: str,
        person: str,
        *,
        usable: Collection[str],
        administrators: Administrators,
        now: datetime,
    ) -> Ended | None:
        done = await self._transact(
            lambda: own_account.unlink(
                organization, user_id, person, usable=usable, administrators=administrators, now=now
            )
        )
        if done is None:
            return None
        told, ended = done
        for token_hash in ended:
            self._ended(token_hash)
        return told
