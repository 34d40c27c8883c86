"""The connector of each compiled connection."""

from federation import registry
from federation.connectors.contract import Connector
from federation.connectors.oidc import OidcConnector
from federation.connectors.saml import SamlConnector
from federation.fetch import Fetch


def connect(entry: registry.Saml | registry.Oidc, fetch: Fetch) -> Connector:
    """Return the connector of one compiled connection."""
    return SamlConnector(entry, fetch) if isinstance(entry, registry.Saml) else OidcConnector(entry, fetch)
