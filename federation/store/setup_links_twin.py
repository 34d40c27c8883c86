"""What both engines say alike of ``setup_links_store.SetupLinksStore``."""

from datetime import datetime

from federation.store import setup_links
from federation.store.drive import Drive
from federation.store.setup_links import SetupLink


class SetupLinksTwin(Drive):
    """The verbs; their promises are told in ``setup_links_store``."""

    async def keep_setup_link(self, token_hash: bytes, link: SetupLink) -> bool:
        return await self._decide(lambda: setup_links.keep(token_hash, link))

    async def find_setup_link(self, token_hash: bytes, now: datetime) -> SetupLink | None:
        return await self._read(lambda: setup_links.find(token_hash, now))

    async def setup_link(self, identifier: str) -> SetupLink | None:
        return await self._read(lambda: setup_links.by_id(identifier))

    async def use_setup_link(self, identifier: str, now: datetime) -> bool:
        return await self._decide(lambda: setup_links.use(identifier, now))

    async def setup_links(self, connection: str, before: str | None, limit: int) -> tuple[SetupLink, ...]:
        return await self._read(lambda: setup_links.of(connection, before, limit))

    async def revoke_setup_link(self, organization: str, identifier: str, now: datetime) -> bool:
        return await self._decide(lambda: setup_links.revoke(organization, identifier, now))
