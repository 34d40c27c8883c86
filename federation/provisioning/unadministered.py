"""That a directory's word left nobody who administers an organization: told in the log and the audit log.

The change stands: whom a directory puts out is out. Somebody has to hear that nobody can mend it inside.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from federation.connection import AnyConnection
from federation.connection.policies import Terms
from federation.errors import StoreUnavailable
from federation.store.audit import AuditEntry
from federation.store.store import Store

log = logging.getLogger(__name__)


@asynccontextmanager
async def told(
    store: Store,
    terms: Terms,
    connection: AnyConnection | None,
    now: datetime,
    *,
    actor: str = "",
    address: str = "",
) -> AsyncIterator[None]:
    """Look before and after changes by which somebody may administer no more.

    Args:
        store: Where they are made.
        terms: In force: what administers the organization.
        connection: Whose directory it is; None where it is gone, and changes nothing.
        now: UTC.
        actor: By what the directory proved itself; "" where it is decided of beside its requests.
        address: Of its client.

    Raises:
        StoreUnavailable: Before the changes; afterwards nothing that fails here fails them.
    """
    named = terms.organizations.get(connection.organization) if connection else None
    if connection is None or named is None or not named.administrators_roles:
        yield
        return
    organization = connection.organization
    before = await store.is_administered(organization, named)
    yield
    with suppress(StoreUnavailable):
        if before and not await store.is_administered(organization, named):
            whose = {"organization": organization, "connection": connection.id}
            log.warning("nobody administers", extra=whose)
            line = AuditEntry(
                organization=organization,
                at=now,
                actor_kind="scim",
                actor=actor,
                action="organization.unadministered",
                kind="organization",
                name=organization,
                after={"connection": connection.id},
                address=address,
            )
            await store.audited(line).note_done()
