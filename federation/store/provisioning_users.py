"""User resources of a connection's directory: found, made, changed, removed."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from federation.decision import of_scim
from federation.provisioned import Absent, Finding, ScimUser, Taken
from federation.store import endings, endings_sql, provisioning_owners, provisioning_users_sql
from federation.store import provisioning_rows as kept
from federation.store.endings import Gone
from federation.store.provisioning_rows import Kept
from federation.store.rows import Raced, Row, Steps, micros, new_id, storable

_NOTHING: Final[Gone] = ((), ())


def find(connection: str, identifier: str) -> Steps[ScimUser | None]:
    """One read by primary key, and one of groups by an index."""
    found, groups = yield (
        kept.read(provisioning_users_sql.FIND_SCIM_USER, connection, identifier),
        kept.read(provisioning_users_sql.FIND_GROUPS_OF, connection, identifier),
    )
    return kept.user(found[0], groups) if found else None


def add(
    connection: str, organization: str, user: ScimUser, finding: Finding, now: datetime
) -> Steps[Kept[ScimUser]]:
    """One INSERT decides, of somebody who is held, or made for it.

    Raises:
        Taken: Its userName.
        Raced: See ``provisioning_owners.hold_or_make``.
    """
    columns = {**_columns(connection, user), "id": new_id(now), "now": micros(now)}
    yield kept.gates(connection, user_name=str(columns["user_name_key"]))
    if (yield provisioning_users_sql.FIND_USER_NAME, columns):
        raise Taken
    user_id = yield from provisioning_owners.hold_or_make(connection, organization, user, finding, now)
    columns |= {
        "organization_id": organization,
        "user_id": user_id,
        "has_subject": int(bool(finding.persons)),
    }
    if not (yield provisioning_users_sql.ADD_SCIM_USER, columns):
        raise Raced  # they have got another resource meanwhile
    yield provisioning_users_sql.ADD_EMAILS, {**columns, "emails": _emails(user)}
    ended, tokens = (
        _NOTHING if user.active else (yield from _keep_out(connection, organization, user_id, now))
    )
    found = yield provisioning_users_sql.FIND_SCIM_USER, columns
    return Kept(resource=kept.user(found[0]), changed=True, ended=ended, tokens=tokens)


def change(connection: str, user: ScimUser, now: datetime, *, expected: int | None) -> Steps[Kept[ScimUser]]:
    """One UPDATE, of a row that is locked; what is as it was stays of its version.

    Raises:
        Absent, Stale, Taken: Nothing is changed.
        Raced: It became another one's meanwhile, or another one.
    """
    columns = _columns(connection, user)
    seen = yield from _see(connection, user.id)
    user_id, organization, was_active, user_name_key = seen
    renamed = str(columns["user_name_key"]) if columns["user_name_key"] != user_name_key else ""
    yield kept.gates(connection, user_name=renamed)
    if not (user.active and was_active):
        yield from kept.hold(user_id)
    row = yield from _lock(connection, user.id, seen)
    kept.verify_version(row[8], expected)
    if renamed and (yield provisioning_users_sql.FIND_USER_NAME, columns):
        raise Taken
    groups = yield provisioning_users_sql.FIND_GROUPS_OF, columns
    if _is_as(row, columns):
        return Kept(resource=kept.user(row, groups), changed=False)
    (changed,) = yield provisioning_users_sql.CHANGE_SCIM_USER, {**columns, "now": micros(now)}
    if changed[7] != row[7]:
        for statement in (provisioning_users_sql.DROP_OTHER_EMAILS, provisioning_users_sql.ADD_EMAILS):
            yield statement, {**columns, "emails": _emails(user)}
    own = {"organization_id": organization, "user_id": user_id, "source": of_scim(connection)}
    if changed[5] != row[5]:
        yield provisioning_users_sql.MOVE_AWAITED, {**columns, **own}
    ended, tokens = _NOTHING
    if not user.active:
        ended, tokens = yield from _keep_out(connection, organization, user_id, now)
    elif not was_active:
        yield endings_sql.REACTIVATE, own
    return Kept(resource=kept.user(changed, groups), changed=True, ended=ended, tokens=tokens)


def remove(connection: str, identifier: str, now: datetime, *, expected: int | None) -> Steps[Kept[ScimUser]]:
    """With what the connection gave its user, who goes where nobody else knows them.

    Raises:
        Absent, Stale: Nothing is changed.
        Raced: It became another one's meanwhile.
    """
    seen = yield from _see(connection, identifier)
    user_id, organization, *_ = seen
    yield kept.gates_alone(connection)
    yield from kept.hold(user_id)
    row = yield from _lock(connection, identifier, seen)
    kept.verify_version(row[8], expected)
    place = {**kept.place(connection, identifier), "now": micros(now)}
    left = yield provisioning_users_sql.LEAVE_GROUPS, place
    yield provisioning_users_sql.SHRINK_GROUPS, {**place, "ids": json.dumps([one for (one,) in left])}
    yield provisioning_users_sql.DROP_OTHER_EMAILS, {**place, "emails": "[]"}
    yield provisioning_users_sql.DROP_SCIM_USER, place
    sources = provisioning_owners.both(connection)
    ended, tokens = yield from provisioning_owners.part(connection, organization, user_id, sources, now)
    return Kept(resource=kept.user(row), changed=True, ended=ended, tokens=tokens)


_Seen = tuple[str, str, bool, str]  # whose it is, the organization, whether it is active, userName's key


def _see(connection: str, identifier: str) -> Steps[_Seen]:
    """Read what decides which locks are needed.

    Raises:
        Absent: The connection has no such resource.
    """
    found = yield kept.read(provisioning_users_sql.SEE_SCIM_USER, connection, identifier)
    if not found:
        raise Absent
    user_id, organization, active, user_name_key = found[0]
    return user_id, organization, bool(active), user_name_key


def _lock(connection: str, identifier: str, seen: _Seen) -> Steps[Row]:
    """Lock a row, and hold it against what was seen of it.

    Raises:
        Absent, Raced: It has gone, or is another one.
    """
    found = yield kept.read(provisioning_users_sql.LOCK_SCIM_USER, connection, identifier)
    if not found:
        raise Absent
    row = found[0]
    if (row[1], row[12], bool(row[6]), row[13]) != seen:
        raise Raced
    return row


def _keep_out(connection: str, organization: str, user_id: str, now: datetime) -> Steps[Gone]:
    """Let a user who is held in by no way; the last administrator, too: it is the directory's word."""
    own = {"organization_id": organization, "user_id": user_id, "source": of_scim(connection)}
    yield endings_sql.DEACTIVATE, {**own, "now": micros(now)}
    return (yield from endings.end(user_id, (organization,), now))


def _columns(connection: str, user: ScimUser) -> dict[str, object]:
    return {
        **kept.place(connection, user.id),
        "user_name": storable(user.user_name),
        "user_name_key": kept.key(user.user_name),
        "external_id": storable(user.external_id),
        "display_name": storable(user.display_name),
        "display_key": kept.key(user.display_name),
        "email": storable(user.email),
        "email_key": storable(user.email).lower(),
        "active": int(user.active),
        "body": json.dumps(dict(user.body)),
    }


def _is_as(row: Row, columns: dict[str, object]) -> bool:
    names = ("user_name", "external_id", "display_name", "email", "active", "body")
    return tuple(row[2:8]) == tuple(columns[name] for name in names)


def _emails(user: ScimUser) -> str:
    addresses: Iterable[str] = (*user.emails, *([user.email] if user.email else []))
    return json.dumps(sorted({kept.key(one) for one in addresses}))
