"""What both engines say alike of ``local_store.LocalStore``."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime

from federation.identity import Session
from federation.store import bootstrap, break_glass, local_accounts
from federation.store.drive import Drive
from federation.store.local_values import Attempt, BreakGlass, LocalAccount, LocalNewcomer
from federation.store.values import NewSession


class LocalTwin(Drive):
    """The verbs; their promises are told in ``local_store``."""

    async def attempt_local(self, connection: str, address: str, now: datetime) -> Attempt:
        return await self._transact(lambda: local_accounts.attempt(connection, address, now))

    async def local_succeeded(
        self, connection: str, address: str, account: LocalAccount, renewed: str
    ) -> None:
        await self._transact(lambda: local_accounts.succeeded(connection, address, account, renewed))

    async def add_local(self, newcomer: LocalNewcomer, now: datetime) -> bool:
        return await self._transact(lambda: local_accounts.add(newcomer, now))

    async def holders(self, organization: str, address: str) -> tuple[str, ...]:
        return await self._read(lambda: local_accounts.holders(organization, address))

    async def set_local_link(self, connection: str, address: str, link_hash: bytes, until: datetime) -> bool:
        return await self._decide(lambda: local_accounts.set_link(connection, address, link_hash, until))

    async def local_by_link(self, connection: str, link_hash: bytes, now: datetime) -> LocalAccount | None:
        return await self._read(lambda: local_accounts.by_link(connection, link_hash, now))

    async def set_local_password(
        self, connection: str, which: bytes | str, password_hash: str, now: datetime
    ) -> int | None:
        return self._all_ended(
            await self._transact(lambda: local_accounts.set_password(connection, which, password_hash, now))
        )

    async def remove_local(self, connection: str, address: str, now: datetime) -> int | None:
        return self._all_ended(await self._transact(lambda: local_accounts.remove(connection, address, now)))

    async def unlock_local(self, connection: str, address: str) -> bool:
        return await self._decide(lambda: local_accounts.unlock(connection, address))

    async def local_accounts(self, connection: str, now: datetime) -> tuple[LocalAccount, ...]:
        return await self._read(lambda: local_accounts.every(connection, now))

    async def offer_bootstrap(
        self,
        organization: str,
        roles: AbstractSet[str],
        teams: AbstractSet[str],
        token_hash: bytes,
        *,
        until: datetime,
        anew: bool,
        now: datetime,
    ) -> bool:
        return await self._transact(
            lambda: bootstrap.offer(organization, roles, teams, token_hash, until=until, anew=anew, now=now)
        )

    async def find_bootstrap(self, token_hash: bytes, now: datetime) -> str | None:
        return await self._read(lambda: bootstrap.find(token_hash, now))

    async def seal_break_glass(self, organization: str, code_hash: str, now: datetime) -> None:
        await self._transact(lambda: break_glass.seal(organization, code_hash, now))

    async def break_glass(self, organization: str) -> BreakGlass | None:
        return await self._read(lambda: break_glass.find(organization))

    async def open_break_glass(
        self, organization: str, code_hash: str, role: str, new: NewSession, now: datetime
    ) -> Session | None:
        session = await self._transact(
            lambda: break_glass.open_session(organization, code_hash, role, new, now)
        )
        self._ended(new.ended_token_hash)
        return session

    def _all_ended(self, ended: Iterable[bytes] | None) -> int | None:
        if ended is None:
            return None
        gone = tuple(ended)
        for token_hash in gone:
            self._ended(token_hash)
        return len(gone)
