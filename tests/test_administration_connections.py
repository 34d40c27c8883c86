"""Connections that are edited here: kept, changed, enabled, taken away, and what each refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from databases import ask
from stair import NOW, SECRET, Stair, standing

from federation.administration import affected, connections, organizations
from federation.administration.actor import OF_SETUP, SCOPES, Actor
from federation.administration.connection_views import ConnectionView
from federation.administration.desk import Desk
from federation.errors import (
    ChangeConflicts,
    FederationError,
    FieldsRefused,
    LastAdministrator,
    NotAllowed,
    NotFound,
)
from federation.store.audit_pages import AuditFilter
from federation.web.house import House

GOOD: Mapping[str, Any] = {
    "protocol": "oidc",
    "display_name": "Beta's Okta",
    "domains": ["beta.example"],
    "issuer": "https://beta.okta.example",
    "client_id": "federation",
    "token_endpoint_auth_method": "none",
}
SAML: Mapping[str, Any] = {"protocol": "saml", "domains": ["saml.example"]}


def actor(organization: str | None = "beta", **told: Any) -> Actor:
    kind = {"kind": "user", "id": "1", "connection": None, "scopes": SCOPES, "address": "192.0.2.1"}
    return Actor(organization=organization, **(kind | told))


def desk(house: House, who: Actor | None = None) -> Desk:
    return Desk(
        actor=who or actor(),
        now=house.clock(),
        store=house.store,
        vault=house.vault,
        roster=house.roster,
        settings=house.settings,
        fetch=house.fetch,
    )


OPERATOR = actor(None)
LINK = actor(kind="setup_link", connection="okta", scopes=OF_SETUP)


BETA = {"name": "Beta", "administrators": ["owner"]}


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as stair:
        await organizations.create(desk(stair.house, OPERATOR), "beta", body=BETA)
        yield stair


async def made(at: Desk, name: str = "okta", **differs: Any) -> ConnectionView:
    return await connections.create(at, name, organization="beta", body={**GOOD, **differs})


async def tried(stair: Stair, name: str = "okta") -> None:
    """Have a trial of it as it is now gone through."""
    url = f"sqlite:///{stair.database}"
    await ask(url, f"UPDATE kept_connection SET tested_at = 1 WHERE id = '{name}'")  # noqa: S608  our own


async def faults_of(deed: Any) -> dict[str, str]:
    with pytest.raises(FieldsRefused, match=r"^admin\.invalid: ") as refused:
        await deed
    return {".".join(map(str, steps)): why for steps, why in refused.value.faults}


async def test_it_is_made_tried_enabled_changed_and_taken_away(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at)
    assert (view.state, view.enabled, view.origin, view.fault, view.missing) == (
        "disabled",
        False,
        "store",
        "",
        (),
    )
    assert "okta" in stair.house.connections
    assert not stair.house.connections["okta"].enabled
    with pytest.raises(ChangeConflicts, match=r"^admin\.untried: "):
        await connections.enable(at, "okta")
    await tried(stair)
    assert (await connections.enable(at, "okta")).state == "active"
    view = await connections.update(
        at, "okta", {"display_name": "Okta"}, number=(await connections.find(at, "okta")).number
    )
    assert (view.title, view.state, view.tried_at) == ("Okta", "active", None)
    assert await connections.disable(at, "okta", force=False) == 0
    assert (await connections.find(at, "okta")).state == "disabled"
    assert await connections.delete(at, "okta", "Okta", force=False) == 0
    with pytest.raises(NotFound, match=r"^admin\.not_yours: "):
        await connections.find(at, "okta")
    assert "okta" not in stair.house.connections


FAULTS: list[tuple[str, dict[str, Any]]] = [
    # the key that is told       what differs from the good body
    ("protocol", {"protocol": "local"}),
    ("protocol", {"protocol": "ldap"}),
    ("isuer", {"isuer": "https://x.example"}),
    ("enabled", {"enabled": True}),
    ("organization", {"organization": "acme"}),
    ("client_secret", {"client_secret": "a secret of theirs"}),
    ("client_secret", {"client_secret": {"env": "DATABASE_URL"}}),
    ("client_secret", {"client_secret": {"file": "/etc/shadow"}}),
    ("google_directory.service_account", {"google_directory": {"service_account": {"file": "/etc/shadow"}}}),
    ("callback_paths", {"callback_paths": ["/old/callback"]}),
    ("initiate_paths", {"initiate_paths": ["/old/start"]}),
    ("post_logout_paths", {"post_logout_paths": ["/old/logout"]}),
    ("acs_paths", {"acs_paths": ["/old/acs"]}),
    ("sp_entity_id", {"sp_entity_id": "https://old.example"}),
    ("issuer", {"issuer": "http://beta.okta.example"}),
    ("issuer", {"issuer": "https://10.0.0.1"}),
    ("issuer", {"issuer": "https://[::1]"}),
    ("issuer", {"issuer": "https://2130706433"}),
    ("issuer", {"issuer": "https://keycloak"}),
    ("token_endpoint", {"token_endpoint": "https://169.254.169.254/token"}),
    ("jwks_uri", {"jwks_uri": "https://localhost/keys"}),
    ("anyone", {"anyone": True, "domains": []}),
    ("visible", {"visible": True}),
    ("domains", {"domains": []}),
    ("domains.0", {"domains": ["co.uk"]}),
    ("domains", {"domains": ["acme.example"]}),  # of a connection of acme's
    ("domains", {"domains": ["*.acme.example", "acme.example"]}),
    ("role_rules", {"role_rules": [{"name": f"r{n}", "when": "true", "roles": ["x"]} for n in range(11)]}),
    ("role_rules", {"role_rules": [{"name": f"r{n}", "groups": ["g"], "roles": ["x"]} for n in range(201)]}),
    ("role_rules.0.when", {"role_rules": [{"name": "r", "when": "1 + 1", "roles": ["x"]}]}),
    ("role_rules.0.teams", {"role_rules": [{"name": "r", "groups": ["g"], "teams": ["unknown"]}]}),
    ("team_filter", {"create_teams": "from_groups", "team_filter": "("}),
    ("", {"claims": {"id_token": {"x": "y" * 70_000}}}),
    ("metadata.file", {**SAML, "metadata": {"file": "/etc/passwd"}}),
    ("metadata.certificates.0", {**SAML, "metadata": {"xml": "<x/>", "certificates": ["/etc/passwd"]}}),
    ("certificates.0", {**SAML, "entity_id": "x", "certificates": ["/etc/passwd"]}),
    ("metadata.url", {**SAML, "entity_id": "x", "metadata": {"url": "https://192.168.0.1/metadata"}}),
    ("metadata.url", {**SAML, "entity_id": "x", "metadata": {"url": "http://idp.beta.example/metadata"}}),
    ("metadata", {**SAML, "metadata": {"xml": "<!DOCTYPE x><x/>"}}),
    ("metadata.xml", {**SAML, "metadata": {"xml": "<x>" + "y" * 530_000}}),
]  # fmt: skip


async def test_each_fault_is_told_at_its_key_and_no_value_with_it(stair: Stair) -> None:
    at = desk(stair.house)
    for key, differs in FAULTS:
        body = differs if differs.get("protocol") == "saml" else {**GOOD, **differs}
        told = await faults_of(connections.create(at, "okta", organization="beta", body=body))
        assert key in told, (key, differs, told)
        said = " ".join(told.values())
        assert "a secret of theirs" not in said
        assert "shadow" not in said
        assert "acme-" not in said  # whose domain it is
        assert "root:" not in said
    assert stair.house.roster.kept == {}
    every: dict[str, Any] = {
        "isuer": 1,
        "callback_paths": ["/x"],
        "anyone": True,
        "issuer": "https://10.0.0.1",
    }
    told = await faults_of(made(at, **every))
    assert {"isuer", "callback_paths", "anyone", "issuer"} <= told.keys()


@pytest.mark.parametrize("name", ["", "Okta", "1okta", "a__b", "break-glass", "x" * 64, "a/b", "acme-saml"])
async def test_an_id_is_an_id_and_nobody_elses(stair: Stair, name: str) -> None:
    assert list(await faults_of(made(desk(stair.house), name))) == ["id"]


async def test_an_id_stays_its_organizations(stair: Stair) -> None:
    at, everywhere = desk(stair.house), desk(stair.house, OPERATOR)
    await made(at)
    assert list(await faults_of(made(at))) == ["id"]
    await connections.delete(at, "okta", GOOD["display_name"], force=False)
    body = {**GOOD, "domains": ["gamma.example"]}
    told = await faults_of(connections.create(everywhere, "okta", organization="acme", body=body))
    assert list(told) == ["id"]
    assert (await made(at)).state == "disabled"


async def test_what_an_operator_lets_in_an_administrator_may_keep(stair: Stair) -> None:
    everywhere = desk(stair.house, OPERATOR)
    view = await made(everywhere, anyone=True, domains=[], visible=True)
    at = desk(stair.house)
    view = await connections.update(at, "okta", {"display_name": "Anybody"}, number=view.number)
    view = await connections.update(
        at, "okta", {"anyone": None, "domains": ["beta.example"]}, number=view.number
    )
    told = await faults_of(
        connections.update(at, "okta", {"anyone": True, "domains": None}, number=view.number)
    )
    assert "anyone" in told


async def test_a_draft_may_miss_keys_and_publishes_our_metadata(stair: Stair) -> None:
    at = desk(stair.house)
    view = await connections.create(
        at, "adfs", organization="beta", body={"protocol": "saml", "preset": "adfs"}
    )
    assert (view.state, {steps[0] for steps, _ in view.missing}) == ("draft", {"metadata", "domains"})
    assert "adfs" not in stair.house.roster.connectors
    browser = stair.browser()
    answer = await browser.get(view.urls["metadata_url"])
    assert answer.status_code == 200
    assert view.urls["acs_url"] in answer.text
    assert set(await faults_of(connections.enable(at, "adfs"))) == {"metadata", "domains"}
    document = stair.idps["acme-saml"].metadata().decode()
    changes = {"metadata": {"xml": document}, "domains": ["beta.example"]}
    view = await connections.update(at, "adfs", changes, number=view.number)
    assert (view.state, view.missing, view.entity_id) == ("disabled", (), "https://idp.acme.example")
    assert len(view.certificates) == 1


async def test_secrets_are_set_and_never_shown(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at, token_endpoint_auth_method="client_secret_basic")
    assert [steps for steps, _ in view.missing] == [("client_secret",)]
    view = await connections.set_secret(at, "okta", "client_secret", f" {SECRET} ")
    assert (view.state, view.settings["client_secret"]) == ("disabled", "set")
    assert SECRET not in repr(view) + repr(stair.house.roster.kept)
    told = await faults_of(connections.set_secret(at, "okta", "issuer", SECRET))
    assert SECRET not in str(told)
    url = f"sqlite:///{stair.database}"
    rows = await ask(url, "SELECT body, sealed FROM kept_connection")
    logged = await ask(url, "SELECT action, before, after FROM audit")
    assert SECRET not in str(rows) + str(logged)
    entry = stair.house.roster.entries["okta"]
    assert entry.client.client_secret == SECRET  # type: ignore[union-attr]
    await ask(url, "UPDATE kept_connection SET id = 'other', number = number + 1")
    await ask(url, "UPDATE configuration SET number = number + 1")
    await stair.house.roster.refresh(NOW)  # moved, it opens nowhere
    assert "keys.envelope" in stair.house.roster.faults["other"]


async def test_a_change_of_what_is_another_by_now_is_refused(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at)
    both = (connections.update(at, "okta", {"display_name": name}, number=view.number) for name in ("A", "B"))
    answers = await asyncio.gather(*both, return_exceptions=True)
    refused = [one.code for one in answers if isinstance(one, FederationError)]
    assert refused == ["admin.changed_meanwhile"]
    with pytest.raises(ChangeConflicts, match=r"^admin\.changed_meanwhile: "):
        await connections.update(at, "okta", {}, number=0)


async def test_a_change_takes_the_trial_back_and_one_that_is_enabled_stays_whole(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at)
    await tried(stair)
    view = await connections.update(at, "okta", {"client_id": "other"}, number=view.number)
    with pytest.raises(ChangeConflicts, match=r"^admin\.untried: "):
        await connections.enable(at, "okta")
    await tried(stair)
    view = await connections.enable(at, "okta")
    told = await faults_of(connections.update(at, "okta", {"client_id": None}, number=view.number))
    assert list(told) == ["client_id"]
    assert list(await faults_of(connections.update(at, "okta", {"protocol": "saml"}, number=view.number)))


async def test_the_operator_at_the_command_line_needs_no_trial(stair: Stair) -> None:
    await made(desk(stair.house))
    view = await connections.enable(desk(stair.house, replace(OPERATOR, kind="operator", id="")), "okta")
    assert view.state == "active"


async def test_another_organization_sees_and_changes_nothing(stair: Stair) -> None:
    view = await made(desk(stair.house))
    before = stair.house.roster.number
    for who in (
        actor("acme"),
        actor("gamma"),
        replace(LINK, connection="other"),
        replace(LINK, organization="acme"),
    ):
        other = desk(stair.house, who)
        deeds = (
            connections.find(other, "okta"),
            connections.check(other, "okta", organization="beta", body=GOOD),
            connections.create(other, "mine", organization="beta", body=GOOD),
            connections.update(other, "okta", {"display_name": "x"}, number=view.number),
            connections.set_secret(other, "okta", "client_secret", "x"),
            connections.enable(other, "okta"),
            connections.disable(other, "okta", force=False),
            affected.count(other, "okta"),
            connections.delete(other, "okta", view.title, force=False),
        )
        for deed in deeds:
            with pytest.raises((NotFound, NotAllowed), match=r"^admin\.(not_yours|setup_link): "):
                await deed
        listed = await connections.list_connections(other, search="", after="", limit=50)
        assert "okta" not in {one.id for one in listed.connections}
    reader = desk(stair.house, actor(scopes=frozenset({"connections:read"})))
    with pytest.raises(NotAllowed, match=r"^admin\.scope: "):
        await connections.disable(reader, "okta", force=False)
    assert stair.house.roster.number == before


async def test_one_of_the_file_is_switched_off_and_on_and_else_its_own(stair: Stair) -> None:
    at = desk(stair.house, actor("acme"))
    for deed in (
        connections.update(at, "acme-oidc", {"display_name": "x"}, number=0),
        connections.set_secret(at, "acme-oidc", "client_secret", "x"),
        connections.delete(at, "acme-oidc", "Acme (OpenID Connect)", force=False),
    ):
        with pytest.raises(ChangeConflicts, match=r"^admin\.managed: "):
            await deed
    view = await connections.find(at, "acme-oidc")
    assert (view.origin, view.settings["client_secret"], view.number) == ("file", "set", 0)
    await connections.disable(at, "acme-oidc", force=False)
    assert (await connections.find(at, "acme-oidc")).state == "disabled"
    assert (await connections.enable(at, "acme-oidc")).state == "active"
    saml = await connections.find(at, "acme-saml")
    assert saml.settings["metadata"]["file"] == "set"  # where it is on this machine is nobody's


async def test_a_list_is_paged_and_searched(stair: Stair) -> None:
    at, everywhere = desk(stair.house), desk(stair.house, OPERATOR)
    for n in range(5):
        await made(
            at,
            f"c{n}",
            display_name=f"Title {n % 2}",
            domains=[f"d{n}.example"],
            issuer=f"https://i{n}.example",
        )
    seen: list[str] = []
    after = ""
    while True:
        page = await connections.list_connections(at, search="", after=after, limit=2)
        seen += [one.id for one in page.connections]
        if not (after := page.next):
            break
    assert seen == ["c0", "c2", "c4", "c1", "c3"]
    for search, found in {"D3.EXAMPLE": ["c3"], "title 1": ["c1", "c3"], "nothing": []}.items():
        page = await connections.list_connections(at, search=search, after="", limit=50)
        assert [one.id for one in page.connections] == found
    page = await connections.list_connections(everywhere, search="acme", after="", limit=50)
    assert {one.origin for one in page.connections} == {"file"}
    with pytest.raises(FieldsRefused):
        await connections.list_connections(at, search="", after="x", limit=2)


async def test_a_deleted_ones_name_is_typed(stair: Stair) -> None:
    at = desk(stair.house)
    await made(at)
    for typed in ("", "okta", "beta's okta", "Beta's Okta "[:-2]):
        assert list(await faults_of(connections.delete(at, "okta", typed, force=False))) == ["name"]
    assert "okta" in stair.house.roster.kept


async def test_every_change_is_told_in_the_log_and_a_refused_one_is_not(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at)
    await faults_of(connections.update(at, "okta", {"anyone": True}, number=view.number))
    await connections.update(at, "okta", {"display_name": "New"}, number=view.number)
    with pytest.raises(ChangeConflicts):
        await connections.enable(at, "okta")
    await connections.disable(at, "okta", force=False)
    await connections.delete(at, "okta", "New", force=False)
    rows = await ask(
        f"sqlite:///{stair.database}",
        "SELECT action, organization_id, before, after FROM audit ORDER BY rowid",
    )
    told = [tuple(row) for row in rows][1:]  # the organization's was first
    assert [action for action, *_ in told] == [
        "connection.create", "connection.update", "connection.disable", "connection.delete",
    ]  # fmt: skip
    assert {organization for _, organization, *_ in told} == {"beta"}
    assert told[1][2:] == ('{"display_name": "Beta\'s Okta"}', '{"display_name": "New"}')


RULES_OF_PEOPLE = [
    {
        "name": "whoever ada@beta.example names",
        "attribute": {"name": "email", "in": ["zoe@beta.example", "Zoë Q. Public"]},
        "when": "email == 'lee@beta.example' || email == 'Lee Person'",
        "roles": ["owner"],
    }
]


async def test_a_rule_leaves_nobodys_name_in_the_log(stair: Stair) -> None:
    at = desk(stair.house)
    view = await made(at, role_rules=RULES_OF_PEOPLE)
    await connections.update(at, "okta", {"role_rules": None}, number=view.number)
    await organizations.update(
        desk(stair.house, OPERATOR),
        "beta",
        {"contact": "mailto:zoe@beta.example"},
        number=stair.house.roster.kept_organizations["beta"].number,
    )
    page, _ = await stair.house.store.audit_page(AuditFilter(organization="beta"), None, 100)
    told = json.dumps([[one.entry.before, one.entry.after] for one in page], ensure_ascii=False)
    for name in ("zoe@", "ada@", "lee@", "Public", "Person"):
        assert name not in told, name
    rules = next(one for one in page if one.entry.action == "connection.update").entry.before["role_rules"]
    assert rules == [
        {
            "name": "whoever …@beta.example names",
            "attribute": {"name": "email", "in": "2 values"},
            "when": "52 characters",
            "roles": ["owner"],
        }
    ]


async def test_another_role_administers_once_somebody_has_it(stair: Stair) -> None:
    at, url = desk(stair.house, OPERATOR), f"sqlite:///{stair.database}"
    browser = stair.browser()
    await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser))
    user = (await browser.get("/session")).json()["user"]["id"]
    give = "INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)"
    await ask(url, f"INSERT INTO membership VALUES ('beta', '{user}', 'manual', 1)")  # noqa: S608  ours
    await ask(url, f"{give} VALUES ('beta', '{user}', 'manual', 'owner', 'x', 1)")
    number = stair.house.roster.kept_organizations["beta"].number
    for named in (["editor"], [], None):
        with pytest.raises(LastAdministrator, match=r"^admin\.last_administrator: "):
            await organizations.update(at, "beta", {"administrators": named}, number=number)
    assert (await organizations.find(at, "beta")).administrators == ("owner",)
    await ask(url, f"{give} VALUES ('beta', '{user}', 'manual', 'editor', 'x', 1)")
    view = await organizations.update(at, "beta", {"administrators": ["editor"]}, number=number)
    assert view.administrators == ("editor",)
