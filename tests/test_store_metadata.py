"""What providers publish, in the store, on SQLite and on PostgreSQL: in force, and every change."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from databases import ask
from test_store import MINUTE, NOW, SECOND

from federation.store import provider_metadata
from federation.store.metadata_values import Metadata
from federation.store.store import Store, open_store

LATER = NOW + MINUTE
PAUSE = timedelta(minutes=5)
DAY = timedelta(days=1)
FIRST = Metadata(
    connection="adfs",
    source="https://idp.example/metadata",
    document="<EntityDescriptor entityID='https://idp.example'/>",
    digest="d1",
    etag='"e1"',
    last_modified="Sat, 21 Nov 2026 11:00:00 GMT",
    fetched_at=NOW,
    checked_at=NOW,
)
SECOND_ONE = replace(
    FIRST, document="<second/>", digest="d2", etag='"e2"', fetched_at=LATER, checked_at=LATER
)
THIRD = replace(SECOND_ONE, document="<3/>", digest="d3", etag='"e3"')
NEW_KEY = ("key added: ab:cd", "endpoint changed: https://idp.example/sso → https://idp.example/sso2")


@pytest.fixture
async def kept(store: Store) -> Store:
    """A store in which the first document is in force."""
    assert await store.keep_metadata(FIRST, (), NOW, previous="")
    return store


# In force


async def test_a_document_comes_back_as_it_was_kept(store: Store) -> None:
    assert await store.find_metadata("adfs") is None
    assert await store.keep_metadata(FIRST, (), NOW, previous="")
    assert await store.find_metadata("adfs") == FIRST
    assert await store.find_metadata("okta") is None
    assert await store.metadata_changes(None, 100) == ()  # the first changes nothing


@pytest.mark.parametrize("document", ["é張🦊 'quoted' \"\r\n\t", "<x>" + "y" * 3_000_000 + "</x>"])
async def test_any_document_comes_back(store: Store, document: str) -> None:
    await store.keep_metadata(replace(FIRST, document=document), (), NOW, previous="")
    found = await store.find_metadata("adfs")
    assert found is not None
    assert found.document == document


async def test_what_a_server_says_in_its_headers_does_no_harm(store: Store) -> None:
    odd = replace(FIRST, etag="a\0b\ud800", last_modified="\0")
    assert await store.keep_metadata(odd, ("a\0\ud800",), NOW, previous="")
    await store.note_checked("adfs", "a\0b\ud800", "\0", NOW, digest=odd.digest)
    found = await store.find_metadata("adfs")
    assert found == replace(FIRST, etag="a\ufffdb\ufffd", last_modified="\ufffd")
    assert (await store.metadata_changes("adfs", 1))[0].changes == ("a\0\ud800",)


async def test_a_later_document_takes_its_place_and_is_recorded(kept: Store) -> None:
    assert await kept.keep_metadata(SECOND_ONE, NEW_KEY, LATER, previous="d1")
    assert await kept.find_metadata("adfs") == SECOND_ONE
    (change,) = await kept.metadata_changes("adfs", 100)
    assert (change.connection, change.at, change.changes) == ("adfs", LATER, NEW_KEY)
    assert (change.state, change.settled_at) == ("taken", LATER)


@pytest.mark.parametrize("previous", ["", "d0", "d2", "D1", "d1 "])
async def test_compared_with_another_document_it_is_not_kept(kept: Store, previous: str) -> None:
    assert not await kept.keep_metadata(SECOND_ONE, NEW_KEY, LATER, previous=previous)
    assert not await kept.hold_metadata(SECOND_ONE, NEW_KEY, LATER, previous=previous)
    assert await kept.find_metadata("adfs") == FIRST
    assert await kept.metadata_changes(None, 100) == ()


@pytest.mark.parametrize("previous", ["", "d1"])
async def test_what_nobody_keeps_is_not_replaced_or_held(store: Store, previous: str) -> None:
    assert not await store.hold_metadata(SECOND_ONE, NEW_KEY, LATER, previous=previous)
    assert not await store.keep_metadata(SECOND_ONE, NEW_KEY, LATER, previous="d1")
    assert await store.may_fetch("adfs", NOW, PAUSE)
    await store.note_checked("adfs", "e", "m", NOW, digest=previous)
    assert await store.find_metadata("adfs") is None
    assert await store.metadata_changes(None, 100) == ()


@pytest.mark.parametrize("previous", ["", "d1"])
async def test_of_twenty_that_fetched_at_once_one_records_it(store: Store, previous: str) -> None:
    if previous:
        await store.keep_metadata(FIRST, (), NOW, previous="")
    found = [replace(SECOND_ONE, digest=f"d2-{number % 2}") for number in range(20)]
    answers = await asyncio.gather(
        *(store.keep_metadata(one, (f"by {one.digest}",), LATER, previous=previous) for one in found)
    )
    assert answers.count(True) == 1
    ours = await store.find_metadata("adfs")
    (change,) = await store.metadata_changes("adfs", 100)
    assert ours == found[answers.index(True)]
    assert change.changes == (f"by {ours.digest}",)


async def test_a_check_is_noted_of_its_connection_alone(kept: Store) -> None:
    await kept.keep_metadata(replace(FIRST, connection="okta"), (), NOW, previous="")
    await kept.note_checked("adfs", '"e9"', "", LATER, digest=FIRST.digest)
    assert await kept.find_metadata("adfs") == replace(FIRST, etag='"e9"', last_modified="", checked_at=LATER)
    assert await kept.find_metadata("okta") == replace(FIRST, connection="okta")


@pytest.mark.parametrize("digest", ["d1", "", "D2", "d2 "])
async def test_a_check_of_another_document_is_not_noted(kept: Store, digest: str) -> None:
    await kept.keep_metadata(SECOND_ONE, NEW_KEY, LATER, previous="d1")  # by another node, meanwhile
    await kept.note_checked("adfs", '"of the first"', "", LATER + MINUTE, digest=digest)
    assert await kept.find_metadata("adfs") == SECOND_ONE


@pytest.mark.parametrize("differs", [{"connection": ""}, {"document": ""}, {"digest": ""}])
def test_metadata_without_what_names_it_is_none(differs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="metadata has"):
        replace(FIRST, **differs)


# Who may ask the provider


async def test_one_of_twenty_may_fetch(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    tries = [node.may_fetch("adfs", NOW, PAUSE) for node in (store, elsewhere) for _ in range(10)]
    assert (await asyncio.gather(*tries)).count(True) == 1
    await elsewhere.close()


TURNS = [
    # who asked before        pause         may it
    (timedelta(0),            PAUSE,        False),
    (PAUSE - SECOND,          PAUSE,        False),
    (PAUSE,                   PAUSE,        True),
    (DAY - SECOND,            DAY,          False),  # the pause of whoever asks now counts
    (DAY - SECOND,            PAUSE,        True),
    (-SECOND,                 PAUSE,        False),  # another node's clock is a little ahead
    (-PAUSE,                  PAUSE,        False),
    (-PAUSE - SECOND,         PAUSE,        True),  # it was set wrong, and may not keep us from asking
]  # fmt: skip


@pytest.mark.parametrize(("ago", "pause", "may"), TURNS)
async def test_each_pause_has_one_turn(store: Store, ago: timedelta, pause: timedelta, may: bool) -> None:  # noqa: FBT001
    assert await store.may_fetch("adfs", NOW - ago, pause)
    assert await store.may_fetch("okta", NOW, pause)  # no other connection waits for it
    assert await store.may_fetch("adfs", NOW, pause) is may
    assert not await store.may_fetch("adfs", NOW, pause)


async def test_leave_to_fetch_is_not_a_document(store: Store) -> None:
    await store.may_fetch("adfs", NOW, PAUSE)
    assert await store.find_metadata("adfs") is None
    assert not await store.hold_metadata(FIRST, NEW_KEY, NOW, previous="")
    assert await store.keep_metadata(FIRST, (), NOW, previous="")
    assert await store.find_metadata("adfs") == FIRST
    assert not await store.may_fetch("adfs", NOW, PAUSE)  # keeping one gives no further leave


# History


async def test_changes_come_newest_first_and_no_more_than_asked(kept: Store) -> None:
    previous = "d1"
    for number in range(5):
        found = replace(SECOND_ONE, digest=f"n{number}")
        at = NOW + number * SECOND
        assert await kept.keep_metadata(found, (f"adfs {number}",), at, previous=previous)
        theirs = replace(found, connection="okta")
        assert await kept.keep_metadata(
            theirs, (f"okta {number}",), at + SECOND / 2, previous=previous if number else ""
        )
        previous = found.digest
    ours = [change.changes[0] for change in await kept.metadata_changes("adfs", 3)]
    assert ours == ["adfs 4", "adfs 3", "adfs 2"]
    everyones = [change.changes[0] for change in await kept.metadata_changes(None, 3)]
    assert everyones == ["okta 4", "adfs 4", "okta 3"]
    assert len(await kept.metadata_changes(None, 10**9)) == 10
    assert await kept.metadata_changes(None, 0) == await kept.metadata_changes(None, -1) == ()
    assert await kept.metadata_changes("nobody", 5) == ()


async def test_of_one_connection_the_latest_changes_are_kept(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_metadata, "HISTORY", 3)
    await kept.keep_metadata(replace(FIRST, connection="okta"), ("theirs",), NOW, previous="")
    for number in range(5):
        assert await kept.keep_metadata(FIRST, (str(number),), NOW + number * SECOND, previous="d1")
    assert [change.changes for change in await kept.metadata_changes("adfs", 100)] == [("4",), ("3",), ("2",)]
    assert len(await kept.metadata_changes("okta", 100)) == 1


async def test_a_change_is_bounded(kept: Store, store_url: str) -> None:
    lines = ("x" * 500, "y" * 501, *(f"line {number}" for number in range(1000)))
    await kept.keep_metadata(SECOND_ONE, lines, LATER, previous="d1")
    (change,) = await kept.metadata_changes("adfs", 1)
    assert change.changes[:2] == ("x" * 500, "y" * 499 + "…")
    assert (len(change.changes), change.changes[-1]) == (101, "… and 902 more")
    ((text,),) = await ask(store_url, "SELECT changes FROM metadata_change")
    assert json.loads(text) == list(change.changes)
