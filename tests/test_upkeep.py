"""Background work: who does it, when, and what a failure stops. No test sleeps."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from federation.errors import StoreUnavailable
from federation.store.store import Store
from federation.store.values import Pending
from federation.upkeep import upkeep
from federation.upkeep.upkeep import Job

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVERY = timedelta(minutes=5)
WAITING = Pending(
    handle="h",
    connection="adfs",
    binder_hash=b"b",
    expects={},
    return_to="/",
    created_at=NOW,
    expires_at=NOW + EVERY,
)


class Diary:
    """A job's work that notes when it was done, and fails when told to."""

    def __init__(self, *faults: Exception | None) -> None:
        self.done: list[datetime] = []
        self._faults = list(faults)
        self.again = asyncio.Event()

    async def work(self, now: datetime) -> None:
        self.done.append(now)
        self.again.set()
        if self._faults and (fault := self._faults.pop(0)):
            raise fault


def job(diary: Diary, every: timedelta = EVERY) -> Job:
    return Job(name="note", every=every, work=diary.work)


async def test_one_node_of_twenty_does_it(store: Store) -> None:
    diary = Diary()
    tries = (upkeep.run_once(job(diary), store, f"node-{number}", NOW) for number in range(20))
    assert (await asyncio.gather(*tries)).count(True) == 1
    assert diary.done == [NOW]


async def test_the_work_stays_with_its_holder_until_that_is_gone(store: Store) -> None:
    diary = Diary()
    assert await upkeep.run_once(job(diary), store, "a", NOW)
    early = NOW + EVERY * 0.9
    assert await upkeep.run_once(job(diary), store, "a", early)
    assert not await upkeep.run_once(job(diary), store, "b", NOW + EVERY)
    assert await upkeep.run_once(job(diary), store, "b", early + EVERY)  # a did not come back
    assert diary.done == [NOW, early, early + EVERY]


FAILURES = [
    (ValueError("zoe@acme.example"), "ValueError"),
    (StoreUnavailable("store.unavailable", "detail"), "store.unavailable"),
    (TimeoutError(), "TimeoutError"),
]


@pytest.mark.parametrize(("fault", "said"), FAILURES)
async def test_a_failure_is_logged_without_its_words_and_tried_again(
    store: Store, caplog: pytest.LogCaptureFixture, fault: Exception, said: str
) -> None:
    diary = Diary(fault)
    with caplog.at_level(logging.WARNING):
        assert not await upkeep.run_once(job(diary), store, "a", NOW)
    (line,) = caplog.records
    assert (line.getMessage(), line.__dict__["job"]) == ("upkeep failed", "note")
    assert said in (line.__dict__.get("code"), line.__dict__.get("error"))
    assert "zoe" not in caplog.text
    assert line.exc_info is None
    assert await upkeep.run_once(job(diary), store, "a", NOW)  # its holder need not wait for the lease


async def test_a_store_that_is_away_stops_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await store.close()
    assert not await upkeep.run_once(job(Diary()), store, "a", NOW)
    assert caplog.records[-1].__dict__["code"] == "store.unavailable"


async def test_work_ends_with_its_lease(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def forever(_now: datetime) -> None:
        await asyncio.Event().wait()

    stuck = Job(name="stuck", every=timedelta(milliseconds=20), work=forever)
    assert not await upkeep.run_once(stuck, store, "a", NOW)
    assert caplog.records[-1].__dict__["error"] == "TimeoutError"


async def test_the_loop_repeats_past_failures_and_stops_when_cancelled(store: Store) -> None:
    diary = Diary(ValueError(), None)
    other = Diary()
    moments = iter(NOW + number * EVERY for number in range(1000))
    jobs = (
        job(diary, timedelta(milliseconds=5)),
        Job(name="other", every=timedelta(milliseconds=5), work=other.work),
    )
    loop = asyncio.create_task(upkeep.run(store, jobs, holder="a", clock=lambda: next(moments)))
    async with asyncio.timeout(20):
        while len(diary.done) < 3 or len(other.done) < 3:
            for one in (diary, other):
                await one.again.wait()
                one.again.clear()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    done = len(diary.done)
    assert await store.ready() is None
    assert len(diary.done) == done


async def test_without_jobs_there_is_no_loop(store: Store) -> None:
    await upkeep.run(store, (), holder="a", clock=lambda: NOW)


async def test_purge_goes_on_until_all_is_gone(store: Store) -> None:
    for number in range(7):
        await store.remember_pending(replace(WAITING, handle=str(number)))
    await store.remember_pending(replace(WAITING, handle="later", expires_at=NOW + 2 * EVERY))
    assert await upkeep.purge(store, NOW, batch=3) == 0
    assert await upkeep.purge(store, NOW + EVERY, batch=3) == 7
    assert await store.is_waiting("adfs", "later", NOW + EVERY)


async def test_every_installation_purges(store: Store) -> None:
    await store.remember_pending(WAITING)
    (purge,) = upkeep.standing_jobs(store)
    assert await upkeep.run_once(purge, store, "a", NOW + EVERY)
    assert await store.purge(NOW + EVERY) == 0
