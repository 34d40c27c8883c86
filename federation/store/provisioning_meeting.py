"""Meeting: somebody comes through a connection whose directory speaks of them.

They are found by externalId, then by userName, then by address; never as a user by whom another Subject
comes through the connection: a resource that is theirs by its externalId moves over to them instead.
What the directory has deactivated does not come in. Where it speaks of another user than the one whom
their Subject leads to, its resource moves over, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from federation.decision import Decision, Profile, of_scim
from federation.errors import Check, PolicyRefused
from federation.store import (
    endings_sql,
    provisioning_owners,
    provisioning_settling_sql,
    provisioning_users_sql,
    standing,
)
from federation.store import provisioning_rows as kept
from federation.store.rows import Ask, Raced, Row, Steps, micros, storable
from federation.store.standing import Known

_OWN, _EXTERNAL_ID = 0, 1  # by what a resource was found: see ``FIND_AWAITED``


@dataclass(frozen=True, kw_only=True)
class Met:
    """The resource of somebody who comes."""

    id: str
    user_id: str
    is_anothers: bool  # another Subject comes through the connection as this user
    described: Profile


def sought(decision: Decision, user_id: str = "") -> tuple[Ask, ...]:
    """Return the statement that finds who they are to the directory; none where none speaks of anybody."""
    awaited, who = decision.awaited, decision.identity
    if awaited is None:
        return ()
    asked: dict[str, object] = {
        "connection": who.connection,
        "organization_id": who.organization,
        "person": who.subject.person,
        "user_id": user_id,
        "externals": json.dumps([storable(one) for one in awaited.external_ids]),
        "names": json.dumps([storable(one) for one in awaited.user_names]),
        "email_key": storable(awaited.email_key),
    }
    return ((provisioning_settling_sql.FIND_AWAITED, asked),)


def met(decision: Decision, found: Sequence[Row]) -> Met | None:
    """Return the resource that is theirs; of several that could be, none.

    Raises:
        PolicyRefused: ``policy.deactivated``.
    """
    best = min((row[0] for row in found), default=_OWN)
    among = {str(row[1]): row for row in found if row[0] == best}
    out = [row for row in found if row[0] == _EXTERNAL_ID and not row[3]]
    if out or (among and not any(row[3] for row in among.values())):
        said = "this connection's directory has deactivated them"
        check = Check("policy.deactivated", said)
        raise PolicyRefused("policy.deactivated", said, (*decision.checks, check))
    if len(among) != 1:
        return None
    ((_, identifier, user_id, _, email, display_name, body, is_anothers),) = among.values()
    if best > _EXTERNAL_ID and is_anothers:
        return None
    said = email if email and decision.may_say(email) else ""
    described = _described(said, display_name, body)
    return Met(id=identifier, user_id=user_id, is_anothers=bool(is_anothers), described=described)


def known(decision: Decision, whose: Known, now: datetime) -> Steps[Known]:
    """Return what is known of an account that is locked, with what the directory says of its user.

    Raises:
        PolicyRefused: ``policy.deactivated``.
        Raced: The resource has changed meanwhile.
    """
    asked = sought(decision, whose.user_id)
    if not asked:
        return whose
    theirs = met(decision, (yield asked[0]))
    if theirs is None:
        return whose
    if theirs.user_id != whose.user_id:
        yield from move(decision, theirs, whose.user_id, now)
    return replace(whose, described=theirs.described)


def foretold(decision: Decision, whose: Known) -> Steps[Known]:
    """Return what ``known`` would, of an account that nobody locks: nothing moves over.

    Raises:
        PolicyRefused: ``policy.deactivated``.
    """
    asked = sought(decision, whose.user_id)
    theirs = met(decision, (yield asked[0])) if asked else None
    return whose if theirs is None else replace(whose, described=theirs.described)


def hold(decision: Decision, theirs: Met, now: datetime) -> Steps[None]:
    """Hold the user whom a new Subject is; what the directory says of them, their account is told next.

    Raises:
        Raced: The resource has changed meanwhile.
    """
    connection = decision.identity.connection
    if not (yield endings_sql.LOCK_USER, {"user_id": theirs.user_id}):
        raise Raced
    seen = yield kept.read(provisioning_users_sql.SEE_SCIM_USER, connection, theirs.id)
    if not seen or seen[0][0] != theirs.user_id:
        raise Raced
    yield from kept.mark_due(connection, (theirs.id,), now)


def move(decision: Decision, theirs: Met, user_id: str, now: datetime) -> Steps[None]:
    """Have the resource be of this user; what the directory gave the other goes, and who is only that.

    Raises:
        Raced: The resource has changed meanwhile.
    """
    who = decision.identity
    yield from kept.hold(theirs.user_id)
    told = {**kept.place(who.connection, theirs.id), "user_id": user_id, "was": theirs.user_id}
    if not (yield provisioning_settling_sql.POINT_ELSEWHERE, {**told, "now": micros(now)}):
        raise Raced
    sources = (of_scim(who.connection),)
    yield from provisioning_owners.part(who.connection, who.organization, theirs.user_id, sources, now)


def _described(email: str, display_name: str, body: str) -> Profile:
    name = json.loads(body).get("name")
    told = name if isinstance(name, dict) else {}
    return standing.storable_profile(
        Profile(
            email=email,
            given_name=_text(told.get("givenName")),
            family_name=_text(told.get("familyName")),
            display_name=display_name,
        )
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
