"""An organization's token or administrator sees and changes nothing of another's: every operation in turn."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import Stair, standing

from federation.administration import tokens
from federation.administration.actor import SCOPES, Actor, Scope
from federation.administration.desk import Desk
from federation.administration.tokens import TokenWanted
from federation.console.api import OPERATIONS
from federation.console.operations import BASE, Operation

OURS, THEIRS = "acme", "globex"
IDS = {  # of what is another tenant's, by what an operation's path calls it; beside those that a test makes
    "connection": "globex-saml",
    "organization": THEIRS,
    "team": "globex-team",
    "domain": "globex.example",
    "user": "01a1fdfa-4600-7000-8000-00000000beef",
    "trial": "01a1fdfa-4600-7000-8000-00000000beef",
    "reference": "GLOBEXGLOB",
    "other": "01a1fdfa-4600-7000-8000-00000000beef",
}


@dataclass(frozen=True)
class Foreign:
    """How an operation is asked for what is another tenant's."""

    path: Mapping[str, str] = field(default_factory=dict)  # name in braces → key of ``IDS``
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    only_ours: bool = False  # it names nothing: a list, whose answer must hold nothing of theirs


THEM: Mapping[str, str] = {"organization": THEIRS}
DOMAIN: Mapping[str, str] = {"organization": "organization", "domain": "domain"}
USER: Mapping[str, str] = {"user": "user"}
TEAM: Mapping[str, str] = {"key": "team"}

