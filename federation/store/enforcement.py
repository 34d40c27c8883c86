"""Enforcement: which ways in an organization or domain is bound to, and who would be left outside.

Switched on in one transaction with the look at who would be locked out: the number that the
operator accepted is that of this moment, or nothing changes.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from federation.store import entry_sql as sql
from federation.store import sql as shared
from federation.store import standing
from federation.store.domains_values import (
    LOCKED_OUT_COUNTED,
    LOCKED_OUT_SHOWN,
    Enforcement,
    LockedOut,
    Preflight,
)
from federation.store.rows import Row, Steps, micros, moment, storable

TRIED = timedelta(days=7)  # a sign-in through each enforced connection is at most this old
_BATCH = 1000  # people who are looked at in one step
_FEW = 200  # people whom a page waits for
_LOOKS = (sql.LOOK_AT_ACCOUNTS, sql.LOOK_AT_GRANTS, sql.LOOK_AT_SESSIONS)


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
    """Read everybody batch by batch, until as many are locked out as are counted."""
    asked = _asked(organization, domain, connections, now)
    out: set[str] = set()
    for statement in _LOOKS:
        yield from _look(statement, asked, out)
    return (yield from _told(asked, connections, out, now))


def preflight_of_few(
    organization: str, domain: str, connections: tuple[str, ...], now: datetime
) -> Steps[Preflight | None]:
    """As ``preflight``; None if there are more people than a page may wait for."""
    asked = _asked(organization, domain, connections, now) | {"after": "", "batch": _FEW + 1}
    out: set[str] = set()
    for statement in _LOOKS:
        found = yield statement, asked
        _, looked = _seen(found, out)
        if looked > _FEW:
            return None
    return (yield from _told(asked, connections, out, now))


def _asked(organization: str, domain: str, connections: tuple[str, ...], now: datetime) -> dict[str, object]:
    return {
        "organization_id": organization,
        "now": micros(now),
        "connections": json.dumps(connections),
        "at": _at(domain),
    }


def _look(statement: str, asked: Mapping[str, object], out: set[str]) -> Steps[None]:
    """Add whom one way of knowing people finds locked out; no more than are counted, and a batch."""
    after = ""
    while len(out) <= LOCKED_OUT_COUNTED:
        found = yield statement, {**asked, "after": after, "batch": _BATCH}
        after, looked = _seen(found, out)
        if looked < _BATCH:
            break


def _seen(found: Sequence[Row], out: set[str]) -> tuple[str, int]:
    """Add who is locked out; return where to look on, and at how many was looked."""
    out.update(user_id for _, _, user_id in found if user_id is not None)
    after, looked, _ = found[0]
    return after, looked


def _told(
    asked: Mapping[str, object], connections: tuple[str, ...], out: set[str], now: datetime
) -> Steps[Preflight]:
    place = {name: asked[name] for name in ("organization_id", "now")}
    latest = yield from _latest(str(asked["organization_id"]), connections)
    first = sorted(out)[:LOCKED_OUT_SHOWN]
    found = (yield sql.DESCRIBE_LOCKED_OUT, {**place, "users": json.dumps(first)}) if first else ()
    since = now - TRIED
    return Preflight(
        number=min(len(out), LOCKED_OUT_COUNTED + 1),
        locked_out=_locked_out(found),
        last_sign_ins=latest,
        untried=tuple(one for one in connections if one not in latest or latest[one] <= since),
    )


def _latest(organization: str, connections: tuple[str, ...]) -> Steps[dict[str, datetime]]:
    """Return the latest sign-in through each of these connections that anybody has come through."""
    latest: dict[str, int] = {}
    after, looked = "", _BATCH
    while looked == _BATCH:
        asked = {"organization_id": organization, "after": after, "batch": _BATCH}
        found = yield sql.LAST_SIGN_INS, asked
        looked = 0
        for after, looked, connection, at in found:  # noqa: B007  of every row the same
            latest[connection] = max(at, latest.get(connection, 0))
    return {name: moment(latest[name]) for name in connections if name in latest}


def enforce(wanted: Enforcement, *, locked_out: int) -> Steps[tuple[Preflight, bool]]:
    """Behind the organization's lock: look once more, and write if nobody else is locked out."""
    yield shared.LOCK_NAME, {"gate": standing.gate("enforcement", wanted.organization)}
    seen = yield from preflight(wanted.organization, wanted.domain, wanted.connections, wanted.at)
    if seen.untried or seen.number != locked_out:
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
