"""`federation team`: teams of an organization, their groups, roles and members."""

import asyncio
from typing import Annotated

import typer

from federation.commands.terminal import (
    ConfigOption,
    ForceOption,
    JsonOption,
    OrganizationOption,
    group,
    loaded,
    plain_errors,
    say,
)

commands = group("Teams, the groups that lead into them, and the roles that they give.")

KeyArgument = Annotated[str, typer.Argument(metavar="TEAM", help="Its key.")]
ConnectionOption = Annotated[str, typer.Option(help="Whose group; without it every connection's.")]
RemoveOption = Annotated[bool, typer.Option("--remove", help="Take it back.")]
_AT_ONCE = "sessions that are open say so within a second"


@commands.command(
    "list",
    epilog="Examples:  federation team list --organization acme   ·   "
    "federation team list --organization acme --json",
)
def list_teams(
    organization: OrganizationOption, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the teams of an organization: those of the settings file, then those of the store."""
    with plain_errors():
        from federation.operator import teams

        found = asyncio.run(teams.every(loaded(config), organization))
    say(found, "\n".join(map(teams.line, found)) or f"{organization} has no teams", as_json=as_json)


@commands.command(
    "add",
    epilog="Examples:  federation team add platform --organization acme   ·   "
    'federation team add platform --name "Platform & tools" --organization acme --json',
)
def add_team(
    key: KeyArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="For people; without it the key.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make an empty team. Its key is what sessions and applications see, and never changes."""
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        asyncio.run(teams.add(loaded(config), organization, key, name, now=clock.now()))
    say({"team": key, "organization": organization}, f"{organization} has a team {key}", as_json=as_json)


@commands.command(
    "rename",
    epilog='Example:  federation team rename platform "Platform & tools" --organization acme',
)
def rename_team(
    key: KeyArgument,
    name: Annotated[str, typer.Argument(help="For people; the key stays.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a team another name."""
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        asyncio.run(teams.rename(loaded(config), organization, key, name, now=clock.now()))
    say({"team": key, "organization": organization, "name": name}, f"{key} is called {name}", as_json=as_json)


@commands.command("remove", epilog="Example:  federation team remove platform --organization acme")
def remove_team(
    key: KeyArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a team with its groups, roles and members.

    One that is made of a group is made again with the next sign-in of somebody in the group: let
    team_filter leave the group out first.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        done = teams.remove(loaded(config), organization, key, force=force, now=clock.now())
        left = asyncio.run(done)
    told = f"removed {key}; who was in it: {left}; {_AT_ONCE}"
    say({"team": key, "organization": organization, "left": left}, told, as_json=as_json)


@commands.command(
    "link",
    epilog="Examples:  federation team link platform eng-platform --organization acme   ·   "
    'federation team link platform "CN=Platform,OU=Groups,DC=acme" --connection okta --organization acme',
)
def link_group(
    key: KeyArgument,
    name: Annotated[str, typer.Argument(metavar="GROUP", help="Its name, DN or id; case does not count.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    connection: ConnectionOption = "",
    as_json: JsonOption = False,
) -> None:
    """Lead the members of a group into a team, with their next sign-ins."""
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        asyncio.run(teams.link(loaded(config), organization, key, name, connection, now=clock.now()))
    told = {"team": key, "organization": organization, "group": name, "connection": connection or None}
    say(told, f"{name} leads into {key}, with the next sign-ins", as_json=as_json)


@commands.command(
    "unlink", epilog="Example:  federation team unlink platform eng-platform --organization acme"
)
def unlink_group(
    key: KeyArgument,
    name: Annotated[str, typer.Argument(metavar="GROUP", help="As it was linked.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    connection: ConnectionOption = "",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a link back. Whom the group put into the team leaves it at once.

    Of each member one group is kept as the reason: whom another one leads there as well is back
    with their next sign-in.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        read = loaded(config)
        done = teams.unlink(read, organization, key, name, connection, force=force, now=clock.now())
        left = asyncio.run(done)
    told = f"{name} leads into {key} no more; who left it: {left}; {_AT_ONCE}"
    say({"team": key, "organization": organization, "group": name, "left": left}, told, as_json=as_json)


@commands.command(
    "role",
    epilog="Examples:  federation team role platform admin --organization acme   ·   "
    "federation team role platform admin --remove --organization acme",
)
def set_role(
    key: KeyArgument,
    role: Annotated[str, typer.Argument(help="That every member has.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    remove: RemoveOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have a team give a role to its members, or take that back."""
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        read = loaded(config)
        changed = asyncio.run(
            teams.set_role(read, organization, key, role, give=not remove, force=force, now=clock.now())
        )
    word = "does not give" if remove else "gives"
    told = f"{key} {word} {role}; {_AT_ONCE}" if changed else f"{key} {word} {role}, as before"
    say({"team": key, "organization": organization, "role": role, "changed": changed}, told, as_json=as_json)


@commands.command(
    "member",
    epilog="Examples:  federation team member platform ada@acme.example --organization acme   ·   "
    "federation team member platform ada@acme.example --remove --organization acme",
)
def set_member(
    key: KeyArgument,
    who: Annotated[str, typer.Argument(metavar="EMAIL", help="Their address, or the id of their user.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    remove: RemoveOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put somebody into a team by hand, whatever their groups are, or take that back."""
    with plain_errors():
        from federation import clock
        from federation.operator import teams

        read = loaded(config)
        done = asyncio.run(
            teams.set_member(read, organization, key, who, member=not remove, force=force, now=clock.now())
        )
    word = "not in" if remove else "in"
    told = f"{who} is {word} {key} by hand{'' if done.changed else ', as before'}; {_AT_ONCE}"
    if done.others:
        told += f"\nput there besides by: {', '.join(done.others)}"
    data = {"team": key, "organization": organization, "changed": done.changed, "others": list(done.others)}
    say(data, told, as_json=as_json)
