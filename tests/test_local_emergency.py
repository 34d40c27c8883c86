"""The first administrator, and break-glass, on the whole stair."""

import asyncio
import json
import logging
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from databases import ask
from test_local_journey import HTML, Scene, scene

from federation.break_glass import new_code, read_code
from federation.commands import emergency as typed
from federation.connection import name_fault
from federation.connectors.hashing import AT_ONCE, WAITING
from federation.connectors.local import LocalConnector
from federation.operator import doctor, emergency
from federation.operator.emergency import TOPIC
from federation.settings import load

__all__ = ["scene"]
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


async def link(scene: Scene) -> str:
    answer = await scene.types("bootstrap", "acme", "--json")
    assert answer.exit_code == 0, answer.output
    return urlsplit(str(json.loads(answer.output)["link"])).path


async def saml(scene: Scene, browser: httpx2.AsyncClient, who: str = "ada") -> httpx2.Response:
    scene.later()
    return await browser.post("/saml/acme-saml/acs", data=await scene.stair.saml(browser, who))


async def code(scene: Scene) -> str:
    answer = await scene.types("break-glass", "seal", "--organization", "acme", "--json")
    assert answer.exit_code == 0, answer.output
    return str(json.loads(answer.output)["code"])


async def open_it(scene: Scene, browser: httpx2.AsyncClient, sent: str) -> httpx2.Response:
    scene.later()
    return await browser.post("/break-glass", data={"code": sent})


# The first administrator


async def test_whoever_opens_the_link_and_signs_in_is_the_first_administrator(scene: Scene) -> None:
    path = await link(scene)
    browser = scene.stair.browser()
    page = await browser.get(path)
    assert {one["id"] for one in page.json()["connections"]} == {"acme-saml", "acme-oidc", "staff"}
    assert (await saml(scene, browser, "zoe")).status_code == 303
    assert "owner" in (await scene.roles(browser) or [])
    assert "bootstrap" not in browser.cookies
    again = scene.stair.browser()
    assert await scene.stair.code(await again.get(path)) == "bootstrap.unknown"


async def test_without_the_link_nobody_becomes_one(scene: Scene) -> None:
    await link(scene)
    browser = scene.stair.browser()
    await saml(scene, browser, "zoe")
    assert "owner" not in (await scene.roles(browser) or [])


async def test_a_link_that_came_too_late_refuses_once_and_is_forgotten(scene: Scene) -> None:
    path = await link(scene)
    first, second = scene.stair.browser(), scene.stair.browser()
    for browser in (first, second):
        await browser.get(path)
    await saml(scene, first, "zoe")
    refused = await saml(scene, second, "bob")
    assert await scene.stair.code(refused) == "bootstrap.taken"
    assert "bootstrap" not in second.cookies
    assert (await saml(scene, second, "bob")).status_code == 303


@pytest.mark.parametrize("path", ["/bootstrap/nothing", f"/bootstrap/{'x' * 43}"])
async def test_another_link_is_nobodys(scene: Scene, path: str) -> None:
    await link(scene)
    browser = scene.stair.browser()
    assert await scene.stair.code(await browser.get(path)) == "bootstrap.unknown"
    assert "bootstrap" not in browser.cookies


async def test_a_new_link_makes_the_old_one_void_and_a_day_is_its_life(scene: Scene) -> None:
    old = await link(scene)
    new = await link(scene)
    assert await scene.stair.code(await scene.stair.browser().get(old)) == "bootstrap.unknown"
    assert (await scene.stair.browser().get(new)).status_code == 200
    scene.later(timedelta(hours=24))
    assert await scene.stair.code(await scene.stair.browser().get(new)) == "bootstrap.unknown"


async def test_no_link_is_given_where_somebody_is_an_administrator(scene: Scene) -> None:
    browser = scene.stair.browser()
    await browser.get(await link(scene))
    await saml(scene, browser, "zoe")
    answer = await scene.types("bootstrap", "acme")
    assert answer.exit_code == 1
    assert "acme has an administrator already" in answer.output


async def test_at_start_one_node_prints_one_link_a_day(scene: Scene) -> None:
    config, now = load(scene.file), scene.stair.clock()
    told = await asyncio.gather(*(emergency.offer_all(config, now=now) for _ in range(5)))
    printed = [one for nodes in told for one in nodes]
    assert [organization for organization, _ in printed] == ["acme"]
    assert await emergency.offer_all(config, now=now + 24 * HOUR - SECOND) == ()
    assert len(await emergency.offer_all(config, now=now + 24 * HOUR)) == 1


# Break-glass


async def test_a_recovery_code_opens_a_session_of_an_hour(scene: Scene) -> None:
    browser = scene.stair.browser()
    answer = await open_it(scene, browser, await code(scene))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    said = (await browser.get("/session")).json()
    assert (said["roles"], said["organization"]) == (["owner"], "acme")
    assert (await browser.get("/account", headers=HTML)).status_code == 200
    scene.later(HOUR - SECOND)
    await browser.get("/session")  # in use: not idle
    scene.later(SECOND)
    assert await scene.roles(browser) is None


async def test_a_flood_of_passwords_does_not_keep_it_waiting(scene: Scene) -> None:
    sent, opened = await code(scene), threading.Event()
    connector = scene.stair.house.signin.connectors["staff"]
    assert isinstance(connector, LocalConnector)
    flood = [asyncio.create_task(connector.hashing._run(opened.wait)) for _ in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0)
    try:
        assert await scene.stair.code(await scene.sign_in(scene.stair.browser())) == "local.busy"
        assert (await open_it(scene, scene.stair.browser(), sent)).status_code == 303
    finally:
        opened.set()
        await asyncio.gather(*flood)


