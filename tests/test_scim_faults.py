"""Bad input to SCIM, through the real application on both engines: the right error, and nothing changed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from databases import ENGINES
from directory import BULK, ENTERPRISE, ERROR, PATCH_OP, SEARCH, Directory, World, group, provisioned, user

from federation.scim import tolerance

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module", params=ENGINES)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Of one connection two users in a group; of another's organization a user and a group."""
    async with provisioned(request.param, request, tmp_path_factory.mktemp("faults")) as opened:
        there = opened.entra
        ada, bob = await there.user("ada", externalId="e1"), await there.user("bob", title="100% _sure_")
        await there.group("Crew", ada["id"], bob["id"])
        zed = await opened.other.user("zed", externalId="e9")
        await opened.other.group("Others", zed["id"])
        yield opened


async def ids(there: Directory) -> dict[str, str]:
    """Return the ids of what is there, by name."""
    users, groups = await there.read("/Users"), await there.read("/Groups")
    return {one["userName"]: one["id"] for one in users["Resources"]} | {
        one["displayName"]: one["id"] for one in groups["Resources"]
    }


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    told = answer.json()
    assert (told["schemas"], told["status"]) == ([ERROR], str(answer.status_code)), told
    return answer.status_code, told.get("scimType", "")


def put(value: Any, path: str = "title") -> dict[str, Any]:
    return {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": path, "value": value}]}


def operations(*told: Any) -> dict[str, Any]:
    return {"schemas": [PATCH_OP], "Operations": list(told)}


BODIES: list[tuple[str, str, str, Any, tuple[int, str]]] = [
    # name                          method   path       body                                  answer
    ("no body", "POST", "/Users", b"", (400, "invalidSyntax")),
    ("half of one", "POST", "/Users", b'{"userName": "x"', (400, "invalidSyntax")),
    ("a list", "POST", "/Users", [user("x")], (400, "invalidSyntax")),
    ("a name twice", "POST", "/Users", b'{"userName":"x","userName":"y"}', (400, "invalidSyntax")),
    ("a name twice in another case", "POST", "/Users", {"userName": "x", "USERNAME": "y"},
     (400, "invalidSyntax")),
    ("deep", "POST", "/Users", b'{"userName":' + b"[" * 50_000, (400, "invalidSyntax")),
    ("deep and whole", "POST", "/Users", b'{"name":' + b'{"name":' * 900 + b"1" + b"}" * 901,
     (400, "invalidValue")),
    ("NUL", "POST", "/Users", b'{"userName": "x\\u0000"}', (400, "invalidSyntax")),
    ("half of a character", "POST", "/Users", b'{"userName": "\\ud800"}', (400, "invalidSyntax")),
    ("no UTF-8", "POST", "/Users", b'{"userName": "\xff"}', (400, "invalidSyntax")),
    ("a number without end", "POST", "/Users", b'{"userName": ' + b"9" * 5000 + b"}", (400, "invalidSyntax")),
    ("huge", "POST", "/Users", b'{"userName": "' + b"x" * 5_000_000 + b'"}', (413, "")),
    ("a resource that is too large", "POST", "/Users",
     user("x", addresses=[{"formatted": "x" * 8000}] * 40), (413, "")),
    ("another schema", "POST", "/Users", group("x"), (400, "invalidValue")),
    ("no userName", "POST", "/Users", user("x", userName=None), (400, "invalidValue")),
    ("a blank userName", "POST", "/Users", user("x", userName="  "), (400, "invalidValue")),
    ("userName of another type", "POST", "/Users", user("x", userName=["x"]), (400, "invalidValue")),
    ("userName that no index takes", "POST", "/Users", user("x" * 600), (400, "invalidValue")),
    ("active of another type", "POST", "/Users", user("x", active="perhaps"), (400, "invalidValue")),
    ("emails of another type", "POST", "/Users", user("x", emails=7), (400, "invalidValue")),
    ("two primary addresses", "POST", "/Users",
     user("x", emails=[{"value": "a@b.example", "primary": True}] * 2), (400, "invalidValue")),
    ("a name that is taken", "POST", "/Users", user("ADA"), (409, "uniqueness")),
    ("no displayName", "POST", "/Groups", {"members": []}, (400, "invalidValue")),
    ("members of another type", "POST", "/Groups", group("x", members=[[]]), (400, "invalidValue")),
    ("PUT of nobody", "PUT", f"/Users/{NOBODY}", user("x"), (404, "")),
    ("PATCH of nobody", "PATCH", f"/Users/{NOBODY}", put("x"), (404, "")),
    ("DELETE of nobody", "DELETE", f"/Users/{NOBODY}", None, (404, "")),
    ("PUT of a name that is taken", "PUT", "/Users/{ada}", user("BOB"), (409, "uniqueness")),
    ("PATCH of a name that is taken", "PATCH", "/Users/{ada}", put("BOB", "userName"), (409, "uniqueness")),
    ("PATCH without operations", "PATCH", "/Users/{ada}", operations(), (400, "invalidValue")),
    ("PATCH of another verb", "PATCH", "/Users/{ada}", operations({"op": "move", "path": "title"}),
     (400, "invalidValue")),
    ("PATCH by no path", "PATCH", "/Users/{ada}", put("x", 'emails[type eq "work"'), (400, "invalidPath")),
    ("PATCH by a path without end", "PATCH", "/Users/{ada}", put("x", "x" * 2000), (400, "invalidPath")),
    ("PATCH by a deep path", "PATCH", "/Users/{ada}", put("x", "emails[" + "(" * 400 + "]"),
     (400, "invalidPath")),
    ("PATCH that removes all", "PATCH", "/Users/{ada}", operations({"op": "remove"}), (400, "noTarget")),
    ("PATCH that removes userName", "PATCH", "/Users/{ada}",
     operations({"op": "remove", "path": "userName"}), (400, "mutability")),
    ("PATCH of an id", "PATCH", "/Users/{ada}", put(NOBODY, "id"), (400, "mutability")),
    ("PATCH of the second, wrong", "PATCH", "/Users/{ada}",
     operations({"op": "replace", "path": "title", "value": "x"},
                {"op": "replace", "path": "active", "value": "perhaps"}), (400, "invalidValue")),
    ("PATCH of too many", "PATCH", "/Users/{ada}", operations(*[{"op": "remove", "path": "title"}] * 1001),
     (413, "")),
    ("PATCH that takes a group's name", "PATCH", "/Groups/{Crew}",
     operations({"op": "remove", "path": "displayName"}), (400, "mutability")),
    ("a method that is none there", "PUT", "/Users", user("x"), (405, "")),
    ("another, of one", "POST", "/Users/{ada}", user("x"), (405, "")),
    ("a change of what is described", "DELETE", "/Schemas", None, (405, "")),
    ("a kind that is none", "POST", "/Devices", {}, (404, "")),
    ("nobody's own", "GET", "/Me", None, (501, "")),
    ("bulk of too many", "POST", "/Bulk", {"schemas": [BULK], "Operations": [{}] * 1001}, (413, "")),
    ("bulk without operations", "POST", "/Bulk", {"schemas": [BULK]}, (400, "invalidValue")),
    ("a search that is none", "POST", "/.search", [], (400, "invalidSyntax")),
    ("a search by no filter", "POST", "/Users/.search", {"schemas": [SEARCH], "filter": "userName is x"},
     (400, "invalidFilter")),
]  # fmt: skip


@pytest.mark.parametrize("fault", BODIES, ids=[one[0] for one in BODIES])
async def test_one_fault_is_refused_and_nothing_changed(
    world: World, fault: tuple[str, str, str, Any, tuple[int, str]]
) -> None:
    _, method, path, body, wanted = fault
    before, known = await world.tables(), await ids(world.entra)
    answer = await world.entra.send(method, path.format_map(known) if "{" in path else path, body)
    assert refusal(answer) == wanted
    assert await world.tables() == before


QUERIES: list[tuple[str, dict[str, str], tuple[int, str]]] = [
    ("no filter", {"filter": "userName is x"}, (400, "invalidFilter")),
    ("half of one", {"filter": 'userName eq "x'}, (400, "invalidFilter")),
    ("SQL behind one", {"filter": 'userName eq "x"; DROP TABLE scim_user'}, (400, "invalidFilter")),
    ("an unknown operator", {"filter": 'userName like "a%"'}, (400, "invalidFilter")),
    ("without end", {"filter": " or ".join(['userName eq "x"'] * 240)}, (400, "invalidFilter")),
    ("deep by not", {"filter": "not (" * 600 + "id pr" + ")" * 600}, (400, "invalidFilter")),
    ("count of another type", {"count": "many"}, (400, "invalidValue")),
    ("a cursor of nobody's", {"cursor": "nonsense", "count": "1"}, (400, "invalidCursor")),
    ("both ways of paging", {"cursor": "", "startIndex": "2"}, (400, "invalidValue")),
    ("both kinds of attributes", {"attributes": "userName", "excludedAttributes": "emails"},
     (400, "invalidValue")),
    ("attributes without end", {"attributes": ",".join(["userName"] * 300)}, (400, "invalidValue")),
]  # fmt: skip


@pytest.mark.parametrize("fault", QUERIES, ids=[one[0] for one in QUERIES])
async def test_a_question_that_is_none_is_refused(
    world: World, fault: tuple[str, dict[str, str], tuple[int, str]]
) -> None:
    assert refusal(await world.entra.get("/Users", **fault[1])) == fault[2]


INJECTED = [
    "' OR '1'='1", "x' --", "%", "_", "100%", "_sure_", "*", "\\", '\\"', "$1", ":connection", "{0}", "?",
    "'; DELETE FROM scim_user; --", '"}]', "x\\\\' OR 1=1", "\u0131", "ADA\u200b",
]  # fmt: skip


COMPARED: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda one, other: one == other,
    "sw": lambda one, other: one.startswith(other),
    "co": lambda one, other: other in one,
    "ew": lambda one, other: one.endswith(other),
}


