"""The promises about what administers: tokens of the API, who is one, and the audit log read again."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from federation.store.api_tokens import ApiToken
from federation.store.audit_pages import AuditFilter, AuditRow
from federation.store.endings import Administered


class AdministrationStore(Protocol):
    """Part of ``store.Store``."""

    async def keep_api_token(self, token_hash: bytes, token: ApiToken) -> bool:
        """Keep a token by its hash; False where it is there already."""

    async def find_api_token(self, token_hash: bytes, now: datetime) -> ApiToken | None:
        """Return the token of this hash, unless it is revoked or over; read anew every time."""

    async def api_token(self, identifier: str) -> ApiToken | None:
        """Return a token by its id, also one that is revoked or over."""

    async def touch_api_token(self, identifier: str, now: datetime) -> None:
        """Note that it was used, at most once a minute; it may be lost with the power."""

    async def api_tokens(
        self, organization: str | None, before: str | None, limit: int
    ) -> tuple[ApiToken, ...]:
        """Return up to ``limit`` tokens, newest first, from before an id; None is every organization's."""

    async def revoke_api_token(self, organization: str, identifier: str, now: datetime) -> bool:
        """Refuse it from now on, on every node; False where there is none, or it was revoked before."""

    async def audit_page(
        self, asked: AuditFilter, before: str | None, limit: int
    ) -> tuple[tuple[AuditRow, ...], str | None]:
        """Return up to ``limit`` lines of the audit log, newest first, and before which id it goes on.

        It may be short, or empty, and lead on: a page looks at some hundred.
        """

    async def audit_on(
        self, organization: str | None, after: str, until: datetime, limit: int
    ) -> tuple[AuditRow, ...]:
        """Return lines in the order of their ids, after one ("": from the first), of before a moment."""

    async def is_administrator(self, organization: str, user_id: str, named: Administered) -> bool:
        """Tell whether a user has what administers there, by a grant or a team, kept out or not."""

    async def is_administered(self, organization: str, named: Administered) -> bool:
        """Tell whether any member who is not kept out has what administers there, by a grant or a team."""

    async def administering_teams(
        self, organization: str, keys: Collection[str], named: Administered
    ) -> frozenset[str]:
        """Return those of these teams of the store that give one of the administrators' roles."""

    async def administrators_come_by(
        self, organization: str, connection: str, others: Collection[str] | None, named: Administered
    ) -> bool:
        """Tell whether whoever answers for a connection speaks for somebody who administers.

        By an account, as somebody expected there, or by a group that leads into a team.

        Args:
            organization: The connection's.
            connection: Its id.
            others: Ids of the organization's other connections, where those count too who came by one
                that is gone, whose provider this one could name; None: they do not.
            named: What administers there.
        """
