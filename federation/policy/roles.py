"""Role rules: an ordered list; the first that matches gives all it has, or every one that does.

Groups are compared case-insensitively, with ``*`` as wildcard at the end alone; attributes
exactly; a condition in CEL sees both. Groups that the provider named but did not send leave
every rule that reads them undetermined: it neither grants nor takes away. A condition that
fails on the data is no match. Pure.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache

from federation.connection import AnyConnection, Organization
from federation.decision import Stay, TeamWish, Wanted, of_connection, of_system
from federation.errors import Check, PolicyRefused
from federation.identity import Grant, Identity, Presence
from federation.policy import domains
from federation.rules.expressions import Expression, Facts, Failed
from federation.rules.rule import RoleRule, SystemRole

DEFAULTS = ("default (connection)", "default (organization)")  # why a role was given that no rule gave


class _Person:
    """What rules ask about one identity, prepared once for all of them."""

    def __init__(self, who: Identity, connection: AnyConnection) -> None:
        self._who = who
        self._connection = connection
        self.obtainable = who.groups.presence is not Presence.UNOBTAINABLE
        self.attributes = who.attributes

    @cached_property
    def rules(self) -> frozenset[str]:
        """Names of the rules that name one of their groups."""
        return self._connection.rules_by_group.find(self._who.groups.in_order)

    @cached_property
    def facts(self) -> Facts:
        """The variables of conditions. Groups that could not be had are not there, rather than none."""
        who = self._who
        return Facts(
            {
                "groups": list(who.groups.in_order) if self.obtainable else None,
                "attributes": {name: list(values) for name, values in who.attributes.items()},
                "email": who.email,
                "email_domain": domains.domain_of(who.email),
                "email_verified": who.email_verified,
                "connection": who.connection,
                "organization": who.organization,
                "protocol": self._connection.protocol,
                "acr": who.authentication.acr,
                "amr": list(who.authentication.amr),
            }
        )


def want(
    who: Identity, connection: AnyConnection, organization: Organization
) -> tuple[Wanted, tuple[Check, ...]]:
    """Ask the rules what they give, or the defaults where none matches.

    Returns:
        Grants and teams, each with the rule that gave it; which earlier ones stay beside them;
        and a check for every rule asked: held where it matched, else why it did not (which is no
        refusal). ``policy.rule.undetermined`` names a rule that nobody can answer.

    Raises:
        PolicyRefused: With ``strict``: ``policy.no_rule`` where none matches,
            ``policy.rule.undetermined`` where one that was asked could not be answered.
    """
    person = _Person(who, connection)
    matched: list[RoleRule] = []
    undetermined: list[str] = []
    checks: list[Check] = []
    stops_at_first = connection.match == "first"
    for rule in connection.role_rules:
        check = _ask(rule, person)
        checks.append(check)
        if check.code == UNDETERMINED:
            undetermined.append(rule.name)
        elif check.said is None:
            matched.append(rule)
        if stops_at_first and (matched or undetermined):
            break
    if connection.strict:
        _refuse(matched, undetermined, tuple(checks))
    return _wanted(connection, organization, matched, undetermined, person), tuple(checks)


UNDETERMINED = "policy.rule.undetermined"
NO_RULE = "policy.no_rule"


def _refuse(matched: list[RoleRule], undetermined: list[str], checks: tuple[Check, ...]) -> None:
    if undetermined:
        said = "a role rule asks for groups that could not be had, and this connection is strict"
        raise PolicyRefused(UNDETERMINED, said, checks)
    if not matched:
        said = "no role rule matches, and this connection is strict"
        raise PolicyRefused(NO_RULE, said, (*checks, Check(NO_RULE, said)))


_NOTHING_STAYS = Stay()


def _wanted(
    connection: AnyConnection,
    organization: Organization,
    matched: list[RoleRule],
    undetermined: list[str],
    person: _Person,
) -> Wanted:
    source = of_connection(connection.id)
    defaults = _defaults(connection, organization, source)
    grants = tuple(grant for rule in matched for grant in _grants(rule.roles, source, rule.name))
    teams_stay = _NOTHING_STAYS
    if not person.obtainable:  # groups lead into teams too: nobody leaves one that a group gave
        stopped = bool(undetermined) and connection.match == "first"
        teams_stay = Stay(everything=stopped, given_by=frozenset(undetermined), by_groups=True)
    stays, otherwise = _NOTHING_STAYS, tuple[Grant, ...]()
    if undetermined:
        # Where no other rule matches, it may be the defaults' turn still: nobody can tell.
        given_by = frozenset(undetermined if matched else (*undetermined, *DEFAULTS))
        stays = Stay(everything=True) if connection.match == "first" else Stay(given_by=given_by)
    elif not matched and connection.on_no_match == "keep":
        stays, otherwise = Stay(everything=True), defaults
    elif not matched:
        grants = defaults
    teams = {key: TeamWish(key=key, why=rule.name) for rule in reversed(matched) for key in rule.teams}
    return Wanted(
        grants=grants,
        otherwise=otherwise,
        stays=stays,
        teams=tuple(teams.values()),
        teams_stay=teams_stay,
    )


def _defaults(connection: AnyConnection, organization: Organization, source: str) -> tuple[Grant, ...]:
    theirs, everybodys = DEFAULTS
    if connection.default_roles:
        return _grants(connection.default_roles, source, theirs)
    return _grants(organization.default_roles, source, everybodys)


def system(who: Identity, rules: Sequence[SystemRole]) -> tuple[Grant, ...]:
    """Give the system roles of this sign-in: by whole group names, of groups that were sent.

    Args:
        who: The person.
        rules: Those that the settings file names for their connection; of no other place.
    """
    if not rules or who.groups.presence is not Presence.PRESENT:
        return ()
    source = of_system(who.connection)
    groups = frozenset(who.groups.folded)
    given = (one.role for one in rules if not one.whole.isdisjoint(groups))
    return tuple(Grant(role, source, "group") for role in dict.fromkeys(given))


def _grants(roles: tuple[str, ...], source: str, why: str) -> tuple[Grant, ...]:
    return tuple(Grant(role, source, why) for role in dict.fromkeys(roles))


def _ask(rule: RoleRule, person: _Person) -> Check:
    """Ask what can be answered without groups first: where that fails the rule does not match."""
    if rule.asks_groups_alone and person.obtainable:
        return _held(rule.name) if rule.name in person.rules else _elsewhere(rule.name)
    condition = rule.condition
    said = None if rule.attribute is None else _attribute(rule.attribute.name, rule, person)
    if said is None and condition and not condition.reads_groups:
        said, condition = _condition(condition, person), None
    if said is None and rule.reads_groups and not person.obtainable:
        why = f"{rule.name!r} asks for groups, which the identity provider did not send"
        return Check(UNDETERMINED, why)
    if said is None and rule.groups and rule.name not in person.rules:
        return _elsewhere(rule.name)
    if said is None and condition:
        said = _condition(condition, person)
    return Check(f"{_RULE}{rule.name}", said)


_RULE = "policy.rule:"


@lru_cache(maxsize=4096)
def _held(rule: str) -> Check:
    return Check(f"{_RULE}{rule}")


@lru_cache(maxsize=4096)
def _elsewhere(rule: str) -> Check:
    """Return the answer of most rules to most people, made once for each rule of the settings."""
    return Check(f"{_RULE}{rule}", "none of the person's groups is one of the rule's")


def _attribute(name: str, rule: RoleRule, person: _Person) -> str | None:
    if not rule.values.isdisjoint(person.attributes.get(name, ())):
        return None
    return f"attribute {name!r} holds none of the rule's values"


def _condition(condition: Expression, person: _Person) -> str | None:
    try:
        return None if condition.holds(person.facts) else "its condition is not true"
    except Failed as failure:
        return f"its condition has no answer: {failure}"
