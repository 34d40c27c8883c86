"""The promises about a provider's tokens, which a session keeps."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from federation.store.values import KeptTokensOf, SealedTokens


class TokensStore(Protocol):
    """Handed to one node at a time, so that each refresh token is used once."""

    def give_back_by(self, tell: Callable[[KeptTokensOf], None]) -> None:
        """Have somebody told, after the commit, of tokens that went with sessions which a directory ended."""

    async def tokens_of(self, token_hash: bytes, now: datetime) -> KeptTokensOf | None:
        """Return what this token's live session keeps of its provider's tokens, if anything."""

    async def due_tokens(
        self, connection: str, organization: str, now: datetime, batch: int
    ) -> tuple[KeptTokensOf, ...]:
        """Return tokens of live sessions that should be renewed, the longest due first; nobody's turn yet.

        Of one organization: what another has by a connection of this id is not its provider's.
        """

    async def take_tokens(self, found: KeptTokensOf, holder: str, until: datetime, now: datetime) -> bool:
        """Take the right to renew these: one caller on any node, until a deadline.

        Args:
            found: As they were found; where somebody has them, the caller has seen them held for
                so long that they are gone, whatever the clock of who wrote the deadline said.
            holder: Who takes them; of no other attempt, before or after.
            until: The deadline. Who has not come back by then is taken to be gone.
            now: UTC.

        Returns:
            False where somebody has taken or renewed them since, where it was said not to try before
            a later time, or where the session has ended.
        """

    async def keep_renewed_tokens(
        self, session_id: str, holder: str, renewed: SealedTokens, now: datetime
    ) -> bool:
        """Put new tokens in place of those that were taken, and let go of them: one statement.

        Returns:
            False where the session has ended, or another has taken them since the deadline.
        """

    async def put_off_tokens(
        self, session_id: str, holder: str, until: datetime, renew_at: datetime | None
    ) -> None:
        """Let go of what was taken and not renewed.

        Args:
            session_id: Whose tokens.
            holder: Who took them; nothing is done where another has since.
            until: Before then nobody tries again.
            renew_at: When they are due again though nobody asks.
        """

    async def end_refused_session(self, session_id: str, holder: str, now: datetime) -> bool:
        """End the session whose tokens this holder took and was refused; on every node within a second.

        Returns:
            False where it has ended, or another has taken or renewed them since.
        """
