"""The operator's command line. Each command imports what it needs: `--help` stays light.

Exit codes: 0 in order, 1 something was found or failed, 2 the settings (or the command) are wrong.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from federation.errors import ConfigurationError, FederationError

if TYPE_CHECKING:
    from federation.operator.explain import Story
    from federation.settings import Settings

OUR_FAULT: Final = 2
FOUND: Final = 1

app = typer.Typer(
    name="federation",
    help="Federation service provider: sign-in through SAML 2.0 and OpenID Connect.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
metadata = typer.Typer(help="SAML metadata, ours and theirs.", no_args_is_help=True, rich_markup_mode=None)
config = typer.Typer(help="The settings file.", no_args_is_help=True, rich_markup_mode=None)
keyring = typer.Typer(
    help="The key pair that signs and decrypts.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(metadata, name="metadata")
app.add_typer(config, name="config")
app.add_typer(keyring, name="keys")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file [default: $FEDERATION_CONFIG, else federation.yaml]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def harmless(text: str) -> str:
    """Spell out what a terminal would obey, or a reader not see; JSON stays the same JSON."""
    return "".join(one if one.isprintable() or one in "\n\t" else json.dumps(one).strip('"') for one in text)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a refusal into its sentence on standard error, and an exit code."""
    try:
        yield
    except FederationError as refusal:
        print(harmless(f"federation: {refusal.detail}"), file=sys.stderr)
        raise typer.Exit(OUR_FAULT if isinstance(refusal, ConfigurationError) else FOUND) from None


def loaded(file: Path | None) -> "Settings":
    """Load the settings that a command was given."""
    from federation import settings

    return settings.load(file or settings.file_of_worker())


@app.command(epilog="Examples:  federation serve   ·   federation serve --port 8080 --workers 4")
def serve(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; each has its own pool.")] = 1,
) -> None:
    """Run the service until SIGTERM or Ctrl-C; requests in flight get ten seconds to end."""
    with plain_errors():
        read = loaded(config)
        import uvicorn

        from federation import app as composition
        from federation import logs, settings

        logs.configure(as_json=not sys.stderr.isatty())
        # Tried here first: a fault is one sentence, where a worker's would be a traceback, again and again.
        asyncio.run(tried(composition.open_house(read)))
        settings.tell_workers(read.file)
    uvicorn.run(
        "federation.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        lifespan="on",
        log_config=None,
        access_log=False,  # a query string may hold a code or an address
        proxy_headers=False,  # trusted_proxies is read by the rate limits, and nothing else by anyone
        server_header=False,
        timeout_graceful_shutdown=10,
    )


async def tried(house: contextlib.AbstractAsyncContextManager[Any]) -> None:
    """Open everything that a worker needs, and close it again."""
    async with house:
        pass


@app.command(epilog="Examples:  federation demo   ·   federation demo --port 9000")
def demo(
    port: Annotated[int, typer.Option(help="Port of the service.")] = 8000,
    saml_port: Annotated[int, typer.Option(help="Port of the development SAML IdP.")] = 8001,
    oidc_port: Annotated[int, typer.Option(help="Port of the development OpenID Provider.")] = 8002,
    directory: Annotated[Path, typer.Option(help="Settings and database go here.")] = Path("var/demo"),
    certs: Annotated[Path, typer.Option(help="Keys go here.")] = Path("certs"),
) -> None:
    """Run the service and two development identity providers, on loopback, until Ctrl-C."""
    with plain_errors():
        from federation.demo import run

        run.main(port=port, saml_port=saml_port, oidc_port=oidc_port, directory=directory, certs=certs)


@app.command(epilog="Examples:  federation init   ·   federation init --base-url https://sso.acme.example")
def init(
    config: ConfigOption = None,
    base_url: Annotated[str, typer.Option(help="Public origin.")] = "http://localhost:8000",
) -> None:
    """Write a commented settings file and our keys beside it; what is there already stays."""
    with plain_errors():
        from federation import clock, settings
        from federation.operator import init as beginning

        file = config or settings.file_of_worker()
        for path, made in beginning.write(file, base_url, now=clock.now()):
            print(f"{'made' if made else 'kept'}  {path}")
    print(f"\nNext: name a connection in {file}, then\n  federation doctor --config {file}")


@app.command(epilog="Examples:  federation doctor   ·   federation doctor --json | jq .healthy")
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look for what is wrong, from base URL to the providers' clocks; exit 1 if anything is red."""
    with plain_errors():
        from federation import clock
        from federation.operator import doctor as surgery
        from federation.operator.finding import State

        findings = asyncio.run(surgery.examine(loaded(config), now=clock.now()))
    healthy = all(one.state is not State.FAILED for one in findings)
    if as_json:
        show({"healthy": healthy, "findings": [one.as_json() for one in findings]})
    else:
        marks = {"ok": "ok     ", "note": "note   ", "warning": "WARNING", "failed": "FAILED "}
        for one in findings:
            print(harmless(f"{marks[one.state.value]}  {one.topic}: {one.said}"))
            if one.mend:
                print(harmless(f"         to mend: {one.mend}"))
    raise typer.Exit(0 if healthy else FOUND)


