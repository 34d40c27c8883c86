"""The role rule editor: edited without JavaScript, tried, compared, and saved only as it was compared."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from stair import SAML_IDP, Stair, standing
from test_store import RECORD

from federation.administration import rules
from federation.console import rule_form
from federation.console.rule_form import Draft, Row
from federation.errors import TooManyRequests
from federation.store.kept_values import KeptConnection

FILE = "/admin/connections/acme-saml/rules"
KEPT = "/admin/connections/kept/rules"
RULES = [
    {"name": "platform administrators", "groups": ["platform-admins"], "roles": ["admin"]},
    {"name": "staff", "attribute": {"name": "department", "in": ["R&D", "Ops"]}, "roles": ["member"]},
]


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
    async with standing(tmp_path) as found:
        yield found


async def signed_in(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    stair.clock.at += timedelta(seconds=1)
    browser = stair.browser(accept="text/html", sec_fetch_site="same-origin")
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    assert answer.status_code == 303, answer.text
    return browser


async def keep(stair: Stair, **told: Any) -> None:
    """Lay a connection into the store, as `administration.connections` keeps one."""
    body = {
        "protocol": "saml",
        "display_name": "Kept",
        "domains": ["acme.example"],
        "role_rules": RULES,
        "sso_url": "https://idp.kept.example/sso",
        **told,
    }
    idp = stair.idps["other-saml"]
    certificate = re.search(r"X509Certificate>([^<]+)<", idp.metadata().decode())
    assert certificate
    body |= {"entity_id": SAML_IDP["other-saml"], "certificates": [certificate[1]]}
    now = stair.clock()
    row = KeptConnection(
        id="kept",
        organization="acme",
        protocol="saml",
        body=json.dumps(body),
        sealed="",
        enabled=True,
        number=0,
        created_at=now,
        updated_at=now,
        tested_at=None,
        deleted=False,
    )
    store = stair.house.store
    assert await store.keep_connection(row, now, previous=None)
    found = await store.find_kept_connection("kept")
    assert found
    assert await store.enable_kept("kept", now, previous=found.number, force=True)
    await stair.house.roster.refresh(now)


def form_of(page: str) -> dict[str, str]:
    """Return what the page's form would send, without its buttons."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            found[name[1]] = html.unescape(value[1]) if value else "on"
    for name, value in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL):
        found[name] = html.unescape(value)
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen
        found[name] = chosen[1]
    return found


async def press(browser: httpx2.AsyncClient, path: str, form: dict[str, str], act: str) -> httpx2.Response:
    return await browser.post(path, data=form | {"act": act})


async def shown(browser: httpx2.AsyncClient, path: str) -> dict[str, str]:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return form_of(answer.text)


async def audited(stair: Stair) -> list[str]:
    return [row[0] for row in await ask(f"sqlite:///{stair.database}", "SELECT action FROM audit")]


# The form


def test_rules_come_back_from_the_form_as_they_went_in() -> None:
    keys = {
        "role_rules": [
            *RULES,
            {"name": "cel", "when": "'a' in groups &&\n  email != ''", "roles": ["r"], "teams": ["t"]},
        ],
        "match": "all",
        "strict": True,
        "on_no_match": "keep",
        "default_roles": ["x", "y"],
    }
    draft = rule_form.of_keys(keys)
    assert draft.keys == keys
    assert not draft.untold


def test_what_a_line_cannot_hold_is_not_lost_unseen() -> None:
    told = [{"name": "x", "attribute": {"name": "a", "in": ["two\nlines"]}, "roles": ["r"]}]
    assert rule_form.of_keys({"role_rules": told}).untold


@pytest.mark.parametrize(
    ("at", "to", "names"), [(0, 1, "ba"), (1, 0, "ba"), (0, -1, "ab"), (1, 2, "ab"), (9, 0, "ab")]
)
def test_a_rule_is_moved_within_the_list(at: int, to: int, names: str) -> None:
    draft = Draft(
        rows=(Row(name="a"), Row(name="b")),
        match="first",
        strict=False,
        on_no_match="remove",
        default_roles="",
    )
    assert "".join(row.name for row in draft.moved(at, to).rows) == names


async def test_rules_are_added_moved_and_removed_without_a_script(stair: Stair) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    assert (form["rules.0.name"], form["rules.1.values"]) == ("platform administrators", "R&D\nOps")
    form = form_of((await press(ada, KEPT, form, "down.0")).text)
    assert form["rules.1.groups"] == "platform-admins"
    form = form_of((await press(ada, KEPT, form, "add")).text)
    assert form["rules.2.name"] == ""
    form = form_of((await press(ada, KEPT, form, "remove.0")).text)
    assert (form["rules.0.name"], form["rules.1.name"]) == ("platform administrators", "")
    assert await audited(stair) == []


