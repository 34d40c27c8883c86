"""The pages of decision records: found, opened, redacted, revealed; and messages of `record: full`."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from stair import BASE, Stair, listening, standing
from test_store import RECORD

from federation.administration import people_data
from federation.store.values import MESSAGE_LIFE

PATH = "/admin/decisions"


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
    full = {"acme-oidc": {"record": "full"}}
    async with listening(), standing(tmp_path, acme_saml={"record": "full"}, further=full) as found:
        yield found


async def signed_in(stair: Stair, who: str = "ada", connection: str = "acme-saml") -> httpx2.AsyncClient:
    browser = stair.browser(accept="text/html")
    form = await stair.saml(browser, who, connection)
    answer = await browser.post(f"/saml/{connection}/acs", data=form)
    assert answer.status_code == 303, answer.text
    return browser


async def refused(stair: Stair, who: str = "ada", **knobs: Any) -> str:
    browser = stair.browser()
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who, **knobs))
    return str(answer.json()["error"]["reference"])


async def latest(stair: Stair) -> str:
    found = await ask(
        f"sqlite:///{stair.database}",
        "SELECT reference FROM decision_record ORDER BY recorded_at DESC, rowid DESC LIMIT 1",
    )
    return str(found[0][0])


async def page(browser: httpx2.AsyncClient, path: str, status: int = 200) -> str:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def reveal(browser: httpx2.AsyncClient, reference: str, **headers: str) -> httpx2.Response:
    shown = await page(browser, f"{PATH}/{reference}")
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', shown)
    assert csrf
    told = {"sec-fetch-site": "same-origin"} | headers
    return await browser.post(f"{PATH}/{reference}", data={"csrf": csrf[1]}, headers=told)


async def audited(stair: Stair) -> list[tuple[str, ...]]:
    found = await ask(f"sqlite:///{stair.database}", "SELECT action, object, about, reference FROM audit")
    return [tuple(row) for row in found]


# The list


async def test_the_list_tells_how_attempts_ended_and_of_nobody(stair: Stair) -> None:
    reference = await refused(stair, "mallory")
    ada = await signed_in(stair)
    shown = await page(ada, PATH)
    assert "policy.domain" in shown
    assert f"{PATH}/{reference}" in shown
    assert "mallory" not in shown
    assert "Acme (SAML)" in shown


async def test_a_person_is_found_by_address_and_by_id(stair: Stair) -> None:
    await signed_in(stair, "bob")
    theirs = await latest(stair)
    stair.clock.at += timedelta(minutes=1)
    ada = await signed_in(stair)
    ((user,),) = await ask(
        f"sqlite:///{stair.database}", "SELECT user_id FROM account WHERE email_key = 'bob@acme.example'"
    )
    for who in ("BOB@acme.example", str(user)):
        shown = await page(ada, f"{PATH}?person={who}")
        assert re.findall(r"decisions/([A-Z2-7]{10})\"", shown) == [theirs]
    for who in ("nobody@acme.example", "x", "a\0b"):
        assert "No sign-in that fits" in await page(ada, f"{PATH}?person={who}".replace("\0", "%00"))


async def test_an_operator_says_whose_address_it_is(tmp_path: Path) -> None:
    more = "system_roles: {acme-saml: [{role: operator, groups: [platform-admins]}]}"
    async with standing(tmp_path, more) as stair:
        ada = await signed_in(stair)
        shown = await page(ada, f"{PATH}?person=ada@acme.example", 422)
        assert 'id="person-fault"' in shown
        shown = await page(ada, f"{PATH}?person=ada@acme.example&organization=acme")
        assert len(re.findall(r"decisions/[A-Z2-7]{10}\"", shown)) == 1


async def test_a_code_a_connection_and_a_day_narrow_the_list(stair: Stair) -> None:
    reference = await refused(stair, "mallory")
    ada = await signed_in(stair)
    own = await latest(stair)

    async def found(query: str) -> set[str]:
        return set(re.findall(r"decisions/([A-Z2-7]{10})\"", await page(ada, f"{PATH}?{query}")))

    assert await found("code=admitted") == {own}
    assert await found("code=policy.domain") == {reference}
    assert await found("connection=acme-saml") == {own, reference}
    assert await found("connection=other-saml") == set()
    assert await found("since=2026-11-21") == {own, reference}
    assert await found("since=2026-11-22") == set()
    assert 'id="since-fault"' in await page(ada, f"{PATH}?since=yesterday", 422)


async def test_pages_lead_on(stair: Stair) -> None:
    ada = await signed_in(stair)
    for number in range(60):
        told = replace(RECORD, reference=f"ABCDEFGH{'ABCDEFGH'[number // 8]}{'ABCDEFGH'[number % 8]}")
        told = replace(told, organization="acme", at=stair.clock(), code="x.y", person=f"p{number}")
        await stair.house.store.keep_record(told, claim=None, sealing=None)
    seen: list[str] = []
    path: str | None = PATH
    while path:
        shown = await page(ada, path)
        seen += re.findall(r"decisions/([A-Z2-7]{10})\"", shown)
        onward = re.search(r'href="(/admin/decisions\?[^"]*cursor=[^"]+)"', shown)
        path = onward[1].replace("&amp;", "&") if onward else None
    assert (len(seen), len(set(seen))) == (61, 61)


# One attempt


async def test_an_attempt_is_told_step_by_step_without_values(stair: Stair) -> None:
    ada = await signed_in(stair)
    shown = await page(ada, f"{PATH}/{await latest(stair)}")
    for told in (
        "platform administrators",
        "saml.audience",
        "acme.example",
        "/admin/people/",
        "Reveal values",
    ):
        assert told in shown, told
    for value in ("ada@", "Lovelace", "platform-admins", "samlp:Response"):
        assert value not in shown, value


async def test_a_refusal_says_who_mends_it_and_what_was_expected(stair: Stair) -> None:
    reference = await refused(stair, audiences=(("https://other.example/x",),))
    ada = await signed_in(stair)
    shown = await page(ada, f"{PATH}/{reference}")
    assert "saml.audience" in shown
    assert "What to do:" in shown
    assert "https://other.example" not in shown


async def test_before_a_signature_it_is_said_why_there_is_nothing(stair: Stair) -> None:
    reference = await refused(stair, sign="none")
    ada = await signed_in(stair)
    shown = await page(ada, f"{PATH}/{reference}")
    assert "before a signature was verified" in shown


async def test_values_are_shown_once_and_the_log_says_who_saw_them(stair: Stair) -> None:
    ada = await signed_in(stair)
    reference = await latest(stair)
    answer = await reveal(ada, reference)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for value in ("ada@acme.example", "Lovelace", "platform-admins"):
        assert value in answer.text, value
    user = (await ada.get("/session")).json()["user"]["id"]
    assert await audited(stair) == [("decision.reveal", reference, user, reference)]
    assert "Lovelace" not in await page(ada, f"{PATH}/{reference}")


async def test_nothing_is_revealed_to_another_site_or_a_stale_proof(stair: Stair) -> None:
    ada = await signed_in(stair)
    reference = await latest(stair)
    assert (await reveal(ada, reference, **{"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await ada.post(f"{PATH}/{reference}", data={"csrf": "0"})).status_code == 403
    stair.clock.at += timedelta(minutes=16)
    answer = await reveal(ada, reference)
    assert answer.status_code == 403
    assert "platform-admins" not in answer.text
    assert await audited(stair) == []


async def test_another_organizations_attempt_is_not_there(stair: Stair) -> None:
    ada = await signed_in(stair)
    own = await latest(stair)
    other = replace(RECORD, reference="ABCDEFGHIJ", organization="other", at=stair.clock(), person="p")
    nobodys = replace(RECORD, reference="ABCDEFGHIK", organization="", at=stair.clock())
    for record in (other, nobodys):
        await stair.house.store.keep_record(record, claim=None, sealing=None)
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', await page(ada, f"{PATH}/{own}"))
    assert csrf
    for reference in ("ABCDEFGHIJ", "ABCDEFGHIK", "AAAAAAAAAA", "x", "%00"):
        await page(ada, f"{PATH}/{reference}", 404)
        answer = await ada.post(f"{PATH}/{reference}", data={"csrf": csrf[1]}, headers={"origin": BASE})
        assert answer.status_code == 404
    assert await audited(stair) == []


# Messages, where a connection records in full


async def test_what_a_message_said_is_shown_with_its_signed_part(stair: Stair) -> None:
    ada = await signed_in(stair)
    answer = await reveal(ada, await latest(stair))
    assert re.search(r"<mark>\s*&lt;saml:Issuer", answer.text) or "<mark>" in answer.text
    assert "samlp:Response" in answer.text
    assert f"{BASE}/saml/acme-saml/metadata" in answer.text  # expected and received of the audience


async def test_of_openid_connect_no_token_and_no_code_is_kept(stair: Stair) -> None:
    browser = stair.browser(accept="text/html")
    callback = await stair.oidc(browser)
    answer = await browser.get(callback)
    assert answer.status_code == 303, answer.text
    shown = (await reveal(browser, await latest(stair))).text
    assert "ID Token: claims" in shown
    code = re.search(r"[?&]code=([^&]+)", callback)
    assert code
    assert code[1] not in shown
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", shown)


async def test_a_refusal_before_the_signature_keeps_what_came_in_a_ring(stair: Stair) -> None:
    reference = await refused(stair, sign="none")
    ada = await signed_in(stair)
    assert "samlp:Response" in (await reveal(ada, reference)).text
    found = await ask(
        f"sqlite:///{stair.database}", "SELECT person, ring FROM kept_message ORDER BY person LIMIT 1"
    )
    assert [tuple(one) for one in found] == [("", 0)]


async def test_a_connection_that_redacts_keeps_no_message(stair: Stair) -> None:
    browser = stair.browser()
    await browser.post("/saml/other-saml/acs", data=await stair.saml(browser, "ada", "other-saml"))
    assert stair.count("decision_record") == 1
    assert stair.count("kept_message") == 0


async def test_a_message_is_over_after_three_days(stair: Stair) -> None:
    await signed_in(stair)
    assert stair.count("kept_message") == 1
    await stair.house.store.purge(stair.clock() + MESSAGE_LIFE - timedelta(seconds=1), 100)
    assert stair.count("kept_message") == 1
    await stair.house.store.purge(stair.clock() + MESSAGE_LIFE, 100)
    assert stair.count("kept_message") == 0
    assert stair.count("decision_record") == 1


async def test_whoever_is_erased_takes_their_messages_along(stair: Stair) -> None:
    ada = await signed_in(stair, "bob")
    user = (await ada.get("/session")).json()["user"]["id"]
    await signed_in(stair)
    await stair.house.store.erase_person(user, "acme", administrators={}, force=True)
    assert stair.count("kept_message") == 1


async def test_an_export_tells_what_a_persons_messages_said(stair: Stair) -> None:
    ada = await signed_in(stair)
    user = (await ada.get("/session")).json()["user"]["id"]
    told = await people_data.export(stair.house.store, stair.house.vault, "acme", user)
    assert "samlp:Response" in told["records"][0]["message"]["SAMLResponse"]


async def test_a_message_that_is_too_large_leaves_its_digest_alone(
    stair: Stair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from federation.trial import message

    monkeypatch.setattr(message, "MESSAGE_OCTETS", 500)
    ada = await signed_in(stair)
    assert stair.count("kept_message") == 0
    shown = await page(ada, f"{PATH}/{await latest(stair)}")
    assert "too large" in shown
    assert "SHA-256" in shown


# The API


async def test_the_api_tells_and_reveals_one_attempt(stair: Stair) -> None:
    ada = await signed_in(stair)
    reference = await latest(stair)
    path = f"/admin/api/decisions/{reference}"
    told = (await ada.get(path)).json()
    assert told["opened"]["identity"]["email"] == "…@acme.example"
    assert told["message"] == []
    answer = await ada.post(f"{path}/reveal", headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["opened"]["identity"]["email"] == "ada@acme.example"
    assert "samlp:Response" in told["message"][0]["text"]
    assert [line[0] for line in await audited(stair)] == ["decision.reveal"]
    assert (await ada.post(f"{path}/reveal")).status_code == 403  # no word of where it started


async def test_the_api_finds_a_person(stair: Stair) -> None:
    await signed_in(stair, "bob")
    theirs = await latest(stair)
    ada = await signed_in(stair)
    answer = await ada.get("/admin/api/decisions", params={"person": "bob@acme.example"})
    assert [one["reference"] for one in answer.json()["decisions"]] == [theirs]


async def test_the_api_shows_and_compares_rules(stair: Stair) -> None:
    ada = await signed_in(stair)
    path = "/admin/api/connections/acme-saml/rules"
    told = (await ada.get(path)).json()
    assert (told["managed"], told["keys"]["role_rules"][0]["roles"]) == (True, ["admin"])
    rules = [{"name": "x", "groups": ["platform-admins"], "roles": ["admin", "owner"]}]
    answer = await ada.post(f"{path}/preview", json={"keys": {"role_rules": rules}})
    assert answer.json()["roles_gained"] == {"owner": 1}
    wrong = [{"name": "x", "roles": ["admin"]}]
    answer = await ada.post(f"{path}/preview", json={"keys": {"role_rules": wrong}})
    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, "keys.role_rules.0")
