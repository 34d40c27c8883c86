"""The policy in force: what the service last started with, and whom a change takes a role from.

A change of the settings file comes into force as the service starts. One node compares it with
what was in force before, says in the log how many would lose something at their next sign-in,
and notes the new one. No log line holds more than a connection's name and numbers.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from federation import policies, what_if
from federation.errors import ConfigurationError, FederationError
from federation.policies import Terms
from federation.store.store import Store
from federation.store.values import PolicyInForce
from federation.vault import Vault
from federation.what_if import Report

log = logging.getLogger(__name__)

DAYS: Final = timedelta(days=30)
_LEASE: Final = timedelta(minutes=10)


async def note(store: Store, vault: Vault, terms: Terms, *, holder: str, now: datetime) -> None:
    """Note the policy of every connection, and say what a change takes; never stops the service."""
    kept = {one.connection: one for one in await store.policies()}
    for name in terms.connections:
        try:
            await _note(store, vault, terms, name, kept.get(name), holder=holder, now=now)
        except FederationError as fault:
            log.warning("policy not compared", extra={"connection": name, "code": fault.code})


async def _note(
    store: Store,
    vault: Vault,
    terms: Terms,
    name: str,
    kept: PolicyInForce | None,
    *,
    holder: str,
    now: datetime,
) -> None:
    told = policies.tell(terms, name)
    digest = policies.digest(told)
    if kept is not None:
        if kept.digest == digest:
            return
        # Of this very change: a later one is compared though this lease runs.
        job = f"policy:{name}:{digest[:16]}"
        if not await store.lease(job, holder, now + _LEASE, now):
            return
        await _say(store, vault, terms, name, kept, now)
    await store.keep_policy(name, digest, told, now, previous=kept.digest if kept else "")


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
