"""Accounts: whose user a Subject is in an organization, and how an operator lets it go.

Beside a Subject that an identity provider may give to another person, of each kind of stable id
the one seen first stays, as hashes. Ids of two kinds are never compared. One that is not sent
refuses nobody and is not forgotten: when its kind comes again, it is compared again, and
meanwhile the first one of every other kind stands beside it.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from federation.decision import Candidates, Decision, Holder, Invited, Link, Profile, Provisioned
from federation.errors import Check, PolicyRefused
from federation.identity import Identity
from federation.store import rows, sql, standing
from federation.store.rows import Ask, Row, Steps, micros, new_id, storable
from federation.store.standing import Known
from federation.store.values import Released


def known(decision: Decision, now: datetime) -> Ask:
    """Return the statement that finds this Subject's account, and locks it: see ``enter``."""
    return sql.UPDATE_ACCOUNT, _account(decision, now)


def enter(
    decision: Decision, found: Sequence[Row], *, invitation: bytes, now: datetime
) -> Steps[tuple[Link, Known]]:
    """Return whose account this Subject has in this organization, made if they are new.

    Args:
        decision: Whom to let in.
        found: What ``known`` was answered.
        invitation: SHA-256 of the token of the invitation link that the browser holds, b"" for none.
        now: UTC.

    Raises:
        PolicyRefused: ``identity.subject_recycled``; what policy says of a new person.
    """
    who = decision.identity
    if not found:
        # Whoever else comes with this address waits here, or has been waited for: then the Subject
        # itself may be known by now.
        yield standing.hold_address(who.organization, who.email.lower() or who.subject.person)
        found = yield known(decision, now)
    if found:
        subject = Link(user_id=found[0][0], how="subject")
        return subject, whose_account(decision, found[0], subject)
    link = decision.link((yield from candidates(decision, invitation, now)))
    return link, (yield from _make(decision, link, now))


def candidates(decision: Decision, invitation: bytes, now: datetime) -> Steps[Candidates]:
    """Read who a person without an account could be; arguments as ``enter``."""
    who = decision.identity
    if not who.email:
        return Candidates()
    asked = {
        "organization_id": who.organization,
        "email_key": who.email.lower(),
        "invitation": invitation,
        "now": micros(now),
    }
    found = yield sql.FIND_CANDIDATES, asked
    return Candidates(
        holders=tuple(
            Holder(user_id=one[1], connection=one[2], proven=bool(one[3]))
            for one in found
            if one[0] == "holder"
        ),
        invited=tuple(
            Invited(
                id=one[1],
                by_link=one[2] == "link",
                roles=tuple(json.loads(one[3])),
                teams=tuple(json.loads(one[4])),
            )
            for one in found
            if one[0] == "invited"
        ),
        provisioned=tuple(
            Provisioned(user_id=one[1], source=one[2], connection=one[3])
            for one in found
            if one[0] == "provisioned"
        ),
    )


def _make(decision: Decision, link: Link, now: datetime) -> Steps[Known]:
    """Make the account, and its user where policy found none."""
    who = decision.identity
    fresh = {"user_id": link.user_id or new_id(now), "now": micros(now)}
    if not link.user_id:
        yield sql.ADD_USER, fresh
    if link.invitation is not None:
        used = yield sql.USE_INVITATION, fresh | {"id": link.invitation.id}
        if not used:
            raise PolicyRefused(*_NOT_INVITED, (*decision.checks, Check(*_NOT_INVITED)))
    if link.how == "provisioned":
        yield sql.DROP_PROVISIONED, fresh | {"organization_id": who.organization}
    (row,) = yield (
        sql.ADD_ACCOUNT,
        _account(decision, now) | standing.profile_values(profile_of(decision)) | fresh,
    )
    if row[0] != fresh["user_id"] and not link.user_id:  # another sign-in of theirs was first
        yield sql.DROP_USER, fresh
    return whose_account(decision, row, link)


_NOT_INVITED = ("policy.not_invited", "the invitation was used by another sign-in just now")


def profile_of(decision: Decision) -> Profile:
    """Return how the person is described by this sign-in."""
    who = decision.identity
    return Profile(
        email=who.email,
        email_proven=decision.email_proven,
        given_name=who.given_name,
        family_name=who.family_name,
        display_name=who.display_name,
    )


def whose_account(decision: Decision, row: Row, link: Link) -> Known:
    """Return what is known of an account: its row as ``UPDATE_ACCOUNT`` returns it.

    Raises:
        PolicyRefused: ``identity.subject_recycled``.
    """
    user_id, kept, email, proven, given_name, family_name, display_name = row
    _same_person(decision, stable_id_of(decision.identity)[1], kept)
    return Known(
        user_id=str(user_id),
        how=link.how,
        signed_in_before=link.how == "subject",
        profile=Profile(
            email=email,
            email_proven=bool(proven),
            given_name=given_name,
            family_name=family_name,
            display_name=display_name,
        ),
        invited=link.invitation,
    )


def _account(decision: Decision, now: datetime) -> dict[str, object]:
    who = decision.identity
    kind, stable_id = stable_id_of(who)
    return {
        "organization_id": who.organization,
        "person": who.subject.person,
        "subject_key": storable(who.subject.key),
        "any_of_kind": f"%{kind}%",
        "stable_id": stable_id,
        "connection": who.connection,
        "now": micros(now),
    }


def stable_id_of(who: Identity) -> tuple[str, str]:
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
