"""Branding: a colour that can be read, a logo that only shows, and how both are served."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from stair import standing

from federation.configuration import branding
from federation.configuration.branding import DARK, LIGHT, Branding, contrast, nearest

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z" fill="#0b6b4f"/></svg>'
SIDE, LONG_SIDE = (64).to_bytes(4, "big"), (4096).to_bytes(4, "big")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + SIDE * 2 + b"\x08\x06\x00\x00\x00" + bytes(20)


def test_contrast_is_that_of_the_specification() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#1f4fd8", "#1f4fd8") == 1


@pytest.mark.parametrize("colour", ["#ff0000", "#00ff00", "#ffffff", "#000000", "#1f4fd8", "#ffff00"])
def test_there_is_always_a_nearest_that_fits(colour: str) -> None:
    for grounds in (LIGHT, DARK):
        found = nearest(colour, grounds)
        assert min(contrast(found, ground) for ground in grounds) >= branding.CONTRAST
        assert nearest(found, grounds) == found


def test_what_is_written_on_the_button_can_be_read() -> None:
    for step in range(0, 256, 15):
        colour = f"#{step:02x}40{255 - step:02x}"
        assert contrast("#ffffff", nearest(colour, LIGHT)) >= branding.CONTRAST
        assert contrast("#0d1117", nearest(colour, DARK)) >= branding.CONTRAST


FAULTS: list[tuple[dict[str, Any], str]] = [
    # what the settings say                                    what is told
    ({"color": "blue"}, "expected a colour"),
    ({"color": "#fff"}, "expected a colour"),
    ({"color": "#5fb3ff"}, "the nearest that fits is '#3c72a2'"),
    ({"color": "#0b6b4f", "color_dark": "#0b6b4f"}, "the nearest that fits is '#66a290'"),
    ({"color_dark": "#8fb0ff"}, "color is missing"),
    ({"name": ""}, "at least 1"),
    ({"logo": "none.svg"}, "cannot read"),
]


@pytest.mark.parametrize(("told", "said"), FAULTS)
def test_what_cannot_be_shown_stops_the_start(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Branding(**told)


def around(inside: str, attributes: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'


LOGOS = [
    (around("<script>alert(1)</script>"), "<script>"),
    (around("<style>@import url(//evil.example)</style>"), "<style>"),
    (around("<foreignObject/>"), "<foreignObject>"),
    (around('<image href="https://evil.example/x.png"/>'), "<image>"),
    (around("", 'onload="alert(1)"'), "onload"),
    (around('<path style="fill:url(//evil.example)"/>'), "style"),
    (around('<use href="//evil.example/#a"/>'), "href"),
    (around('<use xmlns:x="http://www.w3.org/1999/xlink" x:href="http://evil.example/"/>'), "href"),
    (around('<path fill="url(https://evil.example/#a)"/>'), "fill"),
    ('<!DOCTYPE svg [<!ENTITY a "b">]>' + around("&a;"), "document type"),
    ('<?xml-stylesheet href="//evil.example"?>' + SVG, "instruction"),
    ("<html><body/></html>", "<html>"),
    ('<g xmlns="http://www.w3.org/2000/svg"/>', "<g>"),
    ("<svg", "neither a PNG"),
    ("", "neither a PNG"),
    ("GIF89a", "neither a PNG"),
    (SVG + " " * branding.LOGO_LIMIT, "larger than 16 KiB"),
]


@pytest.mark.parametrize(("content", "said"), LOGOS)
def test_a_logo_shows_and_does_nothing_else(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "logo").write_text(content)
    with pytest.raises(ValueError, match="logo") as caught:
        branding.read_logo(tmp_path / "logo")
    assert said in str(caught.value)


@pytest.mark.parametrize("octets", [PNG[:20], PNG.replace(SIDE, LONG_SIDE)])
def test_a_png_has_a_header_of_a_small_image(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "logo").write_bytes(octets)
    with pytest.raises(ValueError, match="a PNG"):
        branding.read_logo(tmp_path / "logo")


async def test_pages_carry_it(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text(SVG)
    look = 'branding: {name: "Acme <sign-in>", logo: logo.svg, color: "#0b6b4f"}'
    more = f"{look}\ncontact: mailto:it@acme.example\n"
    async with standing(tmp_path, more) as stair:
        browser = stair.browser(accept="text/html")
        page = (await browser.get("/login")).text
        brand = stair.house.brand
        assert "Acme &lt;sign-in&gt;" in page
        assert f'src="/static/brand/{brand.logo}"' in page
        assert f'href="/static/brand/{brand.style}"' in page
        for name, media_type in ((brand.logo, "image/svg+xml"), (brand.style, "text/css; charset=utf-8")):
            served = await browser.get(f"/static/brand/{name}")
            assert (served.status_code, served.headers["content-type"]) == (200, media_type)
            assert "immutable" in served.headers["cache-control"]
            assert served.headers["content-security-policy"].endswith("sandbox")
            assert served.headers["x-content-type-options"] == "nosniff"
        style = (await browser.get(f"/static/brand/{brand.style}")).text
        assert "light-dark(#0b6b4f, #66a290)" in style
        assert (await browser.get("/static/brand/other.svg")).status_code == 404
        refused = (await browser.get("/login/nobody")).text
        assert '<a href="mailto:it@acme.example">it@acme.example</a>' in refused


CONTACTS = [
    ("IT desk, <b>1234</b>", True),
    ("mailto:it@acme.example", True),
    ("mailto:it@acme.example?bcc=x@evil.example", False),
    ("mailto:", False),
    ("javascript:alert(1)", False),
    ("https://evil.example/", False),
    ("", False),
    ("x" * 201, False),
]


@pytest.mark.parametrize(("told", "fits"), CONTACTS)
def test_whom_to_ask_is_text_or_an_address(told: str, fits: bool) -> None:  # noqa: FBT001  a table's column
    adapter: TypeAdapter[str] = TypeAdapter(branding.ContactText)
    if fits:
        assert adapter.validate_python(told) == told
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(told)
