"""Local accounts: who signs in here with a password, how often they may try, who sets it.

Tries are counted by the address that was typed, whether or not somebody has it, and before its
password is looked at: neither the time that an answer takes nor a lock-out tells who is there,
and tries at one moment are no more than tries one after the other.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from federation.store import accounts_sql, local_sql, provider_sessions, rows, sql, standing, standing_sql
from federation.store.local_values import Attempt, LocalAccount, LocalNewcomer
from federation.store.rows import Row, Steps, micros, new_id, storable

FAILURES = 10  # within WITHIN lock an address out for LOCKED
WITHIN = timedelta(minutes=5)
LOCKED = timedelta(minutes=30)


def attempt(connection: str, address: str, now: datetime) -> Steps[Attempt]:
    """Count the try, then read; whoever tries the same address at this moment waits."""
    whose = {"address_hash": _address_hash(connection, address)}
    yield sql.LOCK_NAME, {"gate": int.from_bytes(whose["address_hash"][:8], "big", signed=True)}
    at = micros(now)
    tries, locked_until = _tries((yield local_sql.FIND_ATTEMPTS, whose))
    locked = locked_until > at
    if not locked:
        tries = [*(one for one in tries if one > micros(now - WITHIN)), at]
        # The tenth may be the right one: then all are forgotten, the lock among them.
        locked_until = micros(now + LOCKED) if len(tries) >= FAILURES else 0
    # A try while it is locked writes too: nothing that can be measured tells it from others.
    kept = {"tries": json.dumps(tries), "locked_until": locked_until}
    yield local_sql.KEEP_ATTEMPTS, whose | kept | {"kept_until": max(locked_until, micros(now + WITHIN))}
    found = yield local_sql.FIND_LOCAL_ACCOUNT, _named(connection, address)
    return Attempt(account=_account(found[0], None) if found else None, locked=locked)


def succeeded(connection: str, address: str, account: LocalAccount, renewed: str) -> Steps[None]:
    """Forget the tries, and keep the password at today's cost where its hash was made anew."""
    yield local_sql.FORGET_ATTEMPTS, {"address_hash": _address_hash(connection, address)}
    if renewed:
        told = {"id": account.id, "kept": account.password_hash, "renewed": renewed}
        yield local_sql.KEEP_RENEWED_HASH, told


def add(newcomer: LocalNewcomer, now: datetime) -> Steps[bool]:
    """Account, and the user who waits for its first sign-in, with the roles that were given by hand."""
    place = {"organization_id": newcomer.organization, "now": micros(now)}
    account = _named(newcomer.connection, newcomer.email) | {
        **place,
        "id": new_id(now),
        "email": storable(newcomer.email),
        "display_name": storable(newcomer.display_name),
    }
    if not (yield local_sql.ADD_LOCAL_ACCOUNT, account):
        return False
    yield standing.hold_address(newcomer.organization, newcomer.email.lower())
    user = {**place, "user_id": newcomer.user_id or new_id(now)}
    if not newcomer.user_id:
        yield accounts_sql.ADD_USER, user
    yield local_sql.EXPECT_USER, account | user | {"source": newcomer.source}
    yield standing_sql.ADD_MEMBERSHIP, user | {"source": newcomer.source}
    for grant in newcomer.grants:
        yield standing_sql.ADD_GRANT, user | {"source": grant.source, "role": grant.role, "why": grant.why}
    return True


def holders(organization: str, address: str) -> Steps[tuple[str, ...]]:
    """Users of the organization who have this address, sorted."""
    asked = {"organization_id": organization, "email_key": address.lower()}
    return tuple(sorted({str(user_id) for (user_id,) in (yield standing_sql.ADDRESS_HOLDERS, asked)}))


def set_link(connection: str, address: str, link_hash: bytes, until: datetime) -> Steps[bool]:
    """One UPDATE."""
    asked = _named(connection, address) | {"link_hash": link_hash, "link_until": micros(until)}
    return bool((yield local_sql.SET_LINK, asked))


