"""What `federation team` does: teams of the store, their groups, roles and members.

A declared team stands in the settings file and is changed there; but for its members, whom an
operator may put in by hand.
"""

import re
from datetime import datetime
from typing import Any

from federation.configuration.scalars import ID_PATTERN
from federation.connection import Organization
from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.operator.by_hand import one_user, terms
from federation.operator.invite import known, opened
from federation.rules.folding import fold
from federation.settings import Settings
from federation.store.people_values import Changed, KeptTeam


async def every(config: Settings, organization: str) -> list[dict[str, Any]]:
    """Return the teams of an organization, declared and kept, as plain data.

    Raises:
        ConfigurationError: ``person.organization``; ``store.*``.
    """
    tenant = known(config, organization)
    async with opened(config) as store:
        kept = {team.key: team for team in await store.teams(organization)}
    told = [_declared(key, tenant, kept.get(key)) for key in tenant.teams]
    return [*told, *(_kept(team) for key, team in kept.items() if team.name and key not in tenant.teams)]


def _declared(key: str, tenant: Organization, kept: KeptTeam | None) -> dict[str, Any]:
    team = tenant.teams[key]
    connections: tuple[str | None, ...] = team.connections or (None,)
    return {
        "key": key,
        "name": team.name,
        "source": "settings",
        "groups": [{"group": group, "connection": one} for group in team.groups for one in connections],
        "roles": list(team.roles),
        "members": kept.members if kept else 0,
        "hides": bool(kept and kept.name),
    }


def _kept(team: KeptTeam) -> dict[str, Any]:
    return {
        "key": team.key,
        "name": team.name,
        "source": team.source,
        "groups": [{"group": one.group, "connection": one.connection or None} for one in team.groups],
        "roles": list(team.roles),
        "members": team.members,
        "hides": False,
    }


def line(team: dict[str, Any]) -> str:
    """Say one team for people."""
    groups = ", ".join(
        one["group"] + (f" ({one['connection']})" if one["connection"] else "") for one in team["groups"]
    )
    said = f"{team['key']}  {team['name']}  members: {team['members']}"
    said += f"\n  groups: {groups or 'none'}\n  roles: {', '.join(team['roles']) or 'none'}"
    said += f"\n  made by: {team['source']}"
    return f"{said}\n  hides a team of the store that has its key" if team["hides"] else said


async def add(config: Settings, organization: str, key: str, name: str, *, now: datetime) -> None:
    """Make an empty team.

    Raises:
        ConfigurationError: ``person.organization``, ``person.team_key``, ``person.team_taken``; ``store.*``.
    """
    tenant = known(config, organization)
    if not re.fullmatch(ID_PATTERN, key):
        raise ConfigurationError(
            "person.team_key",
            "a team's key is lower-case letters, digits, _ and -, a letter first, at most 63",
        )
    async with opened(config) as store:
        called = name.strip() or key
        told = audited(store, "team.create", key, organization=organization, now=now, after={"name": called})
        if key in tenant.teams or not await told.add_team(organization, key, called, now):
            raise ConfigurationError("person.team_taken", f"{organization} has a team {key} already")


async def rename(config: Settings, organization: str, key: str, name: str, *, now: datetime) -> None:
    """Give a team another name for people.

    Raises:
        ConfigurationError: ``person.organization``, ``person.team``, ``person.team_declared``; ``store.*``.
    """
    _of_the_store(config, organization, key)
    async with opened(config) as store:
        called = name.strip()
        told = audited(store, "team.update", key, organization=organization, now=now, after={"name": called})
        if not called or not await told.rename_team(organization, key, called):
            raise _unknown(organization, key)


async def remove(config: Settings, organization: str, key: str, *, force: bool, now: datetime) -> int:
    """Remove a team; return how many were in it.

    Raises:
        ConfigurationError: As ``rename``.
        PolicyRefused: ``policy.last_administrator``.
    """
    held = terms(config, organization, force=force)
    async with opened(config) as store:
        told = audited(store, "team.delete", key, organization=organization, now=now)
        left = await told.remove_team(organization, key, held, now)
    if left is None:
        _of_the_store(config, organization, key)
        raise _unknown(organization, key)
    return left


