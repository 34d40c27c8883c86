"""One operation of a PATCH as directories send it, mended into operations of RFC 7644 §3.5.2.

Entra writes ``Add``, sends several attributes in one value under dotted names or behind URNs, names
entries by filters that match none, and clears by "". One operation may become several, or none. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scim2_models import InvalidPathException, InvalidValueException

from federation.provisioned import Kind
from federation.scim import shapes, tolerance, values
from federation.scim.shapes import Shape
from federation.scim.values import Unknown

NOTHING: Final[dict[str, Any]] = {"op": "replace", "value": {}}
_NAME: Final = re.compile(r"""[^\s"'(),]+""")  # of an attribute that nobody knows, behind whatever URN
_SELECTION: Final = re.compile(r"([^\[\]]+)\[(.*)\](?:\.([^.\[\]]+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path leads to."""

    urn: str
    shape: Shape
    sub: Shape | None
    selection: str  # the attribute with its filter; "" without one

    @property
    def last(self) -> Shape:
        return self.sub or self.shape

    @property
    def is_list(self) -> bool:
        return self.sub is None and not self.selection and self.shape.many


def is_password(name: str) -> bool:
    """Tell whether a name or a path leads to a password: it is dropped, whatever stands around it."""
    head = name.partition("[")[0].strip()
    return head.rpartition(":")[2].partition(".")[0].lower() == "password"


def members_named(data: object) -> int:
    """Return how many members the data of a bulk operation names."""
    if not isinstance(data, Mapping):
        return 0
    named = len(data.get("members") or ())
    for one in data.get("Operations") or ():
        value = one.get("value")
        told = value.get("members") if isinstance(value, Mapping) else value
        named += len(told) if isinstance(told, list) else 0
    return named


def operation(told: Mapping[str, Any], kind: Kind, unknown: Unknown) -> Iterator[dict[str, Any]]:
    """Yield the operations that one stands for.

    Args:
        told: The operation as it was sent.
        kind: What it is an operation on.
        unknown: Is told of attributes that nobody knows.

    Raises:
        InvalidPathException: The path is too long, or none.
        InvalidValueException: The value is not one of its attribute.
        InvalidSyntaxException: A name is there twice.
        PayloadTooLargeException: A list is too long.
    """
    parts = values.keyed(told, ("op", "path", "value"))
    op = parts.get("op")
    op = op.strip().lower() if isinstance(op, str) else op
    if op not in ("add", "replace", "remove"):
        raise InvalidValueException(detail="op takes add, replace or remove")
    if op != "remove" and "value" not in parts:  # what was left out clears nothing: null says so
        raise InvalidValueException(detail=f"{op} takes a value")
    path = parts.get("path")
    if path is not None and (not isinstance(path, str) or len(path) > tolerance.PATH):
        raise InvalidPathException(detail="The path is no path to an attribute")
    path = (path or "").strip()
    if is_password(path) or path.lower() == "schemas":
        return
    if not path or shapes.is_core(kind, path):
        yield from _whole(op, parts, kind, unknown)
    elif urn := shapes.extension(kind, path):
        yield from _whole(op, parts, kind, unknown, urn)
    else:
        target = _target(path, kind)
        if target is not None:
            yield from _on(op, path, target, parts, unknown)
        elif not _NAME.fullmatch(path.partition("[")[0].rstrip()):
            raise InvalidPathException(detail="The path is no path to an attribute")
        else:
            unknown.add(path)


def _target(path: str, kind: Kind) -> _Target | None:
    if "[" not in path:
        found = shapes.find(kind, path)
        return None if found is None else _Target(found.urn, found.shape, found.sub, "")
    selected = _SELECTION.fullmatch(path)
    if selected is None:
        raise InvalidPathException(detail="The path is no path to an attribute")
    name, _, sub = selected.groups()
    found = shapes.find(kind, f"{name.strip()}.{sub}" if sub else name.strip())
    selection = path[: selected.end(2) + 1]
    return None if found is None else _Target(found.urn, found.shape, found.sub, selection)


def _whole(
    op: str, parts: Mapping[str, Any], kind: Kind, unknown: Unknown, urn: str = ""
) -> Iterator[dict[str, Any]]:
    """Without a path the value holds attributes, each under its name or its path."""
    value = parts.get("value")
    if op == "remove":
        yield {"op": op, "path": urn} if urn else {"op": op}  # the library refuses one of everything
        return
    if urn and (value is None or value == ""):
        yield {"op": "remove", "path": urn}
        return
    if not isinstance(value, Mapping):
        raise InvalidValueException(detail="The value of an operation without a path takes an object")
    written, cleared = dict[str, Any](), dict[str, Any]()
    for path, told in _flattened(value, kind, urn):
        target = None if is_password(path) else _target(path, kind)
        if target is None:
            unknown.add(path)
        elif target.selection:
            yield from _on(op, path, target, {"value": told}, unknown)
        elif not (target.shape.ours or target.last.ours):
            _note(_written(target, told, unknown), written, cleared)
    if written:
        yield {"op": op, "value": written}
    if cleared:
        yield {"op": "replace", "value": cleared}


def _note(told: tuple[str, Any], written: dict[str, Any], cleared: dict[str, Any]) -> None:
    name, settled = told
    if name in written or name in cleared:
        raise values.twice(name)
    (cleared if settled is None else written)[name] = settled


def _flattened(value: Mapping[str, Any], kind: Kind, urn: str) -> Iterator[tuple[str, Any]]:
    """Yield attributes by their paths: an object under a schema's URN holds attributes of that schema."""
    for name, told in value.items():
        inside = "" if urn else shapes.extension(kind, name)
        if not urn and (inside or shapes.is_core(kind, name)) and isinstance(told, Mapping):
            yield from ((f"{inside}:{one}" if inside else one, value_) for one, value_ in told.items())
        elif inside and (told is None or told == ""):
            yield from ((f"{inside}:{one.name}", None) for one in shapes.attributes(kind, inside).values())
        elif name.lower() != "schemas" or urn:
            yield (f"{urn}:{name}" if urn else name), told


def _written(target: _Target, value: object, unknown: Unknown) -> tuple[str, Any]:
    """Return what an attribute is called, and the value that it takes."""
    prefix = f"{target.urn}:" if target.urn else ""
    if target.shape.name == "members" and target.sub is None:
        return "members", [{"value": one} for one in values.members(value)]
    if _is_manager_value(target):
        return f"{prefix}manager", values.one(target.shape, {"value": value}, unknown)
    settled = values.settle(target.last, value, unknown)
    return f"{prefix}{target.shape.name}" + (f".{target.sub.name}" if target.sub else ""), settled


def _is_manager_value(target: _Target) -> bool:
    return target.shape.name == "manager" and target.sub is not None and target.sub.name == "value"


def _on(
    op: str, path: str, target: _Target, parts: Mapping[str, Any], unknown: Unknown
) -> Iterator[dict[str, Any]]:
    """Yield what is left of an operation with a path."""
    value = parts.get("value")
    if target.shape.ours or target.last.ours:
        yield {"op": op, "path": path, "value": ""} if op != "remove" else {"op": op, "path": path}
    elif op == "remove":
        yield from _removal(path, target, value, unknown)
    elif target.is_list and target.shape.name == "members":
        entries = [{"value": one} for one in values.members(value)]
        if entries or op == "replace":
            yield {"op": op, "path": "members", "value": entries}
    elif target.selection:
        yield from _on_selected(op, path, target, value, unknown)
    else:
        name, settled = _written(target, value, unknown)
        yield {"op": "replace" if settled is None else op, "path": name, "value": settled}


def _on_selected(
    op: str, path: str, target: _Target, value: object, unknown: Unknown
) -> Iterator[dict[str, Any]]:
    """What is cleared of an entry that nobody has makes none; without a value an entry is nothing."""
    told = values.role(value) if target.shape.name == "roles" else value
    settled = values.one(target.last, told, unknown)
    if settled is not None:
        yield {"op": op, "path": path, "value": settled}
    else:
        gone = target.sub is None or target.sub.name == "value"
        yield {"op": "remove", "path": target.selection if gone else path}


def _removal(path: str, target: _Target, value: object, unknown: Unknown) -> Iterator[dict[str, Any]]:
    """What a value names is removed, as Entra sends it; a value that names nobody removes nobody."""
    if value is None or not target.is_list:
        yield {"op": "remove", "path": path}
        return
    if target.shape.name == "members":
        entries: list[Any] = [{"value": one} for one in values.members(value)]
    else:
        settled = values.settle(target.shape, value, unknown) or []
        entries = [{key: told for key, told in entry.items() if told is not None} for entry in settled]
    if entries:
        yield {"op": "remove", "path": path, "value": entries}
