"""Values as clients send them, mended into what their attribute takes (RFC 7643 §2.3 to §2.5).

Directories send texts for flags, "" for nothing, a manager as text or list, app roles as JSON in a
text. What no mending makes right is refused by the attribute's name; no value stands in a message.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from scim2_models import InvalidSyntaxException, InvalidValueException, PayloadTooLargeException

from federation.scim import documents, tolerance
from federation.scim.shapes import Shape

_NAME: Final = re.compile(r"[A-Za-z$][A-Za-z0-9$_.:-]{0,99}", re.ASCII)
_ALPHABET: Final = str.maketrans("-_", "+/")
_FLAGS: Final = {"true": True, "false": False}
_ID: Final = 128  # characters; ours have 36
_ROLE_NAMES: Final = ("value", "displayName")  # of an app role in JSON, the one that counts first


class Unknown:
    """Names of attributes that nobody here knows: they are not heard, and told of once."""

    def __init__(self) -> None:
        """Know of none yet."""
        self.names: set[str] = set()

    def add(self, name: str) -> None:
        """Keep a name, unless it is none, or there are many."""
        if len(self.names) < tolerance.NAMED and _NAME.fullmatch(name):
            self.names.add(name)


def keyed(told: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Return the members of an object by these lower-cased names, whatever their case; others are left out.

    Raises:
        InvalidSyntaxException: One is there twice.
    """
    wanted, found = frozenset(known), dict[str, Any]()
    for name, value in told.items():
        low = name.lower()
        if low in wanted:
            if low in found:
                raise twice(name)
            found[low] = value
    return found


def twice(name: str) -> InvalidSyntaxException:
    """Return the refusal of an attribute that is there in two spellings."""
    return InvalidSyntaxException(detail=f"{name[:100]} is there twice")


def settle(shape: Shape, value: object, unknown: Unknown) -> Any:
    """Return a value as its attribute takes it, None for one that clears it.

    Args:
        shape: The attribute's, or the sub-attribute's.
        value: As it was sent.
        unknown: Is told of sub-attributes that nobody knows.

    Raises:
        InvalidValueException: It is not a value of this attribute.
        InvalidSyntaxException: A name in it is there twice.
        PayloadTooLargeException: A list is too long.
    """
    if shape.many:
        return _list(shape, value, unknown)
    return one(shape, value, unknown)


def one(shape: Shape, value: object, unknown: Unknown) -> Any:
    """Return one value, or one entry of many. Arguments and errors are those of ``settle``."""
    if shape.name == "manager":
        return _manager(shape, value, unknown)
    if value is None or value == "":
        return None
    match shape.type:
        case "flag":
            return _flag(shape, value)
        case "complex":
            return _complex(shape, value, unknown)
        case "binary":
            return _binary(shape, value)
        case _:
            return _text(shape, value)


def members(value: object) -> list[str]:
    """Return the ids of members that a value lists, each once and in its order.

    Raises:
        InvalidValueException: It is no list of members.
        PayloadTooLargeException: There are more than ``tolerance.MEMBERS``.
    """
    if value is None or value == "":
        return []
    entries = value if isinstance(value, list) else [value]
    if len(entries) > tolerance.MEMBERS:
        raise PayloadTooLargeException(detail=f"members takes {tolerance.MEMBERS} values at once")
    # of a large group each entry counts: as most clients write them, nothing is called for
    found = {
        entry["value"]
        if type(entry) is dict and type(entry.get("value")) is str and len(entry["value"]) <= _ID
        else _member(entry): None
        for entry in entries
    }
    found.pop("", None)
    return list(found)


def _member(entry: object) -> str:
    """A member is who its value says; a client that sends its URI alone means the same."""
    if entry is None:
        return ""
    if isinstance(entry, Mapping):
        told = keyed(entry, ("value", "$ref"))
        entry = told.get("value") or str(told.get("$ref") or "").rpartition("/")[2]
    if not isinstance(entry, str) or len(entry) > _ID:
        raise InvalidValueException(detail="A member is told by its id")
    return entry


