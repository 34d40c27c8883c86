"""Trust material that the operator wrote down: a file, a pasted document, or single fields.

A file is read again when it changed: hourly, when a message is signed by an unknown key, and
when what it said has expired. Nobody approves it: whoever may write it may write the settings
too. What changed is recorded like any other change.
"""

import asyncio
import contextlib
import logging
from datetime import datetime
from pathlib import Path

from federation.connection import SamlConnection
from federation.errors import ConfigurationError, FederationError
from federation.saml import changes, validity
from federation.saml.changes import Change
from federation.saml.metadata import IdentityProvider
from federation.saml.validity import Validity
from federation.store.metadata_values import Metadata
from federation.store.store import Store
from federation.trust import reading
from federation.trust.contract import ASK_AFTER, Because, within
from federation.trust.reading import Reader

log = logging.getLogger(__name__)


class Written:
    """One connection's trust material, as its operator wrote it."""

    def __init__(self, connection: SamlConnection, store: Store, *, development: bool) -> None:
        """Prepare; nothing is read before the first use. Raises as ``Reader`` does."""
        self._connection = connection
        self._store = store
        self._development = development
        self._reader = Reader(connection, development=development)
        self._file: Path | None = connection.metadata.file if connection.metadata else None
        self._stamp: tuple[int, int, int] | None = None
        self._idp: IdentityProvider | None = None
        self._lock = asyncio.Lock()
        self._asked: datetime | None = None  # for an unknown key

    @property
    def at_hand(self) -> IdentityProvider | None:
        """What this worker last read."""
        return self._idp

    async def get(self, now: datetime) -> IdentityProvider:
        """Return what was written.

        Raises:
            ConfigurationError: ``registry.metadata_file``; ``saml.*`` as ``saml.metadata`` says.
        """
        idp = self._idp
        if idp is None or (idp.valid_until is not None and now >= idp.valid_until):
            async with self._lock:
                idp = await self._load(now)
            validity.require(Validity(idp.valid_until), now)
        return idp

    async def refresh(self, now: datetime, *, because: Because) -> IdentityProvider:
        """Read a file again if it changed; one that cannot be used leaves in force what is known.

        Raises:
            ConfigurationError: As ``get``; ``unknown_key``: only where nothing is known.
        """
        if because == "unknown_key":
            if within(ASK_AFTER, self._asked, now):
                return await self.get(now)  # anybody can send a message that nobody signed
            self._asked = now  # the schedule's own look counts for nothing: the file may change after it
        async with self._lock:
            try:
                return await self._load(now)
            except FederationError as fault:
                if because == "schedule" or self._idp is None:
                    raise
                log.warning(
                    "metadata not read", extra={"connection": self._connection.id, "code": fault.code}
                )
                return self._idp

    async def _load(self, now: datetime) -> IdentityProvider:
        if self._idp is not None and self._file is None:
            return self._idp
        stamp = None if self._file is None else await asyncio.to_thread(_stamp, self._file)
        if self._idp is not None and stamp == self._stamp:
            return self._idp
        self._stamp = None  # what fails now is tried again, whatever it looks like then
        document = await asyncio.to_thread(reading.document_of, self._connection)
        if document is None:
            self._idp = reading.from_fields(self._connection, development=self._development)
            return self._idp
        idp = await self._reader.read(document, now)
        await self._record(document, idp, now)
        self._idp, self._stamp = idp, stamp
        return idp

    async def _record(self, document: bytes, idp: IdentityProvider, now: datetime) -> None:
        """Record how it differs from the document before it, on whatever node that was read."""
        row = await self._store.find_metadata(self._connection.id)
        known = reading.digest(document)
        if row is not None and row.digest == known:
            return
        differences: tuple[Change, ...] = ()
        if row is not None:
            # What these settings cannot read any more is nothing to compare with.
            with contextlib.suppress(ConfigurationError):
                old = await self._reader.read(row.document.encode(), row.fetched_at)
                differences = changes.compare(old, idp)
        new = Metadata(
            connection=self._connection.id,
            source="settings" if self._file is None else str(self._file),
            document=document.decode(),
            digest=known,
            fetched_at=now,
            checked_at=now,
        )
        lines, previous = tuple(map(str, differences)), row.digest if row else ""
        if await self._store.keep_metadata(new, lines, now, previous=previous) and lines:
            log.warning(
                "metadata changed",
                extra={
                    "connection": self._connection.id,
                    "state": "taken",
                    "changes": changes.kinds(differences),
                },
            )


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from another; None where it is not there."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
