"""The administration's deeds, done at the command line: the operator sees every organization."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from federation import app, registry
from federation.administration.actor import SCOPES, Actor
from federation.administration.desk import Desk
from federation.connectors.connect import connect
from federation.connectors.hashing import Hashing
from federation.fetch import open_door
from federation.roster.making import Making
from federation.roster.roster import Roster
from federation.settings import Settings
from federation.store.store import open_store
from federation.web.aliases import further_paths


@contextlib.asynccontextmanager
async def at_desk(config: Settings, *, now: datetime) -> AsyncIterator[Desk]:
    """Open everything that a deed is done with, and close it again.

    Raises:
        ConfigurationError: Keys, connections or the database cannot be used.
    """
    held, vault = app.open_keys(config, now=lambda: now)
    own = registry.own_keys(held)
    entries = registry.compile_connections(config, own=own, now=now)
    async with contextlib.AsyncExitStack() as open_things:
        fetch = open_door(config)
        open_things.push_async_callback(fetch.close)
        store = await open_store(config.database_url.get_secret_value())
        open_things.push_async_callback(store.close)
        hashing = Hashing()
        open_things.callback(hashing.close)
        roster = Roster(
            entries=entries,
            connectors={name: connect(entry, fetch, store, hashing) for name, entry in entries.items()},
            organizations=config.organizations,
            aliases=further_paths(config.connections),
            making=Making(config=config, own=own, vault=vault, fetch=fetch, store=store, hashing=hashing),
        )
        await roster.refresh(now)
        yield Desk(
            actor=Actor(
                kind="operator", id="", organization=None, connection=None, scopes=SCOPES, address=""
            ),
            now=now,
            store=store,
            vault=vault,
            roster=roster,
            settings=config,
            fetch=fetch,
        )
