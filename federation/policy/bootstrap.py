"""Bootstrap: what becomes of somebody who holds the link for a first administrator.

They want to be one. Let in as somebody else they would not know that they are not, so a link
that does not do it refuses them, and the browser forgets it. Pure.
"""

from dataclasses import replace

from federation.connection import Organization
from federation.decision import BOOTSTRAP, Outcome, Standing
from federation.errors import Check, PolicyRefused
from federation.identity import Grant


def settle(outcome: Outcome, standing: Standing, organization: Organization) -> Outcome:
    """Add the first administrator's role to an outcome, where this sign-in used the link up.

    Args:
        outcome: Decided without it.
        standing: What is so, and what came of the link.
        organization: Theirs; the first of its administrators' roles is given.

    Raises:
        PolicyRefused: ``bootstrap.taken``: somebody is one already; ``bootstrap.spent``: the link
            was used, or is too old.
    """
    if not standing.bootstrap:
        return outcome
    if standing.bootstrap == "taken":
        raise PolicyRefused("bootstrap.taken", "somebody in this organization is an administrator already")
    if standing.bootstrap == "spent" or not organization.administrators:
        raise PolicyRefused("bootstrap.spent", "the link for the first administrator was used, or is too old")
    grant = Grant(organization.administrators[0], BOOTSTRAP, BOOTSTRAP)
    return replace(
        outcome,
        add=(*outcome.add, grant),
        grants=(*outcome.grants, grant),
        checks=(*outcome.checks, Check("bootstrap.spent"), Check("bootstrap.taken")),
    )
