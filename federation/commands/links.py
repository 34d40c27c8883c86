"""`federation connection link|links|unlink`: setup links of a connection."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from federation.commands.connection import commands as connection_commands
from federation.commands.endings import ConnectionId
from federation.commands.terminal import ConfigOption, JsonOption, harmless, loaded, plain_errors, say, show

if TYPE_CHECKING:
    from federation.store.setup_links import SetupLink

commands = connection_commands
LinkId = Annotated[str, typer.Argument(metavar="LINK", help="Its id, as `links` tells it.")]


@commands.command(
    "link",
    epilog="Examples:  federation connection link okta   ·   "
    "federation connection link okta --days 14 --may-enable --json",
)
def link(
    connection: ConnectionId,
    days: Annotated[int, typer.Option(help="Until it ends; 30 at most.")] = 7,
    may_enable: Annotated[
        bool, typer.Option("--may-enable", help="Its holder may enable it, once a test went through.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link by which a customer's IT person sets this connection up; it is shown this once."""
    with plain_errors():
        from federation import clock
        from federation.operator import setup_links

        made = asyncio.run(
            setup_links.create(loaded(config), connection, days=days, may_enable=may_enable, now=clock.now())
        )
    say(
        _told(made.link) | {"url": made.url},
        f"{made.url}\nends {made.link.expires_at:%Y-%m-%d %H:%M} UTC; id {made.link.id}",
        as_json=as_json,
    )


@commands.command(
    "links",
    epilog="Examples:  federation connection links okta   ·   federation connection links okta --json",
)
def list_links(connection: ConnectionId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell which links a connection has, and how often each was begun with; never the link itself."""
    with plain_errors():
        from federation import clock
        from federation.operator import setup_links

        now = clock.now()
        found = asyncio.run(setup_links.every(loaded(config), connection, now=now))
    if as_json:
        show([_told(one) for one in found])
        return
    for one in found:
        state = "revoked" if one.revoked_at else "over" if one.expires_at <= now else "live"
        print(harmless(f"{one.id}  {state}  ends {one.expires_at:%Y-%m-%d %H:%M} UTC  begun {one.uses}"))


@commands.command("unlink", epilog="Example:  federation connection unlink 019f6a2b-…")
def unlink(identifier: LinkId, config: ConfigOption = None) -> None:
    """Revoke a link: whoever is at it is out with their next click, on every node."""
    with plain_errors():
        from federation import clock
        from federation.operator import setup_links

        asyncio.run(setup_links.revoke(loaded(config), identifier, now=clock.now()))
    print("revoked")


def _told(one: "SetupLink") -> dict[str, Any]:
    return {
        "id": one.id,
        "connection": one.connection,
        "organization": one.organization,
        "may_enable": one.may_enable,
        "expires_at": one.expires_at.isoformat(),
        "uses": one.uses,
        "last_used_at": one.last_used_at.isoformat() if one.last_used_at else None,
        "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
    }
