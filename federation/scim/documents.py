"""Request bodies as JSON: no name twice, nothing that the store could not hold (RFC 8259 §4)."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from scim2_models import InvalidSyntaxException

_DIGITS: Final = 18  # of a number; nobody's attribute is one
_UNKEEPABLE: Final = re.compile("[\0\ud800-\udfff]")
# Asked of the octets first, for a walk through every text of a large group takes long: without such an
# escape there is no NUL and no half of a character.
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def read(body: bytes) -> Any:
    """Parse a request body.

    Args:
        body: UTF-8 octets, length already bounded by whoever received them.

    Raises:
        InvalidSyntaxException: Not JSON, or a name twice in an object, NaN, an endless number, NUL, a
            lone surrogate. The message holds nothing of the body.
    """
    try:
        parsed = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_float=_number,
            parse_int=_integer,
        )
    except (ValueError, RecursionError):  # ValueError: UnicodeDecodeError and JSONDecodeError too
        raise _refused() from None
    if _SUSPECT.search(body) is not None and any(map(_unkeepable, _texts(parsed))):
        raise _refused()
    return parsed


def is_keepable(text: str) -> bool:
    """Tell whether the store can hold a text: it has no NUL, and no half of a character."""
    return not _unkeepable(text)


def _refused() -> InvalidSyntaxException:
    return InvalidSyntaxException(detail="The request body is not JSON that can be read in one way only")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read_ = dict(pairs)
    if len(read_) != len(pairs):
        raise ValueError("a name twice")
    return read_


def _refuse(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("too large a number")
    return int(digits)


def _number(digits: str) -> float:
    read_ = float(digits)
    if read_ in (float("inf"), float("-inf")):
        raise ValueError("too large a number")
    return read_


def _unkeepable(text: str) -> bool:
    return _UNKEEPABLE.search(text) is not None


def _texts(parsed: Any) -> Iterator[str]:
    waiting = [parsed]  # not by recursion: it may be deep
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(values):
                waiting.extend(values)
            case dict(members):
                yield from members
                waiting.extend(members.values())
