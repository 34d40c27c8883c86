"""Okta as a SCIM client: the published cases of its suites, and the sequences that its apps send.

What Okta tests and sends is told in its developer documentation: the SCIM 2.0 SPEC suite, the CRUD
suite, *SCIM 2.0 protocol reference*. An app of the App Integration Wizard (AIW) changes everything by
PUT, one of the catalog (OIN) puts profiles and patches the rest.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from databases import ENGINES
from directory import ERROR, GROUP, LIST, OKTA_PAIR, USER, Directory, World, provisioned

SPEC = {"user_agent": "OKTA SCIM Integration", "content_type": "application/json"}
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module", params=ENGINES)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with provisioned(request.param, request, tmp_path_factory.mktemp("okta")) as opened:
        yield opened


@pytest.fixture
async def okta(world: World) -> Directory:
    """A client of Okta's, of a directory that has told of nobody."""
    await world.clear()
    return world.okta


@pytest.fixture
async def suite(world: World, okta: Directory) -> Directory:
    """The suite's client."""
    return world.directory("okta", **SPEC)


def new_user(name: str = "ada.l@acme.example", **told: Any) -> dict[str, Any]:
    """As Okta creates somebody: with a password that it has made up, and no groups."""
    return {
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"primary": True, "value": name, "type": "work"}],
        "displayName": "Ada Lovelace",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    } | told


# The SPEC suite


async def test_spec_1_list_users(suite: Directory) -> None:
    await suite.user("first@acme.example")
    await suite.user("second@acme.example")
    told = await suite.read("/Users", count="1", startIndex="1")
    assert told["schemas"] == [LIST]
    counts = [told[name] for name in ("itemsPerPage", "startIndex", "totalResults")]
    assert counts == [1, 1, 2]
    assert all(type(one) is int for one in counts)
    first = told["Resources"][0]
    assert first["id"]
    assert first["name"]["familyName"]
    assert first["name"]["givenName"]
    assert first["userName"] in ("first@acme.example", "second@acme.example")
    assert first["active"] is True
    assert first["emails"][0]["value"]


async def test_spec_2_get_the_listed_user(suite: Directory) -> None:
    made = await suite.user("ada@acme.example")
    assert await suite.read(f"/Users/{made['id']}") == made


async def test_spec_3_an_invalid_user_name_finds_nobody(suite: Directory) -> None:
    await suite.user("ada@acme.example")
    told = await suite.read("/Users", filter='userName eq "no such user"')
    assert (told["schemas"], told["totalResults"]) == ([LIST], 0)


async def test_spec_4_a_missing_user_is_not_found(suite: Directory) -> None:
    answer = await suite.get("/Users/010101001010101011001010101011")
    told = answer.json()
    assert (answer.status_code, told["schemas"], told["status"]) == (404, [ERROR], "404")
    assert told["detail"]


async def test_spec_5_a_random_address_is_nobodys(suite: Directory) -> None:
    told = await suite.read("/Users", filter='userName eq "runscope300x@acme.example"')
    assert told["totalResults"] == 0


async def test_spec_6_create_a_user(suite: Directory) -> None:
    sent = {
        "schemas": [USER],
        "userName": "runscope300@acme.example",
        "name": {"givenName": "Runscope", "familyName": "Okta"},
        "emails": [{"primary": True, "value": "runscope300@acme.example", "type": "work"}],
        "displayName": "Runscope Okta",
        "active": True,
    }
    answer = await suite.post("/Users", sent)
    made = answer.json()
    assert answer.status_code == 201
    assert {name: made[name] for name in sent} == sent
    assert answer.headers["location"] == made["meta"]["location"]


async def test_spec_7_get_the_created_user(suite: Directory) -> None:
    made = await suite.user("ada@acme.example")
    told = await suite.read(f"/Users/{made['id']}")
    assert (told["userName"], told["name"]["familyName"]) == ("ada@acme.example", "Example")


async def test_spec_8_the_same_user_again_is_a_conflict(suite: Directory) -> None:
    await suite.user("ada@acme.example")
    answer = await suite.post("/Users", new_user("ada@acme.example"))
    told = answer.json()
    assert (answer.status_code, told["schemas"], told["scimType"]) == (409, [ERROR], "uniqueness")


async def test_spec_9_a_user_name_is_found_whatever_its_case(suite: Directory) -> None:
    made = await suite.user("ada@acme.example")
    told = await suite.read("/Users", filter='userName eq "ADA@ACME.EXAMPLE"')
    assert [one["id"] for one in told["Resources"]] == [made["id"]]


async def test_spec_10_list_groups(suite: Directory) -> None:
    told = await suite.read("/Groups")
    assert (told["schemas"], told["totalResults"]) == ([LIST], 0)


async def test_spec_11_a_bad_credential_is_refused(world: World, okta: Directory) -> None:
    for authorization in ("Basic b2t0YTp3cm9uZw==", "Bearer wrong", ""):
        answer = await world.directory("okta", authorization=authorization).get("/Users")
        told = answer.json()
        assert (answer.status_code, told["status"], told["schemas"]) == (401, "401", [ERROR])
        assert told["detail"]
        assert OKTA_PAIR not in answer.text


