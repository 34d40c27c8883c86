"""Enforcement: must this person come in another way?

Switched on for an organization or one of its domains by an operator, kept in the store and read
in the transaction that opens the session. What is said of a domain goes before what is said of
the whole organization. Pure.
"""

from collections.abc import Sequence

from federation.connection import AnyConnection
from federation.decision import Enforced
from federation.errors import Check, SsoRequired
from federation.identity import Identity
from federation.policy import domains

CODE = "policy.sso_required"


def hold(who: Identity, connection: AnyConnection, enforced: Sequence[Enforced]) -> tuple[Check, ...]:
    """Let nobody in by another way than the enforced one.

    Args:
        who: Who signs in.
        connection: Through which.
        enforced: What is switched on in their organization.

    Returns:
        A check where the rule concerns them.

    Raises:
        SsoRequired: ``policy.sso_required``, with the connections that they may take.
    """
    rules = _concerning(who, enforced)
    if not rules:
        return ()
    ways = sorted({way for rule in rules for way in rule.connections})
    if connection.id in ways:
        return (Check(CODE),)
    whose = ", ".join(rule.domain for rule in rules if rule.domain) or "this organization"
    said = f"people of {whose} come in through {', '.join(ways) or 'no connection'}, not {connection.id}"
    raise SsoRequired("policy.sso_required", said, (Check(CODE, said),), ways=tuple(ways))


def _concerning(who: Identity, enforced: Sequence[Enforced]) -> list[Enforced]:
    """Return those of their domains, else that of the organization.

    Whose user has an address there counts too, or another account would be the way around.
    """
    domain = domains.domain_of(who.email)
    theirs = [
        one for one in enforced if one.domain and (one.has_address or domains.covers(one.domain, domain))
    ]
    return theirs or [one for one in enforced if not one.domain]
