"""`federation person deactivate|reactivate|remove` and `federation connection`: who may not enter."""

import asyncio
from typing import Annotated

import typer

from federation.commands.person import commands as person
from federation.commands.terminal import (
    ConfigOption,
    ForceOption,
    JsonOption,
    group,
    harmless,
    loaded,
    plain_errors,
    say,
    show,
)

connections = group("The ways in: which there are, and switching one off on all nodes.")
Who = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address, or the id of their user.")]
Organization = Annotated[str, typer.Option(help="Where.")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="In every organization.")]
ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="As in the settings file.")]


@person.command(
    "deactivate",
    epilog="Examples:  federation person deactivate ada@acme.example --organization acme   ·   "
    "federation person deactivate ada@acme.example --everywhere --json",
)
def deactivate(
    who: Who,
    config: ConfigOption = None,
    organization: Organization = "",
    everywhere: Everywhere = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep somebody out: their sessions end on every node within a second, and no sign-in is let in."""
    _change("deactivate", who, organization, config, everywhere=everywhere, force=force, as_json=as_json)


@person.command(
    "reactivate",
    epilog="Examples:  federation person reactivate ada@acme.example --organization acme   ·   "
    "federation person reactivate ada@acme.example --everywhere",
)
def reactivate(
    who: Who,
    config: ConfigOption = None,
    organization: Organization = "",
    everywhere: Everywhere = False,
    as_json: JsonOption = False,
) -> None:
    """Let somebody in again whom deactivate kept out; who else keeps them out is told."""
    _change("reactivate", who, organization, config, everywhere=everywhere, force=False, as_json=as_json)


@person.command(
    "remove",
    epilog="Examples:  federation person remove ada@acme.example --organization acme   ·   "
    "federation person remove ada@acme.example --organization acme --source scim:okta",
)
def remove(
    who: Who,
    organization: Organization,
    config: ConfigOption = None,
    source: Annotated[
        str, typer.Option(help="Take away only what this source gave [default: every source's]")
    ] = "",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """End somebody's membership, with its roles and teams; their account and history stay."""
    _change(
        "remove", who, organization, config, everywhere=False, force=force, as_json=as_json, source=source
    )


def _change(  # noqa: PLR0913  what the three commands are told
    act: str,
    who: str,
    organization: str,
    config: ConfigOption,
    *,
    everywhere: bool,
    force: bool,
    as_json: bool,
    source: str = "manual",
) -> None:
    if bool(organization) is everywhere:
        raise typer.BadParameter("say where: --organization acme, or --everywhere")
    with plain_errors():
        from federation import clock
        from federation.operator import endings

        doing: endings.Act = "deactivate" if act == "deactivate" else "remove"
        if act == "reactivate":
            doing = "reactivate"
        told = endings.change(
            loaded(config), doing, who, organization, source=source, force=force, now=clock.now()
        )
        done = asyncio.run(told)
    say(done.as_json(), done.said, as_json=as_json)


@connections.command(
    "list", epilog="Examples:  federation connection list   ·   federation connection list --json"
)
def list_connections(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell which connections there are, whether anybody comes in by them, and how many sessions they have."""
    with plain_errors():
        from federation import clock
        from federation.operator import endings

        found = asyncio.run(endings.switches(loaded(config), now=clock.now()))
    if as_json:
        show([one.as_json() for one in found])
    else:
        for one in found:
            print(harmless(one.said))


@connections.command(
    "disable",
    epilog="Examples:  federation connection disable okta   ·   federation connection disable okta --force",
)
def disable(
    connection: ConnectionId,
    config: ConfigOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Switch a connection off, on all nodes: its sessions end within a second, and nobody comes in by it."""
    _switch(connection, config, on=False, force=force, as_json=as_json)


@connections.command("enable", epilog="Example:  federation connection enable okta")
def enable(connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Switch a connection on again; sessions that ended stay ended."""
    _switch(connection, config, on=True, force=False, as_json=as_json)


def _switch(connection: str, config: ConfigOption, *, on: bool, force: bool, as_json: bool) -> None:
    with plain_errors():
        from federation import clock
        from federation.operator import endings

        ended = asyncio.run(endings.switch(loaded(config), connection, on=on, force=force, now=clock.now()))
    if as_json:
        show({"connection": connection, "changed": ended.changed, "sessions_ended": ended.sessions})
    else:
        state = f"{'on' if on else 'off'}{'' if ended.changed else ' (as it was)'}"
        print(harmless(f"{connection} is {state}; sessions ended: {ended.sessions}"))
