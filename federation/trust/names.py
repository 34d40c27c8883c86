"""Whose name an identity provider may bear: of one organization's, nobody else's.

People are keyed by the name of their provider, so that whoever publishes another's name speaks
for its people. Metadata by URL is the provider's own word; what the operator wrote is not.
"""

from datetime import datetime

from federation.connection import SamlConnection
from federation.errors import ConfigurationError
from federation.saml.certificates import VerificationKey
from federation.saml.metadata import IdentityProvider
from federation.trust.contract import Because, Source

_Place = tuple[str, str]  # organization, entity ID


class Names:
    """The names that connections of this worker found their providers under."""

    def __init__(self) -> None:
        self._borne: dict[_Place, dict[str, tuple[tuple[VerificationKey, ...], bool]]] = {}
        self._places: dict[str, _Place] = {}

    def require(self, connection: SamlConnection, idp: IdentityProvider) -> None:
        """Note under which name a provider stands, and see that it is not another's.

        Args:
            connection: Whose provider.
            idp: Its trust material in force.

        Raises:
            ConfigurationError: ``registry.entity_id``: another connection of its organization has
                this name and no key in common, and this one's word is not the operator's.
        """
        place = connection.organization, idp.entity_id
        before = self._places.get(connection.id)
        if before != place:
            if before is not None:
                self._borne[before].pop(connection.id)
            self._places[connection.id] = place
        bearers = self._borne.setdefault(place, {})
        written = _is_written(connection)
        bearers[connection.id] = idp.keys, written
        if len(bearers) == 1:
            return
        keys = {key.fingerprint for key in idp.keys}
        for other, (theirs, said) in bearers.items():
            if other != connection.id and (said or not written) and keys.isdisjoint(_fingerprints(theirs)):
                raise ConfigurationError(
                    "registry.entity_id",
                    f"its provider has the entity ID of that of connections.{other} and none of its keys;"
                    " write entity_id down where it is right",
                )


class Named:
    """A source whose provider bears no other's name."""

    def __init__(self, connection: SamlConnection, source: Source, names: Names) -> None:
        """Take the source of a connection, and what all connections of this worker share."""
        self._connection, self._source, self._names = connection, source, names

    async def get(self, now: datetime) -> IdentityProvider:
        """Return what is in force. Raises as ``Source.get``, and as ``Names.require``."""
        idp = await self._source.get(now)
        self._names.require(self._connection, idp)
        return idp

    async def refresh(self, now: datetime, *, because: Because) -> IdentityProvider:
        """Ask for it again. Raises as ``Source.refresh``, and as ``Names.require``."""
        idp = await self._source.refresh(now, because=because)
        self._names.require(self._connection, idp)
        return idp


def _is_written(connection: SamlConnection) -> bool:
    """Tell whether the operator said who it is, and not its own document alone."""
    return connection.entity_id is not None or connection.metadata is None or connection.metadata.url is None


def _fingerprints(keys: tuple[VerificationKey, ...]) -> set[str]:
    return {key.fingerprint for key in keys}
