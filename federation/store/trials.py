"""Trials of a connection: kept for a day, and what a decision would come to without being carried out."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from federation.decision import Decision, Link, Outcome, Standing, Team
from federation.errors import AssertionRefused, PolicyRefused
from federation.store import accounts, provisioning_meeting, rows, sql, standing, standing_sql, trials_sql
from federation.store.rows import Row, Steps, micros, storable
from federation.store.standing import Known
from federation.store.trials_store import Probed, Trial
from federation.store.values import Claim

_AFTER_ALL = "\x7f"  # behind every id: those are ASCII


def begin(trial: Trial, *, in_force: int) -> Steps[bool]:
    """One INSERT."""
    told = {
        "id": trial.id,
        "organization_id": trial.organization,
        "connection": trial.connection,
        "in_force": in_force,
        "started_by": trial.started_by,
        "started_at": micros(trial.started_at),
        "expires_at": micros(trial.expires_at),
    }
    return bool((yield trials_sql.OPEN_TRIAL, told))


def end(
    trial: Trial, now: datetime, *, code: str, sealed: str, claim: Claim | None, in_force: int
) -> Steps[bool]:
    """The claim first, as a sign-in does; then one UPDATE decides."""
    if claim is not None:
        claim_hash = rows.digest(claim.issuer, claim.id)
        claimed = yield sql.CLAIM_ASSERTION, {"claim_hash": claim_hash, "kept_until": micros(claim.until)}
        if not claimed:
            raise AssertionRefused("signin.replayed", "this assertion has been accepted before")
    at = {"id": trial.id, "now": micros(now)}
    for (number,) in (yield trials_sql.END_TRIAL, {**at, "code": code, "sealed": sealed}):
        if not code and number:
            told = {"connection": trial.connection, "number": number, "in_force": in_force}
            yield trials_sql.NOTE_TRIED, {**told, "now": micros(now)}
        return True
    return False


def find(identifier: str, now: datetime) -> Steps[Trial | None]:
    """One read by primary key."""
    found = yield trials_sql.FIND_TRIAL, {"id": storable(identifier), "now": micros(now)}
    return _trial(found[0]) if found else None


def these(identifiers: Collection[str], now: datetime) -> Steps[Mapping[str, Trial]]:
    """One read by primary keys."""
    asked = {"ids": json.dumps(list(identifiers)), "now": micros(now)}
    return {one.id: one for one in map(_trial, (yield trials_sql.FIND_TRIALS, asked))}


def of(
    connection: str, before: tuple[datetime, str] | None, limit: int, now: datetime
) -> Steps[tuple[Trial, ...]]:
    """Keyset paging, by the index of connection and start."""
    at, identifier = before or (now + timedelta(days=1), _AFTER_ALL)
    asked = {"connection": connection, "now": micros(now), "batch": limit}
    found = yield trials_sql.LIST_TRIALS, {**asked, "before": micros(at), "before_id": identifier}
    return tuple(map(_trial, found))


def _trial(row: Row) -> Trial:
    identifier, organization, connection, number, started_by, started, expires, ended, code, sealed = row
    return Trial(
        id=identifier,
        organization=organization,
        connection=connection,
        number=number,
        started_by=started_by,
        started_at=rows.moment(started),
        expires_at=rows.moment(expires),
        ended_at=None if ended is None else rows.moment(ended),
        code=code,
        sealed=sealed,
    )


def probe(decision: Decision, now: datetime) -> Steps[Probed]:
    """Read what ``open_session`` would read, lock nothing, and write nothing."""
    link, stood, outcome = None, None, None
    try:
        link, known = yield from _who(decision, now)
        stood = yield from _stands(decision, known)
        outcome, stood = yield from _settle(decision, known, stood)
    except PolicyRefused as refusal:
        return Probed(link=link, standing=stood, outcome=None, refusal=refusal)
    return Probed(link=link, standing=stood, outcome=outcome, refusal=None)


def _who(decision: Decision, now: datetime) -> Steps[tuple[Link, Known]]:
    who = decision.identity
    place = {"organization_id": who.organization, "person": who.subject.person}
    found = yield trials_sql.FIND_ACCOUNT, place
    if found:
        user_id, kept, *profile = found[0]
        kind, entry = accounts.stable_id_of(who)
        if kind and kind not in kept:  # a first id of its kind would be kept beside the others
            kept += entry
        subject = Link(user_id=user_id, how="subject")
        whose = accounts.whose_account(decision, (user_id, kept, *profile), subject)
        return subject, (yield from provisioning_meeting.foretold(decision, whose))
    link = decision.link((yield from accounts.candidates(decision, b"", now)))
    return link, Known(
        user_id=link.user_id,
        how=link.how,
        signed_in_before=False,
        profile=accounts.profile_of(decision),
        invited=link.invitation,
    )


def _stands(decision: Decision, known: Known) -> Steps[Standing]:
    who = decision.identity
    stood = yield from standing.stands(decision, known, has_teams=True)
    stood = replace(stood, connection_disabled=False)
    if who.email and who.email.lower() != known.profile.email.lower():
        address = {"organization_id": who.organization, "email_key": who.email.lower()}
        others = yield standing_sql.ADDRESS_HOLDERS, address
        stood = replace(stood, address_taken=any(user_id != known.user_id for (user_id,) in others))
    if known.invited is not None and known.invited.teams:
        theirs = yield from standing.invited_teams(who.organization, known.invited)
        stood = replace(stood, teams={**theirs, **stood.teams})
    return stood


def _settle(decision: Decision, known: Known, stood: Standing) -> Steps[tuple[Outcome, Standing]]:
    outcome = decision.settle(stood)
    if outcome.make:
        ((here,),) = yield standing_sql.COUNT_TEAMS, {"organization_id": decision.identity.organization}
        stood = replace(stood, teams_here=here)
        made: dict[str, Team] = {team.key: team for team in decision.settle(stood).make}
        stood = replace(stood, teams={**stood.teams, **made})
        outcome = decision.settle(stood)
    if outcome.asks_administrators and (yield from standing.is_last(decision, known)):
        stood = replace(stood, last_administrator=True)
        outcome = decision.settle(stood)
    return outcome, stood
