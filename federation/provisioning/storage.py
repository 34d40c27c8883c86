"""What one directory keeps here, as the library asks for it; one for each request.

Every question and every change goes to the store under the connection's own id, and so can reach
nothing that another provisioned.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from scim2_models import (
    InvalidValueException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    TooManyException,
    UniquenessException,
)
from scim2_server.memory import InMemoryStorage
from scim2_server.storage import AsyncScimStorage, SearchPage

from federation.provisioned import (
    Absent,
    Finding,
    Kind,
    Members,
    NoMember,
    Page,
    ScimGroup,
    ScimUser,
    Search,
    Stale,
    Taken,
)
from federation.provisioning import positions
from federation.scim import filters, models, resources, tolerance
from federation.store.store import Store

CANDIDATES: Final = 10_000  # resources of which a filter that no index answers is asked, one by one
_BATCH: Final = 500
_NO_MEMBER: Final = "a member is none of this connection's users and groups"


@dataclass(slots=True)
class Concerned:
    """Whom a request's changes concern, to be decided of anew."""

    users: dict[str, None] = field(default_factory=dict)  # ids of User resources, in their order
    others: bool = False  # more, whom nobody named


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose directory it is, and how what it says is kept."""

    connection: str
    organization: str
    store: Store
    now: datetime
    # the store that tells of the next change in the audit log: verb, kind, id ("" of what is made), what changes
    audited: Callable[[str, str, str, Mapping[str, object]], Store]
    # by what a new User is found among those whom we know
    find: Callable[[ScimUser], Awaitable[Finding]]


class Storage(AsyncScimStorage):
    """The library's storage, over the store."""

    supports_cursors = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self.concerned = Concerned()
        self._seen: dict[str, ScimUser | ScimGroup] = {}  # as this request read them

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Read one; members only where they are told."""
        if _kind(resource_type) == "User":
            return resources.user_resource(await self._user(resource_id))
        members = response_parameters is None or tells_members(response_parameters)
        return resources.group_resource(await self.group(resource_id, members=members))

    async def group(self, identifier: str, *, members: bool) -> ScimGroup:
        """Read a Group resource.

        Raises:
            NotFoundException: There is none.
        """
        found = await self._place.store.scim_group(self._place.connection, identifier, members=members)
        if found is None:
            raise _not_found()
        self._seen[identifier] = found
        return found

    async def _user(self, identifier: str) -> ScimUser:
        found = await self._place.store.scim_user(self._place.connection, identifier)
        if found is None:
            raise _not_found()
        self._seen[identifier] = found
        return found

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Keep a new one."""
        place = self._place
        try:
            if _kind(resource_type) == "User":
                user = resources.user(cast("resources.UserModel", resource), current=None)
                store = place.audited("create", "scim_user", "", {"active": user.active})
                made = await store.add_scim_user(
                    place.connection, place.organization, user, await place.find(user), place.now
                )
                self.concerned.users[made.id] = None
                return resources.user_resource(made)
            group = resources.group(cast("models.Group", resource), current=None)
            store = place.audited("create", "scim_group", "", {"members": len(group.members or ())})
            kept = await store.add_scim_group(place.connection, place.organization, group, place.now)
        except Taken:
            raise UniquenessException(detail="another user of this connection has this userName") from None
        except NoMember:
            raise InvalidValueException(detail=_NO_MEMBER) from None
        self.concerned.users.update(dict.fromkeys(one.id for one in kept.members or ()))
        return resources.group_resource(kept)

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Put one in the place of the one of its id."""
        identifier = resource.id or ""
        expected = resources.version(expected_version)
        if _kind(resource_type) == "User":
            seen = self._seen.get(identifier)
            current = seen if isinstance(seen, ScimUser) else await self._user(identifier)
            user = resources.user(cast("resources.UserModel", resource), current=current)
            return resources.user_resource(await self._change_user(current, user, expected))
        seen = self._seen.get(identifier)
        before = seen if isinstance(seen, ScimGroup) else await self.group(identifier, members=False)
        group = resources.group(cast("models.Group", resource), current=before)
        members = Members(add=tuple(one.id for one in group.members or ()), every=True)
        await self.change_group(before, group, members, expected)
        return resources.group_resource(await self.group(identifier, members=True))

    async def _change_user(self, current: ScimUser, user: ScimUser, expected: int | None) -> ScimUser:
        place = self._place
        verb = "update" if current.active == user.active else "activate" if user.active else "deactivate"
        store = place.audited(verb, "scim_user", user.id, {"active": user.active})
        try:
            kept = await store.change_scim_user(place.connection, user, place.now, expected=expected)
        except Taken:
            raise UniquenessException(detail="another user of this connection has this userName") from None
        except Absent:
            raise _not_found() from None
        except Stale:
            raise _stale() from None
        self._seen[user.id] = kept
        self.concerned.users[user.id] = None
        return kept

    async def change_group(
        self, before: ScimGroup, group: ScimGroup, members: Members | None, expected: int | None
    ) -> ScimGroup:
        """Change a Group resource, and who is in it, without reading who is.

        Raises:
            NotFoundException, PreconditionFailedException, InvalidValueException: Nothing is changed.
        """
        place = self._place
        told = members or Members()
        counts = {"added": len(told.add), "removed": len(told.remove), "replaced": told.every}
        store = place.audited("update", "scim_group", group.id, counts)
        try:
            kept = await store.change_scim_group(
                place.connection, group, members, place.now, expected=expected
            )
        except NoMember:
            raise InvalidValueException(detail=_NO_MEMBER) from None
        except Absent:
            raise _not_found() from None
        except Stale:
            raise _stale() from None
        self._seen[group.id] = kept
        self.concerned.users.update(dict.fromkeys((*told.add, *told.remove)))
        self.concerned.others |= told.every or _is_renamed(before, kept)
        return kept

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Remove one."""
        place = self._place
        expected = resources.version(expected_version)
        kind = "scim_user" if _kind(resource_type) == "User" else "scim_group"
        store = place.audited("delete", kind, resource_id, {})
        remove = store.remove_scim_user if kind == "scim_user" else store.remove_scim_group
        try:
            await remove(place.connection, resource_id, place.now, expected=expected)
        except Absent:
            raise _not_found() from None
        except Stale:
            raise _stale() from None
        self.concerned.others |= kind == "scim_group"

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Read a page by an index, or ask a bounded number of candidates one by one.

        Raises:
            TooManyException: More would have to be asked than ``CANDIDATES``.
        """
        if len(resource_types) == 1:
            kind = _kind(resource_types[0])
            told = filters.narrow(search_request.filter, kind)
            order = filters.order(search_request, kind)
            if told.exact and order is not None:
                search = positions.search(
                    kind, told.where, order, search_request, position, members=tells_members(search_request)
                )
                found = await self._place.store.search_scim(self._place.connection, search)
                return positions.page(found, search, list(map(_resource, found.found)))
        return await self._asked_one_by_one(resource_types, search_request, position)

    async def _asked_one_by_one(
        self, resource_types: list[ResourceType], asked: SearchRequest[Any], position: Any
    ) -> SearchPage:
        """The library filters, sorts and pages what columns have narrowed down."""
        candidates: list[Resource[Any]] = []
        for kind in map(_kind, resource_types):
            told = filters.narrow(asked.filter, kind)
            search = Search(kind=kind, where=told.where, count=_BATCH, total=True)
            while True:
                found = await self._place.store.search_scim(self._place.connection, search)
                if len(candidates) + (found.total or 0) > CANDIDATES:
                    raise TooManyException(
                        detail="too many resources would have to be read: narrow it by userName or externalId"
                    )
                candidates += map(_resource, found.found)
                if not found.more:
                    break
                search = positions.behind(search, found)
        memory = InMemoryStorage()
        with tolerance.COMPARING:
            memory.resources = candidates
            return memory.search(resource_types, asked, position=position)


def tells_members(told: ResponseParameters[Any]) -> bool:
    """Tell whether an answer has the members of groups (RFC 7644 §3.9)."""
    kept, left_out = _names(told.attributes), _names(told.excluded_attributes)
    return "members" not in left_out and (not kept or any(_is_member(one) for one in kept))


def _names(paths: Any) -> set[str]:
    """Return attributes without their schema, in lower case."""
    return {str(one).lower().rpartition("group:")[2] for one in paths or ()}


def _is_member(name: str) -> bool:
    return name == "members" or name.startswith("members.")


def _resource(kept: ScimUser | ScimGroup) -> Resource[Any]:
    return resources.user_resource(kept) if isinstance(kept, ScimUser) else resources.group_resource(kept)


def _kind(resource_type: ResourceType) -> Kind:
    return "Group" if resource_type.name == "Group" else "User"


def _is_renamed(before: ScimGroup, after: ScimGroup) -> bool:
    return (before.display_name, before.external_id) != (after.display_name, after.external_id)


def _not_found() -> NotFoundException:
    return NotFoundException(detail="this connection has no such resource")


def _stale() -> PreconditionFailedException:
    return PreconditionFailedException(detail="the resource has changed since")


__all__ = ["CANDIDATES", "Concerned", "Page", "Place", "Storage", "tells_members"]