async def link(
    config: Settings, organization: str, key: str, group: str, connection: str, *, now: datetime
) -> None:
    """Lead a group into a team.

    Raises:
        ConfigurationError: As ``rename``; ``person.connection``.
    """
    _of_the_store(config, organization, key)
    _of_its_own(config, organization, connection)
    async with opened(config) as store:
        leads = {"group": fold(group), "connection": connection}
        told = audited(store, "team.link", key, organization=organization, now=now, after=leads)
        if not await told.link_group(organization, key, fold(group), connection):
            raise _unknown(organization, key)


async def unlink(
    config: Settings,
    organization: str,
    key: str,
    group: str,
    connection: str,
    *,
    force: bool,
    now: datetime,
) -> int:
    """Take a link back; return how many left the team with it.

    Raises:
        ConfigurationError: As ``link``; ``person.link``.
        PolicyRefused: ``policy.last_administrator``.
    """
    _of_the_store(config, organization, key)
    held = terms(config, organization, force=force)
    async with opened(config) as store:
        led = {"group": fold(group), "connection": connection}
        told = audited(store, "team.unlink", key, organization=organization, now=now, before=led)
        left = await told.unlink_group(organization, key, fold(group), connection, held, now)
    if left is None:
        raise ConfigurationError(
            "person.link", f"no such group leads into {key}; `federation team list` shows those that do"
        )
    return left


async def set_role(
    config: Settings, organization: str, key: str, role: str, *, give: bool, force: bool, now: datetime
) -> bool:
    """Have a team give a role, or give it no more; return whether that changed anything.

    Raises:
        ConfigurationError: As ``rename``.
        PolicyRefused: ``policy.last_administrator``.
    """
    _of_the_store(config, organization, key)
    held = terms(config, organization, force=force)
    async with opened(config) as store:
        word = "grant" if give else "revoke"
        told = audited(store, f"team.{word}", key, organization=organization, now=now, after={"role": role})
        changed = await told.set_team_role(organization, key, role, held, now, give=give)
    if changed is None:
        raise _unknown(organization, key)
    return changed


async def set_member(
    config: Settings, organization: str, key: str, who: str, *, member: bool, force: bool, now: datetime
) -> Changed:
    """Put somebody into a team by hand, or take that back.

    Raises:
        ConfigurationError: ``person.organization``, ``person.team``, ``person.unknown``,
            ``person.several``; ``store.*``.
        PolicyRefused: ``policy.last_administrator``.
    """
    held = terms(config, organization, force=force)
    async with opened(config) as store:
        user_id = await one_user(store, who, organization, now)
        word = "add_member" if member else "remove_member"
        told = audited(
            store, f"team.{word}", key, organization=organization, now=now, after={"user": user_id}
        )
        changed = await told.set_team_member(organization, user_id, key, held, now, member=member)
    if changed is None:
        raise _unknown(organization, key)
    return changed


def _of_the_store(config: Settings, organization: str, key: str) -> None:
    if key in known(config, organization).teams:
        raise ConfigurationError(
            "person.team_declared",
            f"{key} is declared in the settings file (organizations.{organization}.teams): change it there",
        )


def _of_its_own(config: Settings, organization: str, connection: str) -> None:
    theirs = [one.id for one in config.connections.values() if one.organization == organization]
    if connection and connection not in theirs:
        ids = ", ".join(theirs) or "none"
        raise ConfigurationError(
            "person.connection", f"{organization} has no such connection (it has: {ids})"
        )


def _unknown(organization: str, key: str) -> ConfigurationError:
    return ConfigurationError(
        "person.team", f"{organization} has no team {key}; `federation team list` shows those it has"
    )
