"""What people do with their own account: see the ways in, let one go, end sessions elsewhere.

Whoever lets a way in go keeps another that works: counted under the lock that every sign-in of theirs
takes, so that two browsers cannot each let the other's go.
"""

import json
from collections.abc import Collection
from datetime import datetime

from federation.errors import AccountRefused
from federation.store import endings, endings_sql, own_account_sql, rows, standing_sql, tokens
from federation.store.endings import Administrators, Hashes
from federation.store.people_values import Ended, InTeam, LiveSession, Way
from federation.store.rows import Row, Steps, micros, new_id


def ways(organization: str, user_id: str) -> Steps[tuple[Way, ...]]:
    """Read them, the one used last first."""
    found = yield own_account_sql.FIND_WAYS, {"organization_id": organization, "user_id": user_id}
    return tuple(map(_way, found))


def owner(organization: str, person: str) -> Steps[str | None]:
    """Read by key whose account a Subject is; None: nobody's."""
    found = yield own_account_sql.FIND_OWNER, {"organization_id": organization, "person": person}
    return str(found[0][0]) if found else None


def teams(organization: str, user_id: str) -> Steps[tuple[InTeam, ...]]:
    """Read each membership of theirs, by team."""
    found = yield own_account_sql.FIND_TEAMS_OF, {"organization_id": organization, "user_id": user_id}
    return tuple(InTeam(key=key, name=name, source=source, why=why) for key, name, source, why in found)


def sessions(organization: str, user_id: str, now: datetime) -> Steps[tuple[LiveSession, ...]]:
    """Read those that live, newest first."""
    asked = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    found = yield own_account_sql.FIND_LIVE_SESSIONS, asked
    return tuple(
        LiveSession(
            id=identifier,
            user_agent=str(json.loads(data).get("user_agent", "")),
            created_at=rows.moment(created_at),
            used_at=rows.moment(last_seen),
        )
        for identifier, data, created_at, last_seen in found
    )


def end_others(organization: str, user_id: str, kept: str, now: datetime) -> Steps[Hashes]:
    """End every session of theirs but one, in one statement; return the token hashes."""
    asked = {"organization_id": organization, "user_id": user_id, "id": kept, "now": micros(now)}
    return tuple(token_hash for (token_hash,) in (yield own_account_sql.END_OTHERS, asked))


def unlink(
    organization: str,
    user_id: str,
    person: str,
    *,
    usable: Collection[str],
    administrators: Administrators,
    now: datetime,
) -> Steps[tuple[Ended, Hashes] | None]:
    """Part a Subject from its user; return what ended, and the token hashes of sessions that came by it.

    Raises:
        AccountRefused: ``account.last_way``, ``account.last_administrator``.
    """
    yield from endings.hold(user_id)
    every = yield from ways(organization, user_id)
    if (gone := next((one for one in every if one.person == person), None)) is None:
        return None
    left = [one for one in every if one.person != person]
    if not any(one.connection in usable for one in left):
        raise AccountRefused("account.last_way", "no other way in would lead to this account")
    place = {"organization_id": organization, "user_id": user_id, "person": person, "now": micros(now)}
    yield own_account_sql.PART, {**place, "detached": f"{person}/{new_id(now)}"}
    if all(one.connection != gone.connection for one in left):
        yield from _take_back(place, f"connection:{gone.connection}", administrators)
    asked = {**place, "connection": gone.connection}
    kept = tuple(map(tokens.kept, (yield own_account_sql.FIND_TOKENS_BY, asked)))
    yield own_account_sql.DROP_TOKENS_BY, asked
    ended = tuple(token_hash for (token_hash,) in (yield own_account_sql.END_SESSIONS_BY, asked))
    return Ended(changed=True, sessions=len(ended), tokens=kept), ended


def _take_back(place: dict[str, object], source: str, administrators: Administrators) -> Steps[None]:
    """Take away what this connection alone gave: nobody could take it back at a later sign-in."""
    organization, user_id = str(place["organization_id"]), str(place["user_id"])
    asked = {**place, "source": source}
    if (yield from endings.last_in(user_id, (organization,), administrators)):
        stands = yield standing_sql.FIND_STANDING, {**place, "connection": ""}
        if not endings.is_one_by_another(stands, source, administrators.get(organization)):
            raise AccountRefused(
                "account.last_administrator", "the organization would have no administrator left"
            )
    yield endings_sql.DROP_GRANTS_OF, asked
    yield endings_sql.LEAVE_TEAMS_OF, asked
    yield from endings.tell(asked, source)


def _way(row: Row) -> Way:
    person, connection, email, created_at, signed_in_at = row
    return Way(
        person=person,
        connection=connection,
        email=email,
        created_at=rows.moment(created_at),
        used_at=rows.moment(signed_in_at),
    )
