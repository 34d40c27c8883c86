"""What each verb does, written once: which statements, in which order, and what they mean.

A verb is a generator that yields a statement with its parameters and is sent the rows; or
several at once, of which none sees what another does, and is sent the rows of each. It
touches no database itself: ``sqlite`` drives it in its writer, ``postgres`` over the network,
so that the two cannot keep different promises. Where a verb is one transaction, its driver
makes it so.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from federation.decision import Bootstrap, Carried, Decision, Outcome, Settled
from federation.errors import PolicyRefused, SignInExpired
from federation.identity import Authentication, Session, User
from federation.store import (
    accounts,
    audit_pages,
    bootstrap,
    endings,
    messages,
    provider_sessions,
    records,
    rereads,
    rows,
    sql,
    standing,
    tokens,
)
from federation.store.rows import Steps, micros, new_id, storable
from federation.store.values import MESSAGE_LIFE, RECORD_LIFE, Claim, NewSession, Pending, Sealing

# Bounds, not exact numbers: what is above them goes at one attempt in sixteen, the oldest first.
SESSIONS_OF_USER = 100  # live ones in one organization
# Characters of their snapshots, each of which is written anew, while others wait, when a role changes.
SNAPSHOTS_OF_USER = 4 * 1024 * 1024


def remember_pending(pending: Pending) -> Steps[None]:
    """One row, keyed by the hash of its handle; none of a connection that is switched off, but on trial.

    Raises:
        PolicyRefused: ``policy.connection_disabled``.
    """
    kept = yield (
        sql.REMEMBER_PENDING,
        {
            "handle_hash": rows.digest(pending.handle),
            "connection": pending.connection,
            "binder_hash": pending.binder_hash,
            "expects": json.dumps(dict(pending.expects)),
            "return_to": storable(pending.return_to),
            "replaces": pending.replaces,
            "created_at": micros(pending.created_at),
            "expires_at": micros(pending.expires_at),
            "on_trial": int(bool(pending.trial)),
        },
    )
    if not kept:
        raise PolicyRefused("policy.connection_disabled", "an operator has switched this connection off")


def take_pending(connection: str, handle: str, binder_hash: bytes, now: datetime) -> Steps[Pending]:
    """One UPDATE decides; the reasons are looked up by those who lost, in the order promised."""
    asked = {
        "handle_hash": rows.digest(handle),
        "connection": connection,
        "binder_hash": binder_hash,
        "now": micros(now),
    }
    for expects, return_to, replaces, created_at, expires_at, *_ in (yield sql.TAKE_PENDING, asked):
        return Pending(
            handle=handle,
            connection=connection,
            binder_hash=binder_hash,
            expects=json.loads(expects),
            return_to=return_to,
            replaces=replaces,
            created_at=rows.moment(created_at),
            expires_at=rows.moment(expires_at),
        )
    found = yield sql.FIND_PENDING, asked
    if not found:
        raise SignInExpired("signin.unknown", "no sign-in of this handle is waiting, or it has expired")
    its_connection, its_binder_hash, _used_at = found[0]
    if its_connection != connection:
        raise SignInExpired("signin.connection", "the sign-in was started at another connection")
    if its_binder_hash != binder_hash:
        raise SignInExpired("signin.browser", "the sign-in was started in another browser")
    raise SignInExpired("signin.used", "the sign-in was already answered")


def is_waiting(connection: str, handle: str, now: datetime) -> Steps[bool]:
    """Known for this connection, unused, unexpired."""
    found = yield sql.FIND_PENDING, {"handle_hash": rows.digest(handle), "now": micros(now)}
    return any(its_connection == connection and used_at is None for its_connection, _, used_at in found)


def connection_of(handle: str, now: datetime) -> Steps[str | None]:
    """Known and unexpired, used or not."""
    found = yield sql.FIND_PENDING, {"handle_hash": rows.digest(handle), "now": micros(now)}
    return next((str(connection) for connection, *_ in found), None)


def finished(handle: str, token_hash: bytes, now: datetime) -> Steps[str | None]:
    """Join the used handle to the live session that it opened, if the caller holds its token."""
    asked = {"handle_hash": rows.digest(handle), "token_hash": token_hash, "now": micros(now)}
    found = yield sql.FIND_FINISHED, asked
    return str(found[0][0]) if found else None


def open_session(
    decision: Decision, new: NewSession, now: datetime, *, claim: Claim | None, sealing: Sealing | None
) -> Steps[Session]:
    """Claim, user, account, grants, session, the pending's answer and the record; one transaction.

    Mostly in three round trips: what stands is read once the account is locked, or the address of
    somebody new, and the outcome hangs on it. All locks are taken in the first: of the name, before
    any session is touched (a logout that waits for this one touches them too); of the account or
    the address, before what was granted is read, and who it could be.

    Raises:
        AssertionRefused: ``signin.replayed``.
        PolicyRefused: ``identity.subject_recycled``.
        SignInExpired: ``signin.logged_out``.
        Raced: See ``accounts.first``.
    """
    who = decision.identity
    beside = (*provider_sessions.beside(who), endings.gate(who.connection))
    proof = records.prove(new.record, claim, sealing)
    account = accounts.columns(decision, now)
    told = yield (
        *beside,
        *proof,
        standing.teams_kept(who.organization),
        *accounts.known(decision, account),
    )
    *_, kept_teams, held, found = told
    has_teams = bool(kept_teams)
    wrapped, offer = records.proven(new.record, claim, sealing, iter(told[len(beside) :]))
    link, known, kept_key = yield from accounts.enter(
        decision,
        account,
        (held, found),
        has_teams=has_teams,
        invitation=new.invitation,
        beside=offer,
        now=now,
    )
    wrapped = yield from records.agree_key(wrapped, offer, kept_key)
    came: Bootstrap = ""
    if new.bootstrap:
        came = yield from bootstrap.use(decision, new.bootstrap, now)
    stands, outcome = yield from standing.settle(decision, known, now, has_teams=has_teams, bootstrap=came)
    session = _session(known.user_id, decision, outcome, new, now)
    settled = Settled(link=link, standing=stands, outcome=outcome, session_id=session.id)
    record = records.sealed(new.record, sealing, wrapped, settled)
    place = {"organization_id": who.organization, "user_id": known.user_id, "connection": who.connection}
    ring = yield from records.place_of(record)
    made = accounts.made(account, known, outcome.profile)
    opened = added(session, {**place, "person": who.subject.person}, new, who.authentication)
    asked = [
        *made,
        opened,
        (sql.KEEP_RECORD, rows.record_values(record, ring)),
        *standing.changes(decision, stands, outcome, now),
    ]
    if new.handle:
        finished = {"handle_hash": rows.digest(new.handle), "session_id": session.id}
        asked.append((sql.FINISH_PENDING, finished))
    if new.ended_token_hash:
        asked.append((sql.END_SESSION, {"token_hash": new.ended_token_hash, "now": micros(now)}))
    if new.tokens is not None:
        asked.append(tokens.added(session, decision, new.tokens))
    if new.reread_at is not None:
        asked.append(rereads.scheduled(session, who.subject.person, new.reread_at))
    if theirs := who.provider_session:
        asked += provider_sessions.named(session, theirs, new.provider_sealed, now)
    told = yield tuple(asked)
    accounts.first(known, told)
    if theirs:
        provider_sessions.not_logged_out(decision, new.asked_at, told[-1])
    if outcome.changes and stands.how != "new":
        carried = Carried(grants=session.grants, teams=session.teams)
        yield from standing.tell_sessions(session.organization, session.user.id, carried, now)
    kept = min(SESSIONS_OF_USER, SNAPSHOTS_OF_USER // len(str(opened[1]["data"])))
    if records.trims(record) or kept < SESSIONS_OF_USER:
        yield (sql.END_OLD_SESSIONS, {**place, "now": micros(now), "kept": kept}), *records.trimming(record)
    yield from messages.keep(record)
    return session


def added(
    session: Session, place: Mapping[str, object], new: NewSession, proof: Authentication | None
) -> rows.Ask:
    """Return the statement that opens a session; ``proof`` is what its provider said of how."""
    return (
        sql.ADD_SESSION,
        {
            **place,
            "token_hash": new.token_hash,
            "id": session.id,
            "data": rows.snapshot(session, proof),
            "authenticated_at": micros(session.authenticated_at),
            "created_at": micros(session.created_at),
            "expires_at": micros(session.expires_at),
            "idle": int(new.idle * 1_000_000),
            "idle_at": micros(session.idle_at),
        },
    )


def _session(user_id: str, decision: Decision, outcome: Outcome, new: NewSession, now: datetime) -> Session:
    who, profile = decision.identity, outcome.profile
    return Session(
        id=new_id(now),
        user=User(
            id=user_id,
            email=profile.email,
            given_name=profile.given_name,
            family_name=profile.family_name,
            display_name=profile.display_name,
        ),
        connection=who.connection,
        organization=who.organization,
        groups=who.groups.names,
        grants=outcome.grants,
        teams=outcome.teams,
        attributes=dict(who.attributes),
        authenticated_at=who.authentication.instant or now,
        created_at=now,
        expires_at=new.absolute_end,
        idle_at=min(now + timedelta(seconds=new.idle), new.absolute_end),
        reference=new.record.reference,
        user_agent=new.user_agent,
        proved_at=who.authentication.instant or (now if new.asked_anew else None),
    )


def find_session(token_hash: bytes) -> Steps[rows.Row | None]:
    """One read by primary key; ``rows.live`` tells what it is worth at a moment."""
    found = yield sql.FIND_SESSION, {"token_hash": token_hash}
    return found[0] if found else None


def touch_session(token_hash: bytes, idle_at: datetime, now: datetime) -> Steps[None]:
    """Note a use, unless somebody did within the minute."""
    yield (
        sql.TOUCH_SESSION,
        {
            "token_hash": token_hash,
            "now": micros(now),
            "idle_at": micros(idle_at),
            "seen_before": micros(now - rows.TOUCH),
        },
    )


def sessions_of(user_id: str, organization: str, now: datetime) -> Steps[tuple[Session, ...]]:
    """This person's live sessions in this organization, newest first."""
    asked = {"user_id": user_id, "organization_id": organization, "now": micros(now)}
    return tuple(map(rows.session, (yield sql.FIND_SESSIONS_OF, asked)))


