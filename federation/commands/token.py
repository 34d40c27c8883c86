"""`federation token`: bearer tokens of the administration's API."""

import asyncio
from typing import Annotated

import typer

from federation.commands.terminal import (
    ConfigOption,
    JsonOption,
    group,
    loaded,
    plain_errors,
    say,
    show,
)

commands = group("Bearer tokens of the administration's API.")


@commands.command(
    "create",
    epilog="Examples:  federation token create terraform --organization acme --scope connections:read "
    "--scope connections:write   ·   federation token create backup --everywhere --scope audit:read "
    "--days 30",
)
def create_token(
    name: Annotated[str, typer.Argument(help="For people: what it is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; several times for several.")],
    config: ConfigOption = None,
    organization: Annotated[str, typer.Option("--organization", "-o", help="Whose.")] = "",
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Of the whole installation.")] = False,
    days: Annotated[int, typer.Option(min=1, max=365, help="Until it ends.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Make a token, and show it this once."""
    if bool(organization) is everywhere:
        raise typer.BadParameter("expected an organization, or --everywhere", param_hint="--organization")
    with plain_errors():
        from federation import clock
        from federation.operator import tokens

        done = tokens.create(
            loaded(config), name, organization=organization, scopes=scope, days=days, now=clock.now()
        )
        made = asyncio.run(done)
    if as_json:
        show({**tokens.as_json(made.token), "token": made.secret})
    else:
        print(f"{made.secret}\n\nShown this once; it ends on {made.token.expires_at:%Y-%m-%d}.")


@commands.command(
    "list", epilog="Examples:  federation token list   ·   federation token list --organization acme --json"
)
def list_tokens(
    config: ConfigOption = None,
    organization: Annotated[
        str, typer.Option("--organization", "-o", help="Of this one alone; without it of all of them.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show tokens, newest first: those that are over, too."""
    with plain_errors():
        from federation import clock
        from federation.operator import tokens

        now = clock.now()
        found = asyncio.run(tokens.every(loaded(config), organization or None, now=now))
    say(
        [tokens.as_json(one) for one in found],
        "\n".join(tokens.line(one, now=now) for one in found) or "there are no tokens",
        as_json=as_json,
    )


@commands.command("revoke", epilog="Example:  federation token revoke 019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")
def revoke_token(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `federation token list` shows it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a token from the next request on, on every node."""
    with plain_errors():
        from federation import clock
        from federation.operator import tokens

        done = asyncio.run(tokens.revoke(loaded(config), identifier, now=clock.now()))
    say(tokens.as_json(done), f"{done.name} is revoked", as_json=as_json)