@pytest.mark.parametrize("attribute", ["userName", "externalId", "emails.value", "displayName", "title"])
@pytest.mark.parametrize("operator", list(COMPARED))
async def test_a_filters_value_is_a_value(world: World, attribute: str, operator: str) -> None:
    """As Python compares: of LIKE, SQL and JSON no character has a meaning; none leads to another's."""
    everybody = (await world.entra.read("/Users"))["Resources"]
    told = {one["userName"]: _texts(one, attribute) for one in everybody}
    compare = COMPARED[operator]
    for value in INJECTED:
        found = await world.entra.get("/Users", filter=f"{attribute} {operator} {json.dumps(value)}")
        assert found.status_code == 200, found.text
        folded = value if attribute == "externalId" else value.casefold()
        wanted = {name for name, texts in told.items() if any(compare(one, folded) for one in texts)}
        assert {one["userName"] for one in found.json().get("Resources", [])} == wanted, value


def _texts(one: dict[str, Any], attribute: str) -> list[str]:
    if attribute == "emails.value":
        return [email["value"].casefold() for email in one["emails"]]
    text = one.get(attribute, "")
    return ([text] if attribute == "externalId" else [text.casefold()]) if text else []


async def test_unknown_attributes_are_left_out_and_sent_passwords_dropped(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "correct-horse-battery-staple"
    there = world.entra
    caplog.set_level("DEBUG")
    made = await there.user("temporary", password=secret, shoeSize=44)
    path = f"/Users/{made['id']}"
    answers = [
        await there.put(path, made | {"password": secret, "title": "x"}),
        await there.patch(path, {"op": "replace", "path": "password", "value": secret}),
        await there.patch(path, {"op": "add", "value": {"password": secret, "title": "y"}}),
        await there.post("/Users", user("temporary", password=secret)),
        await there.post("/Users", {"password": secret}),
        await there.post("/Bulk", {"Operations": [
            {"method": "PATCH", "path": path, "data": put(secret, "password")},
        ]}),
        await there.get("/Users", filter=f'password eq "{secret}"'),
    ]  # fmt: skip
    assert (await there.read(path))["title"] == "y"
    texts = [json.dumps(made), *(one.text for one in answers), repr(await world.tables())]
    texts += [repr([one.__dict__ for one in caplog.records if one.name.startswith("federation")])]
    assert not [one for one in texts if secret in one]
    assert "shoeSize" not in texts[0]
    if world.url.startswith("sqlite"):
        file = world.stair.database
        assert not any(secret.encode() in one.read_bytes() for one in file.parent.glob(f"{file.name}*"))
    await there.delete(path)


# Versions


async def test_versions_are_held_to(world: World) -> None:
    there = world.entra
    made = await there.user("versioned")
    path, first = f"/Users/{made['id']}", made["meta"]["version"]
    fresh = await there.get(path)
    assert fresh.headers["etag"] == first
    unchanged = await there.client.get(f"{there.path}{path}", headers={"if-none-match": first})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    changed = await there.patch(path, {"op": "replace", "value": {"title": "x"}}, if_match=first)
    assert changed.status_code == 200
    before = await world.tables()
    for wrong in (first, 'W/"99"', '"nonsense"', "nonsense", 'W/"' + "9" * 40 + '"', "", " ", ",", '""'):
        for answer in (
            await there.patch(path, {"op": "replace", "value": {"title": "y"}}, if_match=wrong),
            await there.put(path, user("versioned"), if_match=wrong),
            await there.delete(path, if_match=wrong),
        ):
            assert refusal(answer)[0] == 412
    right = changed.json()["meta"]["version"]
    assert refusal(await there.delete(path, if_match=f"{first}, *")) == (400, "invalidValue")
    bulk = {"method": "DELETE", "path": path, "version": ""}
    (told,) = (await there.post("/Bulk", {"schemas": [BULK], "Operations": [bulk]})).json()["Operations"]
    assert told["status"] == "412"
    assert await world.tables() == before
    lines = [("if-match", '"nonsense"'), ("if-match", right)]  # one list, on two lines (RFC 9110 §5.3)
    assert (await there.client.delete(f"{there.path}{path}", headers=lines)).status_code == 204


async def test_of_two_who_saw_one_version_one_changes_it(world: World) -> None:
    there = world.entra
    for kind, made in (("Users", await there.user("raced")), ("Groups", await there.group("Raced"))):
        path, version = f"/{kind}/{made['id']}", made["meta"]["version"]
        answers = await asyncio.gather(
            *(
                there.patch(path, {"op": "replace", "value": {"externalId": f"x{number}"}}, if_match=version)
                for number in range(6)
            )
        )
        assert sorted(one.status_code for one in answers) == [200] + [412] * 5
        await there.delete(path)


async def test_of_many_who_name_no_version_every_change_is_kept(world: World) -> None:
    there = world.entra
    users = [(await there.user(f"member{number}"))["id"] for number in range(6)]
    made = await there.group("Busy")
    path = f"/Groups/{made['id']}"
    answers = await asyncio.gather(
        *(there.patch(path, {"op": "add", "path": "members", "value": [{"value": one}]}) for one in users)
    )
    assert {one.status_code for one in answers} == {200}
    assert {one["value"] for one in (await there.read(path))["members"]} == set(users)
    for one in (path, *(f"/Users/{one}" for one in users)):
        await there.delete(one)


# Bulk


async def test_bulk_ids_that_go_in_circles_make_nothing(world: World) -> None:
    before = await world.tables()
    circle = [
        {"method": "POST", "path": "/Groups", "bulkId": "a", "data": group("A", "bulkId:b")},
        {"method": "POST", "path": "/Groups", "bulkId": "b", "data": group("B", "bulkId:a")},
    ]
    nobody = [{"method": "POST", "path": "/Groups", "bulkId": "a", "data": group("A", "bulkId:zzz")}]
    for told in (circle, nobody):
        answer = await world.entra.post("/Bulk", {"schemas": [BULK], "Operations": told})
        statuses = {one["status"] for one in answer.json().get("Operations", [])} or {answer.status_code}
        assert {int(one) // 100 for one in statuses} == {4}, answer.text
    assert await world.tables() == before


async def test_bulk_stops_after_as_many_errors_as_it_was_told(world: World) -> None:
    told = [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"active": True}},
        {"method": "DELETE", "path": f"/Users/{NOBODY}"},
        {"method": "POST", "path": "/Users", "bulkId": "2", "data": user("never")},
    ]
    before = await world.tables()
    answer = await world.entra.post("/Bulk", {"schemas": [BULK], "failOnErrors": 2, "Operations": told})
    assert [one["status"] for one in answer.json()["Operations"]] == ["400", "404"]
    assert await world.tables() == before


