"""What `federation person grant`, `revoke` and `show` do: roles by hand, and what somebody has by whom."""

from datetime import datetime
from typing import Any

from federation.administration import places
from federation.decision import Standing
from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.operator.invite import known, opened
from federation.policy import settlement, teams
from federation.settings import Settings
from federation.store.people_values import Changed, Terms
from federation.store.store import Store


def terms(config: Settings, organization: str, *, force: bool) -> Terms:
    """Return what a change in an organization is held to.

    Raises:
        ConfigurationError: ``person.organization``.
    """
    tenant = known(config, organization)
    ways = tuple(one.id for one in config.connections.values() if one.organization == organization)
    return places.terms(tenant, ways, force=force)


async def set_grant(
    config: Settings, organization: str, role: str, who: str, *, give: bool, force: bool, now: datetime
) -> Changed:
    """Give somebody a role by hand, or take that back.

    Raises:
        ConfigurationError: ``person.organization``, ``person.unknown``, ``person.several``; ``store.*``.
        PolicyRefused: ``policy.last_administrator``.
    """
    held = terms(config, organization, force=force)
    async with opened(config) as store:
        user_id = await one_user(store, who, organization, now)
        word = "grant" if give else "revoke"
        told = audited(
            store, f"person.{word}", user_id, organization=organization, now=now, after={"role": role}
        )
        return await told.set_grant(organization, user_id, role, held, now, give=give)


async def one_user(store: Store, who: str, organization: str, now: datetime) -> str:
    """Return the one user who has an address, or this id, in an organization.

    Raises:
        ConfigurationError: ``person.unknown``, ``person.several``.
    """
    users = sorted({one.user_id for one in await store.people(who, organization, now)})
    if not users:
        raise ConfigurationError(
            "person.unknown",
            f"nobody with an account in {organization} has this address or id; `federation invite` and "
            "`federation person add` give roles to those who have not come yet",
        )
    if len(users) > 1:
        raise ConfigurationError(
            "person.several", f"several users have this address; say which one by id: {', '.join(users)}"
        )
    return users[0]


async def show(config: Settings, who: str, organization: str, *, now: datetime) -> list[dict[str, Any]]:
    """Return what is known of the users of an address, or of an id, one for each organization.

    Raises:
        ConfigurationError: ``person.organization``, ``person.unknown``; ``store.*``.
    """
    if organization:
        known(config, organization)
    async with opened(config) as store:
        people = await store.people(who, organization, now)
    if not people:
        raise ConfigurationError("person.unknown", "nobody has this address or id")
    return [
        {
            "organization": one.organization,
            "user": one.user_id,
            "accounts": [
                {
                    "connection": account.connection,
                    "email": account.email,
                    "display_name": account.display_name,
                    "since": account.created_at.isoformat(),
                    "signed_in_at": account.signed_in_at.isoformat(),
                }
                for account in one.accounts
            ],
            "memberships": sorted(one.standing.memberships),
            "deactivated_by": sorted(one.standing.deactivated),
            **_has(config, one.organization, one.standing),
            "sessions": [
                {
                    "id": session.id,
                    "connection": session.connection,
                    "since": session.created_at.isoformat(),
                    "until": session.expires_at.isoformat(),
                }
                for session in one.sessions
            ],
        }
        for one in people
    ]


def _has(config: Settings, organization: str, standing: Standing) -> dict[str, Any]:
    """Return roles and teams, each with every source; an organization may be gone from the file."""
    tenant = config.organizations.get(organization)
    carried = settlement.carried(standing, teams.declared(tenant) if tenant else {})
    return {
        "grants": [{"role": one.role, "source": one.source, "why": one.why} for one in carried.grants],
        "teams": [
            {"key": one.key, "source": one.source, "why": one.why}
            for one in standing.members
            if one.key in carried.teams
        ],
    }


def person_lines(told: dict[str, Any]) -> str:
    """Say one user for people."""
    lines = [f"{told['organization']}: user {told['user']}"]
    lines += [
        f"  account at {one['connection']}: {one['email'] or 'no e-mail address'}, {one['display_name']}"
        f"; signed in {one['signed_in_at']}"
        for one in told["accounts"]
    ]
    lines.append(f"  member by {', '.join(told['memberships']) or 'nothing: no member'}")
    if told["deactivated_by"]:
        lines.append(f"  deactivated by {', '.join(told['deactivated_by'])}")
    lines += [f"  role {one['role']} by {one['source']} ({one['why']})" for one in told["grants"]]
    lines += [f"  team {one['key']} by {one['source']} ({one['why']})" for one in told["teams"]]
    lines += [
        f"  session through {one['connection']} since {one['since']}, at most until {one['until']}"
        for one in told["sessions"]
    ]
    return "\n".join(lines)
