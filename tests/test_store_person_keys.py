"""A person's key and the purge: what a record was sealed under stays as long as the record."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from databases import ask, keep_record, open_session
from test_store import ADMITTED, NEW, NOW, RECORD, SECOND

from federation.store import postgres, records, sql
from federation.store.postgres_words import numbered
from federation.store.records import KEY_YOUTH
from federation.store.rows import micros
from federation.store.store import Store, open_store
from federation.store.values import RECORD_LIFE, Sealing

LATER = NOW + RECORD_LIFE + timedelta(hours=1)  # the first record, and what it left, are over
AGAIN = replace(RECORD, reference="AGAIN", at=LATER)


def under(fresh: str) -> Sealing:
    return Sealing(ring_key="ring", fresh=lambda: fresh, seal=lambda wrapped, _: f"sealed under {wrapped}")


async def stands(store: Store, reference: str = "AGAIN") -> bool:
    """Tell whether a record's key is still there to open it."""
    record = await store.find_record(reference)
    assert record
    return record.sealed in {f"sealed under {key}" for key in await store.person_keys(RECORD.person)}


async def test_an_old_key_is_young_again_with_its_next_record(store: Store, store_url: str) -> None:
    made = "SELECT created_at FROM person_key"
    await keep_record(store, RECORD, sealing=under("first"))
    for age, since in ((KEY_YOUTH - SECOND, NOW), (KEY_YOUTH, NOW + KEY_YOUTH)):
        record = replace(RECORD, reference=f"{age}", at=NOW + age)
        await keep_record(store, record, sealing=under("another"))
        assert await ask(store_url, made) == [(micros(since),)]
        assert await store.person_keys(RECORD.person) == ("first",)
        assert await stands(store, record.reference)


async def test_an_old_key_without_records_serves_again(store: Store) -> None:
    await keep_record(store, RECORD, sealing=under("first"))
    await open_session(store, ADMITTED, replace(NEW, record=AGAIN), LATER, sealing=under("fresh"))
    await store.purge(LATER)
    assert await store.person_keys(RECORD.person) == ("first",)
    assert await stands(store)


@pytest.fixture
async def other(postgres_url: str) -> Any:
    """A transaction of another node, open for as long as it likes."""
    db = await asyncpg.connect(postgres_url)
    yield db
    await db.close()


async def waits(task: asyncio.Task[Any], url: str) -> None:
    """Return once the other node's lock is waited for."""
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(500):
        if (await ask(url, blocked))[0][0]:
            return
        assert not task.done()
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits")


def purge() -> Iterator[tuple[str, list[object]]]:
    """Yield each statement of the purge, as PostgreSQL takes it."""
    values: dict[str, object] = {
        "now": micros(LATER),
        "batch": 1000,
        "records_before": micros(LATER - RECORD_LIFE),
        "keys_before": micros(LATER - RECORD_LIFE),
        "messages_before": micros(LATER - RECORD_LIFE),
        "audit_before": micros(LATER - RECORD_LIFE),
        "audit_before_id": "",
    }
    for statement in sql.PURGE:
        text, names = numbered(statement)
        yield text, [values[name] for name in names]


async def test_a_purge_under_way_takes_no_key_from_a_record(postgres_url: str, other: Any) -> None:
    store = await open_store(postgres_url)
    await keep_record(store, RECORD, sealing=under("first"))
    transaction = other.transaction()
    await transaction.start()
    for text, values in purge():
        await other.fetch(text, *values)
    keeping = asyncio.create_task(keep_record(store, AGAIN, sealing=under("fresh")))
    await waits(keeping, postgres_url)
    await transaction.commit()
    await keeping
    assert await store.person_keys(RECORD.person) == ("fresh",)
    assert await stands(store)
    await store.close()


async def test_a_record_under_way_keeps_its_key_from_the_purge(postgres_url: str, other: Any) -> None:
    store = await open_store(postgres_url)
    await keep_record(store, RECORD, sealing=under("first"))
    await store.purge(LATER)  # the record is gone, and with it the key
    await keep_record(store, replace(RECORD, reference="ONE"), sealing=under("second"))
    await ask(postgres_url, "DELETE FROM decision_record")
    transaction = other.transaction()
    await transaction.start()
    await postgres._drive(other, records.keep_record(AGAIN, claim=None, sealing=under("fresh")))
    purging = asyncio.create_task(store.purge(LATER))  # it looked while the record was nobody's
    await waits(purging, postgres_url)
    await transaction.commit()
    assert await purging == 0
    assert await store.person_keys(RECORD.person) == ("second",)
    assert await stands(store)
    await store.close()
