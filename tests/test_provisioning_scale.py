"""Large directories: nobody waits for thousands, and none of them is forgotten."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import measured
import pytest
from databases import ENGINES
from directory import World, provisioned

from federation.connection import AnyConnection, policies
from federation.records import in_force

scim: Any = measured.load("scim")
residents: Any = measured.load("residents")
PEOPLE = 10_000  # as many as are promised
CROWD = 300  # more than become due with a change itself
RULES = {"role_rules": [{"name": "staff", "groups": ["staff"], "roles": ["member"]}], "domains": []}


@pytest.fixture(scope="module", params=ENGINES)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    rules = RULES | {"anyone": True, "domains": []}
    place = tmp_path_factory.mktemp("scale")
    async with provisioned(request.param, request, place, entra=rules) as world:
        yield world


@pytest.fixture
async def world(opened: World) -> World:
    await opened.clear()
    return opened


@pytest.fixture
def settled() -> Iterator[None]:
    """As a worker does at its start: what the tests have made until here is not walked through again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def lay(world: World, users: int, members: int) -> None:
    """Write a directory of Entra's into the database."""
    told = residents.Directory(
        now=world.stair.clock(), connection="acme-oidc", users=users, members=members, groups=1
    )
    if world.url.startswith("sqlite"):
        await asyncio.to_thread(residents.lay, Path(world.url.removeprefix("sqlite:///")), told)
    else:
        await residents.lay_postgres(world.url, told)


