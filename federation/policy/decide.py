"""The pipeline of policy: Identity → Decision, the same lines for every protocol.

The first half is asked here: may they enter, and what do the rules give. The second half hangs
on what stands in the database: ``linking.link`` and ``settlement.settle`` are handed over with
the decision, and asked within the transaction that opens the session. Pure.
"""

from dataclasses import replace

from federation.connection import AnyConnection, Organization
from federation.decision import Candidates, Decision, Link, Outcome, Standing, Wanted
from federation.errors import Check, PolicyRefused
from federation.identity import Grant, Identity
from federation.policy import addresses, bootstrap, domains, enforcement, linking, roles, settlement, teams
from federation.rules.rule import SystemRole


def decide(
    who: Identity,
    connection: AnyConnection,
    organization: Organization,
    checks: tuple[Check, ...],
    *,
    system_roles: tuple[SystemRole, ...],
    verified: frozenset[str],
) -> Decision:
    """Ask the domain rules, then the role rules, then which teams groups lead into.

    Args:
        who: Normalized.
        connection: Through which they come.
        organization: The connection's.
        checks: What was asked before.
        system_roles: What the settings file gives to groups of this connection in the whole installation.
        verified: Domains that are proven to be the organization's: see ``addresses``.

    Raises:
        PolicyRefused: Why this person may not enter, with every check so far.
    """
    try:
        entered = (*domains.admit(who, connection), *domains.prove(who, connection, verified))
        wanted, asked = roles.want(who, connection, organization)
    except PolicyRefused as refusal:
        refusal.checks = (*checks, *refusal.checks)
        raise
    wanted = teams.want(who, connection, organization, wanted)
    system = roles.system(who, system_roles)
    return bind(
        who,
        connection,
        organization,
        wanted,
        (*checks, *entered, *asked),
        system=system,
        verified=verified,
    )


def bind(
    who: Identity,
    connection: AnyConnection,
    organization: Organization,
    wanted: Wanted,
    checks: tuple[Check, ...],
    *,
    system: tuple[Grant, ...],
    verified: frozenset[str],
) -> Decision:
    """Return the decision that wants this, with its second half.

    Args:
        who: Normalized.
        connection: Through which they come.
        organization: The connection's.
        wanted: What the rules give.
        system: System roles, for the session alone.
        checks: What was asked before.
        verified: Domains that are proven to be the organization's: see ``addresses``.
    """
    declared = teams.declared(organization)
    administrators = organization.administrators_roles
    trusted = addresses.is_trusted(who, connection, organization, verified)

    def link(candidates: Candidates) -> Link:
        try:
            return linking.link(who, connection, candidates, trusted=trusted)
        except PolicyRefused as refusal:
            _tell_before(refusal, checks)
            raise

    def settle(standing: Standing) -> Outcome:
        try:
            held = enforcement.hold(who, connection, standing.enforced)
            outcome = settlement.settle(
                who,
                connection,
                wanted,
                standing,
                trusted=trusted,
                administrators=administrators,
                system=system,
                declared=declared,
            )
            outcome = bootstrap.settle(outcome, standing, organization)
        except PolicyRefused as refusal:
            _tell_before(refusal, checks)
            raise
        return replace(outcome, checks=(*held, *outcome.checks)) if held else outcome

    def provide(standing: Standing) -> Outcome:
        return settlement.provide(who, connection, wanted, standing, trusted=trusted, declared=declared)

    def may_say(email: str) -> bool:
        told = replace(who, email=email, email_verified=None, provisioned=True)
        try:
            domains.admit(told, connection)
            domains.prove(told, connection, verified)
        except PolicyRefused:
            return False
        return True

    return Decision(
        identity=who,
        wanted=wanted,
        checks=checks,
        administrators=administrators,
        administrator_teams=organization.administrators_teams,
        email_proven=trusted,
        link=link,
        settle=settle,
        provide=provide,
        may_say=may_say,
    )


def _tell_before(refusal: PolicyRefused, checks: tuple[Check, ...]) -> None:
    """Add what was asked before to the checks of a refusal."""
    refusal.checks = (*checks, *(refusal.checks or (Check(refusal.code, refusal.detail),)))
