"""Conditions of role rules in CEL, the Common Expression Language: compiled when they are loaded.

Over declared variables alone, type-checked, bounded in length and in what its loops could make of
a list; the runtime itself stops after 10 000 iterations. It is imported where a condition is
compiled for the first time, and then nowhere else: who writes none does not carry it. What fails
on the data says why, and never repeats the data. Pure.

Source: the CEL specification, https://github.com/google/cel-spec/blob/master/doc/langdef.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from federation.rules import checked_expressions

if TYPE_CHECKING:
    from cel_expr_python import cel

LENGTH = 2000  # characters
# How large a loop may be, by how many are in it, itself among them: an iteration may cost as much as
# it says, and what one makes another may multiply (``.map(a, a + a)``, twenty times, fills the memory).
LOOPS: Mapping[int, int] = {1: 200, 2: 32}
_AT = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")

# What a condition may ask of a person: CEL's type of each variable.
VARIABLES: Mapping[str, str] = {
    "groups": "list<string>",  # without case: in small letters, as rules.fold makes them
    "attributes": "map<string, list<string>>",  # exactly as sent
    "email": "string",  # "" where none was sent
    "email_domain": "string",  # lower-case; "" likewise
    "email_verified": "bool",  # not there at all where the provider did not say: neither true nor false
    "connection": "string",  # id
    "organization": "string",  # id
    "protocol": "string",  # "saml", "oidc", "oauth2"
    "acr": "string",  # "" where none was sent
    "amr": "list<string>",
}

_FAILED = {
    "UNKNOWN": "it asks for what the identity provider did not say",
    "NOT_FOUND": "it asks for a key that is not there",
    "INVALID_ARGUMENT": "it cannot be computed of what was sent",
    "INTERNAL": "it took more than 10000 iterations",
}


class Failed(Exception):
    """A condition that has no answer for this person; says why, without any value of theirs."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that was checked, ready to be asked."""

    text: str
    reads_groups: bool  # wherever it stands in it, negated or not, needed for the answer or not
    compared_with_groups: tuple[str, ...]  # the strings in it that are held against group names
    _compiled: "cel.Expression" = field(repr=False, compare=False)

    def holds(self, facts: "Facts") -> bool:
        """Tell whether it is true of a person.

        Raises:
            Failed: It has no answer.
        """
        try:
            found = self._compiled.eval(facts.activation)
        except (RuntimeError, ValueError, TypeError) as failure:  # the runtime's own, and its conversions
            raise Failed(_reason(str(failure))) from None
        answer = found.value()
        if answer is True or answer is False:
            return answer
        raise Failed(_reason(str(answer)))


class Facts:
    """The variables of one person, converted once for all conditions."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Take them, each of the type in ``VARIABLES``: lists, not tuples; None is not there."""
        self.activation = _environment().Activation(
            {name: value for name, value in values.items() if value is not None}
        )


def compile_condition(text: str) -> Expression:
    """Check a condition.

    Raises:
        ValueError: Too long, malformed, of a wrong type, or not a condition; with line and column.
    """
    if len(text) > LENGTH:
        raise ValueError(f"expected at most {LENGTH} characters")
    try:
        compiled = _environment().compile(text)
    except (RuntimeError, ValueError) as fault:
        raise ValueError(_place(str(fault))) from None
    kind = compiled.return_type().name()
    if kind != "BOOL":
        raise ValueError(
            f"line 1, column 1: expected a condition, true or false, and it gives {kind.lower()}"
        )
    checked = compiled.serialize()
    if any(size > LOOPS.get(depth, 0) for depth, size in checked_expressions.loops(checked)):
        raise ValueError(
            "line 1, column 1: expected at most two loops (exists, all, map, filter) in or after one "
            "another, and less in them: it could take too long"
        )
    return Expression(text, _reads_groups(text), checked_expressions.beside(checked, "groups"), compiled)


def _reads_groups(text: str) -> bool:
    """Ask the type checker: what refers to the variable has no meaning where it is not declared."""
    try:
        _without_groups().compile(text)
    except (RuntimeError, ValueError):
        return True
    return False


@cache
def _environment() -> "cel.Env":
    return _declare(VARIABLES)


@cache
def _without_groups() -> "cel.Env":
    return _declare({name: kind for name, kind in VARIABLES.items() if name != "groups"})


def _declare(variables: Mapping[str, str]) -> "cel.Env":
    from cel_expr_python import cel  # noqa: PLC0415  who writes no condition does not carry it

    lines = "".join(f'  - {{name: {name}, type: "{kind}"}}\n' for name, kind in variables.items())
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(f"variables:\n{lines}"))


def _place(fault: str) -> str:
    found = [f"line {line}, column {column}: {said}" for line, column, said in _AT.findall(fault)]
    return "; ".join(found) or f"line 1, column 1: {fault.rpartition(' [')[0] or fault}"


def _reason(failure: str) -> str:
    """Return why in our words: the runtime's may hold what was sent."""
    return _FAILED.get(failure.partition(":")[0], "it cannot be computed of what was sent")