def by_link(connection: str, link_hash: bytes, now: datetime) -> Steps[LocalAccount | None]:
    """One read by unique key."""
    asked = {"connection": connection, "link_hash": link_hash, "now": micros(now)}
    found = yield local_sql.FIND_BY_LINK, asked
    return _account(found[0], None) if found else None


def set_password(
    connection: str, which: bytes | str, password_hash: str, now: datetime
) -> Steps[tuple[bytes, ...] | None]:
    """Set it by link (octets) or by address; end the sessions that the old one opened."""
    statement, whose = (
        (local_sql.CHOOSE_BY_LINK, {"connection": connection, "link_hash": which})
        if isinstance(which, bytes)
        else (local_sql.CHOOSE_BY_ADDRESS, _named(connection, which))
    )
    found = yield statement, whose | {"password_hash": password_hash, "now": micros(now)}
    if not found:
        return None
    account_id, organization, email_key = found[0]
    yield local_sql.FORGET_ATTEMPTS, {"address_hash": _address_hash(connection, email_key)}
    return (yield from _end_sessions(connection, account_id, organization, now))


def remove(connection: str, address: str, now: datetime) -> Steps[tuple[bytes, ...] | None]:
    """Account, and who waits for its first sign-in; its sessions end, its user stays."""
    whose = _named(connection, address)
    found = yield local_sql.REMOVE_LOCAL_ACCOUNT, whose
    if not found:
        return None
    account_id, organization = found[0]
    yield local_sql.DROP_EXPECTED, whose | {"organization_id": organization}
    yield local_sql.FORGET_ATTEMPTS, {"address_hash": _address_hash(connection, address)}
    return (yield from _end_sessions(connection, account_id, organization, now))


def unlock(connection: str, address: str) -> Steps[bool]:
    """One DELETE."""
    asked = {"address_hash": _address_hash(connection, address)}
    return bool((yield local_sql.FORGET_ATTEMPTS, asked))


def every(connection: str, now: datetime) -> Steps[tuple[LocalAccount, ...]]:
    """All of one connection, by address, and until when each is locked."""
    told: list[LocalAccount] = []
    for row in (yield local_sql.FIND_LOCAL_ACCOUNTS, {"connection": connection}):
        asked = {"address_hash": _address_hash(connection, row[3])}
        _, locked_until = _tries((yield local_sql.FIND_ATTEMPTS, asked))
        told.append(_account(row, rows.moment(locked_until) if locked_until > micros(now) else None))
    return tuple(told)


def _end_sessions(
    connection: str, account_id: str, organization: str, now: datetime
) -> Steps[tuple[bytes, ...]]:
    """As a provider's logout does: a sign-in under way with the old password is refused when it arrives."""
    return (
        yield from provider_sessions.end(
            (connection,),
            (account_id,),
            (),
            organization=organization,
            claim=(f"local:{connection}", f"{account_id}:{micros(now)}"),
            issued_at=now,
            until=now + WITHIN,
            now=now,
        )
    )


def _tries(found: Sequence[Row]) -> tuple[list[int], int]:
    return (json.loads(found[0][0]), int(found[0][1])) if found else ([], 0)


def _address_hash(connection: str, address: str) -> bytes:
    return rows.digest("local", connection, address.lower())


def _named(connection: str, address: str) -> dict[str, object]:
    return {"connection": connection, "email_key": storable(address.lower())}


def _account(row: Row, locked_until: datetime | None) -> LocalAccount:
    identifier, organization, connection, email, display_name, password_hash, password_at, link_until = row
    return LocalAccount(
        id=identifier,
        organization=organization,
        connection=connection,
        email=email,
        display_name=display_name,
        password_hash=password_hash,
        password_at=None if password_at is None else rows.moment(password_at),
        link_until=None if link_until is None else rows.moment(link_until),
        locked_until=locked_until,
    )
