"""An ASGI application on a loopback port, in the test's own event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: for clients of ours on loopback, each of which would else read every root there is."""
_PATIENCE = 1.0  # seconds for what is being answered when the block ends


class Site:
    """Where it is; ``app`` is set once its URL is known."""

    def __init__(self) -> None:
        self.app: Any = None
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@contextlib.asynccontextmanager
async def listening(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on a port of 127.0.0.1, a free one by default; yields its URL.

    Without uvicorn's own loop, which looks ten times a second whether it is to end, and then sleeps
    for as long: what a test would wait for.
    """
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="none")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    """Let what is being answered be answered; cancel what nobody waits for any more."""
    state = server.server_state
    for listener in server.servers:
        listener.close()
    for connection in list(state.connections):
        connection.shutdown()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while state.connections:  # noqa: ASYNC110 (nothing tells when they are gone)
                await asyncio.sleep(0.001)
    for task in (left := list(state.tasks)):
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for listener in server.servers:
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    site = Site()
    async with listening(site) as site.url:
        yield site
