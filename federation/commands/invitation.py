"""`federation invite` and `federation invitation`: people who may come."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from federation.commands.terminal import (
    ConfigOption,
    JsonOption,
    OrganizationOption,
    group,
    harmless,
    loaded,
    plain_errors,
    say,
)

commands = group("Who is invited.")


def invite(
    email: Annotated[str, typer.Argument(help="Whom: the address that their account has.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    role: Annotated[list[str] | None, typer.Option(help="A role that they are granted; repeat it.")] = None,
    team: Annotated[list[str] | None, typer.Option(help="Key of a team that they join; repeat it.")] = None,
    expires: Annotated[str, typer.Option(help="For how long, at most 90d.")] = "7d",
    as_json: JsonOption = False,
) -> None:
    """Invite somebody by e-mail address, and print the link, which is not shown again.

    They open it and sign in by any connection of the organization, with an account of this address;
    roles and teams are theirs from then on. An earlier open invitation to the address is replaced.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import invite as inviting

        done = asyncio.run(
            inviting.invite(
                loaded(config),
                email,
                organization=organization,
                roles=tuple(role or ()),
                teams=tuple(team or ()),
                expires=life(expires),
                now=clock.now(),
            )
        )
    say(done.as_json(), done.said, as_json=as_json)
    if done.trouble:
        raise typer.Exit(1)


def life(told: str) -> timedelta:
    """Read a duration of the command line."""
    from federation.configuration.scalars import parse_duration

    try:
        read = parse_duration(told)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--expires") from None
    assert isinstance(read, timedelta)  # noqa: S101  what it returns for a text
    return read


@commands.command(
    "list",
    epilog="Examples:  federation invitation list --organization acme   ·   "
    "federation invitation list --organization acme --json",
)
def list_invitations(
    organization: OrganizationOption, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the invitations that have not expired, newest first; no link can be had again."""
    with plain_errors():
        from federation import clock
        from federation.operator import invite as inviting

        found = asyncio.run(inviting.every(loaded(config), organization, now=clock.now()))
    say(
        [inviting.as_json(one) for one in found],
        "\n".join(map(inviting.line, found)) or f"nobody is invited to {organization}",
        as_json=as_json,
    )


@commands.command(
    "revoke",
    epilog="Example:  federation invitation revoke 019aa3b2-7c1d-7e5f-8a9b-0c1d2e3f4a5b --organization acme",
)
def revoke_invitation(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="As `federation invitation list` shows it.")
    ],
    organization: OrganizationOption,
    config: ConfigOption = None,
) -> None:
    """Take an open invitation back: its link leads nowhere any more."""
    with plain_errors():
        from federation import clock
        from federation.operator import invite as inviting

        asyncio.run(inviting.revoke(loaded(config), organization, identifier, now=clock.now()))
    print(harmless(f"taken back: {identifier}"))
