"""The wizard of administrators, in a browser that has no script: every step, and what each refuses."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from databases import ask
from stair import SECRET, Stair, listening
from wizard_world import PAGE, begun, draft, link, read, send, signed_in, wizard_world

from federation import presets
from federation.trial.report import Claim, Report, encode


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    async with wizard_world(tmp_path, monkeypatch) as stair:
        yield stair


@pytest.fixture
async def ada(stair: Stair) -> httpx2.AsyncClient:
    return await signed_in(stair)


def metadata(stair: Stair) -> bytes:
    """A document that describes an identity provider of no connection's."""
    return stair.idps["other-saml"].metadata().replace(b"idp.other.example", b"idp.third.example")


async def tried(stair: Stair, name: str = "acme-okta") -> None:
    """Have a trial of it as it is now gone through."""
    url = f"sqlite:///{stair.database}"
    await ask(url, f"UPDATE kept_connection SET tested_at = 1 WHERE id = '{name}'")  # noqa: S608  our own


# The first page


async def test_every_vendor_can_be_chosen_by_each_protocol_of_its(ada: httpx2.AsyncClient) -> None:
    page = await read(ada, f"{PAGE}/new")
    for name, row in presets.PRESETS.items():
        for protocol in presets.PROTOCOLS:
            told = f"preset={name}&amp;protocol={protocol}"
            assert (told in page) is (getattr(row, protocol) is not None), told
    page = await read(ada, f"{PAGE}/new?preset=okta&protocol=oidc")
    assert 'value="acme-okta"' in page
    assert 'value="Okta"' in page
    assert "preset=okta" in await read(ada, f"{PAGE}/new?preset=okta&protocol=oauth2"), "not its protocol"


async def test_an_id_is_proposed_that_nobody_has(ada: httpx2.AsyncClient) -> None:
    await draft(ada)
    assert 'value="acme-okta-2"' in await read(ada, f"{PAGE}/new?preset=okta&protocol=saml")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"id": "Okta!"}, "id"),
        ({"id": ""}, "id"),
        ({"id": "acme-saml"}, "id"),
        ({"id": "x" * 64}, "id"),
        ({"display_name": "x" * 201}, "display_name"),
    ],
)
async def test_what_it_cannot_be_called_is_told_beside_it(
    ada: httpx2.AsyncClient, form: dict[str, str], field: str
) -> None:
    good = {"preset": "okta", "protocol": "saml", "display_name": "Typed name", "id": "good"}
    answer = await send(ada, f"{PAGE}/new", f"{PAGE}/new?preset=okta&protocol=saml", **{**good, **form})
    assert (answer.status_code, f'id="{field}-fault"' in answer.text) == (422, True)
    assert "Typed name" in answer.text or field == "display_name"


async def test_whose_it_is_nobody_chooses_but_the_operator(ada: httpx2.AsyncClient) -> None:
    at = f"{PAGE}/new?preset=okta&protocol=saml"
    assert 'name="organization"' not in await read(ada, at)
    form = {"preset": "okta", "protocol": "saml", "display_name": "n", "id": "mine"}
    answer = await send(ada, f"{PAGE}/new", at, **form, organization="other")
    assert answer.headers["location"] == f"{PAGE}/mine/setup/provider"
    assert "mine" in await read(ada, f"{PAGE}?search=mine")


# The steps


