"""`federation demo`: the service and two development identity providers, in one process.

What a newcomer sees in the first minute, made of the same parts as production: a settings
file is written and read, keys are generated, the database is migrated. Loopback only.
"""

import asyncio
import contextlib
import errno
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import uvicorn
from rich.console import Console
from rich.table import Table

from federation import app, clock, logs, settings
from federation.demo.loopback import loopback_only
from federation.demo.openid_provider import DemoClient, OpenidProvider
from federation.demo.saml_idp import SamlIdp
from federation.demo.saml_requests import ServiceProvider
from federation.demo.users import USERS
from federation.errors import ConfigurationError
from federation.saml import certificates

SERVICE_HOST = "localhost"
PROVIDER_HOST = "127.0.0.1"  # another site than localhost, as in real life: the ACS POST is cross-site

SETTINGS = """\
# Written by `federation demo` at every start; a real one is made by `federation init`.
base_url: http://localhost:{port}
development: true
database_url: sqlite:///federation.db
encryption_keys: [{{file: {certs}/secrets.key}}]
sp_key: {certs}/sp.key
sp_certificate: {certs}/sp.crt
organizations:
  acme: {{name: Acme, default_roles: [member], administrators: [admin]}}
connections:
  acme-saml:
    protocol: saml
    organization: acme
    display_name: Acme (SAML)
    domains: [acme.example]
    email_trust: domains # both are Acme's own: one address is one person, whichever they come by
    on_email_match: link
    metadata: {{file: demo-saml-idp.xml}}
    role_rules: &rules
      - {{name: platform administrators, groups: [platform-admins], roles: [admin, member]}}
      - {{name: finance audits, attribute: {{name: department, in: [Finance]}}, roles: [auditor, member]}}
      - {{name: research, groups: ["r&d*"], roles: [researcher, member]}}
  acme-oidc:
    protocol: oidc
    organization: acme
    display_name: Acme (OpenID Connect)
    domains: [acme.example]
    email_trust: domains # both are Acme's own: one address is one person, whichever they come by
    on_email_match: link
    issuer: http://127.0.0.1:{oidc_port}
    client_id: federation-demo
    client_secret: {{file: demo-client-secret}}
    scopes: [openid, profile, email, groups]
    role_rules: *rules
"""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever runs several of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def prepare(
    directory: Path, certs: Path, *, port: int, saml_port: int, oidc_port: int
) -> tuple[SamlIdp, OpenidProvider]:
    """Write the settings file and what it names; return the two identity providers."""
    directory.mkdir(parents=True, exist_ok=True)
    base = f"http://{SERVICE_HOST}:{port}"
    secret = secrets.token_urlsafe(32)
    secret_file = directory / "demo-client-secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(secret)
    file = directory / "federation.yaml"
    file.write_text(SETTINGS.format(port=port, oidc_port=oidc_port, certs=certs.resolve()))
    ours, _ = app.open_keys(settings.load(file), now=clock.now)
    here = f"{base}/saml/acme-saml"
    service = ServiceProvider(
        acs_urls=(f"{here}/acs",),
        slo_url=f"{here}/slo",
        key=certificates.read_key(ours.current.certificate_der),
    )
    saml = SamlIdp(
        entity_id=f"http://{PROVIDER_HOST}:{saml_port}/metadata",
        base_url=f"http://{PROVIDER_HOST}:{saml_port}",
        service_providers={f"{here}/metadata": service},
    )
    (directory / "demo-saml-idp.xml").write_bytes(saml.metadata())
    there = f"{base}/oidc/acme-oidc"
    client = DemoClient(
        secret=secret,
        redirect_uris=(f"{there}/callback",),
        post_logout_redirect_uris=(f"{base}/logout",),
        backchannel_logout_uri=f"{there}/backchannel-logout",
    )
    provider = OpenidProvider(f"http://{PROVIDER_HOST}:{oidc_port}", {"federation-demo": client})
    return saml, provider


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind every loopback address of a host before anything starts.

    Raises:
        ConfigurationError: ``demo.port``.
    """
    loopback_only(host)
    sockets = []
    for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        one = socket.socket(family, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(address)
        except OSError as error:
            one.close()
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    "demo.port", f"port {port} is in use; choose others: --port, --saml-port, --oidc-port"
                ) from None
            continue  # "localhost" names ::1 where there is no IPv6
        sockets.append(one)
    return sockets


def serve_all(servers: list[tuple[_Server, list[socket.socket]]], started: Callable[[], None]) -> None:
    """Run until Ctrl-C or until one of them ends; then stop every one.

    Args:
        servers: Each with the sockets it listens on.
        started: Called once all of them answer.
    """

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for server, _ in servers:
                server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        tasks = [asyncio.create_task(server.serve(sockets)) for server, sockets in servers]
        while not all(server.started for server, _ in servers) and not any(map(asyncio.Task.done, tasks)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # uvicorn tells it by a flag alone
        if not any(task.done() for task in tasks):
            started()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def main(*, port: int, saml_port: int, oidc_port: int, directory: Path, certs: Path) -> None:
    """Start everything, say where it is, and stay until Ctrl-C.

    Raises:
        ConfigurationError: ``demo.port``, or what the service itself refuses to start with.
    """
    ports = ((SERVICE_HOST, port), (PROVIDER_HOST, saml_port), (PROVIDER_HOST, oidc_port))
    sockets = [listen(host, number) for host, number in ports]
    logs.configure(as_json=False)
    saml, provider = prepare(directory, certs, port=port, saml_port=saml_port, oidc_port=oidc_port)
    service = app.create_app(settings.load(directory / "federation.yaml"))

    def server(what: Any) -> _Server:
        return _Server(uvicorn.Config(what, log_config=None, log_level="warning", access_log=False))

    servers = [server(service), server(saml.app()), server(provider.app())]
    serve_all(list(zip(servers, sockets, strict=True)), lambda: _announce(port, saml_port, oidc_port))
    Console().print("\nstopped")


def _announce(port: int, saml_port: int, oidc_port: int) -> None:
    console = Console()
    console.print(
        f"\n[bold]federation[/bold] {clock.now().astimezone(UTC):%H:%M} UTC, development, loopback only\n"
    )
    console.print(f"  sign in here        http://{SERVICE_HOST}:{port}/")
    console.print(f"  SAML IdP            http://{PROVIDER_HOST}:{saml_port}/metadata")
    console.print(
        f"  OpenID Provider     http://{PROVIDER_HOST}:{oidc_port}/.well-known/openid-configuration\n"
    )
    table = Table("user", "password", "what signing in shows", box=None, padding=(0, 2))
    for user in USERS.values():
        table.add_row(user.login, user.password, user.why)
    console.print(table)
    console.print("\nCtrl-C stops everything.\n")
