"""Somebody with one connection's credential: how much of a worker's time and memory they get."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import until
from directory import BULK, PATCH_OP, World, provisioned, user

from federation.provisioning import provisioner
from federation.provisioning.beside import Beside
from federation.scim import tolerance
from federation.web.aliases import stands_for

SPACES = f'W/"1{" " * 60_000}b'  # the library goes through them once for each of them


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with provisioned("sqlite", request, tmp_path) as opened:
        yield opened


def refused(answer: httpx2.Response, scim_type: str = "") -> int:
    told = answer.json()
    assert told.get("scimType", "") == scim_type, told
    return answer.status_code


async def test_a_list_of_versions_is_short(world: World) -> None:
    ann = await world.okta.user("ann")
    before = await world.tables()
    for header in ("If-Match", "If-None-Match"):
        path = f"{world.okta.path}/Users/{ann['id']}"
        for method in ("GET", "DELETE"):
            answer = await world.okta.client.request(method, path, headers={header: SPACES})
            assert refused(answer, "invalidValue") == 400
    gone = {"method": "DELETE", "path": f"/Users/{ann['id']}", "version": SPACES}
    answer = await world.okta.post("/Bulk", {"schemas": [BULK], "Operations": [gone]})
    assert answer.json()["Operations"][0]["status"] == "400"
    assert await world.tables() == before


@pytest.mark.parametrize(
    "path", ['emails[type eq "t{}"].value', "emails[" + 'type eq "a" or ' * 40 + 'type eq "t{}"].value']
)
async def test_a_patch_that_would_take_seconds_is_refused(world: World, path: str) -> None:
    ann = await world.okta.user("ann")
    before = await world.tables()
    told = [{"op": "replace", "path": path.format(n), "value": f"a{n}@acme.example"} for n in range(100)]
    assert refused(await world.okta.patch(f"/Users/{ann['id']}", *told)) == 413
    assert await world.tables() == before
    assert (await world.okta.patch(f"/Users/{ann['id']}", *told[:2])).status_code in {200, 400}


async def test_a_group_is_not_gone_through_again_and_again(world: World) -> None:
    made = await world.okta.group("all", *(f"nobody-{n}" for n in range(1_000)))
    told = [{"op": "remove", "path": f'members[value sw "x{n}"]'} for n in range(5)]
    assert refused(await world.okta.patch(f"/Groups/{made['id']}", *told)) == 413
    assert (await world.okta.read(f"/Groups/{made['id']}"))["meta"]["version"] == made["meta"]["version"]


async def test_a_users_lists_have_an_end_however_they_were_made(world: World) -> None:
    ann = await world.okta.user("ann")
    many: dict[str, list[Any]] = {
        name: [{"value": f"{name}{n}"} for n in range(tolerance.ENTRIES // 2)] for name in ("ims", "roles")
    }
    before = await world.tables()
    assert refused(await world.okta.post("/Users", user("ben", **many))) == 413
    half = {"op": "add", "path": "ims", "value": many["ims"]}
    other = {"op": "add", "path": "roles", "value": many["roles"]}
    assert refused(await world.okta.patch(f"/Users/{ann['id']}", half, other)) == 413
    assert await world.tables() == before


async def test_a_bulk_request_has_so_many_operations_in_all(world: World) -> None:
    ann = await world.okta.user("ann")
    before = await world.tables()
    patch = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "title", "value": "a"}] * 200}
    one = {"method": "PATCH", "path": f"/Users/{ann['id']}", "data": patch}
    most = tolerance.BULK_OPERATIONS // 200
    answer = await world.okta.post("/Bulk", {"schemas": [BULK], "Operations": [one] * (most + 1)})
    assert refused(answer) == 413
    assert await world.tables() == before


async def test_a_long_filter_is_asked_of_few(world: World) -> None:
    people = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": user(f"u{n}")} for n in range(120)
    ]
    assert (await world.okta.post("/Bulk", {"schemas": [BULK], "Operations": people})).status_code == 200
    long = " or ".join(['title eq "x"'] * 200)
    assert refused(await world.okta.get("/Users", filter=long), "tooMany") == 400
    assert (await world.okta.get("/Users", filter='title eq "x" or title eq "y"')).status_code == 200


async def test_a_long_body_is_read_where_nobody_else_waits(world: World) -> None:
    def threads() -> set[str]:
        return {one.name for one in threading.enumerate() if one.name.startswith("scim")}

    assert (await world.okta.post("/Users", user("ann"))).status_code == 201
    assert not threads()
    long = json.dumps(user("ben", unknown=[{}] * 5_000)).encode()
    assert (await world.okta.send("POST", "/Users", long)).status_code == 201
    assert threads()


async def test_of_one_connection_one_thing_is_done_at_a_time() -> None:
    beside, running, most = Beside(), 0, 0
    free, who = threading.Event(), ContextVar("who", default="")

    def work() -> str:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        free.wait(0.01)
        running -= 1
        return who.get()

    who.set("ann")
    assert set(await asyncio.gather(*(beside.do("one", work) for _ in range(5)))) == {"ann"}
    assert most == 1
    held = [asyncio.create_task(beside.do("one", free.wait, 5)) for _ in range(10)]
    assert await beside.do("other", int) == 0  # however many of one are waiting
    assert await asyncio.to_thread(int) == 0
    free.set()
    await asyncio.gather(*held)
    beside.close()


async def test_a_connection_has_so_many_requests_at_a_time(world: World) -> None:
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await go.wait()
        yield b"{}"

    path = f"{world.okta.path}/Users"
    waiting = [
        asyncio.create_task(world.okta.client.post(path, content=slow())) for _ in range(provisioner.TOGETHER)
    ]

    async def all_are_there() -> bool:
        return world.stair.house.provisioner._busy["acme-saml"] == provisioner.TOGETHER

    await until(all_are_there)
    late = await world.okta.get("/Users")
    assert (refused(late), late.headers["retry-after"]) == (429, "1")
    assert (await world.other.get("/Users")).status_code == 200
    go.set()
    assert {one.status_code for one in await asyncio.gather(*waiting)} == {400}
    assert (await world.okta.get("/Users")).status_code == 200


async def test_a_line_break_is_of_the_path(world: World) -> None:
    ann = await world.okta.user("ann")
    before = await world.tables()
    for path in (f"/Users/{ann['id']}%0A", "/Users%0A", "/Users%0A/x", "/Us%0D%0Aers/x", "%0A"):
        for method in ("GET", "POST", "DELETE"):
            answer = await world.okta.client.request(method, world.okta.path + path, json=user("ben"))
            assert refused(answer) in {404, 405}
            assert answer.headers["content-type"] == "application/scim+json"
            assert not any("\n" in value for value in answer.headers.values())
    assert await world.tables() == before


async def test_nobody_is_looked_for_in_a_long_row_of_slashes() -> None:
    class Asked(dict[str, str]):
        times = 0

        def get(self, key: str, default: Any = None) -> Any:
            self.times += 1
            return super().get(key, default)

    bases = Asked({"/v1/scim/v2/okta": "/scim/v2/acme", "/" + "a" * 254: "/scim/v2/long"})
    assert stands_for("/" * 60_000, {}, bases) is None
    assert bases.times <= 256
    far = "/x" * 30_000
    assert stands_for(f"/v1/scim/v2/okta{far}", {}, bases) == f"/scim/v2/acme{far}"
    assert stands_for(f"/{'a' * 254}{far}", {}, bases) == f"/scim/v2/long{far}"
    assert stands_for(f"/{'a' * 255}{far}", {}, bases) is None
