"""What both engines say alike of ``provisioning_store.ProvisioningStore``.

Members of a large group are read some at a time, others let in between; a change of many members is
done where it keeps nobody waiting.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from federation.decision import Decision
from federation.errors import StoreUnavailable
from federation.provisioned import (
    Credential,
    Due,
    Finding,
    Members,
    Page,
    Reference,
    Resident,
    Residue,
    ScimGroup,
    ScimUser,
    Search,
    Summary,
)
from federation.store import (
    provisioning_credentials,
    provisioning_forgetting,
    provisioning_groups,
    provisioning_search,
    provisioning_settling,
    provisioning_spreading,
    provisioning_standing,
    provisioning_users,
)
from federation.store.drive import Drive, Verb
from federation.store.endings import Hashes
from federation.store.people_values import Remaining
from federation.store.provisioning_rows import Kept, Resource
from federation.store.provisioning_spreading import Left
from federation.store.values import KeptTokensOf

_ATTEMPTS: Final = 3  # to read a group that nobody changes meanwhile
_LONG: Final = 200  # members of one change


class ProvisioningTwin(Drive):
    """The verbs; their promises are told in ``provisioning_store``."""

    async def scim_user(self, connection: str, identifier: str) -> ScimUser | None:
        return await self._read(lambda: provisioning_users.find(connection, identifier))

    async def scim_group(self, connection: str, identifier: str, *, members: bool) -> ScimGroup | None:
        found = await self._read(lambda: provisioning_groups.find(connection, identifier))
        return await self._whole(connection, found) if found and members else found

    async def search_scim(self, connection: str, search: Search) -> Page:
        page = await self._read(lambda: provisioning_search.page(connection, search))
        groups = [one for one in page.found if isinstance(one, ScimGroup)]
        if not groups or not search.members:
            return page
        small: dict[str, tuple[Reference, ...]] = {}
        for some in _in_parts(groups):
            small |= await self._members_of(connection, some)
            await asyncio.sleep(0)
        found = [
            replace(one, members=small[one.id]) if one.id in small else await self._whole(connection, one)
            for one in groups
        ]
        return replace(page, found=tuple(found))

    async def add_scim_user(
        self, connection: str, organization: str, user: ScimUser, finding: Finding, now: datetime
    ) -> ScimUser:
        return await self._kept(lambda: provisioning_users.add(connection, organization, user, finding, now))

    async def change_scim_user(
        self, connection: str, user: ScimUser, now: datetime, *, expected: int | None
    ) -> ScimUser:
        return await self._kept(lambda: provisioning_users.change(connection, user, now, expected=expected))

    async def remove_scim_user(
        self, connection: str, identifier: str, now: datetime, *, expected: int | None
    ) -> None:
        # A user row that goes is looked for in all that may name one.
        await self._kept(
            lambda: provisioning_users.remove(connection, identifier, now, expected=expected), is_long=True
        )

    async def add_scim_group(
        self, connection: str, organization: str, group: ScimGroup, now: datetime
    ) -> ScimGroup:
        is_long = len(group.members or ()) > _LONG
        return await self._kept(
            lambda: provisioning_groups.add(connection, organization, group, now), is_long=is_long
        )

    async def change_scim_group(
        self,
        connection: str,
        group: ScimGroup,
        members: Members | None,
        now: datetime,
        *,
        expected: int | None,
    ) -> ScimGroup:
        told = members or Members()
        return await self._kept(
            lambda: provisioning_groups.change(connection, group, members, now, expected=expected),
            is_long=told.every or len(told.add) + len(told.remove) > _LONG,
        )

    async def remove_scim_group(
        self, connection: str, identifier: str, now: datetime, *, expected: int | None
    ) -> None:
        await self._kept(
            lambda: provisioning_groups.remove(connection, identifier, now, expected=expected), is_long=True
        )

    async def due_provisioned(
        self, connection: str, batch: int, *, of: tuple[str, ...] = (), user_id: str = ""
    ) -> tuple[Due, ...]:
        return await self._read(lambda: provisioning_settling.due(connection, batch, of, user_id))

    async def spread_provisioned(self, connection: str, batch: int, now: datetime) -> bool:
        return await self._transact(lambda: provisioning_spreading.go_on(connection, batch, now))

    async def left_provisioned(self, connection: str) -> Left:
        return await self._read(lambda: provisioning_spreading.left(connection))

    async def settle_provisioned(
        self, due: Due, decision: Decision | None, refused: str, now: datetime
    ) -> bool:
        done = await self._transact(lambda: provisioning_settling.settle(due, decision, refused, now))
        self._over(done.ended, done.tokens)
        return done.changed

    async def postpone_provisioned(self, due: Due, until: datetime) -> None:
        await self._decide(lambda: provisioning_settling.postpone(due, until))

    async def summarize_scim(self, connection: str) -> Summary:
        return await self._read(lambda: provisioning_standing.summary(connection))

    async def refused_provisioned(self, connection: str, after: str, limit: int) -> tuple[Resident, ...]:
        return await self._read(lambda: provisioning_standing.refused(connection, after, limit))

    async def residencies(self, organization: str, user_id: str) -> tuple[Resident, ...]:
        return await self._read(lambda: provisioning_standing.residencies(organization, user_id))

    async def residues(self) -> tuple[Residue, ...]:
        return await self._read(provisioning_forgetting.residues)

    async def forget_provisioned(
        self, connection: str, organization: str, now: datetime, held: Remaining
    ) -> int:
        ended, tokens = await self._transact(
            lambda: provisioning_forgetting.forget(connection, organization, now, held), long=True
        )
        self._over(ended, tokens)
        return len(ended)

    async def add_credential(self, credential: Credential, secret_hash: bytes) -> None:
        await self._transact(lambda: provisioning_credentials.add(credential, secret_hash))

    async def find_credential(self, connection: str, secret_hash: bytes, now: datetime) -> Credential | None:
        found = await self._read(lambda: provisioning_credentials.find(connection, secret_hash, now))
        if found is not None and provisioning_credentials.is_used_anew(found, now):
            with suppress(StoreUnavailable):  # a standby may answer, but not note it
                await self._note(lambda: provisioning_credentials.touch(found.id, now))
        return found

    async def credentials(self, connection: str, now: datetime) -> tuple[Credential, ...]:
        return await self._read(lambda: provisioning_credentials.every(connection, now))

    async def revoke_credential(self, connection: str, identifier: str, now: datetime) -> bool:
        return await self._transact(lambda: provisioning_credentials.revoke(connection, identifier, now))

    async def _kept(self, verb: Verb[Kept[Resource]], *, is_long: bool = False) -> Resource:
        done = await self._transact(verb, long=is_long)
        self._over(done.ended, done.tokens)
        return done.resource

    def _over(self, ended: Hashes, tokens: Sequence[KeptTokensOf]) -> None:
        for token_hash in ended:
            self._ended(token_hash)
        if tokens:
            self._dropped(tokens)

    async def _whole(self, connection: str, group: ScimGroup) -> ScimGroup:
        """Return a group with its members, as they were at one version if it stands still for so long."""
        members: tuple[Reference, ...] = ()
        for _ in range(_ATTEMPTS):
            members = await self._members(connection, group.id)
            again = await self.scim_group(connection, group.id, members=False)
            if again is None or again.version == group.version:
                break
            group = again
        return replace(group, members=members)

    async def _members(self, connection: str, group: str) -> tuple[Reference, ...]:
        """Read who is in a group; whoever else wants something waits for no more than a part of it."""
        found: list[Reference] = []
        while True:
            part = await self._members_on(connection, group, found[-1].id if found else "")
            found += part
            if len(part) < provisioning_groups.READ_AT_ONCE:
                return tuple(found)
            await asyncio.sleep(0)

    async def _members_on(self, connection: str, group: str, after: str) -> tuple[Reference, ...]:
        return await self._read(lambda: provisioning_groups.members_on(connection, group, after))

    async def _members_of(
        self, connection: str, groups: Sequence[str]
    ) -> Mapping[str, tuple[Reference, ...]]:
        return await self._read(lambda: provisioning_groups.members_of(connection, groups))


def _in_parts(groups: Sequence[ScimGroup]) -> list[list[str]]:
    """Return the ids of groups that are small enough to be read together, so many at once."""
    parts: list[list[str]] = [[]]
    size = 0
    for one in groups:
        if one.size > _LONG:
            continue
        if size + one.size > provisioning_groups.READ_AT_ONCE:
            parts.append([])
            size = 0
        parts[-1].append(one.id)
        size += one.size
    return [part for part in parts if part]
