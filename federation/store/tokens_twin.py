"""What both engines say alike of ``tokens_store.TokensStore``."""

from collections.abc import Callable, Sequence
from datetime import datetime

from federation.store import tokens
from federation.store.drive import Drive
from federation.store.values import KeptTokensOf, SealedTokens


class TokensTwin(Drive):
    """The verbs; their promises are told in ``tokens_store``."""

    _gives_back: Callable[[KeptTokensOf], None] | None = None

    def give_back_by(self, tell: Callable[[KeptTokensOf], None]) -> None:
        self._gives_back = tell

    def _dropped(self, kept: Sequence[KeptTokensOf]) -> None:
        if (give_back := self._gives_back) is not None:
            for one in kept:
                give_back(one)

    async def tokens_of(self, token_hash: bytes, now: datetime) -> KeptTokensOf | None:
        return await self._read(lambda: tokens.find(token_hash, now))

    async def due_tokens(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[KeptTokensOf, ...]:
        return await self._read(lambda: tokens.due(connection, organization, now, batch))

    async def take_tokens(self, found: KeptTokensOf, holder: str, until: datetime, now: datetime) -> bool:
        return await self._decide(lambda: tokens.take(found, holder, until, now))

    async def keep_renewed_tokens(
        self, session_id: str, holder: str, renewed: SealedTokens, now: datetime
    ) -> bool:
        return await self._decide(lambda: tokens.keep_renewed(session_id, holder, renewed, now))

    async def put_off_tokens(
        self, session_id: str, holder: str, until: datetime, renew_at: datetime | None
    ) -> None:
        await self._decide(lambda: tokens.put_off(session_id, holder, until, renew_at))

    async def end_refused_session(self, session_id: str, holder: str, now: datetime) -> bool:
        token_hash = await self._decide(lambda: tokens.end_refused(session_id, holder, now))
        if token_hash is None:
            return False
        self._ended(token_hash)
        return True
