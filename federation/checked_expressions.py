"""What a checked CEL expression is made of, read from its own encoding.

The runtime shows no tree, but writes one down: a ``cel.expr.CheckedExpr`` in protobuf's wire
format. Asked of it: which strings are held against the values of a variable. Pure.

Source: https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto and
checked.proto; https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

_VALUE, _CHECKED_EXPR = 2, 4  # google.protobuf.Any.value, CheckedExpr.expr
_CONST, _IDENT, _SELECT, _CALL, _LIST, _COMPREHENSION = 3, 4, 5, 6, 7, 9  # Expr.expr_kind
_STRING = 6  # Constant.string_value
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types
_SEVEN, _MORE = 0x7F, 0x80


def beside(checked: bytes, variable: str) -> tuple[str, ...]:
    """Return the strings that are operands beside a list variable, or beside one of its elements.

    Those of ``'a' in groups`` and ``groups.exists(g, g == 'a' || g in ['b'])``; patterns of
    ``matches`` are no such strings.
    """
    tree = b"".join(_messages(b"".join(_messages(checked, _VALUE)), _CHECKED_EXPR))
    return tuple(dict.fromkeys(_compared(tree, frozenset([variable]))))


def _compared(expr: bytes, names: frozenset[str]) -> Iterator[str]:
    for number, value in _fields(expr):
        if number == _CALL:
            operands = [*_messages(value, 1), *_messages(value, 3)]
            function = b"".join(_messages(value, 2)).decode()
            if function != "matches" and any(_ident(one) in names for one in operands):
                yield from (text for one in operands for text in _strings(one))
            for one in operands:
                yield from _compared(one, names)
        elif number in (_LIST, _SELECT):
            for one in _messages(value, 1):
                yield from _compared(one, names)
        elif number == _COMPREHENSION:
            yield from _inside(value, names)


def _inside(comprehension: bytes, names: frozenset[str]) -> Iterator[str]:
    """Its variable is an element, where what it goes through names the list; else it hides one."""
    (variable,) = (one.decode() for one in _messages(comprehension, 1))
    walked = list(_messages(comprehension, 2))
    elements = any(_names(one) & names for one in walked)
    inner = names | {variable} if elements else names - {variable}
    for one in walked:
        yield from _compared(one, names)
    for number in (4, 5, 6, 7):  # accu_init, loop_condition, loop_step, result
        for one in _messages(comprehension, number):
            yield from _compared(one, inner)


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


def _strings(expr: bytes) -> Iterator[str]:
    """Yield a constant, or the constants of a list of them."""
    for constant in _messages(expr, _CONST):
        yield from (one.decode() for one in _messages(constant, _STRING))
    for listed in _messages(expr, _LIST):
        for one in _messages(listed, 1):
            yield from _strings(one)


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
