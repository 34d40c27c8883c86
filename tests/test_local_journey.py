"""Local accounts on the whole stair: made at a shell, a password chosen by a link, signed in by a form."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from databases import ask
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from stair import Stair, standing
from typer.testing import CliRunner, Result

from federation import clock, passwords, settings
from federation.__main__ import app
from federation.app import open_house
from federation.web.routes import build, routes
from federation.web.verify import Verify

STAFF = {
    "protocol": "local",
    "organization": "acme",
    "display_name": "Acme staff",
    "domains": ["acme.example"],
}
EMAIL = "zoe@acme.example"
PASSWORD = "four winds & a harbour"
ANOTHER = "seven seas & a lantern"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HTML = {"accept": "text/html"}


class Scene:
    """A service, and an operator at a shell; a second goes by between what they do."""

    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    def later(self, by: timedelta = SECOND) -> None:
        self.stair.clock.at += by

    async def types(self, *words: str, typed: str | None = None) -> Result:
        self.later()
        told = [*words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, input=typed, catch_exceptions=False)

    async def local(self, verb: str, *words: str, email: str = EMAIL, typed: str | None = None) -> Result:
        return await self.types("local", verb, email, "--organization", "acme", *words, typed=typed)

    async def link(self, verb: str, *words: str) -> str:
        answer = await self.local(verb, "--json", *words)
        assert answer.exit_code == 0, answer.output
        return urlsplit(str(json.loads(answer.output)["link"])).path

    async def choose(self, path: str, password: str = PASSWORD, **form: str) -> httpx2.Response:
        self.later()
        sent = {"password": password, "again": password} | form
        return await self.stair.browser(**HTML).post(path, data=sent)

    async def with_password(self, *words: str) -> None:
        answer = await self.choose(await self.link("add", *words))
        assert answer.status_code == 200, answer.text

    async def form(self, browser: httpx2.AsyncClient, return_to: str = "/account") -> dict[str, str]:
        answer = await browser.get("/login/staff", params={"return_to": return_to})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["fields"])

    async def sign_in(
        self, browser: httpx2.AsyncClient, password: str = PASSWORD, email: str = EMAIL, **headers: str
    ) -> httpx2.Response:
        self.later()
        sent = await self.form(browser) | {"email": email, "password": password}
        return await browser.post("/local/staff", data=sent, headers=headers)

    async def roles(self, browser: httpx2.AsyncClient) -> list[str] | None:
        answer = await browser.get("/session")
        return list(answer.json()["roles"]) if answer.status_code == 200 else None


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(passwords, "_HASH", cheap)  # what one costs: tests of passwords and hashing
    monkeypatch.setattr(passwords, "nobodys", cache(passwords.nobodys.__wrapped__))
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    monkeypatch.setenv("FEDERATION__CONNECTIONS__STAFF", json.dumps(STAFF))
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["owner", "admin"]')
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


# The way in


async def test_a_person_chooses_a_password_and_signs_in_with_the_roles_that_were_given(scene: Scene) -> None:
    await scene.with_password("--role", "auditor", "--name", "Zoë")
    browser = scene.stair.browser()
    answer = await scene.sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    said = (await browser.get("/session")).json()
    assert (said["user"]["email"], said["user"]["display_name"]) == (EMAIL, "Zoë")
    assert said["roles"] == ["auditor", "member"]  # by hand, and the organization's default
    assert (said["connection"], said["organization"]) == ("staff", "acme")


async def test_a_second_sign_in_is_the_same_user(scene: Scene) -> None:
    await scene.with_password()
    ids = []
    for _ in range(2):
        browser = scene.stair.browser()
        await scene.sign_in(browser, email="ZOE@acme.example")
        ids.append((await browser.get("/session")).json()["user"]["id"])
    assert ids[0] == ids[1]


async def test_the_form_serves_password_managers_and_no_script(scene: Scene) -> None:
    answer = await scene.stair.browser(**HTML).get("/login/staff?login_hint=zoe@acme.example")
    assert 'autocomplete="username"' in answer.text
    assert 'autocomplete="current-password"' in answer.text
    assert f'value="{EMAIL}"' in answer.text
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


# What opens nothing: one fault at a time, each with its code; the page is the same


FAULTS: list[tuple[str, dict[str, str], bool]] = [
    ("local.password", {"password": "wrong"}, False),
    ("local.password", {"password": PASSWORD.upper()}, False),
    ("local.password", {"password": "x" * 1000}, False),
    ("local.password", {"password": "\x00"}, False),
    ("local.unknown", {"email": "nobody@acme.example"}, False),
    ("local.unknown", {"email": "zoë@acme.example"}, False),
    ("local.unknown", {"email": "zoe@acme.example, x@y.example"}, False),
    ("local.locked", {}, True),  # the right password does not help
    ("local.locked", {"password": "wrong"}, True),
]


@pytest.mark.parametrize(("code", "typed", "locked"), FAULTS)
async def test_each_fault_has_its_code(
    scene: Scene,
    code: str,
    typed: dict[str, str],
    locked: bool,  # noqa: FBT001
) -> None:
    await scene.with_password()
    if locked:
        for _ in range(10):
            await scene.stair.house.store.attempt_local("staff", EMAIL, scene.stair.clock())
    browser = scene.stair.browser()
    answer = await scene.sign_in(browser, **typed)
    assert answer.status_code == 403
    assert await scene.stair.code(answer) == code
    assert await scene.roles(browser) is None
    page = scene.stair.browser(**HTML)
    shown = await page.get("/login/staff")
    state = re.search(r'name="state" value="([^"]+)"', shown.text)
    assert state
    sent = {"state": state[1], "return_to": "/account", "email": EMAIL, "password": PASSWORD} | typed
    told = await page.post("/local/staff", data=sent)
    assert told.status_code == 403
    assert "do not fit together" in told.text
    assert PASSWORD not in told.text
    assert 'name="state"' in told.text  # the form again, ready for another try


async def test_the_pages_of_every_fault_are_one_but_for_what_was_typed(scene: Scene) -> None:
    await scene.with_password()
    store, pages = scene.stair.house.store, []
    for _ in range(10):
        await store.attempt_local("staff", "locked@acme.example", scene.stair.clock())
    for email in (EMAIL, "nobody@acme.example", "locked@acme.example"):
        browser = scene.stair.browser(**HTML)
        shown = await browser.get("/login/staff")
        state = re.search(r'name="state" value="([^"]+)"', shown.text)
        assert state
        sent = {"state": state[1], "return_to": "/account", "email": email, "password": "wrong"}
        text = (await browser.post("/local/staff", data=sent)).text.replace(email, "E")
        pages.append(re.sub(r'(name="state" value=)"[^"]+"|Reference [A-Z2-7]+', "", text))
    assert pages[0] == pages[1] == pages[2]


async def test_no_record_or_log_holds_what_was_typed(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await scene.with_password()
    caplog.set_level("DEBUG")
    await scene.sign_in(scene.stair.browser(), "a wrong password")
    await scene.sign_in(scene.stair.browser())
    url = f"sqlite:///{scene.stair.database}"
    rows = await ask(url, "SELECT detail, digest, size FROM decision_record")
    assert {(digest, size) for _, digest, size in rows} == {(digest_of_nothing(), 0)}
    everything = written(scene.stair.database) + caplog.text.encode()
    for secret in (PASSWORD, "a wrong password"):
        assert secret.encode() not in everything


def written(database: Path) -> bytes:
    return database.read_bytes() + Path(f"{database}-wal").read_bytes()


def digest_of_nothing() -> str:
    return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


async def test_the_same_work_is_done_whoever_is_there(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.with_password()
    done: list[bool] = []
    verify = passwords.verify

    def counted(typed: str, kept: str) -> tuple[bool, str]:
        done.append(bool(kept))
        return verify(typed, kept)

    monkeypatch.setattr(passwords, "verify", counted)
    for email in (EMAIL, "nobody@acme.example", "no address"):
        await scene.sign_in(scene.stair.browser(), "wrong", email)
    for _ in range(12):
        await scene.stair.house.store.attempt_local("staff", EMAIL, scene.stair.clock())
    await scene.sign_in(scene.stair.browser())
    assert done == [True, False, False, True]


# Whose form it is


async def test_somebody_elses_form_signs_nobody_in(scene: Scene) -> None:
    """Login CSRF: the attacker's handle, in the victim's browser."""
    await scene.with_password()
    attackers, victims = scene.stair.browser(), scene.stair.browser()
    sent = await scene.form(attackers) | {"email": EMAIL, "password": PASSWORD}
    await scene.form(victims)
    answer = await victims.post("/local/staff", data=sent)
    assert await scene.stair.code(answer) == "signin.browser"
    assert await scene.roles(victims) is None


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_a_form_of_another_site_is_refused(scene: Scene, headers: dict[str, str]) -> None:
    await scene.with_password()
    browser = scene.stair.browser()
    answer = await scene.sign_in(browser, **headers)
    assert await scene.stair.code(answer) == "csrf.refused"
    assert await scene.roles(browser) is None


async def test_a_handle_is_good_once(scene: Scene) -> None:
    await scene.with_password()
    browser = scene.stair.browser()
    sent = await scene.form(browser) | {"email": EMAIL, "password": "wrong"}
    assert await scene.stair.code(await browser.post("/local/staff", data=sent)) == "local.password"
    again = await browser.post("/local/staff", data=sent | {"password": PASSWORD})
    assert await scene.stair.code(again) == "signin.used"


async def test_another_connections_handle_and_none_are_refused(scene: Scene) -> None:
    await scene.with_password()
    browser = scene.stair.browser()
    state = (await scene.stair.begin(browser, "acme-saml"))["RelayState"]
    for handle, code in ((state, "signin.connection"), ("", "signin.unknown")):
        sent = {"state": handle, "email": EMAIL, "password": PASSWORD}
        assert await scene.stair.code(await browser.post("/local/staff", data=sent)) == code
    answer = await browser.post("/local/acme-saml", data={"email": EMAIL, "password": PASSWORD})
    assert await scene.stair.code(answer) == "signin.no_connection"
    assert await scene.stair.code(await browser.post("/local/staff", data={"email": EMAIL})) == "form.missing"


async def test_policy_holds_for_local_accounts_as_for_every_other(scene: Scene) -> None:
    """The same pipeline: a domain outside the connection's may not enter, whoever made the account."""
    answer = await scene.choose(
        urlsplit(
            json.loads((await scene.local("add", "--json", email="zoe@other.example")).output)["link"]
        ).path
    )
    assert answer.status_code == 200
    refused = await scene.sign_in(scene.stair.browser(), email="zoe@other.example")
    assert await scene.stair.code(refused) == "policy.domain"


