"""The administration in a real browser, with SimpleSAMLphp and oidc-provider: each journey of an IT person.

One service, one Chromium. Alice is acme's administrator; Bob is a member. Hosts on loopback are private, so
the settings allow them to what is declared here.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns_server
import httpx2
import pytest
from accessible import CONTRAST, HEAVIEST, NARROW, WIDE, axe_source, octets, scrolls_sideways, violations
from acme import RULES
from chromium import arrive, where
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError
from providers import PEOPLE, OidcProvider, SimpleSamlPhp
from service import Service, serving
from test_console_injection import CONTEXTS

pytestmark = [pytest.mark.providers, pytest.mark.browser]

SECRET = "the-secret-of-a-test-client-0123456789"
LEADS_ON = 30.0  # seconds, through a provider and back


@dataclass
class World:
    """What a journey needs."""

    service: Service
    saml: SimpleSamlPhp
    oidc: OidcProvider
    zone: dns_server.Zone
    browser: Browser
    state: Any = None  # alice's cookies, signed in

    def context(self, *, script: bool = True, who: str = "", **told: Any) -> BrowserContext:
        """Return a browser profile: ``who`` is signed in already, else a fresh one."""
        state = self.state if who else None
        context = self.browser.new_context(
            base_url=self.service.base_url, java_script_enabled=script, storage_state=state, **told
        )
        context.set_default_timeout(20_000)
        return context

    def registered_saml(self, connection: str) -> None:
        url = self.service.url(f"/saml/{connection}/metadata")
        self.saml.register(httpx2.get(url, trust_env=False).raise_for_status().content)

    def registered_oidc(self, connection: str) -> None:
        self.oidc.register(
            client_id=connection,
            client_secret=SECRET,
            redirect_uris=[self.service.url(f"/oidc/{connection}/callback")],
            post_logout_redirect_uris=[self.service.url("/logout")],
        )


@pytest.fixture(scope="module")
def world(
    chromium: Browser,
    simplesamlphp_server: SimpleSamlPhp,
    oidc_provider_server: OidcProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("console")
    simplesamlphp_server.variant()  # whoever had them before in this process left them as they liked
    simplesamlphp_server.hosted()
    oidc_provider_server.options()
    (directory / "idp.xml").write_bytes(simplesamlphp_server.metadata())
    openid = {
        "protocol": "oidc",
        "preset": "generic",
        "issuer": oidc_provider_server.issuer,
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "email", "groups"],
    }
    saml = {"protocol": "saml", "preset": "simplesamlphp", "metadata": {"file": str(directory / "idp.xml")}}
    with dns_server.serving(dns_server.Zone()) as zone:
        told = {
            "organizations": {
                "acme": {"name": "Acme", "default_roles": ["member"], "administrators": ["admin"]},
                "globex": {"name": "Globex", "default_roles": ["member"]},
            },
            "rate_limits": {"sign_in": "off", "failures": "off"},
            "outbound": {"allow": ["127.0.0.1"]},
            "dns_servers": [zone.server],
            "connections": {
                "acme-oidc": {
                    **openid,
                    "client_id": "acme-oidc",
                    "organization": "acme",
                    "domains": ["acme.example"],
                    "role_rules": RULES,
                    "record": "full",
                },
                "globex-oidc": {
                    **openid,
                    "client_id": "globex-oidc",
                    "organization": "globex",
                    "anyone": True,
                },
                "globex-saml": {**saml, "organization": "globex", "anyone": True},
            },
        }
        with serving(directory, told) as service:
            world = World(service, simplesamlphp_server, oidc_provider_server, zone, chromium)
            world.registered_saml("globex-saml")
            for name in ("acme-oidc", "globex-oidc"):
                world.registered_oidc(name)
            with world.context() as context:
                page = context.new_page()
                sign_in(page, "acme-oidc", "alice")
                page.goto(
                    "/prove?return_to=/account"
                )  # what matters is changed by who has just proved to be there
                fill_login(page, "alice")
                world.state = context.storage_state()
            yield world


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the browser complains of: nothing may be left in it."""
    complaints: list[str] = []
    yield complaints
    assert complaints == []