async def test_spec_12_a_missing_id_says_404_in_its_body(suite: Directory) -> None:
    for path in (f"/Users/{NOBODY}", f"/Groups/{NOBODY}"):
        answer = await suite.get(path)
        assert (answer.status_code, answer.json()["status"]) == (404, "404")


# The drafts beside it


async def test_draft_put_changes_attributes(suite: Directory) -> None:
    made = await suite.user("ada@acme.example")
    changed = await suite.put(
        f"/Users/{made['id']}", made | {"name": {"givenName": "Augusta", "familyName": "King"}}
    )
    assert (changed.status_code, changed.json()["name"]["givenName"]) == (200, "Augusta")
    assert await suite.read(f"/Users/{made['id']}") == changed.json()


async def test_draft_patch_disables(suite: Directory) -> None:
    made = await suite.user("ada@acme.example")
    answer = await suite.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert (await suite.read(f"/Users/{made['id']}"))["active"] is False


async def grouped(suite: Directory) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return a group's path, the group, and somebody who is not in it."""
    ada, bob = await suite.user("ada@acme.example"), await suite.user("bob@acme.example")
    made = await suite.group("Test SCIMv2", ada["id"])
    return f"/Groups/{made['id']}", made, bob


async def test_draft_group_create(suite: Directory) -> None:
    _, made, _ = await grouped(suite)
    assert (made["schemas"], made["displayName"], len(made["members"])) == ([GROUP], "Test SCIMv2", 1)


async def test_draft_group_get(suite: Directory) -> None:
    path, made, _ = await grouped(suite)
    assert await suite.read(path) == made


async def test_draft_group_put(suite: Directory) -> None:
    path, made, bob = await grouped(suite)
    put = await suite.put(path, made | {"displayName": "Renamed", "members": [{"value": bob["id"]}]})
    assert (put.status_code, put.json()["displayName"]) == (200, "Renamed")
    assert [one["value"] for one in put.json()["members"]] == [bob["id"]]


async def test_draft_group_patch(suite: Directory) -> None:
    path, made, bob = await grouped(suite)
    patched = await suite.patch(path, {"op": "add", "path": "members", "value": [{"value": bob["id"]}]})
    (ada,) = made["members"]
    assert {one["value"] for one in patched.json()["members"]} == {ada["value"], bob["id"]}


async def test_draft_group_delete(suite: Directory) -> None:
    path, _, _ = await grouped(suite)
    assert (await suite.delete(path)).status_code == 204
    assert (await suite.get(path)).status_code == 404


# The CRUD suite: what a live organization has its application do


WHO = 'userName eq "ada.l@acme.example"'


async def assigned(okta: Directory) -> str:
    """Return the path of somebody whom the application is assigned to: asked for, then made."""
    found = await okta.read("/Users", filter=WHO, startIndex="1", count="100")
    assert found["totalResults"] == 0
    return f"/Users/{(await okta.post('/Users', new_user())).json()['id']}"


async def set_active(okta: Directory, path: str, *turns: bool) -> None:
    for active in turns:
        answer = await okta.patch(path, {"op": "replace", "value": {"active": active}})
        assert (answer.status_code, answer.json()["active"]) == (200, active)


async def verify(okta: Directory, path: str, **told: Any) -> None:
    """By its id and by its name, as the suite does after each step."""
    (found,) = (await okta.read("/Users", filter=WHO))["Resources"]
    for seen in (await okta.read(path), found):
        assert {key: seen[key] for key in told} == told


async def test_crud_app_exists(okta: Directory) -> None:
    """The application's connection is tested so."""
    told = await okta.read("/Users", startIndex="1", count="2")
    assert (told["schemas"], told["totalResults"]) == ([LIST], 0)


async def test_crud_add_user_and_assign_verify_created(okta: Directory) -> None:
    await verify(okta, await assigned(okta), userName="ada.l@acme.example", active=True)


async def test_crud_change_first_name_verify(okta: Directory) -> None:
    path = await assigned(okta)
    name = {"givenName": "Augusta", "familyName": "Lovelace"}
    assert (await okta.put(path, (await okta.read(path)) | {"name": name})).status_code == 200
    await verify(okta, path, name=name, active=True)


async def test_crud_deactivate_verify(okta: Directory) -> None:
    path = await assigned(okta)
    await set_active(okta, path, False)
    await verify(okta, path, active=False)


async def test_crud_reactivate_and_reassign_verify(okta: Directory) -> None:
    """Somebody who is known by name is taken over, and told of anew."""
    path = await assigned(okta)
    await set_active(okta, path, False, True)
    assert (await okta.put(path, (await okta.read(path)) | {"title": "Countess"})).status_code == 200
    await verify(okta, path, title="Countess", active=True)


async def test_crud_unassign_verify_inactive(okta: Directory) -> None:
    """Never deleted."""
    path = await assigned(okta)
    await set_active(okta, path, False, True, False)
    await verify(okta, path, active=False)
    assert (await okta.post("/Users", new_user())).status_code == 409


