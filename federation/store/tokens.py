"""The tokens that a session keeps: found with it, renewed by one at a time, gone with it.

Who renews them takes them first, until a deadline: a refresh token that is used twice may end
everything that was granted with it (RFC 9700 §4.14.2). Whoever took them and did not come back
held the only new ones, if there were any; after the deadline another tries with the old ones.
A row is taken as it was read, version and holder: that the deadline of somebody's clock has come
on another is no leave to take what is held, see ``federation.tokens``.
"""

from datetime import datetime

from federation.decision import Decision
from federation.identity import Session
from federation.store import rows, tokens_sql
from federation.store.rows import Ask, Row, Steps, micros
from federation.store.values import KeptTokensOf, SealedTokens


def added(session: Session, decision: Decision, tokens: SealedTokens) -> Ask:
    """Return the statement that keeps the tokens which a sign-in brought."""
    return (
        tokens_sql.ADD_TOKENS,
        {
            "session_id": session.id,
            "organization_id": session.organization,
            "connection": session.connection,
            "person": decision.identity.subject.person,
            "sealed": tokens.sealed,
            "renew_at": _at(tokens.renew_at),
        },
    )


def find(token_hash: bytes, now: datetime) -> Steps[KeptTokensOf | None]:
    """Two reads by key, in one statement."""
    found = yield tokens_sql.FIND_TOKENS, {"token_hash": token_hash, "now": micros(now)}
    return kept(found[0]) if found else None


def due(connection: str, organization: str, now: datetime, batch: int) -> Steps[tuple[KeptTokensOf, ...]]:
    """One read by index, the longest due first."""
    asked = {
        "connection": connection,
        "organization_id": organization,
        "now": micros(now),
        "batch": batch,
    }
    return tuple(map(kept, (yield tokens_sql.FIND_DUE_TOKENS, asked)))


def take(tokens: KeptTokensOf, holder: str, until: datetime, now: datetime) -> Steps[bool]:
    """One UPDATE decides."""
    asked = {
        "session_id": tokens.session_id,
        "version": tokens.version,
        "before": tokens.taken_by,
        "holder": _named(holder),
        "until": micros(until),
        "now": micros(now),
    }
    return bool((yield tokens_sql.TAKE_TOKENS, asked))


def keep_renewed(session_id: str, holder: str, renewed: SealedTokens, now: datetime) -> Steps[bool]:
    """One UPDATE puts the new ones in place of the old, and lets go of them."""
    asked = {
        "session_id": session_id,
        "holder": _named(holder),
        "sealed": renewed.sealed,
        "renew_at": _at(renewed.renew_at),
        "now": micros(now),
    }
    return bool((yield tokens_sql.KEEP_RENEWED_TOKENS, asked))


def put_off(session_id: str, holder: str, until: datetime, renew_at: datetime | None) -> Steps[None]:
    """Let go of what was not renewed."""
    asked = {"session_id": session_id, "holder": _named(holder), "until": micros(until)}
    yield tokens_sql.PUT_OFF_TOKENS, {**asked, "renew_at": _at(renew_at)}


def end_refused(session_id: str, holder: str, now: datetime) -> Steps[bytes | None]:
    """Return the token hash of the session that ended, None where it was not the holder's to end."""
    asked = {"session_id": session_id, "holder": _named(holder), "now": micros(now)}
    found = yield tokens_sql.END_REFUSED_SESSION, asked
    return found[0][0] if found else None


def kept(row: Row) -> KeptTokensOf:
    """Read a row of ``tokens_sql.FIND_TOKENS``."""
    session_id, token_hash, organization, connection, person, sealed, renew_at, *taken = row
    version, taken_by, taken_until = taken
    return KeptTokensOf(
        session_id=session_id,
        token_hash=token_hash,
        organization=organization,
        connection=connection,
        person=person,
        tokens=SealedTokens(sealed=sealed, renew_at=None if renew_at is None else rows.moment(renew_at)),
        version=version,
        taken_by=taken_by,
        taken_until=rows.moment(taken_until),
    )


def _at(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def _named(holder: str) -> str:
    if not holder:  # "" is nobody, whose tokens anybody could put in place
        raise ValueError("who takes tokens has a name")
    return holder
