"""Whom it concerns that a connection goes: asked before it is switched off or deleted."""

from dataclasses import dataclass

from federation.administration import connections
from federation.administration.desk import Desk


@dataclass(frozen=True, kw_only=True)
class Affected:
    """Whom it concerns that a connection goes."""

    accounts: int  # people who came by it
    only_way: int  # of them: who have no other account in the organization
    sessions: int  # live ones through it
    domains: tuple[str, ...]
    enforced: tuple[str, ...]  # domains whose people must come this way; "" of the whole organization


async def count(desk: Desk, connection: str) -> Affected:
    """Return whom it concerns that it goes, or is switched off.

    Raises:
        NotFound: ``admin.not_yours``.
    """
    one = await connections.find(desk, connection)
    counted = await desk.store.count_affected(connection, one.organization, desk.now)
    return Affected(
        accounts=counted.accounts,
        only_way=counted.only_way,
        sessions=counted.sessions,
        domains=tuple(domain.name for domain in one.domains),
        enforced=tuple(
            rule.domain
            for rule in await desk.store.enforcements()
            if rule.organization == one.organization and connection in rule.connections
        ),
    )
