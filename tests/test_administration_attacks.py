"""What an administrator of one organization tries on another, on the operator and on the service."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dns_server import Zone, serving
from stair import BASE, NOW, Stair, standing
from test_administration_connections import BETA, GOOD, OPERATOR, actor, desk, faults_of, made, tried
from test_roster import proved, signed_in, theirs

from federation.administration import audit, connections, domains, judging, organizations, setup_domains
from federation.demo.saml_requests import Participation
from federation.demo.users import USERS
from federation.errors import FieldsRefused
from federation.saml import bindings
from federation.saml.xml import EMAIL_ADDRESS

GAMMA = actor("gamma", id="2")


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as stair:
        for name in ("beta", "gamma"):
            await organizations.create(desk(stair.house, OPERATOR), name, body={**BETA, "name": name})
        yield stair


SHARED = "https://login.example/common/v2.0"
TENANTS = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(51)]
RULE: dict[str, Any] = {"name": "r", "roles": ["x"]}
BOMBS: list[tuple[str, dict[str, Any]]] = [
    # the key that is told    what would keep every worker busy, or fill its memory
    ("tenants", {"issuer": SHARED, "tenants": TENANTS}),
    ("issuer", {"issuer": "https://login.example/" + "common/" * 40, "tenants": TENANTS[:1]}),
    ("discovery_url", {"discovery_url": "https://login.example/" + "common/" * 40}),
    ("domains", {"domains": [".".join("abcdefghi") + ".beta.example"]}),
    ("", {"display_name": "a\x01b"}),  # what our metadata could not say
    ("", {"attributes": {"email": ["\ufffe"]}}),
    ("role_rules", {"role_rules": [
        {**RULE, "name": f"r{n}", "when": " || ".join(['email == "a"'] * 80)} for n in range(4)
    ]}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "differs"), BOMBS)
async def test_few_words_that_mean_much_are_refused(stair: Stair, key: str, differs: dict[str, Any]) -> None:
    assert key in await faults_of(made(desk(stair.house), **differs))
    assert "okta" not in stair.house.roster.kept


async def test_lines_and_backslashes_are_no_control_characters(stair: Stair) -> None:
    text = 'a\\u0001 \\b "\\f\\\\" é \U0001f600'
    assert (await made(desk(stair.house), display_name=text)).title == text


async def test_an_issuer_of_many_tenants_is_one_for_each(stair: Stair) -> None:
    before = len(stair.house.issuers)
    await made(desk(stair.house), issuer="https://login.example/common/common", tenants=TENANTS[:50])
    assert len(stair.house.issuers) == before + 1
    await made(desk(stair.house), "entra", issuer=SHARED, tenants=TENANTS[:50], domains=["b.example"])
    assert len(stair.house.issuers) == before + 1 + 1 + 50


@pytest.mark.parametrize(("limit", "key"), [("DOMAINS", "domains"), ("OCTETS", "")])
async def test_an_organization_fills_nobody_elses_room(
    stair: Stair, monkeypatch: pytest.MonkeyPatch, limit: str, key: str
) -> None:
    await made(desk(stair.house))
    monkeypatch.setattr(judging, limit, {"DOMAINS": 1, "OCTETS": 400}[limit])
    more = {"issuer": "https://b.example", "domains": ["b.example"], "display_name": "x" * 150}
    assert key in await faults_of(made(desk(stair.house), "more", **more))
    body = {**GOOD, "issuer": "https://c.example", "domains": ["c.example"]}
    assert await connections.create(desk(stair.house, GAMMA), "c", organization="gamma", body=body)


async def test_an_id_that_another_organizations_sessions_name_is_not_taken(stair: Stair) -> None:
    """As it stands once a connection is taken out of the settings file."""
    browser = stair.browser()
    form = await stair.saml(browser)
    assert (await browser.post("/saml/acme-saml/acs", data=form)).status_code == 303
    stair.house.roster.of_file -= {"acme-saml"}
    faults = await faults_of(made(desk(stair.house), "acme-saml"))
    assert faults == {"id": "this id is taken; choose another"}
    assert (await browser.get("/session")).status_code == 200


async def test_what_is_being_prepared_takes_nobodys_tile(stair: Stair) -> None:
    await made(desk(stair.house))
    await tried(stair)
    await connections.enable(desk(stair.house), "okta")
    body = {**GOOD, "domains": ["gamma.example"], "display_name": "Beta's Okta"}
    await connections.create(desk(stair.house, GAMMA), "fake", organization="gamma", body=body)
    assert stair.house.issuers[GOOD["issuer"]] == ("fake", "okta")
    answer = await stair.browser().get("/oidc/initiate", params={"iss": GOOD["issuer"]})
    assert answer.status_code == 502  # okta alone is meant, whose provider does not answer here


async def test_a_provider_signs_people_out_of_a_connection_that_came_later(stair: Stair) -> None:
    await theirs(stair)
    await proved(stair.house.store, "beta", "evil.example")
    browser = stair.browser()
    assert (await signed_in(stair, browser)).status_code == 303
    who = Participation(USERS["mallory"].email, EMAIL_ADDRESS, "")
    told: dict[str, Any] = {"issue_instant": NOW, "not_on_or_after": None, "session_indexes": ()}
    document = stair.idps["other-saml"].slo.request(who, f"{BASE}/saml/theirs/slo", post=True, **told)
    form = {"SAMLRequest": bindings.encode_post(document)}
    assert (await stair.browser().post("/saml/theirs/slo", data=form)).status_code == 303
    assert (await browser.get("/session")).status_code == 401


async def test_nobody_keeps_a_domain_from_its_owner_by_naming_it(stair: Stair) -> None:
    await made(desk(stair.house), domains=["gamma.example"])
    body = {**GOOD, "issuer": "https://g.example", "domains": ["gamma.example"]}
    at = desk(stair.house, GAMMA)
    await connections.create(at, "theirs", organization="gamma", body=body)
    assert {"okta", "theirs"} <= stair.house.connections.keys()
    with pytest.raises(FieldsRefused, match=r"^admin\.invalid: "):  # the settings file's word stands
        await connections.create(at, "more", organization="gamma", body={**body, "domains": ["acme.example"]})


async def test_each_look_for_a_record_is_told(stair: Stair) -> None:
    with serving(Zone()) as zone:
        asking = stair.house.settings.model_copy(update={"dns_servers": (zone.server,)})
        at = replace(desk(stair.house), settings=asking)
        await made(at)
        begun = await domains.begin(at, "beta", "beta.example")
        assert not (await domains.look(at, "beta", "beta.example")).proved
        zone.texts[begun.name] = [f'"{begun.text}"']
        assert await setup_domains.look(at, "okta", "beta.example")
    found = (await audit.lines(at, organization="beta", action="domain.look", cursor=None, limit=9)).items
    assert {one.entry.after["found"] for one in found} == {False, True}
    assert found[0].entry.at == NOW
