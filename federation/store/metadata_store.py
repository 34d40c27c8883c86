"""The promises about what identity providers publish, as every node has it."""

from datetime import datetime, timedelta
from typing import Protocol

from federation.store.metadata_values import Metadata, MetadataChange


class MetadataStore(Protocol):
    """What was fetched, and what of it waits for somebody's word."""

    async def find_metadata(self, connection: str) -> Metadata | None:
        """Return what this connection's provider publishes, None where nothing was kept yet."""

    async def may_fetch(self, connection: str, now: datetime, pause: timedelta) -> bool:
        """Tell whether to fetch it now: one caller on any node, at most once in each pause."""

    async def note_checked(
        self, connection: str, etag: str, last_modified: str, now: datetime, *, digest: str
    ) -> None:
        """Note that the provider still publishes the document of this digest, if that is still in force.

        Otherwise the headers belong to a document that another node has put aside meanwhile.
        """

    async def keep_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        """Put a document in force and record its changes, if there are any.

        What is held goes: the provider publishes this one now. ``held_*`` of the value is not read.

        Args:
            metadata: The new document.
            changes: A line each.
            now: UTC.
            previous: Digest of the document in force that it was compared with, "" for none.

        Returns:
            False where another one is in force by now: somebody else was first.
        """

    async def hold_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        """Keep a document beside the one in force until it is approved; arguments as ``keep_metadata``.

        Returns:
            True where this call recorded a change. False where another one is in force by now,
            or none; where this document is held already, or with the same changes; where it
            was rejected.
        """

    async def approve_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        """Put the held document of this digest, and no other, in force; False if it is not held."""

    async def reject_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        """Drop the held document of this digest, never to hold it again; False if it is not held."""

    async def metadata_changes(self, connection: str | None, limit: int) -> tuple[MetadataChange, ...]:
        """Return the latest changes, newest first, of one connection or (None) of all; 1,000 at most."""