# What its client sends, and what it makes of the answers


async def test_a_password_is_nowhere_in_the_answer(okta: Directory) -> None:
    answer = await okta.post("/Users", new_user())
    assert answer.status_code == 201
    assert "1mz050nq" not in answer.text
    assert "password" not in answer.json()


async def test_an_aiw_app_puts_back_all_that_it_read(okta: Directory) -> None:
    """With id, meta and groups in it, and a password again."""
    made = await okta.user("ada@acme.example", externalId="00u1")
    await okta.group("Everyone", made["id"])
    whole = await okta.read(f"/Users/{made['id']}")
    assert whole["groups"]
    answer = await okta.put(f"/Users/{made['id']}", whole | {"password": "n3wp4ss", "title": "Countess"})
    assert (answer.status_code, answer.json()["title"]) == (200, "Countess")
    assert answer.json()["groups"] == whole["groups"]
    assert "n3wp4ss" not in answer.text


async def test_an_aiw_app_deactivates_and_reactivates_by_put(okta: Directory) -> None:
    made = await okta.user("ada@acme.example", externalId="00u1")
    for active in (False, True):
        answer = await okta.put(f"/Users/{made['id']}", made | {"active": active})
        assert (answer.status_code, answer.json()["active"]) == (200, active)


async def test_an_oin_app_deactivates_by_patch_and_is_answered_with_the_user(okta: Directory) -> None:
    made = await okta.user("ada@acme.example")
    answer = await okta.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    assert (answer.status_code, answer.json()["id"], answer.json()["active"]) == (200, made["id"], False)
    assert answer.json()["emails"] == made["emails"]


async def test_pages_come_in_one_order(okta: Directory) -> None:
    made = [(await okta.user(f"user{number:02}@acme.example"))["id"] for number in range(7)]
    seen = []
    for start in (1, 4, 7):
        told = await okta.read("/Users", startIndex=str(start), count="3")
        assert (told["startIndex"], told["totalResults"]) == (start, 7)
        seen += [one["id"] for one in told["Resources"]]
        await okta.patch(f"/Users/{made[-1]}", {"op": "replace", "value": {"title": str(start)}})
    assert seen == sorted(made)  # the clock stands still


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/scim+json", "application/json; charset=utf-8"]
)
async def test_both_content_types_are_read(okta: Directory, content_type: str) -> None:
    answer = await okta.post("/Users", new_user(), content_type=content_type)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/scim+json")


async def test_it_comes_by_a_minted_token_as_the_password(world: World, okta: Directory) -> None:
    """The token's tests are ``test_web_scim``'s; here that Okta's own pair is one of several ways."""
    assert (await world.directory("okta").get("/Users")).status_code == 200
    assert (await world.directory("okta", connection="other-saml").get("/Users")).status_code == 401


# Group Push


async def test_group_push_creates_renames_replaces_and_unlinks(okta: Directory) -> None:
    ada, bob = (await okta.user("ada@acme.example"))["id"], (await okta.user("bob@acme.example"))["id"]
    found = await okta.read("/Groups", filter='displayName eq "Engineering"', startIndex="1", count="100")
    assert found["totalResults"] == 0
    # Linked or made: without members, or with null for them.
    answer = await okta.post("/Groups", {"schemas": [GROUP], "displayName": "Engineering", "members": None})
    assert answer.status_code == 201
    made = answer.json()
    path = f"/Groups/{made['id']}"
    rename = {"op": "replace", "value": {"id": made["id"], "displayName": "Engineering"}}
    for operations, members in (
        ([{"op": "add", "path": "members", "value": [{"value": ada, "display": "ada@acme.example"}]}], {ada}),
        (
            [
                {"op": "remove", "path": f'members[value eq "{ada}"]'},
                {"op": "add", "path": "members", "value": [{"value": bob, "display": "bob@acme.example"}]},
            ],
            {bob},
        ),
        ([{"op": "replace", "path": "members", "value": [{"value": ada}, {"value": bob}]}], {ada, bob}),
        ([{"op": "replace", "path": "members", "value": []}], set()),
    ):
        changed = await okta.patch(path, rename, *operations)
        assert changed.status_code == 200, changed.text
        assert {one["value"] for one in changed.json().get("members", [])} == members
        assert (await okta.read(path))["displayName"] == "Engineering"
    renamed = await okta.patch(path, {"op": "replace", "value": {"id": made["id"], "displayName": "Crew"}})
    assert renamed.json()["displayName"] == "Crew"
    assert (await okta.delete(path)).status_code == 204
    assert (await okta.get(path)).status_code == 404


async def test_an_aiw_app_puts_whole_groups(okta: Directory) -> None:
    ada = (await okta.user("ada@acme.example"))["id"]
    made = await okta.group("Engineering")
    told: list[dict[str, str]]
    for told in ([{"value": ada, "display": "ada@acme.example"}], []):
        answer = await okta.put(f"/Groups/{made['id']}", made | {"members": told})
        assert answer.status_code == 200
        assert [one["value"] for one in answer.json().get("members", [])] == [one["value"] for one in told]
