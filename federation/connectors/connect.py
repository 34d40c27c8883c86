"""The connector of each compiled connection."""

from federation import registry
from federation.connectors.contract import Connector
from federation.connectors.hashing import Hashing
from federation.connectors.local import LocalConnector
from federation.connectors.oauth2 import OAuth2Connector
from federation.connectors.oidc import OidcConnector
from federation.connectors.saml import SamlConnector
from federation.fetch import Fetch
from federation.store.store import Store
from federation.trust.source import open_source


def connect(entry: registry.Entry, fetch: Fetch, store: Store, hashing: Hashing) -> Connector:
    """Return the connector of one compiled connection.

    Args:
        entry: Compiled with our keys.
        fetch: The outbound door.
        store: Where what providers publish is kept.
        hashing: This process's.

    Raises:
        ConfigurationError: As ``trust.source.open_source``.
    """
    if isinstance(entry, registry.Local):
        return LocalConnector(entry, store, hashing)
    if isinstance(entry, registry.Oidc):
        return OidcConnector(entry, fetch)
    if isinstance(entry, registry.OAuth2):
        return OAuth2Connector(entry, fetch)
    return SamlConnector(entry, open_source(entry.connection, fetch, store, development=entry.development))