async def test_saml_by_upload_from_the_first_step_to_the_last(stair: Stair, ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    assert (await ada.get(base)).headers["location"] == f"{base}/provider"
    page = await read(ada, f"{base}/provider")
    assert "Single sign-on URL" in page
    assert "http://localhost:8000/saml/acme-okta/acs" in page
    assert 'download="federation-acme-okta.xml"' in page
    assert "EntityDescriptor" in await read(ada, "/saml/acme-okta/metadata")

    answer = await send(ada, f"{base}/answer", way="file", file=metadata(stair))
    assert answer.status_code == 200, answer.text
    assert "https://idp.third.example" in answer.text
    assert (await ada.get(base)).headers["location"] == f"{base}/people"

    answer = await send(
        ada, f"{base}/people", domains="Third.example\n", provisioning="invited_only", do="stay"
    )
    assert answer.headers["location"] == f"{base}/people"
    page = await read(ada, f"{base}/people")
    assert "_federation-challenge.third.example" in page
    assert "federation-domain-verification=" in page
    assert 'value="invited_only" checked' in page

    answer = await send(
        ada,
        f"{base}/mapping",
        attribute_given_name="vorname, givenName",
        group_0="admins",
        role_0="admin",
        group_1="staff-*",
        role_1="member, reader",
        default_roles="guest",
    )
    assert answer.headers["location"] == f"{base}/test"
    page = await read(ada, f"{base}/mapping")
    for told in ("vorname, givenName", "staff-*", "member, reader", "guest"):
        assert f'value="{told}"' in page

    assert "Start the test" in await read(ada, f"{base}/test")
    answer = await send(ada, f"{base}/test")
    assert "Go on to 127.0.0.1:1" in answer.text
    assert "go through first" in await read(ada, f"{base}/enable")
    await tried(stair)
    page = await read(ada, f"{base}/enable")
    assert "Enable the connection" in page
    answer = await send(ada, f"{base}/enable")
    assert answer.headers["location"] == f"{base}/enable"
    assert "people come in by it" in await read(ada, f"{base}/enable")
    kept = stair.house.connections["acme-okta"]
    assert (kept.enabled, kept.domains, kept.provisioning) == (True, ("third.example",), "invited_only")
    assert [rule.name for rule in kept.role_rules] == ["admins → admin", "staff-* → member, reader"]


@pytest.mark.parametrize(
    ("protocol", "preset", "lacks"),
    [
        ("saml", "okta", ["Its metadata; or its entity ID", "The e-mail domains"]),
        ("oidc", "entra", ["Issuer", "Client ID", "Client secret", "The e-mail domains"]),
        ("oauth2", "github", ["Client ID", "Client secret", "The e-mail domains"]),
    ],
)
async def test_what_is_missing_is_said_once_in_the_wizards_words_and_leads_to_its_step(
    ada: httpx2.AsyncClient, protocol: str, preset: str, lacks: list[str]
) -> None:
    base = await draft(ada, protocol, preset)
    page = await read(ada, f"{base}/enable")
    for told in lacks:
        step = "people" if "domains" in told else "answer"
        assert page.count(f'<li><a href="{base}/{step}">{told}') == 1, told
    for key in ("{env", "client_id", "sso_url", "expected"):
        assert key not in page
    assert f'href="{base}/enable"' in (await read(ada, f"{base}/test")).partition("Something is still")[2]


async def test_an_issuer_is_shown_as_the_vendor_writes_it(ada: httpx2.AsyncClient) -> None:
    entra = await read(ada, f"{await draft(ada, 'oidc', 'entra', 'entra')}/answer")
    assert "such as https://login.microsoftonline.com/11111111-" in entra
    other = await read(ada, f"{await draft(ada, 'oidc', 'generic', 'other')}/answer")
    assert "such as https://login.acme.example" in other


async def test_oidc_is_looked_at_before_it_is_kept(stair: Stair, ada: httpx2.AsyncClient) -> None:
    base = await draft(ada, "oidc", "keycloak")
    told = {"issuer": stair.provider.issuer, "client_id": "other", "client_secret": SECRET}
    async with listening():
        answer = await send(ada, f"{base}/answer", **told)
    assert answer.status_code == 200, answer.text
    for shown in ("RS256", f"{stair.provider.issuer}/", "This is what it says"):
        assert shown in answer.text
    assert SECRET not in answer.text
    page = await read(ada, f"{base}/answer")
    assert "One is kept" in page
    assert SECRET not in page
    told = {"issuer": stair.provider.issuer, "client_id": "another", "client_secret": ""}
    async with listening():
        assert (await send(ada, f"{base}/answer", **told)).status_code == 200
    assert "One is kept" in await read(ada, f"{base}/answer")


@pytest.mark.parametrize(
    ("issuer", "code"),
    [
        ("", "https://"),
        ("http://other.example", "https://"),
        ("https://10.0.0.1", "fetch.address_private"),
        ("https://192.168.1.1/realms/acme", "fetch.address_private"),
        ("https://169.254.169.254", "fetch.address_"),
        ("https://[::ffff:10.0.0.1]", "fetch.address_"),
        ("{issuer}/elsewhere", "404"),
        ("{issuer}/", "oidc.discovery_issuer"),
    ],
)
async def test_an_issuer_that_cannot_be_used_is_told_and_no_secret_shown(
    stair: Stair, ada: httpx2.AsyncClient, issuer: str, code: str
) -> None:
    base = await draft(ada, "oidc", "keycloak")
    told = issuer.format(issuer=stair.provider.issuer)
    async with listening():
        answer = await send(ada, f"{base}/answer", issuer=told, client_id="typed", client_secret=SECRET)
    assert answer.status_code == 422, answer.text
    assert 'id="issuer-fault"' in answer.text
    assert code in answer.text
    assert 'value="typed"' in answer.text
    assert SECRET not in answer.text
    assert "One is kept" not in await read(ada, f"{base}/answer")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"way": "url", "url": "http://other.example/metadata"}, "url"),
        ({"way": "url", "url": "https://127.0.0.2/metadata"}, "url"),
        ({"way": "url", "url": "file:///etc/passwd"}, "url"),
        ({"way": "paste", "paste": "no xml"}, "paste"),
        ({"way": "paste", "paste": "  "}, "paste"),
        ({"way": "paste", "paste": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}, "paste"),
        ({"way": "file"}, "file"),
        ({"way": "fields", "entity_id": "x", "sso_url": "https://10.0.0.1/", "certificates": "x"}, "sso_url"),
        ({"way": "fields", "entity_id": "x", "sso_url": "no", "certificates": ""}, "sso_url"),
    ],
)
async def test_what_cannot_be_metadata_is_told_beside_it(
    ada: httpx2.AsyncClient, form: dict[str, str], field: str
) -> None:
    base = await draft(ada)
    answer = await send(ada, f"{base}/answer", **form)
    assert (answer.status_code, f'id="{field}-fault"' in answer.text) == (422, True), answer.text
    for typed in form.values():
        assert typed == "  " or typed.replace("<", "&lt;")[:12] in answer.text


