"""Re-reads: who is to be asked about between two sign-ins, and when.

Each is a row of its own, made by a sign-in through a connection whose provider can be asked
again; whoever asks takes it first. What comes of it stands in ``resettling``.
"""

import json
from datetime import datetime

from federation.identity import Session, Subject
from federation.store import rereads_sql, rows, tokens
from federation.store.rows import Ask, Row, Steps, micros
from federation.store.values import DueReread, Rereadable


def scheduled(session: Session, person: str, due_at: datetime) -> Ask:
    """Return the statement by which a sign-in says when the provider is asked again."""
    place = {"organization_id": session.organization, "person": person, "connection": session.connection}
    return rereads_sql.SCHEDULE_REREAD, place | {"due_at": micros(due_at)}


def due(connection: str, organization: str, now: datetime, batch: int) -> Steps[tuple[DueReread, ...]]:
    """One read by index, the longest due first."""
    found = yield (
        rereads_sql.FIND_DUE_REREADS,
        {
            "connection": connection,
            "organization_id": organization,
            "now": micros(now),
            "batch": batch,
        },
    )
    return tuple(
        DueReread(organization=one[0], person=one[1], connection=one[2], due_at=rows.moment(one[3]))
        for one in found
    )


def take(found: DueReread, until: datetime, now: datetime) -> Steps[Rereadable | None]:
    """One UPDATE decides; who has no live session any more is not asked about again."""
    asked = {**place_of(found), "seen": micros(found.due_at), "until": micros(until), "now": micros(now)}
    if not (yield rereads_sql.TAKE_REREAD, asked):
        return None
    rows_found = yield rereads_sql.FIND_REREADABLE, asked
    person = _rereadable(found, rows_found[0]) if rows_found else None
    if person is None:
        yield rereads_sql.DROP_REREAD, asked
    return person


def put_off(found: DueReread, due_at: datetime) -> Steps[None]:
    """Say when to ask again."""
    yield rereads_sql.PUT_OFF_REREAD, {**place_of(found), "due_at": micros(due_at)}


def _rereadable(found: DueReread, row: Row) -> Rereadable | None:
    user_id, subject_key, email, proven, data, *kept = row
    issuer, named, qualifier, sp_qualifier, value = json.loads(subject_key)
    subject = Subject(
        issuer=issuer, value=value, format=named, name_qualifier=qualifier, sp_name_qualifier=sp_qualifier
    )
    if subject.person != found.person:  # one that no database could hold as it was sent
        return None
    said = json.loads(data)
    acr, amr = said.get("proof", ("", ()))
    return Rereadable(
        due=found,
        user_id=user_id,
        subject=subject,
        email=email,
        email_proven=bool(proven),
        attributes={name: tuple(values) for name, values in said["attributes"].items()},
        groups=tuple(said["groups"]),
        acr=acr,
        amr=tuple(amr),
        tokens=tokens.kept(kept) if kept[3] is not None else None,
    )


def place_of(found: DueReread) -> dict[str, object]:
    """Return the columns that name it."""
    return {
        "organization_id": found.organization,
        "person": found.person,
        "connection": found.connection,
    }
