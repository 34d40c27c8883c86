"""Other ways in, of somebody of whom a directory speaks: a password, an invitation, another directory."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import stair
from databases import ENGINES
from directory import World, provisioned
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from test_provisioning_meaning import ADA, BOB, active, oidc, said, saml, told, user_of

from federation import passwords, settings
from federation.operator import invite, local
from federation.settings import Settings

STAFF = {"protocol": "local", "organization": "acme", "domains": ["acme.example"]}
PASSWORD = "four winds & a harbour"
ID = "00g1emaKYZTWRYYRRTSK"


@pytest.fixture(scope="module", params=ENGINES)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, Settings]]:
    trusting = {"email_trust": "domains", "on_email_match": "link"}
    rules = [
        {"name": "by id", "groups": [ID], "roles": ["auditor"]},
        {"name": "staff", "groups": ["staff"], "roles": ["member"]},  # as the provider says, at a sign-in
    ]
    place: Path = tmp_path_factory.mktemp("ways")
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASH", cheap)  # what one costs: tests of passwords and hashing
        patch.setattr(passwords, "nobodys", cache(passwords.nobodys.__wrapped__))
        patch.setenv("FEDERATION__CONNECTIONS__STAFF", json.dumps(STAFF))
        async with (
            provisioned(
                request.param,
                request,
                place,
                okta=trusting,
                entra=trusting
                | {"scim": {"group_name": "externalId"}, "role_rules": rules, "match": "all", "strict": True},
            ) as world,
            stair.listening(),
        ):
            there = {"database_url": world.url}
            yield world, settings.load(place / "federation.yaml", overrides=there)


@pytest.fixture
async def world(opened: tuple[World, Settings]) -> World:
    await opened[0].clear()
    return opened[0]


@pytest.fixture
def config(opened: tuple[World, Settings]) -> Settings:
    return opened[1]


async def by_password(world: World, **sent: str) -> tuple[httpx2.AsyncClient, str]:
    """Sign in with a local account; return the browser and the code of a refusal, "" of none."""
    world.stair.clock.at += timedelta(minutes=1)
    browser = world.stair.browser()
    fields = (await browser.get("/login/staff?return_to=/account")).json()["fields"]
    answer = await browser.post("/local/staff", data=fields | {"email": BOB, "password": PASSWORD} | sent)
    return browser, "" if answer.status_code == 303 else await world.stair.code(answer)


async def test_who_is_deactivated_comes_in_by_no_password(world: World, config: Settings) -> None:
    made = await world.okta.user(BOB)
    await saml(world)
    whose = local.whose(config, "acme", BOB)
    link = await local.add(config, whose, (), name="", join=True, now=world.stair.clock())
    form = {"password": PASSWORD, "again": PASSWORD}
    assert (await world.stair.browser().post(urlsplit(link).path, data=form)).status_code == 200
    browser, refused = await by_password(world)
    assert (refused, (await said(browser))["user"]["id"]) == ("", await user_of(world, made["id"]))
    await active(world, made["id"], value=False)
    assert await said(browser) == {}
    assert (await by_password(world))[1] == "policy.deactivated"
    await active(world, made["id"], value=True)
    assert (await by_password(world))[1] == ""


async def test_who_is_deactivated_comes_in_by_no_open_invitation(world: World, config: Settings) -> None:
    sent = await invite.invite(
        config,
        BOB,
        organization="acme",
        roles=("auditor",),
        teams=(),
        expires=timedelta(days=1),
        now=world.stair.clock(),
    )
    made = await world.okta.user(BOB, active=False)

    async def come(path: str) -> tuple[httpx2.AsyncClient, str]:
        world.stair.clock.at += timedelta(minutes=1)
        browser = world.stair.browser()
        assert (await browser.get(path, headers={"accept": "text/html"})).status_code == 200
        answer = await browser.post("/saml/acme-saml/acs", data=await world.stair.saml(browser, "bob"))
        return browser, "" if answer.status_code == 303 else await world.stair.code(answer)

    path = urlsplit(sent.link).path
    assert (await come(path))[1] == "policy.deactivated"
    await active(world, made["id"], value=True)
    browser, refused = await come(path)
    assert (refused, (await said(browser))["user"]["id"]) == ("", await user_of(world, made["id"]))


async def test_groups_are_called_by_their_external_id_where_the_settings_say_so(world: World) -> None:
    made = await world.entra.user(BOB)
    browser, _ = await oidc(world)
    group = await world.entra.group("Auditors", made["id"], externalId=ID)
    assert (await told(world, browser))[0] == ["auditor", "member"]
    path = f"/Groups/{group['id']}"
    for change, roles in (
        ({"displayName": "Others"}, ["auditor", "member"]),
        ({"externalId": "another"}, ["member"]),
        ({"displayName": ID}, ["member"]),  # what it is called counts for nothing
        ({"externalId": ID}, ["auditor", "member"]),
    ):
        answer = await world.entra.patch(path, {"op": "replace", "value": change})
        assert answer.status_code == 200, answer.text
        await world.stair.house.provisioner.settle_due(world.stair.clock())
        assert (await told(world, browser))[0] == roles


async def test_a_large_group_that_is_renamed_is_decided_of_beside_everything_else(world: World) -> None:
    people = [(await world.okta.user(f"p{at}@acme.example"))["id"] for at in range(60)]
    group = await world.okta.group("nobodies", *people)
    await _settled(world)
    rename = {"op": "replace", "value": {"id": group["id"], "displayName": "platform-admins"}}
    assert (await world.okta.patch(f"/Groups/{group['id']}", rename)).status_code == 200
    await _settled(world)
    asked = "SELECT count(*) FROM role_grant WHERE role = 'admin' AND source = 'scim:acme-saml'"
    assert await world.ask(asked) == [(60,)]


async def _settled(world: World) -> None:
    """Wait until nobody is due: nothing here asks for it."""
    for _ in range(1000):
        if not await world.ask("SELECT id FROM scim_user WHERE due_at IS NOT NULL LIMIT 1"):
            return
        await asyncio.sleep(0.02)
    pytest.fail("somebody is due still")


async def test_two_directories_of_one_organization_make_a_new_person_twice_each_for_its_own(
    world: World,
) -> None:
    """Neither's word of an address is proof to the other, until somebody has come with it."""
    by_okta, by_entra = await world.okta.user(ADA), await world.entra.user(ADA)
    users = [await user_of(world, one["id"]) for one in (by_okta, by_entra)]
    assert users[0] != users[1]
    for way, user in zip((saml, oidc), users, strict=True):
        browser, refused = await way(world, "ada")
        assert (refused, (await said(browser))["user"]["id"]) == ("", user)


async def test_the_second_directory_finds_whoever_has_come_by_the_first(world: World) -> None:
    """Though it is strict, and whoever is new is in no group yet."""
    made = await world.okta.user(ADA)
    await saml(world, "ada")
    again = await world.entra.user(ADA)
    assert await user_of(world, again["id"]) == await user_of(world, made["id"])
    await active(world, again["id"], value=False, name="entra")
    await active(world, made["id"], value=False)
    await active(world, made["id"], value=True)  # takes back its own word alone
    assert (await saml(world, "ada"))[1] == "policy.deactivated"
    await world.entra.delete(f"/Users/{again['id']}")
    assert (await saml(world, "ada"))[1] == ""
