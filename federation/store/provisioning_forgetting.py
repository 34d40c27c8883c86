"""Forgetting: what the directory of a connection that stays kept and gave, taken away in one transaction.

Whoever takes ``scim`` out of a connection's settings has its directory say nothing more; what it said
before holds until this.
"""

from datetime import datetime
from typing import Final

from federation.decision import of_scim
from federation.provisioned import Residue
from federation.store import (
    endings,
    kept_sql,
    provisioning_clearing,
    provisioning_clearing_sql,
    provisioning_users_sql,
    sql,
    standing,
)
from federation.store.endings import Gone
from federation.store.people_values import Remaining
from federation.store.rows import Steps, micros
from federation.store.values import KeptTokensOf

_ALL: Final = 2**31 - 1  # rows


def residues() -> Steps[tuple[Residue, ...]]:
    """Count resources of every connection."""
    return tuple(
        Residue(connection=one[0], organization=one[1], users=int(one[2]), kept_out=int(one[3]))
        for one in (yield provisioning_clearing_sql.COUNT_RESIDUES, {})
    )


def forget(connection: str, organization: str, now: datetime, held: Remaining) -> Steps[Gone]:
    """Have nothing be of its source any more; return what ended, of whom no membership is left.

    Raises:
        PolicyRefused: ``policy.last_administrator``.
    """
    yield sql.LOCK_NAME, {"gate": standing.gate("connection", connection)}
    yield sql.LOCK_NAME, {"gate": standing.gate("scim", connection)}
    before = yield from endings.administered(held, connection)
    source = of_scim(connection)
    place: dict[str, object] = {
        "connection": connection,
        "organization_id": organization,
        "source": source,
        "now": micros(now),
    }
    live = yield provisioning_clearing_sql.LIVE_RESIDENTS, place
    for statement in (kept_sql.DROP_GRANTS, kept_sql.DROP_TEAM_PLACES, kept_sql.DROP_MEMBERSHIPS):
        yield statement, {**place, "batch": _ALL}
    yield from provisioning_clearing.connection(connection, organization)
    ended: list[bytes] = []
    tokens: list[KeptTokensOf] = []
    for (user_id,) in live:
        theirs = {**place, "user_id": user_id}
        if (yield provisioning_users_sql.FIND_MEMBERSHIP_SOURCES, theirs):
            yield from endings.tell(theirs, source)
        else:
            gone = yield from endings.end(str(user_id), (organization,), now)
            ended += gone[0]
            tokens += gone[1]
    yield from endings.somebody_left(held, before)
    return tuple(ended), tuple(tokens)
