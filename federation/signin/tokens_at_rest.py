"""A provider's tokens as the store keeps them: encoded, sealed for one session, due again at some time.

The envelope is bound to connection, person and the hash of the session's own token, which is
made before its row is. So one that was moved opens nowhere: no browser is handed another's
tokens, and no refresh token goes to another connection's provider. Pure.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from federation.identity import KeptTokens
from federation.store.values import KeptTokensOf, SealedTokens
from federation.vault import Vault

EARLY: Final = timedelta(minutes=5)  # before an access token ends, but not in the first 3/4 of its life
UNSAID: Final = timedelta(hours=1)  # taken for the life of an access token that says none, or is not kept
SHORTEST: Final = timedelta(minutes=1)  # of any: who says less is not asked without a pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was sealed."""

    tokens: KeptTokens = field(repr=False)
    at: datetime  # when the provider gave them; UTC

    def lasts(self, life: timedelta, now: datetime) -> bool:
        """Tell whether the access token will do for so long.

        One that is in the first half of its life does, or it would be renewed at every request of
        who asks for more than the provider gives.
        """
        until = self.tokens.access_until
        return until is None or until - now >= min(life, (until - self.at) / 2)

    def good(self, now: datetime) -> bool:
        """Tell whether the access token has not ended."""
        return self.tokens.access_until is None or now < self.tokens.access_until


def seal(
    tokens: KeptTokens, *, vault: Vault, connection: str, person: str, token_hash: bytes, now: datetime
) -> SealedTokens:
    """Encrypt tokens that came just now.

    Args:
        tokens: All of them.
        vault: The key ring.
        connection: Through which they came.
        person: ``Subject.person`` of whom they are.
        token_hash: Of the session that keeps them.
        now: UTC, aware.
    """
    until = tokens.access_until
    said = [
        tokens.access, tokens.refresh, tokens.id, until and until.isoformat(), tokens.scopes, now.isoformat(),
        tokens.receivers,
    ]  # fmt: skip
    place = _place(connection, person, token_hash)
    return SealedTokens(sealed=vault.seal(json.dumps(said).encode(), place), renew_at=_renew_at(tokens, now))


def unseal(kept: KeptTokensOf, *, vault: Vault) -> Opened:
    """Decrypt what ``seal`` made for this session.

    Raises:
        ConfigurationError: ``keys.unknown``, ``keys.envelope``.
    """
    plain = vault.open(kept.tokens.sealed, _place(kept.connection, kept.person, kept.token_hash))
    access, refresh, identity, until, scopes, at, receivers = json.loads(plain)
    tokens = KeptTokens(
        access=access,
        refresh=refresh,
        id=identity,
        access_until=datetime.fromisoformat(until) if until else None,
        scopes=tuple(scopes),
        receivers=tuple(receivers),
    )
    return Opened(tokens=tokens, at=datetime.fromisoformat(at))


def _place(connection: str, person: str, token_hash: bytes) -> str:
    return f"tokens:{connection}:{person}:{token_hash.hex()}"  # none of the three can hold a colon


def _renew_at(tokens: KeptTokens, now: datetime) -> datetime | None:
    if not tokens.refresh:
        return None
    life = UNSAID if tokens.access_until is None else max(tokens.access_until - now, SHORTEST)
    return now + life - min(EARLY, life / 4)
