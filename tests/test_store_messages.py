"""Messages of records, on both engines: kept with the record, found, trimmed, in a ring, over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_store import NOW, RECORD

from federation.store import messages
from federation.store.store import Store
from federation.store.values import MESSAGE_LIFE, RecordFilter


def reference(number: int) -> str:
    return f"ABCDEFGH{'ABCDEFGH'[number // 8]}{'ABCDEFGH'[number % 8]}"


async def keep(store: Store, number: int, person: str = "") -> str:
    name = reference(number)
    told = replace(
        RECORD,
        reference=name,
        at=NOW + timedelta(seconds=number),
        person=person,
        organization="acme",
        message=f"sealed {number}",
    )
    await store.keep_record(told, claim=None, sealing=None)
    return name


async def test_a_message_is_kept_with_its_record_and_no_other(store: Store) -> None:
    name = await keep(store, 1)
    assert await store.find_message(name) == "sealed 1"
    assert await store.find_message("AAAAAAAAAA") == ""
    await store.keep_record(replace(RECORD, reference="AAAAAAAAAB"), claim=None, sealing=None)
    assert await store.find_message("AAAAAAAAAB") == ""


async def test_whoever_sends_rubbish_writes_a_ring_round(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "RING", 3)
    names = [await keep(store, number) for number in range(5)]
    assert [await store.find_message(name) for name in names] == ["", "", "sealed 2", "sealed 3", "sealed 4"]


async def test_of_a_person_the_latest_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "OF_PERSON", 2)
    names = [await keep(store, number, "p") for number in range(3)]
    other = await keep(store, 9, "q")
    assert [await store.find_message(name) for name in (*names, other)] == [
        "", "sealed 1", "sealed 2", "sealed 9",
    ]  # fmt: skip


async def test_it_is_over_in_its_own_time(store: Store) -> None:
    name = await keep(store, 0, "p")
    await store.purge(NOW + MESSAGE_LIFE - timedelta(microseconds=1), 10)
    assert await store.find_message(name) == "sealed 0"
    await store.purge(NOW + MESSAGE_LIFE, 10)
    assert await store.find_message(name) == ""
    assert await store.find_record(name) is not None


async def test_records_are_found_by_their_person(store: Store) -> None:
    mine, others = await keep(store, 1, "p"), await keep(store, 2, "q")
    asked = RecordFilter(organization="acme", since=NOW, persons=("p",))
    for organization in ("acme", None):
        page = await store.list_records(
            replace(asked, organization=organization), None, 9, NOW + MESSAGE_LIFE
        )
        assert [one.reference for one in page.records] == [mine]
    page = await store.list_records(replace(asked, organization="other"), None, 9, NOW + MESSAGE_LIFE)
    assert page.records == ()
    page = await store.list_records(replace(asked, persons=("p", "q")), None, 1, NOW + MESSAGE_LIFE)
    assert [one.reference for one in page.records] == [others]
    assert page.next is not None
    page = await store.list_records(replace(asked, persons=("p", "q")), page.next, 9, NOW + MESSAGE_LIFE)
    assert [one.reference for one in page.records] == [mine]


async def test_what_is_revealed_is_a_record(store: Store) -> None:
    assert await store.reveal_record(await keep(store, 1))
    assert not await store.reveal_record("AAAAAAAAAA")
