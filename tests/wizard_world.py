"""A browser at the wizard, as administrator or with a setup link; it has no script."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from stair import Stair, standing

PAGE = "/admin/connections"
SAME = {"sec-fetch-site": "same-origin"}


@asynccontextmanager
async def wizard_world(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    """Open everything, with acme's ``admin`` as its administrators; the store may name loopback."""
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
    monkeypatch.setenv("FEDERATION__OUTBOUND__ALLOW", '["127.0.0.1"]')
    async with standing(directory) as stair:
        yield stair


async def signed_in(stair: Stair, who: str = "ada") -> httpx2.AsyncClient:
    """Return a browser in which somebody is signed in; ada administers acme."""
    browser = stair.browser(accept="text/html")
    await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
    return browser


async def read(browser: httpx2.AsyncClient, path: str, status: int = 200) -> str:
    """Return a page."""
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def hidden(page: str, name: str) -> str:
    """Return what a form's hidden field holds; "" where there is none."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


async def send(browser: httpx2.AsyncClient, path: str, at: str = "", **form: str | bytes) -> httpx2.Response:
    """Send a form of a page (``at``, or where it is sent) with what is hidden in it; ``file`` is a file's."""
    page = await read(browser, at or path)
    file = form.pop("file", None)
    told = {"csrf": hidden(page, "csrf"), "number": hidden(page, "number"), **form}
    files = {"file": ("metadata.xml", file, "text/xml")} if isinstance(file, bytes) else None
    return await browser.post(path, data=told, files=files, headers=SAME)


async def draft(
    browser: httpx2.AsyncClient, protocol: str = "saml", preset: str = "okta", name: str = "acme-okta"
) -> str:
    """Make a connection; return the path of its steps."""
    answer = await send(
        browser,
        f"{PAGE}/new",
        f"{PAGE}/new?preset={preset}&protocol={protocol}",
        preset=preset,
        protocol=protocol,
        display_name="Acme Okta",
        id=name,
    )
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"])
    assert path == f"{PAGE}/{name}/setup/provider"
    return path.removesuffix("/provider")


async def link(browser: httpx2.AsyncClient, name: str = "acme-okta", **form: str) -> str:
    """Make a setup link; return its path."""
    answer = await send(browser, f"{PAGE}/{name}/links", days="7", **form)
    found = re.search(r"http://localhost:8000(/setup/[A-Za-z0-9_-]{43})", answer.text)
    assert found, answer.text
    return found[1]


async def begun(stair: Stair, path: str) -> httpx2.AsyncClient:
    """Return another browser that has begun with a setup link."""
    browser = stair.browser(accept="text/html")
    answer = await browser.post(path, data={}, headers=SAME)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/setup"), answer.text
    return browser
