"""What a role rule is made of, and the base of every part of the settings file.

Frozen, an unknown key is an error, and a rule without a test is refused: an empty rule never
means "everybody".
"""

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from federation.scalars import Name


class Model(BaseModel):
    """Base of every part of the file: frozen, no unknown key, no value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class AttributeTest(Model):
    """True where the named attribute holds one of the values, exactly."""

    name: Name
    in_: tuple[str, ...] = Field(alias="in", min_length=1)


def fold(name: str) -> str:
    """Return a group's name without its case, one character for one.

    Not Unicode's case folding: that makes "platform-adminſ" equal "platform-admins", and a
    Kelvin sign equal "k", to whoever may name groups at the identity provider.
    """
    if name.isascii():
        return name.lower()
    return "".join(
        low if len(low := one.lower()) == 1 and low.isascii() == one.isascii() else one for one in name
    )


class RoleRule(Model):
    """Who gets which roles and teams: by group (without case, ``*`` at the end), attribute or expression.

    Of the tests given, all must hold.
    """

    name: Name
    groups: tuple[Name, ...] = ()
    attribute: AttributeTest | None = None
    when: str | None = None  # CEL
    teams: tuple[Name, ...] = ()  # ids of declared teams
    roles: tuple[Name, ...] = Field(default=(), validate_default=True)

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
        return self

    @cached_property
    def whole(self) -> frozenset[str]:
        """Group names to equal, folded."""
        return frozenset(fold(name) for name in self.groups if not name.endswith("*"))

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What group names may begin with, folded; only a ``*`` at the end is a wildcard."""
        return tuple(fold(name[:-1]) for name in self.groups if name.endswith("*"))
