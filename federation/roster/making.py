"""A connection of the store made: its keys parsed, its connector at hand, or why it cannot be used."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from federation import registry
from federation.configuration import faults
from federation.configuration.faults import Fault
from federation.connectors.connect import connect
from federation.connectors.contract import Connector
from federation.connectors.hashing import Hashing
from federation.errors import FederationError
from federation.fetch import Fetch
from federation.registry import Own
from federation.roster import kept
from federation.settings import Settings
from federation.store.kept_values import KeptConnection
from federation.store.store import Store
from federation.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a connection of the store is made with."""

    config: Settings
    own: Own
    vault: Vault
    fetch: Fetch
    store: Store
    hashing: Hashing


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A connection of the store, as far as it can be used."""

    row: KeptConnection = field(repr=False)
    entry: registry.Entry | None  # None: see ``faults``
    connector: Connector | None
    faults: tuple[Fault, ...]  # of it alone: missing keys too
    secrets: tuple[str, ...]  # dotted keys of those that are set
    preset: str
    title: str
    domains: tuple[str, ...]  # as it names them


async def make(row: KeptConnection, known: Kept | None, making: Making, now: datetime) -> Kept:
    """Return a connection as far as a row of the store can be used; of one that says the same, what is known.

    Args:
        row: Of the store.
        known: What was made of it before; None: nothing.
        making: What it is made with.
        now: UTC.
    """
    if known is not None and known.entry is not None and _says(known.row) == _says(row):
        return replace(known, row=row)  # its connector knows keys and documents already
    secrets: dict[str, str] = {}
    shown = _Shown(preset="generic", title=row.id, domains=())
    try:
        body = kept.body_of(row)
        shown = _shown(row, body)
        secrets = kept.open_secrets(making.vault, row)
        work = partial(
            kept.compile_body,
            row.id,
            body,
            secrets,
            organization=row.organization,
            enabled=row.enabled,
            config=making.config,
            own=making.own,
            now=now,
        )
        entry = await asyncio.to_thread(work) if kept.is_large(body) else work()
        connector = connect(entry, making.fetch, making.store, making.hashing)
    except ValidationError as error:
        found = tuple(faults.read_errors(error, ()))
    except FederationError as fault:
        found = (((), f"{fault.detail} ({fault.code})"),)
    except Exception as failure:  # noqa: BLE001  a row stops nothing but itself; what it holds is not told
        log.error("connection not read", extra={"connection": row.id, "error": type(failure).__name__})  # noqa: TRY400
        found = (((), "it cannot be read by this release"),)
    else:
        return Kept(
            row=row,
            entry=entry,
            connector=connector,
            faults=(),
            secrets=tuple(secrets),
            preset=entry.connection.preset,
            title=entry.connection.title,
            domains=tuple(entry.connection.domains),
        )
    return Kept(row=row, entry=None, connector=None, faults=found, secrets=tuple(secrets), **shown._asdict())


class _Shown(NamedTuple):
    """What is said of a connection that is not whole."""

    preset: str
    title: str
    domains: tuple[str, ...]


def _shown(row: KeptConnection, body: Mapping[str, Any]) -> _Shown:
    name, named = body.get("display_name"), body.get("domains", ())
    return _Shown(
        preset=str(body.get("preset", "generic")),
        title=name if isinstance(name, str) and name else row.id,
        domains=tuple(map(str, named)) if isinstance(named, list | tuple) else (),
    )


def _says(row: KeptConnection) -> tuple[str, str, str, bool]:
    return row.organization, row.body, row.sealed, row.enabled
