"""Whose something is, as deeds ask it before they do anything: an organization, a person in it."""

from federation.administration.actor import Scope
from federation.administration.desk import Desk
from federation.connection import Organization
from federation.errors import LastAdministrator, NotFound
from federation.policy import settlement, teams
from federation.store.people_values import Ended, Remaining, Terms


def organization(desk: Desk, scope: Scope, whose: str) -> Organization:
    """Return an organization in which this actor may do this.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    desk.demand(scope, organization=whose)
    if (tenant := desk.roster.organizations.get(whose)) is None:
        raise NotFound("admin.unknown", "there is no such organization")
    return tenant


async def person(desk: Desk, scope: Scope, whose: str, user: str) -> Organization:
    """Return the organization of a user whom it knows, and who is this actor's to do this with.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = organization(desk, scope, whose)
    if not await desk.store.belongs(whose, user):
        raise NotFound("admin.unknown", "the organization knows no such user")
    return tenant


def connections(desk: Desk, whose: str) -> tuple[str, ...]:
    """Return the ids of an organization's connections."""
    return tuple(one.id for one in desk.roster.connections_of(whose))


def terms(tenant: Organization, ways: tuple[str, ...], *, force: bool) -> Terms:
    """Return what a change in an organization is held to.

    Args:
        tenant: The organization.
        ways: Every connection of it.
        force: Nobody need be left who administers it.
    """
    declared = teams.declared(tenant)
    return Terms(
        connections=ways,
        declared=frozenset(declared),
        administrators=tenant.administrators_roles,
        administrator_teams=tenant.administrators_teams,
        force=force,
        tell=lambda standing: settlement.carried(standing, declared),
    )


def remaining(desk: Desk, whose: str, connection: str, *, force: bool) -> Remaining:
    """Return who must be left where a connection of an organization goes; arguments as ``terms``."""
    tenant = desk.roster.organizations.get(whose)
    open_ones = {
        one.id for one in desk.roster.connections.values() if one.organization == whose and one.enabled
    }
    return Remaining(
        organization=whose,
        administrators=tenant.administrators_roles if tenant else frozenset(),
        administrator_teams=tenant.administrators_teams if tenant else frozenset(),
        ways=tuple(sorted(open_ones - {connection})),
        in_use=connection in open_ones,
        force=force,
    )


def somebody_left(ended: Ended) -> Ended:
    """Return what came of it.

    Raises:
        LastAdministrator: ``admin.last_administrator``: nothing was done.
    """
    if ended.last_administrator_of:
        raise last_administrator()
    return ended


def last_administrator() -> LastAdministrator:
    """Return the refusal of what would leave nobody who administers."""
    return LastAdministrator("admin.last_administrator", "nobody else administers the organization")
