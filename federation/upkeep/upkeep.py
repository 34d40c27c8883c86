"""Background work: one loop in every worker, each job done by one node at a time.

A job's lease is a row that runs until the job is due again. Every worker asks; the holder
renews a little early, so the work stays with it, and passes on when it is gone. No log line
here holds more than a job's name and the class or code of what went wrong.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from federation.clock import Clock
from federation.connection import SamlConnection
from federation.errors import FederationError
from federation.store.store import Store
from federation.store.values import AUDIT_LIFE, RECORD_LIFE
from federation.trust import watch

log = logging.getLogger(__name__)

PURGE_EVERY = timedelta(minutes=5)
WATCH_EVERY = timedelta(days=1)
RENEW_EVERY = timedelta(minutes=1)
PROVISION_EVERY = timedelta(seconds=15)  # whoever a process that ended left; the others are not waited for
RECONCILE_EVERY = timedelta(minutes=1)  # each connection and person has an interval of their own
DOMAINS_EVERY = timedelta(hours=1)  # each domain weekly: see ``domain_proof``
_SOON = timedelta(seconds=30)  # after a failure, or while another node holds the lease
_EARLY = 0.1  # of the interval: the spread that keeps workers from asking in step


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of background work; ``name`` is its lease's key and never changes."""

    name: str
    every: timedelta
    work: Callable[[datetime], Awaitable[None]]


def standing_jobs(
    store: Store, *, records_kept: timedelta = RECORD_LIFE, audit_kept: timedelta = AUDIT_LIFE
) -> tuple[Job, ...]:
    """Return the jobs that every installation has; records and the audit log stand for so long."""

    async def purge_all(now: datetime) -> None:
        await purge(store, now, records_kept=records_kept, audit_kept=audit_kept)

    return (Job(name="purge", every=PURGE_EVERY, work=purge_all),)


def watch_job(
    store: Store,
    connections: Callable[[], Iterable[SamlConnection]],
    *,
    own_ends: Iterable[datetime],
    development: bool,
) -> Job:
    """Return the daily job that logs what somebody should look at, by its code.

    Args:
        store: Where metadata is kept.
        connections: Returns those of SAML that are in force.
        own_ends: When our own certificates end; UTC, aware.
        development: As ``trust.source.open_source``.
    """
    ends = tuple(own_ends)

    async def look(now: datetime) -> None:
        if any(end - now < watch.SOON for end in ends):
            log.warning("to be looked at", extra={"code": "watch.own_certificate"})
        for one in tuple(connections()):
            for thing in await watch.look(one, store, development=development, now=now):
                log.warning("to be looked at", extra={"connection": one.id, "code": thing.code})

    return Job(name="watch", every=WATCH_EVERY, work=look)


def renewal_job(renew_due: Callable[[datetime], Awaitable[None]]) -> Job:
    """Return the job that renews providers' tokens before they end; what does it is given."""
    return Job(name="renew", every=RENEW_EVERY, work=renew_due)


def reconciling_job(reconcile_due: Callable[[datetime], Awaitable[None]]) -> Job:
    """Return the job that asks providers about people between sign-ins; what does it is given."""
    return Job(name="reconcile", every=RECONCILE_EVERY, work=reconcile_due)


def provisioning_job(resume: Callable[[datetime], Awaitable[None]]) -> Job:
    """Return the job that has whoever a directory has changed decided of; what does it is given."""
    return Job(name="scim", every=PROVISION_EVERY, work=resume)


def domains_job(look_again: Callable[[datetime], Awaitable[None]]) -> Job:
    """Return the job that looks at the records of domains that are due; what does it is given."""
    return Job(name="domains", every=DOMAINS_EVERY, work=look_again)


async def purge(
    store: Store,
    now: datetime,
    *,
    batch: int = 1000,
    records_kept: timedelta = RECORD_LIFE,
    audit_kept: timedelta = AUDIT_LIFE,
) -> int:
    """Delete all that is over, a batch at a time so that sign-ins pass between; return how much."""
    total = 0
    while gone := await store.sweep_departed(batch):
        total += gone
    while gone := await store.purge(now, batch, records_kept=records_kept, audit_kept=audit_kept):
        total += gone
    return total


async def run(store: Store, jobs: Sequence[Job], *, holder: str, clock: Clock) -> None:
    """Do every job when it is due, until cancelled.

    Args:
        store: Where the leases are.
        jobs: Their names are distinct.
        holder: This worker, distinct from every other on any node.
        clock: Tells jobs and leases the time; the loop itself sleeps by the monotonic clock.
    """
    if not jobs:
        return
    loop = asyncio.get_running_loop()
    due = {job.name: loop.time() + _spread(min(job.every, _SOON)) for job in jobs}
    while True:
        for job in jobs:
            if due[job.name] <= loop.time():
                done = await run_once(job, store, holder, clock())
                due[job.name] = loop.time() + _pause(job.every if done else min(job.every, _SOON))
        await asyncio.sleep(max(0.0, min(due.values()) - loop.time()))


async def run_once(job: Job, store: Store, holder: str, now: datetime) -> bool:
    """Do a job if this holder has or gets its lease.

    Returns:
        True where it was done here; False where another node holds it, or it failed (which is
        logged: one job's failure stops neither the loop nor the other jobs).
    """
    try:
        if not await store.lease(job.name, holder, now + job.every, now):
            return False
        async with asyncio.timeout(job.every.total_seconds()):  # the lease is not ours for longer
            await job.work(now)
    except FederationError as refusal:
        log.warning("upkeep failed", extra={"job": job.name, "code": refusal.code})
        return False
    except Exception as error:  # noqa: BLE001  a job is anyone's code; the loop outlives it
        log.error("upkeep failed", extra={"job": job.name, "error": type(error).__name__})  # noqa: TRY400  no trace: it may quote rows
        return False
    return True


def _pause(interval: timedelta) -> float:
    """Return seconds: the interval, less a random part of its last tenth."""
    return interval.total_seconds() - _spread(interval * _EARLY)


def _spread(span: timedelta) -> float:
    return random.random() * span.total_seconds()  # noqa: S311  spreads load, guards nothing
