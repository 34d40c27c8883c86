"""What every connection has, whatever it speaks; organizations; and how both are named."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from federation import presets
from federation.configuration import faults
from federation.configuration.branding import ContactText
from federation.configuration.part import Model
from federation.configuration.scalars import (
    ID_PATTERN,
    Domain,
    Duration,
    Id,
    Name,
    Names,
    Skew,
    SplitGroups,
    environment_name,
)
from federation.connection.scim import Scim
from federation.decision import BREAK_GLASS
from federation.rules.rule import GroupIndex, GroupTest, RoleRule


class DeclaredTeam(GroupTest):
    """A team, the groups whose members are in it, and the roles that it gives."""

    name: Name
    # whose groups they are; None: any connection's of the organization
    connections: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    roles: tuple[Name, ...] = ()


class Organization(Model):
    """A tenant: connections belong to it, sessions are for it."""

    name: Name
    default_roles: tuple[Name, ...] = ()
    administrators: tuple[Name, ...] = ()  # roles of which somebody must be left
    teams: dict[Id, DeclaredTeam] = Field(default_factory=dict)
    contact: ContactText | None = None  # whom its people may ask; default: the installation's
    domain_proof: Literal["operator", "dns"] = "operator"  # dns: a TXT record, before a domain links anybody

    @cached_property
    def roles_of_teams(self) -> Mapping[str, tuple[str, ...]]:
        """What each declared team gives, by key."""
        return {key: team.roles for key, team in self.teams.items()}

    @cached_property
    def administrators_roles(self) -> frozenset[str]:
        """``administrators``, to be held against what somebody has."""
        return frozenset(self.administrators)

    @cached_property
    def administrators_teams(self) -> frozenset[str]:
        """The declared teams that give one of these roles, by key."""
        roles = self.administrators_roles
        return frozenset(key for key, team in self.teams.items() if not roles.isdisjoint(team.roles))

    @cached_property
    def led(self) -> Mapping[str, tuple[str, ...]]:
        """The declared teams that each whole group leads into, folded."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for key, team in self.teams.items():
            for group in team.whole:
                found[group].append(key)
        return {group: tuple(keys) for group, keys in found.items()}

    @cached_property
    def led_by_prefix(self) -> tuple[tuple[str, str], ...]:
        """Likewise what group names may begin with, and the team's key."""
        return tuple((prefix, key) for key, team in self.teams.items() for prefix in team.prefixes)


