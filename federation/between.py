"""What no connection can know by itself: faults between connections, and with our own URLs.

Each names both sides. Asked once, when the settings are read.
"""

import re
from collections.abc import Iterator, Mapping

from federation.connection import AnyConnection, OidcConnection, SamlConnection
from federation.faults import Fault, Steps
from federation.scalars import require_https

# Every path of the service's own URL table; an alias there would never be reached, or hide a page.
_OURS = re.compile(
    r"/(login|session|account|logout|verify|healthz|readyz)"
    r"|/(login|oidc|sessions|account|static)/.+"
    r"|/saml/metadata|/saml/[^/]+/(acs|metadata|slo)(/.*)?"
)


def find_faults(
    connections: Mapping[str, AnyConnection],
    organizations: Mapping[str, object] | None,
    *,
    development: bool | None,
) -> Iterator[Fault]:
    """Yield every fault, placed at the connection that stands later in the file.

    Args:
        connections: Those that could be read, in the file's order.
        organizations: By id; None where that part is broken and named already.
        development: As the file says; None where that is broken too.
    """
    yield from _domains(connections, organizations)
    yield from _plain_http(connections, development=development)
    saml = {name: one for name, one in connections.items() if isinstance(one, SamlConnection)}
    yield from _acs_paths(saml)
    yield from _acs_indexes(saml)


def _domains(
    connections: Mapping[str, AnyConnection], organizations: Mapping[str, object] | None
) -> Iterator[Fault]:
    owners: dict[str, AnyConnection] = {}
    for name, one in connections.items():
        if organizations is not None and one.organization not in organizations:
            known = ", ".join(organizations) or "none"
            yield (name, "organization"), f"expected one of organizations (known: {known})"
            continue
        for domain in one.domains:
            owner = owners.setdefault(domain, one)
            if owner.organization != one.organization:
                yield (name, "domains"), f"{domain} belongs to another organization's connection, {owner.id}"


def _plain_http(connections: Mapping[str, AnyConnection], *, development: bool | None) -> Iterator[Fault]:
    for name, one in connections.items():
        for key, url in _urls(one):
            try:
                require_https(url, development=development is not False)
            except ValueError as fault:
                yield (name, *key), str(fault)


def _urls(one: AnyConnection) -> Iterator[tuple[Steps, str]]:
    if isinstance(one, OidcConnection):
        told: dict[Steps, str | None] = {("issuer",): one.issuer, ("discovery_url",): one.discovery_url}
    else:
        source = one.metadata
        told = {
            ("sso_url",): one.sso_url,
            ("slo_url",): one.slo_url,
            ("metadata", "url"): source.url if source else None,
        }
    return ((key, url) for key, url in told.items() if url)


def _acs_paths(connections: Mapping[str, SamlConnection]) -> Iterator[Fault]:
    """An answer's path says whose it is: each belongs to one connection, once."""
    owners: dict[str, str] = {}
    for name, one in connections.items():
        for path in one.acs_paths:
            if _OURS.fullmatch(path):
                yield (name, "acs_paths"), f"{path} is a path of this service; choose another one"
            elif path in owners:
                whose = "twice here" if owners[path] == name else f"one of connections.{owners[path]} too"
                yield (name, "acs_paths"), f"{path} is {whose}; an answer's path says whose it is"
            else:
                owners[path] = name


def _acs_indexes(connections: Mapping[str, SamlConnection]) -> Iterator[Fault]:
    """Under one entity ID an index names one endpoint (SAML Metadata §2.2.3)."""
    owners: dict[tuple[str, int], str] = {}
    for name, one in connections.items():
        if one.sp_entity_id is None or one.assertion_consumer_service_index is None:
            continue
        taken = (one.sp_entity_id, one.assertion_consumer_service_index)
        owner = owners.setdefault(taken, name)
        if owner != name:
            yield (
                (name, "assertion_consumer_service_index"),
                f"{taken[1]} is that of connections.{owner} too, which has the same sp_entity_id",
            )
