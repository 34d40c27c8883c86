"""Pages: what a template may hold, what its headers allow, plain words for devices."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import stair
from starlette.requests import Request
from starlette.responses import Response

from federation import app, settings
from federation.configuration.branding import Brand
from federation.web import pages, verify

TEMPLATES = sorted((Path(pages.__file__).parent / "templates").glob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_no_inline_style_or_script_and_nothing_unescaped(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|\|\s*safe|autoescape", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"(src|href|action)=\"https?:", text)


def test_the_stylesheet_stays_small_and_the_script_avoids_html_sinks() -> None:
    assert len(pages.ASSETS["federation.css"][0]) < 16 * 1024
    script = pages.ASSETS["federation.mjs"][0].decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", script)


INLINE = {
    "a",
    "b",
    "cite",
    "code",
    "em",
    "i",
    "mark",
    "output",
    "q",
    "s",
    "small",
    "span",
    "strong",
    "time",
    "u",
}


def test_a_name_turns_the_direction_of_writing_within_its_element_alone() -> None:
    """Blocks are paragraphs of their own; what stands within a line is not, unless it is said."""
    css = pages.ASSETS["federation.css"][0].decode()
    (isolated,) = re.findall(r"^([a-z, ]+) \{ unicode-bidi: isolate; \}$", css, re.MULTILINE)
    told = "".join(file.read_text() for file in TEMPLATES)
    showing = set(re.findall(r"<([a-z]+)\b[^<>]*>[^<>]*\{\{(?! t\()", told))
    assert INLINE & showing <= set(isolated.split(", "))
    assert {"strong", "span", "a"} <= showing


async def test_the_administrations_pages_are_compiled_soon_after_start() -> None:
    pages._template.cache_clear()
    await pages.compile_later(after=0, between=0)
    kept = pages._template.cache_info().currsize
    assert {file.name for file in TEMPLATES if file.name.startswith(("console", "wizard"))} == set(
        pages._LATER
    )
    assert kept == len(pages._LATER) > 30


async def test_who_compiles_them_ends_with_the_house(tmp_path: Path) -> None:
    def compiling() -> bool:
        return any(task.get_name() == "templates" for task in asyncio.all_tasks())

    config = settings.load(stair.write_settings(tmp_path))
    async with app.open_house(config):
        assert compiling()
    assert not compiling()
    async with app.open_house(config, console=False):
        assert not compiling()


def test_nothing_is_allowed_that_is_not_needed() -> None:
    for policy in (pages.NOTHING, pages._PAGE, pages._PAGE_WITH_SCRIPT):
        parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert parts["default-src"] == parts["base-uri"] == parts["frame-ancestors"] == "'none'"
        assert parts["require-trusted-types-for"] == "'script'"
        assert parts["trusted-types"] == "'none'"
        assert parts["form-action"] in ("'none'", "'self'")
        assert "unsafe" not in policy
    assert "script-src" not in pages._PAGE


ORIGINS = [
    # where the form posts to             what its page allows
    ("https://idp.example/sso?a=1",      "https://idp.example"),
    ("https://idp.example:8443",         "https://idp.example:8443"),
    ("http://localhost:8001/sso",        "http://localhost:8001"),
    ("https://idp.example;script-src *", None),
    ("https://idp.example 'self'/",      None),
    ("https://u@idp.example/",           None),
    ("javascript:alert(1)",              None),
    ("//idp.example/",                   None),
]  # fmt: skip


@pytest.mark.parametrize(("url", "allowed"), ORIGINS)
def test_a_form_that_posts_elsewhere_may_go_on_from_there(url: str, allowed: str | None) -> None:
    def answer() -> Response:
        house: Any = SimpleNamespace(brand=Brand(name="Acme"))
        return pages.page(
            house,
            "post.html",
            script=True,
            form_action=url,
            title="One moment",
            sentence="You go on to your identity provider.",
            action=url,
            fields={"SAMLRequest": 'PD94"', "RelayState": "<h>"},
        )

    if allowed is None:
        with pytest.raises(ValueError, match="origin"):
            answer()
        return
    policy = answer().headers["content-security-policy"]
    assert re.findall(r"form-action ([^;]*)", policy) == [f"{allowed} https: 'self'"]
    body = bytes(answer().body).decode()
    assert 'value="PD94&#34;"' in body
    assert 'value="&lt;h&gt;"' in body
    assert 'type="submit"' in body  # without JavaScript
    assert "frame-ancestors 'none'" in policy


def test_only_who_is_posted_to_may_frame_a_page() -> None:
    house: Any = SimpleNamespace(brand=Brand(name="Acme"))
    url = "https://idp.example/slo?a=1"
    policy = pages.post(house, url, {}, sentence="Told.", framed=True).headers["content-security-policy"]
    assert re.findall(r"frame-ancestors ([^;]*)", policy) == ["https://idp.example"]
    with pytest.raises(ValueError, match="origin"):
        pages.post(house, "https://idp.example *", {}, sentence="Told.", framed=True)


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
AGENTS = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Safari/537.36 Edg/156.0", "Edge on Windows"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/19.0 Safari/605.1.15", "Safari on macOS"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) CriOS/156.0 Safari/604.1", "Chrome on iPhone"),
    (f"Mozilla/5.0 (Linux; Android 16) {WEBKIT} Mobile Safari/537.36", "Chrome on Android"),
    ("curl/8.0", "curl"),
    ("", "Unknown browser"),
    ("<script>", "Unknown browser"),
]


@pytest.mark.parametrize(("agent", "words"), AGENTS)
def test_a_device_in_plain_words(agent: str, words: str) -> None:
    assert pages.device(agent) == words


ACCEPTS = [
    ("application/json", True),
    ("application/json, */*", True),
    ("text/html,application/xhtml+xml,application/json;q=0.9", False),
    ("*/*", False),
    ("", False),
]


@pytest.mark.parametrize(("accept", "json"), ACCEPTS)
def test_who_gets_json(accept: str, json: bool) -> None:  # noqa: FBT001  a table's column
    headers = [(b"accept", accept.encode())]
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": headers})
    assert pages.wants_json(request) is json


ENCODED = [
    ("ada@acme.example", b"ada@acme.example"),
    ("Domain Admins", b"Domain%20Admins"),
    ("R&D, <x>", b"R%26D%2C%20%3Cx%3E"),
    ("équipe", b"%C3%A9quipe"),
    ("100%", b"100%25"),
    ("a\r\nX-Evil: 1", b"a%0D%0AX-Evil%3A%201"),
    ("", b""),
]


@pytest.mark.parametrize(("value", "octets"), ENCODED)
def test_identity_headers_are_percent_encoded_utf8(value: str, octets: bytes) -> None:
    assert verify.encode(value) == octets


ASKED = [
    (b"role=admin", "admin"),
    (b"role=Domain%20Admins", "Domain Admins"),
    (b"role=", ""),
    (b"role", ""),
    (b"role=admin&role=member", ""),
    (b"role=admin&role=admin", ""),
    (b"role=admin&x=1", ""),
    (b"x=1", ""),
    (b"Role=admin", ""),
    (b"role=%ff", ""),
    (b"&", ""),
]


@pytest.mark.parametrize(("query", "role"), ASKED)
def test_verify_understands_one_role_and_nothing_else(query: bytes, role: str) -> None:
    assert verify.asked_role(query) == role


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


CONTRASTS = [
    # text         ground      at least (WCAG 2.2: 1.4.3 text, 1.4.11 edges of controls)
    ("ink",       "ground",    4.5),
    ("ink",       "card",      4.5),
    ("ink",       "soft",      4.5),
    ("quiet",     "ground",    4.5),
    ("quiet",     "card",      4.5),
    ("quiet",     "soft",      4.5),
    ("accent",    "card",      4.5),
    ("accent",    "soft",      4.5),
    ("on-accent", "accent",    4.5),
    ("edge",      "card",      3.0),
    ("accent",    "ground",    3.0),
]  # fmt: skip


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), CONTRASTS)
def test_contrast(text: str, ground: str, least: float, mode: int) -> None:
    css = pages.ASSETS["federation.css"][0].decode()
    colours = {
        name: pair for name, *pair in re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    }
    one, other = luminance(colours[text][mode]), luminance(colours[ground][mode])
    assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= least
