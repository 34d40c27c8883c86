"""What test_browser_console.py leaves: journeys pressed without JavaScript, and by the keyboard alone.

One service, one Chromium, the development identity providers on loopback beside it, and a DNS server. Ada
administers acme, and as operator both organizations, of which each has the domain acme.example.
"""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import dns_server
import httpx2
import loopback
import pytest
from accessible import NARROW, WIDE, axe_source, scrolls_sideways, violations
from chromium import arrive
from playwright.sync_api import Browser, BrowserContext, Page, expect
from processes import free_port
from service import Service, serving
from test_browser_console import go_to, lead_on, listened, press

from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.saml_idp import SamlIdp

pytestmark = pytest.mark.browser

SECRET = "a secret for tests, and not a short one"
OF_BOTH = {"acme": "acme-works", "globex": "globex-works"}  # organization → its connection in the store
RULES = [{"name": "platform administrators", "groups": ["platform-admins"], "roles": ["admin", "member"]}]


@contextmanager
def answering(applications: dict[int, Any]) -> Iterator[None]:
    """Serve each on its port of 127.0.0.1, on a loop of their own."""
    begun, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for port, application in applications.items():
                await stack.enter_async_context(loopback.listening(application, port))
            begun.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert begun.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@dataclass
class World:
    """What a journey needs."""

    service: Service
    saml: SamlIdp
    of_both: dict[str, SamlIdp]
    zone: dns_server.Zone
    browser: Browser
    states: dict[str, Any] = field(default_factory=dict)  # connection → ada's cookies

    def context(self, *, script: bool = False, by: str = "", **told: Any) -> BrowserContext:
        """Return a browser profile: ada signed in by a connection, or a fresh one."""
        context = self.browser.new_context(
            base_url=self.service.base_url,
            java_script_enabled=script,
            storage_state=self.states.get(by),
            **told,
        )
        context.set_default_timeout(15_000)
        return context

    def prove(self, page: Page) -> None:
        """Publish the record that a page names."""
        name, text = (page.locator(f"#record-{one}").inner_text() for one in ("name", "text"))
        self.zone.texts.setdefault(name.removesuffix("."), []).append(f'"{text}"')


def sign_in(page: Page, connection: str, login: str) -> None:
    page.goto(f"/login/{connection}?return_to=/account")
    log_in(page, login)


def log_in(page: Page, login: str) -> None:
    """Fill in the provider's form, and press on until the browser is back for good."""
    page.get_by_label("User", exact=True).fill(login)
    page.get_by_label("Password").fill(login)
    press(page, "Sign in")
    go_on(page)


def go_on(page: Page) -> None:
    """Press what would post itself where scripts run: the provider's page, then our own."""
    while page.get_by_role("button", name="Continue", exact=True).count():
        press(page, "Continue")


@pytest.fixture(scope="module")
def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port, *ports = (free_port() for _ in range(5))
    base = f"http://localhost:{port}"
    mine, works, theirs, openid = (f"http://127.0.0.1:{one}" for one in ports)

    def provider(at: str, *connections: str) -> SamlIdp:
        known = {f"{base}/saml/{one}/metadata": f"{base}/saml/{one}/acs" for one in connections}
        return SamlIdp(entity_id=f"{at}/metadata", base_url=at, service_providers=known)

    saml = provider(mine, "acme-saml", "operators")
    of_both = {"acme": provider(works, OF_BOTH["acme"]), "globex": provider(theirs, OF_BOTH["globex"])}
    client = DemoClient(secret=SECRET, redirect_uris=(f"{base}/oidc/acme-oidc/callback",))
    oidc = OpenidProvider(openid, {"federation": client})
    acme = {"organization": "acme", "anyone": True, "role_rules": RULES, "on_email_match": "create"}
    by_saml = {"protocol": "saml", "metadata": {"url": f"{mine}/metadata"}, "metadata_changes": "approve"}
    told = {
        "organizations": {
            "acme": {"name": "Acme", "default_roles": ["member"], "administrators": ["admin"]},
            "globex": {"name": "Globex", "default_roles": ["member"], "administrators": ["admin"]},
        },
        "system_roles": {"operators": [{"role": "operator", "groups": ["platform-admins"]}]},
        "rate_limits": {"sign_in": "off", "failures": "off"},
        "outbound": {"allow": ["127.0.0.1"]},
        "connections": {
            "acme-saml": {**by_saml, **acme, "display_name": "Acme (SAML)"},
            "operators": {**by_saml, **acme, "display_name": "Operators", "visible": False},
            "acme-oidc": {
                "protocol": "oidc",
                **acme,
                "display_name": "Acme (OpenID)",
                "issuer": openid,
                "client_id": "federation",
                "client_secret": SECRET,
                "scopes": ["openid", "profile", "email", "groups"],
            },
        },
    }
    applications = dict(
        zip(ports, (saml.app(), *(one.app() for one in of_both.values()), oidc.app()), strict=True)
    )
    with (
        dns_server.serving(dns_server.Zone()) as zone,
        answering(applications),
        serving(
            tmp_path_factory.mktemp("pages"), told | {"dns_servers": [zone.server]}, port=port
        ) as service,
    ):
        world = World(service, saml, of_both, zone, chromium)
        for connection in ("acme-oidc", "operators"):
            with world.context() as context:
                page = context.new_page()
                sign_in(page, connection, "ada")
                arrive(page, "/account")
                world.states[connection] = context.storage_state()
        yield world


