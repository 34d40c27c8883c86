"""A token without ``administrators:write`` makes nobody an administrator, and takes it from nobody."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from stair import Stair, standing
from test_administration_connections import GOOD, OPERATOR, desk
from test_api_tenants import made

from federation.administration import connections, invitations, organizations, people, setup_links, teams
from federation.administration.actor import ADMINISTRATORS, SCOPES
from federation.console.api import OPERATIONS
from federation.console.operations import BASE
from federation.errors import NotAllowed

REFUSED = "admin.administrators"
HERE = {"organization": "acme"}
ENFORCED = {"connections": ["acme-saml"], "domain": "", "locked_out": 9}
CREDENTIAL = {"kind": "bearer", "name": "Okta", "days": 1}
RULES = [{"name": "r", "groups": ["g"], "roles": ["admin"]}]


@dataclass(frozen=True)
class Try:
    """One way to ask an operation; ``{ada}`` and so on are ids of the scene."""

    operation: str
    path: str  # below ``BASE``
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)


def person(operation: str, path: str, body: Any = None) -> Try:
    return Try(operation, path, body, {} if body else HERE)


def new(name: str, **differs: Any) -> Try:
    there = {"issuer": f"https://{name}.example", "domains": [f"{name}.example"]}
    told = {"id": name, "organization": "acme", "settings": {**GOOD, **there, **differs}}
    return Try("create_connection", "/connections", told)


def changed(name: str, **differs: Any) -> Try:
    told = {"number": f"{{{name}}}", "settings": differs}
    return Try("update_connection", f"/connections/{name}", told)


def tenant(name: str, **differs: Any) -> Try:
    return Try(
        "create_organization", "/organizations", {"id": name, "settings": {"name": "Delta", **differs}}
    )


def renamed(number: Any, **differs: Any) -> Try:
    return Try("update_organization", "/organizations/beta", {"number": number, "settings": differs})


def invited(name: str, **differs: Any) -> Try:
    told = {**HERE, "email": f"{name}@acme.example", "roles": [], "teams": [], "days": 1, **differs}
    return Try("invite_person", "/invitations", told)


# Each gives, takes or could give administration. In the order in which whoever may does them.
GIVING: tuple[Try, ...] = (
    new("fresh", role_rules=RULES),
    new("other", default_roles=[" admin "]),
    changed("draft", role_rules=RULES),
    changed("draft", default_roles=["admin"]),
    changed("live", role_rules=RULES),
    changed("live", email_trust="domains"),
    Try("set_connection_secret", "/connections/trusting/secrets", {"key": "client_secret", "value": "x"}),
    Try("enable_connection", "/connections/ruling/enable"),
    Try("enable_connection", "/connections/believed/enable"),
    Try("disable_connection", "/connections/acme-saml/disable"),
    Try("enable_connection", "/connections/acme-saml/enable"),
    Try("create_setup_link", "/connections/draft/links", {"days": 1, "may_enable": True}),
    Try("create_scim_credential", "/connections/provisioned/provisioning/credentials", CREDENTIAL),
    changed("peopled", issuer="https://elsewhere.example"),
    Try("delete_connection", "/connections/peopled", {"name": "peopled"}),
    tenant("gamma", administrators=["member"]),
    renamed("{beta}", administrators=["member"]),
    renamed("{beta}", default_roles=["owner"]),
    invited("x", roles=["admin"]),
    invited("y", teams=["owners"]),
    person("grant_role", "/people/{bob}/roles", {**HERE, "role": " admin"}),
    person("revoke_role", "/people/{bob}/roles/admin"),
    person("deactivate_person", "/people/{ada}/deactivate"),
    person("reactivate_person", "/people/{ada}/reactivate"),
    person("grant_team_role", "/teams/plain/roles", {**HERE, "role": "admin"}),
    person("revoke_team_role", "/teams/plain/roles/admin"),
    person("link_group", "/teams/owners/groups", {**HERE, "group": "h", "connection": None}),
    Try("unlink_group", "/teams/owners/groups", None, {**HERE, "group": "h"}),
    person("add_member", "/teams/owners/members", {**HERE, "user": "{bob}"}),
    person("remove_member", "/teams/owners/members/{bob}"),
    person("remove_person", "/people/{carol}"),
    person("erase_person", "/people/{dan}/erase", {**HERE, "typed": "{dan}"}),
    person("delete_team", "/teams/owners"),
)  # fmt: skip

# Each changes something, or would, and nobody administers by it.
HARMLESS: tuple[Try, ...] = (
    new("plain"),
    Try("update_connection", "/connections/draft", {"number": 0, "settings": {"display_name": "Draft"}}),
    Try("set_connection_secret", "/connections/draft/secrets", {"key": "client_secret", "value": "x"}),
    Try("enable_connection", "/connections/plain/enable"),
    Try("disable_connection", "/connections/live/disable"),
    Try("delete_connection", "/connections/plain", {"name": GOOD["display_name"]}),
    Try("create_setup_link", "/connections/draft/links", {"days": 1, "may_enable": False}),
    Try("revoke_setup_link", "/links/{link}"),
    Try("create_scim_credential", "/connections/directory/provisioning/credentials", CREDENTIAL),
    Try("revoke_scim_credential", "/connections/directory/provisioning/credentials/{dan}"),
    Try("begin_domain_proof", "/organizations/acme/domains/acme.example/proof"),
    Try("look_for_domain", "/organizations/acme/domains/nothing.example/look"),
    Try("enforce", "/organizations/acme/enforcements", ENFORCED),
    Try("lift_enforcement", "/organizations/acme/enforcements"),
    invited("z", roles=["editor"], teams=["plain"]),
    Try("revoke_invitation", "/invitations/{dan}", None, HERE),
    tenant("delta"),
    renamed(0, name="Bee"),
    Try("delete_organization", "/organizations/delta", {"name": "Delta"}),
    Try("approve_metadata", "/connections/acme-saml/metadata/approve", {"digest": "0" * 64}),
    Try("reject_metadata", "/connections/acme-saml/metadata/reject", {"digest": "0" * 64}),
    person("remove_person", "/people/{eve}"),
    person("deactivate_person", "/people/{eve}/deactivate"),
    person("reactivate_person", "/people/{eve}/reactivate"),
    person("end_person_sessions", "/people/{ada}/sessions"),
    person("end_person_session", "/people/{ada}/sessions/{eve}"),
    person("grant_role", "/people/{bob}/roles", {**HERE, "role": "editor"}),
    person("revoke_role", "/people/{bob}/roles/editor"),
    person("erase_person", "/people/{eve}/erase", {**HERE, "typed": "{eve}"}),
    person("create_team", "/teams", {**HERE, "key": "fresh", "name": "Fresh"}),
    person("rename_team", "/teams/owners", {**HERE, "name": "Owners"}),
    person("delete_team", "/teams/fresh"),
    person("link_group", "/teams/plain/groups", {**HERE, "group": "h", "connection": None}),
    Try("unlink_group", "/teams/plain/groups", None, {**HERE, "group": "h"}),
    person("grant_team_role", "/teams/plain/roles", {**HERE, "role": "editor"}),
    person("revoke_team_role", "/teams/plain/roles/editor"),
    person("add_member", "/teams/plain/members", {**HERE, "user": "{bob}"}),
    person("remove_member", "/teams/plain/members/{bob}"),
    Try("create_token", "/tokens", {"name": "x", "scopes": [ADMINISTRATORS], "organization": "acme"}),
    Try("revoke_token", "/tokens/{dan}"),
    Try("reveal_decision", "/decisions/NOTHING123/reveal"),
    person("export_person", "/people/{ada}/export"),
)  # fmt: skip


def test_every_changing_operation_is_tried() -> None:
    changing = {one.name for one in OPERATIONS if not one.only_reads}
    assert {one.operation for one in (*GIVING, *HARMLESS)} == changing


@dataclass
class Scene:
    stair: Stair
    ids: dict[str, str]

    async def client(self, scopes: Any, organization: str = "") -> httpx2.AsyncClient:
        token = await made(self.stair, organization, scopes)
        return self.stair.browser(authorization=f"Bearer {token.secret}")

    async def asked(self, client: httpx2.AsyncClient, one: Try) -> httpx2.Response:
        operation = next(each for each in OPERATIONS if each.name == one.operation)
        told = filled(one.body, self.ids | await self._numbers())
        path = str(filled(one.path, self.ids))
        return await client.request(operation.method, BASE + path, json=told, params=dict(one.query))

    async def _numbers(self) -> dict[str, str]:
        roster = self.stair.house.roster
        await roster.refresh(self.stair.clock())
        every: Mapping[str, Any] = {**roster.kept_organizations}
        kept = {name: one.row.number for name, one in roster.kept.items()}
        return {name: str(number) for name, number in kept.items()} | {
            name: str(one.number) for name, one in every.items()
        }

    def administration(self) -> list[object]:
        """Return all that gives somebody administration, now or one day."""
        with closing(sqlite3.connect(self.stair.database)) as db:
            return [
                sorted(db.execute(statement).fetchall())
                for statement in (
                    "SELECT user_id, source FROM role_grant WHERE role IN ('admin', 'owner')",
                    "SELECT * FROM team_role WHERE role IN ('admin', 'owner')",
                    "SELECT * FROM team_group WHERE team_key = 'owners'",
                    "SELECT * FROM team_membership WHERE team_key = 'owners'",
                    "SELECT id FROM invitation WHERE roles LIKE '%admin%' OR teams LIKE '%owners%'",
                    "SELECT id FROM kept_connection WHERE body LIKE '%admin%'",
                    "SELECT id FROM kept_connection WHERE enabled = 1 AND id <> 'live'",
                    "SELECT id FROM kept_organization WHERE body LIKE '%member%'",
                    f"SELECT user_id FROM deactivation WHERE user_id <> '{self.ids['eve']}'",  # noqa: S608  our own
                    "SELECT id FROM setup_link WHERE may_enable = 1",
                    "SELECT id FROM api_token WHERE scopes LIKE '%administrators%'",
                )
            ]


def filled(told: Any, ids: Mapping[str, str]) -> Any:
    """Put ids in place of their names; a number alone is one."""
    if isinstance(told, dict):
        return {key: filled(one, ids) for key, one in told.items()}
    if isinstance(told, str) and told.startswith("{") and told.endswith("}"):
        found = ids[told[1:-1]]
        return int(found) if found.isdecimal() else found
    if isinstance(told, str):
        for name, one in ids.items():
            told = told.replace("{" + name + "}", one)
    return told


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path, "rate_limits: {sign_in: 'off', failures: 'off'}") as stair:
        ids = {login: await signed_in(stair, login) for login in ("ada", "bob", "zoe")}
        at = desk(stair.house, OPERATOR)
        await organizations.create(at, "beta", body={"name": "Beta", "administrators": ["owner"]})
        for name, rules in KEPT.items():
            host = f"{name}.example"
            body = {**GOOD, "issuer": f"https://{host}", "domains": [host], "display_name": name, **rules}
            await connections.create(at, name, organization="acme", body=body)
        await connections.set_secret(at, "trusting", "client_secret", "theirs")
        url = f"sqlite:///{stair.database}"
        await ask(url, "UPDATE kept_connection SET tested_at = 1")
        for name in ("live", "trusting"):
            await connections.enable(at, name)
        ids |= await others(stair, url)
        for key in ("owners", "plain"):
            await teams.create(at, "acme", key, key)
        await teams.set_role(at, "acme", "owners", "admin", give=True)
        for name in ("carol", "dan", "zoe"):
            await people.set_grant(at, "acme", ids[name], "admin", give=True)
        link = await setup_links.create(at, "draft", days=1, may_enable=False)
        yield Scene(stair, ids | {"link": link.link.id})


KEPT: Mapping[str, Mapping[str, Any]] = {
    "draft": {"token_endpoint_auth_method": "client_secret_basic"},
    "live": {},
    "ruling": {"role_rules": RULES},
    "believed": {"email_trust": "domains"},
    "trusting": {"email_trust": "domains", "token_endpoint_auth_method": "client_secret_basic"},
    "peopled": {},
    "directory": {"scim": {}},
    "provisioned": {"role_rules": RULES, "scim": {}},
}


async def signed_in(stair: Stair, login: str) -> str:
    stair.clock.at += timedelta(seconds=1)
    browser = stair.browser()
    await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, login))
    session = (await browser.get("/session")).json()
    return str(session["user"]["id"])


async def others(stair: Stair, url: str) -> dict[str, str]:
    """Make people of rows: one who came by ``peopled``, and three whom nobody saw."""
    (row,) = await ask(url, "SELECT * FROM account WHERE email = 'bob@acme.example'")
    columns = [name for (name,) in await ask(url, "SELECT name FROM pragma_table_info('account')")]
    made = {}
    for number, name in enumerate(("carol", "dan", "eve")):
        user = f"01a1fdfa-4600-7000-8000-00000000000{number}"
        told = dict(zip(columns, row, strict=True)) | {
            "user_id": user, "person": f"{number}" * 64, "email": "", "email_key": "",
            "connection": {"carol": "peopled", "dan": "acme-oidc"}.get(name, "acme-saml"),
        }  # fmt: skip
        if "id" in told:
            told["id"] = user
        with closing(sqlite3.connect(stair.database)) as db:
            db.execute('INSERT INTO "user" (id, created_at) VALUES (?, 1)', (user,))
            marks = ", ".join("?" * len(told))
            db.execute(f"INSERT INTO account ({', '.join(told)}) VALUES ({marks})", tuple(told.values()))  # noqa: S608
            db.execute("INSERT INTO membership VALUES ('acme', ?, 'manual', 1)", (user,))
            db.commit()
        made[name] = user
    return made


async def test_without_the_scope_nobody_administers_who_did_not(scene: Scene) -> None:
    client = await scene.client(SCOPES - {ADMINISTRATORS})
    before, found = scene.administration(), []
    for one in (*GIVING, *HARMLESS):
        answer = await scene.asked(client, one)
        error = answer.json()["error"] if answer.status_code >= 400 else {"code": "", "message": ""}
        if one in GIVING:
            as_meant = error["code"] == REFUSED and ADMINISTRATORS in error["message"]
        else:
            as_meant = error["code"] != REFUSED and bool(error["code"]) == (one.operation in IN_VAIN)
        if not as_meant or scene.administration() != before:
            found.append(f"{one}: {answer.status_code} {answer.text}")
    assert not found


IN_VAIN = {
    "look_for_domain", "enforce", "lift_enforcement", "revoke_invitation", "approve_metadata",
    "reject_metadata", "end_person_session", "create_token", "revoke_token", "reveal_decision",
    "update_connection", "update_organization", "enable_connection", "revoke_scim_credential",
}  # fmt: skip
"""Of what is not there, or was changed before."""


async def test_with_the_scope_each_is_done(scene: Scene) -> None:
    client = await scene.client(SCOPES)
    found = []
    for one in GIVING:
        answer = await scene.asked(client, one)
        if answer.status_code >= 300:
            found.append(f"{one}: {answer.status_code} {answer.text}")
    assert not found


async def test_a_token_gives_no_token_what_it_has_not(scene: Scene) -> None:
    client = await scene.client(SCOPES - {ADMINISTRATORS}, "acme")
    told = {"name": "x", "scopes": ["tokens:write", ADMINISTRATORS], "organization": "acme"}
    answer = await client.post(f"{BASE}/tokens", json=told)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin.scope")
    assert (await client.post(f"{BASE}/tokens", json=told | {"scopes": ["tokens:write"]})).status_code == 201


async def test_who_comes_by_what_is_gone_counts_for_whatever_comes_next(scene: Scene) -> None:
    """Their provider's name is free, and whoever takes it would speak for them."""
    url = f"sqlite:///{scene.stair.database}"
    client = await scene.client(SCOPES - {ADMINISTRATORS})
    assert (await client.post(f"{BASE}/connections/live/disable")).status_code == 200
    await ask(url, "UPDATE kept_connection SET tested_at = 1")
    assert (await client.post(f"{BASE}/connections/live/enable")).status_code == 200
    await ask(url, "UPDATE account SET connection = 'once' WHERE connection = 'peopled'")
    answer = await client.post(f"{BASE}/connections/live/enable")
    assert answer.json()["error"]["code"] == REFUSED