# Links


CHOICES = [
    ("short", "Use at least 12"),
    ("x" * 257, "Use at most 256"),
    ("password1234", "Many people"),
    (EMAIL, "your e-mail address"),
    ("abc\x07defghijkl", "no keyboard types"),
]


@pytest.mark.parametrize(("password", "sentence"), CHOICES)
async def test_a_password_that_may_not_be_chosen_is_told_why(
    scene: Scene, password: str, sentence: str
) -> None:
    path = await scene.link("add")
    answer = await scene.choose(path, password)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert (await scene.choose(path)).status_code == 200  # the link is not used up by it


async def test_two_that_differ_are_not_taken(scene: Scene) -> None:
    path = await scene.link("add")
    assert "not the same" in (await scene.choose(path, again="something else")).text
    assert (await scene.choose(path, again="something else")).status_code == 400


async def test_a_link_is_good_once_and_a_day(scene: Scene) -> None:
    path = await scene.link("add")
    assert (await scene.choose(path)).status_code == 200
    browser = scene.stair.browser()
    for answer in (await browser.get(path), await browser.post(path, data={"password": ANOTHER})):
        assert await scene.stair.code(answer) == "local.link"
    again = await scene.link("reset")
    scene.later(timedelta(hours=24))
    assert await scene.stair.code(await browser.get(again)) == "local.link"
    assert (await scene.sign_in(scene.stair.browser())).status_code == 303


