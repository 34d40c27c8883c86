"""How soon an ending reaches every worker of every node: real processes on one database, by the clock."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from databases import open_session
from decisions import decided
from processes import free_port, running
from service import FEDERATION, ROOT
from test_store import NEW, RECORD, ZOE

from federation.identity import Session
from federation.store.store import Store

SOON = 1.0  # seconds, in which an ended session is refused everywhere
TOKEN = "t" * 43
CONNECTION = {
    "protocol": "oidc",
    "organization": "acme",
    "issuer": "http://127.0.0.1:1",
    "client_id": "us",
    "token_endpoint_auth_method": "none",
    "anyone": True,
}
Ending = Callable[[Store, Session, datetime], Awaitable[Any]]


def _node(place: Path, url: str, **connection: Any) -> tuple[list[str], str, Path]:
    """Return command, address and log of a node of two workers."""
    place.mkdir()
    port = free_port()
    told = {
        "base_url": f"http://localhost:{port}",
        "development": True,
        "database_url": url,
        "encryption_keys": [{"file": str(place / "secrets.key")}],
        "sp_key": str(place.parent / "sp.key"),
        "sp_certificate": str(place.parent / "sp.crt"),
        "organizations": {"acme": {"name": "Acme"}},
        "connections": {"adfs": CONNECTION | connection},
    }
    file = place / "federation.yaml"
    file.write_text(yaml.safe_dump(told))
    options = ["--host", "localhost", "--port", str(port), "--workers", "2"]
    return [*FEDERATION, "serve", "--config", str(file), *options], f"http://localhost:{port}", place / "log"


def _ask(node: str) -> int:
    """Ask on a connection of its own, so that any worker of the node answers."""
    with httpx2.Client(trust_env=False, headers={"cookie": f"session={TOKEN}"}) as browser:
        return int(browser.get(f"{node}/verify").status_code)


async def _asked(nodes: list[str], times: int) -> list[int]:
    asks = (asyncio.to_thread(_ask, node) for node in nodes for _ in range(times))
    return list(await asyncio.gather(*asks))


async def _open(store: Store, now: datetime) -> Session:
    new = replace(
        NEW,
        token_hash=hashlib.sha256(TOKEN.encode()).digest(),
        absolute_end=now + timedelta(hours=1),
        record=replace(RECORD, at=now),
    )
    return await open_session(store, decided(ZOE, ("admin", "admins")), new, now)


async def _deactivate(store: Store, session: Session, now: datetime) -> None:
    await store.deactivate(session.user.id, "acme", source="manual", administrators={}, force=False, now=now)


async def _remove(store: Store, session: Session, now: datetime) -> None:
    await store.remove_membership(session.user.id, "acme", source="", administrators={}, force=False, now=now)


async def _switch_off(store: Store, session: Session, now: datetime) -> None:
    await store.switch_off(session.connection, now)


@pytest.mark.parametrize("end", [_deactivate, _remove, _switch_off])
async def test_an_ending_is_known_everywhere_within_a_second(
    store: Store, store_url: str, tmp_path: Path, end: Ending
) -> None:
    nodes = [_node(tmp_path / name, store_url) for name in ("one", "two")]
    with ExitStack() as up:
        for command, address, log in nodes:
            up.enter_context(running(command, answers=f"{address}/readyz", log=log, cwd=ROOT))
        session = await _open(store, datetime.now(UTC))  # noqa: TID251  real processes, real time
        addresses = [address for _, address, _ in nodes]
        assert set(await _asked(addresses, 12)) == {200}  # every worker has seen it, and remembers it
        await end(store, session, datetime.now(UTC))  # noqa: TID251
        began = time.monotonic()
        lasted = 0.0
        while time.monotonic() - began < SOON + 0.5:
            asked_at = time.monotonic() - began
            if 200 in await _asked(addresses, 2):
                lasted = asked_at
        assert lasted < SOON
        assert set(await _asked(addresses, 6)) == {401}


async def test_settings_that_switch_it_off_end_it_and_those_without_it_only_here(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    command, first, log = _node(tmp_path / "one", store_url)
    with running(command, answers=f"{first}/readyz", log=log, cwd=ROOT):
        await _open(store, datetime.now(UTC))  # noqa: TID251
        other, second, there = _node(tmp_path / "two", store_url)
        text = (tmp_path / "two" / "federation.yaml").read_text()
        (tmp_path / "two" / "federation.yaml").write_text(text.replace("  adfs:", "  renamed:"))
        with running(other, answers=f"{second}/readyz", log=there, cwd=ROOT):
            assert set(await _asked([second], 4)) == {401}
            assert set(await _asked([first], 4)) == {200}  # a rolling deploy ends nothing of another node's
        last, third, at = _node(tmp_path / "three", store_url, enabled=False)
        with running(last, answers=f"{third}/readyz", log=at, cwd=ROOT):
            assert set(await _asked([third], 4)) == {401}
            await asyncio.sleep(SOON)
            assert set(await _asked([first], 4)) == {401}