@app.command(
    epilog="Examples:  federation explain 7QK2M4XW3A   ·   federation explain response.b64 --connection adfs"
)
def explain(
    what: Annotated[str, typer.Argument(metavar="REFERENCE|FILE", help="A page's reference, or a file.")],
    config: ConfigOption = None,
    connection: Annotated[str | None, typer.Option(help="FILE: whose message it is.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="FILE: the UTC moment to judge it at [default: now]", formats=["%Y-%m-%dT%H:%M:%SZ"]
        ),
    ] = None,
    decode: Annotated[bool, typer.Option("--decode", help="FILE: print the decoded message too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell why a sign-in ended as it did, or what each rule says of a SAMLResponse or ID Token."""
    with plain_errors():
        from datetime import UTC

        from federation import clock
        from federation.operator import explain as inquiry

        read, file = loaded(config), Path(what)
        by_reference = bool(inquiry.REFERENCE.fullmatch(what.upper())) and not file.exists()
        if by_reference:
            story = asyncio.run(inquiry.by_reference(read, what.upper()))
        else:
            now = at.replace(tzinfo=UTC) if at else clock.now()
            story = asyncio.run(inquiry.by_message(read, inquiry.read_message(file), connection, now=now))
    if as_json:
        show(story.as_json())
    else:
        tell(story, decode=decode)
    raise typer.Exit(FOUND if story.code and not by_reference else 0)


def tell(story: "Story", *, decode: bool) -> None:
    """Print a story: what came of it, who can mend it, and every rule that was asked."""
    from federation.operator.explain import outcome

    print(harmless(f"{f'REFUSED  {story.code}' if story.code else 'ACCEPTED'}\n{story.detail}"))
    for one in story.checks:
        if outcome(one) == "BROKEN":
            print(harmless(f"  {one.code}: {one.said}"))
    if story.mended_by:
        print(f"to be mended by {story.mended_by}; how: docs/refusals.md")
    print()
    for name, fact in story.facts.items():
        print(harmless(f"{name:<13} {fact}"))
    if story.checks:
        print()
    width = max((len(one.code) for one in story.checks), default=0)
    for one in story.checks:
        print(harmless(f"{outcome(one):<8}  {one.code:<{width}}  {one.said or ''}".rstrip()))
    if decode and story.message:
        print(harmless(f"\n{story.message}"))


@metadata.command(
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


@metadata.command("adopt", epilog="Example:  federation metadata adopt old-sp-metadata.xml")
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
    if as_json:
        show(found)
    else:
        print(harmless(adopt.tell(found, base_url)))


ConnectionArgument = Annotated[str, typer.Argument(help="Id of a SAML connection.")]
DigestOption = Annotated[
    str, typer.Option("--digest", help="SHA-256 of the document that is meant, or its beginning.")
]


@metadata.command(
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
        print(f"waiting: document {fetched.digest}\n{theirs.decide(connection)}")


@metadata.command(
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
        print(f"waiting: document {waiting}\n{theirs.decide(connection)}")


@metadata.command(
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


@metadata.command(
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


@keyring.command("status", epilog="Examples:  federation keys status   ·   federation keys status --json")
def keys_status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell which of our key pairs are there and what comes next; exit 1 if a step was cut off."""
    with plain_errors():
        from federation.operator import keys

        stands = keys.status(loaded(config))
    if as_json:
        show(stands.as_json())
    else:
        print(harmless("\n".join(stands.lines())))
    raise typer.Exit(FOUND if stands.unfinished else 0)


@keyring.command(
    "rotate", epilog="Examples:  federation keys rotate   ·   federation keys rotate --step use --yes --json"
)
def keys_rotate(
    config: ConfigOption = None,
    step: Annotated[str, typer.Option(help="publish, use or retire [default: the one that is due]")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if identity providers may not know it yet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Exchange our key pair, one step at a time: publish, use, retire. Cut off, it goes on where it was."""
    with plain_errors():
        from federation import clock
        from federation.operator import keys, rollover

        read, done = loaded(config), []
        for sentence in rollover.rotate(read, rollover.read_step(step), now=clock.now(), early=yes):
            done.append(sentence)
            if not as_json:
                print(harmless(sentence))
        stands = keys.status(read)
    if as_json:
        show({"done": done, **stands.as_json()})
    else:
        print(harmless("\n".join(["", *stands.lines()])))


@config.command(epilog="Examples:  federation config check   ·   federation config check --json")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read the settings from file, secret files and environment, and name every fault."""
    with plain_errors():
        from federation.connection import show as plain

        read = loaded(config)
    if as_json:
        show(plain(read))
    else:
        print(f"{read.file} is in order: {', '.join(read.connections) or 'no connections yet'}")


def show(data: Any) -> None:
    """Print data as JSON."""
    print(harmless(json.dumps(data, indent=2, ensure_ascii=False)))


if __name__ == "__main__":
    app()
