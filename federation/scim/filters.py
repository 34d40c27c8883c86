"""Filters as questions that the store's indexes answer (RFC 7644 §3.4.2.2).

A filter is answered by columns alone, or columns narrow it down to few resources, of which each is
then asked by the library's own evaluator, under ``tolerance.COMPARING``. What is absent equals
nothing but null, differs from every value, and is neither more nor less than any. Pure.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from scim2_models import ScimFilter, SearchRequest
from scim2_models.path import (
    AttributeBinding,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Present,
    ValuePath,
    coerce_value,
)
from scim2_models.path import Not as Negation

from federation.provisioned import Column, Compare, Condition, Every, Kind, Not, Operator, Some
from federation.rules.folding import fold
from federation.scim import models

ALL: Final = Every(())  # of them
NOTHING: Final = Some(())

Order = Literal["id", "userName", "displayName", "externalId", "created", "changed"]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A condition that holds for whatever a filter finds."""

    where: Condition
    exact: bool  # it is the whole filter; otherwise each that it finds is to be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a column holds."""

    column: Column
    shape: Literal["text", "flag", "time"] = "text"
    always: bool = False  # no resource is without it
    many: bool = False
    exact_case: bool = False
    ordered: bool = False  # the store orders it as Python does


_ID: Final = _Told(column="id", always=True, exact_case=True)
_EXTERNAL_ID: Final = _Told(column="externalId", exact_case=True)
_META: Final = {
    "meta.created": _Told(column="created", shape="time", always=True, ordered=True),
    "meta.last_modified": _Told(column="changed", shape="time", always=True, ordered=True),
}
# By the names of the library's fields.
_COLUMNS: Final[dict[Kind, dict[str, _Told]]] = {
    "User": {
        "id": _ID,
        "external_id": _EXTERNAL_ID,
        "user_name": _Told(column="userName", always=True, ordered=True),
        "display_name": _Told(column="displayName", ordered=True),
        "active": _Told(column="active", shape="flag", always=True),
        "emails.value": _Told(column="emails", many=True),
        "groups.value": _Told(column="groups", many=True, exact_case=True),
        **_META,
    },
    "Group": {
        "id": _ID,
        "external_id": _EXTERNAL_ID,
        "display_name": _Told(column="displayName", always=True, ordered=True),
        "members.value": _Told(column="members", many=True, exact_case=True),
        **_META,
    },
}
_MODELS: Final[dict[Kind, type[Any]]] = {"User": models.USER, "Group": models.GROUP}
_ORDERS: Final[dict[str, Order]] = {
    "id": "id",
    "user_name": "userName",
    "meta.created": "created",
    "meta.last_modified": "changed",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SUBSTRING: Final = (CompareOperator.co, CompareOperator.sw, CompareOperator.ew)


def narrow(asked: ScimFilter[Any] | None, kind: Kind) -> Narrowed:
    """Return the condition under which resources of a kind are what a filter asks for, or may be.

    Args:
        asked: Parsed, and checked against every kind that it is asked of; None asks for all.
        kind: What an attribute is an attribute of; one that the kind has not finds nothing.

    Raises:
        InvalidFilterException: An operator or a value that its attribute cannot take.
    """
    if asked is None:
        return Narrowed(ALL, exact=True)
    bound = bind(asked, kind)
    found = _Narrowing(bound, kind).visit(bound.ast)
    return found if found is not None else Narrowed(ALL, exact=False)


def bind(asked: ScimFilter[Any], kind: Kind) -> ScimFilter[Any]:
    """Return a filter as it is asked of one kind of resource."""
    model = _MODELS[kind]
    return asked if asked.models == (model,) else ScimFilter.__class_getitem__(model)(str(asked))


def order(asked: SearchRequest[Any], kind: Kind) -> Order | None:
    """Return by which column a search is sorted, None where resources are to be sorted one by one.

    Only by what every resource has: what is absent comes last, and first where they descend (§3.4.2.3).
    """
    if asked.sort_by is None:
        return "id"
    binding = asked.sort_binding(_MODELS[kind])
    if binding is None:
        return "id"  # the kind has no such attribute: all are alike
    name = _name(binding)
    return "displayName" if kind == "Group" and name == "display_name" else _ORDERS.get(name)


def descends(asked: SearchRequest[Any]) -> bool:
    """Tell whether a search is sorted from the last to the first."""
    return asked.sort_order == SearchRequest.SortOrder.descending


class _Narrowing(FilterVisitor[Narrowed | None]):
    """None where nothing can be said by columns."""

    def __init__(self, bound: ScimFilter[Any], kind: Kind) -> None:
        self._bound = bound
        self._columns = _COLUMNS[kind]

    def visit_logical_expr(self, node: LogicalExpr) -> Narrowed | None:
        terms = [self.visit(term) for term in node.terms]
        told = [term for term in terms if term is not None]
        exact = len(told) == len(terms) and all(term.exact for term in told)
        if node.op == LogicalOperator.and_:
            return Narrowed(Every(tuple(term.where for term in told)), exact=exact) if told else None
        # of "this or that" nothing is ruled out, where of "that" nothing is known
        whole = len(told) == len(terms)
        return Narrowed(Some(tuple(term.where for term in told)), exact=exact) if whole else None

    def visit_not(self, node: Negation) -> Narrowed | None:
        told = self.visit(node.expr)
        return Narrowed(Not(told.where), exact=True) if told is not None and told.exact else None

    def visit_present(self, node: Present) -> Narrowed | None:
        binding = self._bound.resolve(node.attr_path, strict=False)
        if binding is None:
            return Narrowed(NOTHING, exact=True)
        told = self._columns.get(_name(binding))
        if told is None:
            return None
        where = ALL if told.always else Compare(column=told.column, operator="pr")
        return Narrowed(where, exact=True)

    def visit_comparison(self, node: Comparison) -> Narrowed | None:
        binding = self._bound.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return Narrowed(NOTHING, exact=True)
        told = self._columns.get(_name(binding))
        where = _compare(told, binding, node.op, node.value) if told is not None else None
        return Narrowed(where, exact=True) if where is not None else None

    def visit_value_path(self, node: ValuePath) -> Narrowed | None:
        binding = self._bound.resolve(node.attr_path, strict=False)
        if binding is None:
            return Narrowed(NOTHING, exact=True)
        told = self._columns.get(f"{binding.field_name}.value")
        return _Selecting(told, binding).visit(node.val_filter) if told is not None else None


class _Selecting(FilterVisitor[Narrowed | None]):
    """One entry must be all that stands between the brackets; the store tells of its value alone."""

    def __init__(self, told: _Told, binding: AttributeBinding) -> None:
        self._told = told
        self._binding = binding

    def visit_logical_expr(self, node: LogicalExpr) -> Narrowed | None:
        terms = [self.visit(term) for term in node.terms]
        told = [term.where for term in terms if term is not None]
        if node.op == LogicalOperator.and_:
            return Narrowed(Every(tuple(told)), exact=False) if told else None
        exact = all(term is not None and term.exact for term in terms)
        return Narrowed(Some(tuple(told)), exact=exact) if len(told) == len(terms) else None

    def visit_not(self, node: Negation) -> None:
        """Another entry may be what this one is not."""

    def visit_value_path(self, node: ValuePath) -> None:
        """The grammar has none in another."""

    def visit_present(self, node: Present) -> Narrowed | None:
        if node.attr_path.attr.lower() != "value":
            return None
        return Narrowed(Compare(column=self._told.column, operator="pr"), exact=True)

    def visit_comparison(self, node: Comparison) -> Narrowed | None:
        if node.attr_path.attr.lower() != "value" or node.op == CompareOperator.ne:
            return None
        where = _compare(self._told, self._binding, node.op, node.value)
        return Narrowed(where, exact=True) if where is not None else None


def _name(binding: AttributeBinding) -> str:
    if binding.sub_field_name is None:
        return binding.field_name
    return f"{binding.field_name}.{binding.sub_field_name}"


def _compare(
    told: _Told, binding: AttributeBinding, operator: CompareOperator, value: object
) -> Condition | None:
    """Return a comparison of a column, None where the store would say something else."""
    if value is None:
        return _with_null(told, operator)
    if told.shape == "text":
        return _with_text(told, operator, value)
    known = coerce_value(binding, value, operator)
    if told.shape == "flag" and isinstance(known, bool) and operator in ("eq", "ne"):
        return Compare(column=told.column, operator="eq", value=known is (operator == "eq"))
    if not isinstance(known, datetime) or known.tzinfo is None or operator in _SUBSTRING:
        return None
    instant = (known - _EPOCH) // _MICROSECOND
    if operator == CompareOperator.ne:
        return Not(Compare(column=told.column, operator="eq", value=instant))
    return Compare(column=told.column, operator=_operator(operator), value=instant)


def _with_null(told: _Told, operator: CompareOperator) -> Condition | None:
    """To be null is to be absent; an entry of many may be there without a value."""
    if told.many:
        return None
    if operator == CompareOperator.eq:
        return NOTHING if told.always else Not(Compare(column=told.column, operator="pr"))
    if operator == CompareOperator.ne:
        return ALL if told.always else Compare(column=told.column, operator="pr")
    return NOTHING


def _with_text(told: _Told, operator: CompareOperator, value: object) -> Condition | None:
    if not isinstance(value, str):
        return None
    text = value if told.exact_case else fold(value)
    present = ALL if told.always else Compare(column=told.column, operator="pr")
    if operator == CompareOperator.ne:  # no value of many is the same, and what is absent is not either
        return Not(_equal(told, text))
    if operator == CompareOperator.eq:
        return _equal(told, text)
    if operator in _SUBSTRING:
        return present if not text else Compare(column=told.column, operator=_operator(operator), value=text)
    if not told.ordered:
        return None
    compared = Compare(column=told.column, operator=_operator(operator), value=text)
    # the store keeps "" for what is absent, which would be less than anything
    return compared if told.always else Every((present, compared))


def _equal(told: _Told, text: str) -> Condition:
    """Nothing is kept empty; the store keeps "" for what is absent."""
    return Compare(column=told.column, operator="eq", value=text) if text else NOTHING


def _operator(operator: CompareOperator) -> Operator:
    return operator.value  # the specification's own names
