"""What one directory keeps here, as the library asks for it; one for each request.

Every question and every change goes to the store under the connection's own id, and so can reach
nothing that another provisioned.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Final, cast

from scim2_models import (
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from federation.provisioned import (
    Absent,
    Members,
    Reference,
    ScimGroup,
    ScimUser,
    Stale,
    Taken,
)
from federation.provisioning import positions, sifting
from federation.provisioning.request import Concerned, Place
from federation.provisioning.service import kind_of
from federation.provisioning.shown import tells_members
from federation.scim import filters, models, resources
from federation.scim.members import GroupChange

MANY: Final = 30  # resources with which the loop would stand still for long


class Storage(AsyncScimStorage):
    """The library's storage, over the store.

    With ``aside`` who is in a Group stands in ``members`` alone, and not in the library's resources.
    """

    supports_cursors = True

    def __init__(self, place: Place, *, aside: bool) -> None:
        self._place = place
        self._aside = aside
        self.beside = place.beside
        self.concerned = Concerned()
        self.members: dict[str, tuple[Reference, ...]] = {}  # by id of a Group that was read with them
        self._seen: dict[str, ScimUser | ScimGroup] = {}  # as this request read them last

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Read one; members only where they are told."""
        members = response_parameters is None or tells_members(response_parameters)
        return self._written(await self._read(resource_type, resource_id, members=members))

    async def outline(self, resource_type: ResourceType, identifier: str) -> Resource[Any]:
        """Read one, a Group without its members.

        Raises:
            NotFoundException: There is none.
        """
        return self._written(await self._read(resource_type, identifier, members=False))

    async def whole(self, resource_type: ResourceType, identifier: str) -> Resource[Any]:
        """Read one with all that it has, for the library.

        Raises:
            NotFoundException: There is none.
        """
        found = await self._read(resource_type, identifier, members=True)
        if isinstance(found, ScimUser):
            return resources.user_resource(found)
        return await self._place.beside(resources.group_resource, found)

    def size(self, resource: Resource[Any]) -> int:
        """Return how many are in a Group that was read or changed; 0 of anything else."""
        seen = self._seen.get(resource.id or "")
        return seen.size if isinstance(seen, ScimGroup) else 0

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Keep a new one."""
        return await self.keep(resource_type, resource, None)

    async def keep(
        self, resource_type: ResourceType, resource: Resource[Any], members: tuple[str, ...] | None
    ) -> Resource[Any]:
        """Keep a new one.

        Args:
            resource_type: Which.
            resource: Validated.
            members: Ids of those in a Group; None: as the resource says.

        Raises:
            UniquenessException: Its userName is another's.
        """
        if kind_of(resource_type) == "User":
            return self._written(await self._keep_user(cast("resources.UserModel", resource)))
        group = resources.group(cast("models.Group", resource), current=None)
        if members is not None:
            group = replace(group, members=resources.references(members))
        place, told = self._place, {"members": len(group.members or ())}
        store = place.audited("scim_group.create", "", told)
        with _refusing():
            kept = await store.add_scim_group(place.connection, place.organization, group, place.now)
        self.concerned.users.update(dict.fromkeys(one.id for one in group.members or ()))
        return self._written(await self._read(resource_type, kept.id, members=True))

    async def _keep_user(self, resource: resources.UserModel) -> ScimUser:
        place = self._place
        user = resources.user(resource, current=None)
        store = place.audited("scim_user.create", "", {"active": user.active})
        found = await place.find(user)
        with _refusing():
            async with nullcontext() if user.active else place.leaving():
                made = await store.add_scim_user(place.connection, place.organization, user, found, place.now)
        self.concerned.users[made.id] = None
        return made

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Put one in the place of the one of its id; members that it does not name go."""
        expected = resources.version(expected_version)
        seen = await self._again(resource_type, resource.id or "")
        if isinstance(seen, ScimUser):
            user = resources.user(cast("resources.UserModel", resource), current=seen)
            return self._written(await self._change_user(seen, user, expected))
        group = resources.group(cast("models.Group", resource), current=seen)
        every = Members(add=tuple(one.id for one in group.members or ()), every=True)
        await self._change_group(seen, group, every, expected)
        return self._written(await self._read(resource_type, group.id, members=True))

    async def change_group(
        self, identifier: str, change: GroupChange, *, sent: models.Group | None = None
    ) -> Resource[Any]:
        """Change a Group that was read here, and who is in it, without reading who is.

        Args:
            identifier: Its id.
            change: What becomes of it.
            sent: What takes its place, its members aside; None leaves what ``change`` does not name.

        Raises:
            NotFoundException, PreconditionFailedException: Nothing is changed.
        """
        seen = self._seen[identifier]
        assert isinstance(seen, ScimGroup)  # noqa: S101  read as one
        group = seen if sent is None else resources.group(sent, current=seen)
        if change.display_name is not None:
            group = replace(group, display_name=change.display_name)
        if change.external_id is not None:
            group = replace(group, external_id=change.external_id)
        return self._written(await self._change_group(seen, group, change.members, seen.version))

    async def _change_user(self, seen: ScimUser, user: ScimUser, expected: int | None) -> ScimUser:
        place = self._place
        store = place.audited(
            "scim_user.update"
            if seen.active == user.active
            else "scim_user.activate"
            if user.active
            else "scim_user.deactivate",
            user.id,
            {"active": user.active},
        )
        with _refusing():
            async with place.leaving() if seen.active and not user.active else nullcontext():
                kept = await store.change_scim_user(place.connection, user, place.now, expected=expected)
        self._seen[user.id] = kept
        self.concerned.users[user.id] = None
        return kept

    async def _change_group(
        self, seen: ScimGroup, group: ScimGroup, members: Members | None, expected: int | None
    ) -> ScimGroup:
        place, told = self._place, members or Members()
        counts = {"added": len(told.add), "removed": len(told.remove), "replaced": told.every}
        store = place.audited("scim_group.update", group.id, counts)
        with _refusing():
            kept = await store.change_scim_group(
                place.connection, group, members, place.now, expected=expected
            )
        self._seen[group.id] = kept
        self.concerned.users.update(dict.fromkeys((*told.add, *told.remove)))
        self.concerned.others |= told.every or _is_renamed(seen, kept)
        return kept

    async def _read(
        self, resource_type: ResourceType, identifier: str, *, members: bool
    ) -> ScimUser | ScimGroup:
        store, connection = self._place.store, self._place.connection
        found: ScimUser | ScimGroup | None
        if kind_of(resource_type) == "User":
            found = await store.scim_user(connection, identifier)
        else:
            found = await store.scim_group(connection, identifier, members=members)
        if found is None:
            raise _not_found()
        self._seen[identifier] = found
        return found

    async def _again(self, resource_type: ResourceType, identifier: str) -> ScimUser | ScimGroup:
        return self._seen.get(identifier) or await self._read(resource_type, identifier, members=False)

    def _written(self, kept: ScimUser | ScimGroup) -> Resource[Any]:
        if isinstance(kept, ScimUser):
            return resources.user_resource(kept)
        if not self._aside:
            return resources.group_resource(kept)
        self.members[kept.id] = kept.members or ()
        return resources.group_resource(replace(kept, members=None))

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Remove one."""
        place = self._place
        expected = resources.version(expected_version)
        is_user = kind_of(resource_type) == "User"
        store = place.audited("scim_user.delete" if is_user else "scim_group.delete", resource_id, {})
        remove = store.remove_scim_user if is_user else store.remove_scim_group
        with _refusing():
            async with place.leaving() if is_user else nullcontext():
                await remove(place.connection, resource_id, place.now, expected=expected)
        self.concerned.others |= not is_user

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Read a page by an index, or ask a bounded number of candidates one by one.

        Raises:
            TooManyException: See ``sifting``.
        """
        if len(resource_types) == 1:
            kind = kind_of(resource_types[0])
            told = filters.narrow(search_request.filter, kind)
            order = filters.order(search_request, kind)
            if told.exact and order is not None:
                search = positions.search(
                    kind, told.where, order, search_request, position, members=tells_members(search_request)
                )
                found = await self._place.store.search_scim(self._place.connection, search)
                return positions.page(found, search, await self._all_written(found.found))
        page, kept = await sifting.search(self._place, resource_types, search_request, position)
        page.resources = await self._all_written(kept)
        return page

    async def _all_written(self, found: Sequence[ScimUser | ScimGroup]) -> list[Resource[Any]]:
        """Write resources down; many in a thread, for each takes a fifth of a millisecond."""
        if len(found) > MANY:
            return await self._place.beside(lambda: list(map(self._written, found)))
        return list(map(self._written, found))


def _is_renamed(before: ScimGroup, after: ScimGroup) -> bool:
    return (before.display_name, before.external_id) != (after.display_name, after.external_id)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Say in the protocol's words why the store changed nothing."""
    try:
        yield
    except Taken:
        raise UniquenessException(detail="another user of this connection has this userName") from None
    except Absent:
        raise _not_found() from None
    except Stale:
        raise PreconditionFailedException(detail="the resource has changed since") from None


def _not_found() -> NotFoundException:
    return NotFoundException(detail="this connection has no such resource")