@pytest.fixture(scope="module")
def both(world: World) -> None:
    """A connection of each organization, made and tested by the operator; DNS proves acme.example theirs."""
    with world.context(by="operators") as context:
        page = context.new_page()
        for organization, connection in OF_BOTH.items():
            settings = {
                "protocol": "saml",
                "display_name": "Works",
                "domains": ["acme.example", "second.example"][: 2 if organization == "acme" else 1],
                "metadata": {"xml": world.of_both[organization].metadata().decode()},
                "on_email_match": "create",
            }
            told = {"id": connection, "organization": organization, "settings": settings}
            origin = {"origin": world.service.base_url}
            made = page.request.post("/admin/api/connections", data=told, headers=origin)
            assert made.ok, made.text()
            page.goto(f"/admin/domains/{organization}/acme.example")
            press(page, "Make the record")
            world.prove(page)
            press(page, "Look now")
            page.goto(f"/admin/connections/{connection}/setup/test")
            press(page, "Start the test")
            log_in(page, "zoe")
            expect(page.get_by_text("This sign-in would go through.")).to_be_visible()
            page.goto(f"/admin/connections/{connection}/setup/enable")
            press(page, "Enable the connection")
            expect(page.get_by_text("The connection is enabled")).to_be_visible()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the browser complains of: nothing may be left in it."""
    complaints: list[str] = []
    yield complaints
    assert complaints == []


@pytest.fixture
def ada(world: World, said: list[str]) -> Iterator[Page]:
    """Ada's browser, without JavaScript, as acme's administrator."""
    with world.context(by="acme-oidc") as context:
        yield listened(context.new_page(), said)


# Without JavaScript


def test_enforcement_is_looked_at_switched_on_and_lifted(ada: Page, world: World) -> None:
    ada.goto("/admin/organizations/acme")
    ada.get_by_label("Acme (OpenID)").check()
    press(ada, re.compile("Look|Show|would"))
    expect(ada.locator("#preflight")).to_be_visible()
    lead_on(ada, ada.locator("#preflight button.danger"))
    assert world.service.ask("SELECT count(*) FROM enforcement") == [(1,)]
    press(ada, re.compile("^Lift"))
    assert world.service.ask("SELECT count(*) FROM enforcement") == [(0,)]


def test_where_many_are_known_the_page_asks_again_by_itself(world: World, said: list[str]) -> None:
    many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300)"
    with closing(sqlite3.connect(world.service.config.parent / "federation.db")) as db, db:
        db.execute(f"""{many} INSERT INTO "user" (id, created_at) SELECT 'made-' || n, 0 FROM n""")  # noqa: S608
        db.execute(
            f"{many} INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)"  # noqa: S608
            " SELECT 'acme', 'made-' || n, 'manual', 'member', '', 0 FROM n"
        )
    with world.context(by="acme-oidc", script=True) as context:
        page = listened(context.new_page(), said)
        page.goto("/admin/organizations/acme?way-acme-oidc=on")
        expect(page.get_by_text(re.compile(r"Locked out: 30\d\."))).to_be_visible()
    with closing(sqlite3.connect(world.service.config.parent / "federation.db")) as db, db:
        db.execute("""DELETE FROM role_grant WHERE user_id LIKE 'made-%'""")
        db.execute("""DELETE FROM "user" WHERE id LIKE 'made-%'""")


def test_an_invitation_is_made_taken_and_another_revoked(ada: Page, world: World) -> None:
    links = []
    for email in ("newcomer@acme.example", "nobody@acme.example"):
        ada.goto("/admin/people/invitations")
        ada.get_by_label("E-mail", exact=False).first.fill(email)
        ada.get_by_label(re.compile("^Roles")).fill("editor")
        press(ada, re.compile("^Invite"))
        links.append(ada.locator("#link").inner_text())
    with world.context() as fresh:
        page = fresh.new_page()
        page.goto(links[0])
        page.get_by_role("link", name="Acme (OpenID)").click()
        log_in(page, "newcomer")
        expect(page.get_by_text("editor").first).to_be_visible()
    ada.goto("/admin/people/invitations")
    expect(ada.get_by_role("row", name="newcomer@")).to_have_count(0)
    ada.get_by_role("row", name="nobody@").get_by_role("button").click()
    expect(ada.get_by_role("row", name="nobody@")).to_have_count(0)
    with world.context() as late:
        page = late.new_page()
        answer = page.goto(links[1])
        assert answer is not None
        expect(page.get_by_role("link", name="Acme (OpenID)")).to_have_count(0)


def test_a_token_is_made_shown_once_and_revoked(ada: Page, world: World) -> None:
    ada.goto("/admin/tokens")
    ada.locator("#name").fill("terraform")
    ada.locator("[name='people:read']").check()
    lead_on(ada, ada.locator("main form[action='/admin/tokens'] button[type=submit]"))
    secret = ada.locator("#secret").inner_text()
    bearer = {"authorization": f"Bearer {secret}"}
    people = world.service.url("/admin/api/people")
    assert httpx2.get(people, headers=bearer, trust_env=False).status_code == 200
    ada.goto("/admin/tokens")
    assert secret not in ada.content()
    lead_on(ada, ada.get_by_role("row", name="terraform").get_by_role("button"))
    expect(ada.get_by_role("row", name="terraform").get_by_role("button")).to_have_count(0)
    assert httpx2.get(people, headers=bearer, trust_env=False).status_code == 401


def test_a_person_is_erased_by_the_address_typed(ada: Page, world: World) -> None:
    with world.context() as fresh:
        sign_in(fresh.new_page(), "acme-oidc", "bob")
    ada.goto("/admin/people")
    lead_on(ada, ada.get_by_role("link", name="Bob Builder"))
    ada.locator("summary").click()
    ada.get_by_label(re.compile("bob@acme.example")).fill("bob")
    lead_on(ada, ada.locator("details button.danger"))
    expect(ada.locator("#typed-fault")).to_be_visible()
    ada.get_by_label(re.compile("bob@acme.example")).fill("bob@acme.example")
    lead_on(ada, ada.locator("details button.danger"))
    expect(ada.get_by_role("link", name="Bob Builder")).to_have_count(0)
    assert world.service.ask("SELECT count(*) FROM account WHERE email LIKE 'bob@%'") == [(0,)]


@pytest.mark.usefixtures("both")
def test_a_domain_is_looked_for_in_dns(ada: Page, world: World) -> None:
    ada.goto("/admin/domains")
    ada.get_by_role("link", name="second.example", exact=True).click()
    press(ada, "Make the record")
    press(ada, "Look now")
    expect(ada.get_by_text("The record is not there yet.")).to_be_visible()
    world.zone.texts["_federation-challenge.second.example"] = ['"federation-domain-verification=other"']
    press(ada, "Look now")
    expect(ada.get_by_text("The record is not there yet.")).to_be_visible()
    world.prove(ada)
    press(ada, "Look now")
    expect(ada.get_by_text("The record is there: the domain is proved.")).to_be_visible()
    expect(ada.locator("h1 .state.ok")).to_be_visible()
    assert any(one.endswith(" _federation-challenge.second.example") for one in world.zone.asked)


def test_a_changed_key_waits_until_it_is_approved(ada: Page, world: World) -> None:
    world.saml.key, world.saml.another_key = world.saml.another_key, world.saml.key
    world.service.command("metadata", "fetch", "acme-saml")
    with world.context() as fresh:
        page = fresh.new_page()
        sign_in(page, "acme-saml", "newcomer")
        expect(page.locator("#reference")).to_be_visible()
        assert world.service.newest_code() == "saml.signature"
        ada.goto("/admin")
        expect(ada.get_by_text("key added").first).to_be_visible()
        press(ada, re.compile("^Approve.*acme-saml"))
        expect(ada.get_by_role("button", name=re.compile("^Approve.*acme-saml"))).to_have_count(0)
        kept = "SELECT held_digest FROM provider_metadata WHERE connection = 'acme-saml'"
        assert world.service.ask(kept) == [("",)]


@pytest.mark.usefixtures("both")
def test_who_is_of_two_organizations_chooses_and_comes_in(world: World, said: list[str]) -> None:
    with world.context() as fresh:
        page = listened(fresh.new_page(), said)
        page.goto("/login?return_to=/account")
        page.locator("#email").fill("zoe@acme.example")
        page.locator("#email").press("Enter")
        ways = page.locator("ul.choices a")
        expect(ways).to_have_text([re.compile("Works.*Acme"), re.compile("Works.*Globex")])
        ways.filter(has_text="Globex").click()
        log_in(page, "zoe")
        expect(page.locator("dd").filter(has_text="Globex").first).to_be_visible()


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_choice_of_organizations_is_accessible_and_narrow(world: World, scheme: Any) -> None:
    with world.context(script=True, color_scheme=scheme, bypass_csp=True) as fresh:
        page = fresh.new_page()
        page.set_viewport_size(WIDE)
        page.goto("/login?email=zoe%40acme.example")
        expect(page.locator("ul.choices a")).to_have_count(2)
        assert violations(page, axe_source()) == []
        page.set_viewport_size(NARROW)
        assert scrolls_sideways(page) == ""


# By the keyboard alone


@pytest.fixture
def keys(world: World, said: list[str]) -> Iterator[Page]:
    """A browser with JavaScript whose mouse nobody touches; the operator's."""
    with world.context(script=True, by="operators") as context:
        yield listened(context.new_page(), said)


