"""A connection as the administration looks at it, whether the file declares it or the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from federation import registry
from federation.administration.desk import Desk
from federation.administration.listing import Entry, Place, Register
from federation.connection import AnyConnection
from federation.errors import ConfigurationError
from federation.roster import kept
from federation.roster.making import Kept
from federation.roster.roster import Roster


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A connection as it is looked at, of the file or of the store."""

    id: str
    organization: str
    protocol: str
    preset: str
    title: str
    enabled: bool
    domains: tuple[str, ...]  # as it names them
    entry: registry.Entry | None
    kept: Kept | None  # None: the file's

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """The keys of the store's; read where they are asked for, for a list tells none of them."""
        return _body(self.kept) if self.kept is not None else {}

    @property
    def connection(self) -> AnyConnection | None:
        """As it is served, or could be."""
        return self.entry.connection if self.entry else None

    @property
    def provisions(self) -> bool:
        """Whether a directory may provision by it, once it is enabled."""
        if self.kept is not None:
            return isinstance(self.body.get("scim"), Mapping)
        return self.connection is not None and self.connection.scim is not None

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands in the list."""
        return self.title.casefold(), self.id

    @property
    def searched(self) -> str:
        """What is searched, without case."""
        return "\n".join((self.title, self.id, self.organization, *self.domains)).casefold()


def page(desk: Desk, wanted: str, after: Place | None, limit: int) -> list[Subject]:
    """Return the first behind a place that hold a text, of all that the desk's actor may see.

    Args:
        desk: Who asks.
        wanted: Part of what is searched, without case; "" for all.
        after: Of the last one of the page before.
        limit: At most so many.
    """
    if desk.actor.connection is None:
        return desk.roster.prepared(_arrange).of(desk.actor.organization).page(wanted, after, limit)
    only = one(desk, desk.actor.connection)
    if only is None or wanted not in only.searched or (after is not None and only.place <= after):
        return []
    return [only]


def _arrange(roster: Roster) -> Register[Subject]:
    every = [_of_file(roster.entries[name]) for name in roster.of_file]
    every += [_of_store(one) for name, one in roster.kept.items() if name not in roster.of_file]
    return Register(
        Entry(organization=one.organization, place=one.place, searched=one.searched, item=one)
        for one in every
    )


def one(desk: Desk, connection: str) -> Subject | None:
    """Return one of them."""
    roster = desk.roster
    if connection in roster.of_file:
        found = _of_file(roster.entries[connection])
    elif connection in roster.kept:
        found = _of_store(roster.kept[connection])
    else:
        return None
    return found if _sees(desk, found) else None


def _sees(desk: Desk, one: Subject) -> bool:
    actor = desk.actor
    return actor.sees(one.organization) and actor.connection in (None, one.id)


def _of_file(entry: registry.Entry) -> Subject:
    connection = entry.connection
    return Subject(
        id=connection.id,
        organization=connection.organization,
        protocol=connection.protocol,
        preset=connection.preset,
        title=connection.title,
        enabled=connection.enabled,
        domains=tuple(connection.domains),
        entry=entry,
        kept=None,
    )


def _of_store(one: Kept) -> Subject:
    row = one.row
    return Subject(
        id=row.id,
        organization=row.organization,
        protocol=row.protocol,
        preset=one.preset,
        title=one.title,
        enabled=row.enabled,
        domains=one.domains,
        entry=one.entry,
        kept=one,
    )


def _body(one: Kept) -> Mapping[str, Any]:
    try:
        return kept.body_of(one.row)
    except ConfigurationError:
        return {}
