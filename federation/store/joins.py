"""Joining: a second Subject becomes an account of a user who proved to be the same person.

What waits is bound to one browser by its cookie, for some minutes, and used once. It gives
nobody anything by itself: whoever holds it still has to sign in as that user.
"""

from datetime import datetime

from federation.errors import SignInExpired
from federation.identity import Identity, Session
from federation.store import accounts, people_sql, rows, sql, standing, standing_sql
from federation.store.people_values import Join
from federation.store.rows import Row, Steps, micros, storable
from federation.store.values import Record


def ask(token_hash: bytes, who: Identity, now: datetime, until: datetime, *, user_id: str) -> Steps[None]:
    """One row of each Subject."""
    kind_and_id = accounts.stable_id_of(who)[1]
    row = {
        "token_hash": token_hash,
        "organization_id": who.organization,
        "person": who.subject.person,
        "connection": who.connection,
        "email": storable(who.email),
        "email_key": who.email.lower(),
        "subject_key": storable(who.subject.key),
        "stable_id": kind_and_id,
        "created_at": micros(now),
        "expires_at": micros(until),
        "user_id": user_id or None,
    }
    yield people_sql.DROP_JOINS_OF, row
    yield people_sql.ASK_JOIN, row


def find(token_hash: bytes, now: datetime) -> Steps[Join]:
    """One read by key; why not, in the order promised."""
    found = yield people_sql.FIND_JOIN, {"token_hash": token_hash}
    if not found:
        raise SignInExpired("signin.join_unknown", "this browser waits for no account to be joined")
    *_, expires_at, used_at, _user_id = found[0]
    if used_at is not None:
        raise SignInExpired("signin.join_used", "these accounts were joined already")
    if expires_at <= micros(now):
        raise SignInExpired("signin.join_expired", "the other sign-in is too long ago")
    return _join(found[0])


def join(token_hash: bytes, session: Session, now: datetime, *, record: Record) -> Steps[bool]:
    """One UPDATE decides who uses it; the address stays locked until the account is there.

    True: a change, which the audit log tells.
    """
    asked = {
        "token_hash": token_hash,
        "organization_id": session.organization,
        "user_id": session.user.id,
        "signed_in_at": micros(session.created_at),
        "now": micros(now),
    }
    found = yield people_sql.TAKE_JOIN, asked
    if not found:
        raise _why_not((yield from find(token_hash, now)), session)
    organization, person, connection, email, email_key, subject_key, stable_id, *_, asked_by = found[0]
    yield standing.hold_address(organization, email_key)
    address = {"organization_id": organization, "email_key": email_key}
    holders = {user_id for (user_id,) in (yield standing_sql.ADDRESS_HOLDERS, address)}
    # Who asked for it signed in at both ends: the addresses need not be the same.
    if asked_by is None and session.user.id not in holders:
        raise _another()
    account = {
        **address,
        "person": person,
        "subject_key": subject_key,
        "stable_id": stable_id,
        "user_id": session.user.id,
        "connection": connection,
        "email": email,
        "now": micros(now),
    }
    ((user_id,),) = yield people_sql.JOIN_ACCOUNT, account
    if user_id != session.user.id:
        raise SignInExpired("signin.join_used", "the other account has become another user's meanwhile")
    yield sql.KEEP_RECORD, rows.record_values(record, None)
    return True


def _why_not(waiting: Join, session: Session) -> SignInExpired:
    if waiting.organization != session.organization:
        return SignInExpired("signin.join_organization", "the session is of another organization")
    if waiting.user_id not in ("", session.user.id):
        return _another()
    if not waiting.user_id and session.created_at < waiting.created_at:
        return SignInExpired(
            "signin.join_earlier", "nobody has signed in since the other sign-in was refused"
        )
    return SignInExpired("signin.join_used", "these accounts were joined just now")


def _another() -> SignInExpired:
    return SignInExpired("signin.join_another", "the user who is signed in does not have the address")


def drop(token_hash: bytes) -> Steps[None]:
    """One DELETE."""
    yield people_sql.DROP_JOIN, {"token_hash": token_hash}


def _join(row: Row) -> Join:
    organization, person, connection, email, _email_key, _subject_key, _stable_id, *times = row
    return Join(
        organization=organization,
        person=person,
        connection=connection,
        email=email,
        created_at=rows.moment(times[0]),
        expires_at=rows.moment(times[1]),
        user_id=times[3] or "",
    )
