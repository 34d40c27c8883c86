"""Connections and organizations that are edited in the administration: kept, changed, taken away.

Each change takes the next number of all that is declared, in the order of commits, so that a worker
that knows one number reads what came after it and nothing else. Whoever switches a connection off, or takes
it away, holds its gate as ``endings`` does: a sign-in under way is waited for and its session ended,
or it waits and is refused, on workers that have not heard of it yet too.
"""

from dataclasses import replace
from datetime import datetime

from federation.decision import of_connection, of_scim
from federation.store import endings, endings_sql, kept_sql, provisioning_clearing, rows, sql, standing
from federation.store.endings import Hashes
from federation.store.kept_values import AFFECTED_COUNTED, Count, Declared, KeptConnection, KeptOrganization
from federation.store.people_values import Ended, Remaining
from federation.store.rows import Row, Steps, micros, moment

_ALL = 2**31 - 1  # rows
_BATCH = 2000  # accounts that are looked at in one step


def number() -> Steps[int]:
    """One read by a key."""
    ((found,),) = yield kept_sql.FIND_NUMBER, {}
    return int(found)


def since(known: int) -> Steps[Declared]:
    """The number first: what is committed between the reads comes again with the next."""
    reached = yield from number()
    organizations = yield kept_sql.FIND_ORGANIZATIONS_SINCE, {"number": known}
    connections = yield kept_sql.FIND_CONNECTIONS_SINCE, {"number": known}
    return Declared(
        number=reached,
        organizations=tuple(map(_organization, organizations)),
        connections=tuple(map(_connection, connections)),
    )


def find(connection: str) -> Steps[KeptConnection | None]:
    """One read by its id."""
    found = yield kept_sql.FIND_CONNECTION, {"id": rows.storable(connection)}
    return _connection(found[0]) if found and found[0][10] is None else None


def keep_organization(organization: str, body: str, now: datetime) -> Steps[bool]:
    """One INSERT."""
    told = {"id": organization, "body": body, "number": (yield from _bump()), "now": micros(now)}
    return bool((yield kept_sql.KEEP_ORGANIZATION, told))


def edit_organization(
    organization: str, body: str, now: datetime, *, previous: int, was: Remaining, will: Remaining
) -> Steps[bool]:
    """One UPDATE of what is still as it was read; whoever administers by it is held against who did."""
    told = {"id": organization, "body": body, "number": (yield from _bump()), "now": micros(now)}
    before = yield from endings.administered(was, "")
    if not (yield kept_sql.EDIT_ORGANIZATION, told | {"previous": previous}):
        return False
    yield from endings.somebody_left(will, before)
    return True


def organization_holds(organization: str) -> Steps[tuple[str, ...]]:
    """One read."""
    held = yield kept_sql.ORGANIZATION_HOLDS, {"id": organization}
    return tuple(sorted({str(what) for (what,) in held}))


def drop_organization(organization: str, now: datetime) -> Steps[bool]:
    """The number's row keeps connections from being made for it meanwhile."""
    told = {"id": organization, "number": (yield from _bump()), "now": micros(now)}
    if (yield from organization_holds(organization)):
        return False
    if not (yield kept_sql.DROP_ORGANIZATION, told):
        return False
    for statement in (kept_sql.REVOKE_TOKENS, kept_sql.DROP_PROOFS, kept_sql.DROP_INVITATIONS):
        yield statement, told
    return True


def keep_connection(kept: KeptConnection, now: datetime, *, previous: int | None) -> Steps[bool]:
    """One INSERT, or one UPDATE of what is still as it was read.

    A new one's id is to be nobody else's: of accounts ``is_account_elsewhere`` tells, before.
    """
    told = {
        "id": kept.id,
        "body": kept.body,
        "sealed": kept.sealed,
        "number": (yield from _bump()),
        "now": micros(now),
    }
    if previous is None:
        told |= {"organization_id": kept.organization, "protocol": kept.protocol}
        if (yield kept_sql.HELD_ELSEWHERE, {"id": kept.id, "organization_id": kept.organization}):
            return False
        return bool((yield kept_sql.KEEP_CONNECTION, told))
    return bool((yield kept_sql.EDIT_CONNECTION, told | {"previous": previous}))


def is_account_elsewhere(connection: str, organization: str) -> Steps[bool]:
    """Tell whether another organization has an account by a connection of this id, read batch by batch."""
    asked: dict[str, object] = {"id": connection, "organization_id": organization, "at": "", "then": ""}
    looked = _BATCH
    while looked == _BATCH:
        found = yield kept_sql.ACCOUNTS_ELSEWHERE, {**asked, "batch": _BATCH}
        if any(row[3] for row in found):
            return True
        looked = sum(row[2] for row in found)
        if found:
            asked |= {"at": found[-1][0], "then": found[-1][1]}
    return False


