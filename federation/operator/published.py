"""Our own metadata for the operator: the same octets as the service hands out."""

from datetime import datetime
from typing import Any

from federation import app, clock, registry
from federation.errors import ConfigurationError
from federation.publishing import Publishing
from federation.settings import Settings


def show(config: Settings, connection: str | None) -> dict[str, Any]:
    """Return the metadata of one SAML connection, or of all that are shown to everybody.

    Raises:
        ConfigurationError: ``registry.connection``, ``registry.invalid``, ``keys.*``.
    """
    now = clock.now()
    held, _ = app.open_keys(config, now=clock.now)
    own = registry.own_keys(held)
    names = [name for name, one in config.connections.items() if one.protocol == "saml"]
    if connection is not None and connection not in names:
        raise ConfigurationError(
            "registry.connection", f"{connection} is no SAML connection of {config.file}"
        )
    wanted = names if connection is None else [connection]
    entries = {name: _compiled(config, name, own, now) for name in wanted}
    published = Publishing(entries, own=own, about=config.saml)
    if connection is not None:
        entry = entries[connection]
        document = published.one(connection, now).decode()
        return {"entity_id": entry.sp_entity_id, "acs_url": entry.acs_url, "metadata": document}
    every = published.every(now)
    if every is None:
        raise ConfigurationError("registry.connection", f"{config.file} shows no SAML connection")
    return {"metadata": every.decode()}


def _compiled(config: Settings, name: str, own: registry.Own, now: datetime) -> registry.Saml:
    entry = registry.compile_one(
        config.connections[name], config.base_url, development=config.development, own=own, now=now
    )
    if not isinstance(entry, registry.Saml):
        raise TypeError(f"{name} is no SAML connection")
    return entry
