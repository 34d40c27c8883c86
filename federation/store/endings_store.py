"""The verbs that end access, give it back, and settle a re-read: a part of ``store.Store``.

The twins' part is ``endings_twin``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from federation.decision import Decision
from federation.store.endings import Administrators
from federation.store.people_values import Ended, FoundUser, Remaining
from federation.store.values import DueReread, Record, Rereadable, Sealing


class EndingsStore(Protocol):
    """What the shell may have ended. Every ``now`` is UTC and aware."""

    async def deactivate(
        self,
        user_id: str,
        organization: str,
        *,
        source: str,
        administrators: Administrators,
        force: bool,
        now: datetime,
    ) -> Ended:
        """Keep a user out of an organization, and end their sessions there on every node within a second.

        Args:
            user_id: Whom.
            organization: Out of which; "" means every one.
            source: Who says so, and alone may take it back.
            administrators: Of each organization what makes an administrator, of whom one must be left.
            force: Though nobody else is left; without it nothing is done then, and it is told.
            now: UTC.
        """

    async def reactivate(
        self, user_id: str, organization: str, *, source: str
    ) -> tuple[bool, tuple[str, ...]]:
        """Take back what this source said; return whether it had, and what else keeps them out.

        The latter are sources; of the whole installation with "*:" before them.
        """

    async def remove_membership(
        self,
        user_id: str,
        organization: str,
        *,
        source: str,
        administrators: Administrators,
        force: bool,
        now: datetime,
    ) -> Ended:
        """Take away what a source gave a user in an organization: membership, roles, teams.

        With the last membership the sessions end. What other sources gave waits for them to come
        back, and no session carries it meanwhile. Arguments as ``deactivate``; a source of ""
        speaks for every one.
        """

    async def switch_off(self, connection: str, now: datetime, held: Remaining) -> Ended:
        """Let nobody in by this connection, on all nodes, and end its sessions within a second.

        What they kept of the provider's tokens is dropped.

        Args:
            connection: Its id.
            now: UTC.
            held: Who must be left.

        Raises:
            PolicyRefused: ``policy.last_administrator``; nothing is changed then.
        """

    async def switch_on(self, connection: str) -> bool:
        """Let people in by it again; False where it was not switched off. What ended stays ended."""

    async def switched_off(self) -> Mapping[str, datetime]:
        """Return the connections that are switched off, and since when."""

    async def end_sessions_through(self, connection: str, now: datetime) -> int:
        """End every session that this connection opened; return how many were alive."""

    async def count_sessions(self, now: datetime) -> Mapping[str, int]:
        """Return how many sessions of each connection are alive."""

    async def find_users(self, who: str, organization: str) -> tuple[FoundUser, ...]:
        """Return the users of an address, else of an id, in an organization, "" in every one."""

    async def due_rereads(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[DueReread, ...]:
        """Return about whom of this organization the connection's provider is to be asked again.

        The longest due first.
        """

    async def take_reread(self, found: DueReread, until: datetime, now: datetime) -> Rereadable | None:
        """Take the right to ask about somebody: one caller on any node.

        Args:
            found: As it was found.
            until: When it is due again if the caller does not come back.
            now: UTC.

        Returns:
            None where another was first, or where they have no live session through it any more:
            then nobody asks again before they have signed in.
        """

    async def put_off_reread(self, found: DueReread, due_at: datetime) -> None:
        """Say when to ask again."""

    async def resettle(self, decision: Decision, record: Record, now: datetime, *, sealing: Sealing) -> bool:
        """Carry out what a re-read decides, as a sign-in would, and have live sessions say so.

        Returns:
            True where anything changed: then the record is kept too.

        Raises:
            PolicyRefused: Whatever policy says; ``policy.not_a_member``. Nothing is changed.
        """

    async def end_refused_reread(
        self,
        found: DueReread,
        record: Record,
        now: datetime,
        *,
        sealing: Sealing | None,
        taking: Administrators | None,
    ) -> int:
        """End the sessions that a connection opened for somebody, on every node, and record why.

        Args:
            found: Of whom, through which.
            record: Why.
            now: UTC.
            sealing: Of the record.
            taking: Takes away the roles and teams that the connection gave, too, but not from the
                last one of an organization who has one of these roles; None leaves them.
        """
