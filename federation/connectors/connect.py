"""The connector of each compiled connection."""

from federation import registry
from federation.connectors.contract import Connector
from federation.connectors.oidc import OidcConnector
from federation.connectors.saml import SamlConnector
from federation.fetch import Fetch
from federation.store.store import Store
from federation.trust.names import Named, Names
from federation.trust.source import open_source


def connect(entry: registry.Saml | registry.Oidc, fetch: Fetch, store: Store, names: Names) -> Connector:
    """Return the connector of one compiled connection.

    Args:
        entry: Compiled with our keys.
        fetch: The outbound door.
        store: Where what providers publish is kept.
        names: What all connections of this worker share.

    Raises:
        ConfigurationError: As ``trust.source.open_source``.
    """
    if isinstance(entry, registry.Oidc):
        return OidcConnector(entry, fetch)
    source = open_source(entry.connection, fetch, store, development=entry.development)
    return SamlConnector(entry, Named(entry.connection, source, names))