@pytest.fixture
def admin(world: World, said: list[str], *, script: bool) -> Iterator[Page]:
    """Alice's browser, with and without JavaScript."""
    with world.context(script=script, who="alice") as context:
        yield listened(context.new_page(), said)
        for (name,) in world.service.ask("SELECT id FROM kept_connection WHERE deleted_at IS NULL"):
            at = f"/admin/api/connections/{name}"
            answer = context.request.get(at)
            assert answer.ok, answer.text()
            title = answer.json()["title"]
            gone = context.request.delete(
                at, data={"name": title}, headers={"origin": world.service.base_url}
            )
            assert gone.ok, gone.text()


def listened(page: Page, said: list[str]) -> Page:
    """Note what the browser complains of, and whatever speaks that should not."""

    def note(message: ConsoleMessage) -> None:
        if "Content Security" in message.text or "TrustedHTML" in message.text:
            said.append(message.text)

    def dismiss(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", dismiss)
    return page


def fill_login(page: Page, login: str) -> None:
    """Sign in on the provider's form, if it asks; press on where nothing goes on by itself."""
    until = time.monotonic() + LEADS_ON
    while time.monotonic() < until:
        page.wait_for_load_state()
        try:
            if _step(page, login):
                return
        except PlaywrightError:  # the page was left while it was looked at
            page.wait_for_timeout(100)
    raise AssertionError(f"stays at {page.url}: {page.inner_text('body')}")


def _step(page: Page, login: str) -> bool:
    """Do what this page asks for; return whether it is where the journey leads."""
    person = PEOPLE[login]
    is_ours = "//localhost" in where(page)
    if page.locator("[type=password]").count():
        page.locator("[name=username], [name=login]").first.fill(person.login)
        page.locator("[type=password]").fill(person.password)
        with page.expect_navigation():  # else the form is filled in again while it is on its way
            page.locator("[type=password]").press("Enter")
    elif page.locator("meta[http-equiv=refresh], form[data-submit]").count() and is_ours:
        _press_on(page)
    elif is_ours:
        return True
    else:
        _press_on(page)
    return False


def _press_on(page: Page) -> None:
    """Press the button of a page that leads on, where no script or refresh does so first."""
    button = page.locator("form[method=post] [type=submit]:visible")
    if page.locator("meta[http-equiv=refresh]").count() == 0 and button.count():
        with page.expect_navigation():
            button.first.click()
    else:
        page.wait_for_timeout(100)


def sign_in(page: Page, connection: str, login: str, goal: str = "/account") -> None:
    page.goto(f"/login/{connection}?return_to={goal}")
    fill_login(page, login)
    arrive(page, goal)


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button that leads on, and wait for the next page: it may look like this one."""
    lead_on(page, page.get_by_role("button", name=name, exact=isinstance(name, str)))


def lead_on(page: Page, button: Locator) -> None:
    """Press it, and wait for the page that it leads to: what it does is done then."""
    with page.expect_navigation():
        button.first.click()


def begin_wizard(page: Page, preset: str, protocol: str, name: str) -> str:
    page.goto("/admin/connections")
    page.goto(f"/admin/connections/new?preset={preset}&protocol={protocol}")
    page.get_by_label("Name", exact=True).fill(name)
    identifier = name.lower().replace(" ", "-")
    page.get_by_label("Id", exact=True).fill(identifier)
    press(page, "Begin")
    page.wait_for_url(f"**/admin/connections/{identifier}/setup/**")
    unlike(page, identifier)
    return identifier


def unlike(page: Page, connection: str) -> None:
    """Have who comes by a connection be another user than who came by another with their address."""
    at = f"/admin/api/connections/{connection}"
    told = {"settings": {"on_email_match": "create"}, "number": page.request.get(at).json()["number"]}
    assert page.request.patch(at, data=told, headers={"origin": page.url.partition("/admin")[0]}).ok


def prove_domain(page: Page, world: World, path: str) -> None:
    """Claim acme's domain, publish its record, and have it looked at."""
    page.goto(f"{path}/people")
    page.get_by_label("E-mail domains").fill("acme.example")
    press(page, "Save")
    if page.get_by_text("not proved yet").count():
        name, text = (page.locator(f"#{one}-1").inner_text() for one in ("name", "text"))
        world.zone.texts[name.removesuffix(".")] = [f'"{text}"']
        press(page, "Look now")
        expect(page.get_by_text("The record is there")).to_be_visible()


def try_out(page: Page, path: str, login: str = "alice") -> None:
    page.goto(f"{path}/test")
    press(page, "Start the test")
    arrive(page, r"//127\.0\.0\.1:|/tests/")  # a page of ours leads on by itself
    fill_login(page, login)
    arrive(page, "/tests/")


def test_saml_by_the_address_of_its_metadata(admin: Page, world: World, *, script: bool) -> None:
    name = begin_wizard(admin, "simplesamlphp", "saml", f"By address {script}")
    path = f"/admin/connections/{name}/setup"
    world.registered_saml(name)
    admin.goto(f"{path}/answer")
    admin.get_by_label("Address of its metadata").fill(world.saml.entity_id)
    press(admin, "Read it and save")
    expect(admin.get_by_text("This is what it says")).to_be_visible()
    prove_domain(admin, world, path)
    try_out(admin, path)
    expect(admin.get_by_text("This sign-in would go through.")).to_be_visible()
    expect(admin.get_by_text("alice@acme.example").first).to_be_visible()
    admin.goto(f"{path}/enable")
    press(admin, "Enable the connection")
    expect(admin.get_by_text("The connection is enabled")).to_be_visible()
    with world.context() as fresh:
        person = fresh.new_page()
        sign_in(person, name, "bob")
        expect(person.get_by_role("heading", level=1)).to_have_text("Bob Builder")
    admin.goto(f"/admin/connections/{name}/delete")
    admin.get_by_label(re.compile("Type|name", re.IGNORECASE)).fill("wrong")
    press(admin, re.compile("Delete"))
    expect(admin.locator("[aria-invalid=true]")).to_be_visible()
    admin.locator("#name").fill(f"By address {script}")
    press(admin, re.compile("Delete"))
    admin.wait_for_url("**/admin/connections")
    expect(admin.get_by_text(f"By address {script}")).to_have_count(0)


@pytest.mark.parametrize("script", [True], ids=["script"])
def test_saml_by_upload_and_a_broken_certificate(
    admin: Page, world: World, tmp_path: Path, *, script: bool
) -> None:
    name = begin_wizard(admin, "generic", "saml", f"By upload {script}")
    path = f"/admin/connections/{name}/setup"
    world.registered_saml(name)
    file = tmp_path / "metadata.xml"
    file.write_bytes(world.saml.metadata())
    admin.goto(f"{path}/answer")
    admin.get_by_label("Metadata file").set_input_files(file)
    press(admin, "Upload and save")
    expect(admin.get_by_text("This is what it says")).to_be_visible()
    prove_domain(admin, world, path)
    world.saml.make_certificate("another")
    world.saml.hosted(privatekey="another.key", certificate="another.crt")
    try:
        try_out(admin, path)
    finally:
        world.saml.hosted()
    expect(admin.get_by_text("This sign-in would be refused.")).to_be_visible()
    expect(admin.get_by_text("saml.signature").first).to_be_visible()
    expect(admin.locator(".state.bad").first).to_be_visible()
    try_out(admin, path)
    expect(admin.get_by_text("This sign-in would go through.")).to_be_visible()


@pytest.mark.parametrize("script", [False], ids=["no script"])
def test_openid_connect(admin: Page, world: World, *, script: bool) -> None:
    name = begin_wizard(admin, "generic", "oidc", f"By issuer {script}")
    path = f"/admin/connections/{name}/setup"
    world.registered_oidc(name)
    admin.goto(f"{path}/answer")
    admin.get_by_label("Issuer").fill(world.oidc.issuer + "/nowhere")
    admin.get_by_label("Client ID").fill(name)
    admin.get_by_label("Client secret").fill(SECRET)
    press(admin, "Look and save")
    expect(admin.locator(".fault").first).to_be_visible()
    admin.get_by_label("Issuer").fill(world.oidc.issuer)
    admin.get_by_label("Client ID").fill(name)
    admin.get_by_label("Client secret").fill(SECRET)
    press(admin, "Look and save")
    expect(admin.get_by_text("This is what it says")).to_be_visible()
    assert SECRET not in admin.content()
    prove_domain(admin, world, path)
    try_out(admin, path)
    expect(admin.get_by_text("This sign-in would go through.")).to_be_visible()
    admin.goto(f"{path}/answer")
    assert SECRET not in admin.content()


def test_a_setup_link_in_a_fresh_profile(admin: Page, world: World, said: list[str], *, script: bool) -> None:
    name = begin_wizard(admin, "simplesamlphp", "saml", f"By link {script}")
    admin.goto(f"/admin/connections/{name}/links")
    press(admin, "Make the link")
    link = admin.locator("#link").inner_text()
    with world.context(script=script) as fresh:
        page = listened(fresh.new_page(), said)
        page.goto(link)
        lead_on(page, page.locator("main form button.primary"))
        page.wait_for_url("**/setup/**")
        page.goto("/setup/answer")
        page.get_by_label("Address of its metadata").fill(world.saml.entity_id)
        press(page, "Read it and save")
        expect(page.get_by_text("This is what it says")).to_be_visible()
        for path in ("/admin", "/admin/people", f"/admin/connections/{name}", "/account"):
            page.goto(path)
            assert "/login" in page.url, path  # nobody is signed in by a link
    admin.goto(f"/admin/connections/{name}/links")
    press(admin, re.compile("Revoke"))
    with world.context(script=script) as late:
        page = late.new_page()
        page.goto(link)
        lead_on(page, page.locator("main form button.primary"))  # of one that is over nothing is told before
        page.goto("/setup/answer")
        expect(page.get_by_label("Address of its metadata")).to_have_count(0)


def test_rules_are_previewed_before_they_are_saved(admin: Page, world: World, *, script: bool) -> None:
    name = begin_wizard(admin, "simplesamlphp", "saml", f"By rules {script}")
    path = f"/admin/connections/{name}/setup"
    world.registered_saml(name)
    admin.goto(f"{path}/answer")
    admin.get_by_label("Address of its metadata").fill(world.saml.entity_id)
    press(admin, "Read it and save")
    prove_domain(admin, world, path)
    try_out(admin, path)
    admin.goto(f"{path}/enable")
    press(admin, "Enable the connection")
    with world.context() as fresh:
        sign_in(fresh.new_page(), name, "bob")
    admin.goto(f"/admin/connections/{name}/rules")
    press(admin, re.compile("^Add"))
    admin.locator("[id='rules.0.name']").fill("builders")
    admin.locator("[id='rules.0.groups']").fill("staff")
    admin.locator("[id='rules.0.roles']").fill("builder")
    press(admin, re.compile("[Pp]review|Who gains"))
    person = admin.get_by_role("row", name="@acme.example")  # whose address is shown where it is revealed
    expect(person.get_by_role("cell", name="builder")).to_be_visible()
    assert "builders" not in str(world.service.ask("SELECT body FROM kept_connection WHERE id = ?", name))
    press(admin, re.compile("^Save"))
    expect(admin.locator("[role=status]").first).to_be_visible()
    assert "builders" in str(world.service.ask("SELECT body FROM kept_connection WHERE id = ?", name))


def test_a_decision_is_read_and_revealed(admin: Page, world: World, *, script: bool) -> None:
    with world.context() as fresh:
        sign_in(fresh.new_page(), "acme-oidc", "zoe")
    admin.goto("/admin/decisions")
    lead_on(admin, admin.locator("table a"))
    assert "zoe@acme.example" not in admin.locator("main").inner_text()
    press(admin, re.compile("Reveal|Show"))
    expect(admin.get_by_text("zoe@acme.example").first).to_be_visible()
    expect(admin.locator("pre").first).to_be_visible()
    audited = world.service.ask("SELECT count(*) FROM audit WHERE action LIKE 'decision%'")
    assert audited[0][0] >= 1


def test_refusal_link_unlink_and_sessions(world: World, said: list[str], *, script: bool) -> None:
    with world.context(script=script) as context:
        page = listened(context.new_page(), said)
        page.goto("/login/acme-oidc?return_to=/account")
        fill_login(page, "mallory")
        expect(page.locator("#reference")).to_have_text(re.compile(r"^[A-Z2-7]{10}$"))
        context.clear_cookies()
        sign_in(page, "globex-saml", "zoe")
        page.get_by_role("button", name=re.compile("globex-oidc")).click()
        arrive(page, r"//127\.0\.0\.1:|/join")
        fill_login(page, "zoe")
        arrive(page, "/join")
        lead_on(page, page.locator("main form button.primary, main a.button.primary"))
        page.goto("/account")
        unlink = page.get_by_role("link", name=re.compile("globex-oidc"))
        expect(unlink).to_be_visible()
        with world.context() as elsewhere:
            sign_in(elsewhere.new_page(), "globex-saml", "zoe")
            page.reload()
            lead_on(page, page.get_by_role("button", name=re.compile("other", re.IGNORECASE)))
            assert elsewhere.request.get("/session", headers={"accept": "application/json"}).status == 401
        lead_on(page, unlink)
        lead_on(page, page.locator("main form button[type=submit]"))
        arrive(page, "/account")
        expect(page.get_by_role("link", name=re.compile("globex-oidc"))).to_have_count(0)


def test_the_wizard_by_keyboard_alone(world: World, said: list[str]) -> None:
    with world.context(who="alice") as context:
        page = listened(context.new_page(), said)
        page.goto("/admin/connections/new?preset=generic&protocol=saml")
        go_to(page, "display_name")
        page.keyboard.type("By keyboard")
        go_to(page, "id")
        page.keyboard.type("by-keyboard")
        page.keyboard.press("Enter")
        page.wait_for_url("**/setup/provider")
        unlike(page, "by-keyboard")
        page.reload()
        go_to(page, "Next step")
        page.keyboard.press("Enter")
        page.wait_for_url("**/setup/answer")
        go_to(page, "url")
        page.keyboard.type(world.saml.entity_id)
        page.keyboard.press("Enter")
        expect(page.get_by_text("This is what it says")).to_be_visible()
        world.registered_saml("by-keyboard")
        go_to(page, "Next step")
        page.keyboard.press("Enter")
        page.wait_for_url("**/setup/people")
        go_to(page, "domains")
        page.keyboard.type("acme.example")
        follow(page, "Save")
        if page.get_by_text("not proved yet").count():
            name, text = (page.locator(f"#{one}-1").inner_text() for one in ("name", "text"))
            world.zone.texts[name.removesuffix(".")] = [f'"{text}"']
            follow(page, "Look now")
            expect(page.get_by_text("The record is there")).to_be_visible()
        for step in ("mapping", "test"):
            follow(page, "Next step" if step == "mapping" else "Skip for now")
            page.wait_for_url(f"**/setup/{step}")
        go_to(page, "Start the test")
        page.keyboard.press("Enter")
        page.wait_for_selector("[name=username], .state.ok, .notice.ok")
        if page.locator("[name=username]").count():
            page.keyboard.type("alice")
            page.keyboard.press("Tab")
            page.keyboard.type(PEOPLE["alice"].password)
            page.keyboard.press("Enter")
        arrive(page, "/tests/")
        expect(page.get_by_text("This sign-in would go through.")).to_be_visible()
        page.goto("/admin/connections/by-keyboard/setup/enable")
        go_to(page, "Enable the connection")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The connection is enabled")).to_be_visible()


def follow(page: Page, what: str) -> None:
    """Press what leads on, by keyboard, and wait for the next page: it may look like this one."""
    go_to(page, what)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def go_to(page: Page, what: str) -> None:
    """Press Tab until the element of this id or text has the focus, which is seen."""
    for _ in range(120):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => { const at = document.activeElement; const seen = getComputedStyle(at);
              return [at.id, at.innerText?.trim() ?? "", seen.outlineStyle !== "none"]; }"""
        )
        if what in at[:2]:
            assert at[2], f"{what} has the focus, and does not show it"
            return
    pytest.fail(f"Tab never comes to {what!r} on {page.url}")


@pytest.mark.parametrize("script", [True], ids=["script"])
def test_what_would_hurt_is_text_in_the_browser_too(admin: Page, world: World, *, script: bool) -> None:
    hurtful = tuple(CONTEXTS.values())
    origin = {"origin": world.service.base_url}
    paths = ["", "/connections", "/audit"]
    for name, evil in (
        ("evil", " ".join(hurtful[::2])),
        ("worse", " ".join(hurtful[1::2])),
    ):  # 200 are a name
        settings: dict[str, Any] = {"protocol": "saml", "display_name": evil, "domains": ["evil.example"]}
        settings |= {"role_rules": [{"name": evil, "groups": [evil], "roles": ["member"]}]}
        told = {"id": name, "organization": "acme", "settings": settings}
        made = admin.request.post("/admin/api/connections", data=told, headers=origin)
        assert made.ok, made.text()
        paths += [f"/connections/{name}", f"/connections/{name}/rules"]
    for path in paths:
        admin.goto(f"/admin{path}")
        assert admin.locator(".hurt, [onerror]").count() == 0
    admin.goto("/admin/connections")
    expect(admin.get_by_text("<script>alert(1)</script>").first).to_be_visible()  # and nothing was said


def every_page(world: World) -> list[str]:
    """Return a path of each page of the administration, by what there is."""
    ask = world.service.ask
    user = ask("SELECT user_id FROM account LIMIT 1")[0][0]
    reference = ask("SELECT reference FROM decision_record ORDER BY recorded_at DESC LIMIT 1")[0][0]
    trials = [f"/admin/tests/{one}" for (one,) in ask("SELECT id FROM trial WHERE ended_at > 0 LIMIT 2")]
    kept = [one for (one,) in ask("SELECT id FROM kept_connection WHERE deleted_at IS NULL LIMIT 1")]
    steps = ("provider", "answer", "people", "mapping", "test", "enable")
    connection = "/admin/connections/acme-oidc"
    paths = [
        *(f"/admin/connections/{one}" for one in ("acme-oidc", *kept)),
        *(f"/admin/connections/{one}/{rest}" for one in kept for rest in ("delete", "links", "rules")),
        *(f"/admin/connections/{one}/setup/{step}" for one in kept for step in steps),
        *(f"{connection}/{rest}" for rest in ("test", "rules", "disable")),
    ]
    lists = ["people", "people/invitations", "teams", "organizations", "organizations/acme", "domains"]
    lists += ["decisions", "audit", "tokens", "settings", "connections", "connections/new"]
    lists += ["connections/new?preset=okta&protocol=saml", f"people/{user}", f"decisions/{reference}"]
    return ["/admin", *(f"/admin/{one}" for one in lists), *paths, *trials, "/account", "/logout"]


FOR_ANYBODY = [
    "/",
    "/login?email=x%40nowhere.example",
    "/nowhere",
    "/break-glass",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_narrow_and_light(world: World, said: list[str], scheme: Any) -> None:
    source = axe_source()
    found: list[str] = []
    for who, paths in (("", FOR_ANYBODY), ("alice", every_page(world))):
        # Evaluating axe as the page's own script would be what its policy forbids.
        with world.context(who=who, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as context:
            page = listened(context.new_page(), said)
            for path in paths:
                page.set_viewport_size(WIDE)
                answer = page.goto(path)
                assert answer is not None
                if answer.status >= 500:
                    found.append(f"{path}: {answer.status}")
                    continue
                if not 0 < (weight := octets(page)) < HEAVIEST:
                    found.append(f"{path}: {weight} octets")
                if scheme == "dark":  # nothing but colours is another
                    found += [f"{path}: {one}" for one in violations(page, source, CONTRAST)]
                    continue
                found += [f"{path}: {one}" for one in violations(page, source)]
                page.set_viewport_size(NARROW)
                if wide := scrolls_sideways(page):
                    found.append(f"{path}: wider than 320 px: {wide}")
                moving = page.evaluate(
                    "() => [...document.querySelectorAll('*')]"
                    ".filter(one => getComputedStyle(one).transitionDuration !== '0s').length"
                )
                if moving:
                    found.append(f"{path}: {moving} elements move")
    assert not found, "\n".join(dict.fromkeys(found))
