"""Changes of a Group that name no more than they change: nobody reads 20,000 members to add one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scim2_models import InvalidFilterException, PatchOp, PayloadTooLargeException, ScimFilter
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from federation.provisioned import Members
from federation.scim import models, shapes, tolerance, values

_TEXTS: Final = frozenset({"displayName", "externalId"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """What a PATCH makes of a Group; None leaves it."""

    members: Members | None = None
    display_name: str | None = field(default=None, repr=False)
    external_id: str | None = field(default=None, repr=False)  # "" clears it


class _Whole(Exception):
    """Only the whole resource tells what this makes of it."""


@dataclass(slots=True)
class _Outcome:
    """What the operations up to here make of a group; the last word on each member counts."""

    every: bool = False
    told: bool = False
    wanted: dict[str, bool] = field(default_factory=dict)  # id → whether it is in
    texts: dict[str, str] = field(default_factory=dict)

    def put(self, ids: list[str], *, present: bool) -> None:
        self.told = True
        for one in ids:
            self.wanted.pop(one, None)  # the last to be named comes last
            self.wanted[one] = present

    def clear(self) -> None:
        self.told = self.every = True
        self.wanted.clear()

    def result(self) -> GroupChange:
        add = tuple(one for one, present in self.wanted.items() if present)
        remove = () if self.every else tuple(one for one, present in self.wanted.items() if not present)
        return GroupChange(
            members=Members(add=add, remove=remove, every=self.every) if self.told else None,
            display_name=self.texts.get("displayName"),
            external_id=self.texts.get("externalId"),
        )


def change(payload: Mapping[str, Any]) -> GroupChange | None:
    """Return what a PATCH makes of a Group, None where the library must be asked, with the whole of it.

    It says what the library would make of any group: what the library refuses is left to it.

    Args:
        payload: From ``dialect.patch``.

    Raises:
        PayloadTooLargeException: So many operations on the whole of it would hold all others up.
    """
    outcome = _Outcome()
    try:
        for operation in payload["Operations"]:
            _apply(outcome, operation["op"], operation.get("path") or "", operation.get("value"))
    except _Whole:
        if len(payload["Operations"]) > tolerance.WHOLE_OPERATIONS:
            most = f"{tolerance.WHOLE_OPERATIONS} operations such as these"
            raise PayloadTooLargeException(detail=f"A PATCH takes {most}") from None
        return None
    return outcome.result()


def of(patch: PatchOp[models.Group]) -> GroupChange | None:
    """Return the same of a PATCH that the library has read: one within a bulk request."""
    operations = [
        {"op": one.op.value, "path": str(one.path) if one.path else "", "value": one.value}
        for one in patch.operations or ()
    ]
    return change({"Operations": operations})


def _apply(outcome: _Outcome, op: str, path: str, value: object) -> None:
    if not path:
        if op == "remove" or not isinstance(value, Mapping):
            raise _Whole
        for name, told in value.items():
            _apply(outcome, op, name, told)
        return
    name, selected = _attribute(path)
    if name == "members" and op == "remove":
        _remove(outcome, selected, value)
    elif name == "members" and not selected:
        if op == "replace":
            outcome.clear()
        outcome.put(values.members(value), present=True)
    elif name in _TEXTS and not selected:
        outcome.texts[name] = _text(name, None if op == "remove" else value)
    else:
        raise _Whole


def _remove(outcome: _Outcome, selected: str, value: object) -> None:
    """Who is named goes; without a name all go (RFC 7644 §3.5.2.2)."""
    if selected:
        outcome.put(_selected(selected), present=False)
    elif value is None:
        outcome.clear()
    else:
        outcome.put(values.members(value), present=False)


def _attribute(path: str) -> tuple[str, str]:
    """Return which attribute a path leads to, and the filter that selects of it; "" for anything else."""
    head, bracket, rest = path.partition("[")
    found = shapes.find("Group", head.strip())
    if found is None or found.sub is not None or found.urn or (bracket and not rest.endswith("]")):
        return "", ""
    return found.shape.name, rest[:-1]


def _text(name: str, value: object) -> str:
    """A group has a displayName: what takes it away is for the library to refuse."""
    if value is None and name == "externalId":
        return ""
    if not isinstance(value, str) or not value:
        raise _Whole
    return value


def _selected(told: str) -> list[str]:
    """Return the ids that a filter compares ``value`` with, by ``eq`` and ``or`` alone."""
    try:
        node: FilterNode = ScimFilter(told).ast
    except InvalidFilterException:
        raise _Whole from None
    terms = node.terms if isinstance(node, LogicalExpr) and node.op == LogicalOperator.or_ else (node,)
    return [_named(term) for term in terms]


def _named(term: FilterNode) -> str:
    if (
        isinstance(term, Comparison)
        and term.op == CompareOperator.eq
        and str(term.attr_path).lower() == "value"
        and isinstance(term.value, str)
    ):
        return term.value
    raise _Whole
