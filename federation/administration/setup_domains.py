"""The domains of one connection, and the records in DNS that prove them: of a draft too."""

from collections.abc import Mapping

from federation import domain_proof
from federation.administration import connections, domains
from federation.administration.connection_views import ConnectionView
from federation.administration.desk import Desk
from federation.domain_proof import Challenge
from federation.errors import NotFound


async def challenges(desk: Desk, view: ConnectionView) -> Mapping[str, Challenge]:
    """Return the record that proves each domain that needs one, of those that ``begin`` made.

    Args:
        desk: Who asks.
        view: Of a connection that they may see.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    desk.demand("connections:write", organization=view.organization, connection=view.id)
    names = {one.name: _base(one.name) for one in view.domains if one.needed}
    places = {(view.organization, base) for base in names.values()}
    found = await desk.store.domain_proofs_of(places) if places else ()
    made = {one.domain: Challenge(proof=one) for one in found}
    return {name: made[base] for name, base in names.items() if base in made}


async def begin(desk: Desk, connection: str) -> None:
    """Make the record of each domain that needs one and has none; the others stay as they are.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    view = await connections.find(desk, connection)
    made = await challenges(desk, view)
    for name in (one.name for one in view.domains if one.needed and one.name not in made):
        store = desk.audited("domain.begin_proof", "domain", _base(name), organization=view.organization)
        await domain_proof.challenge(store, view.organization, _base(name), desk.now)


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
