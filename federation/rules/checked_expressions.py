"""What a checked CEL expression is made of, read from its own encoding.

The runtime shows no tree, but writes one down: a ``cel.expr.CheckedExpr`` in protobuf's wire
format. Asked of it: which strings are held against the values of a variable, and what its loops
could cost. Pure.

Source: https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto and
checked.proto; https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VALUE, _CHECKED_EXPR = 2, 4  # google.protobuf.Any.value, CheckedExpr.expr
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 3, 4, 5, 6, 7, 8, 9  # Expr.expr_kind
_PARTS = {
    _SELECT: (1,),
    _CALL: (1, 3),
    _LIST: (1,),
    _COMPREHENSION: (2, 4, 5, 6, 7),
}  # where Exprs are in them
_STRING = 6  # Constant.string_value
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types
_SEVEN, _MORE = 0x7F, 0x80


def beside(checked: bytes, variable: str) -> tuple[str, ...]:
    """Return the strings that are operands beside a list variable, or beside one of its elements.

    Those of ``'a' in groups``, ``groups.exists(g, g == 'a' || g in ['b'])`` and
    ``['c'].exists(x, x in groups)``; patterns of ``matches`` are no such strings.
    """
    return tuple(dict.fromkeys(_compared(_tree(checked), _Scope(frozenset([variable]), {}))))


def loops(checked: bytes) -> Iterator[tuple[int, int]]:
    """Yield of every loop that is in no other how deep it goes, and how large it is.

    A loop over what another loop returns counts as one within it: each may multiply what the other
    made. The size is the number of its parts, the runtime's own of a macro among them, constants not.
    """
    yield from _outermost(_tree(checked))


def _outermost(expr: bytes) -> Iterator[tuple[int, int]]:
    if any(_messages(expr, _COMPREHENSION)):
        yield _depth(expr), _size(expr)
    else:
        for one in _children(expr):
            yield from _outermost(one)


def _depth(expr: bytes) -> int:
    return any(_messages(expr, _COMPREHENSION)) + max(map(_depth, _children(expr)), default=0)


def _size(expr: bytes) -> int:
    return (not any(_messages(expr, _CONST))) + sum(map(_size, _children(expr)))


def _children(expr: bytes) -> Iterator[bytes]:
    for number, value in _fields(expr):
        for part in _PARTS.get(number, ()):
            yield from _messages(value, part)
        for entry in _messages(value, 2) if number == _STRUCT else ():
            yield from (*_messages(entry, 3), *_messages(entry, 4))  # map_key, value


def _tree(checked: bytes) -> bytes:
    return b"".join(_messages(b"".join(_messages(checked, _VALUE)), _CHECKED_EXPR))


@dataclass(frozen=True, slots=True)
class _Scope:
    values: frozenset[str]  # variables that are the list, or one of its elements
    strings: Mapping[str, tuple[str, ...]]  # variables that are one of these


def _compared(expr: bytes, scope: _Scope) -> Iterator[str]:
    for number, value in _fields(expr):
        if number == _CALL:
            operands = [*_messages(value, 1), *_messages(value, 3)]
            if _function(value) != "matches" and any(_root(one) in scope.values for one in operands):
                yield from (text for one in operands for text in _strings(one, scope))
            for one in operands:
                yield from _compared(one, scope)
        elif number in (_LIST, _SELECT):
            for one in _messages(value, 1):
                yield from _compared(one, scope)
        elif number == _COMPREHENSION:
            yield from _inside(value, scope)


def _inside(comprehension: bytes, scope: _Scope) -> Iterator[str]:
    """Its variable is an element, where what it goes through names the list; else it hides one."""
    (variable,) = (one.decode() for one in _messages(comprehension, 1))
    walked = list(_messages(comprehension, 2))
    elements = any(_names(one) & scope.values for one in walked)
    inner = _Scope(
        scope.values | {variable} if elements else scope.values - {variable},
        {**scope.strings, variable: tuple(text for one in walked for text in _strings(one, scope))},
    )
    for one in walked:
        yield from _compared(one, scope)
    for number in (4, 5, 6, 7):  # accu_init, loop_condition, loop_step, result
        for one in _messages(comprehension, number):
            yield from _compared(one, inner)


def _root(expr: bytes) -> str:
    """Return the variable that an expression is, or an item of which it is; else ""."""
    for call in _messages(expr, _CALL):
        if _function(call) == "_[_]":
            return _ident(next(_messages(call, 3)))
    return _ident(expr)


def _function(call: bytes) -> str:
    return b"".join(_messages(call, 2)).decode()


def _names(expr: bytes) -> set[str]:
    """Return every variable named in an expression."""
    found = {name} if (name := _ident(expr)) else set()
    for number, value in _fields(expr):
        parts = {_SELECT: (1,), _CALL: (1, 3), _LIST: (1,), _COMPREHENSION: (2,)}.get(number, ())
        for part in parts:
            for one in _messages(value, part):
                found |= _names(one)
    return found


def _ident(expr: bytes) -> str:
    return b"".join(name for ident in _messages(expr, _IDENT) for name in _messages(ident, 1)).decode()


def _strings(expr: bytes, scope: _Scope) -> Iterator[str]:
    """Yield a constant, the constants of a list of them, or those that a variable goes through."""
    yield from scope.strings.get(_ident(expr), ())
    for constant in _messages(expr, _CONST):
        yield from (one.decode() for one in _messages(constant, _STRING))
    for listed in _messages(expr, _LIST):
        for one in _messages(listed, 1):
            yield from _strings(one, scope)


def _messages(data: bytes, number: int) -> Iterator[bytes]:
    return (value for found, value in _fields(data) if found == number)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields that are text or messages; numbers are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == _LENGTH:
            length, at = _varint(data, at)
            yield key >> 3, data[at : at + length]
            at += length
        elif key & 7 == _VARINT:
            _, at = _varint(data, at)
        else:
            at += {_FIXED64: 8, _FIXED32: 4}[key & 7]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        octet = data[at]
        number |= (octet & _SEVEN) << shift
        at, shift = at + 1, shift + 7
        if not octet & _MORE:
            return number, at
