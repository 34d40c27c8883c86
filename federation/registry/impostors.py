"""Who might speak for another provider's people: one name, and somebody else's keys.

People are keyed by the name of their provider (entity ID, issuer), so whoever signs under that
name speaks for all of them, whichever connection it comes through. Asked within one
organization; two organizations have no person in common.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from federation.errors import ConfigurationError
from federation.oidc import provider
from federation.registry.local import Local
from federation.registry.relying import OAuth2, Oidc
from federation.registry.saml import Saml

_PORTS: Final = {"https": 443, "http": 80}
_OWN: Final = "what the issuer itself publishes"


def find_impostors(
    entries: Mapping[str, Saml | Oidc | OAuth2 | Local],
) -> Iterator[tuple[str, ConfigurationError]]:
    """Yield every connection that could speak for the people of one before it, and why.

    Args:
        entries: Compiled, in the order of the settings file.
    """
    yield from _entity_ids({name: one for name, one in entries.items() if isinstance(one, Saml)})
    yield from _issuers({name: one for name, one in entries.items() if isinstance(one, Oidc | OAuth2)})


def _entity_ids(entries: Mapping[str, Saml]) -> Iterator[tuple[str, ConfigurationError]]:
    """One entity ID, and no key in common; where metadata is fetched, it is asked as it comes."""
    known: dict[tuple[str, str], Saml] = {}
    for name, entry in entries.items():
        if entry.idp is None:
            continue
        first = known.setdefault((entry.connection.organization, entry.idp.entity_id), entry)
        if first.idp is None or {key.fingerprint for key in first.idp.keys} & {
            key.fingerprint for key in entry.idp.keys
        }:
            continue
        other = first.connection.id
        yield (
            name,
            ConfigurationError(
                "registry.entity_id",
                f"it has the entity ID of connections.{other} and none of its keys: one of the two is out of"
                " date, or an impostor",
            ),
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose word a connection takes for who somebody is."""

    what: str  # for the operator; two that are equal are one source
    keys: tuple[str, ...]  # of the settings, that lead there


def _issuers(entries: Mapping[str, Oidc | OAuth2]) -> Iterator[tuple[str, ConfigurationError]]:
    """One issuer, and keys from two places."""
    known: dict[tuple[str, str], tuple[str, _Source]] = {}
    for name, entry in entries.items():
        source = _source(entry)
        told: set[str] = set()
        for issuer in sorted(_names(entry)):
            other, first = known.setdefault((entry.connection.organization, issuer), (name, source))
            if first.what == source.what or other in told:
                continue
            told.add(other)
            keys = ", ".join(dict.fromkeys((*first.keys, *source.keys)))
            said = (
                f"it has the issuer of connections.{other}, {issuer}, and believes {source.what}, where"
                f" that one believes {first.what}: either could speak for the people of both; say the same in"
                f" both ({keys}), or give one of them an organization of its own"
            )
            yield name, ConfigurationError("registry.issuer_keys", said)


def _names(entry: Oidc | OAuth2) -> frozenset[str]:
    if isinstance(entry, OAuth2):
        return frozenset({entry.client.issuer})
    return provider.issuers(entry.discovery, tenants=entry.client.demands.tenants)


def _source(entry: Oidc | OAuth2) -> _Source:
    if isinstance(entry, OAuth2):
        # An API's word, under one member: a login could be the digits of somebody's id.
        what = f"{entry.terms.subject_claim} at {entry.api.userinfo_endpoint}"
        return _Source(what, ("userinfo_endpoint", "subject_claim"))
    client, discovery = entry.client, entry.discovery
    by_secret = client.id_token_signed_response_alg.startswith("HS")
    if by_secret and client.response_type != "code":  # it comes through the browser: who knows it can sign
        return _Source(f"the client_secret of {client.client_id}", ("flow", "id_token_signed_response_alg"))
    key = "token_endpoint" if by_secret else "jwks_uri"
    if named := discovery.endpoints.get(key):
        return _Source(named, (key,))
    if discovery.issuer is None or _origin(discovery.url) == _origin(discovery.issuer):
        return _Source(_OWN, ())
    return _Source(discovery.url, ("discovery_url",))


def _origin(url: str) -> tuple[str, str, int | None]:
    """RFC 6454 §4. A query (Entra's ``?appid=``) and the path are the issuer's own affair."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
