"""The policy in force: what the service last started with, and whom a change takes a role from.

A change of the settings file comes into force as the service starts, one of the store at once. One
node notes it, compares it with what was in force before, and says in the log how many would lose
something at their next sign-in. Whom a directory provisions waits for no sign-in: with the note all of
them are due. No log line holds more than a connection's name and numbers.
"""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from federation.clock import Clock
from federation.connection import policies
from federation.connection.policies import Terms
from federation.errors import ConfigurationError, FederationError
from federation.records import what_if
from federation.records.what_if import Report
from federation.store.store import Store
from federation.store.values import PolicyInForce
from federation.vault import Vault

log = logging.getLogger(__name__)

DAYS: Final = timedelta(days=30)


class Noting:
    """Notes policies beside everything else, as they come into force; stops nothing."""

    def __init__(self, store: Store, vault: Vault, terms: Terms, *, clock: Clock) -> None:
        """Take whose policies; the mappings of ``terms`` change with what is in force."""
        self._store, self._vault, self._terms = store, vault, terms
        self._clock = clock
        self._names: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def note(self, connections: frozenset[str]) -> None:
        """Have the policies of these noted soon; of those that are gone, nothing is."""
        self._names |= connections
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Leave the rest to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._names:
            names, self._names = self._names, frozenset()
            try:
                await note(self._store, self._vault, self._terms, names, now=self._clock())
            except FederationError as fault:
                log.warning("policies not compared", extra={"code": fault.code})


async def note(store: Store, vault: Vault, terms: Terms, among: Collection[str], *, now: datetime) -> None:
    """Note the policy of each of these connections, and say what a change takes."""
    kept = {one.connection: one for one in await store.policies()}
    for name in [name for name in terms.connections if name in among]:
        await asyncio.sleep(0)  # telling a policy takes a while, and there may be a thousand
        if name not in terms.connections:
            continue
        try:
            await _note(store, vault, terms, name, kept.get(name), now)
        except FederationError as fault:
            log.warning("policy not compared", extra={"connection": name, "code": fault.code})


async def _note(
    store: Store,
    vault: Vault,
    terms: Terms,
    name: str,
    kept: PolicyInForce | None,
    now: datetime,
) -> None:
    told = policies.tell(terms, name)
    digest = policies.digest(told)
    if kept is not None and kept.digest == digest:
        return
    # Before it is compared, which takes a while: a node that ends meanwhile owes a line of the log alone.
    is_first = await store.keep_policy(name, digest, told, now, previous=kept.digest if kept else "")
    if is_first and kept is not None:
        await _say(store, vault, terms, name, kept, now)


async def _say(
    store: Store, vault: Vault, terms: Terms, name: str, kept: PolicyInForce, now: datetime
) -> None:
    try:
        before = policies.read(kept.policy, terms, name)
    except ConfigurationError:
        log.warning("policy changed", extra={"connection": name, "compared": False})
        return
    report = await difference(store, vault, before, terms, name, now)
    say = log.warning if report.takes else log.info
    say(
        "policy changed",
        extra={
            "connection": name,
            "tried": report.tried,
            "losing": report.losing,
            "refused": report.kinds["refused"],
            "unknown": report.kinds["unknown"],
        },
    )


async def difference(
    store: Store, vault: Vault, before: Terms, after: Terms, name: str, now: datetime
) -> Report:
    """Return what a change of one connection's policy does to who came in the last thirty days."""
    told = Report()
    async for one in what_if.compare(store, vault, before, after, name, since=now - DAYS, now=now):
        told.add(one)
    return told


def before(terms: Terms, kept: tuple[PolicyInForce, ...]) -> tuple[Terms, tuple[str, ...]]:
    """Return the terms that the service last started with, and connections that it did not know yet.

    Raises:
        ConfigurationError: ``policy.edited``: what was in force cannot be read by this release.
    """
    known = {one.connection: one for one in kept}
    stood = terms
    for name in terms.connections:
        if name in known:
            stood = policies.read(known[name].policy, stood, name)
    return stood, tuple(name for name in terms.connections if name not in known)
