"""Endings: a user deactivated or a member no more, a connection switched off; and back again.

What ends access and what ends the sessions that use it is one transaction. A sign-in under way
holds its account and its connection (``gate``), so that it is either waited for, and its session
ended, or waits, and is refused. What a source took it gives back, and no other does.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from federation.errors import PolicyRefused
from federation.store import accounts_sql, endings_sql, rows, sql, standing, standing_sql, tokens
from federation.store.people_values import Ended, FoundUser, Remaining
from federation.store.rows import Ask, Raced, Row, Steps, micros
from federation.store.values import KeptTokensOf

_EVERYWHERE = ""
Hashes = tuple[bytes, ...]
Gone = tuple[Hashes, tuple[KeptTokensOf, ...]]  # token hashes of sessions that ended, and what they kept


class Administered(Protocol):
    """What makes somebody an administrator, of whom one must be left: the settings' ``Organization``."""

    @property
    def administrators_roles(self) -> frozenset[str]:
        """Roles."""

    @property
    def administrators_teams(self) -> frozenset[str]:
        """Declared teams that give one of these roles, by key."""


Administrators = Mapping[str, Administered]  # by organization


def gate(connection: str) -> Ask:
    """Return the statement by which a sign-in keeps its connection from being switched off meanwhile."""
    return sql.SHARE_NAME, {"gate": standing.gate("connection", connection)}


def deactivate(
    user_id: str,
    organization: str,
    source: str,
    administrators: Administrators,
    now: datetime,
    *,
    force: bool,
) -> Steps[tuple[Ended, Hashes]]:
    """Keep a user out; return what ended, and the token hashes."""
    theirs, _ = yield from hold(user_id)
    reached = (organization,) if organization != _EVERYWHERE else theirs
    last = yield from last_in(user_id, reached, administrators)
    if last and not force:
        return Ended(changed=False, last_administrator_of=last), ()
    asked = {"user_id": user_id, "organization_id": organization, "source": source, "now": micros(now)}
    changed = bool((yield endings_sql.DEACTIVATE, asked))
    ended, kept = yield from end(user_id, reached, now)
    told = Ended(changed=changed, sessions=len(ended), tokens=kept, last_administrator_of=last)
    return told, ended


def reactivate(user_id: str, organization: str, source: str) -> Steps[tuple[bool, tuple[str, ...]]]:
    """Take back what this source said; return whether it had, and who else keeps them out."""
    asked = {"user_id": user_id, "organization_id": organization, "source": source}
    changed = bool((yield endings_sql.REACTIVATE, asked))
    still = yield endings_sql.FIND_DEACTIVATIONS, asked
    return changed, tuple(by if where else f"*:{by}" for where, by in still)


def remove_membership(
    user_id: str,
    organization: str,
    source: str,
    administrators: Administrators,
    now: datetime,
    *,
    force: bool,
) -> Steps[tuple[Ended, Hashes]]:
    """Take away what a source gave, "" of every one; with the last membership the sessions end."""
    yield from hold(user_id)
    place = {"user_id": user_id, "organization_id": organization, "source": source, "now": micros(now)}
    stands = yield standing_sql.FIND_STANDING, {**place, "connection": ""}
    theirs = {one[1] for one in stands if one[0] == "membership"}
    left = {one for one in theirs if source not in ("", one)}
    keeps = left and is_one_by_another(stands, source, administrators.get(organization))
    last = () if keeps else (yield from last_in(user_id, (organization,), administrators))
    if last and not force:
        return Ended(changed=False, last_administrator_of=last), ()
    dropped = [
        *(yield endings_sql.DROP_MEMBERSHIP, place),
        *(yield endings_sql.DROP_GRANTS_OF, place),
        *(yield endings_sql.LEAVE_TEAMS_OF, place),
    ]
    if left:
        yield from tell(place, source)
        return Ended(changed=bool(dropped), last_administrator_of=last), ()
    ended, kept = yield from end(user_id, (organization,), now)
    told = Ended(changed=bool(dropped), sessions=len(ended), tokens=kept, last_administrator_of=last)
    return told, ended


