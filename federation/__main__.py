"""The operator's command line: running the service here, every other command in ``commands``.

Each command imports what it needs when it is called: `--help` stays light. Exit codes: 0 in order,
1 something was found or failed, 2 the settings (or the command) are wrong.
"""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from federation.commands import (
    audit,
    domain,
    emergency,
    enforce,
    grants,
    inquiry,
    invitation,
    keys,
    links,
    local,
    metadata,
    organization,
    policy,
    scim,
    team,
    token,
)
from federation.commands.terminal import ConfigOption, JsonOption, group, loaded, plain_errors, show

app = typer.Typer(
    name="federation",
    help="Federation service provider: sign-in through SAML 2.0 and OpenID Connect.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config = group("The settings file.")
app.add_typer(inquiry.commands)
app.add_typer(metadata.commands, name="metadata")
app.add_typer(config, name="config")
app.add_typer(keys.commands, name="keys")
app.add_typer(domain.commands, name="domain")
app.add_typer(enforce.commands, name="enforce")
app.add_typer(grants.commands, name="person")  # person.commands, and what is added there
app.add_typer(links.commands, name="connection")  # endings.connections, and what is added there
app.add_typer(organization.commands, name="organization")
app.add_typer(team.commands, name="team")
app.add_typer(local.commands, name="local")
app.add_typer(audit.commands, name="audit")
app.add_typer(token.commands, name="token")
app.add_typer(scim.commands, name="scim")
app.add_typer(emergency.break_glass, name="break-glass")
app.command("bootstrap", epilog=emergency.EXAMPLES)(emergency.bootstrap)
app.add_typer(policy.commands, name="policy")
app.add_typer(invitation.commands, name="invitation")
app.command(
    "invite",
    epilog="Examples:  federation invite ada@acme.example --organization acme --role admin   ·   "
    "federation invite ada@acme.example --organization acme --expires 2d --json",
)(invitation.invite)


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
        from federation import clock, logs, settings
        from federation.operator import emergency as emergency_ways

        logs.configure(as_json=not sys.stderr.isatty())
        # Tried here first: a fault is one sentence, where a worker's would be a traceback, again and again.
        asyncio.run(tried(composition.open_house(read)))
        for organization, link in asyncio.run(emergency_ways.offer_all(read, now=clock.now())):
            print(f"{organization} has no administrator; who opens this and signs in is one:\n{link}")
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


if __name__ == "__main__":
    app()
