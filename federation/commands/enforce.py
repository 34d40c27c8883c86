"""`federation enforce`: by which connections alone an organization, or one of its domains, signs in."""

import asyncio
import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from federation.commands.terminal import (
    FOUND,
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

if TYPE_CHECKING:
    from federation.operator.enforcement import Told
    from federation.store.domains_values import Enforcement

commands = group("The only ways in, for an organization or a domain.")
DomainOption = Annotated[
    str,
    typer.Option("--domain", help="acme.example or *.acme.example alone [default: the whole organization]"),
]
ConnectionOption = Annotated[list[str], typer.Option("--connection", help="A way in that stays; repeat it.")]


def _wanted(organization: str, domain: str, connections: list[str], by: str | None) -> "Enforcement":
    from federation import clock
    from federation.store.domains_values import Enforcement

    return Enforcement(
        organization=organization,
        domain=domain.lower(),
        connections=tuple(dict.fromkeys(connections)),
        at=clock.now(),
        by=(by or getpass.getuser())[:200],
    )


def _tell(told: "Told", *, as_json: bool) -> None:
    say(told.as_json(), told.said, as_json=as_json)


@commands.command(
    epilog="Examples:  federation enforce preflight --organization acme --connection okta   ·   "
    "federation enforce preflight --organization acme --domain acme.example --connection okta --json"
)
def preflight(
    organization: OrganizationOption,
    connection: ConnectionOption,
    config: ConfigOption = None,
    domain: DomainOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell who would be locked out, and whether each connection was signed in through this week."""
    with plain_errors():
        from federation.operator import enforcement

        wanted = _wanted(organization, domain, connection, None)
        told = asyncio.run(enforcement.preflight(loaded(config), wanted))
    _tell(told, as_json=as_json)
    raise typer.Exit(FOUND if told.seen.number or told.seen.untried else 0)


@commands.command(
    epilog="Examples:  federation enforce on --organization acme --connection okta   ·   "
    "federation enforce on --organization acme --connection okta --locked-out 2"
)
def on(
    organization: OrganizationOption,
    connection: ConnectionOption,
    config: ConfigOption = None,
    domain: DomainOption = "",
    locked_out: Annotated[
        int, typer.Option(min=0, help="How many people it locks out, exactly; preflight tells.")
    ] = 0,
    by: Annotated[str | None, typer.Option(help="Who wants it [default: your login name]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let people come in by these connections alone, from the next sign-in on; sessions go on.

    Exit 1, and nothing changed, where another number of people is locked out than --locked-out
    says, or a connection saw no sign-in in the last seven days. A break-glass account still works.
    """
    with plain_errors():
        from federation.operator import enforcement

        wanted = _wanted(organization, domain, connection, by)
        told = asyncio.run(enforcement.on(loaded(config), wanted, locked_out=locked_out))
    _tell(told, as_json=as_json)
    raise typer.Exit(0 if told.done else FOUND)


@commands.command(
    epilog="Examples:  federation enforce off --organization acme   ·   "
    "federation enforce off --organization acme --domain acme.example"
)
def off(
    organization: OrganizationOption,
    config: ConfigOption = None,
    domain: DomainOption = "",
    as_json: JsonOption = False,
) -> None:
    """Let people come in by every connection again; exit 1 where nothing was enforced."""
    with plain_errors():
        from federation import clock
        from federation.operator import enforcement

        lifted = asyncio.run(enforcement.off(loaded(config), organization, domain.lower(), now=clock.now()))
    if as_json:
        show({"organization": organization, "domain": domain.lower(), "lifted": lifted})
    else:
        where = f"{organization} ({domain})" if domain else organization
        print(
            harmless(
                f"off: {where} signs in by any connection" if lifted else f"nothing is enforced for {where}"
            )
        )
    raise typer.Exit(0 if lifted else FOUND)


@commands.command("list", epilog="Examples:  federation enforce list   ·   federation enforce list --json")
def list_enforced(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what is enforced."""
    with plain_errors():
        from federation.operator import enforcement

        found = asyncio.run(enforcement.every(loaded(config)))
    say(
        [enforcement.as_json(one) for one in found],
        "\n".join(map(enforcement.line, found)) or "nothing is enforced",
        as_json=as_json,
    )
