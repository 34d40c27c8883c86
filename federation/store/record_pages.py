"""Decision records read again: a page of them, those to try a policy on, and the policy in force.

Every verb looks at a bounded number of rows, whatever it is asked to find among them: a page may
be short, or empty, and still lead on to the next one.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from federation.decision import Decision, Profile, Standing
from federation.store import provisioning_spreading_sql, records_sql, rows, standing
from federation.store.rows import Ask, Row, Steps, micros, storable
from federation.store.standing import Known
from federation.store.values import Admitted, Cursor, PolicyInForce, Record, RecordFilter, RecordPage

LOOKED_AT = 500  # rows of one page
OF_PERSON = 1000  # records of one person that are told
PERSONS = 100  # Subjects of one address or user
_CODE, _CONNECTION, _PERSON = 2, 4, 8  # columns of ``records_sql``


def page(asked: RecordFilter, after: Cursor | None, limit: int, now: datetime) -> Steps[RecordPage]:
    """Read on from a cursor until the page is full, or enough was looked at."""
    narrowed = asked.connection is not None or asked.code is not None
    looked = yield _listed(asked, after, LOOKED_AT if narrowed else limit, now)
    found, further = _pick(asked, looked, limit, whole=LOOKED_AT if narrowed else limit, of_somebody=False)
    return RecordPage(records=found, next=further)


def _listed(asked: RecordFilter, after: Cursor | None, batch: int, now: datetime) -> Ask:
    at, reference = after or (now, "\x7f")  # behind every reference: those are ASCII
    values: dict[str, object] = {"since": micros(asked.since), "at": micros(at), "reference": reference}
    values["batch"] = batch
    every, of_one = records_sql.LIST_EVERY_RECORD, records_sql.LIST_RECORDS
    if asked.persons is not None:
        values["persons"] = json.dumps(asked.persons)
        every, of_one = records_sql.LIST_EVERY_RECORD_OF, records_sql.LIST_RECORDS_OF
    if asked.organization is None:
        return every, values
    return of_one, {**values, "organization_id": asked.organization}


def _pick(
    asked: RecordFilter, looked: Sequence[Row], limit: int, *, whole: int, of_somebody: bool
) -> tuple[tuple[Record, ...], Cursor | None]:
    """Return what is meant, and where the next page begins; ``whole`` rows were asked for."""
    found: list[Record] = []
    for number, row in enumerate(looked, 1):
        # Before it is read: of a thousand most are not meant.
        if asked.means(row[_CONNECTION], row[_CODE]) and (row[_PERSON] or not of_somebody):
            found.append(rows.record(row))
        if len(found) == limit and number < len(looked):
            return tuple(found), _place(row)
    return tuple(found), _place(looked[-1]) if len(looked) == whole else None


def _place(row: Row) -> Cursor:
    return rows.moment(row[1]), row[0]


def signed_in_at(connection: str, organization: str, since: datetime) -> Steps[datetime | None]:
    """Return when somebody last came in by a connection, as far as a page would look."""
    asked = {"connection": storable(connection), "organization_id": organization, "since": micros(since)}
    found = yield records_sql.SIGNED_IN_AT, {**asked, "batch": LOOKED_AT}
    return rows.moment(found[0][0]) if found else None


def admitted(
    asked: RecordFilter, after: Cursor | None, limit: int, now: datetime
) -> Steps[tuple[tuple[Admitted, ...], Cursor | None]]:
    """Read who was admitted: of each person and connection the latest, with the keys that open it."""
    looked = yield _listed(asked, after, LOOKED_AT, now)
    found, further = _pick(asked, looked, limit, whole=LOOKED_AT, of_somebody=True)
    if not found:
        return (), further
    references = json.dumps([one.reference for one in found])
    latest = [rows.record(row) for row in (yield records_sql.LATEST_RECORDS, {"references": references})]
    persons = json.dumps(sorted({one.person for one in latest}))
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for person, wrapped in (yield records_sql.KEYS_OF_PERSONS, {"persons": persons}):
        keys[person].append(wrapped)
    return tuple(Admitted(record=one, keys=tuple(keys[one.person])) for one in latest), further


def stands(decision: Decision) -> Steps[Standing | None]:
    """Read what stands now of the person whom a decision is about, changing nothing."""
    who = decision.identity
    place = {"organization_id": who.organization, "person": who.subject.person}
    account = yield records_sql.ACCOUNT_OF_PERSON, place
    if not account:
        return None
    user_id, joined, email, proven, given_name, family_name, display_name = account[0]
    profile = Profile(
        email=email,
        email_proven=bool(proven),
        given_name=given_name,
        family_name=family_name,
        display_name=display_name,
    )
    known = Known(user_id=str(user_id), how="subject", signed_in_before=not joined, profile=profile)
    found = yield from standing.stands(decision, known, has_teams=True)
    holds = found.members or any(grant.role in decision.administrators for grant in found.grants)
    is_last = bool(holds) and (yield from standing.is_last(decision, known))
    return replace(found, last_administrator=is_last)


def of_person(person: str, organization: str) -> Steps[tuple[Record, ...]]:
    """Every record of one person in one organization, newest first."""
    asked = {"person": person, "organization_id": organization, "batch": OF_PERSON}
    return tuple(map(rows.record, (yield records_sql.RECORDS_OF_PERSON, asked)))


def persons_of(who: str, organization: str | None) -> Steps[tuple[str, ...]]:
    """By an address, where there is an ``@``, in one organization; else by a user's id."""
    place = {"organization_id": organization or "", "batch": PERSONS}
    if "@" not in who:
        found = yield records_sql.PERSONS_OF_USER, {**place, "user_id": storable(who)}
    else:
        found = yield records_sql.PERSONS_OF_ADDRESS, {**place, "email_key": storable(who).lower()}
    return tuple(str(person) for (person,) in found)


def policies() -> Steps[tuple[PolicyInForce, ...]]:
    """The policy of every connection, as the service last saw it."""
    found = yield records_sql.POLICIES_IN_FORCE, {}
    return tuple(
        PolicyInForce(connection=name, digest=digest, policy=policy, since=rows.moment(since))
        for name, digest, policy, since in found
    )


def keep_policy(connection: str, digest: str, policy: str, now: datetime, *, previous: str) -> Steps[bool]:
    """One upsert decides: it is first, or the row is still the one that was compared.

    Of whom the connection's directory speaks, it is decided anew: nobody else takes what it gave them.
    """
    told = {"connection": connection, "digest": digest, "policy": policy, "now": micros(now)}
    if not (yield records_sql.KEEP_POLICY, {**told, "previous": previous}):
        return False
    yield provisioning_spreading_sql.SPREAD_TO_EVERYBODY, told
    return True