FAULTS = [
    ({"rules.0.name": ""}, "rules.0.name"),
    ({"rules.0.groups": ""}, "rules.0"),
    ({"rules.0.roles": ""}, "rules.0.roles"),
    ({"rules.0.when": "email =="}, "rules.0.when"),
    ({"rules.0.when": "'Staff' in groups"}, "rules.0.when"),
    ({"rules.0.teams": "nobody-knows"}, "rules.0.teams"),
    ({"rules.1.attribute": ""}, "rules.1.attribute"),
    ({"rules.1.values": ""}, "rules.1.values"),
    ({"rules.1.name": "platform administrators"}, "role_rules"),
]


@pytest.mark.parametrize(("edit", "place"), FAULTS)
async def test_each_fault_stands_beside_its_field(stair: Stair, edit: dict[str, str], place: str) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    if place == "rules.1.attribute":
        edit = {**edit, "rules.1.values": "x"}
    answer = await press(ada, KEPT, form | edit, "preview")
    assert answer.status_code == 422
    assert f'id="{place}-fault"' in answer.text
    assert 'name="shown"' not in answer.text


async def test_the_message_of_the_type_check_is_shown(stair: Stair) -> None:
    ada = await signed_in(stair)
    form = await shown(ada, FILE)
    answer = await press(ada, FILE, form | {"rules.0.when": "email_domain == 3"}, "preview")
    assert "line 1, column 14" in answer.text


# Trying


async def test_rules_are_tried_on_a_recent_sign_in(stair: Stair) -> None:
    ada = await signed_in(stair)
    form = await shown(ada, FILE)
    assert form["on"]
    answer = await press(ada, FILE, form, "try")
    assert "platform administrators" in answer.text
    assert re.search(r"Roles:</strong>\s*admin", answer.text)
    answer = await press(ada, FILE, form | {"rules.0.groups": "others"}, "try")
    assert re.search(r"Roles:</strong>\s*member", answer.text)
    for value in ("ada@", "Lovelace"):
        assert value not in answer.text
    answer = await press(ada, FILE, form | {"rules.0.groups": "others", "strict": "on"}, "try")
    assert "policy.no_rule" in answer.text


async def test_a_sign_in_of_another_organization_is_not_tried_on(stair: Stair) -> None:
    ada = await signed_in(stair)
    other = replace(RECORD, reference="ABCDEFGHIJ", organization="other", at=stair.clock())
    await stair.house.store.keep_record(other, claim=None, sealing=None)
    form = await shown(ada, FILE)
    for reference in ("ABCDEFGHIJ", "AAAAAAAAAA", "'"):
        assert (await press(ada, FILE, form | {"on": reference}, "try")).status_code == 404
        assert (await ada.get(f"{FILE}?on={reference}")).status_code == 404


# Comparing, and saving


async def test_what_the_file_declares_is_compared_and_told_as_yaml(stair: Stair) -> None:
    ada = await signed_in(stair)
    await signed_in(stair, "bob")
    form = await shown(ada, FILE)
    answer = await press(ada, FILE, form | {"rules.0.roles": "auditor\nadmin"}, "preview")
    assert "Gain auditor" in answer.text
    assert "- auditor" in answer.text
    assert 'value="save"' not in answer.text
    shown_as = form_of(answer.text)["shown"]
    edited = form | {"rules.0.roles": "auditor\nadmin", "shown": shown_as}
    answer = await press(ada, FILE, edited, "save")
    assert "Saved." not in answer.text
    assert await audited(stair) == []


async def test_nothing_is_saved_that_was_not_compared(stair: Stair) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    edited = form | {"rules.0.roles": "owner"}
    for proof in ({}, {"shown": ""}, {"shown": "0" * 64}, {"shown": "é"}):
        answer = await press(ada, KEPT, edited | proof, "save")
        assert "since you saw what they do" in answer.text
    told = form_of((await press(ada, KEPT, edited, "preview")).text)
    assert told["rules.0.roles"] == "owner"
    answer = await press(ada, KEPT, told | {"rules.0.roles": "admin\nowner"}, "save")  # another than compared
    assert "Saved." not in answer.text
    eve = await signed_in(stair)  # another session of hers
    mine = form_of((await eve.get(KEPT)).text)
    answer = await press(eve, KEPT, mine | {"rules.0.roles": "owner", "shown": told["shown"]}, "save")
    assert "Saved." not in answer.text
    assert await audited(stair) == []
    answer = await press(ada, KEPT, told, "save")
    assert "Saved." in answer.text
    assert await audited(stair) == ["connection.update"]
    assert stair.house.connections["kept"].role_rules[0].roles == ("owner",)


