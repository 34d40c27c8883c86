"""How an installation looks: its name, its logo, and one colour of its own that everybody can read.

WCAG 2.2 §1.4.3: text has a contrast of at least 4.5 to 1 with its ground. The colour is that of links
and of the main button, in light and in dark, so it is held against every ground that it stands on. A
logo is looked into once, at load: an image, small, that reaches out to nothing.
"""

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Self
from xml.parsers import expat

from pydantic import AfterValidator, Field, model_validator

from federation.configuration.part import Model
from federation.configuration.scalars import FilePath, Name
from federation.identity import parse_email

CONTRAST: Final = 4.5
LOGO_LIMIT: Final = 16 * 1024  # octets: a page weighs less than 50 kB with all that it shows
_PIXELS: Final = 1024  # of each side of a PNG
_HEADER: Final = 33  # octets of a PNG up to the end of IHDR
_LINEAR: Final = 0.04045  # WCAG 2.2: up to here a channel of sRGB is linear
_HALF: Final = 0.5  # of the light that white gives
# As in federation.css: --ground, --card, and --soft where a colour is set (see ``_STYLE``).
LIGHT: Final = ("#f5f6f8", "#ffffff", "#eff1f4")
DARK: Final = ("#111418", "#1a1f26", "#29303a")
_ON_LIGHT, _ON_DARK = "#ffffff", "#0d1117"  # what is written on the main button
_STYLE: Final = (
    ":root {{ --accent: light-dark({light}, {dark}); --on-accent: light-dark({on_light}, {on_dark});"
    " --soft: light-dark({soft_light}, {soft_dark}); }}\n"
)


def _hex(value: str) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise ValueError("expected a colour such as '#1f4fd8', in quotes")
    return value.lower()


def _contact(value: str) -> str:
    if value.lower().startswith("mailto:"):
        if parse_email(value[len("mailto:") :]) is None:
            raise ValueError("expected mailto: and one plain address, such as mailto:it@acme.example")
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//|\S+$)", value):
        raise ValueError("expected text, or mailto: and an address; other links are not shown")
    return value


Colour = Annotated[str, AfterValidator(_hex)]
ContactText = Annotated[Name, Field(max_length=200), AfterValidator(_contact)]
"""Whom people who cannot get in may ask: text, or ``mailto:`` and an address."""


class Branding(Model):
    """What the settings file says of it, under ``branding``."""

    name: Name = "federation"
    logo: FilePath | None = None  # SVG or PNG
    color: Colour | None = None  # on light grounds
    color_dark: Colour | None = None  # on dark ones; default: the nearest to ``color`` that fits

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.color is None and self.color_dark is not None:
            raise ValueError("color_dark stands beside color, and color is missing")
        for key, colour, grounds in (("color", self.color, LIGHT), ("color_dark", self.color_dark, DARK)):
            if colour is not None and (fits := nearest(colour, grounds)) != colour:
                found = min(contrast(colour, ground) for ground in grounds)
                raise ValueError(
                    f"{key}: {colour} has a contrast of {found:.1f} to 1 with the page, and text needs"
                    f" {CONTRAST}; the nearest that fits is '{fits}'"
                )
        if self.logo is not None:
            read_logo(self.logo)
        return self


@dataclass(frozen=True, kw_only=True)
class Brand:
    """What pages take from it; made once."""

    name: str
    files: Mapping[str, tuple[bytes, str]] = field(default_factory=dict, repr=False)  # name → octets, type
    logo: str = ""  # a name of ``files``; "" is ours
    style: str = ""  # likewise; "" is none

    @cached_property
    def logo_type(self) -> str:
        """Media type of the logo."""
        return self.files[self.logo][1] if self.logo else "image/svg+xml"


OURS: Final = Brand(name="federation")


