"""`federation metadata`: ours to hand out, theirs to look at and to decide on."""

import asyncio
from pathlib import Path
from typing import Annotated

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

commands = group("SAML metadata, ours and theirs.")


@commands.command(
    "show",
    epilog="Examples:  federation metadata show adfs > sp.xml   ·   federation metadata show  (all of them)",
)
def show_metadata(
    connection: Annotated[str | None, typer.Argument(help="Id of a SAML connection; all without it.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print our metadata, as /saml/{connection}/metadata and /saml/metadata serve it."""
    with plain_errors():
        from federation.operator import published

        told = published.show(loaded(config), connection)
    if as_json:
        show(told)
    else:
        print(told["metadata"])


@commands.command("adopt", epilog="Example:  federation metadata adopt old-sp-metadata.xml")
def adopt_metadata(
    file: Annotated[Path, typer.Argument(help="SP metadata of the product that is registered so far.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the keys with which an identity provider's registration of another product can stay."""
    with plain_errors():
        from federation.operator import adopt

        base_url = loaded(config).base_url
        found = adopt.adopt(file, base_url)
    say(found, adopt.tell(found, base_url), as_json=as_json)


ConnectionArgument = Annotated[str, typer.Argument(help="Id of a SAML connection.")]
DigestOption = Annotated[
    str, typer.Option("--digest", help="SHA-256 of the document that is meant, or its beginning.")
]


@commands.command(
    "fetch", epilog="Examples:  federation metadata fetch adfs   ·   federation metadata fetch adfs --json"
)
def fetch_metadata(
    connection: ConnectionArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Fetch an identity provider's metadata now and show what changed; exit 1 if it cannot be used."""
    with plain_errors():
        from federation import clock
        from federation.operator import metadata as theirs

        fetched = asyncio.run(theirs.fetch(loaded(config), connection, now=clock.now()))
    if as_json:
        show(fetched.as_json())
        return
    print(harmless("\n".join([fetched.said, *(f"  {line}" for line in fetched.changes)])))
    if fetched.digest:
        print(f"waiting: document {fetched.digest}\n{theirs.decide(connection, fetched.digest)}")


@commands.command(
    "changes", epilog="Examples:  federation metadata changes   ·   federation metadata changes adfs --json"
)
def metadata_changes(
    connection: Annotated[str | None, typer.Argument(help="Id of a SAML connection; all without it.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what changed in identity providers' metadata, newest first, and what became of it."""
    with plain_errors():
        from federation.operator import metadata as theirs

        found, waiting = asyncio.run(theirs.changes(loaded(config), connection))
    if as_json:
        show({"changes": [theirs.change_as_json(one) for one in found], "held": waiting})
        return
    print(harmless("\n".join(theirs.tell(found)) or "no change is recorded"))
    if connection and waiting:
        print(f"waiting: document {waiting}\n{theirs.decide(connection, waiting)}")


@commands.command(
    "approve",
    epilog="Examples:  federation metadata approve adfs   ·   federation metadata approve adfs --digest 1f2e",
)
def approve_metadata(
    connection: ConnectionArgument, config: ConfigOption = None, digest: DigestOption = ""
) -> None:
    """Put the metadata that waits in force; every worker follows within half a minute."""
    with plain_errors():
        from federation import clock
        from federation.operator import metadata as theirs

        lines = asyncio.run(theirs.approve(loaded(config), connection, digest, now=clock.now()))
    print(harmless("\n".join([f"{connection}: approved", *(f"  {line}" for line in lines)])))


@commands.command(
    "reject",
    epilog="Examples:  federation metadata reject adfs   ·   federation metadata reject adfs --digest 1f2e",
)
def reject_metadata(
    connection: ConnectionArgument, config: ConfigOption = None, digest: DigestOption = ""
) -> None:
    """Drop the metadata that waits; what is in force stays, and this document is not offered again."""
    with plain_errors():
        from federation import clock
        from federation.operator import metadata as theirs

        lines = asyncio.run(theirs.reject(loaded(config), connection, digest, now=clock.now()))
    print(harmless("\n".join([f"{connection}: rejected", *(f"  {line}" for line in lines)])))
