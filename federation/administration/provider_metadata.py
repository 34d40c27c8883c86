"""An identity provider's later metadata, which waits for somebody's word: taken, or put aside for good."""

from federation.administration import administrators
from federation.administration.desk import Desk
from federation.connection import SamlConnection
from federation.errors import ChangeConflicts, NotFound
from federation.store.metadata_values import Metadata
from federation.trust.reading import Reader


async def approve(desk: Desk, connection: str, digest: str) -> None:
    """Put the document that waits in force; every worker follows within half a minute.

    Args:
        desk: By whom.
        connection: Whose.
        digest: Of the document that was looked at: SHA-256, hex.

    Raises:
        ChangeConflicts: ``admin.changed_meanwhile``: another one waits by now, or none.
        ConfigurationError: ``saml.*``: it cannot be used any more.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    declared, row = await _waiting(desk, connection, digest)
    await administrators.demand_for_entering(desk, declared.organization, connection)
    await Reader(declared, development=desk.settings.development).read(row.held_document.encode(), desk.now)
    store = desk.audited(
        "metadata.approve",
        "connection",
        connection,
        organization=declared.organization,
        before={"digest": row.digest},
        after={"digest": digest, "changes": row.held_changes},
    )
    if not await store.approve_metadata(connection, desk.now, digest=digest):
        raise _moved_on()


async def reject(desk: Desk, connection: str, digest: str) -> None:
    """Drop the document that waits, never to hold it again. Arguments and errors as ``approve``."""
    declared, row = await _waiting(desk, connection, digest)
    store = desk.audited(
        "metadata.reject",
        "connection",
        connection,
        organization=declared.organization,
        before={"digest": digest, "changes": row.held_changes},
    )
    if not await store.reject_metadata(connection, desk.now, digest=digest):
        raise _moved_on()


async def _waiting(desk: Desk, connection: str, digest: str) -> tuple[SamlConnection, Metadata]:
    declared = desk.roster.connections.get(connection)
    organization = declared.organization if declared else ""
    desk.demand("connections:write", organization=organization, connection=connection)
    if not isinstance(declared, SamlConnection):
        raise NotFound("admin.unknown", "there is no such SAML connection")
    row = await desk.store.find_metadata(connection)
    if row is None or not row.held_digest or row.held_digest != digest:
        raise _moved_on()
    return declared, row


def _moved_on() -> ChangeConflicts:
    return ChangeConflicts("admin.changed_meanwhile", "another document waits by now, or none")