# Another connection's


async def test_ids_of_another_connection_are_nobodys(world: World) -> None:
    """In every position: a path, a member, a filter, a manager, a bulk request, a cursor."""
    theirs, mine, there = await ids(world.other), await ids(world.entra), world.entra
    before = await world.tables()
    for kind, name in (("Users", "zed"), ("Groups", "Others")):
        path = f"/{kind}/{theirs[name]}"
        body = user("x") if kind == "Users" else group("x")
        for answer in (
            await there.get(path),
            await there.put(path, body),
            await there.patch(path, {"op": "replace", "path": "externalId", "value": "x"}),
            await there.delete(path),
            await there.get(f"/{kind}/{theirs['Others' if kind == 'Users' else 'zed']}"),
        ):
            assert refusal(answer) == (404, "")
        bulk = [{"method": "DELETE", "path": path}, {"method": "PUT", "path": path, "data": body}]
        answer = await there.post("/Bulk", {"schemas": [BULK], "Operations": bulk})
        assert [one["status"] for one in answer.json()["Operations"]] == ["404", "404"]
    zed = theirs["zed"]
    for kind, asked in (
        ("Users", f'id eq "{zed}"'),
        ("Users", 'userName eq "zed"'),
        ("Users", 'externalId eq "e9"'),
        ("Users", f'groups.value eq "{theirs["Others"]}"'),
        ("Users", f'not (id eq "{mine["ada"]}")'),
        ("Groups", f'members.value eq "{zed}"'),
        ("Groups", f'members[value eq "{zed}"]'),
    ):
        found = await there.read(f"/{kind}", filter=asked)
        assert {one["id"] for one in found.get("Resources", [])} <= set(mine.values()), asked
    assert await world.tables() == before
    # As a member or a manager it is a text like any other: it shows nothing, and gives nothing.
    for made in (
        await there.group("Strangers", zed, theirs["Others"]),
        await there.user("led", **{ENTERPRISE: {"manager": {"value": zed}}}),
    ):
        assert "zed" not in json.dumps(made).replace(zed, "").lower()
        kind = "Groups" if "members" in made else "Users"
        assert "Others" not in json.dumps(await there.read(f"/{kind}/{made['id']}"))
        assert "groups" not in await world.other.read(f"/Users/{zed}") or all(
            one["value"] != made["id"] for one in (await world.other.read(f"/Users/{zed}"))["groups"]
        )
        await there.delete(f"/{kind}/{made['id']}")