async def test_a_group_that_leads_into_a_team_that_administers_counts(scene: Scene) -> None:
    at = desk(scene.stair.house, OPERATOR)
    client = await scene.client(SCOPES - {ADMINISTRATORS})
    await teams.set_group(at, "acme", "owners", "g", "live", linked=True)
    for path in ("enable", "disable"):
        answer = await client.post(f"{BASE}/connections/live/{path}")
        assert answer.json()["error"]["code"] == REFUSED


async def test_who_holds_a_link_may_set_up_and_not_what_it_gives(scene: Scene) -> None:
    stair = scene.stair
    at = desk(stair.house, OPERATOR)
    for may_enable, refused in ((False, True), (True, False)):
        link = await setup_links.create(at, "ruling", days=1, may_enable=may_enable)
        secret = link.url.rpartition("/")[2]
        holder = await setup_links.open_link(
            stair.house.store, stair.house.roster, secret, now=stair.clock(), address=""
        )
        assert holder is not None
        theirs = desk(stair.house, holder)
        number = (await connections.find(theirs, "ruling")).number
        await connections.update(theirs, "ruling", {"client_id": f"{number}"}, number=number)
        with pytest.raises(NotAllowed, match=r"^admin\.setup_link: "):
            await connections.update(theirs, "ruling", {"role_rules": []}, number=number + 1)
        await ask(f"sqlite:///{stair.database}", "UPDATE kept_connection SET tested_at = 1")
        if refused:
            with pytest.raises(NotAllowed, match=r"^admin\.setup_link: "):
                await connections.enable(theirs, "ruling")
        else:
            assert (await connections.enable(theirs, "ruling")).enabled


async def test_an_invitation_is_nobodys_way_to_administer(scene: Scene) -> None:
    at = desk(scene.stair.house, OPERATOR)
    done = await invitations.invite(
        at, "n@acme.example", organization="acme", roles=("admin",), teams=(), days=1
    )
    client = await scene.client(SCOPES - {ADMINISTRATORS})
    answer = await client.delete(f"{BASE}/invitations/{done.invitation.id}", params=HERE)
    assert answer.status_code == 204
