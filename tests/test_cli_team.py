"""`federation team`, `person grant|revoke|show`, as an operator types them beside a running service."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import Stair, standing
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app


class Scene:
    """A service, somebody who is signed in, and an operator at a shell."""

    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    async def sign_in(self, *groups: str) -> httpx2.AsyncClient:
        browser = self.stair.browser()
        form = await self.stair.saml(browser, attributes={"groups": groups} if groups else {})
        answer = await browser.post("/saml/acme-saml/acs", data=form)
        assert answer.status_code == 303
        return browser

    async def session(self, browser: httpx2.AsyncClient) -> dict[str, Any]:
        answer = await browser.get("/session")
        assert answer.status_code == 200
        return dict(answer.json())

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
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


HERE = ("--organization", "acme")
ADA = "ada@acme.example"


async def test_a_team_from_its_making_to_its_end(scene: Scene) -> None:
    assert (await scene.types("team", "add", "tools", "--name", "Tools\x1b[2J", *HERE)).exit_code == 0
    assert (await scene.types("team", "link", "tools", "Eng-Tools", *HERE)).exit_code == 0
    assert (await scene.types("team", "role", "tools", "builder", *HERE)).exit_code == 0
    browser = await scene.sign_in("eng-tools")
    told = await scene.session(browser)
    assert (told["teams"], told["roles"]) == (["tools"], ["builder", "member"])
    (team,) = await scene.json("team", "list", *HERE)
    assert (team["key"], team["members"], team["roles"]) == ("tools", 1, ["builder"])
    assert team["groups"] == [{"group": "eng-tools", "connection": None}]
    listed = await scene.types("team", "list", *HERE)
    assert "eng-tools" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert (await scene.types("team", "role", "tools", "builder", "--remove", *HERE)).exit_code == 0
    assert (await scene.session(browser))["roles"] == ["member"]
    assert (await scene.json("team", "unlink", "tools", "ENG-TOOLS", *HERE))["left"] == 1
    assert (await scene.session(browser))["teams"] == []
    put = await scene.json("team", "member", "tools", ADA, *HERE)
    assert (put["changed"], put["others"]) == (True, [])
    assert (await scene.session(browser))["teams"] == ["tools"]
    assert (await scene.json("team", "remove", "tools", *HERE))["left"] == 1
    assert (await scene.session(browser))["teams"] == []


async def test_a_role_by_hand_is_there_at_once_and_shown_with_its_source(scene: Scene) -> None:
    browser = await scene.sign_in("platform-admins")
    assert (await scene.json("person", "grant", "auditor", ADA, *HERE))["changed"]
    assert "auditor" in (await scene.session(browser))["roles"]
    (told,) = await scene.json("person", "show", ADA.upper())
    assert {"role": "auditor", "source": "manual", "why": "manual"} in told["grants"]
    assert {one["source"] for one in told["grants"]} == {"manual", "connection:acme-saml"}
    assert [one["connection"] for one in (*told["accounts"], *told["sessions"])] == ["acme-saml"] * 2
    shown = (await scene.types("person", "show", told["user"])).stdout
    assert "role auditor by manual" in shown
    taken = await scene.json("person", "revoke", "auditor", told["user"], *HERE)
    assert (taken["changed"], taken["others"]) == (True, [])
    assert "auditor" not in (await scene.session(browser))["roles"]
    rest = await scene.json("person", "revoke", "admin", ADA, *HERE)
    assert (rest["changed"], rest["others"]) == (False, ["connection:acme-saml"])


FAULTS = [
    # what is typed                                       what is said
    (("team", "list", "--organization", "no"),            "no organization has this id"),
    (("team", "add", "No Id", *HERE),                     "a team's key is"),
    (("team", "add", "there", *HERE),                     "has a team there already"),
    (("team", "rename", "no", "x", *HERE),                "has no team no"),
    (("team", "remove", "no", *HERE),                     "has no team no"),
    (("team", "link", "no", "g", *HERE),                  "has no team no"),
    (("team", "link", "there", "g", "--connection", "x", *HERE), "has no such connection"),
    (("team", "unlink", "there", "g", *HERE),             "no such group leads into there"),
    (("team", "role", "no", "r", *HERE),                  "has no team no"),
    (("team", "member", "no", ADA, *HERE),                "has no team no"),
    (("team", "member", "there", "eve@acme.example", *HERE), "nobody with an account"),
    (("person", "grant", "r", "eve@acme.example", *HERE), "nobody with an account"),
    (("person", "revoke", "r", "\x1b[2J", *HERE),         "nobody with an account"),
    (("person", "show", "eve@acme.example"),              "nobody has this address"),
]  # fmt: skip


async def test_each_fault_is_named(scene: Scene) -> None:
    await scene.sign_in()
    await scene.types("team", "add", "there", *HERE)
    for words, says in FAULTS:
        result = await scene.types(*words)
        assert (result.exit_code, result.stdout, says in result.stderr) == (2, "", True), words
        assert "\x1b" not in result.stderr
