"""Role rules: an ordered list, the first that matches gives all its roles.

Groups are compared case-insensitively, with ``*`` as wildcard at the end alone; attributes
exactly. Groups that the provider named but did not send leave a rule undetermined: it never
grants, and nothing after it is asked, because an answer without them could be wrong. Pure.
"""

from bisect import bisect_left
from functools import cached_property

from federation.connection import AnyConnection, Organization
from federation.decision import Stay, of_connection
from federation.errors import Check
from federation.identity import Grant, Identity, Presence
from federation.rules import RoleRule, fold


class _Person:
    """What rules ask about one identity, prepared once for all of them."""

    def __init__(self, who: Identity) -> None:
        self.obtainable = who.groups.presence is not Presence.UNOBTAINABLE
        self.groups = frozenset(map(fold, who.groups.names))
        self.attributes = who.attributes

    @cached_property
    def in_order(self) -> list[str]:
        """Sorted groups: a prefix is found in log n steps."""
        return sorted(self.groups)

    def begins(self, prefix: str) -> bool:
        at = bisect_left(self.in_order, prefix)
        return at < len(self.in_order) and self.in_order[at].startswith(prefix)


def grant(
    who: Identity, connection: AnyConnection, organization: Organization
) -> tuple[tuple[Grant, ...], Stay, tuple[Check, ...]]:
    """Give the roles of the first matching rule, else the connection's or organization's defaults.

    Returns:
        The grants, each with the rule that gave it; which earlier ones stay beside them; and a
        check for every rule asked: held where it matched, else why it did not (which is no
        refusal). ``policy.rule.undetermined`` ends the list: nothing is given, nothing taken away.
    """
    person = _Person(who)
    source = of_connection(connection.id)
    checks: list[Check] = []
    for rule in connection.role_rules:
        said = _attribute(rule, person)
        if said is None and rule.groups:
            if not person.obtainable:
                undetermined = f"{rule.name!r} asks for groups, which the identity provider did not send"
                checks.append(Check("policy.rule.undetermined", undetermined))
                return (), Stay(everything=True), tuple(checks)
            said = _groups(rule, person)
        checks.append(Check(f"policy.rule:{rule.name}", said))
        if said is None:
            return _grants(rule.roles, source, rule.name), Stay(), tuple(checks)
    if connection.default_roles:
        return _grants(connection.default_roles, source, "default (connection)"), Stay(), tuple(checks)
    return _grants(organization.default_roles, source, "default (organization)"), Stay(), tuple(checks)


def _grants(roles: tuple[str, ...], source: str, why: str) -> tuple[Grant, ...]:
    return tuple(Grant(role, source, why) for role in dict.fromkeys(roles))


def _groups(rule: RoleRule, person: _Person) -> str | None:
    if not rule.whole.isdisjoint(person.groups) or any(map(person.begins, rule.prefixes)):
        return None
    return f"none of the person's groups ({len(person.groups)}) is one of the rule's"


def _attribute(rule: RoleRule, person: _Person) -> str | None:
    """Asked first: where it fails the rule does not match, whatever the groups are."""
    test = rule.attribute
    if test is None or not set(test.in_).isdisjoint(person.attributes.get(test.name, ())):
        return None
    return f"attribute {test.name!r} holds none of the rule's values"
