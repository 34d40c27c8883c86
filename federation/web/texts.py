"""Every text that a page shows, in one file per language: ``texts/en.toml``.

A template says ``t("people.title")``, a handler ``texts.say("people.title")``. Names in braces are
filled in, and escaped with everything else when the page is rendered.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).parent / "texts"


def _flat(told: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, str(value)


def read(language: str) -> dict[str, str]:
    """Return a catalogue: dotted key → text."""
    return dict(_flat(tomllib.loads((_HERE / f"{language}.toml").read_text("utf-8"))))


TEXTS: Final[Mapping[str, str]] = read("en")


def say(key: str, **values: object) -> str:
    """Return a text with its names filled in.

    Raises:
        KeyError: The catalogue has no such key, or a name was not given.
    """
    text = TEXTS[key]
    return text.format_map(values) if values else text