async def count(world: World, condition: str, table: str = "scim_user") -> int:
    ((found,),) = await world.ask(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608  ours
    return int(found)


# Pages


async def _indexed(world: World) -> list[str]:
    found: list[str] = []
    while True:
        page = await world.entra.read("/Users", startIndex=str(len(found) + 1), count="500", attributes="id")
        found += [one["id"] for one in page.get("Resources", ())]
        if len(found) >= page["totalResults"]:
            return found


async def _by_cursor(world: World) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = await world.entra.read("/Users", cursor=cursor, count="500", attributes="id")
        found += [one["id"] for one in page.get("Resources", ())]
        if not (cursor := page.get("nextCursor", "")):
            return found


async def _write(world: World, *, deleting: bool) -> None:
    """Create and change users, and remove some, until cancelled."""
    for number in itertools.count(1):
        await world.entra.user(f"new{number}")
        changed = residents.user(number * 37 % PEOPLE)
        title = {"op": "replace", "path": "title", "value": f"Round {number}"}
        await world.entra.patch(f"/Users/{changed}", title)
        if deleting:
            await world.entra.delete(f"/Users/{residents.user(number * 101 % PEOPLE)}")


@pytest.mark.parametrize("way", ["index", "cursor"])
async def test_pages_beside_writers_miss_and_double_nobody(world: World, way: str) -> None:
    await lay(world, PEOPLE, 10)
    everybody = {residents.user(number) for number in range(PEOPLE)}
    writing = asyncio.create_task(_write(world, deleting=way == "cursor"))
    try:
        seen = await (_indexed(world) if way == "index" else _by_cursor(world))
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert await count(world, "user_name LIKE 'new%'") > 1
    stayed = {str(one) for (one,) in await world.ask("SELECT id FROM scim_user")} & everybody
    # Whoever is made meanwhile is made in one moment of a clock that stands: their ids have no order.
    theirs = [one for one in seen if one in everybody]
    assert len(theirs) == len(set(theirs))
    assert theirs == sorted(theirs)
    assert stayed <= set(theirs)


# Members


@pytest.mark.alone
async def test_a_change_of_one_member_costs_the_same_in_a_large_group(world: World) -> None:
    await lay(world, 20_010, 20_000)
    house, application = world.stair.house, world.stair.application
    entra = scim.Client(application, world.entra.path, {**world.entra.client.headers})
    told = residents.Directory(now=house.clock(), users=20_010, members=20_000)
    asks = dict(scim.asks(told))
    for name in ("add one to the large group", "remove one of the large group"):
        seen = scim.Seen()
        for number in range(8):
            await scim.one(entra, asks[name](number), seen)
        assert seen.cpu < 60  # milliseconds, on whatever machine; 4 where it was written
    assert await count(world, "kind = 'User'", "scim_member") == 20_000 + 10


@pytest.mark.alone
@pytest.mark.usefixtures("settled")
async def test_nobody_waits_while_a_large_group_is_read_or_replaced(world: World) -> None:
    await lay(world, 20_010, 20_000)
    entra = scim.Client(world.stair.application, world.entra.path, {**world.entra.client.headers})
    asks = dict(scim.asks(residents.Directory(now=world.stair.clock(), users=20_010, members=20_000)))
    for name in ("GET the large group", "PUT the large group as it is"):
        seen = scim.Seen()
        for number in range(4):
            await scim.one(entra, asks[name](number), seen)
        assert seen.held < 50, name  # milliseconds


# Whom more than a few concerns


async def test_a_group_of_many_that_is_renamed_concerns_all_of_them(world: World) -> None:
    await lay(world, CROWD, CROWD)
    provisioner = world.stair.house.provisioner
    renamed = {"op": "replace", "path": "displayName", "value": "staff"}
    path = f"/Groups/{residents.EVERYBODY}"
    assert (await world.entra.patch(path, renamed)).status_code == 200
    await provisioner.settle_due(world.stair.clock())
    assert await count(world, "why = 'staff'", "role_grant") == CROWD
    assert (await world.entra.delete(path)).status_code == 204
    assert (await world.entra.get(path)).status_code == 404
    await provisioner.settle_due(world.stair.clock())
    assert await count(world, "why = 'staff'", "role_grant") == 0
    assert await count(world, f"group_id = '{residents.EVERYBODY}'", "scim_member") == 0
    assert await count(world, "due_at IS NOT NULL") == await count(world, "1 = 1", "scim_spread") == 0


async def test_whoever_was_put_in_a_group_of_many_is_decided_of(world: World) -> None:
    await lay(world, CROWD, 0)
    members = [residents.user(number) for number in range(CROWD)]
    await world.entra.group("staff", *members)
    await world.stair.house.provisioner.settle_due(world.stair.clock())
    assert await count(world, "why = 'staff'", "role_grant") == CROWD


async def _another_is_at_it(world: World) -> None:
    """Have a worker hold the lease that was killed."""
    now = world.stair.clock()
    until = now + timedelta(minutes=1)
    assert await world.stair.house.store.lease("scim:acme-oidc", "a worker that was killed", until, now)


async def test_a_group_that_goes_while_it_is_being_renamed_leaves_nobody_with_anything(world: World) -> None:
    await lay(world, CROWD, CROWD)
    store, now = world.stair.house.store, world.stair.clock()
    renamed = {"op": "replace", "path": "displayName", "value": "staff"}
    await _another_is_at_it(world)
    await world.entra.patch(f"/Groups/{residents.EVERYBODY}", renamed)
    assert await store.spread_provisioned("acme-oidc", 250, now)
    await world.entra.delete(f"/Groups/{residents.EVERYBODY}")
    while await store.spread_provisioned("acme-oidc", 100, now):
        pass
    assert await count(world, "due_at IS NOT NULL") == CROWD
    assert await count(world, f"group_id = '{residents.EVERYBODY}'", "scim_member") == 0


async def test_another_worker_takes_up_what_is_left_once_the_first_is_gone(world: World) -> None:
    await lay(world, CROWD, CROWD)
    house, now = world.stair.house, world.stair.clock()
    await _another_is_at_it(world)
    renamed = {"op": "replace", "path": "displayName", "value": "staff"}
    await world.entra.patch(f"/Groups/{residents.EVERYBODY}", renamed)
    await house.provisioner.resume(now)
    await asyncio.sleep(0.05)
    assert (await house.store.left_provisioned("acme-oidc")).any
    world.stair.clock.at += timedelta(minutes=2)
    await house.provisioner.settle_due(world.stair.clock())
    assert not (await house.store.left_provisioned("acme-oidc")).any


# Another policy


async def test_another_policy_is_asked_of_everybody_who_is_provisioned(world: World) -> None:
    await lay(world, CROWD, CROWD)
    house = world.stair.house
    now = world.stair.clock()
    await in_force.note(house.store, house.vault, house.terms, {"acme-oidc", "acme-saml"}, now=now)
    await house.provisioner.settle_due(world.stair.clock())
    connection = house.connections["acme-oidc"]
    rules = [{"name": "all", "groups": ["Everybody"], "roles": ["auditor"]}]
    changed = policies.edit(connection, {"role_rules": rules})
    terms = house.terms.with_connection(changed)
    await in_force.note(house.store, house.vault, terms, {"acme-oidc", "acme-saml"}, now=now)
    assert (await house.store.left_provisioned("acme-oidc")).any
    assert not (await house.store.left_provisioned("acme-saml")).any

    # this worker still has the policy before it: it decides of nobody by that
    await house.provisioner.settle_due(world.stair.clock())
    assert await count(world, "why = 'all'", "role_grant") == 0
    assert (await house.store.left_provisioned("acme-oidc")).any

    in_force_here = cast("dict[str, AnyConnection]", house.connections)
    in_force_here["acme-oidc"] = changed
    try:
        await house.provisioner.settle_due(world.stair.clock())
    finally:
        in_force_here["acme-oidc"] = connection
    assert await count(world, "why = 'all'", "role_grant") == CROWD
