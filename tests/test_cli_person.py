"""`federation person release`, as an operator types it after a refused sign-in, on the whole stair."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from databases import ask
from stair import Stair, standing
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.records.mends import mender

OBJECT_GUID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
USER_ID = "user.id"
MINUTE = timedelta(minutes=1)


class Scene:
    """A service, people, and an operator at a shell; a minute goes by between what they do."""

    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    async def sign_in(self, stable_id: str, name: str = OBJECT_GUID) -> tuple[httpx2.AsyncClient, str]:
        """Sign in under Ada's address; return the browser, and the reference if it was refused."""
        self.stair.clock.at += MINUTE
        browser = self.stair.browser()
        attributes = {name: (stable_id,)} if stable_id else {}
        form = await self.stair.saml(browser, attributes=attributes)
        answer = await browser.post("/saml/acme-saml/acs", data=form)
        if answer.status_code == 303:
            return browser, ""
        assert await self.stair.code(answer) == "identity.subject_recycled"
        return browser, str(answer.json()["error"]["reference"])

    async def user(self, browser: httpx2.AsyncClient) -> str:
        """Return whose session a browser has, "" where it has none."""
        answer = await browser.get("/session")
        return str(answer.json()["user"]["id"]) if answer.status_code == 200 else ""

    async def types(self, *words: str) -> Result:
        self.stair.clock.at += MINUTE
        told = ["person", "release", *words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


async def test_the_same_human_keeps_the_account(scene: Scene) -> None:
    before, _ = await scene.sign_in("a")
    _, reference = await scene.sign_in("b")
    assert reference
    result = await scene.types(reference.lower(), "--same")
    assert (result.exit_code, result.stderr) == (0, "")
    user = await scene.user(before)
    assert f"acme: ada@acme.example (user {user}) keeps the account" in result.stdout
    after, refused = await scene.sign_in("b")
    assert (await scene.user(after), refused) == (user, "")
    assert (await scene.sign_in("a"))[1]


async def test_another_human_gets_a_user_of_their_own(scene: Scene) -> None:
    before, _ = await scene.sign_in("a")
    old = await scene.user(before)
    _, reference = await scene.sign_in("b")
    result = await scene.types(reference, "--new")
    assert result.exit_code == 0
    assert f"acme: ada@acme.example (user {old}) is parted" in result.stdout
    assert "sessions ended: 1" in result.stdout
    assert await scene.user(before) == ""
    after, refused = await scene.sign_in("b")
    assert refused == ""
    assert await scene.user(after) not in {"", old}


async def test_a_machine_is_told_the_same(scene: Scene) -> None:
    before, _ = await scene.sign_in("a")
    old = await scene.user(before)
    _, reference = await scene.sign_in("b")
    told = json.loads((await scene.types(reference, "--new", "--json")).stdout)
    assert told == {
        "reference": reference, "organization": "acme", "connection": "acme-saml", "human": "new",
        "user": old, "email": "ada@acme.example", "sessions_ended": 1, "tokens_revoked": 0,
    }  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--same", "--new")])
async def test_one_of_the_two_must_be_said(scene: Scene, words: tuple[str, ...]) -> None:
    before, _ = await scene.sign_in("a")
    _, reference = await scene.sign_in("b")
    result = await scene.types(reference, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--same and --new" in result.stderr
    assert await scene.user(before)
    assert (await scene.sign_in("b"))[1]


@pytest.mark.parametrize("first", ["--same", "--new"])
@pytest.mark.parametrize("again", ["--same", "--new"])
async def test_a_reference_releases_once(scene: Scene, first: str, again: str) -> None:
    await scene.sign_in("a")
    references = [(await scene.sign_in("b"))[1] for _ in range(2)]  # they tried twice
    assert (await scene.types(references[0], first)).exit_code == 0
    after, _ = await scene.sign_in("b")
    for reference in references:
        result = await scene.types(reference, again)
        assert (result.exit_code, "nothing was released" in result.stderr) == (2, True)
    assert await scene.user(after)
    assert (await scene.sign_in("a"))[1]


async def test_no_other_reference_releases_anybody(scene: Scene) -> None:
    browser, _ = await scene.sign_in("a")
    form = await scene.stair.saml(scene.stair.browser(), tamper=(("ada@", "eve@"),))
    answer = await browser.post("/saml/acme-saml/acs", data=form)
    database = f"sqlite:///{scene.stair.database}"
    ((admitted,),) = await ask(database, "SELECT reference FROM decision_record WHERE code = ''")
    for reference, says in (
        (answer.json()["error"]["reference"], "is not a sign-in that was refused"),
        (admitted, "is not a sign-in that was refused"),
        ("AAAAAAAAAA", "nothing is recorded"),
        ("\x1b[2J", "nothing is recorded"),
    ):
        result = await scene.types(reference, "--new")
        assert (result.exit_code, says in result.stderr, "\x1b" in result.stderr) == (2, True, False)
    assert await scene.user(browser)


async def test_an_id_of_another_kind_refuses_nobody(scene: Scene) -> None:
    first, _ = await scene.sign_in("a")
    second, refused = await scene.sign_in("00u1", USER_ID)
    assert (await scene.user(second), refused) == (await scene.user(first), "")
    assert (await scene.sign_in("b"))[1]
    assert (await scene.sign_in("00u2", USER_ID))[1]
    assert (await scene.sign_in(""))[1] == ""


def test_the_operator_mends_it() -> None:
    assert {mender(code) for code in ("person.reference", "person.released")} == {mender("explain.unknown")}
