"""Sessions under the names of an identity provider: kept, looked up, and ended from there.

A name is stored as its hash alone. A logout and a sign-in of one name follow one another: on
SQLite there is one writer; on PostgreSQL each takes a lock of that name until its transaction
ends (``postgres_words.GATES``), and only then looks. So each session is either seen by the logout or
sees it, and none slips between.
"""

from collections.abc import Sequence
from datetime import datetime

from federation.decision import Decision
from federation.errors import AssertionRefused, Check, SignInExpired
from federation.identity import Identity, ProviderSession, Session
from federation.store import provider_sessions_sql, rows, sql
from federation.store.rows import Ask, Row, Steps, micros
from federation.store.values import PROVIDER_INDEXES, PROVIDER_NAMES


def beside(who: Identity) -> tuple[Ask, ...]:
    """Return the statement that lets no logout of this name pass until the sign-in is done."""
    if (theirs := who.provider_session) is None:
        return ()
    names = filter(None, (theirs.name, theirs.alone))
    # Sorted, as a logout takes them: see ``end``.
    hashes = sorted({rows.digest(who.connection, name) for name in names})
    return tuple((sql.SHARE_NAME, {"gate": _gate(name_hash)}) for name_hash in hashes)


def named(session: Session, theirs: ProviderSession, sealed: str, now: datetime) -> tuple[Ask, Ask]:
    """Return the statements that note a session's names for a later logout, and look for an earlier one.

    The name's lock is held already: see ``beside``.
    """
    names = {
        "name_hash": rows.digest(session.connection, theirs.name),
        "index_hash": rows.digest(session.connection, theirs.name, theirs.index),
        "alone_hash": rows.digest(session.connection, theirs.alone) if theirs.alone else None,
    }
    noted = {
        **names,
        "session_id": session.id,
        "connection": session.connection,
        "organization_id": session.organization,
        "sealed": sealed,
    }
    looks = provider_sessions_sql.FIND_LOGOUT_ALONE if theirs.alone else provider_sessions_sql.FIND_LOGOUT
    return (provider_sessions_sql.ADD_PROVIDER_SESSION, noted), (looks, {**names, "now": micros(now)})


def not_logged_out(decision: Decision, asked_at: datetime | None, logouts: Sequence[Row]) -> None:
    """Refuse a session that the provider has ended already: its logouts are given.

    Args:
        decision: What was decided of the sign-in.
        asked_at: When it was started here, None where it was not. Who has been signed out there
            by then had to sign in again, though the provider does not tell when (``auth_time``
            is optional).
        logouts: When each was issued.

    Raises:
        SignInExpired: ``signin.logged_out``.

    Source:
        SAML Core §3.7.3.1: a logout request is applied to an assertion that arrives after it.
        Not to one of a later authentication, or nobody could sign in again.
    """
    instant = decision.identity.authentication.instant or asked_at
    for (issued_at,) in logouts:
        if instant is None or micros(instant) <= issued_at:
            said = "the identity provider has ended this session since the person signed in there"
            check = Check("signin.logged_out", said)
            raise SignInExpired("signin.logged_out", said, (*decision.checks, check))


def find(token_hash: bytes, now: datetime) -> Steps[tuple[str, str, str] | None]:
    """Organization, connection and sealed words of a live session; two reads by key, in one statement."""
    found = yield provider_sessions_sql.FIND_PROVIDER_SESSION, {"token_hash": token_hash, "now": micros(now)}
    if not found:
        return None
    organization, connection, sealed = found[0]
    return str(organization), str(connection), str(sealed)


def end(  # noqa: PLR0913  all that a message says
    connections: tuple[str, ...],
    names: tuple[str, ...],
    indexes: tuple[str, ...],
    *,
    organization: str,
    claim: tuple[str, str],
    issued_at: datetime,
    until: datetime,
    now: datetime,
) -> Steps[tuple[bytes, ...]]:
    """Claim the message, remember the logout, end what it names; return the live ones' token hashes.

    Raises:
        AssertionRefused: ``signin.replayed``.
    """
    # One text is a sequence of texts too, and would name nobody: its letters.
    if any(isinstance(one, str) for one in (connections, names, indexes)):
        raise ValueError("connections, names and indexes are tuples of texts")
    if not 0 < len(names) <= PROVIDER_NAMES or len(indexes) > PROVIDER_INDEXES:
        raise ValueError("a logout names nobody, or more than it may")
    if not (yield sql.CLAIM_ASSERTION, {"claim_hash": rows.digest(*claim), "kept_until": micros(until)}):
        raise AssertionRefused("signin.replayed", "this logout request has been accepted before")
    # In one order everywhere, so that two logouts at one moment do not wait for each other: every
    # lock before any row, and names and indexes sorted.
    named = {rows.digest(one, name): (one, name) for one in connections for name in names}
    for name_hash in sorted(named):
        yield sql.LOCK_NAME, {"gate": _gate(name_hash)}
    ended: list[bytes] = []
    times = {"issued_at": micros(issued_at), "kept_until": micros(until)}
    for name_hash, (one, name) in sorted(named.items()):
        index_hashes = sorted({rows.digest(one, name, index) for index in indexes})
        for logout_hash in index_hashes or [name_hash]:
            yield provider_sessions_sql.REMEMBER_LOGOUT, {**times, "logout_hash": logout_hash}
        whose = {"name_hash": name_hash, "organization_id": organization, "now": micros(now)}
        if not index_hashes:
            found = yield provider_sessions_sql.END_PROVIDER_SESSIONS, whose
            ended += (token_hash for (token_hash,) in found)
            ended += yield from _end_alone(name_hash, organization, now)
        for index_hash in index_hashes:
            found = yield provider_sessions_sql.END_PROVIDER_SESSION, {**whose, "index_hash": index_hash}
            ended += (token_hash for (token_hash,) in found)
    return tuple(ended)


def end_alone(connection: str, name: str, now: datetime, *, organization: str) -> Steps[tuple[bytes, ...]]:
    """One statement decides; return the live ones' token hashes."""
    return (yield from _end_alone(rows.digest(connection, name), organization, now))


def _end_alone(alone_hash: bytes, organization: str, now: datetime) -> Steps[tuple[bytes, ...]]:
    found = yield (
        provider_sessions_sql.END_SESSION_ALONE,
        {"alone_hash": alone_hash, "organization_id": organization, "now": micros(now)},
    )
    return tuple(token_hash for (token_hash,) in found)


def _gate(name_hash: bytes) -> int:
    """The key of a name's lock; two names that share one wait for each other, and no more."""
    return int.from_bytes(name_hash[:8], "big", signed=True)
