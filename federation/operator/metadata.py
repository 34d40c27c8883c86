"""What `federation metadata fetch`, `changes`, `approve` and `reject` do: their metadata, by hand.

The operator decides between what is in force and what waits; every worker follows within half
a minute.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation.connection import SamlConnection
from federation.errors import ConfigurationError, ProviderUnavailable
from federation.fetch import open_door
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.metadata_values import Metadata, MetadataChange
from federation.store.store import Store, open_store
from federation.trust.published import Outcome, Published
from federation.trust.reading import Reader

SHOWN = 50  # changes, newest first
_DIGITS = 16  # of a digest: more than anybody finds a second document for
_SAID = {
    "same": "nothing changed",
    "first": "fetched for the first time, and in force",
    "taken": "changed; the new document is in force",
    "held": "changed; the new document waits for approval",
    "rejected": "still publishes what was rejected",
}


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came of fetching one connection's metadata."""

    connection: str
    state: str
    changes: tuple[str, ...]
    digest: str  # of the document that waits; "" where none does

    @property
    def said(self) -> str:
        return f"{self.connection}: {_SAID[self.state]}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        told: dict[str, Any] = {"connection": self.connection, "state": self.state, "changes": self.changes}
        return told | ({"held": self.digest} if self.digest else {})


async def fetch(config: Settings, connection: str, *, now: datetime) -> Fetched:
    """Fetch a connection's metadata now; keep or hold what it says.

    Raises:
        ConfigurationError: ``registry.connection``, ``registry.metadata_no_url``; ``store.*``.
        ProviderUnavailable: It could not be had, or cannot be used; what is known stays in force.
    """
    declared = saml_connection(config, connection)
    url = declared.metadata.url if declared.metadata else None
    if url is None:
        raise ConfigurationError(
            "registry.metadata_no_url", f"{connection} has no metadata.url: there is nothing to fetch"
        )
    door = open_door(config)
    try:
        async with _opened(config) as store:
            source = Published(declared, url, door, store, development=config.development)

            def by(news: Outcome) -> Store:
                after = {"state": news.state, "changes": [str(one) for one in news.changes]}
                whose = declared.organization
                return audited(store, "metadata.fetch", connection, organization=whose, now=now, after=after)

            outcome = await source.fetch_now(now, by=by)
            row = await store.find_metadata(connection)
    except ProviderUnavailable as fault:
        said = f"{url} gives nothing to use: {fault.detail}; what was known before stays in force"
        raise ProviderUnavailable(fault.code, said) from None
    finally:
        await door.close()
    return Fetched(
        connection=connection,
        state=outcome.state,
        changes=tuple(map(str, outcome.changes)),
        digest=row.held_digest if row else "",
    )


async def changes(config: Settings, connection: str | None) -> tuple[tuple[MetadataChange, ...], str]:
    """Return the latest changes, newest first, and the digest of what waits at this connection.

    Raises:
        ConfigurationError: ``registry.connection``; ``store.*``.
    """
    if connection is not None:
        saml_connection(config, connection)
    async with _opened(config) as store:
        row = await store.find_metadata(connection) if connection else None
        return await store.metadata_changes(connection, SHOWN), row.held_digest if row else ""


async def approve(config: Settings, connection: str, digest: str, *, now: datetime) -> tuple[str, ...]:
    """Put the document that waits in force.

    Args:
        config: The settings.
        connection: Whose.
        digest: Its SHA-256 or the beginning of it, so that no other is meant; "" for whichever waits.
        now: UTC, aware; the document is read once more, as these settings want it.

    Returns:
        What changed.

    Raises:
        ConfigurationError: ``registry.connection``, ``registry.metadata_not_held``; ``saml.*`` of a
            document that cannot be used any more; ``store.*``.
    """
    declared = saml_connection(config, connection)
    async with _opened(config) as store:
        row = await _waiting(store, connection, digest)
        reader = Reader(declared, development=config.development)
        await reader.read(row.held_document.encode(), now)
        told = _audited(store, "approve", declared, row, now)
        if not await told.approve_metadata(connection, now, digest=row.held_digest):
            raise _gone(connection)
    return row.held_changes


async def reject(config: Settings, connection: str, digest: str, *, now: datetime) -> tuple[str, ...]:
    """Drop the document that waits, never to hold it again; arguments and returns as ``approve``.

    Raises:
        ConfigurationError: ``registry.connection``, ``registry.metadata_not_held``; ``store.*``.
    """
    declared = saml_connection(config, connection)
    async with _opened(config) as store:
        row = await _waiting(store, connection, digest)
        told = _audited(store, "reject", declared, row, now)
        if not await told.reject_metadata(connection, now, digest=row.held_digest):
            raise _gone(connection)
    return row.held_changes


def _audited(store: Store, word: str, declared: SamlConnection, row: Metadata, now: datetime) -> Store:
    said = {"digest": row.held_digest, "changes": list(row.held_changes)}
    return audited(
        store, f"metadata.{word}", declared.id, organization=declared.organization, now=now, after=said
    )


def tell(found: tuple[MetadataChange, ...]) -> list[str]:
    """Return changes as lines to read."""
    lines = []
    for one in found:
        lines.append(f"{one.at.isoformat(timespec='seconds')}  {one.connection}  {one.state}")
        lines += [f"  {line}" for line in one.changes]
    return lines


def decide(connection: str, digest: str) -> str:
    """Say how what waits is decided: this very document, whatever is published meanwhile."""
    which = f"{connection} --digest {digest[:_DIGITS]}"
    return f"to decide: federation metadata approve {which}   ·   federation metadata reject {which}"


def change_as_json(change: MetadataChange) -> dict[str, Any]:
    """Return a change as plain data."""
    return {
        "connection": change.connection,
        "at": change.at.isoformat(timespec="seconds"),
        "state": change.state,
        "settled_at": change.settled_at.isoformat(timespec="seconds") if change.settled_at else None,
        "changes": change.changes,
    }


def saml_connection(config: Settings, connection: str) -> SamlConnection:
    """Return a SAML connection of the settings.

    Raises:
        ConfigurationError: ``registry.connection``.
    """
    declared = config.connections.get(connection)
    if not isinstance(declared, SamlConnection):
        raise ConfigurationError(
            "registry.connection", f"{connection} is no SAML connection of {config.file}"
        )
    return declared


async def _waiting(store: Store, connection: str, digest: str) -> Metadata:
    row = await store.find_metadata(connection)
    if row is None or not row.held_digest:
        raise ConfigurationError(
            "registry.metadata_not_held", f"no change of {connection}'s metadata waits for approval"
        )
    if not row.held_digest.startswith(digest.lower()):
        raise _gone(connection)
    return row


def _gone(connection: str) -> ConfigurationError:
    return ConfigurationError(
        "registry.metadata_not_held",
        f"another document waits by now; look again: federation metadata changes {connection}",
    )


@contextlib.asynccontextmanager
async def _opened(config: Settings) -> AsyncIterator[Store]:
    store = await open_store(config.database_url.get_secret_value())
    try:
        yield store
    finally:
        await store.close()
