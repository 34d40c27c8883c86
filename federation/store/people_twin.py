"""What both engines say alike of ``people_store.PeopleStore``."""

from datetime import datetime

from federation.identity import Identity, Session
from federation.store import accounts, erasure, invitations, joins
from federation.store.drive import Drive
from federation.store.endings import Administrators
from federation.store.people_values import (
    Awaited,
    Erased,
    Invitation,
    Join,
    PersonData,
    PersonFound,
    Released,
)
from federation.store.values import Record


class PeopleTwin(Drive):
    """The verbs; their promises are told in ``people_store``."""

    async def forget_stable_ids(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        return await self._decide(
            lambda: accounts.forget_stable_ids(organization, person, refused_at=refused_at, now=now)
        )

    async def detach_account(
        self, organization: str, person: str, *, refused_at: datetime, now: datetime
    ) -> Released | None:
        done = await self._transact(
            lambda: accounts.detach(organization, person, refused_at=refused_at, now=now)
        )
        if done is None:
            return None
        released, ended = done
        for token_hash in ended:
            self._ended(token_hash)
        return released

    async def invite(self, token_hash: bytes, invitation: Invitation) -> bool:
        return await self._transact(lambda: invitations.invite(token_hash, invitation))

    async def invitations(self, organization: str, now: datetime) -> tuple[Invitation, ...]:
        return await self._read(lambda: invitations.every(organization, now))

    async def find_invitation(self, token_hash: bytes, now: datetime) -> Invitation:
        return await self._read(lambda: invitations.find(token_hash, now))

    async def revoke_invitation(self, organization: str, identifier: str, now: datetime) -> bool:
        return await self._decide(lambda: invitations.revoke(organization, identifier, now))

    async def add_person(
        self, organization: str, email: str, *, connection: str, roles: tuple[str, ...], now: datetime
    ) -> Awaited | None:
        return await self._transact(
            lambda: invitations.add_person(organization, email, connection=connection, roles=roles, now=now)
        )

    async def ask_join(
        self, token_hash: bytes, who: Identity, now: datetime, until: datetime, *, user_id: str = ""
    ) -> None:
        await self._transact(lambda: joins.ask(token_hash, who, now, until, user_id=user_id))

    async def find_join(self, token_hash: bytes, now: datetime) -> Join:
        return await self._read(lambda: joins.find(token_hash, now))

    async def join_account(
        self, token_hash: bytes, session: Session, now: datetime, *, record: Record
    ) -> None:
        await self._transact(lambda: joins.join(token_hash, session, now, record=record))

    async def drop_join(self, token_hash: bytes) -> None:
        await self._decide(lambda: joins.drop(token_hash))

    async def find_persons(self, who: str, organization: str) -> tuple[PersonFound, ...]:
        return await self._read(lambda: erasure.find(who, organization))

    async def export_person(self, user_id: str, organization: str) -> PersonData:
        return await self._read(lambda: erasure.export(user_id, organization))

    async def erase_person(
        self, user_id: str, organization: str, *, administrators: Administrators, force: bool
    ) -> Erased:
        erased, ended = await self._transact(
            lambda: erasure.erase(user_id, organization, administrators, force=force)
        )
        for token_hash in ended:
            self._ended(token_hash)
        return erased
