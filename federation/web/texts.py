"""Every text that a page shows, in one file per language: ``texts/en.toml``.

A template says ``t("people.title")``, a handler ``texts.say("people.title")``. Names in braces are
filled in without signs that turn the direction of writing, which would turn round what stands after them
too, and escaped with everything else when the page is rendered. Which language is spoken is
said once a request, by ``middleware.Speaking``: the installation's.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from string import Formatter
from typing import Any, Final

from federation.errors import FederationError

DIRECTORY: Final = Path(__file__).parent / "texts"
# Embeddings, overrides and isolates, and what ends them (UAX #9 §2); Arabic and Hebrew need none of them.
_TURNING: Final = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
FIRST: Final = "en"  # what every other language is held against


def _flat(told: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, str(value)


def read(file: Path) -> dict[str, str]:
    """Return a catalogue: dotted key → text."""
    return dict(_flat(tomllib.loads(file.read_text("utf-8"))))


TEXTS: Final[Mapping[str, str]] = read(DIRECTORY / f"{FIRST}.toml")
_CATALOGUES: Final[dict[str, Mapping[str, str]]] = {FIRST: TEXTS}
_LANGUAGE: Final[ContextVar[str]] = ContextVar("language", default=FIRST)


def learn(language: str, file: Path) -> None:
    """Read a language's file.

    Raises:
        ValueError: It lacks a text of the first language, has one more, or fills other names in.
    """
    told = read(file)
    for key in sorted(TEXTS.keys() ^ told.keys()):
        raise ValueError(f"{language}: {key} stands in one file alone")
    for key, text in told.items():
        if names(text) != names(TEXTS[key]):
            raise ValueError(
                f"{language}: {key} fills in {sorted(names(text))}, not {sorted(names(TEXTS[key]))}"
            )
    _CATALOGUES[language] = told


def names(text: str) -> frozenset[str]:
    """Return what a text fills in."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


for _file in sorted(DIRECTORY.glob("*.toml")):
    if _file.stem != FIRST:
        learn(_file.stem, _file)


def languages() -> tuple[str, ...]:
    """Return those that there is a file of."""
    return tuple(sorted(_CATALOGUES))


def speak(language: str) -> None:
    """Say everything in this language from here on, within this request.

    Raises:
        KeyError: There is no file of it.
    """
    if language not in _CATALOGUES:
        raise KeyError(language)
    _LANGUAGE.set(language)


def language() -> str:
    """Return the one that is spoken (BCP 47)."""
    return _LANGUAGE.get()


def say(key: str, **values: object) -> str:
    """Return a text with its names filled in; what turns the direction of writing is left out of them.

    Raises:
        KeyError: The catalogue has no such key, or a name was not given.
    """
    text = _CATALOGUES[_LANGUAGE.get()][key]
    if not values:
        return text
    return text.format_map(
        {name: one.translate(_TURNING) if isinstance(one, str) else one for name, one in values.items()}
    )


def say_of(refusal: FederationError, part: str) -> str:
    """Return what is said of a refusal: of its code, its class, or the nearest class that it is one of.

    Args:
        refusal: What was refused; only few codes have words of their own, for nobody learns which rule broke.
        part: ``title``, ``public`` or ``advice``.
    """
    told = _CATALOGUES[_LANGUAGE.get()]
    places = (f"refusals.{refusal.code}", *(f"errors.{one.__name__}" for one in type(refusal).__mro__))
    return next(told[key] for place in places if (key := f"{place}.{part}") in told)
