"""What both engines say alike of ``kept_store.KeptStore``."""

from collections.abc import Collection
from datetime import datetime

from federation.store import kept, kept_about
from federation.store.drive import Drive
from federation.store.endings import Hashes
from federation.store.kept_values import ConnectionAbout, Count, Declared, KeptConnection
from federation.store.people_values import Ended, Remaining


class KeptTwin(Drive):
    """The verbs; their promises are told in ``kept_store``."""

    async def declared_number(self) -> int:
        return await self._read(kept.number)

    async def declared_since(self, number: int) -> Declared:
        return await self._read(lambda: kept.since(number))

    async def find_kept_connection(self, connection: str) -> KeptConnection | None:
        return await self._read(lambda: kept.find(connection))

    async def about_connection(
        self, connection: str, organization: str, domains: Collection[str], since: datetime, now: datetime
    ) -> ConnectionAbout:
        return await self._read(lambda: kept_about.about(connection, organization, domains, since, now))

    async def keep_organization(self, organization: str, body: str, now: datetime) -> bool:
        return await self._transact(lambda: kept.keep_organization(organization, body, now))

    async def edit_organization(
        self, organization: str, body: str, now: datetime, *, previous: int, was: Remaining, will: Remaining
    ) -> bool:
        return await self._transact(
            lambda: kept.edit_organization(organization, body, now, previous=previous, was=was, will=will)
        )

    async def organization_holds(self, organization: str) -> tuple[str, ...]:
        return await self._read(lambda: kept.organization_holds(organization))

    async def drop_organization(self, organization: str, now: datetime) -> bool:
        return await self._transact(lambda: kept.drop_organization(organization, now))

    async def keep_connection(
        self, connection: KeptConnection, now: datetime, *, previous: int | None
    ) -> bool:
        told = connection.id, connection.organization
        if previous is None and await self._read_in_turns(lambda: kept.is_account_elsewhere(*told)):
            return False
        return await self._transact(lambda: kept.keep_connection(connection, now, previous=previous))

    async def enable_kept(self, connection: str, now: datetime, *, previous: int, force: bool) -> bool:
        return await self._transact(lambda: kept.enable(connection, now, previous=previous, force=force))

    async def disable_kept(self, connection: str, now: datetime, held: Remaining) -> Ended | None:
        return self._off(await self._transact(lambda: kept.disable(connection, now, held)))

    async def drop_connection(self, connection: str, now: datetime, held: Remaining) -> Ended | None:
        return self._off(await self._transact(lambda: kept.drop_connection(connection, now, held), long=True))

    async def sweep_departed(self, batch: int) -> int:
        return await self._transact(lambda: kept.sweep(batch))

    async def count_affected(self, connection: str, organization: str, now: datetime) -> Count:
        return await self._read(lambda: kept.count(connection, organization, now))

    def _off(self, done: tuple[Ended, Hashes] | None) -> Ended | None:
        if done is None:
            return None
        told, ended = done
        for token_hash in ended:
            self._ended(token_hash)
        return told
