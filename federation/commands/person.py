"""`federation person`: what an operator decides about somebody who signs in."""

import asyncio
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
    say(done.as_json(), done.said, as_json=as_json)


@commands.command(
    "add",
    epilog="Examples:  federation person add ada@acme.example --organization acme --connection okta   ·   "
    "federation person add ada@acme.example --organization acme --role admin --json",
)
def add_person(
    email: Annotated[str, typer.Argument(help="The address that their account will have.")],
    organization: OrganizationOption,
    config: ConfigOption = None,
    connection: Annotated[
        str, typer.Option(help="Through which they will come; its word for the address counts then.")
    ] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role that they are granted; repeat it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a user before they come: their first sign-in finds it, with what was granted by hand.

    Without --connection they are found only through one that is trusted for the address. Whoever
    has the address already and is no member any more becomes one again.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import add_person as adding

        roles = tuple(role or ())
        done = asyncio.run(
            adding.add(
                loaded(config),
                email,
                organization=organization,
                connection=connection,
                roles=roles,
                now=clock.now(),
            )
        )
    say(done.as_json(), done.said, as_json=as_json)


WhoArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="An address; or a user's id.")]
PersonOption = Annotated[
    str, typer.Option("--person", help="In place of EMAIL: as `federation explain` names the person.")
]


def _meant(email: str, person: str) -> str:
    if bool(email) is bool(person):
        raise typer.BadParameter("say whom: an e-mail address (or a user's id), or --person")
    return email or person


@commands.command(
    "export",
    epilog="Examples:  federation person export ada@acme.example --organization acme > ada.json",
)
def export_person(
    organization: OrganizationOption,
    email: WhoArgument = "",
    config: ConfigOption = None,
    person: PersonOption = "",
) -> None:
    """Print all that is kept of a person in an organization, as JSON: records opened, no token."""
    whom = _meant(email, person)
    with plain_errors():
        from federation.operator import person_data

        told = asyncio.run(person_data.export(loaded(config), whom, organization))
    show(told)


@commands.command(
    "erase",
    epilog="Examples:  federation person erase ada@acme.example --organization acme   ·   "
    "federation person erase ada@acme.example --organization acme --yes --json",
)
def erase_person(
    organization: OrganizationOption,
    email: WhoArgument = "",
    config: ConfigOption = None,
    person: PersonOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the last administrator.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a person in an organization, for good: accounts, roles, teams, sessions, what their records say.

    That and how a sign-in ended stays, of whom does not. If their identity provider still lets them
    in, their next sign-in makes a new user.
    """
    whom = _meant(email, person)
    with plain_errors():
        from federation import clock
        from federation.operator import person_data

        read = loaded(config)
        found = asyncio.run(person_data.find(read, whom, organization))
        if not yes:
            told = f"{found.email or 'without an e-mail address'} (user {found.user_id})"
            typer.confirm(harmless(f"Erase {told} in {organization}, for good?"), abort=True, err=True)
        done = asyncio.run(person_data.erase(read, found, organization, force=force, now=clock.now()))
    say(done.as_json(), done.said, as_json=as_json)