async def test_a_document_of_several_asks_which(stair: Stair, ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    one, two = metadata(stair), stair.idps["acme-saml"].metadata()
    both = "".join(each.decode().partition("?>")[2] or each.decode() for each in (one, two))
    both = f'<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">{both}</EntitiesDescriptor>'
    answer = await send(ada, f"{base}/answer", way="paste", paste=both)
    assert (answer.status_code, "entity-2-fault" in answer.text) == (422, True), answer.text
    answer = await send(ada, f"{base}/answer", way="paste", paste=both, entity_id="https://idp.third.example")
    assert answer.status_code == 200, answer.text


async def test_the_same_sent_twice_keeps_a_test_good(stair: Stair, ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    for _ in range(2):
        answer = await send(ada, f"{base}/answer", way="file", file=metadata(stair))
        assert answer.status_code == 200, answer.text
        await tried(stair)
    assert "go through first" not in await read(ada, f"{base}/enable")


async def test_who_comes_second_is_told(stair: Stair, ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    answer = await send(ada, f"{base}/people", domains="third.example", number="0")
    assert answer.status_code == 409
    answer = await send(ada, f"{base}/people", domains="third.example", number="x")
    assert answer.status_code == 409


@pytest.mark.parametrize("typed", ["no domain", "acme", "*.*.example", "com"])
async def test_what_is_no_domain_is_told_beside_it(ada: httpx2.AsyncClient, typed: str) -> None:
    base = await draft(ada)
    answer = await send(ada, f"{base}/people", domains=typed)
    assert (answer.status_code, 'id="domains-fault"' in answer.text) == (422, True), answer.text


async def test_a_rule_without_its_half_is_told_at_its_row(ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    for form, field in (
        ({"group_0": "admins"}, "role_0"),
        ({"role_0": "admin"}, "group_0"),
        ({"group_0": "a", "role_0": "r", "group_1": "b"}, "role_1"),
    ):
        answer = await send(ada, f"{base}/mapping", **form)
        assert (answer.status_code, f'id="{field}-fault"' in answer.text) == (422, True), answer.text


async def test_nothing_is_changed_without_the_pages_own_token(ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    for path in ("answer", "people", "people/look", "mapping", "test", "enable"):
        answer = await ada.post(f"{base}/{path}", data={"csrf": "0" * 64})
        assert answer.status_code == 403, path
        answer = await ada.post(f"{base}/{path}", files={"csrf": (None, "0" * 64)})
        assert answer.status_code == 403, path


async def test_a_domain_of_another_connection_is_not_looked_at(ada: httpx2.AsyncClient) -> None:
    base = await draft(ada)
    answer = await send(ada, f"{base}/people/look", f"{base}/people", domain="acme.example")
    assert answer.status_code == 404


async def test_links_are_made_shown_once_and_revoked(stair: Stair, ada: httpx2.AsyncClient) -> None:
    await draft(ada)
    path = await link(ada)
    page = await read(ada, f"{PAGE}/acme-okta/links")
    assert path.removeprefix("/setup/") not in page
    holder = await begun(stair, path)
    assert '<td class="number">1</td>' in await read(ada, f"{PAGE}/acme-okta/links")
    action = next(one for one in page.split('"') if one.endswith("/revoke"))
    assert (await send(ada, action, f"{PAGE}/acme-okta/links")).status_code == 303
    await read(holder, "/setup/provider", 404)
    for days in ("0", "31", "x", "-1", "99999"):
        answer = await send(ada, f"{PAGE}/acme-okta/links", days=days)
        assert (answer.status_code, 'id="days-fault"' in answer.text) == (422, True)


async def test_one_of_the_file_has_no_links(ada: httpx2.AsyncClient) -> None:
    assert "settings file" in await read(ada, f"{PAGE}/acme-oidc/links")
    answer = await send(ada, f"{PAGE}/acme-oidc/links", f"{PAGE}/new?preset=okta&protocol=saml", days="7")
    assert answer.status_code == 409


async def test_names_and_rules_are_tried_on_the_last_test_and_not_kept(
    stair: Stair, ada: httpx2.AsyncClient
) -> None:
    base = await draft(ada)
    await send(ada, f"{base}/answer", way="file", file=metadata(stair))
    await send(ada, f"{base}/people", domains="third.example")
    assert "Try it on the last test" not in await read(ada, f"{base}/mapping")
    await send(ada, f"{base}/test")
    house = stair.house
    (trial,) = await house.store.trials("acme-okta", None, 10, stair.clock())
    claims = (
        Claim(name="vorname", values=("Grace <b>",)),
        Claim(name="mail", values=("grace@third.example",)),
        Claim(name="groups", values=("Staff", "admins")),
    )
    told = Report(
        id=trial.id,
        connection="acme-okta",
        organization="acme",
        protocol="saml",
        started_at="2026-11-21T12:00:00+00:00",
        ended_at="2026-11-21T12:00:00+00:00",
        code="",
        detail="",
        public="",
        mended_by="",
        claims=claims,
    )
    sealed = house.vault.seal(encode(told, secrets=()), f"trial:{trial.id}")
    number = house.roster.number
    await house.store.end_trial(trial, stair.clock(), code="", sealed=sealed, claim=None, in_force=number)
    assert 'role="region"' not in await read(ada, f"{base}/mapping"), "the section around it has that name"
    form = {"attribute_given_name": "vorname", "group_0": "STAFF", "role_0": "reader", "do": "try"}
    answer = await send(ada, f"{base}/mapping", **form)
    assert answer.status_code == 200, answer.text
    for shown in ("Grace &lt;b&gt;", "grace@third.example", "Staff, admins", "STAFF → reader"):
        assert shown in answer.text, shown
    assert 'value="vorname"' in answer.text, "what was typed stays"
    kept = house.connections["acme-okta"]
    assert (kept.attributes.get("given_name"), kept.role_rules) == (None, ())
    answer = await send(ada, f"{base}/mapping", group_0="nobody", role_0="reader", do="try")
    assert "default (organization)" in answer.text
    answer = await send(ada, f"{base}/mapping", group_0="a", do="try")
    assert (answer.status_code, 'id="role_0-fault"' in answer.text) == (422, True)