def is_one_by_another(stands: Iterable[Row], source: str, organization: Administered | None) -> bool:
    """Tell whether other sources make them an administrator, by a grant or in a declared team."""
    if organization is None:
        return False
    giving = {"grant": organization.administrators_roles, "member": organization.administrators_teams}
    return any(what in giving.get(kind, ()) and by != source for kind, what, by, _ in stands)


def take_back(
    user_id: str, organization: str, source: str, administrators: Administrators, now: datetime
) -> Steps[None]:
    """Take away the grants and teams that a source gave to a user whose account is locked.

    Nothing of who would leave nobody that administers. The membership stays: it gives nothing by itself.
    """
    yield endings_sql.LOCK_USER, {"user_id": user_id}
    if (yield from last_in(user_id, (organization,), administrators)):
        return
    place = {"user_id": user_id, "organization_id": organization, "source": source, "now": micros(now)}
    yield endings_sql.DROP_GRANTS_OF, place
    yield endings_sql.LEAVE_TEAMS_OF, place
    yield from tell(place, source)


def switch_off(connection: str, now: datetime, held: Remaining) -> Steps[tuple[Ended, Hashes]]:
    """Let nobody in by this connection, on any node; its tokens are dropped, not one by one revoked."""
    yield sql.LOCK_NAME, {"gate": standing.gate("connection", connection)}
    before = yield from administered(held, connection)
    done = yield from close(connection, now)
    yield from somebody_left(held, before)
    return done


def close(connection: str, now: datetime) -> Steps[tuple[Ended, Hashes]]:
    """Switch off a connection whose gate is held, whoever is left."""
    changed = bool((yield endings_sql.SWITCH_OFF, {"connection": connection, "now": micros(now)}))
    ended = yield from end_through(connection, now)
    return Ended(changed=changed, sessions=len(ended)), ended


def administered(held: Remaining, connection: str) -> Steps[tuple[int, int]]:
    """Count who administers, and who of them can come in, before a connection goes; nobody else goes now."""
    if held.force or not held.administrators:
        return 0, 0
    yield sql.LOCK_NAME, {"gate": standing.gate("administrators", held.organization)}
    return (yield from _administrators(held, (*held.ways, connection) if held.in_use else held.ways))


def somebody_left(held: Remaining, before: tuple[int, int]) -> Steps[None]:
    """Hold what is left after the change against what was.

    Raises:
        PolicyRefused: ``policy.last_administrator``; nothing is changed then.
    """
    if not any(before):
        return
    after = yield from _administrators(held, held.ways)
    if any(was and not is_left for was, is_left in zip(before, after, strict=True)):
        raise PolicyRefused(
            "policy.last_administrator",
            f"no administrator of {held.organization} could come in any more; nothing was changed",
        )


def _administrators(held: Remaining, ways: Collection[str]) -> Steps[tuple[int, int]]:
    asked = {
        "organization_id": held.organization,
        "roles": json.dumps(sorted(held.administrators)),
        "teams": json.dumps(sorted(held.administrator_teams)),
        "ways": json.dumps(sorted(ways)),
    }
    ((every, entering),) = yield endings_sql.COUNT_ADMINISTRATORS, asked
    return int(every), int(entering)


def switch_on(connection: str) -> Steps[bool]:
    """Let people in again; what ended stays ended."""
    return bool((yield endings_sql.SWITCH_ON, {"connection": connection}))


def switched_off() -> Steps[dict[str, datetime]]:
    """Return since when each is."""
    return {one: rows.moment(since) for one, since in (yield endings_sql.FIND_SWITCHED_OFF, {})}


def end_through(connection: str, now: datetime) -> Steps[Hashes]:
    """End every session that this connection opened, and drop what tokens it brought."""
    asked = {"connection": connection, "now": micros(now)}
    ended = yield endings_sql.END_SESSIONS_THROUGH, asked
    yield endings_sql.DROP_TOKENS_THROUGH, asked
    return tuple(token_hash for (token_hash,) in ended)


