"""Where one connection's trust material comes from, as its settings say."""

from federation.connection import SamlConnection
from federation.fetch import Fetch
from federation.store.store import Store
from federation.trust.contract import Source
from federation.trust.published import Published
from federation.trust.written import Written


def open_source(connection: SamlConnection, fetch: Fetch, store: Store, *, development: bool) -> Source:
    """Return the source of a connection; nothing is read before its first use.

    Args:
        connection: Validated.
        fetch: The outbound door.
        store: What all nodes share.
        development: Let the provider's document name http on loopback.

    Raises:
        ConfigurationError: ``saml.metadata_no_key``, ``saml.certificate``, ``saml.weak_key``:
            of ``metadata.certificates``.
    """
    url = connection.metadata.url if connection.metadata else None
    if url is None:
        return Written(connection, store, development=development)
    return Published(connection, url, fetch, store, development=development)
