"""Accounts: whose user a Subject is in an organization, and how an operator lets it go.

Beside a Subject that an identity provider may give to another person, of each kind of stable id
the one seen first stays, as hashes. Ids of two kinds are never compared. One that is not sent
refuses nobody and is not forgotten: when its kind comes again, it is compared again, and
meanwhile the first one of every other kind stands beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from federation.decision import Candidates, Decision, Holder, Invited, Link, Profile, Provisioned
from federation.errors import Check, PolicyRefused
from federation.identity import Identity
from federation.store import accounts_sql, endings_sql, provisioning_meeting, rows, sql, standing, tokens
from federation.store.people_values import Released
from federation.store.provisioning_meeting import Met
from federation.store.rows import Ask, Raced, Row, Steps, Together, micros, new_id, storable
from federation.store.standing import Known


def known(decision: Decision, account: Mapping[str, object]) -> tuple[Ask, Ask]:
    """Return the statements that hold the address of a new Subject, and lock the account of a known one.

    ``account`` is what ``columns`` returned. See ``enter``.
    """
    gate = standing.gate_of_address(decision.identity)
    return (sql.LOCK_NAME_OF_NEW, {**account, "gate": gate}), (accounts_sql.UPDATE_ACCOUNT, account)


def enter(
    decision: Decision,
    account: Mapping[str, object],
    told: Sequence[Sequence[Row]],
    *,
    has_teams: bool,
    invitation: bytes,
    beside: Together,
    now: datetime,
) -> Steps[tuple[Link, Known, Sequence[Sequence[Row]]]]:
    """Return whose account this Subject has in this organization.

    That of somebody who becomes a user now is not there yet: ``made`` makes it.

    Args:
        decision: Whom to let in.
        account: What ``columns`` returned.
        told: What ``known`` was answered.
        has_teams: See ``standing.stands``.
        invitation: SHA-256 of the token of the invitation link that the browser holds, b"" for none.
        beside: What else may be asked in one round trip with whatever is asked here.
        now: UTC.

    Returns:
        Who they are, their account, and what ``beside`` was answered: () where it was not asked.

    Raises:
        PolicyRefused: ``identity.subject_recycled``; what policy says of a new person;
            ``policy.deactivated``: what a directory says.
    """
    held, found = told
    if found:
        return *(yield from _by_subject(decision, found[0], now)), ()
    if not held:  # the account was detached just now
        yield sql.LOCK_NAME, {"gate": standing.gate_of_address(decision.identity)}
    # Whoever else comes with this address waits here, or has been waited for: then the Subject itself
    # may be known by now. These see what was committed before the lock was had.
    awaited = provisioning_meeting.sought(decision)
    sought = _sought(decision, account, invitation)
    around = standing.around(decision, has_teams=has_teams)
    found, *told = yield (accounts_sql.UPDATE_ACCOUNT, account), *awaited, *sought, *around, *beside
    answered = [told.pop() for _ in beside][::-1]
    if found:
        return *(yield from _by_subject(decision, found[0], now)), answered
    theirs = provisioning_meeting.met(decision, told.pop(0)) if awaited else None
    candidates = _candidates(told.pop(0)) if sought else Candidates()
    link = decision.link(_met(candidates, theirs))
    if theirs and theirs.is_anothers:
        whose = yield from _apart(decision, account, theirs, now)
        return link, whose, answered
    if theirs:
        yield from provisioning_meeting.hold(decision, theirs, now)
    user_id = link.user_id or new_id(now)
    if link.invitation is not None:
        used = yield accounts_sql.USE_INVITATION, {**account, "id": link.invitation.id, "user_id": user_id}
        if not used:
            raise PolicyRefused(*_NOT_INVITED, (*decision.checks, Check(*_NOT_INVITED)))
    if link.user_id:
        whose = yield from _join(decision, account, link)
        return link, replace(whose, described=theirs.described if theirs else None), answered
    known = Known(
        user_id=user_id,
        how=link.how,
        signed_in_before=False,
        profile=standing.storable_profile(profile_of(decision)),
        invited=link.invitation,
        around=tuple(told),
    )
    return link, known, answered


def candidates(decision: Decision, invitation: bytes, now: datetime) -> Steps[Candidates]:
    """Read who a person without an account could be; arguments as ``enter``."""
    sought = _sought(decision, columns(decision, now), invitation)
    found = _candidates((yield sought[0])) if sought else Candidates()
    awaited = provisioning_meeting.sought(decision)
    theirs = provisioning_meeting.met(decision, (yield awaited[0])) if awaited else None
    return _met(found, theirs)


def _met(found: Candidates, theirs: Met | None) -> Candidates:
    if theirs is None:
        return found
    if theirs.is_anothers:
        return replace(found, resource_of_another=True)
    return replace(found, resource=theirs.user_id)


def _sought(decision: Decision, account: Mapping[str, object], invitation: bytes) -> tuple[Ask, ...]:
    """Return the statement that finds who has the address; without one nobody is like anybody."""
    if not decision.identity.email:
        return ()
    address = {"email_key": decision.identity.email.lower(), "invitation": invitation}
    return ((accounts_sql.FIND_CANDIDATES, {**account, **address}),)


def _by_subject(decision: Decision, row: Row, now: datetime) -> Steps[tuple[Link, Known]]:
    link = Link(user_id=row[0], how="subject")
    whose = whose_account(decision, row, link)
    return link, (yield from provisioning_meeting.known(decision, whose, now))


def _candidates(found: Sequence[Row]) -> Candidates:
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


def _join(decision: Decision, account: Mapping[str, object], link: Link) -> Steps[Known]:
    """Make the account of a user whom policy found."""
    added = {**account, **standing.profile_values(profile_of(decision)), "user_id": link.user_id}
    if link.how == "provisioned":
        yield accounts_sql.DROP_PROVISIONED, added
    (row,) = yield accounts_sql.ADD_ACCOUNT, added
    return whose_account(decision, row, link)


def _apart(decision: Decision, account: Mapping[str, object], theirs: Met, now: datetime) -> Steps[Known]:
    """Make a user of whom the directory speaks from now on, and not of the one whom it spoke of before.

    Raises:
        Raced: The Subject has come meanwhile, or the resource has changed.
    """
    user_id = new_id(now)
    yield accounts_sql.ADD_USER, {**account, "user_id": user_id}
    link = Link(user_id=user_id, how="provisioned")
    whose = yield from _join(decision, account, link)
    if whose.user_id != user_id:
        raise Raced
    yield from provisioning_meeting.move(decision, theirs, user_id, now)
    return replace(whose, described=theirs.described)


def made(account: Mapping[str, object], known: Known, profile: Profile) -> tuple[Ask, ...]:
    """Return the statements that make the user and the account of somebody new; of anybody else none.

    They go with all else that is written; what they are answered goes to ``first``.

    Args:
        account: What ``columns`` returned.
        known: What ``enter`` returned.
        profile: As settled: no statement beside these would find it to change it.
    """
    if known.around is None:
        return ()
    added = {**account, **standing.profile_values(profile), "user_id": known.user_id}
    return (accounts_sql.ADD_USER, added), (accounts_sql.ADD_ACCOUNT, added)


def first(known: Known, told: Sequence[Sequence[Row]]) -> None:
    """Hold what ``made`` was answered.

    Raises:
        Raced: Another sign-in of this Subject, with another address, has made its account meanwhile.
    """
    if known.around is not None and told[1][0][0] != known.user_id:
        raise Raced


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
    user_id, kept, joined, email, proven, given_name, family_name, display_name = row
    _same_person(decision, stable_id_of(decision.identity)[1], kept)
    return Known(
        user_id=str(user_id),
        how=link.how,
        signed_in_before=link.how == "subject" and not joined,
        profile=Profile(
            email=email,
            email_proven=bool(proven),
            given_name=given_name,
            family_name=family_name,
            display_name=display_name,
        ),
        invited=link.invitation,
    )


def columns(decision: Decision, now: datetime) -> Mapping[str, object]:
    """Return by what an account is found, and what else is known of it before it is."""
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
    found = yield accounts_sql.FORGET_STABLE_IDS, _whose(organization, person, refused_at, now)
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
    found = yield accounts_sql.DETACH_ACCOUNT, {**whose, "detached": f"{person}/{new_id(now)}"}
    if not found:
        return None
    user_id, email = found[0]
    theirs = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    kept = tuple(map(tokens.kept, (yield endings_sql.FIND_TOKENS_OF_USER, theirs)))
    yield endings_sql.DROP_TOKENS_OF_USER, theirs
    ended = tuple(token_hash for (token_hash,) in (yield accounts_sql.END_SESSIONS_OF, theirs))
    return Released(user_id=user_id, email=email, sessions=len(ended), tokens=kept), ended


def _whose(organization: str, person: str, refused_at: datetime, now: datetime) -> dict[str, object]:
    return {
        "organization_id": organization,
        "person": person,
        "refused_at": micros(refused_at),
        "now": micros(now),
    }
