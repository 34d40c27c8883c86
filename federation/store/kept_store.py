"""The promises about connections and organizations that are edited in the administration."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from federation.store.kept_values import ConnectionAbout, Count, Declared, KeptConnection
from federation.store.people_values import Ended, Remaining


class KeptStore(Protocol):
    """Part of ``store.Store``. Every change takes the next number of all that is declared."""

    async def declared_number(self) -> int:
        """Return the number of the latest change: what every worker asks each second."""

    async def declared_since(self, number: int) -> Declared:
        """Return what was changed after a number; 0 for all."""

    async def find_kept_connection(self, connection: str) -> KeptConnection | None:
        """Return one as it is now; None where there is none."""

    async def about_connection(
        self, connection: str, organization: str, domains: Collection[str], since: datetime, now: datetime
    ) -> ConnectionAbout:
        """Return what is kept of a connection.

        Args:
            connection: Its id, of the file's too.
            organization: Its own.
            domains: Whose proofs are told.
            since: Sign-ins from then on count, as far as the organization's latest 500 attempts tell.
            now: UTC.
        """

    async def keep_organization(self, organization: str, body: str, now: datetime) -> bool:
        """Keep a new organization; False where the id is taken.

        Args:
            organization: Its id.
            body: JSON object, in the keys of the settings file.
            now: UTC.
        """

    async def edit_organization(
        self, organization: str, body: str, now: datetime, *, previous: int, was: Remaining, will: Remaining
    ) -> bool:
        """Change an organization; False where ``previous`` is not its number any more.

        Args:
            organization: Its id.
            body: As ``keep_organization``.
            now: UTC.
            previous: Its number, as it was read.
            was: Who administers before.
            will: Who administers by ``body``.

        Raises:
            PolicyRefused: ``policy.last_administrator``: nobody of whom one did; nothing is changed.
        """

    async def organization_holds(self, organization: str) -> tuple[str, ...]:
        """Return what an organization has: of "connection", "person", "team"."""

    async def drop_organization(self, organization: str, now: datetime) -> bool:
        """Take an organization away; False where it has something, or there is none."""

    async def keep_connection(
        self, connection: KeptConnection, now: datetime, *, previous: int | None
    ) -> bool:
        """Keep a connection, a new one not enabled; of one that is there, what it says and its secrets.

        Args:
            connection: ``number`` and times are not read; nor ``enabled``, nor whose it is where it is there.
            now: UTC.
            previous: The number that it was read with; None for a new one.

        Returns:
            False where the id is taken, or was another organization's, or it is another by now.
        """

    async def enable_kept(self, connection: str, now: datetime, *, previous: int, force: bool) -> bool:
        """Let people in by it; False where it is another by now, or (but by ``force``) untried."""

    async def disable_kept(self, connection: str, now: datetime, held: Remaining) -> Ended | None:
        """Let nobody in by it; its sessions end within a second on every node. None where there is none.

        Raises:
            PolicyRefused: ``policy.last_administrator``; nothing is changed then.
        """

    async def drop_connection(self, connection: str, now: datetime, held: Remaining) -> Ended | None:
        """Take a connection away with what it gave; its sessions end as with ``disable_kept``.

        What it gave counts no more from then on; the rows go by ``sweep_departed``. Accounts stay, and
        are whose they were. Its id stays its organization's. None where there is none.
        Raises as ``disable_kept``.
        """

    async def sweep_departed(self, batch: int) -> int:
        """Delete up to ``batch`` grants, and as many memberships, that a connection gave which is gone.

        Nothing of them has counted since ``drop_connection``; until they are deleted its id cannot be taken
        again. Return how many rows went; 0: there are none.
        """

    async def count_affected(self, connection: str, organization: str, now: datetime) -> Count:
        """Count whom a connection concerns."""
