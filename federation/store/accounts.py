"""Accounts: whose user a Subject is in an organization, and how an operator lets it go.

Beside a Subject that an identity provider may give to another person, of each kind of stable id
the one seen first stays, as hashes. Ids of two kinds are never compared. One that is not sent
refuses nobody and is not forgotten: when its kind comes again, it is compared again, and
meanwhile the first one of every other kind stands beside it.
"""

from collections.abc import Sequence
from datetime import datetime

from federation.errors import Check, PolicyRefused
from federation.identity import Decision, Identity
from federation.store import rows, sql
from federation.store.rows import Ask, Row, Steps, micros, new_id, storable
from federation.store.values import Released


def known(decision: Decision, now: datetime) -> Ask:
    """Return the statement that finds this Subject's account, and renews it: see ``enter``."""
    return sql.UPDATE_ACCOUNT, _account(decision, now)


def enter(decision: Decision, found: Sequence[Row], now: datetime) -> Steps[str]:
    """Return the user of this Subject in this organization, made if they are new.

    Args:
        decision: Whom to let in.
        found: What ``known`` was answered.
        now: UTC.

    Raises:
        PolicyRefused: ``identity.subject_recycled``.
    """
    _, stable_id = _stable_id(decision.identity)
    for user_id, kept in found:
        _same_person(decision, stable_id, kept)
        return str(user_id)
    fresh = {"user_id": new_id(now), "now": micros(now)}
    _, ((user_id, kept),) = yield (
        (sql.ADD_USER, fresh),
        (sql.ADD_ACCOUNT, _account(decision, now) | fresh),
    )
    _same_person(decision, stable_id, kept)
    if user_id != fresh["user_id"]:  # another sign-in of theirs was first
        yield sql.DROP_USER, fresh
    return str(user_id)


def _account(decision: Decision, now: datetime) -> dict[str, object]:
    who = decision.identity
    key = who.subject.key
    kind, stable_id = _stable_id(who)
    return {
        "organization_id": who.organization,
        "person": who.subject.person,
        "subject_key": storable(key),
        "any_of_kind": f"%{kind}%",
        "stable_id": stable_id,
        "connection": who.connection,
        "email": storable(who.email),
        "given_name": storable(who.given_name),
        "family_name": storable(who.family_name),
        "display_name": storable(who.display_name),
        "now": micros(now),
    }


def _stable_id(who: Identity) -> tuple[str, str]:
    """Return kind and entry as an account keeps them; both empty where there is none.

    An entry is two digests: of the kind, and of all that the id belongs to, so that one id in
    two accounts looks different.
    """
    told = who.stable_id
    if told is None:
        return "", ""
    kind = f"{rows.digest(told.kind).hex()}:"
    value = rows.digest(who.organization, who.subject.key, told.kind, told.value).hex()
    return kind, f"{kind}{value};"


def _same_person(decision: Decision, stable_id: str, kept: str) -> None:
    """Another id of the same kind is another person, whom a recycled address or name has come to."""
    if stable_id not in kept:
        said = "this subject came with another stable id before: its address or name was given to another"
        check = Check("identity.subject_recycled", said)
        raise PolicyRefused("identity.subject_recycled", said, (*decision.checks, check))


def forget_stable_ids(
    organization: str, person: str, *, refused_at: datetime, now: datetime
) -> Steps[Released | None]:
    """One UPDATE decides."""
    found = yield sql.FORGET_STABLE_IDS, _whose(organization, person, refused_at, now)
    return Released(user_id=found[0][0], email=found[0][1]) if found else None


def detach(
    organization: str, person: str, *, refused_at: datetime, now: datetime
) -> Steps[tuple[Released, tuple[bytes, ...]] | None]:
    """One UPDATE decides; return the token hashes of the live sessions, too.

    A sign-in of theirs under way holds the account until its session is there to be ended, or
    waits for this and makes a user of its own.
    """
    whose = _whose(organization, person, refused_at, now)
    # Of no Subject any more: a person is 64 hexadecimal digits and nothing behind them.
    found = yield sql.DETACH_ACCOUNT, {**whose, "detached": f"{person}/{new_id(now)}"}
    if not found:
        return None
    user_id, email = found[0]
    theirs = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    ended = tuple(token_hash for (token_hash,) in (yield sql.END_SESSIONS_OF, theirs))
    return Released(user_id=user_id, email=email, sessions=len(ended)), ended


def _whose(organization: str, person: str, refused_at: datetime, now: datetime) -> dict[str, object]:
    return {
        "organization_id": organization,
        "person": person,
        "refused_at": micros(refused_at),
        "now": micros(now),
    }
