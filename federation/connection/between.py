"""What no connection can know by itself: faults between connections, and with our own URLs.

Each names both sides. Asked once, when the settings are read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from federation.configuration.faults import Fault, Steps
from federation.configuration.scalars import require_https
from federation.connection import (
    AnyConnection,
    OAuth2Connection,
    OidcConnection,
    Organization,
    SamlConnection,
)

# Every path of the service's own URL table; an alias there would never be reached, or hide a page.
_OURS = re.compile(
    r"/(login|session|account|join|prove|logout|verify|healthz|readyz|break-glass|admin|setup)"
    r"|/(login|oidc|local|sessions|account|invitation|bootstrap|admin|setup|static|scim/v2)/.+"
    r"|/saml/metadata|/saml/[^/]+/(acs|metadata|slo)(/.*)?"
)
# With one of these behind it, whatever is above a path of ours is one of ours.
_BELOW = ("", "/x", "/acs", "/metadata", "/x/acs", "/v2/x")

_RELYING_URLS = frozenset({
    "issuer", "discovery_url", "server", "authorization_endpoint", "token_endpoint", "userinfo_endpoint",
    "jwks_uri", "end_session_endpoint", "pushed_authorization_request_endpoint", "revocation_endpoint",
    "emails_endpoint", "organizations_endpoint", "teams_endpoint",
})  # fmt: skip
URL_KEYS = _RELYING_URLS | {"sso_url", "slo_url"}


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
    yield from find_undeclared(connections, organizations or {})
    yield from _plain_http(connections, development=development)
    saml = {name: one for name, one in connections.items() if isinstance(one, SamlConnection)}
    yield from _paths(connections)
    yield from _bases(connections)
    yield from _acs_indexes(saml)


def _domains(
    connections: Mapping[str, AnyConnection], organizations: Mapping[str, object] | None
) -> Iterator[Fault]:
    claims: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)  # → organization → entry, connection
    for name, one in connections.items():
        if organizations is not None and one.organization not in organizations:
            known = "" if one.of_store else f" (known: {', '.join(organizations) or 'none'})"
            yield (name, "organization"), f"expected one of organizations{known}"
            continue
        for domain in one.domains:
            asked, told = _overlaps(domain)
            rivals = [claims[key].items() for key in asked if key in claims]
            for entry, owner in [
                found
                for each in rivals
                for whose, found in each
                # Between two of the store DNS says whose it is: nobody has a domain by naming it first.
                if whose != one.organization and not (one.of_store and connections[found[1]].of_store)
            ][:1]:
                said = f"{domain} belongs to another organization"
                if not one.of_store:  # whose, is nothing for other tenants
                    said += f"'s connection, {owner}"
                    said += "" if entry == domain else f", by {entry}"
                yield (name, "domains"), said
            for key in told:
                claims[key].setdefault(one.organization, (domain, name))


def find_unbound(
    connections: Mapping[str, AnyConnection], organizations: Mapping[str, Organization]
) -> Iterator[Fault]:
    """Yield each declared team that asks for groups of a connection which its organization has not."""
    for name, one in organizations.items():
        for key, team in one.teams.items():
            for asked in team.connections or ():
                if asked not in connections or connections[asked].organization != name:
                    said = f"{asked!r} is no connection of this organization"
                    yield ("organizations", name, "teams", key, "connections"), said


def _overlaps(entry: str) -> tuple[list[str], list[str]]:
    """Return under which keys an entry looks for those that mean the same domain, and where it stands itself.

    ``*.acme.example`` stands for itself, and ``<acme.example`` for whatever lies below that name.
    """
    base = entry.removeprefix("*.")
    labels = base.split(".")
    above = [".".join(labels[at:]) for at in range(1, len(labels))]
    asked = [entry, *(f"*.{name}" for name in above), *([f"<{base}"] if entry != base else ())]
    return asked, [entry, *(f"<{name}" for name in above)]


def find_undeclared(
    connections: Mapping[str, AnyConnection], organizations: Mapping[str, object]
) -> Iterator[Fault]:
    """Yield each rule's team that the file does not declare: one of the store may be gone tomorrow."""
    for name, one in connections.items():
        organization = organizations.get(one.organization)
        teams = organization.teams if isinstance(organization, Organization) else None
        for at, rule in enumerate(one.role_rules):
            for team in rule.teams:
                if teams is not None and team not in teams:
                    known = ", ".join(teams) or "none"
                    said = f"expected one of organizations.{one.organization}.teams (known: {known})"
                    yield (name, "role_rules", at, "teams"), f"rule {rule.name!r}: {team!r}: {said}"