def type_at(page: Page, what: str, text: str) -> None:
    """Go to a field, and write over what it holds."""
    go_to(page, what)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def press_enter(page: Page, what: str) -> None:
    """Go to a button or a link, and take it where it leads."""
    go_to(page, what)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_sign_in_and_the_account_by_keyboard(world: World, said: list[str]) -> None:
    with world.context(script=True) as context:
        page = listened(context.new_page(), said)
        page.goto("/login?return_to=/account")
        type_at(page, "email", "nobody@nowhere.example")
        page.keyboard.press("Enter")
        page.wait_for_url("**email=**")
        press_enter(page, "Try another address")
        page.wait_for_url(re.compile(r"/login\?return_to"))
        press_enter(page, "Acme (OpenID)")
        by_hand(page, "zoe")
        arrive(page, "/account$")
        press_enter(page, "Link Acme (SAML)")
        by_hand(page, "zoe")
        arrive(page, "/join$")
        press_enter(page, "Yes, join both")
        press_enter(page, "Go on")
        arrive(page, "/account")
        expect(page.locator("section[aria-labelledby=ways] li")).to_have_count(2)
        with world.context() as elsewhere:
            sign_in(elsewhere.new_page(), "acme-oidc", "zoe")
            page.reload()
            press_enter(page, "End all others")
            arrive(page, "/account")
            assert elsewhere.request.get("/session", headers={"accept": "application/json"}).status == 401
        go_to(page, "Unlink")
        if "SAML" not in (page.locator(":focus").get_attribute("aria-label") or ""):
            go_to(page, "Unlink")  # not the way by which this session came: it would end
        with page.expect_navigation():
            page.keyboard.press("Enter")
        press_enter(page, "Unlink")
        arrive(page, "/account$")
        expect(page.locator("section[aria-labelledby=ways] li")).to_have_count(1)
        press_enter(page, "Sign out")
        expect(page.get_by_text("signed out").first).to_be_visible()


