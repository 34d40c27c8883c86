"""SAML in a real browser, with SimpleSAMLphp: what CSP, SameSite, refreshes and frames let through.

Chromium, with JavaScript and without; the service on localhost, SimpleSAMLphp on 127.0.0.1,
which is another site.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from acme import registered, sp
from chromium import arrive, where
from playwright import sync_api
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from providers import PEOPLE, SimpleSamlPhp
from service import Service

pytestmark = [pytest.mark.providers, pytest.mark.browser]

POSTING: dict[str, Any] = {"request_binding": "post", "sign_requests": "always"}
LIMIT = 20  # pages on the way, each with a button where there is no script


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    by_redirect = rb'<md:SingleLogoutService Binding="[^"]*HTTP-Redirect"[^>]*/>'
    (directory / "posting.xml").write_bytes(re.sub(by_redirect, b"", simplesamlphp_server.metadata()))
    posts = {**POSTING, "metadata": {"file": str(directory / "posting.xml")}}
    with registered(directory, simplesamlphp_server, {"redirects": {}, "posts": posts}) as running:
        yield running


@pytest.fixture
def idp(simplesamlphp: SimpleSamlPhp, service: Service) -> SimpleSamlPhp:
    simplesamlphp.variant("logout-by-post", sp=sp(service, "posts"))
    return simplesamlphp


@pytest.fixture
def context(chromium: Browser, service: Service, *, script: bool) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=service.base_url, java_script_enabled=script)
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, idp: SimpleSamlPhp) -> Iterator[Page]:
    """Open a page; the browser must not complain, but of SimpleSAMLphp's own (missing pictures)."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].startswith(idp.origin):
            said.append(message.text)

    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert said == []


def go_on(page: Page, goal: str, *, script: bool) -> None:
    """Follow to ``goal``: with scripts by itself, without them by the button of each page."""
    there = re.compile(re.escape(goal) + "$")
    for _ in range(LIMIT):
        if script or there.search(where(page)):
            break
        button = page.locator("form[method=post] [type=submit]:visible")
        with contextlib.suppress(sync_api.TimeoutError):  # a refresh needs no button
            button.first.click(timeout=1000)  # before their style sheet hides it, a page shows a second one
    arrive(page, there.pattern)


def sign_in(page: Page, service: Service, connection: str, *, script: bool) -> None:
    person = PEOPLE["zoe"]
    page.goto(f"/login/{connection}?return_to=/account")
    if not script and connection == "posts":
        expect(page).to_have_title(re.compile("One moment"))
        page.get_by_role("button", name="Continue", exact=True).click()
    page.locator("[name=username]").fill(person.login)
    page.locator("[name=password]").fill(person.password)
    page.locator("[name=password]").press("Enter")
    go_on(page, service.url("/account"), script=script)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{person.given_name} {person.family_name}")


def is_nobody(page: Page) -> bool:
    return page.request.get("/session", headers={"accept": "application/json"}).status == 401


@pytest.mark.parametrize("connection", ["redirects", "posts"])
def test_in_and_out_from_here(page: Page, service: Service, connection: str, *, script: bool) -> None:
    sign_in(page, service, connection, script=script)
    page.get_by_role("button", name="Sign out").click()
    go_on(page, service.url("/logout?outcome=full"), script=script)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    assert is_nobody(page)
    page.goto("/login/redirects")
    expect(page.locator("[name=password]")).to_be_visible()


@pytest.mark.parametrize("connection", ["redirects", "posts"])
def test_out_from_there(
    page: Page, service: Service, idp: SimpleSamlPhp, connection: str, *, script: bool
) -> None:
    sign_in(page, service, connection, script=script)
    page.goto(idp.sign_out_url(service.url("/healthz")))
    go_on(page, service.url("/healthz"), script=script)
    assert is_nobody(page)


@pytest.mark.parametrize("script", [True], ids=["script"])  # theirs asks for a click in each frame else
@pytest.mark.parametrize("connection", ["redirects", "posts"])
def test_out_from_there_in_a_frame_of_theirs(
    page: Page, service: Service, idp: SimpleSamlPhp, connection: str, *, script: bool
) -> None:
    idp.hosted(logouttype="iframe")
    sign_in(page, service, connection, script=script)
    page.goto(idp.sign_out_url(service.url("/healthz")))
    page.get_by_role("button", name="Yes, all services").click()
    page.wait_for_url(service.url("/healthz"))  # they go on by themselves once every service has answered
    assert is_nobody(page)
