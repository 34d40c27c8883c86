"""Claims as attributes: flat under their own names, and by the paths that a connection names.

A path is what stands in a connection's ``attributes``: names with dots between them, ``[0]`` for
a place in a list, and a name with dots, brackets or slashes in quotes:
``resource_access."https://acme.example/app".roles``. A claim that bears the whole text as its
name comes first, so a plain URL needs no quotes. Where a path goes on, or ends, in a string that
holds a JSON object or list, that is read. One string and a list of strings are the same answer;
missing, empty and unreadable are three. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from federation.oidc import documents

_STEP: Final = re.compile(r'(?P<dot>\.)?(?:"(?P<quoted>[^"]+)"|(?P<plain>[^."\[\]]+)|\[(?P<place>\d{1,4})\])')
Step = str | int  # a name, or a place in a list


class Lack(Enum):
    """Why a path leads to no values: three answers that policy must not mix up."""

    MISSING = "missing"  # nobody said anything
    EMPTY = "empty"  # said to be nothing
    UNREADABLE = "unreadable"  # something was said that is no text and no list of texts


@dataclass(frozen=True, slots=True)
class Path:
    """One name out of a connection's ``attributes``, read once at start."""

    text: str  # as written; the attribute's name
    steps: tuple[Step, ...]  # (): no path, the name of a claim alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What was said of a person."""

    values: Mapping[str, tuple[str, ...]]
    unreadable: frozenset[str]  # texts of paths that led to something else than values
    strings: frozenset[str]  # names whose value is one string, and no list of them


def parse_path(text: str) -> Path:
    """Read a path.

    Args:
        text: As the settings have it; names of any form are allowed, such as a URL.

    Raises:
        ValueError: It begins as a path with quotes or brackets does, and is none.
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        named = found is not None and found["place"] is None
        # A dot stands between two names, and before no place.
        if found is None or (bool(found["dot"]) != (named and at > 0)):
            return _no_path(text)
        steps.append(int(found["place"]) if found["place"] else found["quoted"] or found["plain"])
        at = found.end()
    return Path(text, tuple(steps))


def _no_path(text: str) -> Path:
    if '"' in text:
        raise ValueError('expected a claim such as groups, realm_access.roles, "https://acme.example/roles"')
    return Path(text, ())


def read_path(claims: Mapping[str, Any], path: Path) -> tuple[str, ...] | Lack:
    """Return the values that a path leads to, or why there are none.

    Args:
        claims: Parsed by ``documents.read_object``.
        path: From ``parse_path``.
    """
    found = _led(claims, path)
    return found if isinstance(found, Lack) else _values(found)


def _led(claims: Mapping[str, Any], path: Path) -> Any:
    """Return what a path leads to, as it stands there, or why to nothing."""
    if claims.get(path.text) is not None:
        return claims[path.text]
    if path.steps == (path.text,):  # the one step would lead there again
        return Lack.MISSING
    found: Any = claims if path.steps else None
    for step in path.steps:
        found = _step(_opened(found), step)
        if found is Lack.UNREADABLE:
            return Lack.UNREADABLE
        if found is None:
            return Lack.MISSING
    return Lack.MISSING if found is None else found


def _step(inside: Any, step: Step) -> Any:
    """Go one step; None where nothing is there, UNREADABLE where there is no way on."""
    if isinstance(step, str) and isinstance(inside, Mapping):
        return inside.get(step)
    if isinstance(step, int) and isinstance(inside, list):
        return inside[step] if step < len(inside) else None
    return Lack.UNREADABLE


def _opened(value: Any) -> Any:
    """Return what a string of JSON holds; every other value is itself.

    A group may well be called ``[acme] admins``: what is no JSON is not unreadable, but a text.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        read = documents.read_object(b'{"inside":' + value.encode() + b"}")
    except ValueError:
        return value
    return read["inside"] if len(read) == 1 else value  # [],"more":[] is no JSON


def _values(value: Any) -> tuple[str, ...] | Lack:
    opened = _opened(value)
    # A text that happens to look like a JSON object names nobody's values: it stays a text.
    several = opened if isinstance(opened, list) else [value]
    texts = [text(one) for one in several]
    if any(one is None for one in texts):
        return Lack.UNREADABLE  # half of somebody's groups is no answer
    return tuple(one for one in texts if one) or Lack.EMPTY


def read_attributes(claims: Mapping[str, Any], paths: Iterable[Path]) -> Attributes:
    """Return every claim under its own name, and what each path leads to under the path's text.

    Args:
        claims: About the person; what is said about the token is left out already.
        paths: Of the connection's ``attributes``.
    """
    values: dict[str, tuple[str, ...]] = {}
    strings: set[str] = set()
    for name, told in _flat(claims, ""):
        values[name] = told if isinstance(told, tuple) else (told,)
        (strings.discard if isinstance(told, tuple) else strings.add)(name)
    unreadable: set[str] = set()
    for path in paths:
        found = _led(claims, path)
        if found is Lack.MISSING:
            continue
        read = found if isinstance(found, Lack) else _values(found)
        values[path.text] = read if isinstance(read, tuple) else ()
        if read is Lack.UNREADABLE:
            unreadable.add(path.text)
        (strings.add if isinstance(_opened(found), str) else strings.discard)(path.text)
    return Attributes(values=values, unreadable=frozenset(unreadable), strings=frozenset(strings))


def flatten(claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return claims as attributes: nested names dotted, and a literal ``a.b`` before ``a: {b: …}``."""
    return {name: told if isinstance(told, tuple) else (told,) for name, told in _flat(claims, "")}


def _flat(claims: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, tuple[str, ...] | str]]:
    """Nested names come first, so that a literal one is written over them."""
    for name, value in claims.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
    for name, value in claims.items():
        if isinstance(value, list):
            yield prefix + name, tuple(found for one in value if (found := text(one)) is not None)
        elif (found := text(value)) is not None:
            yield prefix + name, found


def text(value: Any) -> str | None:
    """Return a scalar as text; None for null, objects and lists."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
    return None
