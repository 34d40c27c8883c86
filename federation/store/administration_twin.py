"""What both engines say alike of ``administration_store.AdministrationStore``."""

from collections.abc import Collection
from datetime import datetime

from federation.store import administrators, api_tokens, audit_pages
from federation.store.api_tokens import ApiToken
from federation.store.audit_pages import AuditFilter, AuditRow
from federation.store.drive import Drive
from federation.store.endings import Administered


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

    async def is_administrator(self, organization: str, user_id: str, named: Administered) -> bool:
        return await self._read(lambda: administrators.is_one(organization, user_id, named))

    async def is_administered(self, organization: str, named: Administered) -> bool:
        return await self._read(lambda: administrators.anybody(organization, named))

    async def administering_teams(
        self, organization: str, keys: Collection[str], named: Administered
    ) -> frozenset[str]:
        return await self._read(lambda: administrators.teams(organization, keys, named))

    async def administrators_come_by(
        self, organization: str, connection: str, others: Collection[str] | None, named: Administered
    ) -> bool:
        return await self._read(lambda: administrators.come_by(organization, connection, others, named))
