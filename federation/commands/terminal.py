"""What every command has in common: its options, how it prints, and what becomes of a refusal."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from federation.errors import ConfigurationError, FederationError, FieldsRefused

if TYPE_CHECKING:
    from federation.settings import Settings

OUR_FAULT: Final = 2
FOUND: Final = 1

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file [default: $FEDERATION_CONFIG, else federation.yaml]"),
]
OrganizationOption = Annotated[str, typer.Option("--organization", "-o", help="Its id.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Though it leaves nobody who administers.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def group(told: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=told, no_args_is_help=True, rich_markup_mode=None)


def harmless(text: str) -> str:
    """Spell out what a terminal would obey, or a reader not see; JSON stays the same JSON."""
    return "".join(one if one.isprintable() or one in "\n\t" else json.dumps(one).strip('"') for one in text)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a refusal into its sentence on standard error, and an exit code."""
    try:
        yield
    except FederationError as refusal:
        print(harmless(f"federation: {refusal.detail}"), file=sys.stderr)
        if isinstance(refusal, FieldsRefused):
            for place, why in refusal.faults:
                print(harmless(f"  {'.'.join(map(str, place)) or 'it'}: {why}"), file=sys.stderr)
        raise typer.Exit(OUR_FAULT if isinstance(refusal, ConfigurationError) else FOUND) from None


def loaded(file: Path | None) -> "Settings":
    """Load the settings that a command was given."""
    import logging

    from federation import settings

    # A command says itself what it did; without a handler, Python would print the service's warnings too.
    logging.getLogger("federation").addHandler(logging.NullHandler())
    return settings.load(file or settings.file_of_worker())


def show(data: Any) -> None:
    """Print data as JSON."""
    print(harmless(json.dumps(data, indent=2, ensure_ascii=False)))


def say(data: Any, told: str, *, as_json: bool) -> None:
    """Print what a command did, or found: for machines ``data``, for people ``told``."""
    if as_json:
        show(data)
    else:
        print(harmless(told))
