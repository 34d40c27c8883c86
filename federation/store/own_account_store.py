"""The promises about one's own account of the store."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from federation.store.endings import Administrators
from federation.store.people_values import Ended, InTeam, LiveSession, Way


class OwnAccountStore(Protocol):
    """Part of ``store.Store``."""

    async def ways_of(self, organization: str, user_id: str) -> tuple[Way, ...]:
        """Return the accounts of a user in an organization, the one used last first."""

    async def owner_of(self, organization: str, person: str) -> str | None:
        """Return whose account a Subject (``Subject.person``) is there, None if nobody's."""

    async def teams_of(self, organization: str, user_id: str) -> tuple[InTeam, ...]:
        """Return the teams of a user, once for each source."""

    async def live_sessions(self, organization: str, user_id: str, now: datetime) -> tuple[LiveSession, ...]:
        """Return a user's live sessions in an organization, newest first."""

    async def end_other_sessions(self, organization: str, user_id: str, kept: str, now: datetime) -> int:
        """End a user's sessions there but the one of this id, on every node; return how many."""

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
        """Part a Subject from its user: its sessions end, and what its connection alone gave is taken back.

        Args:
            organization: Whose account it is.
            user_id: Whose it must be.
            person: ``Subject.person``.
            usable: Ids of the connections by which people may come in: one account by one of these stays.
            administrators: Of whom somebody must be left.
            now: UTC.

        Returns:
            What ended, and the provider's tokens that went with it, kept nowhere else: to be revoked. None,
            and nothing is done: the user has no such account.

        Raises:
            AccountRefused: ``account.last_way``, ``account.last_administrator``.
        """
