"""The domains of one connection, and the records in DNS that prove them: of a draft too."""

from collections.abc import Mapping

from federation import domain_proof
from federation.administration import connections, domains
from federation.administration.connection_views import ConnectionView
from federation.administration.desk import Desk
from federation.domain_proof import Challenge
from federation.errors import NotFound


async def challenges(desk: Desk, view: ConnectionView) -> Mapping[str, Challenge]:
    """Return the record that proves each domain that needs one, by the domain's name; it stays the same.

    Args:
        desk: Who asks.
        view: Of a connection that they may see.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    desk.demand("connections:write", organization=view.organization, connection=view.id)
    return {
        one.name: await domain_proof.challenge(desk.store, view.organization, _base(one.name), desk.now)
        for one in view.domains
        if one.needed
    }


async def look(desk: Desk, connection: str, domain: str) -> bool:
    """Ask DNS for the record of a domain, and note the answer; tell whether it is there.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``: the connection names no such domain.
        ProviderUnavailable: ``domain.dns``, ``domain.dns_setup``.
    """
    view = await connections.find(desk, connection)
    desk.demand("connections:write", organization=view.organization, connection=view.id)
    if domain not in {one.name for one in view.domains}:
        raise NotFound("admin.unknown", "the connection does not name this domain")
    return await domains.look_for(desk, view.organization, _base(domain))


def _base(domain: str) -> str:
    return domain.removeprefix("*.")
