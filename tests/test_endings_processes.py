"""How soon an ending reaches every worker of every node: real processes on one database, by the clock.

On PostgreSQL two nodes, on SQLite two workers. What a node answers is as old as the question: what makes
the machine slow makes no ending late.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import measured
import pytest
from databases import ANYBODY, ENGINES, lay_sqlite, open_session
from decisions import decided
from loopback import NO_TLS
from processes import free_port, running
from service import FEDERATION, ROOT
from test_store import NEW, RECORD, ZOE

from federation.identity import Session
from federation.store.store import Store, open_store

pytestmark = pytest.mark.processes

SOON = 1.0  # seconds, in which an ended session is refused everywhere
CONNECTION = """\
  adfs: {protocol: oidc, organization: acme, issuer: "http://127.0.0.1:1", client_id: us,
    token_endpoint_auth_method: none, anyone: true}
"""
callback: Any = measured.load("callback")
deprovision: Any = measured.load("deprovision")
servers: Any = measured.load("servers")
Ending = Callable[[Store, Session, datetime], Awaitable[Any]]


def _node(place: Path, name: str, url: str, connection: str) -> tuple[list[str], str, Path]:
    """Return command, address and log of one more node, which has this connection."""
    port = free_port()
    file = place / f"{name}.yaml"
    file.write_text(servers.SETTINGS.format(port=port, home=place, database=url) + connection)
    options = ["--host", "127.0.0.1", "--port", str(port)]
    command = [*FEDERATION, "serve", "--config", str(file), *options]
    return command, f"http://127.0.0.1:{port}", place / f"{name}.log"


def _ask(token: str, node: str) -> int:
    """Ask on a connection of its own, so that any worker of the node answers."""
    headers = {"cookie": f"session={token}"}
    with httpx2.Client(trust_env=False, headers=headers, verify=NO_TLS, timeout=30) as browser:
        return int(browser.get(f"{node}/verify").status_code)


async def _asked(token: str, nodes: Iterable[str], times: int) -> list[int]:
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
    """Two of one installation on PostgreSQL, or two workers on SQLite; and a store beside them."""

    running: Any
    addresses: set[str]
    store: Store
    url: str
    place: Path


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with callback.openid_provider(tmp_path_factory.mktemp("provider")) as url:
        yield url


@pytest.fixture(scope="module", params=ENGINES)
async def nodes(
    request: pytest.FixtureRequest, issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Nodes]:
    place = tmp_path_factory.mktemp("nodes")
    with ExitStack() as up:
        if request.param == "sqlite":
            lay_sqlite(place / "federation.db")
            url = f"sqlite:///{place}/federation.db"
        else:
            url = up.enter_context(request.getfixturevalue("schemas").one())
        of_nodes = "" if request.param == "sqlite" else url
        two = up.enter_context(deprovision.running(place, issuer, of_nodes, CONNECTION))
        addresses = {f"http://127.0.0.1:{port}" for port in (two.first, two.other)}
        for one in addresses:
            httpx2.get(f"{one}/readyz", trust_env=False, verify=NO_TLS, timeout=60).raise_for_status()
        store = await open_store(url)
        yield Nodes(two, addresses, store, url, place)
        await store.close()


@pytest.mark.parametrize("nodes", ["postgresql"], indirect=True)  # whose nodes remember what they have read
async def test_settings_that_switch_it_off_end_it_and_those_without_it_only_here(nodes: Nodes) -> None:
    token, _ = await _open(nodes.store, "settings")
    other, second, there = _node(nodes.place, "renamed", nodes.url, CONNECTION.replace("adfs:", "renamed:"))
    with running(other, answers=f"{second}/readyz", log=there, cwd=ROOT):
        assert set(await _asked(token, {second}, 4)) == {401}
        # a rolling deploy ends nothing of another node's
        assert set(await _asked(token, nodes.addresses, 4)) == {200}
    last, third, at = _node(
        nodes.place, "off", nodes.url, CONNECTION.replace("adfs: {", "adfs: {enabled: false, ")
    )
    with running(last, answers=f"{third}/readyz", log=at, cwd=ROOT):
        assert set(await _asked(token, {third}, 4)) == {401}
        await asyncio.sleep(SOON)
        assert set(await _asked(token, nodes.addresses, 4)) == {401}


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


@pytest.mark.parametrize("way", list(deprovision.WAYS))
async def test_whoever_a_directory_puts_out_is_out_everywhere_within_a_second(nodes: Nodes, way: str) -> None:
    assert max(await deprovision.times(nodes.running, way, 1)) < SOON
