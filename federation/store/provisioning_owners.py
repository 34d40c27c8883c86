"""Owners: whose user a new User resource is, and what of it is taken back with the resource.

A user who is here already is found by a Subject of theirs, or by an address that is theirs without a
doubt (``provisioned.Finding``); a user of whom the connection has a resource already is nobody else.
For all others a user is made, whom the first sign-in through the connection finds.
"""

import json
from datetime import datetime

from federation.decision import of_connection, of_scim
from federation.provisioned import Finding, ScimUser
from federation.store import (
    accounts_sql,
    endings,
    endings_sql,
    erasure_sql,
    people_sql,
    provisioning_users_sql,
    standing,
)
from federation.store import provisioning_rows as kept
from federation.store.endings import Gone
from federation.store.rows import Raced, Steps, micros, new_id, storable


def hold_or_make(
    connection: str, organization: str, user: ScimUser, finding: Finding, now: datetime
) -> Steps[str]:
    """Return the user of a new resource: held, or made.

    Raises:
        Raced: Somebody else makes them at this moment.
    """
    found = yield from _find(connection, organization, finding)
    if found:
        yield from kept.hold(found)
        if (yield from _find(connection, organization, finding)) != found:
            raise Raced
        return found
    if user.email:
        yield standing.hold_address(organization, storable(user.email).lower())
        if (yield from _find(connection, organization, finding)):
            raise Raced
    user_id = new_id(now)
    yield accounts_sql.ADD_USER, {"user_id": user_id, "now": micros(now)}
    awaited = {"user_id": user_id, "connection": connection, "email": storable(user.email)}
    place = {"organization_id": organization, "source": of_scim(connection), "now": micros(now)}
    yield people_sql.PROVISION, {**place, **awaited, "email_key": storable(user.email).lower()}
    return user_id


def _find(connection: str, organization: str, finding: Finding) -> Steps[str]:
    """Return the one user who is meant, "" for none, or several."""
    if not (finding.persons or finding.email_key):
        return ""
    asked = {
        "connection": connection,
        "organization_id": organization,
        "persons": json.dumps(finding.persons),
        "email_key": storable(finding.email_key),
    }
    # without an address nobody has it: '' is what is awaited without one
    found = [
        one
        for one in (yield provisioning_users_sql.FIND_OWNERS, asked)
        if one[0] == "subject" or finding.email_key
    ]
    meant = [one for one in found if one[0] == "subject"] or found
    users = {str(user_id) for _, user_id, _, _ in meant}
    is_theirs = any(surely for _, _, surely, _ in meant)
    has_resource = any(has for *_, has in meant)
    return users.pop() if len(users) == 1 and is_theirs and not has_resource else ""


def part(
    connection: str, organization: str, user_id: str, sources: tuple[str, ...], now: datetime
) -> Steps[Gone]:
    """Take back what these sources gave a user who is held; with the last membership the sessions end.

    Returns:
        What ended, and went with it.
    """
    place = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    own = {**place, "source": of_scim(connection)}
    yield endings_sql.REACTIVATE, own
    yield provisioning_users_sql.DROP_AWAITED, own
    for source in sources:
        yield from take(place, source)
    gone: Gone = ((), ())
    if not (yield provisioning_users_sql.FIND_MEMBERSHIP_SOURCES, place):
        gone = yield from endings.end(user_id, (organization,), now)
    else:
        for source in sources:
            yield from endings.tell(place, source)
    yield erasure_sql.DROP_USER_OF_NOBODY, place
    return gone


def take(place: dict[str, object], source: str) -> Steps[bool]:
    """Take back membership, roles and teams of one source; return whether there were any."""
    given = {**place, "source": source}
    dropped = [
        *(yield endings_sql.DROP_MEMBERSHIP, given),
        *(yield endings_sql.DROP_GRANTS_OF, given),
        *(yield endings_sql.LEAVE_TEAMS_OF, given),
    ]
    return bool(dropped)


def both(connection: str) -> tuple[str, str]:
    """Return the sources of a connection: of its directory, and of its sign-ins."""
    return of_scim(connection), of_connection(connection)
