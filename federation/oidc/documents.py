"""Strict JSON: one object, no name twice, nothing that Python or SQL would stumble over.

What a provider sends is read here alone: discovery, keys, token answers, ID Tokens, UserInfo.
Two readers of one document must not see two things (RFC 8259 §4, RFC 7515 §4), so a repeated
name is refused, and so are NaN, lone surrogates and NUL. Pure.
"""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

DEPTH = 20  # levels; what providers send needs fewer than six
VALUES = 20_000  # names, values and items together: a MiB of empty objects would hold everybody up
_COMMAS = (
    3 * VALUES
)  # asked before anything is parsed: a MiB of numbers or lists likewise; texts have some too


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, lower-cased."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Tell whether a published document says that it is JSON: itself, or a kind of it (RFC 6839 §3.1)."""
    said = media_type(content_type)
    return said == "application/json" or (said.startswith("application/") and said.endswith("+json"))


def read_object(document: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        document: UTF-8 octets, length already bounded by whoever received them.

    Raises:
        ValueError: Not one JSON object of ours to read; the message holds nothing of it.

    Source: RFC 8259 §4, §8.1; RFC 7515 §5.2 step 4.
    """
    parsed = _read(document)
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  one kind of refusal for its callers
    return parsed


def read_objects(document: bytes) -> list[dict[str, Any]]:
    """Parse a JSON list of objects. Arguments and errors are those of ``read_object``."""
    parsed = _read(document)
    if not isinstance(parsed, list) or not all(isinstance(one, dict) for one in parsed):
        raise ValueError("not a JSON list of objects")
    return parsed


def _read(document: bytes) -> Any:
    if document.count(b",") > _COMMAS:
        raise ValueError("too many values")
    simple = _is_simple(document)
    decoder = _SIMPLE if simple else _decoder(_Counting())
    try:
        parsed = decoder.decode(document.decode("utf-8"))
    except (RecursionError, UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("not JSON") from None
    if not simple:
        _sound(parsed, DEPTH, VALUES)
    return parsed


def _is_simple(document: bytes) -> bool:
    """Tell what cannot be unsound without walking it: most answers, and walking takes half of reading.

    NUL and half a pair come by an escape alone, levels by brackets, values by commas and brackets.
    """
    brackets = document.count(b"{") + document.count(b"[")
    if brackets >= DEPTH or 2 * brackets + document.count(b",") > VALUES:
        return False
    return not any(escape in document for escape in _UNSOUND)


_UNSOUND = (b"\\u0000", b"\\ud", b"\\uD")  # U+D800 to U+DFFF, and some letters of Korean


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object: no name twice in it."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is repeated")
    return made


class _Counting:
    """Makes one document's objects, and not too many of them."""

    def __init__(self) -> None:
        self._left = VALUES

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._left -= 1 + len(pairs)
        if self._left < 0:
            raise ValueError("too many values")
        return _once(pairs)


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999
        raise ValueError("a number out of range")
    return value


def _sound(value: Any, depth: int, left: int) -> int:
    """Judge a value and all in it; return how many more values the document may hold."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        _text(value)
    elif isinstance(value, dict | list):
        left -= len(value)
        if left < 0:
            raise ValueError("too many values")
        if isinstance(value, dict):
            for name in value:
                _text(name)
        for inner in value.values() if isinstance(value, dict) else value:
            left = _sound(inner, depth - 1, left)
    return left


def _text(value: str) -> None:
    if "\0" in value:
        raise ValueError("a NUL character")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("a lone surrogate")


def _decoder(make: Callable[[list[tuple[str, Any]]], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=make, parse_constant=_constant, parse_float=_finite)


_SIMPLE = _decoder(_once)  # nothing is counted; made once
