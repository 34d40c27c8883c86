"""What only a real browser shows: SameSite, cross-site posts, CSP, pages with and without script.

Chromium signs in at the demo: the service on localhost, both identity providers on 127.0.0.1,
which is another site.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from service import Demo, demonstrating

pytestmark = pytest.mark.browser

SAML, OIDC = "Acme (SAML)", "Acme (OpenID Connect)"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demonstrating(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def context(chromium: Browser, demo: Demo, *, script: bool) -> Iterator[BrowserContext]:
    """A fresh browser profile, with and without JavaScript."""
    context = chromium.new_context(base_url=demo.base_url, java_script_enabled=script)
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def fill_in(page: Page, login: str, goal: str, *, script: bool) -> None:
    """Sign in at the identity provider, and go on until the browser is at ``goal``."""
    saml = "SAML" in page.title()
    page.get_by_label("User", exact=True).fill(login)
    page.get_by_label("Password").fill(login)
    page.get_by_role("button", name="Sign in", exact=True).click()
    if saml and not script:  # what would post itself has a button: the IdP's page, then our own
        for title in ("Signing in", "One moment"):
            expect(page).to_have_title(re.compile(title))
            page.get_by_role("button", name="Continue", exact=True).click()
    page.wait_for_url(goal)


def start(page: Page, connection: str) -> None:
    page.goto("/")
    page.get_by_role("link", name=connection).click()
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("connection", [SAML, OIDC])
def test_sign_in_and_out(page: Page, demo: Demo, connection: str, *, script: bool) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    start(page, connection)
    assert page.url.startswith("http://127.0.0.1:")
    fill_in(page, "zoe", demo.url("/"), script=script)
    expect(page.get_by_role("heading", level=1)).to_have_text("Zoë & <R&D>")
    expect(page.get_by_text("équipe")).to_be_visible()
    expect(page.get_by_text("researcher")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    page.goto("/")
    expect(page.get_by_role("link", name=connection)).to_be_visible()
    assert said == []


@pytest.mark.parametrize("connection", [SAML, OIDC])
def test_signing_out_here_signs_out_at_the_provider(
    page: Page, demo: Demo, connection: str, *, script: bool
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    start(page, connection)
    there = page.url.partition("/sso")[0]
    fill_in(page, "ada", demo.url("/"), script=script)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/logout?outcome=full")
    expect(page.get_by_text("has signed you out as well")).to_be_visible()
    if connection == SAML:
        page.goto(there)
        expect(page.get_by_text("Nobody is signed in here.")).to_be_visible()
    else:
        start(page, OIDC)
        expect(page.get_by_role("button", name="Continue as")).to_have_count(0)
    assert said == []


@pytest.mark.parametrize("way", ["redirect", "POST"])
def test_signing_out_at_the_provider_signs_out_here(
    page: Page, demo: Demo, way: str, *, script: bool
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    start(page, SAML)
    there = page.url.partition("/sso")[0]
    fill_in(page, "ada", demo.url("/"), script=script)
    page.goto(there)
    page.get_by_role("button", name=f"Sign out everywhere, by {way}").click()
    if way == "POST" and not script:
        for title in ("Signing out", "One moment"):
            expect(page).to_have_title(re.compile(title))
            page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_text("acme-saml/metadata: signed out")).to_be_visible()
    page.goto(demo.url("/"))
    expect(page.get_by_role("link", name=SAML)).to_be_visible()
    assert said == []


def test_the_saml_answer_comes_from_another_site(page: Page, demo: Demo, *, script: bool) -> None:
    posts: list[Request] = []
    acs = demo.url("/saml/acme-saml/acs")
    page.on("request", lambda request: posts.append(request) if request.url == acs else None)
    start(page, SAML)
    fill_in(page, "ada", demo.url("/"), script=script)
    # The cross-site post carries no cookie; our own page posts it again, and then the binder is there.
    sent = [post.all_headers() for post in posts]
    assert [headers.get("sec-fetch-site") for headers in sent] == ["cross-site", "same-origin"]
    first, second = (headers.get("cookie") for headers in sent)
    assert first is None
    assert second
    assert "signin" in second


@pytest.mark.parametrize("connection", [SAML, OIDC])
def test_two_tabs_at_once(context: BrowserContext, demo: Demo, connection: str, *, script: bool) -> None:
    one, other = context.new_page(), context.new_page()
    begin = {SAML: "/login/acme-saml", OIDC: "/login/acme-oidc"}[connection]
    for tab, goal in ((one, "/account"), (other, "/session")):
        tab.goto(f"{begin}?return_to={goal}")
        expect(tab.get_by_label("Password")).to_be_visible()
    fill_in(other, "bob", demo.url("/session"), script=script)
    fill_in(one, "bob", demo.url("/account"), script=script)
    expect(one.get_by_role("heading", level=1)).to_have_text("Bob Builder")
    other.goto("/account")
    expect(other.get_by_role("heading", level=1)).to_have_text("Bob Builder")


@pytest.mark.parametrize("connection", [SAML, OIDC])
def test_who_may_not_enter_reads_a_sentence_and_a_reference(
    page: Page, demo: Demo, connection: str, *, script: bool
) -> None:
    start(page, connection)
    goal = {SAML: "/saml/acme-saml/acs", OIDC: "/oidc/acme-oidc/callback*"}[connection]
    fill_in(page, "mallory", demo.url(goal), script=script)
    expect(page.get_by_text("You are not allowed to sign in here.")).to_be_visible()
    expect(page.locator("#reference")).to_have_text(re.compile(r"^[A-Z2-7]{10}$"))
    assert "evil.example" not in page.content()
    page.goto("/account")
    expect(page.get_by_label("Work e-mail")).to_be_visible()


def test_an_e_mail_address_leads_to_its_connection(page: Page, demo: Demo) -> None:
    page.goto("/")
    page.get_by_label("Work e-mail").fill("ada@acme.example")
    page.get_by_role("button", name="Continue with e-mail").click()
    page.get_by_role("link", name="Acme (SAML)").click()  # two lead to this domain: the person chooses
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.url.startswith("http://127.0.0.1:")
