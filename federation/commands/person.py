"""`federation person`: what an operator decides about somebody who signs in."""

import asyncio
from typing import Annotated

import typer

from federation.commands.terminal import (
    ConfigOption,
    JsonOption,
    group,
    harmless,
    loaded,
    plain_errors,
    show,
)

commands = group("Those who sign in.")


@commands.command(
    "release",
    epilog="Examples:  federation person release 7QK2M4XW3A --same   ·   "
    "federation person release 7QK2M4XW3A --new --json",
)
def release_person(
    reference: Annotated[str, typer.Argument(help="Of the refused sign-in, as its page showed it.")],
    config: ConfigOption = None,
    same: Annotated[
        bool, typer.Option("--same", help="The same human; the identity provider renewed the id.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Somebody else has the address now, and gets a user of their own.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Let in whom identity.subject_recycled refused: find out who it is, then say --same or --new.

    --same forgets the stable id that is kept, and the next sign-in's takes its place. --new parts
    the address from the old user, whose sessions end and whose roles and history stay, and the
    next sign-in makes a new one.
    """
    if same is new:
        raise typer.BadParameter(
            "say one of --same and --new: which human it is decides who gets the account"
        )
    with plain_errors():
        from federation import clock
        from federation.operator import person

        human: person.Human = "same" if same else "new"
        done = asyncio.run(person.release(loaded(config), reference.upper(), human, now=clock.now()))
    if as_json:
        show(done.as_json())
    else:
        print(harmless(done.said))
