"""What RFC 7644 says of answers, where no suite looks: each over the door, on both engines."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from databases import ENGINES
from directory import BULK, GROUP, PATCH_OP, SEARCH, World, group, provisioned, user

from federation.errors import StoreUnavailable


@pytest.fixture(scope="module", params=ENGINES)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with provisioned(request.param, request, tmp_path_factory.mktemp("protocol")) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def nobody_yet(world: World) -> None:
    await world.clear()


async def found(world: World, path: str, **query: Any) -> list[str]:
    told = await world.entra.read(path, **query)
    assert told["totalResults"] == len(told["Resources"])
    return [one["id"] for one in told["Resources"]]


async def test_a_post_is_answered_with_what_is_asked_for(world: World) -> None:
    """§3.9: on any operation that returns a resource."""
    made = await world.entra.post("/Users?attributes=userName", user("ada"))
    assert made.status_code == 201
    assert made.json().keys() == {"schemas", "id", "userName"}
    assert made.headers["location"].endswith(f"/Users/{made.json()['id']}")
    assert made.headers["etag"] == 'W/"1"'
    told = await world.entra.post(
        "/Groups?excludedAttributes=members,meta", group("Staff", made.json()["id"])
    )
    assert told.json().keys() == {"schemas", "id", "displayName"}
    wrong = await world.entra.post("/Users?attributes=id&excludedAttributes=meta", user("bob"))
    assert (wrong.status_code, wrong.json()["scimType"]) == (400, "invalidValue")
    assert await found(world, "/Users") == [made.json()["id"]]


async def test_filters_ask_of_members_what_answers_say_of_them(world: World) -> None:
    """§3.4.2.2: as well as ``members.value``, which an index answers."""
    ada = (await world.entra.user("ada"))["id"]
    staff = (await world.entra.group("Staff", ada))["id"]
    above = (await world.entra.group("Everybody", staff))["id"]
    await world.entra.group("Nobody")
    for asked, wanted in {
        'members.type eq "User"': [staff],
        'members.type eq "Group"': [above],
        f'members[value eq "{ada}" and type eq "User"]': [staff],
        f'members[value eq "{ada}" and type eq "Group"]': [],
        'members.display eq "ada example"': [staff],
        'not (members.type eq "User") and members pr': [above],
    }.items():
        assert await found(world, "/Groups", filter=asked) == wanted, asked
        assert await found(world, "/Groups", filter=asked, excludedAttributes="members") == wanted, asked


async def test_whatever_finds_a_group_tells_its_members_if_asked(world: World) -> None:
    ada = (await world.entra.user("ada"))["id"]
    await world.entra.group("Staff", ada)
    member = {"value": ada, "type": "User", "display": "Ada Example"}
    for asked in ('displayName eq "Staff"', 'meta.version eq "W/\\"1\\""', 'members.type eq "User"'):
        for left_out, wanted in {"": [member], "members": None}.items():
            query = {"filter": asked} | ({"excludedAttributes": left_out} if left_out else {})
            (one,) = (await world.entra.read("/Groups", **query))["Resources"]
            assert one.get("members") == wanted, (asked, left_out)
    body = {"schemas": [SEARCH], "sortBy": "displayName"}
    told = (await world.entra.post("/.search", body)).json()
    assert [one.get("members") for one in told["Resources"]] == [None, [member]]
    for left_out, shown in {
        "emails.value": member,
        "members.display": {"value": ada, "type": "User"},
    }.items():
        told = (await world.entra.post("/.search", body | {"excludedAttributes": [left_out]})).json()
        assert told["Resources"][1]["members"] == [shown]


@pytest.mark.parametrize("active", [True, False])
async def test_active_that_is_taken_away_is_not_told_and_holds(world: World, active: bool) -> None:  # noqa: FBT001
    """§3.5.2.2; a PUT that leaves it out takes nothing away."""
    made = await world.entra.user("ada", active=active)
    path = f"/Users/{made['id']}"
    put = await world.entra.put(path, user("ada", active=None, title="Countess"))
    assert (put.json()["title"], put.json()["active"]) == ("Countess", active)
    for operation in (
        {"op": "remove", "path": "active"},
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "replace", "value": {"active": None}},
    ):
        assert "active" not in (await world.entra.patch(path, operation)).json()
    assert "active" not in await world.entra.read(path)
    for asked in (f"active eq {active}", f'active eq {active} and title co "x"'):
        assert (await world.entra.read("/Users", filter=asked.lower()))["totalResults"] == 1
    assert await world.ask("SELECT active FROM scim_user") == [(int(active),)]
    again = await world.entra.patch(path, {"op": "replace", "path": "active", "value": active})
    assert again.json()["active"] is active


async def test_what_a_patch_leaves_out_clears_nothing(world: World) -> None:
    """§3.5.2.1, §3.5.2.3: an operation that adds or replaces has a value; null is one, and clears."""
    ada = (await world.entra.user("ada", title="Countess"))["id"]
    staff = (await world.entra.group("Staff", ada))["id"]
    for path, operation in (
        (f"/Users/{ada}", {"op": "add", "path": "title"}),
        (f"/Users/{ada}", {"op": "replace", "path": "title"}),
        (f"/Groups/{staff}", {"op": "replace", "path": "members"}),
    ):
        refused = await world.entra.patch(path, operation)
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
    assert (await world.entra.read(f"/Users/{ada}"))["title"] == "Countess"
    assert len((await world.entra.read(f"/Groups/{staff}"))["members"]) == 1
    cleared = await world.entra.patch(f"/Users/{ada}", {"op": "replace", "path": "title", "value": None})
    assert "title" not in cleared.json()


async def test_an_operation_in_bulk_fails_by_its_own_fault(world: World) -> None:
    """§3.7.3: as it would alone."""
    nothing = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "a b", "value": "x"}]}
    told = await world.entra.post(
        "/Bulk",
        {
            "schemas": [BULK],
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": 7}},
                {"method": "PATCH", "path": "/Users/x", "data": nothing},
                {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [GROUP]}},
                {"method": "POST", "path": "/Users", "bulkId": "c"},
                {"method": "POST", "path": "/Users", "bulkId": "d", "data": user("ada")},
            ],
        },
    )
    *failed, last = told.json()["Operations"]
    assert last["status"] == "201"
    assert [
        (one["status"], one["response"].get("scimType"), one["response"]["detail"]) for one in failed
    ] == [
        ("400", "invalidValue", "userName takes a string"),
        ("400", "invalidPath", "The path is no path to an attribute"),
        ("400", "invalidValue", "schemas does not name urn:ietf:params:scim:schemas:core:2.0:User"),
        ("400", "invalidValue", "data is required for POST, PUT, or PATCH request operations"),
    ]


async def test_a_bulk_tells_of_a_database_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("store.unavailable", "away")

    monkeypatch.setattr(world.stair.house.store, "scim_user", away)
    body = {"schemas": [BULK], "Operations": [{"method": "DELETE", "path": "/Users/x"}]}
    (one,) = (await world.entra.post("/Bulk", body)).json()["Operations"]
    assert (one["status"], one["response"]["status"]) == ("503", "503")


async def test_a_bulk_hides_nothing_that_nobody_foresaw(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("ada")

    monkeypatch.setattr(world.stair.house.store, "scim_user", fail)
    body = {"schemas": [BULK], "Operations": [{"method": "DELETE", "path": "/Users/x"}]}
    assert (await world.entra.post("/Bulk", body)).status_code == 500
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == ["unexpected"]


async def test_what_is_kept_is_said_to_be_where_nobody_can_be_decided_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was told 503 would send it again, and hear 409."""

    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("store.unavailable", "away")

    with monkeypatch.context() as patched:
        patched.setattr(world.stair.house.store, "due_provisioned", away)
        made = await world.entra.post("/Users", user("ada"))
    assert made.status_code == 201
    assert await world.ask("SELECT count(*) FROM scim_user WHERE due_at IS NOT NULL") == [(1,)]
    await world.stair.house.provisioner.settle_due(world.stair.clock())
    assert await world.ask("SELECT count(*) FROM scim_user WHERE due_at IS NOT NULL") == [(0,)]


