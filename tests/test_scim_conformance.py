"""Two probes by others, of RFC 7643 and 7644, run against the real service on both engines."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import loopback
import pytest
from databases import ENGINES
from directory import ENTRA_TOKEN, PATHS, provisioned
from loopback import NO_TLS
from processes import free_port
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api  # type: ignore[import-untyped]

# Of drafts: nobody provisions these here.
AGENTS = {"Agent CRUD Lifecycle", "AgenticApplication CRUD Lifecycle", "Agent Rapid Lifecycle"}


@pytest.fixture(scope="module", params=ENGINES)
async def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Where the service is: both probes speak over a socket."""
    port = free_port()
    place = tmp_path_factory.mktemp("conformance")
    overrides = {"base_url": f"http://localhost:{port}"}
    async with (
        provisioned(request.param, request, place, overrides=overrides) as world,
        loopback.listening(world.stair.application, port),
    ):
        yield f"http://localhost:{port}{PATHS['entra']}"


async def test_scim2_tester_finds_nothing(address: str) -> None:
    """As SCIM clients read it: what is published, and whether it is so of every attribute."""

    def check() -> Counter[str]:
        headers = {"authorization": f"Bearer {ENTRA_TOKEN}"}
        with httpx2.Client(base_url=address, headers=headers, verify=NO_TLS, trust_env=False) as client:
            results = check_server(SyncSCIMClient(client))
        faults = [one for one in results if one.status is not Status.SUCCESS]
        assert not faults, "\n".join(f"{one.status} {one.title}: {one.reason}" for one in faults)
        return Counter(one.resource_type or "" for one in results)

    counted = await asyncio.to_thread(check)
    assert counted["User"] >= 80
    assert counted["Group"] >= 18
    assert counted[""] >= 25  # of discovery


async def test_scim_sanity_finds_nothing(address: str) -> None:
    """As a strict prober reads it."""
    told = await asyncio.to_thread(run_probe_api, address, token=ENTRA_TOKEN, strict=True)
    faults = [one for one in told["results"] if one["status"] not in ("pass", "skip")]
    assert not faults
    skipped = {one["name"] for one in told["results"] if one["status"] == "skip"}
    assert skipped == AGENTS
    assert sum(one["status"] == "pass" for one in told["results"]) >= 28
