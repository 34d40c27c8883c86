"""Lists of people, teams and invitations, a page at a time, each read by an index.

Every verb looks at a bounded number of rows: one index leads through the list, what else is asked
for is asked of those that it names. A page that finds few of them is short, and leads on.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from federation.decision import of_connection
from federation.store import directory_sql, invitations, rows, tokens
from federation.store import teams as teams_by_hand
from federation.store.directory_values import (
    MEMBERS_COUNTED,
    MemberListed,
    PeopleCursor,
    PeopleFilter,
    PeoplePage,
    PersonListed,
    Placed,
    RecordLine,
    TeamListed,
)
from federation.store.people_values import Ended, Invitation, LinkedGroup, PersonOf
from federation.store.rows import Row, Steps, micros, storable

LOOKED_AT: Final = 250  # of one page, where several things are asked for
_LAST: Final = "\U0010ffff"  # behind whatever an address or a name goes on with

# By which index a list is read: kind of the cursor → statement.
_LEADS: Final = {
    "name": directory_sql.LIST_BY_NAME,
    "email": directory_sql.LIST_BY_EMAIL,
    "awaited": directory_sql.LIST_AWAITED,
    "deactivated": directory_sql.LIST_DEACTIVATED,
    "team": directory_sql.LIST_BY_TEAM,
    "role": directory_sql.LIST_BY_ROLE,
    "connection": directory_sql.LIST_BY_CONNECTION,
}
_AMONG: Final = {
    "deactivated": directory_sql.AMONG_DEACTIVATED,
    "team": directory_sql.AMONG_TEAM,
    "role": directory_sql.AMONG_ROLE,
    "connection": directory_sql.AMONG_CONNECTION,
}


def people(asked: PeopleFilter, after: PeopleCursor | None, limit: int) -> Steps[PeoplePage]:
    """Read on from a cursor until the page is full, or enough was looked at."""
    narrowing = [kind for kind in _AMONG if _means(asked, kind)]
    leads = _leads(asked, narrowing)
    narrowing = [kind for kind in narrowing if kind not in leads]
    batch = LOOKED_AT if narrowing or "awaited" in leads else limit + 1
    start = leads.index(after[0]) if after and after[0] in leads else 0
    found: dict[str, PersonListed] = {}
    for number, lead in enumerate(leads[start:], start):
        at = after[1:] if after and after[0] == lead else ("", "")
        looked = yield _LEADS[lead], _values(asked) | _after(asked, lead, at) | {"batch": batch}
        meant = yield from _meant(asked, narrowing, [row[2] for row in looked])
        waiting = dict.fromkeys(meant)  # in the order of what was looked at
        about: dict[str, _Known] = {}
        for place, (key, then, user_id) in enumerate(looked):
            if user_id in waiting:  # no more is read of people than the page has room for
                more = list(waiting)[: limit - len(found)]
                about |= yield from _about(asked.organization, more)
                for one in more:
                    del waiting[one]
            known = about.get(user_id)
            if known is not None and _stands(asked, lead, (key, then), known):
                found[user_id] = known.person
            if len(found) == limit and (place + 1 < len(looked) or number + 1 < len(leads)):
                return PeoplePage(people=tuple(found.values()), next=(lead, key, then))
        if len(looked) == batch:
            return PeoplePage(people=tuple(found.values()), next=(lead, looked[-1][0], looked[-1][1]))
    return PeoplePage(people=tuple(found.values()), next=None)


def _means(asked: PeopleFilter, kind: str) -> bool:
    return asked.state == kind if kind == "deactivated" else bool(getattr(asked, kind))


def _leads(asked: PeopleFilter, narrowing: Sequence[str]) -> tuple[str, ...]:
    """Return by which indexes the list is read, one after the other."""
    if asked.state == "awaited":
        return ("awaited",)
    if asked.search:
        return "name", "email"
    return (narrowing[0],) if narrowing else ("email",)


def _after(asked: PeopleFilter, lead: str, at: tuple[str, str]) -> dict[str, object]:
    """Return where to read on: of addresses and names not before what they are to begin with."""
    if lead in ("name", "email"):
        at = max(at, (_first(asked), ""))
    return {"at": at[0], "then": at[1]}


def _first(asked: PeopleFilter) -> str:
    return storable(asked.search.strip().lower())


def _values(asked: PeopleFilter) -> dict[str, object]:
    return {
        "organization_id": asked.organization,
        "beyond": _first(asked) + _LAST,
        "source": of_connection(storable(asked.connection)),
        "role": storable(asked.role),
        "team": storable(asked.team),
    }


def _meant(asked: PeopleFilter, narrowing: Sequence[str], users: list[str]) -> Steps[list[str]]:
    """Return those of these users whom every other filter means, in their order."""
    for kind in narrowing:
        if not users:
            break
        told = yield _AMONG[kind], {**_values(asked), "users": json.dumps(users)}
        among = {user_id for (user_id,) in told}
        users = [one for one in users if one in among]
    return users


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A person in a list, and where the indexes of accounts name them."""

    person: PersonListed
    emails: tuple[tuple[str, str], ...]  # place of each account in the index, as the list reads it
    names: tuple[tuple[str, str], ...]