# An operation that is added says here how it is asked for what is another tenant's.
FOREIGN: Mapping[str, Foreign] = {
    "list_audit": Foreign(query={"organization": THEIRS}),
    "list_tokens": Foreign(query={"organization": THEIRS}),
    "create_token": Foreign(body={"name": "x", "scopes": ["audit:read"], "organization": THEIRS}),
    "show_token": Foreign(path={"id": "token"}),
    "revoke_token": Foreign(path={"id": "token"}),
    "list_connections": Foreign(only_ours=True),
    "create_connection": Foreign(body={"id": "x", "organization": THEIRS, "settings": {"protocol": "saml"}}),
    "get_connection": Foreign(path={"id": "connection"}),
    "update_connection": Foreign(path={"id": "connection"}, body={"number": 0, "settings": {}}),
    "delete_connection": Foreign(path={"id": "connection"}, body={"name": "globex-saml"}),
    "set_connection_secret": Foreign(path={"id": "connection"}, body={"key": "client_secret", "value": "x"}),
    "enable_connection": Foreign(path={"id": "connection"}),
    "disable_connection": Foreign(path={"id": "connection"}),
    "get_affected_by_connection": Foreign(path={"id": "connection"}),
    "get_provisioning": Foreign(path={"id": "connection"}),
    "list_refused_users": Foreign(path={"id": "connection"}),
    "create_scim_credential": Foreign(path={"id": "connection"}, body={"name": "x"}),
    "revoke_scim_credential": Foreign(path={"id": "connection", "credential": "other"}),
    "list_organizations": Foreign(only_ours=True),
    "create_organization": Foreign(body={"id": THEIRS, "settings": {"name": "Mine"}}),
    "get_organization": Foreign(path={"id": "organization"}),
    "update_organization": Foreign(path={"id": "organization"}, body={"number": 0, "settings": {}}),
    "delete_organization": Foreign(path={"id": "organization"}, body={"name": "Globex"}),
    "list_decisions": Foreign(query={"organization": THEIRS}),
    "show_decision": Foreign(path={"reference": "reference"}),
    "reveal_decision": Foreign(path={"reference": "reference"}),
    "try_policy": Foreign(body={"connections": {"acme-saml": {"match": "all"}}}, only_ours=True),
    "show_rules": Foreign(path={"id": "connection"}),
    "preview_rules": Foreign(path={"id": "connection"}, body={"keys": {}}),
    "list_trials": Foreign(path={"id": "connection"}),
    "show_trial": Foreign(path={"trial": "trial"}),
    "list_setup_links": Foreign(path={"id": "connection"}),
    "create_setup_link": Foreign(path={"id": "connection"}, body={"days": 1, "may_enable": False}),
    "show_setup_link": Foreign(path={"id": "other"}),
    "revoke_setup_link": Foreign(path={"id": "other"}),
    "get_overview": Foreign(query=THEM),
    "get_settings": Foreign(only_ours=True),
    "approve_metadata": Foreign(path={"connection": "connection"}, body={"digest": "0" * 64}),
    "reject_metadata": Foreign(path={"connection": "connection"}, body={"digest": "0" * 64}),
    "list_domains": Foreign(query=THEM),
    "get_domain": Foreign(path=DOMAIN),
    "begin_domain_proof": Foreign(path=DOMAIN),
    "look_for_domain": Foreign(path=DOMAIN),
    "list_enforcements": Foreign(path={"organization": "organization"}),
    "preflight_enforcement": Foreign(
        path={"organization": "organization"}, body={"connections": ["globex-saml"], "domain": ""}
    ),
    "enforce": Foreign(
        path={"organization": "organization"},
        body={"connections": ["globex-saml"], "domain": "", "locked_out": 0},
    ),
    "lift_enforcement": Foreign(path={"organization": "organization"}),
    "list_people": Foreign(query=THEM),
    "get_person": Foreign(path=USER, query=THEM),
    "remove_person": Foreign(path=USER, query=THEM),
    "deactivate_person": Foreign(path=USER, query=THEM),
    "reactivate_person": Foreign(path=USER, query=THEM),
    "end_person_sessions": Foreign(path=USER, query=THEM),
    "end_person_session": Foreign(path={**USER, "session": "other"}, query=THEM),
    "grant_role": Foreign(path=USER, body={**THEM, "role": "admin"}),
    "revoke_role": Foreign(path={**USER, "role": "organization"}, query=THEM),
    "export_person": Foreign(path=USER, query=THEM),
    "erase_person": Foreign(path=USER, body={**THEM, "typed": "x@globex.example"}),
    "list_invitations": Foreign(query=THEM),
    "invite_person": Foreign(body={**THEM, "email": "x@globex.example", "roles": [], "teams": [], "days": 1}),
    "revoke_invitation": Foreign(path={"id": "other"}, query=THEM),
    "list_teams": Foreign(query=THEM),
    "create_team": Foreign(body={**THEM, "key": "new", "name": "New"}),
    "get_team": Foreign(path=TEAM, query=THEM),
    "rename_team": Foreign(path=TEAM, body={**THEM, "name": "Mine"}),
    "delete_team": Foreign(path=TEAM, query=THEM),
    "link_group": Foreign(path=TEAM, body={**THEM, "group": "g", "connection": ""}),
    "unlink_group": Foreign(path=TEAM, query={**THEM, "group": "g"}),
    "grant_team_role": Foreign(path=TEAM, body={**THEM, "role": "admin"}),
    "revoke_team_role": Foreign(path={**TEAM, "role": "organization"}, query=THEM),
    "list_members": Foreign(path=TEAM, query=THEM),
    "add_member": Foreign(path=TEAM, body={**THEM, "user": IDS["user"]}),
    "remove_member": Foreign(path={**TEAM, **USER}, query=THEM),
}


def test_every_operation_has_an_entry() -> None:
    assert {one.name for one in OPERATIONS} == set(FOREIGN)


@dataclass
class Scene:
    stair: Stair
    ids: dict[str, str]
    ways: dict[str, httpx2.AsyncClient]  # of acme: by token, by session

    def theirs(self) -> list[str]:
        """Return every row that speaks of the other tenant, but for what the service notes by itself."""
        own = ("decision_record", "policy_in_force")  # the latter as it starts, beside the requests
        with closing(sqlite3.connect(self.stair.database)) as db:
            return [row for row in db.iterdump() if THEIRS in row and not any(one in row for one in own)]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__GLOBEX__NAME", "Globex")
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__GLOBEX__ADMINISTRATORS", '["admin"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    beside = {
        "protocol": "saml",
        "organization": THEIRS,
        "domains": ["globex.example"],
        "metadata": {"file": str(tmp_path / "other-saml.xml")},
        "sp_entity_id": "https://globex.example/sp",
        "enabled": False,
    }
    more = "rate_limits: {sign_in: 'off', failures: 'off'}"
    async with standing(
        tmp_path, more, further={"globex-saml": beside, "other-saml": {"enabled": False}}
    ) as stair:
        mine, foreign = await made(stair, OURS), await made(stair, THEIRS)
        browser = stair.browser(sec_fetch_site="same-origin")
        answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser))
        assert answer.status_code == 303
        token = stair.browser(authorization=f"Bearer {mine.secret}")
        yield Scene(stair, IDS | {"token": foreign.token.id}, {"token": token, "session": browser})


