"""What a directory that means ill, and people who conspire with it, cannot do."""

import base64
import re
import zlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stair
from databases import ANYBODY, ENGINES
from directory import World, provisioned

from federation.demo.saml_idp import SamlIdp
from federation.demo.users import DemoUser
from federation.records import in_force

PERSISTENT = {"name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}
TRUSTED = {"email_trust": "domains"}
OPAQUE = {"name_id_format": "persistent"}


def person(name: str, email: str = "", *groups: str) -> DemoUser:
    return DemoUser(
        login=name,
        password=name,
        email=email or f"{name}@acme.example",
        given_name=name.title(),
        family_name="Example",
        groups=groups or ("staff",),
        department="Engineering",
        why="",
    )


async def comes(
    world: World, who: DemoUser, connection: str = "acme-saml", **knobs: Any
) -> tuple[httpx2.AsyncClient, httpx2.Response]:
    """Sign in by SAML; return the browser, and what it was answered."""
    browser = world.stair.browser()
    asked = await world.stair.begin(browser, connection)
    request = zlib.decompress(base64.b64decode(asked["SAMLRequest"]), -15).decode()
    request_id = re.search(r'\bID="([^"]+)"', request)
    assert request_id
    document = world.stair.idps[connection].response(
        user=who,
        acs_url=f"{stair.BASE}/saml/{connection}/acs",
        sp_entity_id=f"{stair.BASE}/saml/{connection}/metadata",
        request_id=request_id[1],
        now=world.stair.clock(),
        **knobs,
    )
    form = {"SAMLResponse": SamlIdp.encode(document), "RelayState": asked["RelayState"]}
    return browser, await browser.post(f"/saml/{connection}/acs", data=form)


def later(world: World) -> None:
    """Let a moment pass, for which another node may remember a session."""
    world.stair.clock.at += timedelta(seconds=2)


async def session(browser: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await browser.get("/session")
    return dict(answer.json()) if answer.status_code == 200 else {"status": answer.status_code}


def opaque(name: str) -> str:
    """Return what their identity provider and their directory both call somebody."""
    return f"{name}-0123456789-0123456789"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("provisioning", ["open", "provisioned_only"])
async def test_a_directory_hands_nobodys_user_to_somebody_else(
    engine: str, provisioning: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It renames a resource after another Subject: theirs is a user of their own, and the resource theirs."""
    settings = TRUSTED | OPAQUE | {"provisioning": provisioning}
    async with provisioned(engine, request, tmp_path, okta=settings) as world:
        made = await world.okta.user("ada@acme.example", externalId=opaque("ada"))
        browser, _ = await comes(world, person("ada"), name_id=opaque("ada"), **PERSISTENT)
        ada = (await session(browser))["user"]["id"]
        renamed = {"op": "replace", "path": "externalId", "value": opaque("mallory")}
        assert (await world.okta.patch(f"/Users/{made['id']}", renamed)).status_code == 200
        browser, _ = await comes(world, person("mallory"), name_id=opaque("mallory"), **PERSISTENT)
        mallory = (await session(browser))["user"]["id"]
        assert mallory != ada
        assert await world.ask("SELECT user_id FROM scim_user") == [(mallory,)]
        out = {"op": "replace", "path": "active", "value": False}
        assert (await world.okta.patch(f"/Users/{made['id']}", out)).status_code == 200
        assert await session(browser) == {"status": 401}
        _, answer = await comes(world, person("mallory"), name_id=opaque("mallory"), **PERSISTENT)
        assert await world.stair.code(answer) == "policy.deactivated"


@pytest.mark.parametrize("engine", ENGINES)
async def test_nobody_comes_as_whoever_is_awaited_by_writing_their_address(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A connection whose addresses nobody trusts; the directory tells by which Subject its people come."""
    async with provisioned(engine, request, tmp_path, okta=OPAQUE) as world:
        made = await world.okta.user("boss", externalId=opaque("boss"))
        await world.okta.group("platform-admins", made["id"])
        liar = person("mallory", "boss@acme.example")
        browser, _ = await comes(world, liar, name_id=opaque("mallory"), **PERSISTENT)
        told = await session(browser)
        assert told["roles"] == ["member"]
        assert await world.ask("SELECT user_id FROM scim_user") != [(told["user"]["id"],)]
        browser, _ = await comes(world, person("boss"), name_id=opaque("boss"), **PERSISTENT)
        assert (await session(browser))["roles"] == ["admin", "member"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("before", [True, False])
async def test_a_directory_says_no_address_that_a_sign_in_could_not(
    engine: str,
    before: bool,  # noqa: FBT001
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    async with provisioned(engine, request, tmp_path, okta=TRUSTED) as world:
        if before:
            await comes(world, person("mallory"))
        theirs = [{"value": "boss@globex.example", "primary": True}]
        made = await world.okta.user("mallory@acme.example", emails=theirs, displayName="Boss")
        browser, _ = await comes(world, person("mallory"))
        told = (await session(browser))["user"]
        assert (told["email"], told["display_name"]) == ("mallory@acme.example", "Boss")
        inside = [{"value": "mal@acme.example", "primary": True}]
        await world.okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "emails", "value": inside})
        later(world)
        assert (await session(browser))["user"]["email"] == "mal@acme.example"


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_directory_reaches_no_account_of_another_connection_by_naming_its_subject(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Two connections of one organization ask the same provider: each directory has its own people."""
    async with provisioned(engine, request, tmp_path, okta=OPAQUE) as world:
        browser, _ = await comes(world, person("ada"), name_id=opaque("ada"), **PERSISTENT)
        await world.ask("UPDATE account SET connection = 'other-saml'")
        await world.okta.user("zed", externalId=opaque("ada"), active=False)
        assert (await session(browser))["user"]["email"] == "ada@acme.example"


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_connection_that_was_given_away_reaches_nobody_of_the_organization_before(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with provisioned(engine, request, tmp_path) as world:
        made = await world.okta.user("ada@acme.example")
        await world.ask("UPDATE scim_user SET organization_id = 'globex'")
        await world.stair.house.provisioner.learn()
        out = {"op": "replace", "path": "active", "value": False}
        for answer in (
            await world.okta.get("/Users"),
            await world.okta.patch(f"/Users/{made['id']}", out),
            await world.okta.delete(f"/Users/{made['id']}"),
        ):
            told = (answer.status_code, answer.json()["detail"])
            assert told == (403, "this connection keeps people of another organization")
        assert await world.ask("SELECT active FROM scim_user") == [(1,)]
        await world.stair.house.store.forget_provisioned("acme-saml", "globex", stair.NOW, ANYBODY)
        assert (await world.okta.read("/Users"))["totalResults"] == 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_rule_that_is_taken_away_gives_nothing_any_more(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with provisioned(engine, request, tmp_path, okta=TRUSTED) as world:
        made = await world.okta.user("ada@acme.example")
        await world.okta.group("platform-admins", made["id"])
        browser, _ = await comes(world, person("ada"))
        assert (await session(browser))["roles"] == ["admin", "member"]
        house = world.stair.house
        ruled = house.connections["acme-saml"].model_copy(update={"role_rules": ()})
        house.connections["acme-saml"] = ruled  # type: ignore[index]
        terms = replace(house.terms, connections={**house.terms.connections, "acme-saml": ruled})
        now = world.stair.clock()
        await in_force.note(house.store, house.vault, terms, {"acme-saml"}, now=now)
        await house.provisioner.settle_due(now)
        later(world)
        assert (await session(browser))["roles"] == ["member"]
