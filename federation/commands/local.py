"""`federation local`: people who sign in here with a password."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from federation.commands.terminal import (
    ConfigOption,
    JsonOption,
    OrganizationOption,
    group,
    loaded,
    plain_errors,
    say,
    show,
)

if TYPE_CHECKING:
    from federation.operator.local import Whose
    from federation.settings import Settings

commands = group("Local accounts: people who sign in here with a password.")

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address.")]


@commands.command(
    "add",
    epilog="Examples:  federation local add zoe@acme.example --organization acme   ·   "
    "federation local add zoe@acme.example --organization acme --role admin --name Zoë --json",
)
def add_account(
    email: EmailArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="Given by hand; may be repeated.")] = None,
    name: Annotated[str, typer.Option("--name", help="As pages show it.")] = "",
    join: Annotated[
        bool, typer.Option("--join", help="The user who has this address already is the same person.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an account, and print the link by which its owner chooses a password: once, for 24 hours."""
    with plain_errors():
        from federation import clock
        from federation.operator import local

        read, who = _whose(config, organization, email)
        made = local.add(read, who, tuple(role or ()), name=name, join=join, now=clock.now())
        _link(asyncio.run(made), as_json=as_json)


@commands.command(
    "reset",
    epilog="Examples:  federation local reset zoe@acme.example --organization acme   ·   "
    "pass show acme/zoe | federation local reset zoe@acme.example --organization acme --stdin",
)
def reset_password(
    email: EmailArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Set the password that the first line of standard input holds.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a link by which the owner chooses a new password; the sessions of the old one end then."""
    with plain_errors():
        from federation import clock
        from federation.operator import local

        read, who = _whose(config, organization, email)
        if not stdin:
            _link(asyncio.run(local.reset(read, who, now=clock.now())), as_json=as_json)
            return
        typed = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        ended = asyncio.run(local.set_password(read, who, typed, now=clock.now()))
    if as_json:
        show({"sessions_ended": ended})
    else:
        print(f"the password is set; sessions ended: {ended}")


@commands.command("unlock", epilog="Example:  federation local unlock zoe@acme.example --organization acme")
def unlock_account(
    email: EmailArgument, organization: OrganizationOption, config: ConfigOption = None
) -> None:
    """Forget failed tries, so that a locked address may try again."""
    with plain_errors():
        from federation import clock
        from federation.operator import local

        read, who = _whose(config, organization, email)
        done = asyncio.run(local.unlock(read, who, now=clock.now()))
    print("unlocked" if done else "there were no failed tries")


@commands.command("remove", epilog="Example:  federation local remove zoe@acme.example --organization acme")
def remove_account(
    email: EmailArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove an account and end its sessions; the user, their roles and other ways in stay."""
    with plain_errors():
        from federation import clock
        from federation.operator import local

        read, who = _whose(config, organization, email)
        ended = asyncio.run(local.remove(read, who, now=clock.now()))
    if as_json:
        show({"sessions_ended": ended})
    else:
        print(f"removed; sessions ended: {ended}")


@commands.command(
    "list",
    epilog="Examples:  federation local list --organization acme   ·   "
    "federation local list --organization acme --json",
)
def list_accounts(
    organization: OrganizationOption, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the accounts of an organization: whether they have a password, and who is locked out."""
    with plain_errors():
        from federation import clock
        from federation.operator import local

        found = asyncio.run(local.every(loaded(config), organization, now=clock.now()))
    lines = [local.line(one, organization) for one in found]
    say(
        [local.as_json(one) for one in found],
        "\n".join(lines) or f"{organization} has no local accounts",
        as_json=as_json,
    )


def _whose(config: ConfigOption, organization: str, email: str) -> "tuple[Settings, Whose]":
    from federation.operator import local

    read = loaded(config)
    return read, local.whose(read, organization, email)


def _link(url: str, *, as_json: bool) -> None:
    if as_json:
        show({"link": url})
    else:
        print(f"hand this to them, it is good once and for 24 hours:\n{url}")