def count_sessions(now: datetime) -> Steps[dict[str, int]]:
    """Count the live sessions of each connection."""
    found = yield endings_sql.COUNT_SESSIONS, {"now": micros(now)}
    return {str(connection): int(number) for connection, number in found}


def find_users(who: str, organization: str) -> Steps[tuple[FoundUser, ...]]:
    """Return the users of an address, or of an id, in an organization, "" in every one."""
    asked = {"organization_id": organization, "email_key": rows.storable(who.lower())}
    found = yield endings_sql.FIND_USERS_AT, asked
    if not found:
        asked = {"organization_id": organization, "user_id": rows.storable(who)}
        found = yield endings_sql.FIND_USER, asked
    return tuple(FoundUser(organization=one[0], user_id=one[1], email=one[2]) for one in found)


def hold(user_id: str) -> Steps[tuple[tuple[str, ...], bool]]:
    """Wait for every sign-in of this user, and let none begin.

    Returns:
        The organizations in which they have accounts, and whether there is such a user.

    Raises:
        Raced: They have just come for the first time.
    """
    asked = {"user_id": user_id}
    locked, found = yield (endings_sql.LOCK_ACCOUNTS_OF, asked), (endings_sql.LOCK_USER, asked)
    # An account that was made while the user was waited for is not locked yet: another sign-in may
    # hold it, and open a session behind all that is ended here.
    if len(locked) != len((yield endings_sql.FIND_ACCOUNTS_OF, asked)):
        raise Raced
    return tuple(sorted({str(one) for (one,) in locked})), bool(found)


def last_in(
    user_id: str, organizations: Iterable[str], administrators: Administrators
) -> Steps[tuple[str, ...]]:
    """Return the organizations that would have no administrator without this user."""
    last = []
    for organization in organizations:
        named = administrators.get(organization)
        if named is None or not named.administrators_roles:
            continue
        yield sql.LOCK_NAME, {"gate": standing.gate("administrators", organization)}
        asked = {
            "organization_id": organization,
            "roles": json.dumps(sorted(named.administrators_roles)),
            "teams": json.dumps(sorted(named.administrators_teams)),
        }
        ((others,),) = yield standing_sql.OTHER_ADMINISTRATORS, {**asked, "user_id": user_id}
        ((everybody,),) = yield standing_sql.OTHER_ADMINISTRATORS, {**asked, "user_id": ""}
        if everybody and not others:  # by whatever way they are one: a grant, or a team
            last.append(organization)
    return tuple(last)


def end(user_id: str, organizations: Iterable[str], now: datetime) -> Steps[Gone]:
    """End the sessions of these organizations; return their hashes, and the tokens that went with them."""
    ended: list[bytes] = []
    kept: list[Row] = []
    for organization in organizations:
        asked = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
        kept += yield endings_sql.FIND_TOKENS_OF_USER, asked
        yield endings_sql.DROP_TOKENS_OF_USER, asked
        ended += [token_hash for (token_hash,) in (yield accounts_sql.END_SESSIONS_OF, asked)]
    return tuple(ended), tuple(map(tokens.kept, kept))


def tell(place: Mapping[str, object], source: str) -> Steps[None]:
    """Have live sessions say what is left: other sources' grants, and the teams that one of them gave."""
    stands = yield standing_sql.FIND_STANDING, {**place, "connection": ""}
    teams = {one[1] for one in stands if one[0] == "member"}
    for token_hash, data in (yield standing_sql.FIND_SNAPSHOTS, place):
        told = json.loads(data)
        left = without(told, source, teams)
        if left != told:
            snapshot = json.dumps(left, separators=(",", ":"))
            yield standing_sql.UPDATE_SNAPSHOT, {"token_hash": token_hash, "data": snapshot}


def without(told: Mapping[str, Any], source: str, teams: Collection[str]) -> dict[str, Any]:
    """Return a snapshot without what a source gave, and what only its teams gave."""

    def stays(given_by: str) -> bool:
        team = given_by.removeprefix("team:")
        return given_by != source and (team == given_by or team in teams)

    return {
        **told,
        "grants": [one for one in told["grants"] if stays(one[1])],
        "teams": [key for key in told["teams"] if key in teams],
    }
