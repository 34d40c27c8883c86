"""`federation domain`: proving by DNS that a domain is an organization's."""

import asyncio
from typing import Annotated

import typer

from federation.commands.terminal import (
    FOUND,
    ConfigOption,
    JsonOption,
    group,
    loaded,
    plain_errors,
    say,
)

commands = group("Domains, and the records that prove them.")
DomainArgument = Annotated[str, typer.Argument(help="As connections name it; *.acme.example by its base.")]
OrganizationOption = Annotated[
    str | None, typer.Option("--organization", "-o", help="Its id, where two name the domain.")
]


@commands.command(
    "show",
    epilog="Examples:  federation domain show acme.example   ·   "
    "federation domain show acme.example --organization acme --json",
)
def show_domain(
    domain: DomainArgument,
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the TXT record that proves a domain; the same one whenever it is asked for."""
    with plain_errors():
        from federation import clock
        from federation.operator import domains

        told = asyncio.run(domains.show(loaded(config), domain, organization, now=clock.now()))
    say(told.as_json(), told.said, as_json=as_json)


@commands.command(
    "verify",
    epilog="Examples:  federation domain verify acme.example   ·   "
    "federation domain verify acme.example --json",
)
def verify_domain(
    domain: DomainArgument,
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for the record in DNS now; exit 1 where it is not there, which ends an earlier proof."""
    with plain_errors():
        from federation import clock
        from federation.operator import domains

        told = asyncio.run(domains.verify(loaded(config), domain, organization, now=clock.now()))
    say(told.as_json(), told.said, as_json=as_json)
    raise typer.Exit(0 if told.found else FOUND)
