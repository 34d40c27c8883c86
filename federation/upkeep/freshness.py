"""What providers publish is fetched at start and every hour, so that no sign-in waits for it."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from federation.clock import Clock
from federation.connectors.contract import Connector
from federation.errors import FederationError

log = logging.getLogger(__name__)

REFRESH_EVERY: Final = timedelta(hours=1)  # discovery, keys and metadata by URL, in every worker
RETRY_EVERY: Final = timedelta(minutes=1)  # where that failed
AT_ONCE: Final = 10  # providers


class Freshness:
    """One task for each connector; ``follow`` starts and ends them as connectors come and go."""

    def __init__(self, connectors: Mapping[str, Connector], clock: Clock) -> None:
        """Take the connectors in force, in a mapping that changes with them."""
        self._connectors, self._clock = connectors, clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, tuple[Connector, asyncio.Task[None]]] = {}

    def follow(self) -> None:
        """Start what is new, end what is gone or was made anew."""
        for name, (connector, task) in list(self._tasks.items()):
            if self._connectors.get(name) is not connector:
                task.cancel()
                del self._tasks[name]
        for name, connector in self._connectors.items():
            # One of the store's that is not enabled may never be: whoever tries it has it fetched then.
            asleep = connector.connection.of_store and not connector.connection.enabled
            if name not in self._tasks and not asleep:
                self._tasks[name] = connector, asyncio.create_task(self._keep(name, connector))

    async def close(self) -> None:
        """End all of them."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, connector: Connector) -> None:
        while True:
            pause = RETRY_EVERY
            try:
                async with self._turns:
                    await connector.refresh(self._clock())
                pause = REFRESH_EVERY
            except FederationError as fault:
                log.warning("provider not reached", extra={"connection": name, "code": fault.code})
            except Exception as failure:  # noqa: BLE001  one surprise must not end it for good
                log.error(  # noqa: TRY400  the message may hold what was received
                    "provider not read", extra={"connection": name, "error": type(failure).__name__}
                )
            await asyncio.sleep(pause.total_seconds())
