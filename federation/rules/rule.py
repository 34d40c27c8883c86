"""What a role rule is made of; a rule without a test is refused: an empty rule never means "everybody"."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from federation.configuration.part import Model
from federation.configuration.scalars import Name
from federation.rules import expressions
from federation.rules.folding import fold


class AttributeTest(Model):
    """True where the named attribute holds one of the values, exactly."""

    name: Name
    in_: tuple[str, ...] = Field(alias="in", min_length=1)


class GroupTest(Model):
    """Names groups: without case, ``*`` as wildcard at the end alone."""

    groups: tuple[Name, ...] = ()

    @cached_property
    def whole(self) -> frozenset[str]:
        """Group names to equal, folded."""
        return frozenset(fold(name) for name in self.groups if not name.endswith("*"))

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What group names may begin with, folded; only a ``*`` at the end is a wildcard."""
        return tuple(fold(name[:-1]) for name in self.groups if name.endswith("*"))


class GroupIndex:
    """What many tests ask of groups, sought in one pass over somebody's names: each in log n steps."""

    def __init__(self, tests: Iterable[tuple[str, GroupTest]]) -> None:
        """Take the tests, each with the key that is told where it holds."""
        sought = [
            (name, is_prefix, key)
            for key, test in tests
            for is_prefix, names in ((False, test.whole), (True, test.prefixes))
            for name in names
        ]
        self._sought = sorted(sought)

    def find(self, in_order: Sequence[str]) -> frozenset[str]:
        """Return the keys of the tests that hold.

        Args:
            in_order: Names of groups, folded and sorted.
        """
        found = set()
        at, names = 0, len(in_order)
        for sought, is_prefix, key in self._sought:
            at = bisect_left(in_order, sought, at)  # what is sought is in order, too
            if at == names:
                break
            name = in_order[at]
            if name == sought or (is_prefix and name.startswith(sought)):
                found.add(key)
        return frozenset(found)


class RoleRule(GroupTest):
    """Who gets which roles and teams: by group (without case, ``*`` at the end), attribute or expression.

    Of the tests given, all must hold.
    """

    name: Name
    groups: tuple[Name, ...] = ()
    attribute: AttributeTest | None = None
    when: str | None = None  # CEL: see ``expressions``
    teams: tuple[Name, ...] = ()  # ids of declared teams
    roles: tuple[Name, ...] = Field(default=(), validate_default=True)

    @field_validator("when")
    @classmethod
    def _checked(cls, when: str | None, info: ValidationInfo) -> str | None:
        """Named with the rule: a list of rules is counted by nobody."""
        if when is None:
            return None
        rule = f"rule {info.data.get('name', '')!r}"
        try:
            compared = expressions.compile_condition(when).compared_with_groups
        except ValueError as fault:
            raise ValueError(f"{rule}: {fault}") from None
        if cased := [one for one in compared if fold(one) != one]:
            column = when.find(cased[0])
            raise ValueError(
                f"{rule}: {_line_and_column(when, column)}: groups are in small letters here: "
                f"{cased[0]!r} would equal none of them, write {fold(cased[0])!r}"
            )
        return when

    @field_validator("roles")
    @classmethod
    def _gives_something(cls, roles: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not roles and not info.data.get("teams"):
            raise ValueError("expected a list of roles, or teams: a rule gives something")
        return roles

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.groups and self.attribute is None and self.when is None:
            raise ValueError("a rule needs groups, attribute or when: else it would match everybody")
        _ = self.condition  # compiled now, never in a request
        return self

    @cached_property
    def condition(self) -> expressions.Expression | None:
        """The condition that ``when`` spells, compiled."""
        return None if self.when is None else expressions.compile_condition(self.when)

    @cached_property
    def reads_groups(self) -> bool:
        """Whether its answer may hang on groups: by its short form, or anywhere in its condition."""
        return bool(self.groups) or (self.condition is not None and self.condition.reads_groups)

    @cached_property
    def asks_groups_alone(self) -> bool:
        """Whether its short form is all that it asks."""
        return bool(self.groups) and self.attribute is None and self.when is None

    @cached_property
    def values(self) -> frozenset[str]:
        """What the attribute may hold, as given."""
        return frozenset(self.attribute.in_ if self.attribute else ())


def _line_and_column(text: str, at: int) -> str:
    before = text[: max(at, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


class SystemRole(Model):
    """A role in the whole installation, and the groups of one connection whose members have it."""

    role: Name
    groups: Annotated[tuple[Name, ...], Field(min_length=1)]

    @field_validator("groups")
    @classmethod
    def _narrow(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if wild := [one for one in groups if one.endswith("*")]:
            raise ValueError(
                f"expected whole names of groups, not {wild[0]!r}: they give the whole installation"
            )
        return groups

    @cached_property
    def whole(self) -> frozenset[str]:
        """Group names to equal, folded; there is no wildcard here."""
        return frozenset(map(fold, self.groups))
