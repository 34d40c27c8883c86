"""`federation bootstrap` and `federation break-glass`: ways in that hang on no connection."""

import asyncio
import sys
from typing import Annotated

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

EXAMPLES = "Examples:  federation bootstrap acme   ·   federation bootstrap acme --json"
break_glass = group("The sealed account of each organization, for when no other way in works.")


def bootstrap(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Its id.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link by which the next sign-in becomes the first administrator; an earlier one is void.

    Exit 1 where somebody is an administrator already.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import emergency

        link = asyncio.run(emergency.offer(loaded(config), organization, anew=True, now=clock.now()))
    if link is None:
        print(harmless(f"federation: {organization} has an administrator already"), file=sys.stderr)
        raise typer.Exit(FOUND)
    if as_json:
        show({"link": link})
    else:
        print(f"open this and sign in, it is good once and for 24 hours:\n{link}")


@break_glass.command(
    "seal",
    epilog="Examples:  federation break-glass seal --organization acme   ·   "
    "federation break-glass seal --organization acme --json",
)
def seal(organization: OrganizationOption, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print a new recovery code, this once; an earlier one is void. Keep it on paper, in a safe."""
    with plain_errors():
        from federation import clock
        from federation.operator import emergency

        read = loaded(config)
        code = asyncio.run(emergency.seal(read, organization, now=clock.now()))
    if as_json:
        show({"code": code, "url": f"{read.base_url}/break-glass"})
    else:
        print(f"keep this where no computer reads it; it opens {read.base_url}/break-glass once:\n{code}")


@break_glass.command(
    "status", epilog="Examples:  federation break-glass status   ·   federation break-glass status --json"
)
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell of each organization whether a code is sealed, and when one was last used."""
    with plain_errors():
        from federation.operator import emergency

        found = asyncio.run(emergency.states(loaded(config)))
    say(
        [one.as_json() for one in found],
        "\n".join(one.said for one in found) or "no organization names administrators",
        as_json=as_json,
    )
