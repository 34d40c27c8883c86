"""What we publish: our keys, and our SAML metadata, which says how long it is good.

Made once; metadata that ends, once an hour.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from federation.configuration.about import About
from federation.registry import Own, Saml
from federation.saml import description
from federation.saml.description import Publisher


class Publishing:
    """Our JWK Set; the documents of one service provider, of each connection and of all together."""

    def __init__(self, entries: Mapping[str, Saml], *, own: Own, about: About) -> None:
        """Take what is to be told.

        Args:
            entries: The SAML connections; looked at whenever a document is made.
            own: Our keys.
            about: Who we are, and for how long a document is good.
        """
        self._entries, self._own, self._about = entries, own, about
        self.jwks = own.jwks  # who verifies our client assertions reads it (RFC 7517 §5)
        self.jwks_tag = f'"{hashlib.sha256(own.jwks).hexdigest()[:32]}"'
        self._until: datetime | None = None
        self._made: dict[str | None, bytes] = {}

    def forget(self, connections: frozenset[str]) -> None:
        """Make the documents of these anew, and that of all together, when they are asked for."""
        for name in (*connections, None):
            self._made.pop(name, None)

    def one(self, connection: str, now: datetime) -> bytes:
        """Return the EntityDescriptor of one connection.

        Raises:
            KeyError: It is no SAML connection.
        """
        entry = self._entries[connection]
        return self._get(connection, [entry], now)

    def every(self, now: datetime) -> bytes | None:
        """Return one document for all connections that are shown to everybody; None if there are none."""
        shown = [entry for entry in self._entries.values() if entry.connection.visible]
        return self._get(None, shown, now) if shown else None

    def _get(self, name: str | None, entries: list[Saml], now: datetime) -> bytes:
        until = description.valid_until(self._about.metadata_valid_for, now)
        if until != self._until:
            self._until, self._made = until, {}
        if name not in self._made:
            told = [entry.description for entry in entries]
            publisher = self._publisher(until)
            self._made[name] = (
                description.describe_all(told, publisher=publisher)
                if name is None
                else description.describe(told[0], publisher=publisher)
            )
        return self._made[name]

    def _publisher(self, until: datetime | None) -> Publisher:
        return Publisher(
            signing=self._own.published,
            encryption=self._own.opening,
            about=self._about,
            valid_until=until,
            key=self._own.signing if self._about.sign_metadata else None,
        )
