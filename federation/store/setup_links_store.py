"""The promises about setup links."""

from datetime import datetime
from typing import Protocol

from federation.store.setup_links import SetupLink


class SetupLinksStore(Protocol):
    """Part of ``store.Store``."""

    async def keep_setup_link(self, token_hash: bytes, link: SetupLink) -> bool:
        """Keep a link by its hash; False where its organization has no such connection here."""

    async def find_setup_link(self, token_hash: bytes, now: datetime) -> SetupLink | None:
        """Return the link of this hash; None where it is revoked, over, or its connection is gone.

        Read anew every time. A connection that was made again under its id is another one.
        """

    async def setup_link(self, identifier: str) -> SetupLink | None:
        """Return a link by its id, also one that opens nothing any more."""

    async def use_setup_link(self, identifier: str, now: datetime) -> bool:
        """Count that it was begun with; False where it opens nothing any more."""

    async def setup_links(self, connection: str, before: str | None, limit: int) -> tuple[SetupLink, ...]:
        """Return up to ``limit`` links of a connection, newest first, from before an id."""

    async def revoke_setup_link(self, organization: str, identifier: str, now: datetime) -> bool:
        """Refuse it from now on, on every node; False where there is none, or it was revoked before."""