async def test_it_is_told_whom_a_change_takes_a_role_from(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    other = (await bob.get("/session")).json()["user"]["id"]  # else Ada were the last administrator
    by_hand = f"INSERT INTO role_grant VALUES ('acme', '{other}', 'manual', 'admin', '', 0)"  # noqa: S608
    await ask(f"sqlite:///{stair.database}", by_hand)
    ada = await signed_in(stair)
    form = await shown(ada, FILE)
    answer = await press(ada, FILE, form | {"rules.0.groups": "others"}, "preview")
    assert "Lose admin" in answer.text
    assert "2 people looked at: 1 lose something" in answer.text
    user = (await ada.get("/session")).json()["user"]["id"]
    assert f"/admin/people/{user}" in answer.text
    assert "ada@" not in answer.text


async def test_what_was_changed_meanwhile_is_told_and_nothing_is_lost(stair: Stair) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    told = form_of((await press(ada, KEPT, form | {"rules.0.roles": "owner"}, "preview")).text)
    found = await stair.house.store.find_kept_connection("kept")
    assert found
    assert await stair.house.store.keep_connection(
        replace(found, body=found.body.replace("Kept", "Renamed")), stair.clock(), previous=found.number
    )
    answer = await press(ada, KEPT, told, "save")
    assert "Somebody changed this connection meanwhile" in answer.text
    again = form_of(answer.text)
    assert again["rules.0.roles"] == "owner"
    assert again["number"] != told["number"]
    again = form_of((await press(ada, KEPT, again, "preview")).text)
    assert "Saved." in (await press(ada, KEPT, again, "save")).text
    assert stair.house.connections["kept"].title == "Renamed"


async def test_a_stale_proof_saves_nothing_and_loses_nothing(stair: Stair) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    told = form_of((await press(ada, KEPT, form | {"rules.0.roles": "owner"}, "preview")).text)
    stair.clock.at += timedelta(minutes=16)
    answer = await press(ada, KEPT, told, "save")
    assert "Confirm that it is you" in answer.text
    assert form_of(answer.text)["rules.0.roles"] == "owner"
    assert await audited(stair) == []


async def test_another_site_changes_nothing(stair: Stair) -> None:
    await keep(stair)
    ada = await signed_in(stair)
    form = await shown(ada, KEPT)
    for headers, told in (({"sec-fetch-site": "cross-site"}, form), ({}, form | {"csrf": "0"})):
        answer = await ada.post(KEPT, data=told | {"act": "preview"}, headers=headers)
        assert answer.status_code == 403


async def test_a_plain_member_and_another_organization_see_nothing(stair: Stair) -> None:
    bob = await signed_in(stair, "bob")
    assert (await bob.get(FILE)).status_code == 403
    ada = await signed_in(stair)
    assert (await ada.get("/admin/connections/none/rules")).status_code == 404


async def test_a_form_is_bounded(stair: Stair) -> None:
    ada = await signed_in(stair)
    form = await shown(ada, FILE)
    many = {f"rules.{at}.{name}": "x" for at in range(500) for name in Row.__dataclass_fields__}
    assert (await press(ada, FILE, form | many, "preview")).status_code == 400
    some = {f"rules.{at}.{name}": f"x{at}" for at in range(300) for name in ("name", "groups", "roles")}
    answer = await press(ada, FILE, form | some, "preview")
    assert answer.status_code == 422
    assert "expected at most" in answer.text


# In line


async def test_no_organization_has_more_than_one_place_in_line() -> None:
    line, goes, done = rules.Line(), asyncio.Event(), []

    async def compare(organization: str | None) -> None:
        async with line.turn(organization):
            await goes.wait()
            done.append(organization)

    async def refused(organization: str | None) -> bool:
        with pytest.raises(TooManyRequests) as told:
            await compare(organization)
        return told.value.code == "rate.limited"

    first = [asyncio.create_task(compare(one)) for one in ("acme", "globex", None)]
    await asyncio.sleep(0)
    assert [await refused(one) for one in ("acme", "globex", None)] == [True] * 3
    last = [asyncio.create_task(compare(f"o{number}")) for number in range(rules.IN_LINE - len(first))]
    await asyncio.sleep(0)
    assert await refused("one too many")
    last[0].cancel()  # who goes away leaves their place
    await asyncio.sleep(0)
    last.append(asyncio.create_task(compare("in time")))
    goes.set()
    await asyncio.gather(*first, *last, return_exceptions=True)
    assert done == ["acme", "globex", None, *(f"o{number}" for number in range(1, 5)), "in time"]
    await compare("acme")
