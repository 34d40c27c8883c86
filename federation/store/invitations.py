"""Who is awaited: people invited by e-mail address, and users made before they come.

Each is decided behind the lock of its address, which a new person's first sign-in holds too.
"""

import json
from datetime import datetime

from federation.decision import MANUAL
from federation.errors import SignInExpired
from federation.store import accounts_sql, people_sql, rows, standing, standing_sql
from federation.store.people_values import Awaited, Invitation
from federation.store.rows import Row, Steps, micros, new_id, storable


def invite(token_hash: bytes, invitation: Invitation) -> Steps[bool]:
    """Look whose the address is, then put the invitation in place of an earlier one."""
    address = _address(invitation.organization, invitation.email)
    yield standing.hold_address(invitation.organization, invitation.email.lower())
    if any(said == "member" for _, said in (yield people_sql.FIND_HOLDERS, address)):
        return False
    yield people_sql.REPLACE_INVITATIONS, address
    yield (
        people_sql.ADD_INVITATION,
        {
            **address,
            "id": invitation.id,
            "email": invitation.email,
            "token_hash": token_hash,
            "roles": json.dumps(invitation.roles),
            "teams": json.dumps(invitation.teams),
            "now": micros(invitation.created_at),
            "expires_at": micros(invitation.expires_at),
        },
    )
    return True


def every(organization: str, now: datetime) -> Steps[tuple[Invitation, ...]]:
    """One read."""
    asked = {"organization_id": organization, "now": micros(now)}
    return tuple(map(invitation, (yield people_sql.FIND_INVITATIONS, asked)))


def find(token_hash: bytes, now: datetime) -> Steps[Invitation]:
    """One read by key."""
    found = yield people_sql.FIND_INVITATION, {"token_hash": token_hash, "now": micros(now)}
    if not found:
        raise SignInExpired("signin.invitation_unknown", "no invitation has this link, or it has expired")
    one = invitation(found[0])
    if one.used_at is not None:
        raise SignInExpired("signin.invitation_used", "this invitation has been used already")
    return one


def revoke(organization: str, identifier: str, now: datetime) -> Steps[bool]:
    """One DELETE decides."""
    asked = {"organization_id": organization, "id": storable(identifier), "now": micros(now)}
    return bool((yield people_sql.REVOKE_INVITATION, asked))


def invitation(row: Row) -> Invitation:
    """Read a row of ``people_sql.FIND_INVITATIONS``."""
    identifier, organization, email, roles, teams, created_at, expires_at, used_at, user_id = row
    return Invitation(
        id=identifier,
        organization=organization,
        email=email,
        roles=tuple(json.loads(roles)),
        teams=tuple(json.loads(teams)),
        created_at=rows.moment(created_at),
        expires_at=rows.moment(expires_at),
        used_at=None if used_at is None else rows.moment(used_at),
        user_id=user_id or "",
    )


def team_keys(organization: str, keys: tuple[str, ...]) -> Steps[frozenset[str]]:
    """One read."""
    asked = {"organization_id": organization, "keys": json.dumps([storable(key) for key in keys])}
    found = yield people_sql.FIND_TEAMS_NAMED, asked
    return frozenset(str(key) for kind, key, *_ in found if kind == "team")


def add_person(
    organization: str, email: str, *, connection: str, roles: tuple[str, ...], now: datetime
) -> Steps[Awaited | None]:
    """Look whose the address is; then user, membership, grants, and where to await them."""
    address = _address(organization, email)
    yield standing.hold_address(organization, email.lower())
    found = yield people_sql.FIND_HOLDERS, address
    users = {str(user_id) for user_id, _ in found}
    is_member = any(said == "member" for _, said in found)
    # A member's sessions would have to be told of a new role: that is another command's.
    if len(users) > 1 or (is_member and (roles or not connection)):
        return None
    user_id = users.pop() if users else new_id(now)
    at = {"organization_id": organization, "user_id": user_id, "source": MANUAL, "now": micros(now)}
    if not found:
        yield accounts_sql.ADD_USER, {"user_id": user_id, "now": micros(now)}
    if connection or not any(said != "awaited" for _, said in found):
        yield people_sql.PROVISION, {**at, **address, "email": email, "connection": connection}
    if not is_member:
        yield standing_sql.ADD_MEMBERSHIP, at
    for role in roles:
        yield standing_sql.ADD_GRANT, {**at, "role": storable(role), "why": "made beforehand"}
    return Awaited(user_id=user_id, made=not found)


def _address(organization: str, email: str) -> dict[str, object]:
    return {"organization_id": organization, "email_key": email.lower()}
