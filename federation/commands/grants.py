"""`federation person grant`, `revoke` and `show`: roles by hand, and what somebody has by whom."""

import asyncio
from typing import Annotated

import typer

from federation.commands.person import commands
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

RoleArgument = Annotated[str, typer.Argument(help="The role.")]
WhoArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address, or the id of their user.")]

__all__ = ["commands"]


@commands.command(
    "grant",
    epilog="Examples:  federation person grant admin ada@acme.example --organization acme   ·   "
    "federation person grant admin 019aa3b2-7c1d-7e5f-8a9b-0c1d2e3f4a5b --organization acme --json",
)
def grant_role(
    role: RoleArgument,
    who: WhoArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody a role by hand: no sign-in and no rule takes it away again."""
    _set(role, who, organization, config, give=True, force=False, as_json=as_json)


@commands.command(
    "revoke",
    epilog="Examples:  federation person revoke admin ada@acme.example --organization acme   ·   "
    "federation person revoke admin ada@acme.example --organization acme --force",
)
def revoke_role(
    role: RoleArgument,
    who: WhoArgument,
    organization: OrganizationOption,
    config: ConfigOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back a role that was given by hand. What rules, teams and others give stays, and is told."""
    _set(role, who, organization, config, give=False, force=force, as_json=as_json)


def _set(
    role: str, who: str, organization: str, config: ConfigOption, *, give: bool, force: bool, as_json: bool
) -> None:
    with plain_errors():
        from federation import clock
        from federation.operator import by_hand

        read = loaded(config)
        done = asyncio.run(
            by_hand.set_grant(read, organization, role, who, give=give, force=force, now=clock.now())
        )
    if as_json:
        told = {"role": role, "organization": organization, "changed": done.changed}
        show({**told, "others": list(done.others)})
        return
    said = f"{who} {'has' if give else 'has not'} {role} by hand{'' if done.changed else ', as before'}"
    print(harmless(f"{said}; sessions that are open say so within a second"))
    if done.others:
        print(harmless(f"given besides by: {', '.join(done.others)}"))


@commands.command(
    "show",
    epilog="Examples:  federation person show ada@acme.example   ·   "
    "federation person show ada@acme.example --organization acme --json",
)
def show_person(
    who: WhoArgument,
    config: ConfigOption = None,
    organization: Annotated[
        str, typer.Option("--organization", "-o", help="Its id; without it every one's.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what is known of somebody: accounts, memberships, roles and teams by source, sessions."""
    with plain_errors():
        from federation import clock
        from federation.operator import by_hand

        found = asyncio.run(by_hand.show(loaded(config), who, organization, now=clock.now()))
    say(found, "\n".join(map(by_hand.person_lines, found)), as_json=as_json)
