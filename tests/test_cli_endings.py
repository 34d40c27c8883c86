"""`federation person deactivate|reactivate|remove`, `federation connection`, beside a running service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from loopback import Site, serving
from stair import BASE, Stair, listening, standing
from starlette.responses import PlainTextResponse
from test_oauth2_sign_in import SECRET, World, plain
from test_oauth2_tokens_journey import KEEPING, Revocable
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.demo.github import GitHub
from federation.demo.github_answers import Knobs

ADA, BOB = "ada@acme.example", "bob@acme.example"
HERE = ("--organization", "acme")
SECOND = timedelta(seconds=1)


class Scene:
    """A service, people who are signed in, and an operator at a shell."""

    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    async def sign_in(self, who: str = "ada", *groups: str) -> tuple[httpx2.AsyncClient, httpx2.Response]:
        browser = self.stair.browser()
        form = await self.stair.saml(browser, who, attributes={"groups": groups} if groups else {})
        return browser, await browser.post("/saml/acme-saml/acs", data=form)

    async def lives(self, browser: httpx2.AsyncClient) -> bool:
        """Tell whether a browser is signed in, a second after what was done last."""
        self.stair.clock.at += SECOND
        return (await browser.get("/verify")).status_code == 200

    async def types(self, *words: str) -> Result:
        told = [*words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)

    async def json(self, *words: str) -> Any:
        result = await self.types(*words, "--json")
        assert (result.exit_code, result.stderr) == (0, "")
        return json.loads(result.stdout)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    async with listening(), standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


async def test_deactivated_and_let_in_again(scene: Scene) -> None:
    browser, _ = await scene.sign_in("bob")
    told = await scene.json("person", "deactivate", BOB.upper(), *HERE)
    user = told.pop("user")
    assert told == {
        "act": "deactivate", "organization": "acme", "email": BOB, "changed": True, "sessions_ended": 1,
        "tokens_revoked": 0, "without_administrator": [], "still_kept_out_by": [],
    }  # fmt: skip
    assert not await scene.lives(browser)
    _, refused = await scene.sign_in("bob")
    assert await scene.stair.code(refused) == "policy.deactivated"
    again = await scene.types("person", "deactivate", user, *HERE)
    assert (again.exit_code, "was deactivated already; sessions ended: 0" in again.stdout) == (0, True)
    everywhere = await scene.json("person", "deactivate", user, "--everywhere")
    assert (everywhere["organization"], everywhere["changed"]) == ("", True)
    back = await scene.types("person", "reactivate", BOB, *HERE)
    assert back.exit_code == 0
    assert f"acme: {BOB} (user {user}) reactivated" in back.stdout
    assert "still kept out by: *:manual" in back.stdout
    assert (await scene.sign_in("bob"))[1].status_code == 403
    assert (await scene.json("person", "reactivate", BOB, "--everywhere"))["still_kept_out_by"] == []
    assert (await scene.sign_in("bob"))[1].status_code == 303
    assert not await scene.lives(browser)  # what ended stays ended
    nothing = await scene.types("person", "reactivate", BOB, *HERE)
    assert (nothing.exit_code, "was not deactivated by hand" in nothing.stdout) == (0, True)


async def test_a_membership_ends_by_source(scene: Scene) -> None:
    browser, _ = await scene.sign_in("bob")
    other = await scene.json("person", "remove", BOB, *HERE, "--source", "scim:okta")
    assert (other["changed"], other["sessions_ended"]) == (False, 0)
    assert await scene.lives(browser)
    result = await scene.types("person", "remove", BOB, *HERE)
    assert (result.exit_code, "sessions ended: 1" in result.stdout) == (0, True)
    assert "deactivate keeps out" in result.stdout
    assert not await scene.lives(browser)
    assert (await scene.json("person", "remove", BOB, *HERE))["changed"] is False
    assert (await scene.sign_in("bob"))[1].status_code == 303


@pytest.mark.parametrize("act", ["deactivate", "remove"])
async def test_the_last_administrator_needs_force(scene: Scene, act: str) -> None:
    browser, _ = await scene.sign_in("ada", "platform-admins")
    await scene.sign_in("bob")
    result = await scene.types("person", act, ADA, *HERE)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was done: nobody else is an administrator of acme" in result.stderr
    assert await scene.lives(browser)
    forced = await scene.json("person", act, ADA, *HERE, "--force")
    assert (forced["changed"], forced["without_administrator"]) == (True, ["acme"])
    assert not await scene.lives(browser)


async def test_of_two_administrators_one_may_go(scene: Scene) -> None:
    await scene.sign_in("ada", "platform-admins")
    await scene.sign_in("bob", "platform-admins")
    assert (await scene.json("person", "deactivate", ADA, *HERE))["without_administrator"] == []
    assert (await scene.types("person", "deactivate", BOB, "--everywhere")).exit_code == 2
    assert (await scene.types("person", "deactivate", BOB, "--everywhere", "--force")).exit_code == 0


FAULTS = [
    # what is typed                                            what is said
    (("person", "{}", "eve@acme.example", *HERE),              "nobody in acme has the address or id"),
    (("person", "{}", "\x1b[2J", *HERE),                       "nobody in acme has the address or id"),
    (("person", "{}", "", *HERE),                              "nobody in acme has the address or id"),
    (("person", "{}", BOB, "--organization", "no"),            "there is no organization 'no'"),
    (("person", "{}", BOB),                                    "--organization"),
    (("person", "{}", ADA, *HERE),                             "several users have"),
]  # fmt: skip


async def test_each_fault_is_named_and_nobody_is_out(scene: Scene) -> None:
    """Ada has a user by each of two connections."""
    browser, _ = await scene.sign_in("bob")
    both = [(await scene.sign_in())[0], scene.stair.browser()]
    path = await scene.stair.oidc(both[1])
    assert (await both[1].get(path)).status_code == 303
    for act in ("deactivate", "reactivate", "remove"):
        for words, says in FAULTS:
            result = await scene.types(*(one.format(act) for one in words))
            assert (result.exit_code, result.stdout, says in result.stderr) == (2, "", True), (act, words)
            assert "\x1b[2J" not in result.stderr
    for act in ("deactivate", "reactivate"):
        result = await scene.types("person", act, BOB, *HERE, "--everywhere")
        assert (result.exit_code, "say where" in result.stderr) == (2, True)
    assert [await scene.lives(one) for one in (browser, *both)] == [True] * 3
    several = await scene.types("person", "deactivate", ADA, *HERE)
    user = (await both[1].get("/session")).json()["user"]["id"]
    assert user in several.stderr  # the id is the way on
    assert (await scene.json("person", "deactivate", user, *HERE, "--force"))["changed"]
    assert [await scene.lives(one) for one in both] == [True, False]


async def test_a_connection_off_and_on(scene: Scene) -> None:
    browser, _ = await scene.sign_in()
    assert (await scene.json("connection", "list"))[0] == {
        "connection": "acme-saml", "organization": "acme", "protocol": "saml", "declared": True,
        "enabled": True, "off_since": None, "sessions": 1,
    }  # fmt: skip
    under_way = scene.stair.browser()
    form = await scene.stair.saml(under_way)
    told = await scene.json("connection", "disable", "acme-saml")
    assert told == {"connection": "acme-saml", "changed": True, "sessions_ended": 1}
    assert not await scene.lives(browser)
    for refused in (
        await under_way.post("/saml/acme-saml/acs", data=form),
        await under_way.get("/login/acme-saml"),
    ):
        assert await scene.stair.code(refused) == "policy.connection_disabled"
    again = await scene.types("connection", "disable", "acme-saml")
    assert (again.exit_code, again.stdout) == (0, "acme-saml is off (as it was); sessions ended: 0\n")
    listed = (await scene.types("connection", "list")).stdout.splitlines()
    assert [("switched off since 2026-11-21T12:00:0" in one) for one in listed] == [True, False, False]
    assert (await scene.types("connection", "enable", "acme-saml")).stdout.startswith("acme-saml is on;")
    assert (await scene.json("connection", "enable", "acme-saml"))["changed"] is False
    assert (await scene.sign_in())[1].status_code == 303
    assert not await scene.lives(browser)


@pytest.mark.parametrize("act", ["disable", "enable"])
@pytest.mark.parametrize("name", ["no", "", "\x1b[2J", "ACME-SAML"])
async def test_a_connection_that_nobody_knows(scene: Scene, act: str, name: str) -> None:
    browser, _ = await scene.sign_in()
    result = await scene.types("connection", act, name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "\x1b[2J" not in result.stderr
    assert await scene.lives(browser)
    assert {one["off_since"] for one in await scene.json("connection", "list")} == {None}


async def test_what_is_no_longer_in_the_settings_is_listed_and_can_be_switched(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, _ = await scene.sign_in()
    await scene.types("connection", "disable", "acme-saml")
    text = scene.file.read_text()
    scene.file.write_text(text.replace("  acme-saml:\n", "  renamed:\n"))
    monkeypatch.delenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS")
    (gone,) = [one for one in await scene.json("connection", "list") if not one["declared"]]
    assert (gone["connection"], gone["protocol"], gone["off_since"] is None) == ("acme-saml", "", False)
    assert (await scene.types("connection", "enable", "acme-saml")).exit_code == 0
    assert not await scene.lives(browser)


# ── tokens that went with the sessions ────────────────────────────────────────────────────


class Keeping(NamedTuple):
    """A scene whose people bring tokens, and where those go back to."""

    scene: Scene
    world: World
    revocable: Revocable
    site: Site


@pytest.fixture
async def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keeping]:
    """One connection keeps tokens, and its provider takes them back."""
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with serving() as site:
        there = GitHub(
            site.url,
            client_id="Iv1.federation",
            client_secret=SECRET,
            redirect_uris=[f"{BASE}/oidc/plain/callback"],
        )
        there.knobs = Knobs(expires=True, versions=False, profile={"email_verified": True})
        site.app = revocable = Revocable(there)
        told = plain(site.url, **KEEPING, revocation_endpoint=f"{site.url}/revoke")
        monkeypatch.setenv("FEDERATION__CONNECTIONS__PLAIN", json.dumps(told))
        async with standing(tmp_path) as stair:
            monkeypatch.setattr(clock, "now", stair.clock)
            scene = Scene(stair, tmp_path / "federation.yaml")
            yield Keeping(scene, World(stair, there), revocable, site)


ENDING = (("deactivate", "--everywhere"), ("remove", *HERE))


@pytest.mark.parametrize(
    ("act", "where"), [(one[0], one[1:]) for one in ENDING], ids=["deactivate", "remove"]
)
async def test_tokens_are_given_back(keeping: Keeping, act: str, where: tuple[str, ...]) -> None:
    scene, world, revocable, _ = keeping
    browser, answer = await world.sign_in("plain")
    assert answer.status_code == 303
    told = await scene.json("person", act, "shown@elsewhere.example", *where)
    assert (told["sessions_ended"], told["tokens_revoked"]) == (1, 2)
    assert [one["token_type_hint"] for one in revocable.asked] == ["refresh_token", "access_token"]
    assert scene.stair.count("kept_token") == 0
    assert not await scene.lives(browser)


async def test_a_provider_that_is_down_keeps_nobody_in(keeping: Keeping) -> None:
    scene, world, _, site = keeping
    browser, _ = await world.sign_in("plain")
    site.app = PlainTextResponse("down", 503)
    told = await scene.json("person", "deactivate", "shown@elsewhere.example", *HERE)
    assert (told["sessions_ended"], told["tokens_revoked"]) == (1, 0)
    assert scene.stair.count("kept_token") == 0
    assert not await scene.lives(browser)


async def test_a_key_that_is_lost_keeps_nobody_in(keeping: Keeping) -> None:
    scene, world, *_ = keeping
    browser, _ = await world.sign_in("plain")
    (scene.file.parent / "secrets.key").unlink()  # a new one is made
    told = await scene.json("person", "deactivate", "shown@elsewhere.example", *HERE)
    assert (told["sessions_ended"], told["tokens_revoked"]) == (1, 0)
    assert not await scene.lives(browser)


async def test_a_connection_that_is_switched_off_keeps_no_tokens(
    keeping: Keeping,
) -> None:
    scene, world, revocable, _ = keeping
    browser, _ = await world.sign_in("plain")
    assert (await scene.json("connection", "disable", "plain"))["sessions_ended"] == 1
    assert scene.stair.count("kept_token") == 0
    assert revocable.asked == []  # dropped: they may be thousands
    assert not await scene.lives(browser)