def _plain_http(connections: Mapping[str, AnyConnection], *, development: bool | None) -> Iterator[Fault]:
    for name, one in connections.items():
        for key, url in _urls(one):
            try:
                require_https(url, development=development is not False)
            except ValueError as fault:
                yield (name, *key), str(fault)


def _urls(one: AnyConnection) -> Iterator[tuple[Steps, str]]:
    told: dict[Steps, str | None]
    if isinstance(one, SamlConnection):
        source = one.metadata
        told = {
            ("sso_url",): one.sso_url,
            ("slo_url",): one.slo_url,
            ("metadata", "url"): source.url if source else None,
        }
    else:
        told = {(key,): getattr(one, key) for key in type(one).model_fields if key in _RELYING_URLS}
    return ((key, url) for key, url in told.items() if url)


def _paths(connections: Mapping[str, AnyConnection]) -> Iterator[Fault]:
    """An answer's path says whose it is: each belongs to one connection and one purpose, once."""
    owners: dict[str, tuple[str, str]] = {}
    for name, one in connections.items():
        for key in ("acs_paths", "callback_paths", "initiate_paths", "post_logout_paths"):
            for path in getattr(one, key, ()):
                owner, purpose = owners.setdefault(path, (name, key))
                if _OURS.fullmatch(path):
                    yield (name, key), f"{path} is a path of this service; choose another one"
                elif purpose != key:
                    yield (
                        (name, key),
                        f"{path} is among connections.{owner}.{purpose} too; it has one purpose",
                    )
                elif owner != name and key == "callback_paths":
                    yield from _shared(path, connections[owner], one)
                elif owner != name and key == "acs_paths":
                    said = f"{path} is one of connections.{owner} too; an answer's path says whose it is"
                    yield (name, key), said
        for key in ("acs_paths", "callback_paths", "initiate_paths", "post_logout_paths"):
            told = getattr(one, key, ())
            for path in sorted({path for path in told if told.count(path) > 1}):
                yield (name, key), f"{path} is twice here; an answer's path says whose it is"


def _bases(connections: Mapping[str, AnyConnection]) -> Iterator[Fault]:
    """What is below a directory's base URL is that connection's, and nobody else's."""
    keys = ("acs_paths", "callback_paths", "initiate_paths", "post_logout_paths")
    taken = [
        (path, name, key)
        for name, one in connections.items()
        for key in keys
        for path in getattr(one, key, ())
    ]
    bases: list[tuple[str, str]] = []
    for name, one in connections.items():
        for path in one.scim.paths if one.scim is not None else ():
            place, base = (name, "scim", "paths"), path.removesuffix("/")
            if any(_OURS.fullmatch(base + below) for below in _BELOW):
                yield place, f"{path} is a path of this service, or above one; choose another one"
            for other, owner in bases:
                if _is_within(base, other) or _is_within(other, base):
                    yield place, f"{path} and {other} of connections.{owner} are one within the other"
            for other, owner, key in taken:
                if _is_within(other, base):
                    yield place, f"{other} of connections.{owner}.{key} is within {path}"
            bases.append((base, name))


def _is_within(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")


def _shared(path: str, first: AnyConnection, one: AnyConnection) -> Iterator[Fault]:
    """One callback for several providers: only where each answer says whose it is (RFC 9207 §1)."""
    place = (one.id, "callback_paths")
    if first.organization != one.organization:
        yield place, f"{path} is one of connections.{first.id} too, of another organization"
    for each in (first, one):
        if not isinstance(each, OidcConnection | OAuth2Connection):
            continue
        if not each.require_iss and each.shared_callback is None:
            said = f"{path} is one of connections.{first.id} too; then each needs require_iss: true"
            yield place, f"{said}, or shared_callback: accepted, which {each.id} has not"


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