async def made(stair: Stair, organization: str, scopes: frozenset[Scope] = SCOPES) -> tokens.Made:
    house = stair.house
    operator = Actor(kind="operator", id="", organization=None, connection=None, scopes=SCOPES, address="")
    desk = Desk(
        actor=operator, now=house.clock(), store=house.store, vault=house.vault, roster=house.roster,
        settings=house.settings, fetch=house.fetch,
    )  # fmt: skip
    return await tokens.create(
        desk, TokenWanted(organization=organization, name=f"of {organization}", scopes=scopes, days=None)
    )


async def ask(
    client: httpx2.AsyncClient, operation: Operation, how: Foreign, ids: Mapping[str, str]
) -> httpx2.Response:
    path = re.sub(r"\{(\w+)\}", lambda found: ids[how.path[found[1]]], operation.path)
    return await client.request(operation.method, BASE + path, params=dict(how.query), json=how.body)


async def test_nothing_of_another_is_seen_or_changed(scene: Scene) -> None:
    before = scene.theirs()
    assert before
    for operation in OPERATIONS:
        how = FOREIGN[operation.name]
        for way, client in scene.ways.items():
            answer = await ask(client, operation, how, scene.ids)
            told = f"{operation.name} by {way}: {answer.status_code} {answer.text}"
            if how.only_ours:
                assert answer.status_code == 200, told
                assert THEIRS not in answer.text, told
            else:
                assert answer.status_code == 404, told
                assert answer.json()["error"]["code"] == "admin.unknown", told
    assert scene.theirs() == before


async def test_what_is_anothers_is_answered_as_what_is_not_there(scene: Scene) -> None:
    nothing = {name: re.sub(r"[a-z0-9]", "0", one) for name, one in scene.ids.items()}
    nothing["organization"] = "none"
    for operation in OPERATIONS:
        how = FOREIGN[operation.name]
        if how.only_ours or not (how.path or THEIRS in json.dumps([how.query, how.body])):
            continue
        there = await ask(scene.ways["token"], operation, how, scene.ids)
        missing = json.loads(json.dumps([dict(how.query), how.body]).replace(THEIRS, "nobody"))
        gone = await ask(
            scene.ways["token"], operation, replace(how, query=missing[0], body=missing[1]), nothing
        )
        for one in (there, gone):
            assert one.status_code == 404, f"{operation.name}: {one.text}"
        first, second = (
            {key: value for key, value in one.json()["error"].items() if key != "reference"}
            for one in (there, gone)
        )
        assert first == second, operation.name


async def test_a_list_holds_ones_own_alone(scene: Scene) -> None:
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path:
            for client in scene.ways.values():
                answer = await client.get(BASE + operation.path)
                assert answer.status_code == 200, f"{operation.name}: {answer.text}"
                assert THEIRS not in answer.text, operation.name


async def test_who_may_not_administer_gets_nothing(scene: Scene) -> None:
    bob = scene.stair.browser(sec_fetch_site="same-origin")
    scene.stair.clock.at += timedelta(seconds=1)
    await bob.post("/saml/acme-saml/acs", data=await scene.stair.saml(bob, "bob"))
    nobody = scene.stair.browser(sec_fetch_site="same-origin")
    for operation in OPERATIONS:
        path = re.sub(r"\{(\w+)\}", OURS, operation.path)
        for client, status, code in ((bob, 403, "admin.forbidden"), (nobody, 401, "admin.signed_out")):
            answer = await client.request(operation.method, BASE + path, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), operation.name


async def test_every_operation_takes_its_scope(scene: Scene) -> None:
    """A token with every other scope is refused, whatever else it says."""
    for scope in sorted({one.scope for one in OPERATIONS}):
        without = await made(scene.stair, OURS, SCOPES - {scope})
        client = scene.stair.browser(authorization=f"Bearer {without.secret}")
        for operation in OPERATIONS:
            if operation.scope == scope:
                path = re.sub(r"\{(\w+)\}", OURS, operation.path)
                answer = await client.request(operation.method, BASE + path, json={})
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin.scope")
