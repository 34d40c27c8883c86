"""A process that asks for tokens and is killed where the provider has answered and nothing is kept yet.

Run as a script: database URL, the provider's issuer, the session's token.
"""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

import httpx2
from oidc_world import World
from stair import StandingClock
from tokens_world import SOON, Installation

from federation.fetch import Fetch
from federation.store.store import Store, open_store


class Deadly:
    """A store that kills the process in place of keeping what was renewed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def keep_renewed_tokens(self, *_told: Any) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")


async def renew(url: str, issuer: str, token: str) -> None:
    """Ask, and die."""
    provider: Any = SimpleNamespace(issuer=issuer)
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=20)
    async with httpx2.AsyncClient(trust_env=False) as browser:
        installed = Installation(World(provider, browser, fetch), site=Any, clock=StandingClock(SOON))  # type: ignore[arg-type]
        node = installed.node(Deadly(await open_store(url)))
        await node.ask(token)


if __name__ == "__main__":
    asyncio.run(renew(*sys.argv[1:]))