def _stands(asked: PeopleFilter, lead: str, place: tuple[str, str], known: _Known) -> bool:
    """Tell whether they are listed here: of several accounts once, and not again by their address."""
    first = _first(asked)
    if lead == "awaited":
        is_through = asked.connection in ("", *known.person.connections)
        return is_through and known.person.email.lower().startswith(first)
    if lead not in ("name", "email"):
        return True
    names = [one for one in known.names if one[0].startswith(first)]
    if lead == "name":
        return place == min(names)
    is_first = place == min(one for one in known.emails if one[0].startswith(first))
    return is_first and not (first and names)


def _about(organization: str, users: list[str]) -> Steps[Mapping[str, _Known]]:
    """Read what a list tells of these users; nobody is left out, though nothing is known of them."""
    if not users:
        return {}
    asked = {"organization_id": organization, "users": json.dumps(users)}
    told: defaultdict[str, defaultdict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for kind, user_id, *row in (yield directory_sql.ABOUT_PEOPLE, asked):
        told[user_id][kind].append(row)
    return {user_id: _known(user_id, told[user_id]) for user_id in users}


def _known(user_id: str, told: Mapping[str, Sequence[Row]]) -> _Known:
    accounts = sorted(told.get("account", ()), key=lambda row: -row[5])
    awaited = told.get("awaited", ())
    latest: Row = (accounts or [*awaited, ("", "", "", "", "", 0)])[0]
    person = PersonListed(
        user_id=user_id,
        email=latest[0],
        display_name=latest[1] or f"{latest[2]} {latest[3]}".strip(),
        connections=tuple(sorted({row[4] for row in (accounts or awaited)} - {""})),
        signed_in_at=rows.moment(latest[5]) if latest[5] else None,
        member="member" in told,
        deactivated="deactivated" in told,
    )
    return _Known(
        person=person,
        emails=tuple((row[7], row[6]) for row in accounts if row[7] is not None),
        names=tuple((row[8], row[6]) for row in accounts if row[8] is not None),
    )


def belongs(organization: str, user_id: str) -> Steps[bool]:
    """Tell whether an organization knows a user: by an account, a membership, or as one who is awaited."""
    asked = {"organization_id": organization, "user_id": storable(user_id)}
    return bool((yield directory_sql.FIND_PLACES_OF_USER, asked))


def person(organization: str, user_id: str, now: datetime) -> Steps[tuple[PersonListed, PersonOf]]:
    """What a list tells of one, and all else that is known of them there."""
    listed = (yield from _about(organization, [user_id]))[user_id].person
    return listed, (yield from teams_by_hand.person(organization, user_id, listed.email, now))


def members(
    organization: str, team: str, after: str, limit: int
) -> Steps[tuple[tuple[MemberListed, ...], str]]:
    """Who is in a team, in the order in which they came; where the next page begins, "" at the end."""
    place = {"organization_id": organization, "team": storable(team), "at": after, "batch": limit + 1}
    looked = [row[0] for row in (yield directory_sql.LIST_BY_TEAM, place)]
    users = looked[:limit]
    if not users:
        return (), ""
    about = yield from _about(organization, users)
    by: defaultdict[str, list[Placed]] = defaultdict(list)
    for user_id, source, why in (yield directory_sql.WHY_IN_TEAM, {**place, "users": json.dumps(users)}):
        by[user_id].append(Placed(source=source, why=why))
    listed = tuple(MemberListed(person=about[one].person, by=tuple(by[one])) for one in users)
    return listed, users[-1] if len(looked) > limit else ""


def teams(
    organization: str, after: str, limit: int, wanted: str
) -> Steps[tuple[tuple[TeamListed, ...], str]]:
    """The teams of the store by key; where the next page begins, "" at the end."""
    asked = {"organization_id": organization, "at": storable(after), "batch": limit + 1}
    if wanted:
        looked = yield from _holding(directory_sql.FIND_TEAMS, asked, wanted, (0, 1))
    else:
        looked = yield directory_sql.LIST_TEAMS, asked
    listed = yield from _teams(organization, looked[:limit])
    return listed, looked[limit - 1][0] if len(looked) > limit else ""


def _holding(
    statement: str, asked: Mapping[str, Any], wanted: str, columns: tuple[int, ...]
) -> Steps[Sequence[Row]]:
    """Rows of which one of these columns holds a text in any case; the first column leads on.

    A database may know the case of ASCII alone (SQLite does, PostgreSQL by its locale): what is not, it
    lets be anything, and it is decided here.
    """
    text, found = storable(wanted.lower()), list[Row]()
    pattern = "".join(map(_as_pattern, text))
    asked = {**asked, "wanted": f"%{pattern}%"}
    while len(found) < asked["batch"]:
        looked = yield statement, asked
        found += [row for row in looked if any(text in row[one].lower() for one in columns)]
        if len(looked) < asked["batch"]:
            break
        asked = {**asked, "at": looked[-1][0]}
    return found


def _as_pattern(sign: str) -> str:
    """Return a sign of a pattern; ``!`` is what escapes."""
    if not sign.isascii():
        return "%"
    return f"!{sign}" if sign in "!%_" else sign


def team(organization: str, key: str) -> Steps[TeamListed | None]:
    """One team of the store."""
    asked = {"organization_id": organization, "key": storable(key)}
    found = yield from _teams(organization, (yield directory_sql.DESCRIBE_TEAM, asked))
    return found[0] if found else None


def _teams(organization: str, found: Sequence[Row]) -> Steps[tuple[TeamListed, ...]]:
    if not found:
        return ()
    told: defaultdict[tuple[str, str], list[LinkedGroup | str]] = defaultdict(list)
    asked = {"organization_id": organization, "keys": json.dumps([row[0] for row in found])}
    for kind, key, first, second in (yield directory_sql.ABOUT_TEAMS, asked):
        told[kind, key].append(LinkedGroup(group=first, connection=second) if kind == "group" else first)
    return tuple(
        TeamListed(
            key=key,
            name=name,
            source=source,
            groups=tuple(
                sorted(
                    (one for one in told["group", key] if isinstance(one, LinkedGroup)),
                    key=lambda one: (one.group, one.connection),
                )
            ),
            roles=tuple(sorted(one for one in told["role", key] if isinstance(one, str))),
        )
        for key, name, source in found
    )


def counted(organization: str, keys: Sequence[str]) -> Steps[Mapping[str, int]]:
    """How many are in each team, up to one more than are counted."""
    named = json.dumps([storable(key) for key in keys])
    asked = {"organization_id": organization, "keys": named, "batch": MEMBERS_COUNTED + 1}
    found: dict[str, int] = {row[0]: row[1] for row in (yield directory_sql.COUNT_MEMBERS, asked)}
    return {key: found[storable(key)] for key in keys}


def open_invitations(
    organization: str, after: str, limit: int, now: datetime, wanted: str
) -> Steps[tuple[tuple[Invitation, ...], str]]:
    """Those that may still be used, newest first; where the next page begins, "" at the end."""
    asked = {"organization_id": organization, "at": after or _LAST, "now": micros(now), "batch": limit + 1}
    if wanted:
        looked = yield from _holding(directory_sql.FIND_INVITATIONS, asked, wanted, (2,))
    else:
        looked = yield directory_sql.LIST_INVITATIONS, asked
    listed = tuple(map(invitations.invitation, looked[:limit]))
    return listed, listed[-1].id if len(looked) > limit else ""


def sign_ins_of(organization: str, user_id: str, limit: int) -> Steps[tuple[RecordLine, ...]]:
    """The latest records of a user's own Subjects, newest first."""
    place = {"organization_id": organization, "user_id": user_id}
    found: list[RecordLine] = []
    for (subject,) in (yield directory_sql.PERSONS_OF_USER, place):
        asked = {"person": subject, "organization_id": organization, "batch": limit}
        found += [
            RecordLine(reference=reference, at=rows.moment(at), code=code, connection=connection)
            for reference, at, code, connection in (yield directory_sql.LIST_RECORDS_OF_PERSON, asked)
        ]
    return tuple(sorted(found, key=lambda one: (one.at, one.reference), reverse=True)[:limit])


def note_done() -> Steps[bool]:
    """Change nothing: what was done, the audit log alone is told."""
    yield from ()
    return True


def end_sessions(
    organization: str, user_id: str, session_id: str, now: datetime
) -> Steps[tuple[Ended, tuple[bytes, ...]]]:
    """End one session of somebody in an organization, "" every one; return their token hashes, too."""
    asked = {
        "organization_id": organization,
        "user_id": user_id,
        "session_id": storable(session_id),
        "now": micros(now),
    }
    kept = yield directory_sql.FIND_TOKENS_OF_SESSIONS, asked
    yield directory_sql.DROP_TOKENS_OF_SESSIONS, asked
    ended = tuple(token_hash for (token_hash,) in (yield directory_sql.END_SESSIONS, asked))
    told = Ended(changed=bool(ended), sessions=len(ended), tokens=tuple(map(tokens.kept, kept)))
    return told, ended