def by_hand(page: Page, login: str) -> None:
    """Fill in the provider's form, whose first field has the focus."""
    expect(page.get_by_label("User", exact=True)).to_be_focused()
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(login)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("//localhost"))


@pytest.mark.usefixtures("both")
def test_rules_and_the_end_of_a_connection_by_keyboard(keys: Page, world: World) -> None:
    with world.context() as fresh:
        sign_in(fresh.new_page(), OF_BOTH["globex"], "zoe")
    at = f"/admin/connections/{OF_BOTH['globex']}"
    keys.goto(f"{at}/rules")
    press_enter(keys, "Add a rule")
    expect(keys.locator("#rule-0")).to_be_visible()
    type_at(keys, "rules.0.name", "staff builds")
    type_at(keys, "rules.0.groups", "staff")
    type_at(keys, "rules.0.roles", "builder")
    press_enter(keys, "Preview: who gains and loses what")
    expect(keys.get_by_role("cell", name="builder")).to_be_visible()
    press_enter(keys, "Save these rules")
    expect(keys.locator("[role=status]").first).to_be_visible()
    kept = "SELECT body FROM kept_connection WHERE id = ?"
    assert "staff builds" in str(world.service.ask(kept, OF_BOTH["globex"]))
    keys.goto(at)
    press_enter(keys, "Delete")
    type_at(keys, "name", "Wrong")
    press_enter(keys, "Delete connection")
    expect(keys.locator("#name[aria-invalid=true]")).to_be_visible()
    type_at(keys, "name", "Works")
    press_enter(keys, "Delete connection")
    keys.wait_for_url("**/admin/connections")
    gone = "SELECT count(*) FROM kept_connection WHERE id = ? AND deleted_at IS NULL"
    assert world.service.ask(gone, OF_BOTH["globex"]) == [(0,)]
