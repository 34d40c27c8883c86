"""What provisioning means: the whole stair, from what a directory tells to whoever signs in."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import stair
from databases import ENGINES
from directory import World, provisioned

from federation import passwords
from federation.administration import overview
from federation.administration.actor import SCOPES, Actor
from federation.administration.desk import Desk
from federation.break_glass import new_code

CREW = {"acme": {"administrators": ["admin"], "teams": {"crew": {"name": "Crew", "groups": ["crew"]}}}}
ADA, BOB = "ada@acme.example", "bob@acme.example"


@pytest.fixture(scope="module", params=ENGINES)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    trusting = {"email_trust": "domains", "on_email_match": "link"}
    async with (
        provisioned(
            request.param,
            request,
            tmp_path_factory.mktemp("meaning"),
            okta=trusting | {"scim": {"external_id": ["department"]}},
            entra=trusting | {"scim": {"external_id": ["sub"]}},
            overrides={"organizations": CREW | {"globex": {"name": "Globex"}}},
        ) as world,
        stair.listening(),
    ):
        yield world


@pytest.fixture
async def world(opened: World) -> World:
    await opened.clear()
    return opened


async def saml(
    world: World, who: str = "bob", connection: str = "acme-saml", **knobs: Any
) -> tuple[httpx2.AsyncClient, str]:
    """Sign in; return the browser and the code of a refusal, "" of none."""
    world.stair.clock.at += timedelta(minutes=1)
    browser = world.stair.browser()
    form = await world.stair.saml(browser, who, connection, **knobs)
    answer = await browser.post(f"/saml/{connection}/acs", data=form)
    return browser, "" if answer.status_code == 303 else await world.stair.code(answer)


async def oidc(world: World, who: str = "bob") -> tuple[httpx2.AsyncClient, str]:
    """Likewise."""
    world.stair.clock.at += timedelta(minutes=1)
    browser = world.stair.browser()
    answer = await browser.get(await world.stair.oidc(browser, who))
    return browser, "" if answer.status_code == 303 else await world.stair.code(answer)


async def said(browser: httpx2.AsyncClient) -> dict[str, Any]:
    """Return what the application hears; {} of nobody."""
    answer = await browser.get("/session")
    return dict(answer.json()) if answer.status_code == 200 else {}


async def user_of(world: World, resource: str) -> str:
    ((found,),) = await world.ask(f"SELECT user_id FROM scim_user WHERE id = '{resource}'")  # noqa: S608  ours
    return str(found)


async def active(world: World, resource: str, value: bool, name: str = "okta") -> None:  # noqa: FBT001  a value
    there = getattr(world, name)
    answer = await there.patch(f"/Users/{resource}", {"op": "replace", "value": {"active": value}})
    assert answer.status_code == 200, answer.text


def sub(login: str) -> str:
    """As the development provider makes it."""
    return hashlib.sha256(f"demo {login}".encode()).hexdigest()[:24]


# Whose user


BY: dict[str, dict[str, Any]] = {
    "externalId": {"userName": "b.builder", "externalId": sub("bob"), "emails": None},
    "userName": {"userName": BOB.upper(), "externalId": "x", "emails": [{"value": "other@acme.example"}]},
    "address": {"userName": "b.builder", "externalId": "x", "emails": [{"value": BOB}]},
}


@pytest.mark.parametrize("by", list(BY))
async def test_who_is_provisioned_is_the_one_who_signs_in_by_openid_connect(world: World, by: str) -> None:
    made = await world.entra.user("bob", **BY[by])
    browser, refused = await oidc(world)
    assert refused == ""
    assert (await said(browser))["user"]["id"] == await user_of(world, made["id"])
    assert len(await world.ask('SELECT id FROM "user"')) == 1


BY_SAML: dict[str, dict[str, Any]] = {
    "externalId": {"userName": "b.builder", "externalId": "Finance", "emails": None},
    "userName": {"userName": BOB.upper(), "externalId": "x", "emails": [{"value": "other@acme.example"}]},
    "address": {"userName": "b.builder", "externalId": "x", "emails": [{"value": BOB}]},
}


@pytest.mark.parametrize("by", list(BY_SAML))
async def test_who_is_provisioned_is_the_one_who_signs_in_by_saml(world: World, by: str) -> None:
    made = await world.okta.user("bob", **BY_SAML[by])
    browser, refused = await saml(world)
    assert refused == ""
    assert (await said(browser))["user"]["id"] == await user_of(world, made["id"])


async def test_who_signed_in_first_is_the_one_who_is_provisioned(world: World) -> None:
    browser, _ = await saml(world)
    before = (await said(browser))["user"]["id"]
    made = await world.okta.user(BOB)
    assert await user_of(world, made["id"]) == before
    await active(world, made["id"], value=False)
    assert await said(browser) == {}


async def test_another_person_of_the_directory_is_another_user(world: World) -> None:
    made = await world.okta.user("carla@acme.example")
    browser, _ = await saml(world)
    assert (await said(browser))["user"]["id"] != await user_of(world, made["id"])


# Out, and in again


async def test_who_is_deactivated_is_out_of_the_organization_by_every_way(world: World) -> None:
    made = await world.okta.user(BOB)
    browser, _ = await saml(world)
    beside, refused = await oidc(world)  # the same user, by another connection of the organization
    assert (refused, (await said(beside))["user"]["id"]) == ("", await user_of(world, made["id"]))
    elsewhere, refused = await saml(world, connection="other-saml")
    assert refused == ""
    await active(world, made["id"], value=False)
    assert (await said(browser), await said(beside)) == ({}, {})
    assert (await browser.get("/verify")).status_code == 401
    assert (await saml(world))[1] == "policy.deactivated"
    assert (await oidc(world))[1] == "policy.deactivated"
    assert await said(elsewhere) != {}  # another organization's
    assert (await saml(world, connection="other-saml"))[1] == ""
    await active(world, made["id"], value=True)
    assert (await said(browser), (await saml(world))[1], (await oidc(world))[1]) == ({}, "", "")


async def test_break_glass_opens_whoever_a_directory_shuts_out(world: World) -> None:
    ada = await world.okta.user(ADA)
    assert (await saml(world, "ada"))[1] == ""
    await active(world, ada["id"], value=False)  # the last administrator, too: it is the directory's word
    assert (await saml(world, "ada"))[1] == "policy.deactivated"
    printed, drawn = new_code("acme")
    await world.stair.house.store.seal_break_glass(
        "acme", passwords.hash_password(drawn), world.stair.clock()
    )
    browser = world.stair.browser()
    assert (await browser.post("/break-glass", data={"code": printed})).status_code == 303
    assert (await said(browser))["roles"] == ["admin"]


async def test_who_is_made_inactive_comes_in_by_nothing(world: World) -> None:
    made = await world.okta.user(BOB, active=False)
    assert (await saml(world))[1] == "policy.deactivated"
    await active(world, made["id"], value=True)
    assert (await saml(world))[1] == ""


async def test_a_resource_that_goes_ends_access_and_comes_back_as_the_same_user(world: World) -> None:
    made = await world.okta.user(BOB)
    browser, _ = await saml(world)
    before = (await said(browser))["user"]["id"]
    assert (await world.okta.delete(f"/Users/{made['id']}")).status_code == 204
    assert await said(browser) == {}
    assert await world.ask("SELECT * FROM membership WHERE organization_id = 'acme'") == []
    again = await world.okta.user(BOB)
    assert (again["id"] != made["id"], await user_of(world, again["id"])) == (True, before)
    browser, refused = await saml(world)
    assert (refused, (await said(browser))["user"]["id"]) == ("", before)


async def test_a_shell_of_nobody_goes_with_its_resource(world: World) -> None:
    made = await world.okta.user(BOB)
    await world.okta.delete(f"/Users/{made['id']}")
    assert await world.ask('SELECT * FROM "user"') == []


async def test_a_person_stays_while_another_directory_holds_them(world: World) -> None:
    first = await world.okta.user(BOB)
    await saml(world)
    second = await world.entra.user(BOB)
    assert await user_of(world, first["id"]) == await user_of(world, second["id"])
    browser, _ = await oidc(world)
    await world.okta.delete(f"/Users/{first['id']}")
    assert (await said(browser))["roles"] == ["member"]


# Roles and teams


async def told(world: World, browser: httpx2.AsyncClient) -> tuple[list[str], list[str]]:
    """Return the roles and teams of a live session, once a second went by."""
    world.stair.clock.at += timedelta(seconds=2)
    heard = await said(browser)
    return heard["roles"], [one["key"] if isinstance(one, dict) else one for one in heard["teams"]]


async def test_groups_give_roles_and_teams_to_the_living_and_take_them(world: World) -> None:
    made = await world.okta.user(BOB)
    browser, _ = await saml(world)
    assert await told(world, browser) == (["member"], [])
    admins = await world.okta.group("platform-admins", made["id"])
    crew = await world.okta.group("crew", made["id"])
    assert await told(world, browser) == (["admin", "member"], ["crew"])
    path = f"/Groups/{admins['id']}"
    gone = await world.okta.patch(path, {"op": "remove", "path": f'members[value eq "{made["id"]}"]'})
    assert gone.status_code == 200
    assert await told(world, browser) == (["member"], ["crew"])
    assert (await world.okta.delete(f"/Groups/{crew['id']}")).status_code == 204
    await world.stair.house.provisioner.settle_due(world.stair.clock())
    assert await told(world, browser) == (["member"], [])


@pytest.mark.parametrize("how", ["inactive", "gone", "out of the group"])
async def test_it_is_told_where_a_directory_leaves_nobody_who_administers(
    world: World, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    ann, ben = [await world.okta.user(name) for name in ("ann", "ben")]
    admins = await world.okta.group("platform-admins", ann["id"], ben["id"])
    asked = "SELECT actor_kind, object FROM audit WHERE action = 'organization.unadministered'"
    operator = Desk(
        actor=Actor(kind="operator", id="", organization=None, connection=None, scopes=SCOPES, address=""),
        now=world.stair.clock(),
        store=world.stair.house.store,
        vault=world.stair.house.vault,
        roster=world.stair.house.roster,
        settings=world.stair.house.settings,
        fetch=world.stair.house.fetch,
    )
    for one, nobody in ((ann, False), (ben, True)):
        if how == "out of the group":
            sent = {"op": "remove", "path": f'members[value eq "{one["id"]}"]'}
            assert (await world.okta.patch(f"/Groups/{admins['id']}", sent)).status_code == 200
        elif how == "gone":
            assert (await world.okta.delete(f"/Users/{one['id']}")).status_code == 204
        else:
            await active(world, one["id"], value=False)
        told = [record for record in caplog.records if record.getMessage() == "nobody administers"]
        assert len(told) == len(await world.ask(asked)) == int(nobody)
        matters = [one.kind for one in (await overview.look(operator, "acme")).matters]
        assert ("unadministered" in matters) is nobody
    assert await world.ask(asked) == [("scim", "acme")]
    assert vars(told[0])["connection"] == "acme-saml"


async def test_a_renamed_group_gives_what_its_name_gives(world: World) -> None:
    made = await world.okta.user(BOB)
    group = await world.okta.group("nobodies", made["id"])
    browser, _ = await saml(world)
    for name, roles in (("platform-admins", ["admin", "member"]), ("nobodies", ["member"])):
        path = f"/Groups/{group['id']}"
        await world.okta.patch(path, {"op": "replace", "value": {"id": group["id"], "displayName": name}})
        await world.stair.house.provisioner.settle_due(world.stair.clock())
        assert (await told(world, browser))[0] == roles


async def test_what_was_given_by_hand_or_by_a_sign_in_stays(world: World) -> None:
    made = await world.okta.user(ADA)
    browser, _ = await saml(world, "ada")  # whose sign-in names the group, too
    user = await user_of(world, made["id"])
    crew = await world.okta.group("platform-admins", made["id"])
    sources = {
        source
        for (source,) in await world.ask(
            f"SELECT source FROM role_grant WHERE user_id = '{user}' AND role = 'admin'"  # noqa: S608  ours
        )
    }
    assert sources == {"connection:acme-saml", "scim:acme-saml"}
    await world.okta.patch(f"/Groups/{crew['id']}", {"op": "replace", "path": "members", "value": []})
    await world.stair.house.provisioner.settle_due(world.stair.clock())
    assert (await told(world, browser))[0] == ["admin", "member"]
    await world.okta.delete(f"/Groups/{crew['id']}")
    assert (await told(world, browser))[0] == ["admin", "member"]


async def test_the_directorys_names_beat_those_of_a_sign_in(world: World) -> None:
    made = await world.okta.user(
        BOB, displayName="Robert B.", name={"givenName": "Robert", "familyName": "B."}
    )
    browser, _ = await saml(world)
    assert (await said(browser))["user"]["display_name"] == "Robert B."
    body = {"op": "replace", "value": {"displayName": "Robert Builder"}}
    await world.okta.patch(f"/Users/{made['id']}", body)
    world.stair.clock.at += timedelta(seconds=2)
    assert (await said(browser))["user"]["display_name"] == "Robert Builder"
    browser, _ = await saml(world)
    assert (await said(browser))["user"]["display_name"] == "Robert Builder"


async def test_system_roles_are_no_directorys_to_give(world: World) -> None:
    made = await world.okta.user(BOB, roles=[{"value": "operator"}], entitlements=[{"value": "operator"}])
    await world.okta.group("operator", made["id"])
    browser, _ = await saml(world)
    assert (await said(browser)).get("system_roles", []) == []
