"""The connections and organizations in force in this worker: the settings file's, and the store's.

Who needs one holds these very mappings. They are changed in one step, with no ``await`` within, so
that a request sees all of a change or nothing of it between two of its own awaits; what it took out before
goes on as it was. The settings file's come first, and cannot be changed here.
"""

from collections.abc import Mapping
from datetime import datetime

from federation import registry
from federation.connection import AnyConnection, Organization
from federation.connectors.contract import Connector


class Roster:
    """What every request asks of connections and organizations; ``refresh`` brings in what the store says."""

    def __init__(
        self,
        *,
        entries: Mapping[str, registry.Entry],
        connectors: Mapping[str, Connector],
        organizations: Mapping[str, Organization],
        aliases: Mapping[str, str],
        issuers: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Take what the settings file declares."""
        self.organizations: dict[str, Organization] = dict(organizations)
        self.entries: dict[str, registry.Entry] = dict(entries)
        self.connections: dict[str, AnyConnection] = {name: one.connection for name, one in entries.items()}
        self.connectors: dict[str, Connector] = dict(connectors)
        self.aliases: dict[str, str] = dict(aliases)  # a further path of a connection → its own
        self.issuers: dict[str, tuple[str, ...]] = dict(issuers)
        self.faults: dict[str, str] = {}  # of the store's that are not served: id → why, for administrators
        self.of_file = frozenset(entries)  # ids of connections that the settings file declares
        self.organizations_of_file = frozenset(organizations)
        self.number = 0  # of the store's latest change that is in force here

    async def refresh(self, now: datetime) -> bool:
        """Bring in what the store says by now; return whether anything changed."""
        raise NotImplementedError  # lead: a helper's first task
