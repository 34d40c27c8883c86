"""`federation organization add|list|show|remove`: of the database, beside the settings file's."""

import asyncio
from typing import Annotated, Any

import typer

from federation.commands.terminal import (
    ConfigOption,
    JsonOption,
    group,
    harmless,
    loaded,
    plain_errors,
    say,
    show,
)

commands = group("Organizations: whose people, connections and teams stand apart from others'.")
OrganizationId = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Its id, for good.")]


@commands.command(
    "add",
    epilog='Examples:  federation organization add acme --name "Acme Inc."   ·   '
    'federation organization add acme --name "Acme Inc." --default-role member --administrator owner --json',
)
def add(
    organization: OrganizationId,
    name: Annotated[str, typer.Option(help="What its people call it.")],
    default_role: Annotated[
        list[str] | None, typer.Option(help="A role that everybody has who is given no other.")
    ] = None,
    administrator: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="A role whose holders administer it.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Whom its people may ask: text, or mailto: and an address.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an organization in the database; in force on every node within a second."""
    with plain_errors():
        from federation import clock
        from federation.operator import organizations

        said = {
            "name": name,
            "default_roles": default_role,
            "administrators": administrator,
            "contact": contact,
        }
        body = {key: value for key, value in said.items() if value}
        view = asyncio.run(organizations.add(loaded(config), organization, body, now=clock.now()))
    _print(view, as_json=as_json)


@commands.command(
    "list",
    epilog="Examples:  federation organization list   ·   federation organization list --search acme --json",
)
def list_organizations(
    search: Annotated[str, typer.Option(help="Part of a name or an id, without case.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List organizations by name, of the settings file and of the database."""
    with plain_errors():
        from federation import clock
        from federation.operator import organizations

        found = asyncio.run(organizations.every(loaded(config), search, now=clock.now()))
    if as_json:
        show([_told(view) for view in found])
    else:
        for view in found:
            print(harmless(_line(view)))


@commands.command(
    "show",
    epilog="Examples:  federation organization show acme   ·   federation organization show acme --json",
)
def show_organization(
    organization: OrganizationId, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Tell all that there is to an organization."""
    with plain_errors():
        from federation import clock
        from federation.operator import organizations

        view = asyncio.run(organizations.find(loaded(config), organization, now=clock.now()))
    _print(view, as_json=as_json)


@commands.command("remove", epilog='Example:  federation organization remove acme --name "Acme Inc."')
def remove(
    organization: OrganizationId,
    name: Annotated[str, typer.Option(help="Its name, as `show` tells it: that this one is meant.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an organization of the database that has no connection, no person and no team any more."""
    with plain_errors():
        from federation import clock
        from federation.operator import organizations

        asyncio.run(organizations.remove(loaded(config), organization, name, now=clock.now()))
    say({"organization": organization, "removed": True}, f"removed {organization}", as_json=as_json)


def _told(view: Any) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "origin": view.origin,
        "default_roles": list(view.default_roles),
        "administrators": list(view.administrators),
        "connections": view.connections,
        "settings": dict(view.settings),
    }


def _line(view: Any) -> str:
    return f"{view.id:<24} {view.name} ({view.origin}), connections: {view.connections}"


def _print(view: Any, *, as_json: bool) -> None:
    if as_json:
        show(_told(view))
        return
    print(harmless(_line(view)))
    for word, roles in (("default roles", view.default_roles), ("administrators", view.administrators)):
        print(harmless(f"  {word:<16} {', '.join(roles) or 'none'}"))
    if not view.administrators and view.origin == "store":
        print("  nobody but an operator administers it: say --administrator ROLE")
