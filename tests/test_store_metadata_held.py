"""Metadata that waits for approval, in the store, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest
from databases import ask
from test_store import NOW
from test_store_metadata import DAY, FIRST, LATER, NEW_KEY, SECOND_ONE, THIRD, kept

from federation.store import provider_metadata
from federation.store.metadata_values import Metadata
from federation.store.rows import Steps
from federation.store.store import Store, open_store
from federation.store.twin import Twin

__all__ = ["kept"]  # the fixture


def holding(found: Metadata = SECOND_ONE) -> Metadata:
    """The first document in force, and this one waiting beside it."""
    return replace(
        FIRST,
        etag=found.etag,
        last_modified=found.last_modified,
        checked_at=LATER,
        held_document=found.document,
        held_digest=found.digest,
        held_at=LATER,
        held_changes=NEW_KEY,
    )


async def hold(store: Store, found: Metadata = SECOND_ONE, *, at: datetime = LATER) -> bool:
    return await store.hold_metadata(found, NEW_KEY, at, previous="d1")


async def states(store: Store, connection: str | None = "adfs") -> list[str]:
    return [change.state for change in await store.metadata_changes(connection, 100)]


async def test_a_held_document_waits_beside_the_one_in_force(kept: Store) -> None:
    assert await hold(kept)
    assert await kept.find_metadata("adfs") == holding()
    (change,) = await kept.metadata_changes("adfs", 100)
    assert (change.at, change.changes, change.state, change.settled_at) == (LATER, NEW_KEY, "held", None)


async def test_of_twenty_that_hold_one_document_one_records_it(kept: Store) -> None:
    assert (await asyncio.gather(*(hold(kept) for _ in range(20)))).count(True) == 1
    assert await states(kept) == ["held"]


@pytest.mark.parametrize("again", [SECOND_ONE, replace(FIRST, etag='"e2"')])
async def test_what_is_held_or_in_force_is_not_held_again(kept: Store, again: Metadata) -> None:
    await hold(kept)
    assert not await kept.hold_metadata(again, NEW_KEY, LATER + DAY, previous="d1")
    found = await kept.find_metadata("adfs")
    assert found is not None
    assert found == replace(
        holding(), etag=again.etag, last_modified=again.last_modified, checked_at=LATER + DAY
    )
    assert await states(kept) == ["held"]


async def test_a_document_signed_anew_with_the_same_changes_is_no_news(kept: Store) -> None:
    await hold(kept)
    assert not await kept.hold_metadata(THIRD, NEW_KEY, LATER + DAY, previous="d1")
    assert await kept.find_metadata("adfs") == replace(holding(THIRD), checked_at=LATER + DAY)
    assert await states(kept) == ["held"]
    assert not await kept.approve_metadata("adfs", LATER + DAY, digest="d2")  # it waits no longer
    assert await kept.approve_metadata("adfs", LATER + DAY, digest="d3")


async def test_a_later_change_replaces_the_one_that_waits(kept: Store) -> None:
    await hold(kept)
    assert await kept.hold_metadata(THIRD, ("entity ID changed",), LATER + DAY, previous="d1")
    newest, older = await kept.metadata_changes("adfs", 100)
    assert (newest.state, newest.changes) == ("held", ("entity ID changed",))
    assert (older.state, older.settled_at) == ("replaced", LATER + DAY)


async def test_what_the_provider_publishes_now_takes_the_place_of_what_waits(kept: Store) -> None:
    await hold(kept)
    back = replace(FIRST, fetched_at=LATER, checked_at=LATER + DAY)  # as it was before
    assert await kept.keep_metadata(back, (), LATER + DAY, previous="d1")
    assert await kept.find_metadata("adfs") == back
    assert await states(kept) == ["replaced"]
    assert not await kept.approve_metadata("adfs", LATER + DAY, digest="d2")


async def test_what_is_approved_is_in_force(kept: Store) -> None:
    moved = replace(SECOND_ONE, source="https://idp.example/moved")
    await hold(kept, moved)
    assert await kept.approve_metadata("adfs", LATER + DAY, digest="d2")
    assert await kept.find_metadata("adfs") == moved
    (change,) = await kept.metadata_changes("adfs", 100)
    assert (change.state, change.at, change.settled_at) == ("approved", LATER, LATER + DAY)
    assert not await kept.approve_metadata("adfs", LATER + DAY, digest="d2")
    assert await kept.keep_metadata(THIRD, (), LATER + DAY, previous="d2")


async def test_what_is_rejected_stays_out(kept: Store) -> None:
    await hold(kept)
    assert await kept.reject_metadata("adfs", LATER + DAY, digest="d2")
    gone = replace(holding(), held_document="", held_digest="", held_at=None, held_changes=())
    assert await kept.find_metadata("adfs") == gone
    (change,) = await kept.metadata_changes("adfs", 100)
    assert (change.state, change.settled_at) == ("rejected", LATER + DAY)
    assert not await kept.approve_metadata("adfs", LATER + DAY, digest="d2")
    assert not await hold(kept)  # the provider publishes it still
    assert await states(kept) == ["rejected"]
    assert await hold(kept, THIRD, at=LATER + DAY)
    assert await states(kept) == ["held", "rejected"]


Settle = Callable[[Store, str, str], Awaitable[bool]]
SETTLE: dict[str, Settle] = {
    "approve": lambda store, connection, digest: store.approve_metadata(connection, LATER, digest=digest),
    "reject": lambda store, connection, digest: store.reject_metadata(connection, LATER, digest=digest),
}


@pytest.mark.parametrize("settle", SETTLE.values(), ids=SETTLE)
@pytest.mark.parametrize(
    ("connection", "digest"), [("adfs", ""), ("adfs", "d1"), ("adfs", "d3"), ("okta", "d2"), ("", "")]
)
async def test_only_what_was_seen_is_settled(
    kept: Store, settle: Settle, connection: str, digest: str
) -> None:
    await kept.keep_metadata(replace(FIRST, connection="okta"), (), NOW, previous="")
    assert not await settle(kept, connection, digest)  # nothing waits
    await hold(kept)
    assert not await settle(kept, connection, digest)
    assert await kept.find_metadata("adfs") == holding()
    assert await kept.find_metadata("okta") == replace(FIRST, connection="okta")
    assert await states(kept) == ["held"]


async def test_another_connections_change_stays_held(kept: Store) -> None:
    await kept.keep_metadata(replace(FIRST, connection="okta"), (), NOW, previous="")
    theirs = replace(SECOND_ONE, connection="okta")
    await hold(kept)
    assert await kept.hold_metadata(theirs, NEW_KEY, LATER, previous="d1")
    assert await kept.approve_metadata("adfs", LATER, digest="d2")
    assert await states(kept, "okta") == ["held"]
    found = await kept.find_metadata("okta")
    assert found == replace(holding(), connection="okta")


async def test_of_twenty_that_settle_at_once_one_does(kept: Store) -> None:
    await hold(kept)
    tries = [settle(kept, "adfs", "d2") for settle in SETTLE.values() for _ in range(10)]
    answers = await asyncio.gather(*tries)
    assert answers.count(True) == 1
    approved = answers.index(True) < 10
    assert await states(kept) == ["approved" if approved else "rejected"]
    found = await kept.find_metadata("adfs")
    assert found is not None
    assert (found.digest, found.held_digest) == ("d2" if approved else "d1", "")


async def test_approval_beside_a_later_document_approves_what_was_seen_or_nothing(kept: Store) -> None:
    await hold(kept)
    approved, held = await asyncio.gather(
        kept.approve_metadata("adfs", LATER, digest="d2"),
        kept.hold_metadata(THIRD, ("later",), LATER, previous="d1"),
    )
    found = await kept.find_metadata("adfs")
    assert found is not None
    assert (found.digest, found.held_digest) == (("d2", "") if approved else ("d1", "d3"))
    assert approved is not held
    assert sorted(await states(kept)) == (["approved"] if approved else ["held", "replaced"])


async def test_what_another_node_keeps_meanwhile_is_not_held_against(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    await store.keep_metadata(FIRST, (), NOW, previous="")
    elsewhere = await asyncpg.connect(postgres_url)
    async with elsewhere.transaction():
        await elsewhere.execute("UPDATE provider_metadata SET digest = 'd9'")
        holding_it = asyncio.create_task(hold(store))  # has read that the first is in force
        async with asyncio.timeout(10):
            while not await ask(postgres_url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
    assert await holding_it is False
    found = await store.find_metadata("adfs")
    assert found is not None
    assert (found.digest, found.held_digest) == ("d9", "")
    await elsewhere.close()
    await store.close()


# Half-way, and upkeep


def steps(name: str) -> Callable[[datetime], Steps[bool]]:
    work: dict[str, Callable[[datetime], Steps[bool]]] = {
        "keep": lambda now: provider_metadata.keep(THIRD, ("later",), now, previous="d1"),
        "hold": lambda now: provider_metadata.hold(THIRD, ("later",), now, previous="d1"),
        "approve": lambda now: provider_metadata.approve("adfs", "d2", now),
        "reject": lambda now: provider_metadata.reject("adfs", "d2", now),
    }
    return work[name]


@pytest.mark.parametrize("name", ["keep", "hold", "approve", "reject"])
async def test_a_failure_half_way_changes_nothing(kept: Store, name: str) -> None:
    assert isinstance(kept, Twin)
    await hold(kept)
    before = await kept.find_metadata("adfs"), await kept.metadata_changes(None, 100)

    def failing() -> Steps[None]:
        assert (yield from steps(name)(LATER))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await kept._transact(failing)
    assert (await kept.find_metadata("adfs"), await kept.metadata_changes(None, 100)) == before


async def test_upkeep_leaves_it_alone(kept: Store) -> None:
    await hold(kept)
    assert await kept.purge(NOW + 1000 * DAY) == 0
    assert await kept.find_metadata("adfs") == holding()
    assert await states(kept) == ["held"]
