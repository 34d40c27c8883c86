"""GET /admin/api/decisions and POST /admin/api/policy/try: who may ask, and that no value is told."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from stair import Stair, standing
from test_store import RECORD

from federation.store.values import Record

PATH = "/admin/api/decisions"
TRY = "/admin/api/policy/try"


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as found:
        yield found


async def signed_in(stair: Stair, who: str) -> httpx2.AsyncClient:
    stair.clock.at += timedelta(minutes=1)
    browser = stair.browser()
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    assert answer.status_code == 303, answer.text
    return browser


async def listed(browser: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await browser.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    return list(answer.json()["decisions"])


async def refused(stair: Stair, answer: httpx2.Response, status: int) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    return await stair.code(answer)


# Who may


async def test_nobody_may_ask_without_a_session(stair: Stair) -> None:
    for browser in (stair.browser(), stair.browser(accept="text/html")):
        assert await refused(stair, await browser.get(PATH), 401) == "admin.signed_out"
        assert await refused(stair, await browser.post(TRY, json={}), 401) == "admin.signed_out"


async def test_a_plain_member_may_not(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    assert await refused(stair, await bob.get(PATH), 403) == "admin.forbidden"
    assert await refused(stair, await bob.post(TRY, json={}), 403) == "admin.forbidden"


async def test_an_organization_that_names_no_administrators_has_none(tmp_path: Path) -> None:
    async with standing(tmp_path) as stair:
        ada = await signed_in(stair, "ada")
        assert await refused(stair, await ada.get(PATH), 403) == "admin.forbidden"


async def test_whose_session_has_ended_may_not(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    stair.clock.at += timedelta(hours=9)
    assert await refused(stair, await ada.get(PATH), 401) == "admin.signed_out"


async def test_asking_is_limited(stair: Stair, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await signed_in(stair, "ada")
    monkeypatch.setattr(stair.house.rates.sign_in, "amount", 2)
    answers = [(await ada.get(PATH)).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


# What is told


async def test_an_administrator_sees_their_organization_newest_first(stair: Stair) -> None:
    await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    stair.clock.at += timedelta(minutes=1)
    mallory = stair.browser()
    gone = await mallory.post("/saml/acme-saml/acs", data=await stair.saml(mallory, "mallory"))
    reference = gone.json()["error"]["reference"]
    found = await listed(ada)
    assert [one["code"] for one in found] == ["policy.domain", "", ""]
    assert (found[0]["reference"], found[0]["connection"]) == (reference, "acme-saml")
    assert "sealed" not in found[0]
    assert "person" not in found[0]


async def test_one_record_is_opened_and_redacted(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    (latest,) = await listed(ada)
    (told,) = await listed(ada, reference=latest["reference"])
    assert told["found"]["how"] in ("new", "subject")
    assert [one["role"] for one in told["grants"]["after"]] == ["admin"]
    assert {"code": "policy.rule:platform administrators", "outcome": "held", "said": None} in told["checks"]
    text = json.dumps(told)
    for value in ("ada@", "Lovelace", "platform-admins"):
        assert value not in text, value
    assert told["identity"]["groups"]["count"] >= 1


async def test_of_a_refusal_after_the_signature_the_identity_is_kept(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    mallory = stair.browser()
    gone = await mallory.post("/saml/acme-saml/acs", data=await stair.saml(mallory, "mallory"))
    (told,) = await listed(ada, reference=gone.json()["error"]["reference"])
    assert told["identity"]["email"] == "…@evil.example"
    assert "broken" in {one["outcome"] for one in told["checks"]}
    assert "mallory" not in json.dumps(told)
    assert "grants" not in told


async def test_no_detail_quotes_a_value(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    said = "NameID is 'eve@evil.example', and another holds eve@acme.example"
    refused = replace(RECORD, reference="ABCDEFGHIJ", organization="acme", at=stair.clock(), detail=said)
    await stair.house.store.keep_record(refused, claim=None, sealing=None)
    for query in ({}, {"reference": "ABCDEFGHIJ"}):
        told = {one["reference"]: one["detail"] for one in await listed(ada, **query)}
        assert "eve" not in told["ABCDEFGHIJ"]
        assert told["ABCDEFGHIJ"].startswith("NameID is …(16), and another holds")


async def test_another_organization_is_not_seen(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    other = replace(RECORD, reference="ABCDEFGHIJ", organization="other", at=stair.clock())
    nobodys = Record(reference="ABCDEFGHIK", at=stair.clock(), code="signin.unknown", detail="x")
    for record in (other, nobodys):
        await stair.house.store.keep_record(record, claim=None, sealing=None)
    assert {one["organization"] for one in await listed(ada)} == {"acme"}
    for record in (other, nobodys):
        assert await listed(ada, reference=record.reference) == []


async def test_an_operator_of_the_installation_sees_every_organization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "system_roles: {acme-saml: [{role: operator, groups: [platform-admins]}]}"
    async with standing(tmp_path, more) as stair:
        ada, bob = await signed_in(stair, "ada"), await signed_in(stair, "bob")
        other = replace(RECORD, reference="ABCDEFGHIJ", organization="other", at=stair.clock())
        await stair.house.store.keep_record(other, claim=None, sealing=None)
        assert {one["organization"] for one in await listed(ada)} == {"acme", "other"}
        (told,) = await listed(ada, reference="ABCDEFGHIJ")
        assert "note" in told  # its key is not here
        assert await refused(stair, await bob.get(PATH), 403) == "admin.forbidden"


async def test_records_are_chosen(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    at = stair.clock()
    stair.clock.at += timedelta(hours=1)
    for number, (connection, code) in enumerate([("a", "x.y"), ("b", "x.y"), ("b", "x.z")]):
        told: dict[str, Any] = {"connection": connection, "code": code, "person": f"p{number}"}
        record = replace(RECORD, reference=f"ABCDEFGHI{'ABC'[number]}", at=stair.clock(), **told)
        await stair.house.store.keep_record(record, claim=None, sealing=None)
    assert len(await listed(ada)) == 4
    assert len(await listed(ada, connection="b")) == 2
    assert len(await listed(ada, code="x.y")) == 2
    assert [one["connection"] for one in await listed(ada, connection="b", code="x.y")] == ["b"]
    assert [one["connection"] for one in await listed(ada, code="")] == ["acme-saml"]
    assert len(await listed(ada, since=(at + timedelta(minutes=1)).isoformat())) == 3
    assert await listed(ada, connection="none") == []


async def test_pages_lead_on_and_miss_nothing(stair: Stair, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await signed_in(stair, "ada")
    for number in range(25):
        at = stair.clock() - timedelta(seconds=number // 5)  # five of one moment
        reference = f"ABCDEFGH{'ABCDE'[number // 5]}{'ABCDE'[number % 5]}"
        record = replace(RECORD, reference=reference, at=at, person=f"p{number}", code="x.y")
        await stair.house.store.keep_record(record, claim=None, sealing=None)
    from federation.store import record_pages

    monkeypatch.setattr(record_pages, "LOOKED_AT", 7)
    for query, number in (({}, 26), ({"code": "x.y"}, 25)):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = (await ada.get(PATH, params={"limit": "4", **query, **cursor})).json()
            assert len(answer["decisions"]) <= 4
            seen += [one["reference"] for one in answer["decisions"]]
            if answer["next"] is None:
                break
            cursor = {"cursor": answer["next"]}
        assert (len(seen), len(set(seen))) == (number, number)


QUERIES = [
    "limit=0", "limit=201", "limit=x", "limit=-1", "limit=", "limit=10&limit=10",
    "since=yesterday", "since=", "since=2026-11-22", "since=2026-11-22T08:15:00",
    "cursor=", "cursor=1", "cursor=1.2", "cursor=99999999999999999999.ABCDEFGHIJ",
    "connection=a&connection=b", "colour=red", "%ff=1",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
async def test_what_is_asked_wrongly_is_refused(stair: Stair, query: str) -> None:
    ada = await signed_in(stair, "ada")
    code = await refused(stair, await ada.get(f"{PATH}?{query}"), 400)
    assert code in ("admin.query", "form.repeated", "form.malformed")


@pytest.mark.parametrize("reference", ["", "x", "AAAAAAAAAA", "a" * 5000, "' OR 1=1"])
async def test_an_unknown_reference_finds_nothing(stair: Stair, reference: str) -> None:
    ada = await signed_in(stair, "ada")
    assert await listed(ada, reference=reference) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_else_is_answered(stair: Stair, method: str) -> None:
    ada = await signed_in(stair, "ada")
    assert (await ada.request(method, PATH)).status_code == 405


# What-if

EDITED = {"acme-saml": {"role_rules": [{"name": "x", "groups": ["nobody"], "roles": ["admin"]}]}}


async def test_an_administrator_tries_edited_rules(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    ada = await signed_in(stair, "ada")
    other = (await bob.get("/session")).json()["user"]["id"]  # else Ada were the last administrator
    by_hand = f"INSERT INTO role_grant VALUES ('acme', '{other}', 'manual', 'admin', '', 0)"  # noqa: S608
    await ask(f"sqlite:///{stair.database}", by_hand)
    answer = await ada.post(TRY, json={"connections": EDITED, "days": 30})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["tried"], told["losing"], told["roles_lost"]) == (2, 1, {"admin": 1})
    assert [one["email"] for one in told["people"]] == ["…@acme.example"]
    assert "admin" in (await ada.get("/session")).json()["roles"]


async def test_a_what_if_names_no_address_and_no_group(stair: Stair) -> None:
    """Else it would tell of each record what the record itself hides."""
    ada = await signed_in(stair, "ada")
    edited = {"acme-saml": {"create_teams": "from_groups"}}
    told = (await ada.post(TRY, json={"connections": edited})).json()
    (one,) = told["people"]
    assert one["joins"]
    for value in ("ada@", "platform-admins"):
        assert value not in json.dumps(told, ensure_ascii=False), value
    assert one["user"] == (await ada.get("/session")).json()["user"]["id"]


async def test_what_is_sent_to_be_tried_is_bounded(stair: Stair) -> None:
    """A rule costs its checking, and a condition up to a second for each person."""
    ada = await signed_in(stair, "ada")
    rule = {"groups": ["a"], "roles": ["r"]}
    for rules in (
        [{"name": str(number), **rule} for number in range(300)],
        [{"name": str(number), "when": f"email != '{number}'", "roles": ["r"]} for number in range(11)],
    ):
        answer = await ada.post(TRY, json={"connections": {"acme-saml": {"role_rules": rules}}})
        assert answer.status_code == 400
        assert "expected at most" in answer.json()["error"]["message"]


async def test_half_a_character_is_answered(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    body = '{"connections": {"acme-saml": {"\\ud800": 1}}}'
    answer = await ada.post(TRY, content=body, headers={"content-type": "application/json"})
    assert await refused(stair, answer, 400) == "admin.query"
    answer = await ada.post(TRY, json={"connections": {"acme-saml": {"x": 1}}})
    assert answer.status_code == 400
    assert "not a key of a policy" in answer.json()["error"]["message"]


BODIES: list[tuple[Any, str]] = [
    ({}, "admin.query"),
    ([], "form.malformed"),
    ({"connections": {}}, "admin.query"),
    ({"connections": []}, "admin.query"),
    ({"connections": EDITED, "more": 1}, "admin.query"),
    ({"connections": EDITED, "days": 0}, "admin.query"),
    ({"connections": EDITED, "days": "7"}, "admin.query"),
    ({"connections": EDITED, "days": True}, "admin.query"),
]


@pytest.mark.parametrize(("body", "code"), BODIES)
async def test_what_is_tried_wrongly_is_refused(stair: Stair, body: Any, code: str) -> None:
    ada = await signed_in(stair, "ada")
    assert await refused(stair, await ada.post(TRY, json=body), 400) == code


@pytest.mark.parametrize(
    "connections",
    [
        {"none": {"match": "all"}},
        {"acme-saml": {"match": "some"}},
        {"acme-saml": {"metadata": {"url": "https://evil.example"}}},
        {"acme-saml": "x"},
    ],
)
async def test_a_policy_that_could_not_be_saved_is_not_tried(stair: Stair, connections: Any) -> None:
    ada = await signed_in(stair, "ada")
    answer = await ada.post(TRY, json={"connections": connections})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_another_site_and_another_form_start_nothing(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    body = {"connections": EDITED}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert await refused(stair, await ada.post(TRY, json=body, headers=headers), 403) == "csrf.refused"
    for content, kind, code in (
        (json.dumps(body), "text/plain", "form.malformed"),
        ("{", "application/json", "form.malformed"),
        ('{"connections": {}, "connections": {}}', "application/json", "form.repeated"),
        ("[" * 100_000, "application/json", "form.malformed"),
        (" " * 600_000, "application/json", "form.too_large"),
    ):
        answer = await ada.post(TRY, content=content, headers={"content-type": kind})
        assert await refused(stair, answer, 400) == code


async def test_another_organizations_connection_is_not_tried(stair: Stair) -> None:
    ada = await signed_in(stair, "ada")
    connections = stair.house.roster.connections
    connections["acme-oidc"] = connections["acme-oidc"].model_copy(update={"organization": "other"})
    answer = await ada.post(TRY, json={"connections": {"acme-oidc": {"match": "all"}}})
    assert await refused(stair, answer, 400) == "policy.no_connection"
    assert await listed(ada)


async def test_the_index_serves_the_list(stair: Stair) -> None:
    plan = await ask(
        f"sqlite:///{stair.database}",
        "EXPLAIN QUERY PLAN SELECT reference FROM decision_record WHERE organization_id = 'a' "
        "AND recorded_at >= 0 AND recorded_at <= 9 ORDER BY recorded_at DESC, reference DESC LIMIT 50",
    )
    assert "ix_decision_record_organization_id_recorded_at" in str(plan)
