"""The settings as the service has them in force: with the connections and organizations of the database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.errors import ConfigurationError
from federation.operator.at_desk import at_desk
from federation.roster import kept
from federation.roster.making import Kept
from federation.roster.roster import Roster
from federation.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Unserved:
    """A connection of the database by which nobody can come in as it is."""

    connection: str
    organization: str
    enabled: bool
    why: str
    domains: tuple[str, ...]  # as it names them, in no particular shape


@dataclass(frozen=True, kw_only=True)
class Everything:
    """What is declared, by the file and by the database."""

    config: Settings = field(repr=False)  # holds both
    unserved: tuple[Unserved, ...]  # of the database, and in no part of ``config``

    @property
    def domains(self) -> frozenset[tuple[str, str]]:
        """Organization and name of every domain that is named; ``*.acme.example`` is proved at its base."""
        every = [(one.organization, one.domains) for one in self.config.connections.values()]
        every += [(one.organization, one.domains) for one in self.unserved]
        return frozenset((whose, entry.removeprefix("*.")) for whose, named in every for entry in named)


async def read(config: Settings, *, now: datetime) -> Everything:
    """Read what the database declares beside the settings file.

    Args:
        config: The settings.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return beside(config, desk.roster)


def beside(config: Settings, roster: Roster) -> Everything:
    """Return settings with what the roster has of the database; what they declare themselves comes first."""
    connections = {
        **config.connections,
        **{name: one for name, one in roster.connections.items() if one.of_store},
    }
    organizations = {**roster.organizations, **config.organizations}
    unserved = tuple(
        _unserved(name, one, roster.faults.get(name, ""))
        for name, one in roster.kept.items()
        if name not in roster.connections
    )
    told = {"connections": connections, "organizations": organizations}
    return Everything(config=config.model_copy(update=told), unserved=unserved)


def _unserved(name: str, one: Kept, why: str) -> Unserved:
    named: Any = ()
    try:
        named = kept.body_of(one.row).get("domains")
    except ConfigurationError as fault:
        why = why or fault.detail
    domains = tuple(entry for entry in named if isinstance(entry, str)) if isinstance(named, list) else ()
    return Unserved(
        connection=name,
        organization=one.row.organization,
        enabled=one.row.enabled,
        why=why,
        domains=domains,
    )
