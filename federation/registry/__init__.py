"""The connections in force: what the settings declare, compiled once, keys parsed once.

A connection becomes what its protocol room asks for: our names and URLs (from ``base_url``
alone), the identity provider's trust material, our client registration. Every connection that
cannot be compiled is named at once.
"""

from datetime import datetime

from federation.connection import AnyConnection, LocalConnection, OAuth2Connection, SamlConnection
from federation.errors import ConfigurationError, FederationError
from federation.registry.impostors import find_impostors
from federation.registry.local import Local, compile_local
from federation.registry.named import names_of
from federation.registry.own import Own, own_keys
from federation.registry.relying import OAuth2, Oidc, compile_oauth2, compile_oidc
from federation.registry.saml import Saml, compile_saml
from federation.settings import Settings
from federation.trust import reading

__all__ = [
    "Entry",
    "Local",
    "OAuth2",
    "Oidc",
    "Own",
    "Saml",
    "compile_connections",
    "compile_one",
    "compile_saml",
    "find_impostors",
    "names_of",
    "own_keys",
]

Entry = Saml | Oidc | OAuth2 | Local


def compile_connections(settings: Settings, *, own: Own, now: datetime) -> dict[str, Entry]:
    """Compile every connection, in the order of the settings file.

    Args:
        settings: Validated.
        own: Our keys.
        now: UTC, aware; metadata's ``validUntil`` is held against it.

    Raises:
        ConfigurationError: ``registry.invalid``, with every connection that cannot be compiled.
    """
    entries: dict[str, Entry] = {}
    faults: list[str] = []
    for name, connection in settings.connections.items():
        try:
            entries[name] = compile_one(
                connection,
                settings.base_url,
                development=settings.development,
                own=own,
                now=now,
            )
        except FederationError as fault:
            faults.append(f"  connections.{name}: {fault.detail} ({fault.code})")
    faults += [f"  connections.{name}: {one.detail} ({one.code})" for name, one in find_impostors(entries)]
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "one fault"
        raise ConfigurationError(
            "registry.invalid", "\n".join([f"the connections cannot be used, {count}:", *faults])
        )
    return entries


def compile_one(
    connection: AnyConnection,
    base_url: str,
    *,
    development: bool,
    own: Own | None,
    now: datetime,
) -> Entry:
    """Compile one connection.

    Args:
        connection: Validated.
        base_url: Our public origin.
        development: Let the provider's documents name http on loopback.
        own: As for ``compile_connections``; None where nothing will be sent or received.
        now: As for ``compile_connections``.

    Raises:
        ConfigurationError: ``registry.metadata_file``; ``saml.*`` as ``saml.metadata`` says.
    """
    if isinstance(connection, SamlConnection):
        idp = reading.at_hand(connection, development=development, now=now)
        return compile_saml(connection, base_url, idp, own, development=development)
    if isinstance(connection, LocalConnection):
        return compile_local(connection)
    if isinstance(connection, OAuth2Connection):
        return compile_oauth2(connection, base_url)
    return compile_oidc(connection, base_url, own, development=development)
