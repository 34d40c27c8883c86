"""The pipeline of policy: Identity → Decision, the same lines for every protocol.

The first half is asked here: may they enter, and what do the rules give. The second half hangs
on what stands in the database: ``linking.link`` and ``settlement.settle`` are handed over with
the decision, and asked within the transaction that opens the session. Pure.
"""

from federation.connection import AnyConnection, Organization
from federation.decision import Candidates, Decision, Link, Outcome, Standing, Wanted
from federation.errors import Check, PolicyRefused
from federation.identity import Identity
from federation.policy import domains, linking, roles, settlement


def decide(
    who: Identity, connection: AnyConnection, organization: Organization, checks: tuple[Check, ...]
) -> Decision:
    """Ask the domain rules, then the role rules.

    Args:
        who: Normalized.
        connection: Through which they come.
        organization: The connection's.
        checks: What was asked before.

    Raises:
        PolicyRefused: Why this person may not enter, with every check so far.
    """
    try:
        entered = domains.admit(who, connection)
        grants, stays, asked = roles.grant(who, connection, organization)
    except PolicyRefused as refusal:
        refusal.checks = (*checks, *refusal.checks)
        raise
    wanted = Wanted(grants=grants, stays=stays)
    return bind(who, connection, organization, wanted, (*checks, *entered, *asked))


def bind(
    who: Identity,
    connection: AnyConnection,
    organization: Organization,
    wanted: Wanted,
    checks: tuple[Check, ...],
) -> Decision:
    """Return the decision that wants this, with its second half."""
    administrators = frozenset(organization.administrators)

    def link(candidates: Candidates) -> Link:
        with _Also(checks):
            return linking.link(who, connection, candidates)

    def settle(standing: Standing) -> Outcome:
        with _Also(checks):
            return settlement.settle(
                who,
                connection,
                wanted,
                standing,
                administrators=administrators,
                system=(),
                declared={},
            )

    return Decision(
        identity=who, wanted=wanted, checks=checks, administrators=administrators, link=link, settle=settle
    )


class _Also:
    """Adds what was asked before to the checks of a refusal."""

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self._checks = checks

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, refusal: BaseException | None, trace: object) -> None:
        if isinstance(refusal, PolicyRefused):
            refusal.checks = (*self._checks, *(refusal.checks or (Check(refusal.code, refusal.detail),)))
