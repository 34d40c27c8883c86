"""Looks at everybody of an organization: of few at once, of many beside the pages that wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from test_enforcement import at, signs_in
from test_store import NOW

from federation.administration import looks as looking
from federation.administration.looks import Asked, Looks
from federation.errors import StoreUnavailable
from federation.store import enforcement as stored
from federation.store.domains_values import Preflight
from federation.store.store import Store, open_store

THROUGH_ADFS = Asked("acme", "", ("adfs",))
SECOND = timedelta(seconds=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path}/federation.db")
    yield opened
    await opened.close()


@pytest.fixture
async def looks(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Looks]:
    monkeypatch.setattr(stored, "_FEW", 2)
    monkeypatch.setattr(stored, "_BATCH", 1)
    for number, name in enumerate(("zoe", "yan", "xia"), 1):
        await signs_in(store, at(name, "okta", f"{name}@acme.example"), number)
    of_these = Looks(store)
    yield of_these
    await of_these.close()


async def seen(looks: Looks, asked: Asked = THROUGH_ADFS) -> Preflight:
    for _ in range(1000):
        if (found := await looks.look(asked, NOW)) is not None:
            return found
        await asyncio.sleep(0)
    raise TimeoutError


async def test_a_page_waits_for_few(looks: Looks, store: Store) -> None:
    await signs_in(store, at("ada", "okta", "ada@beta.example", "beta"), 4)
    of_beta = Asked("beta", "", ("adfs",))
    found = await looks.look(of_beta, NOW)
    assert found == await store.preflight("beta", "", ("adfs",), NOW)
    assert found.number == 1


async def test_what_many_give_is_the_same_and_seen_beside(looks: Looks, store: Store) -> None:
    assert await looks.look(THROUGH_ADFS, NOW) is None
    assert await seen(looks) == await store.preflight("acme", "", ("adfs",), NOW)


async def test_what_was_seen_stands_for_a_moment(looks: Looks, store: Store) -> None:
    await seen(looks)
    await signs_in(store, at("ada", "okta", "ada@acme.example"), 4)
    found = await looks.look(THROUGH_ADFS, NOW + 19 * SECOND)
    assert found is not None
    assert found.number == 3
    for late in (20 * SECOND, -20 * SECOND):  # a clock that was set back is no leave
        assert await looks.look(THROUGH_ADFS, NOW + late) is None
        assert (await seen(looks)).number == 4
        looks._begun.clear()
        assert (await seen(looks)).number == 4


async def test_what_took_long_or_was_asked_for_late_is_seen(looks: Looks) -> None:
    """Else a page would begin it again and again, and never show it."""
    assert await looks.look(THROUGH_ADFS, NOW) is None
    await asyncio.wait([looks._begun[THROUGH_ADFS].task])
    for later in (60, 79):  # and stands for a moment from then on
        found = await looks.look(THROUGH_ADFS, NOW + later * SECOND)
        assert found is not None, later
    assert await looks.look(THROUGH_ADFS, NOW + 80 * SECOND) is None


async def test_who_asks_meanwhile_begins_nothing(looks: Looks) -> None:
    assert [await looks.look(THROUGH_ADFS, NOW) for _ in range(3)] == [None] * 3
    assert len(looks._begun) == 1
    others = [Asked("acme", domain, ("adfs",)) for domain in ("a.example", "b.example", "c.example")]
    assert [await looks.look(one, NOW) for one in others] == [None] * 3
    assert sum(not one.task.done() for one in looks._begun.values()) <= looking._AT_ONCE
    for one in others:  # each has its turn
        await seen(looks, one)


async def test_no_more_is_remembered_than_sixteen(looks: Looks) -> None:
    for number in range(20):
        await seen(looks, Asked("acme", f"n{number}.example", ("adfs",)))
    assert len(looks._begun) == looking._KEPT


async def test_an_outage_is_told_and_looked_behind_again(looks: Looks, store: Store) -> None:
    await store.close()
    looks._begin(THROUGH_ADFS, NOW)  # by the time it looks there is nobody to ask
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await seen(looks)
