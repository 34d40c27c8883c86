"""Bootstrap: the link by which somebody becomes the first administrator of an organization.

Good once, for a day, and only while nobody has such a role: asked within the transaction that
opens their session, behind the lock that all take who use such a link, or take such a role away.
"""

import json
from collections.abc import Set as AbstractSet
from datetime import datetime

from federation.decision import Bootstrap, Decision
from federation.store import local_sql, sql, standing, standing_sql
from federation.store.rows import Steps, micros


def offer(
    organization: str,
    roles: AbstractSet[str],
    teams: AbstractSet[str],
    token_hash: bytes,
    *,
    until: datetime,
    anew: bool,
    now: datetime,
) -> Steps[bool]:
    """Keep a new link's hash; with ``anew`` in place of one that is still good."""
    if not (yield from _nobody(organization, roles, teams)):
        return False
    statement = local_sql.REPLACE_BOOTSTRAP if anew else local_sql.OFFER_BOOTSTRAP
    told = {"organization_id": organization, "token_hash": token_hash, "expires_at": micros(until)}
    return bool((yield statement, told | {"now": micros(now)}))


def find(token_hash: bytes, now: datetime) -> Steps[str | None]:
    """One read by unique key."""
    found = yield local_sql.FIND_BOOTSTRAP, {"token_hash": token_hash, "now": micros(now)}
    return str(found[0][0]) if found else None


def use(decision: Decision, token_hash: bytes, now: datetime) -> Steps[Bootstrap]:
    """Use a link up for whoever signs in now; say what came of it."""
    organization = decision.identity.organization
    if not (yield from _nobody(organization, decision.administrators, decision.administrator_teams)):
        return "taken"
    asked = {"organization_id": organization, "token_hash": token_hash, "now": micros(now)}
    return "open" if (yield local_sql.USE_BOOTSTRAP, asked) else "spent"


def _nobody(organization: str, roles: AbstractSet[str], teams: AbstractSet[str]) -> Steps[bool]:
    """Tell whether nobody has any of these roles, by whatever team, nor gets one by a link until the end."""
    yield sql.LOCK_NAME, {"gate": standing.gate("administrators", organization)}
    asked = {
        "organization_id": organization,
        "user_id": "",
        "roles": json.dumps(sorted(roles)),
        "teams": json.dumps(sorted(teams)),
    }
    ((administrators,),) = yield standing_sql.OTHER_ADMINISTRATORS, asked
    return not administrators
