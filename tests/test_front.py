"""The pages that everybody sees: e-mail first, the last way offered, every header, every language."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import BASE, Stair, listening, standing
from starlette.routing import Route

from federation.policy import domains
from federation.web import middleware
from federation.web.routes import routes
from federation.web.start import BUTTONS

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    async with standing(tmp_path) as opened:
        yield opened


async def sign_in(stair: Stair, browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser))
    assert answer.status_code == 303, answer.text


async def test_the_last_way_is_offered_first_and_can_be_forgotten(stair: Stair) -> None:
    browser = stair.browser(accept="text/html")
    assert "Last time" not in (await browser.get("/login")).text
    await sign_in(stair, browser)
    assert browser.cookies["last"] == "acme-saml"
    page = (await browser.get("/login?return_to=/account")).text
    assert page.index("Last time") < page.index('id="email"')
    assert page.count("/login/acme-saml?") == 1
    form = {"return_to": "/account"}
    there = await browser.post("/login/forget", data=form, headers={"origin": "https://evil.example"})
    assert there.status_code == 403
    done = await browser.post("/login/forget", data=form, headers={"origin": BASE})
    assert (done.status_code, done.headers["location"]) == (303, "/login?return_to=%2Faccount")
    assert "Last time" not in (await browser.get("/login")).text


@pytest.mark.parametrize("value", ["nobody", "hidden", "off", "<script>", "acme-saml,x", ""])
async def test_only_a_visible_connection_is_offered(tmp_path: Path, value: str) -> None:
    further = {
        name: {"protocol": "local", "organization": "acme", "anyone": True} | keys
        for name, keys in (("hidden", {"visible": False}), ("off", {"enabled": False}))
    }
    async with standing(tmp_path, further=further) as stair:
        browser = stair.browser(accept="text/html", cookie=f"last={value}")
        assert "Last time" not in (await browser.get("/login")).text


async def test_buttons_are_few_however_many_connections_there_are(tmp_path: Path) -> None:
    many = {f"many-{one}": {"protocol": "local", "organization": "acme", "anyone": True} for one in range(30)}
    async with standing(tmp_path, further=many) as stair:
        page = (await stair.browser(accept="text/html").get("/login")).text
    assert page.count('class="button choice"') == BUTTONS
    assert "Is yours not here?" in page
    assert len(page) < 8 * 1024


async def test_known_unknown_and_malformed_have_one_shape(stair: Stair) -> None:
    browser = stair.browser()
    for typed in (
        "ada@acme.example",
        "ada@nowhere.example",
        "ada",
        "",
        "a@b@c",
        "ada@" + "x." * 200 + "example",
    ):
        answer = await browser.get("/login", params={"email": typed})
        assert (answer.status_code, set(answer.json())) == (200, {"sign_in", "connections"})
        page = await browser.get("/login", params={"email": typed}, headers=HTML)
        assert page.status_code == 200


CONNECTIONS = {
    "acme.example": ("one", "two"),
    "*.acme.example": ("deep",),
    "beta.example": ("three",),
}
HOMES = [
    ("ada@acme.example", ("one", "two")),
    ("ada@eu.acme.example", ("deep",)),
    ("ada@far.eu.acme.example", ("deep",)),
    ("ada@notacme.example", ()),
    ("ada@example", ()),
    ("ada", ()),
    ("", ()),
]


@pytest.mark.parametrize(("email", "leads_to"), HOMES)
def test_an_index_leads_home_as_a_walk_would(email: str, leads_to: tuple[str, ...]) -> None:
    assert domains.find_ways(email, CONNECTIONS) == leads_to


def test_what_is_asked_does_not_grow_with_connections() -> None:
    class Counting(dict[str, tuple[str, ...]]):
        asked = 0

        def get(self, key: str, default: Any = None) -> Any:
            Counting.asked += 1
            return super().get(key, default)

    homes = Counting({f"d{one}.example": (f"c{one}",) for one in range(1000)})
    assert domains.find_ways("ada@d999.example", homes) == ("c999",)
    assert Counting.asked == len(("d999.example", "*.example"))


def paths() -> list[tuple[str, str]]:
    filled = {"connection": "acme-saml"}
    found = []
    for route in routes():
        assert isinstance(route, Route)
        path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: filled.get(part[1], "x"), route.path)
        found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


@pytest.mark.parametrize("signed_in", [False, True])
async def test_every_route_answers_with_every_header(stair: Stair, signed_in: bool) -> None:  # noqa: FBT001
    browser = stair.browser()
    browser.headers["accept"] = "text/html"
    if signed_in:
        await sign_in(stair, browser)
    for method, path in paths():
        if path == "/logout" and method == "POST":
            continue
        answer = await browser.request(method, path, headers={"origin": BASE})
        assert answer.status_code != 500, path
        for name, value in middleware.HEADERS.items():
            assert name in answer.headers, f"{method} {path}: {name}"
            if name.startswith(("cross-origin", "x-content")):
                assert answer.headers[name] == value
        policy = answer.headers["content-security-policy"]
        for part in (
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ):
            assert part in policy, f"{method} {path}"
        assert "unsafe" not in policy
        assert re.search(r"form-action ('none'|'self'|https?://\S+ https: 'self')(;|$)", policy), path
