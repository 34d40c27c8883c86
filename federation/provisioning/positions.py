"""Where a page begins, by index or by cursor (RFC 7644 §3.4.2.4, RFC 9865 §2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from scim2_models import InvalidCursorException, Resource, SearchRequest
from scim2_server.storage import SearchPage

from federation.provisioned import Condition, Kind, Page, ScimGroup, ScimUser, Search
from federation.rules.folding import fold
from federation.scim import filters, tolerance

_NEXT: Final = "next"
_PREVIOUS: Final = "previous"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def search(
    kind: Kind,
    where: Condition,
    order: filters.Order,
    asked: SearchRequest[Any],
    position: Any,
    *,
    members: bool,
) -> Search:
    """Return the question whose answer is the page that a client asks for.

    Raises:
        InvalidCursorException: ``position`` is none of ours.
    """
    count = tolerance.RESULTS if asked.count is None else max(asked.count, 0)
    told = Search(
        kind=kind,
        where=where,
        order=order,
        descending=asked.sort_by is not None and filters.descends(asked),
        count=count,
        members=members,
    )
    if asked.cursor is None:
        return replace(told, skip=asked.start_index_0 or 0)
    if position is None:
        return told
    direction, value, identifier = _read(position)
    return replace(told, after=(value, identifier), backwards=direction == _PREVIOUS)


def behind(asked: Search, page: Page) -> Search:
    """Return the question for the next page."""
    return replace(asked, after=_anchor(page.found[-1], asked.order), total=False)


def page(found: Page, asked: Search, resources: list[Resource[Any]]) -> SearchPage:
    """Return a page with the positions before and behind it."""
    told = SearchPage(found.total, resources)
    if not found.found or asked.count == 0:
        return told
    first, last = _anchor(found.found[0], asked.order), _anchor(found.found[-1], asked.order)
    # Of the page that was gone back from there is one behind, and of any other one before.
    if found.more if not asked.backwards else True:
        told.next = {"d": _NEXT, "k": last[0], "i": last[1]}
    if found.more if asked.backwards else asked.after is not None:
        told.previous = {"d": _PREVIOUS, "k": first[0], "i": first[1]}
    return told


def _anchor(one: ScimUser | ScimGroup, order: filters.Order) -> tuple[str | int, str]:
    """Return by what a resource has its place in an order, and its id."""
    if order == "changed" and one.changed_at is not None:
        return (one.changed_at - _EPOCH) // _MICROSECOND, one.id
    if order == "userName" and isinstance(one, ScimUser):
        return fold(one.user_name), one.id
    if order == "displayName":
        return fold(one.display_name), one.id
    return one.id, one.id  # of the time when it was made, too


def _read(position: Any) -> tuple[str, str | int, str]:
    match position:
        case {"d": ("next" | "previous") as direction, "k": str() | int() as value, "i": str(identifier)}:
            return direction, value, identifier
        case _:
            raise InvalidCursorException