async def test_a_new_password_ends_the_old_ones_sessions(scene: Scene) -> None:
    await scene.with_password()
    browser = scene.stair.browser()
    await scene.sign_in(browser)
    path = await scene.link("reset")
    assert await scene.roles(browser) is not None  # not by the link alone
    await scene.choose(path, ANOTHER)
    assert await scene.roles(browser) is None
    assert await scene.stair.code(await scene.sign_in(browser)) == "local.password"
    assert (await scene.sign_in(browser, ANOTHER)).status_code == 303


async def test_previews_of_a_link_use_nothing_up(scene: Scene) -> None:
    path = await scene.link("add")
    assert (await scene.stair.browser().head(path)).status_code == 405
    assert (await scene.stair.browser().get(path)).status_code == 200
    assert (await scene.choose(path)).status_code == 200


# At the shell


async def test_a_password_comes_by_standard_input_and_never_as_an_argument(scene: Scene) -> None:
    await scene.local("add")
    done = await scene.local("reset", "--stdin", typed=f"{PASSWORD}\n")
    assert (done.exit_code, done.output) == (0, "the password is set; sessions ended: 0\n")
    scene.later()
    assert (await scene.sign_in(scene.stair.browser())).status_code == 303
    refused = await scene.local("reset", "--stdin", typed="password1234\n")
    assert refused.exit_code == 2
    assert "many people have it" in refused.output
    assert "password1234" not in refused.output


