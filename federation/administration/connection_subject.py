"""A connection as the administration looks at it, whether the file declares it or the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from federation import kept
from federation.administration.desk import Desk
from federation.connection import AnyConnection
from federation.errors import ConfigurationError
from federation.registry import Entry
from federation.roster import Kept


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A connection as it is looked at, of the file or of the store."""

    id: str
    organization: str
    protocol: str
    preset: str
    title: str
    enabled: bool
    entry: Entry | None
    kept: Kept | None  # None: the file's

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """The keys of the store's; read where they are asked for, for a list looks at a thousand."""
        return _body(self.kept) if self.kept is not None else {}

    @property
    def connection(self) -> AnyConnection | None:
        """As it is served, or could be."""
        return self.entry.connection if self.entry else None

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands in the list."""
        return self.title.casefold(), self.id

    @property
    def searched(self) -> str:
        """What is searched, without case."""
        named = self.connection.domains if self.connection else self.body.get("domains", ())
        domains = map(str, named) if isinstance(named, list | tuple) else ()
        return "\n".join((self.title, self.id, self.organization, *domains)).casefold()


def every(desk: Desk) -> list[Subject]:
    """Return all that the desk's actor may see: the file's first."""
    roster = desk.roster
    found = [_of_file(roster.entries[name]) for name in roster.of_file]
    found += [_of_store(one) for name, one in roster.kept.items() if name not in roster.of_file]
    return [one for one in found if _sees(desk, one)]


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


def _of_file(entry: Entry) -> Subject:
    connection = entry.connection
    return Subject(
        id=connection.id,
        organization=connection.organization,
        protocol=connection.protocol,
        preset=connection.preset,
        title=connection.title,
        enabled=connection.enabled,
        entry=entry,
        kept=None,
    )


def _of_store(one: Kept) -> Subject:
    row = one.row
    if one.entry is not None:
        preset, title = one.entry.connection.preset, one.entry.connection.title
    else:
        body = _body(one)
        name = body.get("display_name")
        preset = str(body.get("preset", "generic"))
        title = name if isinstance(name, str) and name else row.id
    return Subject(
        id=row.id,
        organization=row.organization,
        protocol=row.protocol,
        preset=preset,
        title=title,
        enabled=row.enabled,
        entry=one.entry,
        kept=one,
    )


def _body(one: Kept) -> Mapping[str, Any]:
    try:
        return kept.body_of(one.row)
    except ConfigurationError:
        return {}
