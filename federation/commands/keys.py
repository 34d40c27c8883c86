"""`federation keys`: which of our key pairs are there, and the exchange of them."""

import asyncio
from typing import Annotated

import typer

from federation.commands.terminal import (
    FOUND,
    ConfigOption,
    JsonOption,
    group,
    harmless,
    loaded,
    plain_errors,
    say,
)

commands = group("The key pair that signs and decrypts.")


@commands.command("status", epilog="Examples:  federation keys status   ·   federation keys status --json")
def keys_status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell which of our key pairs are there and what comes next; exit 1 if a step was cut off."""
    with plain_errors():
        from federation.operator import keys

        stands = keys.status(loaded(config))
    say(stands.as_json(), "\n".join(stands.lines()), as_json=as_json)
    raise typer.Exit(FOUND if stands.unfinished else 0)


@commands.command(
    "rotate", epilog="Examples:  federation keys rotate   ·   federation keys rotate --step use --yes --json"
)
def keys_rotate(
    config: ConfigOption = None,
    step: Annotated[str, typer.Option(help="publish, use or retire [default: the one that is due]")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if identity providers may not know it yet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Exchange our key pair, one step at a time: publish, use, retire. Cut off, it goes on where it was."""
    with plain_errors():
        from federation import clock
        from federation.operator import keys, rollover

        read, done = loaded(config), list[str]()

        def note(sentence: str) -> None:
            done.append(sentence)
            if not as_json:
                print(harmless(sentence))

        asyncio.run(keys.rotate(read, rollover.read_step(step), now=clock.now(), early=yes, say=note))
        stands = keys.status(read)
    say({"done": done, **stands.as_json()}, "\n".join(["", *stands.lines()]), as_json=as_json)
