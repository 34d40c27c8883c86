"""Pages of a list: up to so many items, and a cursor that says where the next page begins.

Keyset paging: a cursor names the last item's place in its index, so that a page costs the same
wherever it is and nothing is told twice or left out while others write. Opaque, not secret: a
cursor made up by somebody shows them nothing that its query would not.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from federation.errors import FieldsRefused
from federation.store.rows import storable

PAGE: Final = 50
LONGEST_PAGE: Final = 200
LONGEST_CURSOR: Final = 2000  # characters
_NUMBERS: Final = 253_402_300_800_000_000  # microseconds to the end of the calendar: the only numbers

Item = TypeVar("Item")
Place = tuple[str | int, ...]  # of an item in its index, as ("2026…",) or (1790000000, "okta")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """Some of a list."""

    items: Sequence[Item]
    next: str | None  # the cursor of the next page; None: there is none


def cut(found: Sequence[Item], limit: int, place: Callable[[Item], Place]) -> Page[Item]:
    """Return a page of what was found, where one more than ``limit`` was asked for."""
    kept = found[:limit]
    return Page(items=kept, next=write_cursor(place(kept[-1])) if len(found) > limit else None)


def write_cursor(place: Place) -> str:
    """Return a place as a cursor: base64url of a JSON array."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type[str] | type[int]) -> Place | None:
    """Return the place that a cursor names; None for the first page.

    Args:
        cursor: As it was sent.
        kinds: Of the place's members, as ``(int, str)``.

    Raises:
        FieldsRefused: ``admin.invalid``: nobody here wrote it.
    """
    if cursor is None:
        return None
    told = _decoded(cursor)
    if told is None or [type(one) for one in told] != list(kinds) or not all(map(_is_place, told)):
        faults = ((("cursor",), "expected one that an answer named as its next"),)
        raise FieldsRefused("admin.invalid", "the cursor is none of ours", faults=faults)
    return tuple(told)


def _decoded(cursor: str) -> list[Any] | None:
    padded = cursor[:LONGEST_CURSOR] + "=" * (-len(cursor) % 4)
    try:
        told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, list) else None


def _is_place(one: str | int) -> bool:
    """Tell whether every engine can be asked for it."""
    return 0 <= one < _NUMBERS if isinstance(one, int) else storable(one) == one
