"""Attributes by the names that clients use: whatever their case, dotted, behind a schema's URN.

Made of the models, so that a resource and what is mended of a request never differ. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from scim2_models import Attribute, Extension, Mutability, Resource, Schema

from federation.provisioned import Kind
from federation.scim import models, tolerance

Type = Literal["text", "flag", "binary", "complex", "other"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One attribute, or one of its sub-attributes."""

    name: str  # as the schema writes it
    type: Type
    many: bool = False
    ours: bool = False  # readOnly: what clients say of it is not heard
    length: int = tolerance.TEXT  # characters
    subs: Mapping[str, "Shape"] = field(default_factory=dict)  # by lower-cased name


@dataclass(frozen=True, slots=True)
class Found:
    """What a name in a request leads to."""

    urn: str  # of the extension that it is in, "" of the core schema
    shape: Shape
    sub: Shape | None = None

    @property
    def last(self) -> Shape:
        """What is written there."""
        return self.sub or self.shape


_ID: Final = Shape("id", "text", ours=True)
_META: Final = Shape("meta", "complex", ours=True)
_EXTERNAL_ID: Final = Shape("externalId", "text", length=tolerance.INDEXED)
_INDEXED: Final = frozenset({"userName", "displayName"})
_TYPES: Final[Mapping[str, Type]] = {
    "string": "text", "reference": "text", "boolean": "flag", "binary": "binary", "complex": "complex",
}  # fmt: skip


def _shape(attribute: Attribute, indexed: frozenset[str] = frozenset()) -> Shape:
    name = attribute.name or ""
    told = str(attribute.type.value if attribute.type else "string")
    kind = _TYPES.get(told, "other")
    inner = frozenset({"value"}) if name == "emails" else frozenset[str]()
    return Shape(
        name,
        kind,
        many=bool(attribute.multi_valued),
        ours=attribute.mutability == Mutability.read_only,
        length=tolerance.BINARY
        if told == "binary"
        else tolerance.INDEXED
        if name in indexed
        else tolerance.TEXT,
        subs={(sub.name or "").lower(): _shape(sub, inner) for sub in attribute.sub_attributes or ()},
    )


def _shapes(schema: Schema, indexed: frozenset[str] = frozenset()) -> dict[str, Shape]:
    return {(one.name or "").lower(): _shape(one, indexed) for one in schema.attributes or ()}


def _of(model: type[Resource[Any]] | type[Extension], *, resource: bool) -> dict[str, Shape]:
    common = {"id": _ID, "meta": _META, "externalid": _EXTERNAL_ID} if resource else {}
    return common | _shapes(model.to_schema(), _INDEXED if resource else frozenset())


_CORE: Final[Mapping[Kind, Mapping[str, Shape]]] = {
    "User": _of(models.User, resource=True),
    "Group": _of(models.Group, resource=True),
}
URNS: Final[Mapping[Kind, str]] = {"User": models.USER_URN, "Group": models.GROUP_URN}
_EXTENSIONS: Final[Mapping[Kind, Mapping[str, Mapping[str, Shape]]]] = {
    "User": {models.ENTERPRISE_URN: _of(models.EnterpriseUser, resource=False)},
    "Group": {},
}
_LOWER: Final = {kind: {urn.lower(): urn for urn in told} for kind, told in _EXTENSIONS.items()}


def attributes(kind: Kind, urn: str = "") -> Mapping[str, Shape]:
    """Return the attributes of a schema by lower-cased name; ``urn`` of an extension, "" of the core."""
    return _EXTENSIONS[kind][urn] if urn else _CORE[kind]


def extension(kind: Kind, name: str) -> str:
    """Return the URN of an extension that a name is, as it is written; "" of no extension."""
    return _LOWER[kind].get(name.lower(), "")


def is_core(kind: Kind, name: str) -> bool:
    """Tell whether a name is the URN of the kind's own schema."""
    return name.lower() == URNS[kind].lower()


def find(kind: Kind, name: str) -> Found | None:
    """Return what an attribute's name leads to, None for nothing known.

    Args:
        kind: Of resource.
        name: As RFC 7644 §3.10 writes it: an attribute, or a sub-attribute after a dot, alone or behind
            the URN of its schema and a colon. Without any filter.
    """
    urn, known, rest = "", _CORE[kind], name
    if ":" in name:
        prefix, _, rest = name.rpartition(":")
        if not is_core(kind, prefix):
            urn = extension(kind, prefix)
            if not urn:
                return None
            known = _EXTENSIONS[kind][urn]
    head, dot, tail = rest.partition(".")
    shape = known.get(head.lower())
    if shape is None:
        return None
    sub = shape.subs.get(tail.lower()) if dot and not shape.ours else None
    dot = "" if shape.ours else dot  # nothing of what is ours is anybody's to write
    return Found(urn, shape, sub) if sub is not None or not dot else None
