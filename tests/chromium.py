"""A real browser: Debian's Chromium, driven by Playwright, with and without JavaScript."""

import shutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

SWITCHES = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


expect.set_options(timeout=20_000)  # milliseconds; what is there sooner is not waited for


@pytest.fixture(scope="module")  # longer, and its event loop would meet those of async tests
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if not program:
        pytest.skip("chromium is missing: scripts/test installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def arrive(page: Page, place: str) -> None:
    """Wait until the browser is at this pattern: the driver may tell the address before the last redirect."""
    try:
        page.wait_for_function("place => new RegExp(place).test(location.href)", arg=place)
    except PlaywrightError:
        pytest.fail(f"not at {place}: {where(page)}\n{page.inner_text('body')}")


def where(page: Page) -> str:
    """Return the browser's own word for the address, of a page that is not being left at the moment."""
    while True:
        with suppress(PlaywrightError):
            return str(page.evaluate("location.href"))
        page.wait_for_timeout(20)