def end_session(token_hash: bytes, now: datetime) -> Steps[None]:
    """Mark the session of this token as ended."""
    yield sql.END_SESSION, {"token_hash": token_hash, "now": micros(now)}


def end_session_by_id(user_id: str, session_id: str, now: datetime) -> Steps[bytes | None]:
    """Return the token hash of the session that ended, None if it is not theirs or has ended."""
    asked = {"user_id": user_id, "id": storable(session_id), "now": micros(now)}
    found = yield sql.END_SESSION_BY_ID, asked
    return found[0][0] if found else None


def lease(job: str, holder: str, until: datetime, now: datetime) -> Steps[bool]:
    """An upsert that only the holder, or anyone after it ran out, gets through."""
    asked = {"job": job, "holder": holder, "held_until": micros(until), "now": micros(now)}
    return bool((yield sql.TAKE_LEASE, asked))


def purge(now: datetime, batch: int, records_kept: timedelta, audit_kept: timedelta) -> Steps[int]:
    """Delete up to ``batch`` rows of each kind that is over."""
    asked = {
        "now": micros(now),
        "batch": batch,
        "records_before": micros(now - records_kept),
        "keys_before": micros(now - max(records_kept, RECORD_LIFE)),
        "messages_before": micros(now - MESSAGE_LIFE),
        "audit_before": micros(now - audit_kept),
        "audit_before_id": audit_pages.first_id(now - audit_kept),
    }
    gone = 0
    for statement in sql.PURGE:
        gone += len((yield statement, asked))
    return gone


def version() -> Steps[str | None]:
    """The migration that the database stands at."""
    found = yield sql.FIND_VERSION, {}
    return str(found[0][0]) if found else None
