"""Settling: what was decided of a User resource, carried out as a sign-in's would be, without a session.

Written in one transaction, with their accounts locked: what the directory gives, how their accounts at
this connection describe them, and what live sessions say. Nothing of another source is touched.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from federation.decision import Carried, Decision, Profile, of_scim
from federation.provisioned import Due
from federation.store import (
    accounts_sql,
    endings,
    provisioning_owners,
    provisioning_settling_sql,
    provisioning_users_sql,
    rereads_sql,
    rows,
    standing,
    standing_sql,
)
from federation.store import provisioning_rows as kept
from federation.store.endings import Hashes
from federation.store.rows import Steps, micros
from federation.store.standing import Known
from federation.store.values import KeptTokensOf


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What came of it."""

    changed: bool
    ended: Hashes = ()  # of sessions
    tokens: tuple[KeptTokensOf, ...] = ()  # that went with them


def due(connection: str, batch: int, of: tuple[str, ...], user_id: str) -> Steps[tuple[Due, ...]]:
    """The longest first."""
    asked = {"connection": connection, "batch": batch, "ids": json.dumps(of), "user_id": user_id}
    statement = provisioning_settling_sql.FIND_DUE_OF if of else provisioning_settling_sql.FIND_DUE
    if user_id:
        statement = provisioning_settling_sql.FIND_DUE_OF_USER
    return tuple(
        Due(connection=one[0], organization=one[1], id=one[2], number=one[3])
        for one in (yield statement, asked)
    )


def postpone(due: Due, until: datetime) -> Steps[None]:
    """One UPDATE."""
    told = {**kept.place(due.connection, due.id), "number": due.number, "until": micros(until)}
    yield provisioning_settling_sql.POSTPONE, told


def settle(due: Due, decision: Decision | None, refused: str, now: datetime) -> Steps[Settled]:
    """One UPDATE decides who carries it out, of a user who is held."""
    if decision is not None and (due.connection, due.organization) != (
        decision.identity.connection,
        decision.identity.organization,
    ):
        raise ValueError("decided of another connection")
    seen = yield kept.read(provisioning_users_sql.SEE_SCIM_USER, due.connection, due.id)
    if not seen:
        return Settled(changed=False)
    place = {"organization_id": due.organization, "user_id": seen[0][0], "now": micros(now)}
    yield kept.gates(due.connection)
    yield from kept.hold(str(place["user_id"]))
    told = {**kept.place(due.connection, due.id), **place, "number": due.number, "refused": refused}
    if not (yield provisioning_settling_sql.SETTLE_SCIM_USER, told):
        return Settled(changed=False)
    if decision is None:
        return (yield from _take_back(due, place, now))
    return Settled(changed=(yield from _provide(decision, str(place["user_id"]), now)))


def _take_back(due: Due, place: dict[str, object], now: datetime) -> Steps[Settled]:
    source = of_scim(due.connection)
    changed = yield from provisioning_owners.take(place, source)
    if not changed:
        return Settled(changed=False)
    if (yield provisioning_users_sql.FIND_MEMBERSHIP_SOURCES, place):
        yield from endings.tell(place, source)
        return Settled(changed=True)
    ended, tokens = yield from endings.end(str(place["user_id"]), (due.organization,), now)
    return Settled(changed=True, ended=ended, tokens=tokens)


def _provide(decision: Decision, user_id: str, now: datetime) -> Steps[bool]:
    who = decision.identity
    place = {"organization_id": who.organization, "user_id": user_id, "connection": who.connection}
    kept_teams, accounts = yield (
        standing.teams_kept(who.organization),
        (provisioning_settling_sql.FIND_ACCOUNTS_THROUGH, place),
    )
    said = standing.storable_profile(
        Profile(
            email=who.email,
            given_name=who.given_name,
            family_name=who.family_name,
            display_name=who.display_name,
        )
    )
    profiles = {str(one[0]): _profile(one) for one in accounts}
    known = Known(
        user_id=user_id,
        how="provisioned",
        signed_in_before=False,
        profile=next(iter(profiles.values()), said),
        described=said,
    )
    # A directory's word, by the same steps.
    by_directory = replace(decision, settle=decision.provide)
    stands, outcome = yield from standing.settle(
        by_directory, known, now, has_teams=bool(kept_teams), bootstrap=""
    )
    given = replace(outcome, profile=stands.profile)
    asked = list(standing.changes(decision, stands, given, now))
    for person, profile in profiles.items():
        if profile != outcome.profile:
            told = {"organization_id": who.organization, "person": person}
            asked.append((accounts_sql.UPDATE_PROFILE, standing.profile_values(outcome.profile) | told))
    if not asked:
        return False
    yield tuple(asked)
    carried = Carried(grants=outcome.grants, teams=outcome.teams)
    yield from _tell(place, carried, outcome.profile, now)
    return True


def _tell(place: dict[str, str], carried: Carried, profile: Profile, now: datetime) -> Steps[None]:
    """Have every live session of the person say what is so now; those of the connection, who they are too."""
    for token_hash, connection, _, data in (
        yield rereads_sql.FIND_SNAPSHOTS, {**place, "now": micros(now)}
    ):  # fmt: skip
        told = rows.retold(data, carried)
        if connection == place["connection"]:
            told = _renamed(told, profile)
        if told != data:
            yield standing_sql.UPDATE_SNAPSHOT, {"token_hash": token_hash, "data": told}


def _renamed(data: str, profile: Profile) -> str:
    told: dict[str, Any] = json.loads(data)
    told["user"] = [
        told["user"][0], profile.email, profile.given_name, profile.family_name, profile.display_name,
    ]  # fmt: skip
    return json.dumps(told, separators=(",", ":"))


def _profile(row: rows.Row) -> Profile:
    _, email, proven, given_name, family_name, display_name = row
    return Profile(
        email=email,
        email_proven=bool(proven),
        given_name=given_name,
        family_name=family_name,
        display_name=display_name,
    )
