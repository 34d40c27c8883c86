"""Erasing a person, and telling all that is kept of them: in one organization, and of it alone.

What another organization keeps of the same Subject or user is not touched, nor read. A Subject
that was parted from one user and came to another (``accounts.detach``) has the records of both:
each is asked for its own span of time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation.store import (
    audit_sql,
    endings,
    erasure_sql,
    messages_sql,
    provisioning_clearing,
    provisioning_clearing_sql,
    record_pages,
    rows,
)
from federation.store.people_values import Erased, PersonData, PersonFound
from federation.store.rows import Steps, storable
from federation.store.values import ERASED, Record

_EVER: Final = 2**62  # microseconds
_EXPORTS: Final = {
    "accounts": (erasure_sql.EXPORT_ACCOUNTS, (
        "person", "subject", "connection", "email", "email_proven", "given_name", "family_name",
        "display_name", "created_at", "signed_in_at", "released_at",
    )),
    "memberships": (erasure_sql.EXPORT_MEMBERSHIPS, ("source", "created_at")),
    "grants": (erasure_sql.EXPORT_GRANTS, ("role", "source", "why", "granted_at")),
    "teams": (erasure_sql.EXPORT_TEAMS, ("team", "source", "why", "joined_at")),
    "deactivations": (erasure_sql.EXPORT_DEACTIVATIONS, ("source", "organization", "deactivated_at")),
    "sessions": (erasure_sql.EXPORT_SESSIONS, (
        "id", "connection", "data", "authenticated_at", "created_at", "last_seen_at", "idle_at",
        "expires_at", "ended_at",
    )),
    "awaited": (erasure_sql.EXPORT_PROVISIONED, ("source", "connection", "email", "created_at")),
    "provisioned": (provisioning_clearing_sql.EXPORT_RESOURCES, (
        "id", "connection", "user_name", "external_id", "display_name", "email", "active", "body",
        "created_at", "changed_at",
    )),
    "provisioned_groups": (provisioning_clearing_sql.EXPORT_GROUPS, ("connection", "id", "display_name")),
    "invitations": (erasure_sql.EXPORT_INVITATIONS, (
        "id", "email", "roles", "teams", "created_at", "expires_at", "used_at",
    )),
    "local_accounts": (erasure_sql.EXPORT_LOCAL_ACCOUNTS, (
        "id", "connection", "email", "display_name", "password_at", "created_at",
    )),
    "audit": (audit_sql.EXPORT_AUDIT, (
        "changed_at", "actor_kind", "actor", "action", "kind", "object", "about", "personal", "address",
    )),
    "join_requests": (erasure_sql.EXPORT_JOIN_REQUESTS, (
        "person", "connection", "subject", "email", "created_at", "expires_at", "used_at",
    )),
}  # fmt: skip
_JSON: Final = frozenset({"data", "body", "roles", "teams", "subject", "personal"})
_UNDER_WAY: Final = {  # what goes, by its word in the answer
    "grants": erasure_sql.DROP_GRANTS,
    "teams": erasure_sql.DROP_TEAM_MEMBERSHIPS,
    "memberships": erasure_sql.DROP_MEMBERSHIPS,
    "invitations": erasure_sql.DROP_INVITATIONS,
    "join_requests": erasure_sql.DROP_JOIN_REQUESTS,
    "rereads": erasure_sql.DROP_REREADS,
    "local_accounts": erasure_sql.DROP_LOCAL_ACCOUNTS,  # reads the next one
    "awaited": erasure_sql.DROP_PROVISIONED_USERS,
    "deactivations": erasure_sql.DROP_DEACTIVATIONS,
}


@dataclass(frozen=True, kw_only=True)
class _Span:
    """A Subject, and from when until when it was this user's; microseconds."""

    person: str
    since: int
    until: int


def find(who: str, organization: str) -> Steps[tuple[PersonFound, ...]]:
    """Whoever has this address, user id or ``Subject.person``, each once."""
    told = storable(who)
    asked = {"organization_id": organization, "email_key": told.lower(), "user_id": told}
    found: dict[str, str] = {}
    for user_id, email in (yield erasure_sql.FIND_PERSONS, asked):
        found[user_id] = found.get(user_id) or email
    return tuple(PersonFound(user_id=one, email=email) for one, email in sorted(found.items()))


