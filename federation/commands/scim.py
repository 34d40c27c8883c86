"""`federation scim`: what a connection's directory proves itself by, and how it stands here."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from federation.administration.provisioning import Minting

commands = group("Directories that provision people here (SCIM 2.0).")
tokens = group("Bearer tokens of a connection's directory.")
clients = group("OAuth clients of a connection's directory (client credentials).")
commands.add_typer(tokens, name="token")
commands.add_typer(clients, name="client")
ConnectionId = Annotated[str, typer.Argument(metavar="CONNECTION", help="Its id.")]
CredentialId = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]
NameOption = Annotated[str, typer.Option("--name", "-n", help="For people: what it is for.")]
ExpiresOption = Annotated[
    str, typer.Option("--expires", metavar="DAYS", help="Until it ends, as 90d; 1825d at most.")
]


@tokens.command(
    "create",
    epilog="Examples:  federation scim token create okta   ·   "
    "federation scim token create okta --name 'Okta, 2027' --expires 180d --json",
)
def create_token(
    connection: ConnectionId,
    config: ConfigOption = None,
    name: NameOption = "directory",
    expires: ExpiresOption = "365d",
    as_json: JsonOption = False,
) -> None:
    """Make a token, and show it this once."""
    _create(connection, "bearer", config, name, expires, as_json=as_json)


@clients.command(
    "create",
    epilog="Examples:  federation scim client create entra   ·   "
    "federation scim client create entra --name Entra --expires 730d --json",
)
def create_client(
    connection: ConnectionId,
    config: ConfigOption = None,
    name: NameOption = "directory",
    expires: ExpiresOption = "365d",
    as_json: JsonOption = False,
) -> None:
    """Make an OAuth client, and show its secret this once."""
    _create(connection, "client", config, name, expires, as_json=as_json)


@tokens.command(
    "list",
    epilog="Examples:  federation scim token list okta   ·   federation scim token list okta --json",
)
def list_tokens(connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the tokens that count now, newest first."""
    _list(connection, "bearer", config, as_json=as_json)


@clients.command(
    "list",
    epilog="Examples:  federation scim client list entra   ·   federation scim client list entra --json",
)
def list_clients(connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the clients that count now, newest first."""
    _list(connection, "client", config, as_json=as_json)


@tokens.command(
    "revoke", epilog="Example:  federation scim token revoke okta 019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"
)
def revoke_token(connection: ConnectionId, identifier: CredentialId, config: ConfigOption = None) -> None:
    """Refuse a token from the next request on, on every node."""
    _revoke(connection, identifier, config)


@clients.command(
    "revoke", epilog="Example:  federation scim client revoke entra 019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"
)
def revoke_client(connection: ConnectionId, identifier: CredentialId, config: ConfigOption = None) -> None:
    """Refuse a client, and every token that it was given, from the next request on, on every node."""
    _revoke(connection, identifier, config)


@commands.command(
    "status", epilog="Examples:  federation scim status okta   ·   federation scim status okta --json"
)
def status(connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell the base URL, how many users and groups there are, who is refused, what is still due."""
    with plain_errors():
        from federation import clock
        from federation.operator import scim

        told = asyncio.run(scim.view(loaded(config), connection, now=clock.now()))
    say(scim.status_as_json(told), scim.status(told), as_json=as_json)


@commands.command(
    "forget", epilog="Examples:  federation scim forget okta   ·   federation scim forget okta --yes"
)
def forget(
    connection: ConnectionId,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the last administrator.")] = False,
) -> None:
    """Take away what a directory kept and gave here, once its connection has no `scim` any more."""
    with plain_errors():
        from federation import clock
        from federation.operator import scim

        settings, now = loaded(config), clock.now()
        for one in asyncio.run(scim.residue(settings, connection, now=now)):
            told = f"{one.users} users of {one.organization}, {one.kept_out} of them kept out until now"
            if not yes:
                typer.confirm(harmless(f"Forget {told}, and what they were given?"), abort=True, err=True)
        ended = asyncio.run(scim.forget(settings, connection, force=force, now=now))
    print(f"forgotten; {ended} sessions ended")


def _create(
    connection: str, kind: "Minting", config: Path | None, name: str, expires: str, *, as_json: bool
) -> None:
    if not (days := re.fullmatch(r"([1-9][0-9]{0,3})d?", expires)):
        raise typer.BadParameter("expected days, such as 365d", param_hint="--expires")
    with plain_errors():
        from federation import clock
        from federation.operator import scim

        done = scim.create(loaded(config), connection, kind, name=name, days=int(days[1]), now=clock.now())
        made, told = asyncio.run(done)
    one = made.credential
    if as_json:
        secret = {"token": made.secret} if kind == "bearer" else {"client_secret": made.secret}
        show({**scim.as_json(one), "base_url": told.base_url, "token_url": told.token_url, **secret})
        return
    print(made.secret if kind == "bearer" else f"client id      {one.id}\nclient secret  {made.secret}")
    print(
        harmless(
            f"\nbase URL       {told.base_url}" if kind == "bearer" else f"base URL       {told.base_url}"
        )
    )
    if kind == "client":
        print(harmless(f"token URL      {told.token_url}"))
    print(f"\nShown this once; it ends on {one.expires_at:%Y-%m-%d}. Its id is {one.id}.")


def _list(connection: str, kind: "Minting", config: Path | None, *, as_json: bool) -> None:
    with plain_errors():
        from federation import clock
        from federation.operator import scim

        told = asyncio.run(scim.view(loaded(config), connection, now=clock.now()))
    found = scim.of_kind(told, kind)
    say(
        [scim.as_json(one) for one in found],
        "\n".join(map(scim.line, found)) or "there are none",
        as_json=as_json,
    )


def _revoke(connection: str, identifier: str, config: Path | None) -> None:
    with plain_errors():
        from federation import clock
        from federation.operator import scim

        asyncio.run(scim.revoke(loaded(config), connection, identifier, now=clock.now()))
    print("revoked")