def _flag(shape: Shape, value: object) -> bool:
    told = _FLAGS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(told, bool):
        raise InvalidValueException(detail=f"{shape.name} takes true or false")
    return told


def _text(shape: Shape, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValueException(detail=f"{shape.name} takes a string")
    if len(value) > shape.length:
        raise InvalidValueException(detail=f"{shape.name} takes {shape.length} characters")
    return value


def _binary(shape: Shape, value: object) -> str:
    """Base64, of either alphabet and in lines too (RFC 7643 §2.3.6)."""
    text = "".join(_text(shape, value).split()).translate(_ALPHABET)
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise InvalidValueException(detail=f"{shape.name} takes base64") from None
    return text


def _complex(shape: Shape, value: object, unknown: Unknown) -> dict[str, Any] | None:
    """One that was sent with an empty value clears itself: of a phone without number nothing is left."""
    if isinstance(value, str) and "value" in shape.subs:
        value = {"value": value}
    if not isinstance(value, Mapping):
        raise InvalidValueException(detail=f"{shape.name} takes an object")
    if shape.name == "roles":
        value = _role(value)
    settled: dict[str, Any] = {}
    for name, told in value.items():
        sub = shape.subs.get(name.lower())
        if sub is None:
            unknown.add(f"{shape.name}.{name}")
        elif sub.name in settled:
            raise twice(name)
        elif not sub.ours:
            settled[sub.name] = settle(sub, told, unknown)
    return None if "value" in settled and settled["value"] is None else settled


def _list(shape: Shape, value: object, unknown: Unknown) -> list[Any] | None:
    """A single entry is a list of one; null among others is nobody."""
    if value is None or value == "":
        return None
    entries = value if isinstance(value, list) else [value]
    if len(entries) > tolerance.ENTRIES:
        raise PayloadTooLargeException(detail=f"{shape.name} takes {tolerance.ENTRIES} values")
    return [settled for entry in entries if (settled := one(shape, entry, unknown))]


def _manager(shape: Shape, value: object, unknown: Unknown) -> dict[str, Any] | None:
    """Entra sends the id alone, or in a list, and "" where there is none any more.

    A new manager without ``$ref`` leaves none behind: it would name the one before.
    """
    if isinstance(value, list):
        if len(value) > 1:
            raise InvalidValueException(detail="manager takes one value")
        value = value[0] if value else None
    if value is None or value == "":
        return None
    settled = _complex(shape, value, unknown)
    if settled is not None and "value" in settled:
        settled.setdefault("$ref", None)
    return settled


def role(value: object) -> object:
    """Return the role that a text names: itself, or the app role that it holds as JSON.

    Entra's SingleAppRoleAssignment and AppRoleAssignmentsComplex send ``{"id", "value", "displayName"}``
    of an app role in a text.
    """
    told = _json_role(value)
    names = (told.get(name) for name in _ROLE_NAMES) if told else ()
    return next((name for name in names if isinstance(name, str) and name), value)


def _role(entry: Mapping[str, Any]) -> dict[str, Any]:
    told = {("display" if name.lower() == "displayname" else name): value for name, value in entry.items()}
    name = next((name for name in told if name.lower() == "value"), "value")
    inside = _json_role(told.get(name))
    if inside:
        told[name] = role(told[name])
        if not told.get("display") and inside.get("displayName"):
            told["display"] = inside["displayName"]
    return told


def _json_role(value: object) -> dict[str, Any] | None:
    if not isinstance(value, str) or not value.lstrip().startswith("{") or len(value) > tolerance.TEXT:
        return None
    try:
        told = documents.read(value.encode("utf-8", "surrogatepass"))
    except InvalidSyntaxException:
        return None
    known = isinstance(told, dict) and any(isinstance(told.get(name), str) for name in _ROLE_NAMES)
    return told if known else None
