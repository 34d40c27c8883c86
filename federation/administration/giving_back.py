"""Tokens of a provider that went with a session: given back where its connection says how."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from federation.connectors.contract import Revocation
from federation.errors import FederationError
from federation.signin import tokens_at_rest
from federation.store.values import KeptTokensOf
from federation.vault import Vault

DEADLINE: Final = timedelta(seconds=5)  # for all of them: access has ended here before


async def give_back(
    kept: Iterable[KeptTokensOf],
    way: Callable[[KeptTokensOf], Revocation | None],
    vault: Vault,
    now: datetime,
) -> int:
    """Revoke tokens at their providers; what cannot be is dropped, and expires there by itself.

    Args:
        kept: Taken out of the store.
        way: How these are revoked; None where they are not, or are no more their connection's.
        vault: That sealed them.
        now: UTC.

    Returns:
        How many were.
    """
    done = 0
    try:
        async with asyncio.timeout(DEADLINE.total_seconds()):
            for one in kept:
                try:
                    if (revocation := way(one)) is not None:
                        opened = tokens_at_rest.unseal(one, vault=vault)
                        done += await revocation.revoke(opened.tokens, now=now)
                except FederationError:
                    continue  # the provider's, or our key of then
    except TimeoutError:
        pass  # a provider that does not answer keeps no administrator waiting
    return done
