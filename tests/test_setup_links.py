"""A setup link in a browser that knows nobody here: the wizard of one connection, and nothing else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from stair import Stair
from starlette.routing import Route
from test_administration_connections import OPERATOR, actor, desk, tried
from typer.testing import CliRunner
from wizard_world import PAGE, SAME, begun, draft, hidden, link, read, send, signed_in, wizard_world

from federation import clock
from federation.__main__ import app
from federation.administration import connections, organizations, setup_links, tokens
from federation.administration.actor import OF_SETUP
from federation.administration.setup_links import DAYS, LONGEST
from federation.console.routes import console_routes
from federation.errors import ChangeConflicts, FieldsRefused, NotAllowed, NotFound
from federation.store.audit_pages import AuditFilter

GOOD = {"protocol": "saml", "preset": "okta", "display_name": "Acme Okta"}
STEPS = ("provider", "answer", "people", "mapping", "test", "enable")


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    async with wizard_world(tmp_path, monkeypatch) as stair:
        await connections.create(desk(stair.house, OPERATOR), "acme-okta", organization="acme", body=GOOD)
        yield stair


async def made(stair: Stair, **told: object) -> setup_links.Made:
    asked = {"days": None, "may_enable": False} | told
    return await setup_links.create(desk(stair.house, OPERATOR), "acme-okta", **asked)  # type: ignore[arg-type]


def path_of(one: setup_links.Made) -> str:
    return one.url.removeprefix("http://localhost:8000")


def metadata(stair: Stair) -> bytes:
    return stair.idps["other-saml"].metadata().replace(b"idp.other.example", b"idp.third.example")


async def is_over(browser: httpx2.AsyncClient, path: str) -> bool:
    answer = await browser.get(path)
    return (answer.status_code, "This link opens nothing" in answer.text) == (404, True)


# The deed


async def test_a_link_ends_after_a_week_unless_it_is_said_otherwise(stair: Stair) -> None:
    for days, life in ((None, DAYS), (1, 1), (LONGEST, LONGEST)):
        link = (await made(stair, days=days)).link
        assert link.expires_at - link.created_at == timedelta(days=life)
    for wrong in (0, -1, LONGEST + 1):
        with pytest.raises(FieldsRefused, match=r"^admin\.invalid: "):
            await made(stair, days=wrong)


async def test_a_token_makes_none_that_outlives_it(stair: Stair) -> None:
    now = stair.clock()
    who = actor("acme", kind="api_token", ends_at=now + timedelta(days=2))
    at = desk(stair.house, who)
    short = await setup_links.create(at, "acme-okta", days=None, may_enable=False)
    assert short.link.expires_at == now + timedelta(days=2)
    with pytest.raises(FieldsRefused, match=r"^admin\.invalid: "):
        await setup_links.create(at, "acme-okta", days=3, may_enable=False)


async def test_what_is_anothers_is_not_there(stair: Stair) -> None:
    await organizations.create(desk(stair.house, OPERATOR), "beta", body={"name": "Beta"})
    mine = (await made(stair)).link
    other = desk(stair.house, actor("beta"))
    for deed in (
        setup_links.create(other, "acme-okta", days=None, may_enable=False),
        setup_links.every(other, "acme-okta", cursor=None, limit=10),
        setup_links.find(other, mine.id),
        setup_links.revoke(other, mine.id),
    ):
        with pytest.raises(NotFound, match=r"^admin\.not_yours: "):
            await deed
    for name in ("nothing", "", "x" * 300):
        with pytest.raises(NotFound, match=r"^admin\.unknown: "):
            await setup_links.create(other, name, days=None, may_enable=False)
        with pytest.raises(NotFound, match=r"^admin\.unknown: "):
            await setup_links.find(other, name)


async def test_one_of_the_file_has_none(stair: Stair) -> None:
    with pytest.raises(ChangeConflicts, match=r"^admin\.managed: "):
        await setup_links.create(desk(stair.house, OPERATOR), "acme-oidc", days=None, may_enable=False)


async def test_a_links_holder_makes_sees_and_revokes_none(stair: Stair) -> None:
    mine = (await made(stair)).link
    who = actor("acme", kind="setup_link", id=mine.id, connection="acme-okta", scopes=OF_SETUP)
    for at in (desk(stair.house, who), desk(stair.house, replace(who, may_enable=True))):
        for deed in (
            setup_links.create(at, "acme-okta", days=None, may_enable=True),
            setup_links.every(at, "acme-okta", cursor=None, limit=10),
            setup_links.find(at, mine.id),
            setup_links.revoke(at, mine.id),
        ):
            with pytest.raises(NotAllowed, match=r"^admin\.setup_link: "):
                await deed


async def test_no_secret_is_told_but_once(stair: Stair) -> None:
    one = await made(stair)
    secret = one.url.rpartition("/")[2]
    assert secret not in repr(one)
    lines = await stair.house.store.audit_on("acme", "", stair.clock() + timedelta(days=1), 100)
    assert "setup_link.create" in {each.entry.action for each in lines}
    assert not any(secret in str(each.entry) for each in lines)
    assert secret.encode() not in stair.database.read_bytes()


# Opening


async def test_opening_does_nothing_and_beginning_is_counted(stair: Stair) -> None:
    one = await made(stair)
    browser = stair.browser(accept="text/html")
    for _ in range(3):
        answer = await browser.get(path_of(one))
        assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
        assert "Begin" in answer.text
        await browser.head(path_of(one))
    found = await stair.house.store.setup_link(one.link.id)
    assert found is not None
    assert found.uses == 0
    answer = await browser.post(path_of(one), headers=SAME)
    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup")
    for told in ("setup=", "HttpOnly", "SameSite=lax", "Path=/;"):
        assert told.lower() in cookie.lower()
    found = await stair.house.store.setup_link(one.link.id)
    assert found is not None
    assert (found.uses, found.last_used_at) == (1, stair.clock())
    lines = await stair.house.store.audit_on("acme", "", stair.clock() + timedelta(days=1), 100)
    (entry,) = [each.entry for each in lines if each.entry.action == "setup_link.use"]
    assert (entry.actor_kind, entry.actor, entry.after) == (
        "setup_link",
        one.link.id,
        {"connection": "acme-okta"},
    )
    assert (await browser.get("/setup")).headers["location"] == "/setup/provider"


async def test_the_page_that_it_opens_is_the_same_whatever_its_token(stair: Stair) -> None:
    one = path_of(await made(stair))
    browser = stair.browser(accept="text/html")
    pages = {(await read(browser, path)).replace(path, "") for path in (one, "/setup/" + "x" * 43)}
    assert len(pages) == 1


async def test_nobody_begins_from_another_site(stair: Stair) -> None:
    one = path_of(await made(stair))
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        answer = await stair.browser().post(one, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_whatever_became_of_it_the_answer_is_one(stair: Stair) -> None:
    links = [await made(stair) for _ in range(3)]
    unknown, revoked, ended, deleted = "/setup/" + "x" * 43, *map(path_of, links)
    at = desk(stair.house, OPERATOR)
    await setup_links.revoke(at, links[0].link.id)
    answers = set()
    for path in (unknown, revoked, "/setup/short", "/setup/" + "x" * 5000):
        answers.add((await stair.browser(accept="text/html").post(path, headers=SAME)).text)
    stair.clock.at += timedelta(days=DAYS)
    answers.add((await stair.browser(accept="text/html").post(ended, headers=SAME)).text)
    stair.clock.at -= timedelta(days=DAYS)
    await connections.delete(at, "acme-okta", "Acme Okta", force=False)
    answers.add((await stair.browser(accept="text/html").post(deleted, headers=SAME)).text)
    answers.add((await stair.browser(accept="text/html").get("/setup")).text)
    assert len(answers) == 1
    assert "This link opens nothing" in answers.pop()


@pytest.mark.parametrize("end", ["revoked", "ended", "deleted", "made again"])
async def test_who_is_at_it_is_out_at_once(stair: Stair, end: str) -> None:
    one, at = await made(stair), desk(stair.house, OPERATOR)
    browser = await begun(stair, path_of(one))
    await read(browser, "/setup/people")
    if end == "revoked":
        await setup_links.revoke(at, one.link.id)
    elif end == "ended":
        stair.clock.at += timedelta(days=DAYS)
    else:
        await connections.delete(at, "acme-okta", "Acme Okta", force=False)
    if end == "made again":
        stair.clock.at += timedelta(seconds=1)
        await connections.create(desk(stair.house, OPERATOR), "acme-okta", organization="acme", body=GOOD)
    for step in ("", *(f"/{one}" for one in STEPS), "/tests/x"):
        assert await is_over(browser, f"/setup{step}"), step
    answer = await browser.post("/setup/people", data={"domains": "x.example"}, headers=SAME)
    assert answer.status_code == 404


# The steps


async def test_its_holder_sets_it_up_and_an_administrator_enables_it(stair: Stair) -> None:
    browser = await begun(stair, path_of(await made(stair)))
    page = await read(browser, "/setup/provider")
    assert "your link works until" in page
    assert "Audience URI (SP Entity ID)" in page
    for gone in ("Sign out", "/admin", "Leave it for later"):
        assert gone not in page
    answer = await send(browser, "/setup/answer", way="file", file=metadata(stair))
    assert answer.status_code == 200, answer.text
    answer = await send(browser, "/setup/people", domains="third.example", provisioning="provisioned_only")
    assert answer.headers["location"] == "/setup/mapping"
    page = await read(browser, "/setup/people")
    assert "_federation-challenge.third.example" in page
    lines, _ = await stair.house.store.audit_page(AuditFilter(organization="acme"), None, 50)
    begun_by = [one.entry.actor_kind for one in lines if one.entry.action == "domain.begin_proof"]
    assert begun_by == ["setup_link"]
    assert "provisioning" not in page
    form = {"attribute_email": "mail2", "group_0": "everybody", "role_0": "admin", "default_roles": "admin"}
    answer = await send(browser, "/setup/mapping", **form)
    assert answer.headers["location"] == "/setup/test"
    page = await read(browser, "/setup/mapping")
    assert 'value="mail2"' in page
    assert "role_0" not in page
    kept = stair.house.connections["acme-okta"]
    assert (kept.role_rules, kept.default_roles, kept.provisioning) == ((), (), "open")
    await tried(stair, "acme-okta")
    assert "An administrator of the service enables it" in await read(browser, "/setup/enable")
    answer = await send(browser, "/setup/enable")
    assert (answer.status_code, stair.house.connections["acme-okta"].enabled) == (403, False)


async def test_looking_at_a_step_writes_nothing(stair: Stair) -> None:
    browser = await begun(stair, path_of(await made(stair)))
    at = desk(stair.house, OPERATOR)
    await connections.update(
        at,
        "acme-okta",
        {"domains": ["third.example"]},
        number=stair.house.roster.kept["acme-okta"].row.number,
    )
    page = await read(browser, "/setup/people")
    assert "Save this step" in page
    assert "_federation-challenge" not in page
    assert stair.count("domain_proof") == 0


async def test_one_that_may_enables_after_a_test_and_changes_nothing_then(stair: Stair) -> None:
    browser = await begun(stair, path_of(await made(stair, may_enable=True)))
    await send(browser, "/setup/answer", way="file", file=metadata(stair))
    await send(browser, "/setup/people", domains="third.example")
    assert (await send(browser, "/setup/enable")).status_code == 409
    await tried(stair, "acme-okta")
    assert (await send(browser, "/setup/enable")).headers["location"] == "/setup/enable"
    assert stair.house.connections["acme-okta"].enabled
    assert "an administrator changes it" in await read(browser, "/setup/people")
    assert (await send(browser, "/setup/people", domains="more.example")).status_code == 403
    assert stair.house.connections["acme-okta"].domains == ("third.example",)


async def test_their_own_test_is_reported_to_them_alone(stair: Stair) -> None:
    body = {**GOOD, "domains": ["acme.example"], "metadata": {"xml": metadata(stair).decode()}}
    at = desk(stair.house, OPERATOR)
    view = await connections.find(at, "acme-okta")
    await connections.update(
        at, "acme-okta", {key: body[key] for key in ("domains", "metadata")}, number=view.number
    )
    first = await begun(stair, path_of(await made(stair)))
    second = await begun(stair, path_of(await made(stair)))
    answer = await send(first, "/setup/test")
    assert "Go on to" in answer.text
    (trial,) = await stair.house.store.trials("acme-okta", None, 10, stair.clock())
    page = await read(first, f"/setup/tests/{trial.id}")
    assert "under way" in page
    assert "/admin" not in page
    assert trial.id in await read(first, "/setup/test")
    assert (await second.get(f"/setup/tests/{trial.id}")).status_code == 404
    assert trial.id not in await read(second, "/setup/test")


async def test_no_fault_tells_them_of_another_connection(stair: Stair) -> None:
    """It brings the entity ID of acme-saml, and none of its keys."""
    impostor = stair.idps["other-saml"].metadata().replace(b"idp.other.example", b"idp.acme.example")
    holder = await begun(stair, path_of(await made(stair)))
    await send(holder, "/setup/people", domains="third.example")
    answer = await send(holder, "/setup/answer", way="file", file=impostor)
    assert (answer.status_code, "acme-saml" in answer.text) == (422, False), answer.text
    assert "another connection of your organization stands in the way" in answer.text
    ada = await signed_in(stair)
    at = f"{PAGE}/acme-okta/setup/answer"
    assert "acme-saml" in (await send(ada, at, way="file", file=impostor)).text


async def test_it_opens_nothing_else(stair: Stair) -> None:
    """Every page and operation of the administration, with the cookie of a link that may everything."""
    browser = await begun(stair, path_of(await made(stair, may_enable=True)))
    asked = 0
    for route in console_routes():
        if not isinstance(route, Route) or route.path.startswith("/setup") or "openapi" in route.path:
            continue
        path = re.sub(r"\{[a-z]+\}", "acme-okta", route.path)
        for method in route.methods or ():
            answer = await browser.request(method, path, headers=SAME)
            asked += 1
            assert answer.status_code in {303, 401, 403}, (method, path, answer.status_code)
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/login"), (method, path)
    assert asked > 20


async def test_every_change_needs_the_pages_own_token(stair: Stair) -> None:
    browser = await begun(stair, path_of(await made(stair, may_enable=True)))
    ada = await signed_in(stair)
    theirs = hidden(await read(ada, "/admin/tokens"), "csrf")
    for path in ("answer", "people", "people/look", "mapping", "test", "enable", "leave"):
        for csrf in ("", "0" * 64, theirs):
            answer = await browser.post(f"/setup/{path}", data={"csrf": csrf}, headers=SAME)
            assert answer.status_code == 403, path


async def test_two_links_in_one_browser_are_none_together(stair: Stair) -> None:
    one, other = [path_of(await made(stair)).rpartition("/")[2] for _ in range(2)]
    browser = stair.browser(accept="text/html", cookie=f"setup={one}; setup={other}")
    assert await is_over(browser, "/setup/provider")


async def test_what_its_holder_types_is_text(stair: Stair) -> None:
    evil = '"><script>alert(1)</script>'
    browser = await begun(stair, path_of(await made(stair)))
    await send(browser, "/setup/mapping", attribute_groups=evil)
    for path, form in (
        ("answer", {"way": "url", "url": evil}),
        ("answer", {"way": "paste", "paste": evil, "entity_id": evil}),
        ("answer", {"way": "fields", "entity_id": evil, "sso_url": evil, "certificates": evil}),
        ("people", {"domains": evil}),
        ("people/look", {"domain": evil}),
    ):
        at = "/setup/people" if path == "people/look" else ""
        answer = await send(browser, f"/setup/{path}", at, **form)
        assert "<script>alert" not in answer.text, path
    ada = await signed_in(stair)
    for page in (*(f"{PAGE}/acme-okta/setup/{step}" for step in STEPS), f"{PAGE}/acme-okta"):
        assert "<script>alert" not in await read(ada, page)
    for step in STEPS:
        assert "<script>alert" not in await read(browser, f"/setup/{step}")


async def test_leaving_forgets_the_cookie_and_the_link_goes_on(stair: Stair) -> None:
    path = path_of(await made(stair))
    browser = await begun(stair, path)
    answer = await send(browser, "/setup/leave", "/setup/enable")
    assert "Thank you" in answer.text
    assert await is_over(browser, "/setup/provider")
    await begun(stair, path)


async def test_an_administrator_makes_one_and_its_holder_begins(stair: Stair) -> None:
    ada = await signed_in(stair)
    await draft(ada, name="acme-two")
    holder = await begun(stair, await link(ada, "acme-two", may_enable="on"))
    assert "acme-two" in await read(holder, "/setup/provider")


# The command line


async def test_an_operator_makes_lists_and_revokes_them(
    stair: Stair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", stair.clock)
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    file = str(stair.database.parent / "federation.yaml")

    async def typed(*words: str, code: int = 0) -> str:
        told = ["connection", *words, "--config", file]
        result = await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    told = json.loads(await typed("link", "acme-okta", "--days", "3", "--may-enable", "--json"))
    assert told["may_enable"]
    assert told["expires_at"] == (stair.clock() + timedelta(days=3)).isoformat()
    browser = await begun(stair, told["url"].removeprefix("http://localhost:8000"))
    (listed,) = json.loads(await typed("links", "acme-okta", "--json"))
    assert (listed["id"], listed["uses"], "url" in listed) == (told["id"], 1, False)
    assert "live" in await typed("links", "acme-okta")
    assert "/setup/" in await typed("link", "acme-okta")
    await typed("unlink", told["id"])
    assert await is_over(browser, "/setup/provider")
    await typed("link", "nothing", code=1)
    await typed("link", "acme-oidc", code=1)
    await typed("link", "acme-okta", "--days", "31", code=1)
    await typed("unlink", "nothing", code=1)


# The API


async def test_the_api_makes_lists_and_revokes_them(stair: Stair) -> None:
    made = await tokens.create(
        desk(stair.house, OPERATOR),
        tokens.TokenWanted(
            organization="acme", name="t", scopes=frozenset({"connections:write", "connections:read"}), days=9
        ),
    )
    program = stair.browser(authorization=f"Bearer {made.secret}")
    at = "/admin/api/connections/acme-okta/links"
    answer = await program.post(at, json={})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["url"].startswith("http://localhost:8000/setup/")
    (listed,) = (await program.get(at)).json()["items"]
    assert (listed["id"], listed["may_enable"], "url" in listed) == (told["id"], False, False)
    assert (await program.get(f"/admin/api/links/{told['id']}")).json() == listed
    for body in ({"days": 0}, {"days": 31}, {"days": 10}, {"days": "7"}, {"may_enable": "yes"}, {"more": 1}):
        assert (await program.post(at, json=body)).status_code == 422, body
    assert (await program.delete(f"/admin/api/links/{told['id']}")).status_code == 204
    assert (await program.get(f"/admin/api/links/{told['id']}")).json()["revoked_at"]
    for gone in ("/admin/api/links/x", "/admin/api/connections/x/links"):
        assert (await program.get(gone)).status_code == 404
