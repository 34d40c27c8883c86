"""How soon an ending reaches every worker of every node: real processes on one database, by the clock."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from databases import ANYBODY, ENGINES, fresh_url, open_session
from decisions import decided
from loopback import NO_TLS
from processes import free_port, running
from service import FEDERATION, ROOT
from test_store import NEW, RECORD, ZOE

from federation.identity import Session
from federation.store.store import Store, open_store

pytestmark = pytest.mark.processes

SOON = 1.0  # seconds, in which an ended session is refused everywhere
CONNECTION = {
    "protocol": "oidc",
    "organization": "acme",
    "issuer": "http://127.0.0.1:1",
    "client_id": "us",
    "token_endpoint_auth_method": "none",
    "anyone": True,
}
Ending = Callable[[Store, Session, datetime], Awaitable[Any]]


def _node(place: Path, url: str, *, workers: int = 2, **connection: Any) -> tuple[list[str], str, Path]:
    """Return command, address and log of a node."""
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
    options = ["--host", "localhost", "--port", str(port), "--workers", str(workers)]
    return [*FEDERATION, "serve", "--config", str(file), *options], f"http://localhost:{port}", place / "log"


def _ask(token: str, node: str) -> int:
    """Ask on a connection of its own, so that any worker of the node answers."""
    headers = {"cookie": f"session={token}"}
    with httpx2.Client(trust_env=False, headers=headers, verify=NO_TLS) as browser:
        return int(browser.get(f"{node}/verify").status_code)


async def _asked(token: str, nodes: list[str], times: int) -> list[int]:
    asks = (asyncio.to_thread(_ask, token, node) for node in nodes for _ in range(times))
    return list(await asyncio.gather(*asks))


async def _open(store: Store, who: str) -> tuple[str, Session]:
    """Sign somebody in whom no test before had to do with; return their token as well."""
    now = datetime.now(UTC)  # noqa: TID251  real processes, real time
    token = hashlib.sha256(who.encode()).hexdigest()[:43]
    new = replace(
        NEW,
        token_hash=hashlib.sha256(token.encode()).digest(),
        absolute_end=now + timedelta(hours=1),
        record=replace(RECORD, at=now, reference=token[:10]),
    )
    person = replace(ZOE, subject=replace(ZOE.subject, value=who), email=f"{who.strip('_')}@acme.example")
    return token, await open_session(store, decided(person, ("admin", "admins")), new, now)


async def _deactivate(store: Store, session: Session, now: datetime) -> None:
    await store.deactivate(session.user.id, "acme", source="manual", administrators={}, force=False, now=now)


async def _remove(store: Store, session: Session, now: datetime) -> None:
    await store.remove_membership(session.user.id, "acme", source="", administrators={}, force=False, now=now)


async def _switch_off(store: Store, session: Session, now: datetime) -> None:
    await store.switch_off(session.connection, now, ANYBODY)


@dataclass(frozen=True)
class Nodes:
    """Two of one installation, each with two workers, and a store beside them."""

    addresses: list[str]
    store: Store
    url: str
    place: Path


@pytest.fixture(scope="module", params=ENGINES)
async def nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Nodes]:
    place = tmp_path_factory.mktemp("nodes")
    with fresh_url(request, place) as url, ExitStack() as up:
        store = await open_store(url)
        told = [_node(place / name, url) for name in ("one", "two")]
        for command, address, log in told:
            up.enter_context(running(command, answers=f"{address}/readyz", log=log, cwd=ROOT))
        yield Nodes([address for _, address, _ in told], store, url, place)
        await store.close()


async def test_settings_that_switch_it_off_end_it_and_those_without_it_only_here(nodes: Nodes) -> None:
    first = nodes.addresses[0]
    token, _ = await _open(nodes.store, "settings")
    other, second, there = _node(nodes.place / "renamed", nodes.url, workers=1)
    file = nodes.place / "renamed" / "federation.yaml"
    file.write_text(file.read_text().replace("  adfs:", "  renamed:"))
    with running(other, answers=f"{second}/readyz", log=there, cwd=ROOT):
        assert set(await _asked(token, [second], 4)) == {401}
        assert set(await _asked(token, [first], 4)) == {
            200
        }  # a rolling deploy ends nothing of another node's
    last, third, at = _node(nodes.place / "off", nodes.url, workers=1, enabled=False)
    with running(last, answers=f"{third}/readyz", log=at, cwd=ROOT):
        assert set(await _asked(token, [third], 4)) == {401}
        await asyncio.sleep(SOON)
        assert set(await _asked(token, [first], 4)) == {401}


@pytest.mark.parametrize("end", [_deactivate, _remove, _switch_off])
async def test_an_ending_is_known_everywhere_within_a_second(nodes: Nodes, end: Ending) -> None:
    token, session = await _open(nodes.store, end.__name__)
    assert set(await _asked(token, nodes.addresses, 12)) == {
        200
    }  # every worker has seen it, and remembers it
    await end(nodes.store, session, datetime.now(UTC))  # noqa: TID251
    began = time.monotonic()
    lasted = 0.0
    while time.monotonic() - began < SOON + 0.5:
        asked_at = time.monotonic() - began
        if 200 in await _asked(token, nodes.addresses, 2):
            lasted = asked_at
    assert lasted < SOON
    assert set(await _asked(token, nodes.addresses, 6)) == {401}
