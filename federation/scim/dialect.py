"""Requests as directories send them, mended into what RFC 7644 asks for before the library reads them.

Okta and Entra each write SCIM in their own way (see docs/scim.md). What is sent is heard in every
way that leaves no doubt of what is meant; what nobody here knows is left out; a password is dropped
before anything keeps or names it. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scim2_models import (
    InvalidFilterException,
    InvalidSyntaxException,
    InvalidValueException,
    PayloadTooLargeException,
    SCIMException,
)

from federation.provisioned import Kind
from federation.scim import documents, patches, shapes, tolerance, values
from federation.scim.values import Unknown

ENDPOINTS: Final[Mapping[str, Kind]] = {"users": "User", "groups": "Group"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A request body that the library may read."""

    payload: dict[str, Any] = field(repr=False)
    # of a Group the ids of those whom it names, which are then not in the payload: the library takes a
    # second for 20,000. None of a body that says nothing of members
    members: tuple[str, ...] | None = field(default=None, repr=False)
    unknown: frozenset[str] = frozenset()  # names of attributes that were left out; no values
    faults: Mapping[int, SCIMException] = field(default_factory=dict)  # of a bulk request, by operation


def resource(raw: object, kind: Kind) -> Read:
    """Mend the body of a POST or PUT.

    Args:
        raw: As ``documents.read`` returned it.
        kind: What the endpoint keeps.

    Raises:
        SCIMException: ``invalidSyntax``, ``invalidValue``, or 413 for too much of something.

    Source: RFC 7644 §3.3, §3.5.1.
    """
    unknown = Unknown()
    told = _object(raw)
    payload, members = _resource(told, kind, unknown)
    return Read(
        payload=payload,
        members=None if members is None else tuple(members),
        unknown=frozenset(unknown.names),
    )


def patch(raw: object, kind: Kind) -> Read:
    """Mend the body of a PATCH: its payload holds ``Operations``, of which each has ``op`` in lower case.

    Arguments and errors are those of ``resource``. Source: RFC 7644 §3.5.2.
    """
    unknown = Unknown()
    return Read(payload=_patch(_object(raw), kind, unknown), unknown=frozenset(unknown.names))


def bulk(raw: object) -> Read:
    """Mend the body of a bulk request. An operation that cannot be mended fails by itself, by its fault.

    Raises:
        SCIMException: ``invalidSyntax``, or 413 for too many operations or members.

    Source: RFC 7644 §3.7.
    """
    unknown = Unknown()
    told = values.keyed(_object(raw), ("operations", "failonerrors"))
    operations = told.get("operations")
    if not isinstance(operations, list):
        raise InvalidValueException(detail="Operations takes a list")
    _few(operations, tolerance.OPERATIONS)
    faults: dict[int, SCIMException] = {}
    payload: dict[str, Any] = {"Operations": []}
    for index, one in enumerate(operations):
        operation, fault = _in_bulk(_object(one), unknown)
        payload["Operations"].append(operation)
        if fault is not None:
            faults[index] = fault
    if sum(patches.members_named(one.get("data")) for one in payload["Operations"]) > tolerance.BULK_MEMBERS:
        raise PayloadTooLargeException(
            detail=f"A bulk request takes {tolerance.BULK_MEMBERS} members; send large groups by themselves"
        )
    if sum(map(_patched, payload["Operations"])) > tolerance.BULK_OPERATIONS:
        raise PayloadTooLargeException(
            detail=f"The PATCHes of a bulk request take {tolerance.BULK_OPERATIONS} operations"
        )
    if "failonerrors" in told:
        payload["failOnErrors"] = told["failonerrors"]
    return Read(payload=payload, unknown=frozenset(unknown.names), faults=faults)


def _patched(operation: Mapping[str, Any]) -> int:
    data = operation.get("data")
    return len(data.get("Operations") or ()) if isinstance(data, Mapping) else 0


_SEARCH: Final = (
    "schemas", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes",
    "excludedAttributes",
)  # fmt: skip
_NAMES: Final = {name.lower(): name for name in _SEARCH}


def search(raw: object) -> dict[str, Any]:
    """Mend the parameters of a search: of a query, or the body of a POST on ``.search``.

    What is empty was not asked for, but a cursor: an empty one asks for the first page (RFC 9865 §2).

    Args:
        raw: A mapping of texts, or as ``documents.read`` returned it.

    Raises:
        InvalidFilterException: The filter is too long.
        InvalidValueException: Something else is.
        InvalidSyntaxException: It is no object, or has a name twice.

    Source: RFC 7644 §3.4.2, §3.4.3.
    """
    told = values.keyed(_object(raw), _NAMES)
    found = {_NAMES[low]: value for low, value in told.items() if value not in (None, "", [])}
    if told.get("cursor") == "":
        found["cursor"] = ""
    asked = found.get("filter")
    if isinstance(asked, str) and (len(asked) > tolerance.FILTER or not documents.is_keepable(asked)):
        raise InvalidFilterException(detail=f"A filter takes {tolerance.FILTER} characters")
    for name in ("attributes", "excludedAttributes"):
        if name in found:
            found[name] = names(found[name], name)
    if "startIndex" in found:
        found["startIndex"] = _place(found["startIndex"])
    if "count" in found:
        found["count"] = _place(found["count"])
    for name in ("sortBy", "sortOrder", "cursor"):
        if isinstance(found.get(name), str) and len(found[name]) > tolerance.QUERY:
            raise InvalidValueException(detail=f"{name} is too long")
    if isinstance(found.get("sortOrder"), str):
        found["sortOrder"] = found["sortOrder"].lower()
    return found


