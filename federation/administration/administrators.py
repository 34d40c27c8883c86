"""Who may make an administrator: what gives administration, takes it or could give it has a scope of its own.

Asked of every deed beside its own scope, before it does anything. A token without this scope changes
people, teams and connections, and nobody administers by that, or administers no more. A connection could
give administration where its roles or teams do; where somebody who administers comes by it; and where its
word about an address counts, since an invitation and an account are found by one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation import presets
from federation.administration.desk import Desk
from federation.connection import AnyConnection
from federation.roster import kept
from federation.roster.making import Kept

# What decides which roles and teams are given; the rest of a connection decides who somebody is.
_RULES: Final = ("role_rules", "match", "strict", "on_no_match", "role_sync", "default_roles")
_NAMES_ADMINISTRATORS: Final = ("administrators", "default_roles")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a connection may give, and whether an address counts by its word."""

    roles: frozenset[str]
    teams: frozenset[str]  # declared ones, by key
    trusted: bool


def demand_for_roles(desk: Desk, organization: str, roles: Iterable[str]) -> None:
    """Ask before roles are given or taken, by hand, by a team or an invitation.

    Raises:
        NotAllowed: ``admin.administrators``.
    """
    tenant = desk.roster.organizations[organization]
    if not tenant.administrators_roles.isdisjoint(roles):
        desk.actor.demand_administrators()


async def demand_for_teams(desk: Desk, organization: str, keys: Collection[str]) -> None:
    """Ask before somebody joins or leaves teams, now or one day; raises as ``demand_for_roles``."""
    tenant = desk.roster.organizations[organization]
    if desk.actor.may_administrators or not (keys and tenant.administrators_roles):
        return
    if not tenant.administrators_teams.isdisjoint(keys) or await desk.store.administering_teams(
        organization, keys, tenant
    ):
        desk.actor.demand_administrators()


async def demand_for_person(desk: Desk, organization: str, user: str) -> None:
    """Ask before somebody is let in, kept out or erased; raises as ``demand_for_roles``."""
    tenant = desk.roster.organizations[organization]
    if desk.actor.may_administrators or not tenant.administrators_roles:
        return
    if await desk.store.is_administrator(organization, user, tenant):
        desk.actor.demand_administrators()


def demand_for_organization(desk: Desk, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Ask before it is said which roles administer, or what everybody has; raises as ``demand_for_roles``."""
    if any((before.get(key) or []) != (after.get(key) or []) for key in _NAMES_ADMINISTRATORS):
        desk.actor.demand_administrators()


async def demand_for_change(
    desk: Desk, one: Kept, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Ask before a connection of the store is changed; raises as ``demand_for_roles``.

    Until it is enabled, who holds a setup link or a token says who its people are: whoever enables it
    answers for that. But what it gives is not theirs to say, nor whose account somebody has there.
    """
    if desk.actor.may_administrators:
        return
    organization, connection = one.row.organization, one.row.id
    is_ruled = any(before.get(key) != after.get(key) for key in _RULES)
    for given in map(given_by, (before, after)):
        if is_ruled and _gives(desk, organization, given):
            desk.actor.demand_administrators()
        if one.row.enabled and await _could(desk, organization, connection, given):
            desk.actor.demand_administrators()
    if await _is_of_administrators(desk, organization, connection):
        desk.actor.demand_administrators()


def demand_for_new(desk: Desk, organization: str, body: Mapping[str, Any]) -> None:
    """Ask before a connection is kept that nobody comes by yet; raises as ``demand_for_roles``."""
    if _gives(desk, organization, given_by(body)):
        desk.actor.demand_administrators()


async def demand_for_entering(desk: Desk, organization: str, connection: str) -> None:
    """Ask before people are let in by a connection, or by other keys of its provider.

    Raises:
        NotAllowed: ``admin.administrators``.
    """
    if desk.actor.may_administrators:
        return
    if await _could(desk, organization, connection, _of(desk, connection)):
        desk.actor.demand_administrators()


async def demand_for_leaving(desk: Desk, organization: str, connection: str) -> None:
    """Ask before a connection is switched off or goes, with what it gave; raises as ``demand_for_roles``."""
    if desk.actor.may_administrators:
        return
    one = desk.roster.kept.get(connection)
    is_in_use = one is None or one.row.enabled
    if is_in_use and _may_give(desk, organization, connection, _of(desk, connection)):
        desk.actor.demand_administrators()
    if await _is_of_administrators(desk, organization, connection):
        desk.actor.demand_administrators()


def given_by(body: Mapping[str, Any]) -> Given:
    """Return what keys of the settings file may give; they are in order, but for those that are missing."""
    told = presets.fill_in(body)
    rules = [one for one in told.get("role_rules") or () if isinstance(one, Mapping)]
    return Given(
        roles=_names([told.get("default_roles"), *(one.get("roles") for one in rules)]),
        teams=_names(one.get("teams") for one in rules),
        trusted=_is_trusted(
            str(told.get("email_trust", "none")),
            str(told.get("preset", "generic")),
            str(told.get("protocol", "")),
        ),
    )


def _of(desk: Desk, connection: str) -> Given:
    one = desk.roster.kept.get(connection)
    if one is not None:
        return given_by(kept.body_of(one.row))
    declared: AnyConnection = desk.roster.connections[connection]
    return Given(
        roles=_names([declared.default_roles, *(rule.roles for rule in declared.role_rules)]),
        teams=_names(rule.teams for rule in declared.role_rules),
        trusted=_is_trusted(declared.email_trust, declared.preset, declared.protocol),
    )


def _names(lists: Iterable[object]) -> frozenset[str]:
    """As they are read: without what stands around them."""
    return frozenset(str(name).strip() for one in lists if isinstance(one, list | tuple) for name in one)


def _is_trusted(email_trust: str, preset: str, protocol: str) -> bool:
    return email_trust != "none" or presets.authority(preset, protocol) is not None


async def _could(desk: Desk, organization: str, connection: str, given: Given) -> bool:
    """Tell whether somebody could come by it who administers then."""
    if _may_give(desk, organization, connection, given):
        return True
    tenant = desk.roster.organizations[organization]
    if not tenant.administrators_roles:
        return False
    others = {one.id for one in desk.roster.connections.values() if one.organization == organization}
    others |= {name for name, one in desk.roster.kept.items() if one.row.organization == organization}
    return given.trusted or await desk.store.administrators_come_by(
        organization, connection, others - {connection}, tenant
    )


def _may_give(desk: Desk, organization: str, connection: str, given: Given) -> bool:
    """Tell whether it gives administration to anybody, as far as the settings and its own keys say."""
    if connection in desk.settings.system_roles or _gives(desk, organization, given):
        return True
    tenant = desk.roster.organizations[organization]
    if not tenant.administrators_roles.isdisjoint(tenant.default_roles):
        return True
    declared = (tenant.teams[key] for key in tenant.administrators_teams)
    return any(one.groups and connection in (one.connections or (connection,)) for one in declared)


def _gives(desk: Desk, organization: str, given: Given) -> bool:
    """Tell whether its own roles and rules do; in an organization that is gone, nobody can tell."""
    if (tenant := desk.roster.organizations.get(organization)) is None:
        return True
    return not (
        tenant.administrators_roles.isdisjoint(given.roles)
        and tenant.administrators_teams.isdisjoint(given.teams)
    )


async def _is_of_administrators(desk: Desk, organization: str, connection: str) -> bool:
    tenant = desk.roster.organizations.get(organization)
    if tenant is None or not tenant.administrators_roles:
        return tenant is None
    return await desk.store.administrators_come_by(organization, connection, None, tenant)