async def test_a_cursor_is_of_its_question_its_connection_and_its_hour(world: World) -> None:
    first = await world.entra.read("/Users", cursor="", count="1")
    cursor = first["nextCursor"]
    middle = "A" if cursor[40] != "A" else "B"
    for there, asked in (
        (world.other, {"cursor": cursor, "count": "1"}),
        (world.okta, {"cursor": cursor, "count": "1"}),
        (world.entra, {"cursor": cursor, "count": "1", "filter": 'userName sw "a"'}),
        (world.entra, {"cursor": cursor, "count": "1", "sortBy": "userName"}),
        (world.entra, {"cursor": cursor[:40] + middle + cursor[41:], "count": "1"}),
        (world.entra, {"cursor": cursor[: len(cursor) // 2], "count": "1"}),
    ):
        answer = await there.get("/Users", **asked)
        told = answer.json()
        assert (answer.status_code, told.get("scimType")) == (400, "invalidCursor"), asked
    answer = await world.entra.get("/Groups", cursor=cursor, count="1")
    assert answer.json().get("scimType") == "invalidCursor"
    assert len((await world.entra.read("/Users", cursor=cursor, count="1"))["Resources"]) == 1


async def test_a_cursor_is_over_after_its_hour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await world.entra.read("/Users", cursor="", count="1")
    elapsed = time.time() + tolerance.CURSOR_LIFE + 1
    monkeypatch.setattr("scim2_server.cursor.time.time", lambda: elapsed)
    answer = await world.entra.get("/Users", cursor=first["nextCursor"], count="1")
    assert refusal(answer) == (400, "expiredCursor")


@pytest.mark.parametrize("asked", ["(" * 2000 + "id pr" + ")" * 2000, "not (" * 600 + "id pr" + ")" * 600])
async def test_a_deep_filter_keeps_nobody_waiting(world: World, asked: str) -> None:
    answer = await world.entra.post("/Users/.search", {"schemas": [SEARCH], "filter": asked})
    assert answer.status_code == 200 or refusal(answer) == (400, "invalidFilter")


async def test_another_content_type_is_not_read(world: World) -> None:
    before = await world.tables()
    for content_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"):
        answer = await world.entra.post("/Users", user("typed"), content_type=content_type)
        assert refusal(answer)[0] in (400, 415), content_type
    assert await world.tables() == before
