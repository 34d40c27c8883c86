"""Lists prepared once, of which a page reads its own part: in order, searched, of one organization or all.

A page looks at no more items than it shows, however many there are: its place is found by bisection, and
what is searched stands in one text. Pure; whoever has the items makes it anew when they change.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from federation.administration.paging import read_cursor

Item = TypeVar("Item")
Place = tuple[str, str]  # of an item in its list: what it is ordered by, then its id

_BETWEEN: Final = "\0"  # two items in the text that is searched


def read_place(cursor: str) -> Place | None:
    """Return the place that a cursor names; None for the first page, of "".

    Raises:
        FieldsRefused: ``admin.invalid``.
    """
    place = read_cursor(cursor or None, str, str)
    return None if place is None else (str(place[0]), str(place[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[Item]):
    """An item, and how a list has it."""

    organization: str  # whose
    place: Place
    searched: str  # without case
    item: Item


class Listing(Generic[Item]):
    """Items in their order; two never have one place."""

    def __init__(self, entries: Iterable[Entry[Item]]) -> None:
        """Put them in order."""
        ordered = sorted(entries, key=lambda one: one.place)
        self._items = [one.item for one in ordered]
        self._places = [one.place for one in ordered]
        told = [one.searched.replace(_BETWEEN, " ") for one in ordered]
        self._text = _BETWEEN.join(told)
        self._begins: list[int] = []  # of each item in the text
        at = 0
        for one in told:
            self._begins.append(at)
            at += len(one) + 1

    def page(self, wanted: str, after: Place | None, limit: int) -> list[Item]:
        """Return the first items behind a place that hold a text.

        Args:
            wanted: Without case; "" for all.
            after: Of the last item of the page before; None for the first page.
            limit: At most so many.
        """
        at = bisect_right(self._places, after) if after is not None else 0
        if not wanted:
            return self._items[at : at + limit]
        found: list[Item] = []
        while len(found) < limit and at < len(self._items) and _BETWEEN not in wanted:
            hit = self._text.find(wanted, self._begins[at])
            if hit < 0:
                break
            at = bisect_right(self._begins, hit)  # the one behind it
            found.append(self._items[at - 1])
        return found


class Register(Generic[Item]):
    """Items of many organizations."""

    def __init__(self, entries: Iterable[Entry[Item]]) -> None:
        """Take them all; an organization's list is made when it is first asked for."""
        self._entries = tuple(entries)
        self._of: defaultdict[str, list[Entry[Item]]] = defaultdict(list)
        for one in self._entries:
            self._of[one.organization].append(one)
        self._listings: dict[str | None, Listing[Item]] = {}

    def of(self, organization: str | None) -> Listing[Item]:
        """Return an organization's list; None: everybody's."""
        if (known := self._listings.get(organization)) is None:
            entries = self._entries if organization is None else self._of.get(organization, ())
            known = Listing(entries)
            if entries:  # an organization that nobody knows is not remembered
                self._listings[organization] = known
        return known
