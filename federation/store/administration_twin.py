"""What both engines say alike of ``administration_store.AdministrationStore``."""

from datetime import datetime

from federation.store import api_tokens, audit_pages
from federation.store.api_tokens import ApiToken
from federation.store.audit_pages import AuditFilter, AuditRow
from federation.store.drive import Drive


class AdministrationTwin(Drive):
    """The verbs; their promises are told in ``administration_store``."""

    async def keep_api_token(self, token_hash: bytes, token: ApiToken) -> bool:
        return await self._decide(lambda: api_tokens.keep(token_hash, token))

    async def find_api_token(self, token_hash: bytes, now: datetime) -> ApiToken | None:
        return await self._read(lambda: api_tokens.find(token_hash, now))

    async def api_token(self, identifier: str) -> ApiToken | None:
        return await self._read(lambda: api_tokens.by_id(identifier))

    async def touch_api_token(self, identifier: str, now: datetime) -> None:
        await self._note(lambda: api_tokens.touch(identifier, now))

    async def api_tokens(
        self, organization: str | None, before: str | None, limit: int
    ) -> tuple[ApiToken, ...]:
        return await self._read(lambda: api_tokens.every(organization, before, limit))

    async def revoke_api_token(self, organization: str, identifier: str, now: datetime) -> bool:
        return await self._decide(lambda: api_tokens.revoke(organization, identifier, now))

    async def audit_page(
        self, asked: AuditFilter, before: str | None, limit: int
    ) -> tuple[tuple[AuditRow, ...], str | None]:
        return await self._read(lambda: audit_pages.page(asked, before, limit))

    async def audit_on(
        self, organization: str | None, after: str, until: datetime, limit: int
    ) -> tuple[AuditRow, ...]:
        return await self._read(lambda: audit_pages.on(organization, after, until, limit))
