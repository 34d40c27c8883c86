"""Searches that no index answers: the library asks, sorts and pages what columns have narrowed down.

Members of groups are read only of those on the page, unless the search asks of members itself.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from scim2_models import Resource, ResourceType, SearchRequest, TooManyException
from scim2_server.memory import InMemoryStorage
from scim2_server.storage import SearchPage

from federation.provisioned import ScimGroup, ScimUser, Search
from federation.provisioning import positions
from federation.provisioning.request import Place
from federation.provisioning.service import kind_of
from federation.provisioning.shown import tells_members
from federation.scim import effort, filters, resources, tolerance

CANDIDATES: Final = 10_000  # resources that are asked one by one
_COMPARISONS: Final = 20_000  # of all that is asked with what a filter names: up to half a millisecond each
_SIZE: Final = 64 * 1024 * 1024  # characters of them
_BATCH: Final = 500
_TOO_MANY: Final = "too many resources would have to be read: narrow it down by userName or externalId"

Kept = ScimUser | ScimGroup


async def search(
    place: Place, resource_types: Sequence[ResourceType], asked: SearchRequest[Any], position: Any
) -> tuple[SearchPage, list[Kept]]:
    """Return a page, and what is kept of each resource on it.

    Raises:
        TooManyException: More would have to be asked than ``CANDIDATES``, or too often, or too much.
    """
    candidates = {one.id: one for one in await _candidates(place, resource_types, asked)}
    if _asks_of_members(asked):
        if sum(one.size for one in _groups(candidates.values())) > _most(asked):
            raise TooManyException(detail=_TOO_MANY)
        await _read_members(place, candidates, list(candidates))
    page = await place.beside(_sift, candidates.values(), resource_types, asked, position)
    shown = [one.id or "" for one in page.resources]
    if tells_members(asked):
        await _read_members(place, candidates, shown)
    return page, [candidates[one] for one in shown]


async def _candidates(
    place: Place, resource_types: Sequence[ResourceType], asked: SearchRequest[Any]
) -> list[Kept]:
    candidates: list[Kept] = []
    size = 0
    for kind in map(kind_of, resource_types):
        told = filters.narrow(asked.filter, kind)
        search = Search(kind=kind, where=told.where, count=_BATCH, members=False, total=True)
        while True:
            found = await place.store.search_scim(place.connection, search)
            size += sum(len(repr(one.body)) for one in found.found)
            if len(candidates) + (found.total or 0) > min(CANDIDATES, _most(asked)) or size > _SIZE:
                raise TooManyException(detail=_TOO_MANY)
            candidates += found.found
            if not found.more:
                break
            search = positions.behind(search, found)
    return candidates


def _most(asked: SearchRequest[Any]) -> int:
    """Return of how many a filter may be asked."""
    return _COMPARISONS // effort.comparisons(str(asked.filter or ""))


def _asks_of_members(asked: SearchRequest[Any]) -> bool:
    return "members" in f"{asked.filter or ''} {asked.sort_by or ''}".lower()


def _groups(kept: Iterable[Kept]) -> list[ScimGroup]:
    return [one for one in kept if isinstance(one, ScimGroup)]


async def _read_members(place: Place, candidates: dict[str, Kept], of: Sequence[str]) -> None:
    """Read who is in each of these groups, as far as it is there still and has not been read."""
    for one in _groups(candidates[identifier] for identifier in of):
        if one.members is None and one.size:
            found = await place.store.scim_group(place.connection, one.id, members=True)
            candidates[one.id] = found or one


def _sift(
    kept: Iterable[Kept], resource_types: Sequence[ResourceType], asked: SearchRequest[Any], position: Any
) -> SearchPage:
    """Have the library filter, sort and page resources."""
    memory = InMemoryStorage()
    with tolerance.COMPARING:
        memory.resources = [_resource(one) for one in kept]
        return memory.search(list(resource_types), asked, position=position)


def _resource(kept: Kept) -> Resource[Any]:
    if isinstance(kept, ScimUser):
        resource = resources.user_resource(kept)
        resource.__dict__["active"] = kept.active  # as its index has it, told or not
        return resource
    return resources.group_resource(kept)
