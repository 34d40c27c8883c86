"""What both engines say alike of ``endings_store.EndingsStore``."""

from collections.abc import Mapping
from datetime import datetime

from federation.decision import Decision
from federation.store import endings, rereads, resettling
from federation.store.drive import Drive
from federation.store.people_values import Ended, FoundUser, Remaining
from federation.store.values import DueReread, Record, Rereadable, Sealing


class EndingsTwin(Drive):
    """The verbs; their promises are told in ``endings_store``."""

    async def deactivate(
        self,
        user_id: str,
        organization: str,
        *,
        source: str,
        administrators: endings.Administrators,
        force: bool,
        now: datetime,
    ) -> Ended:
        return self._told(
            await self._transact(
                lambda: endings.deactivate(user_id, organization, source, administrators, now, force=force)
            )
        )

    async def reactivate(
        self, user_id: str, organization: str, *, source: str
    ) -> tuple[bool, tuple[str, ...]]:
        return await self._transact(lambda: endings.reactivate(user_id, organization, source))

    async def remove_membership(
        self,
        user_id: str,
        organization: str,
        *,
        source: str,
        administrators: endings.Administrators,
        force: bool,
        now: datetime,
    ) -> Ended:
        return self._told(
            await self._transact(
                lambda: endings.remove_membership(
                    user_id, organization, source, administrators, now, force=force
                )
            )
        )

    async def switch_off(self, connection: str, now: datetime, held: Remaining) -> Ended:
        return self._told(await self._transact(lambda: endings.switch_off(connection, now, held)))

    async def switch_on(self, connection: str) -> bool:
        return await self._decide(lambda: endings.switch_on(connection))

    async def switched_off(self) -> Mapping[str, datetime]:
        return await self._read(endings.switched_off)

    async def end_sessions_through(self, connection: str, now: datetime) -> int:
        return self._gone(await self._transact(lambda: endings.end_through(connection, now)))

    async def count_sessions(self, now: datetime) -> Mapping[str, int]:
        return await self._read(lambda: endings.count_sessions(now))

    async def find_users(self, who: str, organization: str) -> tuple[FoundUser, ...]:
        return await self._read(lambda: endings.find_users(who, organization))

    async def due_rereads(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[DueReread, ...]:
        return await self._read(lambda: rereads.due(connection, organization, now, batch))

    async def take_reread(self, found: DueReread, until: datetime, now: datetime) -> Rereadable | None:
        return await self._transact(lambda: rereads.take(found, until, now))

    async def put_off_reread(self, found: DueReread, due_at: datetime) -> None:
        await self._decide(lambda: rereads.put_off(found, due_at))

    async def resettle(self, decision: Decision, record: Record, now: datetime, *, sealing: Sealing) -> bool:
        return await self._transact(lambda: resettling.resettle(decision, record, sealing, now))

    async def end_refused_reread(
        self,
        found: DueReread,
        record: Record,
        now: datetime,
        *,
        sealing: Sealing | None,
        taking: endings.Administrators | None,
    ) -> int:
        return self._gone(
            await self._transact(lambda: resettling.end_refused(found, record, sealing, now, taking=taking))
        )

    def _told(self, done: tuple[Ended, tuple[bytes, ...]]) -> Ended:
        told, ended = done
        self._gone(ended)
        return told

    def _gone(self, ended: tuple[bytes, ...]) -> int:
        for token_hash in ended:
            self._ended(token_hash)
        return len(ended)
