"""What both engines say alike of ``metadata_store.MetadataStore``."""

from datetime import datetime, timedelta

from federation.store import provider_metadata
from federation.store.drive import Drive
from federation.store.metadata_values import Metadata, MetadataChange


class MetadataTwin(Drive):
    """The verbs; their promises are told in ``metadata_store``."""

    async def find_metadata(self, connection: str) -> Metadata | None:
        return await self._read(lambda: provider_metadata.find(connection))

    async def may_fetch(self, connection: str, now: datetime, pause: timedelta) -> bool:
        return await self._decide(lambda: provider_metadata.may_fetch(connection, now, pause))

    async def note_checked(
        self, connection: str, etag: str, last_modified: str, now: datetime, *, digest: str
    ) -> None:
        await self._decide(
            lambda: provider_metadata.note_checked(connection, etag, last_modified, now, digest=digest)
        )

    async def keep_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(lambda: provider_metadata.keep(metadata, changes, now, previous=previous))

    async def hold_metadata(
        self, metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str
    ) -> bool:
        return await self._transact(lambda: provider_metadata.hold(metadata, changes, now, previous=previous))

    async def approve_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        return await self._transact(lambda: provider_metadata.approve(connection, digest, now))

    async def reject_metadata(self, connection: str, now: datetime, *, digest: str) -> bool:
        return await self._transact(lambda: provider_metadata.reject(connection, digest, now))

    async def metadata_changes(self, connection: str | None, limit: int) -> tuple[MetadataChange, ...]:
        return await self._read(lambda: provider_metadata.changes_of(connection, limit))
