"""Whom it concerns that a connection goes: asked before it is switched off or deleted."""

from dataclasses import dataclass

from federation.administration import connections
from federation.administration.connection_views import ConnectionView
from federation.administration.desk import Desk
from federation.store.kept_values import AFFECTED_COUNTED


@dataclass(frozen=True, kw_only=True)
class Affected:
    """Whom it concerns that a connection goes."""

    accounts: int | None  # people who came by it; None: more than are counted
    only_way: int | None  # of them: who have no other account in the organization
    sessions: int | None  # live ones of theirs through it
    domains: tuple[str, ...]
    enforced: tuple[str, ...]  # domains whose people must come this way; "" of the whole organization


async def count(desk: Desk, connection: str) -> Affected:
    """Return whom it concerns that it goes, or is switched off.

    Raises:
        NotFound: ``admin.not_yours``.
    """
    return await count_of(desk, await connections.find(desk, connection))


async def count_of(desk: Desk, one: ConnectionView) -> Affected:
    """As ``count``, of one that was found for this actor."""
    counted = await desk.store.count_affected(one.id, one.organization, desk.now)
    return Affected(
        accounts=_told(counted.accounts),
        only_way=_told(counted.only_way),
        sessions=_told(counted.sessions),
        domains=tuple(domain.name for domain in one.domains),
        enforced=tuple(
            rule.domain
            for rule in await desk.store.enforcements()
            if rule.organization == one.organization and one.id in rule.connections
        ),
    )


def _told(counted: int) -> int | None:
    return counted if counted <= AFFECTED_COUNTED else None