async def test_who_cannot_be_decided_of_stops_nobody_elses_turn(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provisioner = world.stair.house.provisioner
    decide = world.stair.house.signin.deciding.decide

    async def fail(who: Any, *told: Any) -> Any:
        if who.attributes["userName"] != ("bob",):
            raise ValueError("ada")
        return await decide(who, *told)

    for name in ("ada", "eve", "bob"):
        await world.entra.user(name)
    await world.ask("UPDATE scim_user SET due_at = CASE user_name WHEN 'bob' THEN 2 ELSE 1 END")
    with monkeypatch.context() as patched:
        patched.setattr("federation.provisioning.settling._BATCH", 2)
        patched.setattr(world.stair.house.signin.deciding, "decide", fail)
        await provisioner.settle_due(world.stair.clock())
    left = await world.ask("SELECT user_name FROM scim_user WHERE due_at IS NOT NULL ORDER BY id")
    assert {name for (name,) in left} == {"ada", "eve"}
    lines = [one.__dict__ for one in caplog.records if one.message == "not provisioned"]
    assert {(one["message"], one["code"]) for one in lines} == {("not provisioned", "ValueError")}
    assert "ada" not in caplog.text


async def test_the_log_says_by_which_rule_a_request_was_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "federation.scim")
    for status in (201, 409):
        assert (await world.entra.post("/Users", user("ada"))).status_code == status
    lines = [one.__dict__ for one in caplog.records if one.message == "scim"]
    assert [(one["status"], one["scim_type"]) for one in lines] == [(201, ""), (409, "uniqueness")]
