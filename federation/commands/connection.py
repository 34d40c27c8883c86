"""`federation connection add|show|remove`: connections of the database, beside those of the settings file."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from federation.commands.endings import ConnectionId, connections
from federation.commands.terminal import (
    ConfigOption,
    ForceOption,
    JsonOption,
    OrganizationOption,
    harmless,
    loaded,
    plain_errors,
    say,
    show,
)

commands = connections  # of which some are about switching


@commands.command(
    "add",
    epilog="Examples:  federation connection add okta okta.yaml --organization acme "
    "--secret client_secret=secret.txt   ·   "
    "federation connection add adfs adfs.yaml --organization acme --enable",
)
def add(
    connection: ConnectionId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its keys, as in the settings file.")],
    organization: OrganizationOption,
    secret: Annotated[
        list[str] | None, typer.Option(metavar="KEY=FILE", help="A secret, and the file that holds it.")
    ] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Let people in by it, without a test.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a connection in the database; in force on every node within a second."""
    told = [one.partition("=") for one in secret or ()]
    if any(not key or not where for key, _, where in told):
        raise typer.BadParameter("expected --secret KEY=FILE, such as client_secret=secret.txt")
    with plain_errors():
        from federation import clock
        from federation.operator import connections

        view = asyncio.run(
            connections.add(
                loaded(config),
                connection,
                file,
                organization=organization,
                secrets={key: Path(where) for key, _, where in told},
                enable=enable,
                now=clock.now(),
            )
        )
    _print(view, as_json=as_json)


@commands.command(
    "show", epilog="Examples:  federation connection show okta   ·   federation connection show okta --json"
)
def show_connection(
    connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Tell all that may be told of a connection; no secret."""
    with plain_errors():
        from federation import clock
        from federation.operator import connections

        view = asyncio.run(connections.find(loaded(config), connection, now=clock.now()))
    _print(view, as_json=as_json)


@commands.command("remove", epilog='Example:  federation connection remove okta --name "Acme (Okta)"')
def remove(
    connection: ConnectionId,
    name: Annotated[str, typer.Option(help="Its name, as `show` tells it: that this one is meant.")],
    config: ConfigOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a connection of the database; its sessions end, and the roles and teams that it gave go."""
    with plain_errors():
        from federation import clock
        from federation.operator import connections

        ended = asyncio.run(
            connections.remove(loaded(config), connection, name, force=force, now=clock.now())
        )
    say(
        {"connection": connection, "sessions_ended": ended},
        f"removed {connection}; sessions ended: {ended}",
        as_json=as_json,
    )


def _print(view: Any, *, as_json: bool) -> None:
    if as_json:
        show(
            {
                "id": view.id,
                "title": view.title,
                "organization": view.organization,
                "origin": view.origin,
                "protocol": view.protocol,
                "state": view.state,
                "fault": view.fault,
                "missing": {".".join(map(str, steps)): why for steps, why in view.missing},
                "unproved": [one.name for one in view.domains if one.needed and not one.proved],
                "urls": dict(view.urls),
                "settings": dict(view.settings),
            }
        )
        return
    print(harmless(f"{view.id}: {view.title}, of {view.organization} ({view.origin}), {view.state}"))
    for steps, why in view.missing:
        print(harmless(f"  missing {'.'.join(map(str, steps))}: {why}"))
    if view.fault and not view.missing:
        print(harmless(f"  not served: {view.fault}"))
    for one in view.domains:
        if one.needed and not one.proved:
            print(
                harmless(f"  {one.name}: no record in DNS proves it yet (federation domain show {one.name})")
            )
    for key, url in view.urls.items():
        print(harmless(f"  {key:<24} {url}"))
