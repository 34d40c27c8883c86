"""Resettling: a re-read decided as a sign-in is, while the account is locked, with no session opened.

Written in the same transaction: grants, teams, profile, and what live sessions say. Who is
refused loses the sessions of the connection that refused, and the record says why.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from federation.decision import Decision, Link, Outcome, Profile, Settled, Standing, of_connection
from federation.errors import Check, PolicyRefused
from federation.identity import Presence
from federation.store import (
    endings,
    endings_sql,
    provisioning_meeting,
    records,
    rereads,
    rereads_sql,
    standing,
    standing_sql,
)
from federation.store.rows import Row, Steps, micros
from federation.store.standing import Known
from federation.store.values import DueReread, Record, Sealing


def resettle(decision: Decision, record: Record, sealing: Sealing, now: datetime) -> Steps[bool]:
    """Carry out what a re-read decides; return whether anything changed, which is recorded then.

    Raises:
        PolicyRefused: Whatever policy says; ``policy.not_a_member``. Nothing is changed.
    """
    who = decision.identity
    place = {"organization_id": who.organization, "person": who.subject.person, "now": micros(now)}
    *_, kept_teams, found = yield (
        endings.gate(who.connection),
        standing.teams_kept(who.organization),
        (rereads_sql.LOCK_ACCOUNT, place),
    )
    if not found:
        raise _refused(decision, "policy.not_a_member", "this account is gone")
    known = yield from provisioning_meeting.known(decision, _known(found[0]), now)
    stands, outcome = yield from standing.settle(
        decision, known, now, has_teams=bool(kept_teams), bootstrap=""
    )
    if not stands.memberships:
        raise _refused(decision, "policy.not_a_member", "this user is no member of the organization any more")
    asked = tuple(standing.changes(decision, stands, outcome, now))
    if asked:
        yield asked
    told = yield from _tell(decision, stands, outcome, now)
    if not asked and not told:
        return False
    settled = Settled(
        link=Link(user_id=stands.user_id, how="subject"), standing=stands, outcome=outcome, session_id=""
    )
    bound = replace(sealing, seal=lambda wrapped, _: sealing.seal(wrapped, settled))
    yield from records.keep_record(record, claim=None, sealing=bound)
    return True


def end_refused(
    found: DueReread,
    record: Record,
    sealing: Sealing | None,
    now: datetime,
    *,
    taking: endings.Administrators | None,
) -> Steps[tuple[bytes, ...]]:
    """End the sessions of an account through this connection, and record why; return their token hashes.

    With ``taking``, what the connection gave goes too, and sessions by other ways say so.
    """
    place = rereads.place_of(found)
    account = yield rereads_sql.LOCK_ACCOUNT, place
    ended = yield endings_sql.END_SESSIONS_OF_THROUGH, {**place, "now": micros(now)}
    yield rereads_sql.DROP_REREAD, place
    if taking is not None and account:
        source = of_connection(found.connection)
        yield from endings.take_back(account[0][0], found.organization, source, taking, now)
    yield from records.keep_record(record, claim=None, sealing=sealing)
    return tuple(token_hash for (token_hash,) in ended)


def _tell(decision: Decision, stands: Standing, outcome: Outcome, now: datetime) -> Steps[bool]:
    """Have every live session of the person say what is so now; return whether one said otherwise."""
    place = {
        "organization_id": decision.identity.organization,
        "user_id": stands.user_id,
        "now": micros(now),
    }
    changed = False
    who = decision.identity
    for token_hash, connection, person, data in (yield rereads_sql.FIND_SNAPSHOTS, place):
        before = json.loads(data)
        own = connection == who.connection and person in (who.subject.person, None)
        after = retold(before, decision, outcome, own=own)
        if after != before:
            changed = True
            snapshot = json.dumps(after, separators=(",", ":"))
            yield standing_sql.UPDATE_SNAPSHOT, {"token_hash": token_hash, "data": snapshot}
    return changed


def retold(before: Mapping[str, Any], decision: Decision, outcome: Outcome, *, own: bool) -> dict[str, Any]:
    """Return what a session says after a re-read; of another account's only roles and teams change.

    System roles are of the sign-in that gave them. An own session keeps those that the groups still
    give, or, where they could not be had, all; it gets none, because one that was opened before 0004
    counts as own at its connection, and its account may be another one.
    """
    groups = decision.identity.groups
    unknown = groups.presence is Presence.UNOBTAINABLE
    now = [[grant.role, grant.source, grant.why] for grant in outcome.grants]
    said = [one for one, grant in zip(now, outcome.grants, strict=True) if not grant.is_system]
    system = [list(one) for one in before["grants"] if one[1].startswith("system:")]
    said += [one for one in system if not own or unknown or one in now]
    after = {**before, "grants": said, "teams": list(outcome.teams)}
    if own:
        profile = outcome.profile
        after["user"] = [
            before["user"][0], profile.email, profile.given_name, profile.family_name, profile.display_name,
        ]  # fmt: skip
        after["groups"] = before["groups"] if unknown else list(groups.names)
    return after


def _known(row: Row) -> Known:
    user_id, email, proven, given_name, family_name, display_name = row
    return Known(
        user_id=str(user_id),
        how="subject",
        signed_in_before=True,
        profile=Profile(
            email=email,
            email_proven=bool(proven),
            given_name=given_name,
            family_name=family_name,
            display_name=display_name,
        ),
    )


def _refused(decision: Decision, code: str, said: str) -> PolicyRefused:
    return PolicyRefused(code, said, (*decision.checks, Check(code, said)))
