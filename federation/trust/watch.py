"""What somebody should look at before it stops a sign-in: ends of certificates, metadata, exceptions.

None of it decides anything; `federation doctor` shows it, and upkeep logs its codes once a day.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from federation.connection import SamlConnection
from federation.errors import FederationError
from federation.saml.metadata import IdentityProvider
from federation.store.metadata_values import Metadata
from federation.store.store import Store
from federation.trust import reading
from federation.trust.published import due_at
from federation.trust.reading import Reader

SOON = timedelta(days=30)
KEPT = frozenset(
    {
        "watch.exception_ended",
        "watch.exception_ends",
        "watch.metadata_expired",
        "watch.metadata_expires",
        "watch.metadata_overdue",
        "watch.metadata_held",
    }
)  # what does not need the provider's word
_OVERDUE = timedelta(hours=3)  # whoever asks hourly was refused more than once


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing to look at. ``code`` goes into logs, ``said`` is for the operator's eyes."""

    code: str
    said: str
    mend: str
    red: bool  # what was promised, or is needed, is over


async def look(
    connection: SamlConnection, store: Store, *, development: bool, now: datetime
) -> tuple[Concern, ...]:
    """Look at everything of one connection, without asking its provider.

    Args:
        connection: Validated.
        store: Where its metadata is kept.
        development: As ``trust.source.open_source``.
        now: UTC, aware.
    """
    row = await store.find_metadata(connection.id)
    try:
        idp = await in_force(connection, row, development=development, now=now)
    except FederationError as fault:
        unread = Concern(
            code=fault.code, said=fault.detail, mend=f"to be mended by {fault.mended_by}", red=True
        )
        return (*exceptions(connection, now), unread)
    return (
        *exceptions(connection, now),
        *(certificates(idp, now) if idp else ()),
        *(metadata(connection, idp, row, now) if idp else ()),
    )


async def in_force(
    connection: SamlConnection, row: Metadata | None, *, development: bool, now: datetime
) -> IdentityProvider | None:
    """Return the trust material that is at hand; None where nothing was ever fetched."""
    url = connection.metadata.url if connection.metadata else None
    if url is None:
        work = partial(reading.at_hand, connection, development=development, now=now)
        return await asyncio.to_thread(work) if reading.is_slow(connection) else work()
    if row is None or row.source != url:
        return None
    return await Reader(connection, development=development).read(row.document.encode(), row.fetched_at)


def exceptions(connection: SamlConnection, now: datetime) -> Iterator[Concern]:
    """Tell which algorithm exceptions are over, or will be soon."""
    for one in connection.exceptions:
        left = one.until - now.date()
        if left >= SOON:
            continue
        over = left < timedelta(0)
        said = f"the exception for {one.allow} {'ended' if over else 'ends'} on {one.until}: {one.reason}"
        if over:
            said += "; refused since" if one.enforce_end else "; accepted still (enforce_end: false)"
        yield Concern(
            code="watch.exception_ended" if over else "watch.exception_ends",
            said=said,
            mend="let the provider change its algorithm and take the exception out, or set a later date",
            red=over,
        )


def certificates(idp: IdentityProvider, now: datetime) -> Iterator[Concern]:
    """Tell which of the provider's certificates have expired, or will soon. They verify all the same."""
    for key in idp.keys:
        if key.not_after - now < SOON:
            over = key.not_after <= now
            ends = f"{'expired' if over else 'expires'} on {key.not_after:%Y-%m-%d}"
            yield Concern(
                code="watch.certificate_expired" if over else "watch.certificate_expires",
                said=f"the provider's certificate {key.fingerprint[:16]}… {ends}",
                mend="it still verifies; ask the provider for its new metadata before it changes the key",
                red=False,
            )


def metadata(
    connection: SamlConnection, idp: IdentityProvider, row: Metadata | None, now: datetime
) -> Iterator[Concern]:
    """Tell whether the metadata ends, is no longer answered for, or waits for somebody's word."""
    by_url = bool(connection.metadata and connection.metadata.url)
    until = idp.valid_until
    if until is not None and until <= now:
        yield Concern(
            code="watch.metadata_expired",
            said=f"the metadata was valid until {until.isoformat()}: sign-ins are refused",
            mend="see what waits, or why it cannot be fetched" if by_url else "replace the document",
            red=True,
        )
    elif until is not None and not by_url and until - now < SOON:
        yield Concern(
            code="watch.metadata_expires",
            said=f"the metadata is valid until {until.isoformat()}, then sign-ins are refused",
            mend="replace the document, or set metadata.url so that it stays fresh",
            red=False,
        )
    if not by_url or row is None:
        return
    if now > due_at(idp, row.checked_at) + _OVERDUE:
        yield Concern(
            code="watch.metadata_overdue",
            said=f"the metadata URL has not answered usably since {row.checked_at.isoformat()}",
            mend=f"federation metadata fetch {connection.id} says why",
            red=False,
        )
    if row.held_digest:
        yield Concern(
            code="watch.metadata_held",
            said=f"new metadata waits for approval: {'; '.join(row.held_changes)}",
            mend=f"federation metadata approve {connection.id}, or reject it",
            red=False,
        )