def compile_brand(told: Branding) -> Brand:
    """Return what the pages show; a file is named by its digest, so that it is kept for good.

    Raises:
        ValueError: The logo has changed since, and cannot be shown.
    """
    files: dict[str, tuple[bytes, str]] = {}
    logo = style = ""
    if told.logo is not None:
        octets, media_type = read_logo(told.logo)
        logo = _named(octets, "png" if media_type == "image/png" else "svg")
        files[logo] = octets, media_type
    if told.color is not None:
        sheet = _STYLE.format(
            light=told.color,
            dark=told.color_dark or nearest(told.color, DARK),
            on_light=_ON_LIGHT,
            on_dark=_ON_DARK,
            soft_light=LIGHT[-1],
            soft_dark=DARK[-1],
        ).encode()
        style = _named(sheet, "css")
        files[style] = sheet, "text/css"
    return Brand(name=told.name, files=files, logo=logo, style=style)


def _named(octets: bytes, suffix: str) -> str:
    return f"{hashlib.sha256(octets).hexdigest()[:16]}.{suffix}"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    linear = [
        part / 12.92 if part <= _LINEAR else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def nearest(colour: str, grounds: tuple[str, ...]) -> str:
    """Return the colour itself where it can be read on each of these, else mixed with as little as helps.

    Light grounds ask for black, dark ones for white: both ends fit every ground of ours.
    """
    towards = 0 if _luminance(grounds[0]) > _HALF else 255
    for share in range(257):
        mixed = [round(part + (towards - part) * share / 256) for part in _channels(colour)]
        tried = "#{:02x}{:02x}{:02x}".format(*mixed)
        if all(contrast(tried, ground) >= CONTRAST for ground in grounds):
            return tried
    raise ValueError("no colour fits these grounds")


def read_logo(file: Path) -> tuple[bytes, str]:
    """Return an image's octets and media type.

    Raises:
        ValueError: It cannot be read, is too large, is neither SVG nor PNG, or would do more than show.
    """
    try:
        octets = file.read_bytes()[: LOGO_LIMIT + 1]
    except OSError as error:
        raise ValueError(f"logo: cannot read {file} ({error.strerror})") from None
    if len(octets) > LOGO_LIMIT:
        raise ValueError(f"logo: larger than {LOGO_LIMIT // 1024} KiB")
    if octets.startswith(b"\x89PNG\r\n\x1a\n"):
        _look_into_png(octets)
        return octets, "image/png"
    _look_into_svg(octets)
    return octets, "image/svg+xml"


def _look_into_png(octets: bytes) -> None:
    """PNG (W3C, third edition) §11.2.1: IHDR comes first; one image, no animation."""
    if len(octets) < _HEADER or octets[12:16] != b"IHDR":
        raise ValueError("logo: a PNG without its header")
    width, height = struct.unpack(">II", octets[16:24])
    if not (0 < width <= _PIXELS and 0 < height <= _PIXELS):
        raise ValueError(f"logo: a PNG of {width} by {height}; expected at most {_PIXELS} each way")


_SVG: Final = "http://www.w3.org/2000/svg"
_DRAWS: Final = frozenset(
    (
        "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs", "use",
        "symbol", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "title",
        "desc", "text", "tspan",
    )
)  # fmt: skip


def _look_into_svg(octets: bytes) -> None:
    """Elements that draw and nothing else; no reference but to a part of the same file."""
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = 0

    def refuse(*_: object) -> None:
        raise ValueError("logo: an SVG with a document type, an entity or an instruction")

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        namespace, _, local = name.rpartition(" ")
        if namespace != _SVG or local not in _DRAWS or (depth == 0 and local != "svg"):
            raise ValueError(f"logo: an SVG with <{local[:40]}>; expected elements that draw, in {_SVG}")
        for key, value in attributes.items():
            plain = key.rpartition(" ")[2].lower()
            outside = plain == "href" and not value.startswith("#")
            if plain.startswith("on") or plain == "style" or outside or re.search(r"url\(\s*[^#\s]", value):
                raise ValueError(f"logo: an SVG with the attribute {plain[:40]}, which does more than draw")
        depth += 1

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(octets, True)
    except expat.ExpatError:
        raise ValueError("logo: neither a PNG nor well-formed SVG") from None
