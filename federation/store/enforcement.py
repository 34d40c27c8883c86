"""Enforcement: which ways in an organization or domain is bound to, and who would be left outside.

Switched on in one transaction with the look at who would be locked out: the number that the
operator accepted is that of this moment, or nothing changes.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from federation.store import entry_sql as sql
from federation.store import sql as shared
from federation.store import standing
from federation.store.rows import Row, Steps, micros, moment, storable
from federation.store.values import Enforcement, LockedOut, Preflight

TRIED = timedelta(days=7)  # a sign-in through each enforced connection is at most this old


def every() -> Steps[tuple[Enforcement, ...]]:
    """One read."""
    return tuple(map(enforced, (yield sql.FIND_ENFORCED, {})))


def enforced(row: Row) -> Enforcement:
    """Read a row of ``entry_sql.FIND_ENFORCED``."""
    return Enforcement(
        organization=row[0],
        domain=row[1],
        connections=tuple(json.loads(row[2])),
        at=moment(row[3]),
        by=row[4],
    )


def preflight(
    organization: str, domain: str, connections: tuple[str, ...], now: datetime
) -> Steps[Preflight]:
    """Two reads."""
    asked = {
        "organization_id": organization,
        "connections": json.dumps(connections),
        "at": _at(domain),
        "now": micros(now),
    }
    found = yield sql.FIND_LOCKED_OUT, asked
    told = yield sql.LAST_SIGN_INS, {name: asked[name] for name in ("organization_id", "connections")}
    since = micros(now - TRIED)
    tried = {str(connection) for connection, at in told if at > since}
    return Preflight(
        locked_out=_locked_out(found),
        last_sign_ins={str(connection): moment(at) for connection, at in told},
        untried=tuple(one for one in connections if one not in tried),
    )


def enforce(wanted: Enforcement, *, locked_out: int) -> Steps[tuple[Preflight, bool]]:
    """Behind the organization's lock: look once more, and write if nobody else is locked out."""
    yield shared.LOCK_NAME, {"gate": standing.gate("enforcement", wanted.organization)}
    seen = yield from preflight(wanted.organization, wanted.domain, wanted.connections, wanted.at)
    if seen.untried or len(seen.locked_out) != locked_out:
        return seen, False
    yield (
        sql.ENFORCE,
        {
            "organization_id": wanted.organization,
            "domain": wanted.domain,
            "connections": json.dumps(wanted.connections),
            "now": micros(wanted.at),
            "by": storable(wanted.by),
        },
    )
    return seen, True


def lift(organization: str, domain: str) -> Steps[bool]:
    """One DELETE decides."""
    return bool((yield sql.LIFT, {"organization_id": organization, "domain": storable(domain)}))


def _at(domain: str) -> str:
    """Return how an address of this domain looks; no character of a domain means anything to LIKE."""
    return f"%@{domain.replace('*', '%')}" if domain else "%"


def _locked_out(found: Sequence[Row]) -> tuple[LockedOut, ...]:
    """Return each user once, with the account that was used last."""
    told: dict[str, LockedOut] = {}
    for user_id, email, connection, signed_in_at, sessions in found:
        told.setdefault(
            user_id,
            LockedOut(
                user_id=user_id,
                email=email,
                connection=connection,
                signed_in_at=moment(signed_in_at) if signed_in_at else None,
                sessions=sessions,
            ),
        )
    return tuple(told.values())
