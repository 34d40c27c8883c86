"""What every connection has, whatever it speaks; organizations; and how both are named."""

import re
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from federation.rules import Model, RoleRule
from federation.scalars import ID_PATTERN, Domain, Duration, Id, Name, Names, Skew


class Organization(Model):
    """A tenant: connections belong to it, sessions are for it."""

    name: Name
    default_roles: tuple[Name, ...] = ()


class Configured(Model):
    """What every connection has, whatever it speaks."""

    id: Id = ""  # set from the key in the file; never change it
    preset: Id = "generic"
    organization: Id
    display_name: str = Field(default="", max_length=200)
    visible: bool = True  # false: no button on the sign-in page; links and e-mail still lead to it
    anyone: bool = False  # true: no domain rule; said aloud, because an empty list never allows
    domains: tuple[Domain, ...] = Field(default=(), validate_default=True)
    email_trust: Literal["none", "verified", "domains"] = "none"
    attributes: dict[Name, Names] = Field(default_factory=dict)  # ours → theirs
    role_rules: tuple[RoleRule, ...] = ()
    default_roles: tuple[Name, ...] = ()
    clock_skew: Skew = timedelta(seconds=60)

    @field_validator("domains")
    @classmethod
    def _bounded(cls, domains: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("anyone") is False and not domains:
            raise ValueError("expected the e-mail domains that may enter, or anyone: true")
        if info.data.get("anyone") and domains:
            raise ValueError("contradicts anyone: true; keep one of the two")
        return domains

    @field_validator("role_rules")
    @classmethod
    def _told_apart(cls, rules: tuple[RoleRule, ...]) -> tuple[RoleRule, ...]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        return rules

    @property
    def title(self) -> str:
        """What the button says."""
        return self.display_name or self.id


class Required(Model):
    """What the sign-in at the IdP must have been, whatever was asked for."""

    acr: tuple[Name, ...] = ()  # AuthnContextClassRef: one of these; () asks nothing
    max_age: Duration | None = None  # since the person proved themselves


def environment_name(connection_id: str) -> str:
    """Return the id as an environment variable spells it: ``-`` and ``_`` look the same there."""
    return connection_id.replace("-", "_").upper()


def name_fault(connection_id: str, others: tuple[str, ...]) -> str | None:
    """Say why an id cannot stand beside the others, or None."""
    if not re.fullmatch(ID_PATTERN, connection_id):
        return (
            f"{connection_id!r} is not an id: lower-case letters, digits, _ and -, a letter first, at most 63"
        )
    if "__" in connection_id:
        return f"{connection_id!r} holds __, which separates levels in environment names"
    twins = [
        other
        for other in others
        if other != connection_id and environment_name(other) == environment_name(connection_id)
    ]
    return (
        f"{connection_id!r} and {twins[0]!r} differ only in - and _, the environment cannot tell them apart"
        if twins
        else None
    )


def show(model: Model) -> dict[str, Any]:
    """Return a model as plain data, in the file's own keys, with every secret hidden."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
