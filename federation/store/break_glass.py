"""Break-glass: the account of an organization that opens though nothing else does.

Its session stands on no connection and on no grant that is kept: what it may do, it carries, and
nobody counts it among the administrators.
"""

from datetime import datetime, timedelta

from federation.decision import BREAK_GLASS
from federation.identity import Grant, Session, User
from federation.store import accounts_sql, local_sql, records, rows, sql, standing, verbs
from federation.store.local_values import BreakGlass
from federation.store.rows import Steps, micros, new_id
from federation.store.values import NewSession


def seal(organization: str, code_hash: str, now: datetime) -> Steps[bool]:
    """Keep the hash of a new code, in place of any other; the user is made once."""
    yield sql.LOCK_NAME, {"gate": standing.gate(BREAK_GLASS, organization)}
    found = yield local_sql.FIND_BREAK_GLASS, {"organization_id": organization}
    at = {"user_id": found[0][0] if found else new_id(now), "now": micros(now)}
    if not found:
        yield accounts_sql.ADD_USER, at
    yield local_sql.SEAL_BREAK_GLASS, at | {"organization_id": organization, "code_hash": code_hash}
    return True


def find(organization: str) -> Steps[BreakGlass | None]:
    """One read by key."""
    for user_id, code_hash, sealed_at, *used in (
        yield (
            local_sql.FIND_BREAK_GLASS,
            {"organization_id": organization},
        )
    ):
        used_at, last_used_at = (None if one is None else rows.moment(one) for one in used)
        return BreakGlass(
            user_id=user_id,
            code_hash=code_hash,
            sealed_at=rows.moment(sealed_at),
            used_at=used_at,
            last_used_at=last_used_at,
        )
    return None


def open_session(
    organization: str, code_hash: str, role: str, new: NewSession, now: datetime
) -> Steps[Session | None]:
    """Use the code up and open its session, with its record; one transaction."""
    asked = {"organization_id": organization, "code_hash": code_hash, "now": micros(now)}
    found = yield local_sql.USE_BREAK_GLASS, asked
    if not found:
        return None
    session = Session(
        id=new_id(now),
        user=User(id=found[0][0], email="", given_name="", family_name="", display_name="Break-glass"),
        connection=BREAK_GLASS,
        organization=organization,
        groups=(),
        grants=(Grant(role, BREAK_GLASS, BREAK_GLASS),),
        attributes={},
        authenticated_at=now,
        created_at=now,
        expires_at=new.absolute_end,
        idle_at=min(now + timedelta(seconds=new.idle), new.absolute_end),
        reference=new.record.reference,
        user_agent=new.user_agent,
        proved_at=now,
    )
    place = {"organization_id": organization, "user_id": session.user.id, "connection": BREAK_GLASS}
    yield verbs.added(session, {**place, "person": None}, new, None)
    if new.ended_token_hash:
        yield sql.END_SESSION, {"token_hash": new.ended_token_hash, "now": micros(now)}
    yield from records.keep_record(new.record, claim=None, sealing=None)
    return session
