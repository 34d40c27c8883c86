"""What is kept of one connection, read in one round trip: a page shows all of it."""

from collections.abc import Collection
from datetime import datetime

from federation.store import domain_proofs, endings, kept, lookout, provider_metadata, record_pages, rows
from federation.store.kept_values import ConnectionAbout
from federation.store.rows import Steps


def about(
    connection: str, organization: str, domains: Collection[str], since: datetime, now: datetime
) -> Steps[ConnectionAbout]:
    """Six reads, none of which asks what another found."""
    metadata, row, off, proofs, proved, signed_in_at = yield from rows.at_once(
        provider_metadata.find(connection),
        kept.find(connection),
        endings.switched_off(),
        lookout.proofs_of((organization, domain) for domain in domains),
        domain_proofs.proved(organization, now),
        record_pages.signed_in_at(connection, organization, since),
    )
    return ConnectionAbout(
        metadata=metadata, row=row, off=off, proofs=proofs, proved=proved, signed_in_at=signed_in_at
    )