def _known(user_id: str, organization: str) -> Steps[tuple[dict[str, object], tuple[_Span, ...]]]:
    """Return what names this person in other rows, and the spans of their records."""
    place: dict[str, object] = {"organization_id": organization, "user_id": user_id}
    accounts = yield erasure_sql.ACCOUNTS_OF_USER, place
    spans = []
    for person, released_at, *_ in accounts:
        base, _, detached = str(person).partition("/")
        until = released_at if detached else _EVER
        others = yield erasure_sql.ACCOUNTS_OF_SUBJECT, {**place, "person": base}
        ends = [at for other, at in others if "/" in other and at < until]
        spans.append(_Span(person=base, since=max(ends, default=-1), until=until))
    names = {
        "emails": json.dumps(sorted({one[2] for one in accounts if one[2]})),
        "persons": json.dumps(sorted({one[0] for one in accounts if "/" not in one[0]})),
        "subjects": json.dumps([json.loads(one[3])[-1] for one in accounts if "/" not in one[0]]),
    }
    return {**place, **names}, tuple(spans)


def export(user_id: str, organization: str) -> Steps[PersonData]:
    """Read all of it; records stay sealed."""
    asked, spans = yield from _known(user_id, organization)
    told: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for name, (statement, columns) in _EXPORTS.items():
        told[name] = tuple(_row(columns, one) for one in (yield statement, asked))
    records: dict[str, Record] = {}
    for span in spans:
        for record in (yield from record_pages.of_person(span.person, organization)):
            if span.since < rows.micros(record.at) <= span.until:
                records[record.reference] = record
    return PersonData(tables=told, records=tuple(records.values()))


def _row(columns: tuple[str, ...], row: rows.Row) -> Mapping[str, Any]:
    return {name: _value(name, value) for name, value in zip(columns, row, strict=True)}


def _value(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        return rows.moment(value).isoformat() if value else None
    return json.loads(value) if value and name in _JSON else value


def erase(
    user_id: str,
    organization: str,
    administrators: endings.Administrators,
    *,
    force: bool,
) -> Steps[tuple[Erased, endings.Hashes]]:
    """Delete all of it; return what went, and the token hashes of the sessions.

    The accounts go first: a sign-in under way is waited for, and one that waits makes a new user.
    """
    last = yield from endings.last_in(user_id, (organization,), administrators)
    if last and not force:
        return Erased(counts={}, user=False, last_administrator=True), ()
    provisioned = yield from provisioning_clearing.person(user_id, organization)
    asked, spans = yield from _known(user_id, organization)
    counts = {"accounts": len((yield erasure_sql.DROP_ACCOUNTS, asked))}
    ended = tuple(token_hash for (token_hash,) in (yield erasure_sql.DROP_SESSIONS, asked))
    counts["sessions"] = len(ended)
    for name, statement in _UNDER_WAY.items():
        counts[name] = len((yield statement, asked))
    counts |= {"provisioned": provisioned, "records": 0, "keys": 0}
    for span in spans:
        told = {**asked, "person": span.person, "since": span.since, "until": span.until, "erased": ERASED}
        counts["records"] += len((yield erasure_sql.EMPTY_RECORDS, told))
        yield messages_sql.DROP_MESSAGES, told
        counts["keys"] += len((yield erasure_sql.DROP_PERSON_KEYS, told))
    yield erasure_sql.DROP_DEACTIVATIONS_ANYWHERE, asked
    gone = yield erasure_sql.DROP_USER_OF_NOBODY, asked
    about = yield audit_sql.ERASE_AUDIT_ABOUT, asked
    by = yield audit_sql.ERASE_AUDIT_BY, asked
    anywhere = (yield audit_sql.ERASE_AUDIT_ANYWHERE, asked) if gone else ()
    counts["audit"] = len(about) + len(by) + len(anywhere)
    return Erased(counts=counts, user=bool(gone), last_administrator=bool(last)), ended