async def test_it_is_nobody_whom_enforcement_locks_out_and_its_sessions_are_ended_by_its_name(
    scene: Scene,
) -> None:
    browser = scene.stair.browser()
    await open_it(scene, browser, await code(scene))
    looked = await scene.types("enforce", "preflight", "-o", "acme", "--connection", "acme-saml", "--json")
    assert json.loads(looked.output)["locked_out"] == []
    answer = await scene.types("connection", "disable", "break-glass")
    assert "sessions ended: 1" in answer.output
    assert await scene.roles(browser) is None
    assert (await open_it(scene, browser, await code(scene))).status_code == 303  # it always works


async def test_it_is_loud(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    sent = await code(scene)
    await open_it(scene, scene.stair.browser(), sent)
    (line,) = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert (line.getMessage(), line.__dict__["organization"]) == ("break-glass opened", "acme")
    assert sent not in caplog.text
    record = await scene.stair.house.store.find_record(line.__dict__["ref"])
    assert record is not None
    assert (record.code, "break-glass" in record.detail) == ("", True)
    state = await scene.types("break-glass", "status")
    assert state.output == "acme: used up, seal it again; last used 2026-11-21 12:00 UTC\n"
    found = [
        one for one in await doctor.examine(load(scene.file), now=scene.stair.clock()) if one.topic == TOPIC
    ]
    assert [(one.state.value, one.mend) for one in found] == [
        ("warning", "federation break-glass seal --organization acme")
    ]


REFUSED = [
    ("break_glass.unsealed", "other:{}"),
    ("break_glass.unsealed", "{}"),
    ("break_glass.unsealed", ":{}"),
    ("break_glass.code", "acme:{}A"),
    ("break_glass.code", "acme:"),
    ("break_glass.code", "acme:" + "A" * 32),
]


@pytest.mark.parametrize(("expected", "form"), REFUSED)
async def test_no_other_code_opens_it(scene: Scene, expected: str, form: str) -> None:
    sealed = (await code(scene)).partition(":")[2]
    browser = scene.stair.browser()
    answer = await open_it(scene, browser, form.format(sealed))
    assert answer.status_code == 403
    assert await scene.stair.code(answer) == expected
    assert await scene.roles(browser) is None
    page = await scene.stair.browser(**HTML).post("/break-glass", data={"code": form.format(sealed)})
    assert (page.status_code, "This code opens nothing" in page.text) == (403, True)


async def test_a_code_is_used_up_and_sealed_again(scene: Scene) -> None:
    sent = await code(scene)
    assert (await open_it(scene, scene.stair.browser(), sent)).status_code == 303
    assert await scene.stair.code(await open_it(scene, scene.stair.browser(), sent)) == "break_glass.used"
    again = await code(scene)
    assert await scene.stair.code(await open_it(scene, scene.stair.browser(), sent)) == "break_glass.code"
    assert (await open_it(scene, scene.stair.browser(), again)).status_code == 303


async def test_of_two_uses_at_one_moment_one_wins(scene: Scene) -> None:
    sent = await code(scene)
    tries = [open_it(scene, scene.stair.browser(), sent) for _ in range(4)]
    assert sorted([one.status_code for one in await asyncio.gather(*tries)]) == [303, 403, 403, 403]


async def test_it_opens_though_every_other_way_is_shut(scene: Scene) -> None:
    """No provider is asked, no connection looked at, no rule of enforcement held against it."""
    url = f"sqlite:///{scene.stair.database}"
    for connection in scene.stair.house.connections:
        await ask(url, f"INSERT INTO connection_state VALUES ('{connection}', 0)")  # noqa: S608
    sent = await code(scene)
    scene.stair.house.signin.connectors = {}
    browser = scene.stair.browser()
    assert (await open_it(scene, browser, sent)).status_code == 303
    assert await scene.roles(browser) == ["owner"]


async def test_it_is_tried_ten_times_an_hour_and_no_more(scene: Scene) -> None:
    house, now = scene.stair.house, scene.stair.clock()
    sent = await code(scene)
    for _ in range(10):
        house.rates.break_glass.hit(("127.0.0.1", ""), now)
    answer = await open_it(scene, scene.stair.browser(), sent)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 1000


async def test_a_form_of_another_site_opens_nothing(scene: Scene) -> None:
    sent = await code(scene)
    browser = scene.stair.browser(sec_fetch_site="cross-site")
    assert await scene.stair.code(await open_it(scene, browser, sent)) == "csrf.refused"
    assert (await open_it(scene, scene.stair.browser(), sent)).status_code == 303


def test_a_code_is_read_as_people_write_it() -> None:
    printed, code = new_code("acme")
    assert read_code(printed) == ("acme", code)
    assert read_code(f"  ACME: {printed.partition(':')[2].lower().replace('-', ' ')}\n") == ("acme", code)
    assert len(code) == 32
    assert new_code("acme")[1] != code


def test_the_commands_show_examples() -> None:
    assert "federation bootstrap acme" in typed.EXAMPLES
    assert Path(typed.__file__).exists()


def test_no_connection_has_the_name_of_these_sessions() -> None:
    assert "recovery code" in (name_fault("break-glass", ()) or "")
