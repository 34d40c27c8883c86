"""Teams of the store, and what an operator gives somebody by hand: roles, and places in teams.

What changes access is retold to the live sessions of whomever it concerns in the same
transaction. It takes the connections' locks first, as who switches one off does: a sign-in under way
is waited for, and its session retold, or waits, and reads what was written. Nothing is taken
from a source that is not ``manual``, but by letting go of what gave it: a team, or a link.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from federation.decision import MANUAL, of_group
from federation.errors import PolicyRefused
from federation.store import endings, endings_sql, rows, sql, standing, standing_sql, teams_sql
from federation.store.people_values import AccountOf, Changed, KeptTeam, LinkedGroup, PersonOf, Terms
from federation.store.rows import Ask, Steps, micros, storable


def every(organization: str) -> Steps[tuple[KeptTeam, ...]]:
    """Every team that has rows; a declared one that anybody is in has only its number of members."""
    found = yield teams_sql.FIND_TEAMS_OF, {"organization_id": organization}
    groups: defaultdict[str, list[LinkedGroup]] = defaultdict(list)
    roles: defaultdict[str, list[str]] = defaultdict(list)
    members: dict[str, int] = {}
    named: dict[str, tuple[str, str]] = {}
    for kind, key, first, second, number in found:
        match kind:
            case "group":
                groups[key].append(LinkedGroup(group=first, connection=second))
            case "role":
                roles[key].append(first)
            case "members":
                members[key] = number
            case _:
                named[key] = first, second
    return tuple(
        KeptTeam(
            key=key,
            name=named.get(key, ("", ""))[0],
            source=named.get(key, ("", ""))[1],
            groups=tuple(sorted(groups[key], key=lambda one: (one.group, one.connection))),
            roles=tuple(sorted(roles[key])),
            members=members.get(key, 0),
        )
        for key in sorted({*named, *members})
    )


def add(organization: str, key: str, name: str, now: datetime) -> Steps[bool]:
    """One INSERT decides."""
    told = {"organization_id": organization, "key": key, "name": storable(name)}
    return bool((yield standing_sql.MAKE_TEAM, {**told, "source": MANUAL, "now": micros(now)}))


def rename(organization: str, key: str, name: str) -> Steps[bool]:
    """The key stays."""
    told = {"organization_id": organization, "key": storable(key), "name": storable(name)}
    return bool((yield teams_sql.RENAME_TEAM, told))


def remove(organization: str, key: str, terms: Terms, now: datetime) -> Steps[int | None]:
    """With whoever is in it, whatever put them there."""
    yield from _hold(terms)
    place = {"organization_id": organization, "key": storable(key)}
    before = yield from _administrators(organization, terms)
    if not (yield teams_sql.DROP_TEAM, place):
        return None
    # A declared team of this key keeps its members: what goes is what it hid.
    left = () if key in terms.declared else _users((yield teams_sql.EMPTY_TEAM, place))
    yield from _somebody_left(organization, terms, before)
    yield from _tell(organization, left, terms, now)
    return len(left)


def link(organization: str, key: str, group: str, connection: str) -> Steps[bool]:
    """Whoever is in the group joins with their next sign-in."""
    told = {"organization_id": organization, "key": storable(key)}
    if not (yield teams_sql.FIND_TEAM, told):
        return False
    yield standing_sql.LINK_TEAM, {**told, "group_key": storable(group), "connection": connection}
    return True


def unlink(
    organization: str, key: str, group: str, connection: str, terms: Terms, now: datetime
) -> Steps[int | None]:
    """Whom the group alone put there leaves at once."""
    yield from _hold(terms)
    before = yield from _administrators(organization, terms)
    told = {"organization_id": organization, "key": storable(key), "group_key": storable(group)}
    if not (yield teams_sql.UNLINK_TEAM, {**told, "connection": connection}):
        return None
    left = _users((yield teams_sql.LEAVE_UNLINKED, {**told, "why": storable(of_group(group))}))
    yield from _somebody_left(organization, terms, before)
    yield from _tell(organization, left, terms, now)
    return len(left)


def set_role(
    organization: str, key: str, role: str, terms: Terms, now: datetime, *, give: bool
) -> Steps[bool | None]:
    """Retold to every member who is signed in."""
    yield from _hold(terms)
    told = {"organization_id": organization, "key": storable(key), "role": storable(role)}
    if not (yield teams_sql.FIND_TEAM, told):
        return None
    before = yield from _administrators(organization, terms)
    changed = bool((yield teams_sql.GIVE_TEAM_ROLE if give else teams_sql.TAKE_TEAM_ROLE, told))
    yield from _somebody_left(organization, terms, before)
    if changed:
        live = _users((yield teams_sql.LIVE_MEMBERS, {**told, "now": micros(now)}))
        yield from _tell(organization, live, terms, now)
    return changed


def set_member(
    organization: str, user_id: str, key: str, terms: Terms, now: datetime, *, member: bool
) -> Steps[Changed | None]:
    """The manual row alone: what connections and others say stays."""
    yield from _hold(terms)
    yield _user(user_id)
    place = {"organization_id": organization, "user_id": user_id, "key": storable(key)}
    if key not in terms.declared and not (yield teams_sql.FIND_TEAM, place):
        return None
    before = yield from _administrators(organization, terms)
    sources = {
        one.source for one in (yield from standing.of(organization, user_id)).members if one.key == key
    }
    if member:
        yield standing_sql.JOIN_TEAM, {**place, "source": MANUAL, "why": MANUAL, "now": micros(now)}
    else:
        yield standing_sql.LEAVE_TEAM, {**place, "source": MANUAL}
    yield from _somebody_left(organization, terms, before)
    yield from _tell(organization, (user_id,), terms, now)
    return Changed(changed=(MANUAL in sources) is not member, others=tuple(sorted(sources - {MANUAL})))


def set_grant(
    organization: str, user_id: str, role: str, terms: Terms, now: datetime, *, give: bool
) -> Steps[Changed]:
    """The manual grant alone: what connections, teams and others give stays."""
    yield from _hold(terms)
    yield _user(user_id)
    before = yield from _administrators(organization, terms)
    stands = yield from standing.of(organization, user_id)
    sources = {one.source for one in terms.tell(stands).grants if one.role == role}
    place = {"organization_id": organization, "user_id": user_id, "source": MANUAL, "role": storable(role)}
    if give:
        if MANUAL not in sources:
            yield standing_sql.ADD_GRANT, {**place, "why": MANUAL, "now": micros(now)}
    else:
        for one in stands.grants:
            if (one.source, one.role) == (MANUAL, role):
                yield standing_sql.DROP_GRANT, {**place, "why": one.why}
    yield from _somebody_left(organization, terms, before)
    yield from _tell(organization, (user_id,), terms, now)
    return Changed(changed=(MANUAL in sources) is not give, others=tuple(sorted(sources - {MANUAL})))


def people(who: str, organization: str, now: datetime) -> Steps[tuple[PersonOf, ...]]:
    """All that is known of whoever has an address or is a user, one for each organization."""
    found = yield from endings.find_users(who, organization)
    told = []
    for one in {(one.organization, one.user_id): one for one in found}.values():
        known = yield from person(one.organization, one.user_id, one.email, now)
        told.append(known)
    return tuple(told)


def person(organization: str, user_id: str, email: str, now: datetime) -> Steps[PersonOf]:
    """All that is known of a user in one organization, whether or not they have come."""
    place = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    accounts = yield teams_sql.FIND_ACCOUNTS_OF, place
    stands = yield from standing.of(organization, user_id)
    sessions = yield sql.FIND_SESSIONS_OF, place
    return PersonOf(
        organization=organization,
        user_id=user_id,
        email=email,
        accounts=tuple(
            AccountOf(
                connection=row[0],
                email=row[1],
                display_name=row[2],
                created_at=rows.moment(row[3]),
                signed_in_at=rows.moment(row[4]),
            )
            for row in accounts
        ),
        standing=stands,
        sessions=tuple(map(rows.session, sessions)),
    )


def _hold(terms: Terms) -> Steps[None]:
    """Wait for the sign-ins that are under way, and let none begin that reads what is changed here."""
    for connection in sorted(terms.connections):
        yield sql.LOCK_NAME, {"gate": standing.gate("connection", connection)}


def _user(user_id: str) -> Ask:
    """Return the lock of a user, which who deactivates them takes before that of the administrators, too."""
    return endings_sql.LOCK_USER, {"user_id": user_id}


def _administrators(organization: str, terms: Terms) -> Steps[int]:
    """Count them, where somebody must be left; nobody else takes such a role meanwhile."""
    if terms.force or not terms.administrators:
        return 0
    yield sql.LOCK_NAME, {"gate": standing.gate("administrators", organization)}
    asked = {
        "organization_id": organization,
        "user_id": "",
        "roles": json.dumps(sorted(terms.administrators)),
        "teams": json.dumps(sorted(terms.administrator_teams)),
    }
    ((number,),) = yield standing_sql.OTHER_ADMINISTRATORS, asked
    return int(number)


def _somebody_left(organization: str, terms: Terms, before: int) -> Steps[None]:
    if before and not (yield from _administrators(organization, terms)):
        raise PolicyRefused(
            "policy.last_administrator",
            f"nobody in {organization} would be an administrator; nothing was changed",
        )


def _users(found: Iterable[rows.Row]) -> tuple[str, ...]:
    return tuple(sorted({str(user_id) for (user_id,) in found}))


def _tell(organization: str, users: Iterable[str], terms: Terms, now: datetime) -> Steps[None]:
    for user_id in users:
        stands = yield from standing.of(organization, user_id)
        yield from standing.tell_sessions(organization, user_id, terms.tell(stands), now)