SHELL_FAULTS = [
    (("local", "reset", "nobody@acme.example", "--organization", "acme"), "nobody has an account"),
    (("local", "remove", "nobody@acme.example", "--organization", "acme"), "nobody has an account"),
    (("local", "add", "nobody", "--organization", "acme"), "one plain e-mail address"),
    (("local", "add", EMAIL, "--organization", "other"), "other has no connections with protocol: local"),
    (("local", "add", "new@acme.example", "--organization", "acme", "--join"), "0 users have this address"),
    (("bootstrap", "nobody"), "expected the id of an organization"),
    (("break-glass", "seal", "--organization", "nobody"), "expected the id of an organization"),
]


@pytest.mark.parametrize(("words", "said"), SHELL_FAULTS)
async def test_what_cannot_be_done_is_said(scene: Scene, words: tuple[str, ...], said: str) -> None:
    answer = await scene.types(*words)
    assert answer.exit_code == 2
    assert said in answer.output


async def test_accounts_are_listed_unlocked_and_removed(scene: Scene) -> None:
    await scene.with_password()
    for _ in range(10):
        await scene.stair.house.store.attempt_local("staff", EMAIL, scene.stair.clock())
    listed = await scene.types("local", "list", "--organization", "acme")
    assert re.fullmatch(rf"{EMAIL}  password of 2026-11-21, locked until \d\d:\d\d UTC  \S+\n", listed.output)
    assert (await scene.local("unlock")).output == "unlocked\n"
    assert (await scene.local("unlock")).output == "there were no failed tries\n"
    browser = scene.stair.browser()
    await scene.sign_in(browser)
    assert (await scene.local("remove")).output == "removed; sessions ended: 1\n"
    assert await scene.roles(browser) is None
    assert await scene.stair.code(await scene.sign_in(browser)) == "local.unknown"
    as_json = await scene.types("local", "list", "--organization", "acme", "--json")
    assert json.loads(as_json.output) == []


def moved_to(organization: str) -> dict[str, Any]:
    return STAFF | {"organization": organization, "domains": [], "anyone": True}


async def test_a_connection_given_to_another_organization_admits_nobody_of_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.with_password()
    assert (await scene.sign_in(scene.stair.browser())).status_code == 303
    link = await scene.link("reset")
    monkeypatch.setenv("FEDERATION__CONNECTIONS__STAFF", json.dumps(moved_to("globex")))
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__GLOBEX__NAME", "Globex")
    async with open_house(settings.load(scene.file), now=scene.stair.clock) as house:
        inner = build(routes(), None)
        inner.state.house = house
        scene.stair.application = Verify(inner)
        moved = scene.stair.browser()
        refused = await scene.sign_in(moved)
        assert (refused.status_code, await scene.stair.code(refused)) == (403, "local.unknown")
        for answer in (await moved.get(link), await moved.post(link, data={"password": ANOTHER})):
            assert await scene.stair.code(answer) == "local.link"
        listed = await scene.types("local", "list", "--organization", "globex")
        assert f"{EMAIL}  of acme: opens nothing, and may be removed" in listed.output


async def test_an_address_that_a_user_has_already_is_asked_about(scene: Scene) -> None:
    ada: Any = scene.stair.browser()
    await ada.post("/saml/acme-saml/acs", data=await scene.stair.saml(ada))
    before = (await ada.get("/session")).json()["user"]
    refused = await scene.local("add", email=before["email"])
    assert refused.exit_code == 2
    assert "--join" in refused.output
    made = await scene.local("add", "--join", "--json", email=before["email"])
    await scene.choose(urlsplit(json.loads(made.output)["link"]).path)
    browser = scene.stair.browser()
    assert (await scene.sign_in(browser, email=before["email"])).status_code == 303
    assert (await browser.get("/session")).json()["user"]["id"] == before["id"]
    assert (await scene.local("add", "--join", email=before["email"])).exit_code == 2