class Configured(Model):
    """What every connection has, whatever it speaks."""

    enabled: bool = True  # false: nobody comes in by it, and its sessions end
    id: Id = ""  # set from the key in the file; never change it
    preset: Id = "generic"
    organization: Id
    display_name: str = Field(default="", max_length=200)
    visible: bool = True  # false: no button on the sign-in page; links and e-mail still lead to it
    anyone: bool = False  # true: no domain rule; said aloud, because an empty list never allows
    domains: tuple[Domain, ...] = ()
    email_trust: Literal["none", "verified", "domains"] = "none"
    # who they are to us
    on_email_match: Literal["ask_proof", "link", "create", "deny"] = "ask_proof"
    provisioning: Literal["open", "invited_only", "provisioned_only"] = "open"
    profile_update: Literal["when_empty", "always", "never"] = "when_empty"
    attributes: dict[Name, Names] = Field(default_factory=dict)  # ours → theirs
    split_groups: SplitGroups = "auto"  # where one value holds several groups
    # what they may do
    role_rules: tuple[RoleRule, ...] = ()
    match: Literal["first", "all"] = "first"
    strict: bool = False  # true: whom no rule matches is refused
    on_no_match: Literal["remove", "keep"] = "remove"  # of what this connection gave before
    role_sync: Literal["every_login", "first_login"] = "every_login"
    default_roles: tuple[Name, ...] = ()
    create_teams: Literal["never", "from_groups"] = "never"
    team_filter: Annotated[str, Field(min_length=1, max_length=1000)] | None = (
        None  # of groups that teams are made from: RE2, the whole name
    )
    # groups and status between sign-ins
    reconcile_every: Duration = Field(
        default=timedelta(minutes=60), ge=timedelta(minutes=5), le=timedelta(hours=24)
    )
    scim: Scim | None = None  # none: nobody provisions people by it
    clock_skew: Skew = timedelta(seconds=60)
    record: Literal["redacted", "full"] = "redacted"  # full: what a message said is kept too, for 72 hours
    other_bounds: ClassVar[str] = (
        ""  # what could stand in place of domains, for the sentence that misses them
    )
    # set where it is read: whoever edits it in the administration is not trusted as the file's writer
    _of_store: bool = PrivateAttr(default=False)

    @field_validator("domains")
    @classmethod
    def _domains(cls, domains: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("anyone") and domains:
            raise ValueError("contradicts anyone: true; keep one of the two")
        if twice := sorted({one for one in domains if domains.count(one) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return domains

    @field_validator("role_rules")
    @classmethod
    def _told_apart(cls, rules: tuple[RoleRule, ...]) -> tuple[RoleRule, ...]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        return rules

    @field_validator("strict")
    @classmethod
    def _enterable(cls, strict: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  pydantic's way
        if strict and info.data.get("role_rules") == ():
            raise ValueError("without role_rules nobody could enter: expected rules, or strict: false")
        return strict

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """Asked of the whole connection: what bounds it hangs on its protocol and preset."""
        if not (self.anyone or self.is_bounded):
            raise faults.as_error([(("domains",), NO_BOUND.format(self.other_bounds))])
        return self

    @model_validator(mode="after")
    def _linkable(self) -> Self:
        """An address alone joins nobody: somebody must know for certain whose it is."""
        known = self.email_trust != "none" or presets.authority(self.preset, getattr(self, "protocol", ""))
        if self.on_email_match == "link" and not known:
            why = "link needs email_trust: domains or verified; without, expected ask_proof, create or deny"
            raise faults.as_error([(("on_email_match",), why)])
        return self

    @cached_property
    def rules_by_group(self) -> GroupIndex:
        """The role rules that name groups, by their names."""
        return GroupIndex((rule.name, rule) for rule in self.role_rules if rule.groups)

    @property
    def bounds(self) -> tuple[str, ...]:
        """The keys that say who may enter, each held against every answer of the provider."""
        return ("domains",) if self.domains else ()

    @property
    def is_bounded(self) -> bool:
        """Whether something says who may enter: a list, or somebody who made or invited them."""
        return bool(self.bounds) or self.provisioning != "open"

    @model_validator(mode="after")
    def _filters_something(self) -> Self:
        if self.team_filter is not None and self.create_teams == "never":
            why = "says of which groups teams are made; expected create_teams: from_groups beside it"
            raise faults.as_error([(("team_filter",), why)])
        _ = self.team_pattern  # compiled now, never in a request
        return self

    @cached_property
    def team_pattern(self) -> Any:
        """What ``team_filter`` says, compiled; None where every group makes a team."""
        return None if self.team_filter is None else _compile(self.team_filter)

    @property
    def of_store(self) -> bool:
        """Whether it is edited in the administration: its domains count only where DNS proves them."""
        return self._of_store

    def mark(self, *, of_store: bool) -> Self:
        """Note who declares it."""
        self._of_store = of_store
        return self

    @property
    def title(self) -> str:
        """What the button says."""
        return self.display_name or self.id


def names_no_bound(told: Mapping[str, object]) -> bool:
    """Tell whether a connection that has other faults surely misses a bound too: all is named in one go."""
    named = ("domains", "anyone", "tenants", "organizations", "authorization_params")
    return told.get("provisioning", "open") == "open" and not any(told.get(key) for key in named)


NO_BOUND: Final = "expected the e-mail domains that may enter{}, or anyone: true"


def _compile(pattern: str) -> Any:
    """Compile by RE2, which needs no more than linear time for whatever a group is called."""
    import re2  # noqa: PLC0415  few connections make teams, and it costs 15 ms

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        why = "expected a regular expression that RE2 reads, such as eng-.*|Platform"
        raise faults.as_error([(("team_filter",), why)]) from None


class Required(Model):
    """What the sign-in at the IdP must have been, whatever was asked for."""

    acr: tuple[Name, ...] = ()  # AuthnContextClassRef: one of these; () asks nothing
    max_age: Duration | None = None  # since the person proved themselves


def name_fault(connection_id: str, others: tuple[str, ...]) -> str | None:
    """Say why an id cannot stand beside the others, or None."""
    if not re.fullmatch(ID_PATTERN, connection_id):
        return (
            f"{connection_id!r} is not an id: lower-case letters, digits, _ and -, a letter first, at most 63"
        )
    if connection_id == BREAK_GLASS:
        return f"{connection_id!r} is what sessions by recovery code name in place of a connection"
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