def names(told: object, parameter: str) -> list[str]:
    """Return the attributes that ``attributes`` or ``excludedAttributes`` names.

    Raises:
        InvalidValueException: No names, or too many.
    """
    listed = told.split(",") if isinstance(told, str) else told
    if not isinstance(listed, list) or len(listed) > tolerance.ATTRIBUTES:
        raise InvalidValueException(detail=f"{parameter} takes {tolerance.ATTRIBUTES} names of attributes")
    if not all(isinstance(name, str) and len(name) <= tolerance.PATH for name in listed):
        raise InvalidValueException(detail=f"{parameter} takes names of attributes")
    return [name.strip() for name in listed if name.strip()]


def _place(told: object) -> object:
    """No database counts as far as a client may write."""
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told) if len(told) <= len(str(tolerance.INDEX)) else tolerance.INDEX
    if isinstance(told, int) and not isinstance(told, bool):
        return max(-1, min(told, tolerance.INDEX))
    return told


def _object(raw: object) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise InvalidSyntaxException(detail="Expected a JSON object")
    return dict(raw)


def _few(operations: list[Any], most: int) -> None:
    if len(operations) > most:
        raise PayloadTooLargeException(detail=f"The number of operations exceeds {most}")


def _resource(
    told: Mapping[str, Any], kind: Kind, unknown: Unknown
) -> tuple[dict[str, Any], list[str] | None]:
    """What is ours to say (id, meta, groups) and what nobody knows is left out, with foreign schemas."""
    _schemas(values.keyed(told, ("schemas",)).get("schemas"), kind)
    payload: dict[str, Any] = {}
    members: list[str] | None = None
    for name, shape, value in _attributes(told, kind, unknown):
        if name in payload or (shape is not None and shape.name == "members" and members is not None):
            raise values.twice(name)
        if shape is None:
            payload[name] = _extension(kind, name, value, unknown)
        elif shape.name == "members":
            members = values.members(value)
        else:
            payload[name] = values.settle(shape, value, unknown)
    return payload, members


def _attributes(
    told: Mapping[str, Any], kind: Kind, unknown: Unknown
) -> Iterator[tuple[str, shapes.Shape | None, Any]]:
    """Yield what a resource says: a shape of its own schema, None with the URN of an extension."""
    core = shapes.attributes(kind)
    for name, value in told.items():
        if shape := core.get(name.lower()):
            if not shape.ours:
                yield shape.name, shape, value
        elif urn := shapes.extension(kind, name):
            yield urn, None, value
        elif name.lower() != "schemas" and not patches.is_password(name):
            unknown.add(name)


def _schemas(told: object, kind: Kind) -> None:
    """A body that names schemas, and not the kind's own, is meant for another endpoint."""
    if told is None or told == []:
        return
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise InvalidValueException(detail="schemas takes a list of URNs")
    if not any(shapes.is_core(kind, one) for one in told):
        raise InvalidValueException(detail=f"schemas does not name {shapes.URNS[kind]}")


def _extension(kind: Kind, urn: str, value: object, unknown: Unknown) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        raise InvalidValueException(detail=f"{urn} takes an object")
    known, settled = shapes.attributes(kind, urn), dict[str, Any]()
    for name, told in value.items():
        shape = known.get(name.lower())
        if shape is None:
            unknown.add(f"{urn}:{name}")
        elif shape.name in settled:
            raise values.twice(name)
        else:
            settled[shape.name] = values.settle(shape, told, unknown)
    return settled


def _patch(told: Mapping[str, Any], kind: Kind, unknown: Unknown) -> dict[str, Any]:
    operations = values.keyed(told, ("operations",)).get("operations")
    if not isinstance(operations, list) or not operations:
        raise InvalidValueException(detail="Operations takes one or more operations")
    _few(operations, tolerance.USER_OPERATIONS if kind == "User" else tolerance.OPERATIONS)
    mended = [done for one in operations for done in patches.operation(_object(one), kind, unknown)]
    # Of operations that were all of something unknown nothing is left: it is no fault to say nothing.
    return {"Operations": mended or [patches.NOTHING]}


_OPERATION: Final = ("method", "bulkId", "version", "path", "data")
_IN_BULK: Final = {name.lower(): name for name in _OPERATION}


def _in_bulk(told: dict[str, Any], unknown: Unknown) -> tuple[dict[str, Any], SCIMException | None]:
    operation = {_IN_BULK[low]: value for low, value in values.keyed(told, _IN_BULK).items()}
    if isinstance(operation.get("method"), str):
        operation["method"] = operation["method"].upper()
    data = operation.pop("data", None)
    path = operation.get("path")
    kind = ENDPOINTS.get(path.strip("/").partition("/")[0].lower()) if isinstance(path, str) else None
    if kind is None or not isinstance(data, Mapping):
        return operation, None
    try:
        if operation.get("method") == "PATCH":
            operation["data"] = _patch(data, kind, unknown)
        else:
            operation["data"], members = _resource(data, kind, unknown)
            if members is not None:
                operation["data"]["members"] = [{"value": one} for one in members]
    except SCIMException as fault:
        operation.pop("data", None)
        return operation, fault
    return operation, None
