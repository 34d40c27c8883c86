"""Enforcement: what would let nobody in, or somebody else's people, and so is refused. Pure."""

from collections.abc import Mapping

from federation.connection import AnyConnection
from federation.policy import domains


def connection_fault(
    connections: Mapping[str, AnyConnection], organization: str, domain: str, name: str
) -> str | None:
    """Say why people of an organization, or of its domain, cannot come in through this connection."""
    one = connections.get(name)
    if one is None or one.organization != organization:
        return f"{name} is no connection of {organization}"
    if not one.enabled:
        return f"{name} is disabled (enabled: false)"
    base = domain.removeprefix("*.")
    if domain and one.domains and domain not in one.domains and not domains.speaks_for(one, base):
        return f"{name} does not let {domain} in (domains: {', '.join(one.domains)})"
    return None


def names(connections: Mapping[str, AnyConnection], organization: str, domain: str) -> bool:
    """Tell whether a connection of this organization names a domain, or one that holds it."""
    base = domain.removeprefix("*.")
    return any(
        entry == domain or domains.covers(entry, base)
        for one in connections.values()
        if one.organization == organization
        for entry in one.domains
    )