def enable(connection: str, now: datetime, *, previous: int, force: bool) -> Steps[bool]:
    """One UPDATE decides, of what is still as it was read."""
    told = {"id": connection, "number": (yield from _bump()), "now": micros(now)}
    asked = {**told, "previous": previous, "force": int(force)}
    if not (yield kept_sql.ENABLE_CONNECTION, asked):
        return False
    yield endings_sql.SWITCH_ON, {"connection": connection}
    return True


def disable(connection: str, now: datetime, held: Remaining) -> Steps[tuple[Ended, Hashes] | None]:
    """Switched off for workers that have not heard of it, too."""
    told = {"id": connection, "number": (yield from _bump()), "now": micros(now)}
    yield sql.LOCK_NAME, {"gate": standing.gate("connection", connection)}
    if not (yield kept_sql.DISABLE_CONNECTION, told):
        return None
    return (yield from endings.switch_off(connection, now, held))


def drop_connection(connection: str, now: datetime, held: Remaining) -> Steps[tuple[Ended, Hashes] | None]:
    """What it gave goes; it stays switched off, for workers that know it still."""
    told = {"id": connection, "number": (yield from _bump()), "now": micros(now)}
    yield sql.LOCK_NAME, {"gate": standing.gate("connection", connection)}
    found = yield kept_sql.DROP_CONNECTION, told
    if not found:
        return None
    before = yield from endings.administered(held, connection)
    told_of_it, ended = yield from endings.close(connection, now)
    ((organization,),) = found
    yield from _depart(str(organization), of_connection(connection), now)
    yield from _empty(connection, str(organization), now)
    yield from endings.somebody_left(held, before)
    for statement in (kept_sql.DROP_METADATA, kept_sql.DROP_POLICY, kept_sql.DROP_TRIALS):
        yield statement, {"id": connection}
    yield kept_sql.REVOKE_LINKS, {"id": connection, "now": micros(now)}
    return replace(told_of_it, changed=True), ended


def _depart(organization: str, source: str, now: datetime) -> Steps[None]:
    """Whoever is signed in by another way has, from now on, what others gave; the rows go in batches."""
    place = {"organization_id": organization, "source": source, "now": micros(now)}
    told = yield kept_sql.LIVE_TAKERS, place
    yield kept_sql.DEPART, place
    for (user_id,) in told:
        yield from endings.tell({**place, "user_id": user_id}, source)


def _empty(connection: str, organization: str, now: datetime) -> Steps[None]:
    """What its directory kept and gave goes at once: users whom it made, with it."""
    source = of_scim(connection)
    place = {"organization_id": organization, "source": source, "now": micros(now), "batch": _ALL}
    told = yield kept_sql.LIVE_TAKERS, place
    for statement in (kept_sql.DROP_GRANTS, kept_sql.DROP_TEAM_PLACES, kept_sql.DROP_MEMBERSHIPS):
        yield statement, place
    yield from provisioning_clearing.connection(connection, organization)
    for (user_id,) in told:
        yield from endings.tell({**place, "user_id": user_id}, source)


def sweep(batch: int) -> Steps[int]:
    """Delete rows of one source that is gone; with the last of them it is forgotten.

    A crash between two leaves what the next one finds. Two at once delete the same rows, once.
    """
    while found := (yield kept_sql.FIND_DEPARTING, {}):
        source, organization = map(str, found[0])
        yield sql.LOCK_NAME, {"gate": standing.gate("departing", source)}
        asked = {"organization_id": organization, "source": source, "batch": batch}
        gone = 0
        for statement in (kept_sql.DROP_GRANTS, kept_sql.DROP_TEAM_PLACES, kept_sql.DROP_MEMBERSHIPS):
            gone += len((yield statement, asked))
        if gone:
            return gone
        yield kept_sql.DEPARTED, asked
    return 0


def count(connection: str, organization: str, now: datetime) -> Steps[Count]:
    """Three reads by an index, each of no more rows than are counted."""
    asked = {
        "id": connection,
        "organization_id": organization,
        "source": of_connection(connection),
        "now": micros(now),
        "batch": AFFECTED_COUNTED + 1,
    }
    found = {str(what): int(how_many) for what, how_many in (yield kept_sql.COUNT_AFFECTED, asked)}
    return Count(**found)


def _bump() -> Steps[int]:
    ((found,),) = yield kept_sql.BUMP, {}
    return int(found)


def _organization(row: Row) -> KeptOrganization:
    return KeptOrganization(
        id=row[0],
        body=row[1],
        number=row[2],
        created_at=moment(row[3]),
        updated_at=moment(row[4]),
        deleted=row[5] is not None,
    )


def _connection(row: Row) -> KeptConnection:
    return KeptConnection(
        id=row[0],
        organization=row[1],
        protocol=row[2],
        body=row[3],
        sealed=row[4],
        enabled=bool(row[5]),
        number=row[6],
        created_at=moment(row[7]),
        updated_at=moment(row[8]),
        tested_at=None if row[9] is None else moment(row[9]),
        deleted=row[10] is not None,
    )
