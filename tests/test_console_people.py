"""People, teams, organizations, domains, overview, settings: pages and API, of one organization alone."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import BASE, Stair, standing

from federation.administration import overview as overview_deeds
from federation.store import enforcement
from federation.store.domains_values import Enforcement
from federation.web import texts

ORGANIZATIONS = """{"acme": {"name": "Acme", "administrators": ["admin"],
"teams": {"core": {"name": "Core", "groups": ["eng"], "roles": ["builder"]}}},
"other": {"name": "Other", "administrators": ["admin"]}}"""


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS", ORGANIZATIONS)
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as found:
        yield found


async def signed_in(stair: Stair, who: str, connection: str = "acme-saml") -> httpx2.AsyncClient:
    """Return the browser of somebody who has just signed in, which asks for pages."""
    stair.clock.at += timedelta(minutes=1)
    browser = stair.browser()
    answer = await browser.post(f"/saml/{connection}/acs", data=await stair.saml(browser, who, connection))
    assert answer.status_code == 303, answer.text
    browser.headers["origin"] = BASE
    return browser


async def user_of(stair: Stair, who: str) -> str:
    (found,) = await stair.house.store.find_users(f"{who}@acme.example", "acme")
    return found.user_id


async def page(browser: httpx2.AsyncClient, path: str) -> str:
    answer = await browser.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    assert answer.text.count("<h1>") == 1
    assert not re.search(r"\sstyle=|\son[a-z]+=", answer.text)
    return str(answer.text)


async def change(
    browser: httpx2.AsyncClient, path: str, at: str = "/admin/people/invitations", **form: str
) -> httpx2.Response:
    token = re.search(r'name="csrf" value="([^"]+)"', await page(browser, at))
    assert token
    return await browser.post(path, data={"csrf": token[1], **form})


async def audited(stair: Stair) -> list[tuple[str, str]]:
    """Return actions and their objects, in order."""
    with closing(sqlite3.connect(stair.database)) as db:
        return db.execute("SELECT action, object FROM audit ORDER BY rowid").fetchall()


# The pages


async def test_people_are_listed_and_shown_with_all_they_have_and_why(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    listed = await page(ada, "/admin/people")
    assert listed.index("Ada Lovelace") < listed.index("Bob Builder")
    assert "Bob Builder" not in await page(ada, "/admin/people?search=ADA")
    told = await page(ada, f"/admin/people/{await user_of(stair, 'ada')}")
    for text in (
        "rule “platform administrators”",
        "connection acme-saml",
        "/admin/decisions/",
        "Download it",
    ):
        assert text in told, text


async def test_roles_and_teams_by_hand_are_in_force_at_once_and_audited(stair: Stair) -> None:
    bob, ada = await signed_in(stair, "bob"), await signed_in(stair, "ada")
    one = f"/admin/people/{await user_of(stair, 'bob')}"
    assert (await change(ada, f"{one}/grant", role=" editor ")).status_code == 303
    assert (await change(ada, f"{one}/join", team="core")).status_code == 303
    stair.clock.at += timedelta(seconds=2)
    told = (await bob.get("/session")).json()
    assert {"editor", "builder"} <= set(told["roles"])
    assert told["teams"] == ["core"]
    assert (await change(ada, f"{one}/revoke", role="editor")).status_code == 303
    assert (await change(ada, f"{one}/leave", team="core")).status_code == 303
    assert "editor" not in (await bob.get("/session")).json()["roles"]
    user = await user_of(stair, "bob")
    assert await audited(stair) == [
        ("person.grant", user),
        ("team.add_member", "core"),
        ("person.revoke", user),
        ("team.remove_member", "core"),
    ]


@pytest.mark.parametrize("deed", ["end-all", "deactivate", "remove"])
async def test_access_ends_at_once(stair: Stair, deed: str) -> None:
    bob, ada = await signed_in(stair, "bob"), await signed_in(stair, "ada")
    assert (await change(ada, f"/admin/people/{await user_of(stair, 'bob')}/{deed}")).status_code == 303
    assert (await bob.get("/session")).status_code == 401
    assert (await ada.get("/session")).status_code == 200


@pytest.mark.parametrize("deed", ["deactivate", "remove"])
async def test_the_last_administrator_stays(stair: Stair, deed: str) -> None:
    ada = await signed_in(stair, "ada")
    answer = await change(ada, f"/admin/people/{await user_of(stair, 'ada')}/{deed}")
    assert (answer.status_code, await stair.code(answer)) == (409, "admin.last_administrator")
    assert (await ada.get("/session")).status_code == 200
    assert await audited(stair) == []


async def test_who_was_deactivated_comes_in_again(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    one = f"/admin/people/{await user_of(stair, 'bob')}"
    await change(ada, f"{one}/deactivate")
    browser = stair.browser()
    refused = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, "bob"))
    assert refused.status_code == 403
    assert "Let them in again" in await page(ada, one)
    assert (await change(ada, f"{one}/reactivate")).status_code == 303
    await signed_in(stair, "bob")


async def test_an_invitation_is_made_shown_once_listed_and_revoked(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    form = {"email": "new@acme.example", "roles": "editor, , viewer", "teams": "core", "days": "7"}
    made = await change(ada, "/admin/people/invitations", **form)
    assert made.status_code == 200
    link = re.search(rf"{BASE}(/invitation/[\w-]+)", made.text)
    assert link
    open_ones = await page(ada, "/admin/people/invitations")
    assert "new@acme.example" in open_ones
    assert link[1] not in open_ones
    revoke = re.search(r"(/admin/people/invitations/[\w-]+/revoke)", open_ones)
    assert revoke
    assert (await change(ada, revoke[1])).status_code == 303
    gone = await change(ada, revoke[1])
    assert (gone.status_code, await stair.code(gone)) == (404, "admin.unknown")
    assert "new@acme.example" not in await page(ada, "/admin/people/invitations")


FAULTS = [
    # what is wrong                     beside a good invitation
    ({"email": "no address"},           422),
    ({"email": ""},                     422),
    ({"days": "0"},                     422),
    ({"days": "91"},                    422),
    ({"days": "-1"},                    422),
    ({"teams": "nowhere"},              422),
    ({"roles": "x" * 201},              422),
    ({"email": "ada@acme.example"},     409),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "status"), FAULTS)
async def test_an_invitation_with_a_fault_is_told_on_the_page(
    stair: Stair, fault: dict[str, str], status: int
) -> None:
    ada = await signed_in(stair, "ada")
    answer = await change(
        ada, "/admin/people/invitations", **{"email": "new@acme.example", "days": "7"} | fault
    )
    assert answer.status_code == status
    assert 'aria-invalid="true"' in answer.text
    assert stair.count("invitation") == 0


async def test_a_person_is_erased_by_their_address_alone(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    one = f"/admin/people/{await user_of(stair, 'bob')}"
    for typed in ("", "ada@acme.example", "bob"):
        answer = await change(ada, f"{one}/erase", typed=typed)
        assert answer.status_code == 422
    assert (await change(ada, f"{one}/erase", typed=" BOB@acme.example ")).status_code == 303
    assert await stair.house.store.find_users("bob@acme.example", "acme") == ()
    assert [action for action, _ in await audited(stair)] == ["person.erase"]


async def test_what_is_kept_of_a_person_comes_as_a_file(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    user = await user_of(stair, "ada")
    answer = await change(ada, f"/admin/people/{user}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.json()["user"] == user
    assert await audited(stair) == [("person.export", user)]


async def test_teams_are_made_changed_and_deleted(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    assert (await change(ada, "/admin/teams", key="tools", name="Tools <b>")).status_code == 303
    assert (await change(ada, "/admin/teams", key="tools", name="Again")).status_code == 409
    assert (await change(ada, "/admin/teams", key="core", name="Hides")).status_code == 409
    assert (await change(ada, "/admin/teams", key="No key", name="x")).status_code == 422
    one = "/admin/teams/tools"
    assert (await change(ada, f"{one}/grant", role="builder")).status_code == 303
    assert (await change(ada, f"{one}/link", group="Eng-Tools", connection="acme-saml")).status_code == 303
    assert (await change(ada, f"{one}/link", group="x", connection="nowhere")).status_code == 422
    assert (await change(ada, f"{one}/rename", name="Tooling")).status_code == 303
    told = await page(ada, one)
    for text in ("Tooling", "builder", "eng-tools", "Acme (SAML)"):
        assert text in told, text
    assert (await change(ada, f"{one}/unlink", group="eng-tools", connection="acme-saml")).status_code == 303
    assert (await change(ada, f"{one}/delete")).status_code == 303
    gone = await ada.get(one)
    assert (gone.status_code, await stair.code(gone)) == (404, "admin.unknown")
    assert [action for action, _ in await audited(stair)] == [
        "team.create", "team.grant", "team.link", "team.update", "team.unlink", "team.delete",
    ]  # fmt: skip


@pytest.mark.parametrize("deed", ["rename", "delete", "link", "unlink", "grant", "revoke"])
async def test_a_declared_team_is_managed_by_configuration(stair: Stair, deed: str) -> None:
    ada = await signed_in(stair, "ada")
    told = await page(ada, "/admin/teams/core")
    assert "Managed by configuration" in told
    assert f"/admin/teams/core/{deed}" not in told
    answer = await change(ada, f"/admin/teams/core/{deed}", name="x", group="x", role="x")
    assert (answer.status_code, await stair.code(answer)) == (409, "admin.managed")


async def test_where_many_are_known_the_page_does_not_wait(
    stair: Stair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enforcement, "_FEW", 0)
    ada = await signed_in(stair, "ada")
    asked = "/admin/organizations/acme?way-acme-saml=on"
    told = await page(ada, asked)
    assert "Looking at everybody" in told
    assert "data-again" in told
    assert 'name="locked_out"' not in told
    for _ in range(20):  # steps of the loop, of which a page gives some away
        if "data-again" not in (told := await page(ada, asked)):
            break
        await asyncio.sleep(0.1)
    assert 'name="locked_out" value="0"' in told


async def test_enforcement_shows_first_who_would_be_locked_out(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    here = "/admin/organizations/acme"
    told = await page(ada, f"{here}?way-acme-saml=on")
    assert 'name="locked_out" value="0"' in told
    untried = await page(ada, f"{here}?way-acme-oidc=on")
    assert "bob@acme.example" in untried
    assert 'name="locked_out"' not in untried
    for number in ("1", "", "x"):
        wrong = await change(ada, f"{here}/enforce", **{"way-acme-saml": "on", "locked_out": number})
        assert (wrong.status_code, await stair.code(wrong)) == (409, "admin.preflight")
    assert await stair.house.store.enforcements_of("acme") == ()
    done = await change(ada, f"{here}/enforce", **{"way-acme-saml": "on", "locked_out": "0"})
    assert done.status_code == 303
    (found,) = await stair.house.store.enforcements_of("acme")
    assert isinstance(found, Enforcement)
    assert found.connections == ("acme-saml",)
    assert (await change(ada, f"{here}/lift", domain="")).status_code == 303
    again = await change(ada, f"{here}/lift", domain="")
    assert await stair.code(again) == "admin.unknown"
    assert [action for action, _ in await audited(stair)] == ["enforcement.on", "enforcement.off"]


async def test_a_domain_shows_the_record_to_add_once_it_is_asked_for(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    one = "/admin/domains/acme/acme.example"
    assert "acme.example" in await page(ada, "/admin/domains")
    assert "federation-domain-verification=" not in await page(ada, one)
    assert stair.count("domain_proof") == 0  # a page that is looked at changes nothing
    assert (await change(ada, f"{one}/begin")).status_code == 303
    told = await page(ada, one)
    for text in ("_federation-challenge.acme.example", "federation-domain-verification=", "Look now"):
        assert text in told, text
    unknown = await ada.get("/admin/domains/acme/nowhere.example")
    assert await stair.code(unknown) == "admin.unknown"


async def test_teams_domains_and_invitations_are_searched(stair: Stair) -> None:
    store = stair.house.store
    for key, name in (("ops", "Night shift"), ("sales", "Sales")):
        await store.add_team("acme", key, name, stair.clock())
    ada = await signed_in(stair, "ada")
    found = await page(ada, "/admin/teams?search=NIGHT")
    assert ("/admin/teams/ops" in found, "/admin/teams/sales" in found) == (True, False)
    assert "No team fits this." in await page(ada, "/admin/teams?search=none")
    assert "/acme.example" in await page(ada, "/admin/domains?search=ACME.ex")
    assert "No domain has" in await page(ada, "/admin/domains?search=none")
    assert "to such an address" in await page(ada, "/admin/people/invitations?search=none")
    for rest, number in (("teams?organization=acme&search=night", 1), ("domains?search=none", 0)):
        assert len((await ada.get(f"/admin/api/{rest}")).json()["items"]) == number


async def test_the_overview_counts_and_the_settings_hide(stair: Stair) -> None:
    mallory = stair.browser()
    await mallory.post("/saml/acme-saml/acs", data=await stair.saml(mallory, "mallory"))
    ada = await signed_in(stair, "ada")
    told = await page(ada, "/admin")
    for text in ("policy.domain", "Signed in", "Acme (SAML)", "Fingerprint"):
        assert text in told, text
    shown = await page(ada, "/admin/settings")
    assert f"{BASE}/oidc/jwks.json" in shown
    assert "from the settings file" in shown
    assert "by default" in shown
    for hidden in ("database_url", "encryption_keys", "sqlite", "secrets.key", "FEDERATION__"):
        assert hidden not in shown, hidden


async def test_an_operator_sees_all_of_it_but_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS", ORGANIZATIONS)
    monkeypatch.setenv("FEDERATION__SESSION__IDLE", "2h")
    more = (
        "system_roles: {acme-saml: [{role: operator, groups: [platform-admins]}]}\n"
        "smtp: {host: localhost, starttls: false, user: mailer, password: hush-hush, from: a@b.example}\n"
    )
    async with standing(tmp_path, more) as stair:
        ada = await signed_in(stair, "ada")
        told = await page(ada, "/admin/settings")
        assert "smtp.password" in told
        assert "from the environment <code>FEDERATION__SESSION__IDLE</code>" in told
        assert "hush-hush" not in told
        assert "Other" in await page(ada, "/admin/organizations")
        assert "No one" not in await page(ada, "/admin/people?organization=other")
        assert "Our" not in await page(ada, "/admin")
        assert "This service" in await page(ada, "/admin")


# Another organization's


PATHS = [
    ("GET", "/admin/people?organization=other"),
    ("GET", "/admin/people/{user}?organization=other"),
    ("GET", "/admin/people/invitations?organization=other"),
    ("GET", "/admin/teams?organization=other"),
    ("GET", "/admin/teams/theirs?organization=other"),
    ("GET", "/admin/organizations/other"),
    ("GET", "/admin/domains?organization=other"),
    ("GET", "/admin/domains/other/other.example"),
    ("GET", "/admin?organization=other"),
    ("GET", "/admin/api/people/{user}?organization=other"),
    ("GET", "/admin/api/people?organization=other"),
    ("GET", "/admin/api/teams?organization=other"),
    ("GET", "/admin/api/teams/theirs/members?organization=other"),
    ("GET", "/admin/api/domains?organization=other"),
    ("GET", "/admin/api/organizations/other/enforcements"),
    ("GET", "/admin/api/overview?organization=other"),
    ("GET", "/admin/api/invitations?organization=other"),
    ("DELETE", "/admin/api/people/{user}?organization=other"),
    ("DELETE", "/admin/api/people/{user}/sessions?organization=other"),
    ("DELETE", "/admin/api/people/{user}/roles/admin?organization=other"),
    ("POST", "/admin/api/people/{user}/deactivate?organization=other"),
    ("POST", "/admin/api/people/{user}/export?organization=other"),
    ("DELETE", "/admin/api/teams/theirs?organization=other"),
    ("DELETE", "/admin/api/organizations/other/enforcements"),
]


async def test_of_another_organization_nothing_is_seen_or_changed(stair: Stair) -> None:
    store = stair.house.store
    await store.add_team("other", "theirs", "Theirs", stair.clock())
    awaited = await store.add_person("other", "zed@other.example", connection="", roles=(), now=stair.clock())
    assert awaited is not None
    ada = await signed_in(stair, "ada")
    for method, path in PATHS:
        stair.clock.at += timedelta(seconds=10)  # so many refusals a minute are recorded
        answer = await ada.request(method, path.format(user=awaited.user_id))
        if answer.is_redirect:
            assert answer.headers["location"] == "/admin/organizations/acme", path
            continue
        assert answer.status_code == 404, (method, path, answer.text)
        assert "heirs" not in answer.text
        assert await stair.code(answer) == "admin.not_yours", path
    one = f"/admin/people/{awaited.user_id}"
    for deed in ("end-all", "deactivate", "remove", "grant", "revoke", "join", "leave", "erase", "export"):
        stair.clock.at += timedelta(seconds=10)
        form = {"role": "x", "team": "theirs", "typed": "zed@other.example", "organization": "other"}
        answer = await change(ada, f"{one}/{deed}", **form)
        assert answer.status_code == 404, deed
        # In one's own organization they are nobody.
        mine = await change(ada, f"{one}/{deed}", **form | {"organization": "acme"})
        assert (mine.status_code, await stair.code(mine)) == (404, "admin.unknown"), deed
    for deed in ("rename", "delete", "link", "grant", "remove"):
        form = {"name": "x", "group": "x", "role": "x", "user": awaited.user_id, "organization": "other"}
        assert (await change(ada, f"/admin/teams/theirs/{deed}", **form)).status_code == 404, deed
    assert await store.belongs("other", awaited.user_id)
    assert [team.name for team in await store.teams("other")] == ["Theirs"]
    assert await audited(stair) == []


async def test_a_plain_member_sees_none_of_it(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    for _, path in PATHS:
        if path.startswith("/admin/api") and "DELETE" in path:
            continue
        answer = await bob.get(path.format(user="x"))
        assert answer.status_code in (403, 405), path


async def test_a_change_needs_the_token_of_a_page(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    answer = await ada.post(f"/admin/people/{await user_of(stair, 'bob')}/deactivate", data={"csrf": "x"})
    assert await stair.code(answer) == "csrf.refused"


async def test_dangerous_changes_need_a_fresh_proof(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    stair.clock.at += timedelta(minutes=16)
    user = await user_of(stair, "bob")
    for path in (
        f"/admin/people/{user}/deactivate", f"/admin/people/{user}/grant", f"/admin/people/{user}/erase",
        f"/admin/people/{user}/export", "/admin/people/invitations", "/admin/teams",
        "/admin/teams/core/delete", "/admin/organizations/acme/enforce", "/admin/organizations/acme/lift",
    ):  # fmt: skip
        answer = await change(ada, path)
        assert await stair.code(answer) == "admin.prove_again", path


async def test_unknown_deeds_are_not_found(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    user = await user_of(stair, "ada")
    assert (await change(ada, f"/admin/people/{user}/fly")).status_code == 404
    assert (await change(ada, "/admin/teams/core/fly")).status_code == 404


# The API


async def test_the_api_does_what_the_pages_do(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    listed: dict[str, Any] = (await ada.get("/admin/api/people", params={"limit": 1})).json()
    assert [one["email"] for one in listed["items"]] == ["ada@acme.example"]
    onward = (await ada.get("/admin/api/people", params={"limit": 1, "cursor": listed["next"]})).json()
    user = onward["items"][0]["id"]
    assert (await ada.post(f"/admin/api/people/{user}/roles", json={"role": "editor"})).status_code == 204
    told = (await ada.get(f"/admin/api/people/{user}")).json()
    assert {"name": "editor", "source": "manual", "why": "manual"} in told["roles"]
    assert (await ada.delete(f"/admin/api/people/{user}/roles/editor")).status_code == 204
    made = await ada.post("/admin/api/teams", json={"key": "tools", "name": "Tools"})
    assert (made.status_code, made.json()["source"]) == (201, "manual")
    assert (await ada.post("/admin/api/teams/tools/members", json={"user": user})).status_code == 204
    members = (await ada.get("/admin/api/teams/tools/members")).json()
    assert [one["by"] for one in members["items"]] == [["manual"]]
    ended = await ada.delete(f"/admin/api/people/{user}/sessions")
    assert ended.json() == {"changed": True, "sessions_ended": 1}
    invited = await ada.post("/admin/api/invitations", json={"email": "new@acme.example"})
    assert (invited.status_code, invited.json()["mailed"]) == (201, False)
    asked = {"connections": ["acme-saml"]}
    seen = await ada.post("/admin/api/organizations/acme/enforcements/preflight", json=asked)
    assert seen.json()["locked_out"] == 0
    for path in ("overview", "settings", "domains", "invitations", "organizations/acme/enforcements"):
        assert (await ada.get(f"/admin/api/{path}")).status_code == 200, path


async def test_a_bad_cursor_is_refused(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    for path in ("people", "teams", "domains", "invitations", "teams/core/members"):
        answer = await ada.get(f"/admin/api/{path}", params={"cursor": "AAAA"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "admin.invalid"), path


def test_every_matter_has_its_words() -> None:
    kinds = {key.removeprefix("attention.") for key in texts.TEXTS if key.startswith("attention.")}
    source = Path(overview_deeds.__file__).read_text()
    for kind in kinds:
        stem = kind.removesuffix("_soon").removesuffix("_over")
        assert f'"{stem}"' in source, kind
