"""One use of each assertion, on SQLite and on PostgreSQL: with its session, or with its refusal."""

import asyncio
from dataclasses import replace
from datetime import datetime
from itertools import count as counting
from pathlib import Path
from typing import Any

import pytest
from databases import ask, keep_record, open_session
from test_store import (
    ADMITTED,
    MINUTE,
    NEW,
    NOW,
    RECORD,
    SECOND,
    WAITING,
    another,
    count,
    refusal,
    someone,
    under,
)
from test_store_provider_sessions import log_out, there

from federation.decision import Decision, Settled
from federation.errors import AssertionRefused, FederationError, StoreUnavailable
from federation.identity import StableId
from federation.store.sqlite import SqliteStore
from federation.store.store import Store, open_store
from federation.store.values import Claim, Sealing

NUMBERS = counting(1000)
CLAIM = Claim(issuer="https://idp.example", id="_a", until=NOW + MINUTE)
REFUSED = replace(RECORD, code="policy.refused", detail="refused", sealed="")


def sealing(fresh: str = "key", ring_key: str = "ring") -> Sealing:
    return under(fresh, ring_key)


async def enter(
    store: Store, claim: Claim = CLAIM, decision: Decision = ADMITTED, now: datetime = NOW
) -> Any:
    new = another(next(NUMBERS))
    return await open_session(store, decision, new, now, claim=claim, sealing=sealing())


async def refuse(store: Store, claim: Claim = CLAIM) -> str:
    reference = f"REF{next(NUMBERS):07}"
    await keep_record(store, replace(REFUSED, reference=reference), claim=claim, sealing=sealing())
    return reference


async def claims(url: str) -> int:
    ((number,),) = await ask(url, "SELECT count(*) FROM claimed_assertion")
    return int(number)


# Once


@pytest.mark.parametrize("ways", [(enter,), (refuse,), (enter, refuse)])
async def test_of_twenty_presentations_one_counts(
    store: Store, store_url: str, ways: tuple[Any, ...]
) -> None:
    elsewhere = await open_store(store_url)
    tries = [ways[turn % len(ways)](node) for turn in range(10) for node in (store, elsewhere)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    codes = [answer.code for answer in answers if isinstance(answer, AssertionRefused)]
    assert codes == ["signin.replayed"] * 19
    kept = await count(store_url)
    assert kept["session"] <= kept["decision_record"] == 1  # who lost left nothing
    await elsewhere.close()


@pytest.mark.parametrize("way", [enter, refuse])
async def test_another_issuers_assertion_of_this_id_is_another(store: Store, way: Any) -> None:
    for issuer, name in (("ab", "c"), ("a", "bc"), ("a", "b\0c"), ("a", "\ud800"), ("a", "x" * 9000)):
        claim = replace(CLAIM, issuer=issuer, id=name)
        await way(store, claim)
        assert await refusal(enter(store, claim)) == "signin.replayed"
        assert await refusal(refuse(store, claim)) == "signin.replayed"


async def test_a_claim_is_kept_to_its_last_moment(store: Store, store_url: str) -> None:
    await enter(store)
    await store.purge(NOW + MINUTE - SECOND)
    assert await refusal(enter(store)) == "signin.replayed"
    await store.purge(NOW + MINUTE)
    assert await claims(store_url) == 0


async def test_a_logout_message_of_the_same_id_is_another(store: Store) -> None:
    await log_out(store, claim=(CLAIM.issuer, f"logout {CLAIM.id}"))
    assert await enter(store)


# First


async def test_a_replay_is_told_before_anything_else(store: Store, store_url: str) -> None:
    recycled = (someone(stable_id=StableId("k", "a")), someone(stable_id=StableId("k", "b")))
    await enter(store, decision=recycled[0])
    assert await refusal(enter(store, decision=recycled[1])) == "signin.replayed"
    other = replace(CLAIM, id="_b")
    assert await refusal(enter(store, other, recycled[1])) == "identity.subject_recycled"
    late = there(index="_s1")
    await log_out(store)
    assert await refusal(enter(store, decision=late)) == "signin.replayed"
    assert await refusal(enter(store, other, late)) == "signin.logged_out"
    assert (await count(store_url))["session"] == 1


# With its transaction


async def test_who_is_refused_by_the_store_is_claimed_by_the_refusal(store: Store, store_url: str) -> None:
    await log_out(store)
    before = await claims(store_url)
    assert await refusal(enter(store, decision=there())) == "signin.logged_out"
    assert await claims(store_url) == before
    assert await store.person_keys(RECORD.person) == ()
    reference = await refuse(store)
    assert await refusal(enter(store)) == "signin.replayed"
    assert await store.find_record(reference) == replace(
        REFUSED, reference=reference, sealed="sealed under key"
    )


def fail(_wrapped: str, _settled: Settled | None) -> str:
    raise KeyError("no such key")


@pytest.mark.parametrize("fault", ["seal", "database"])
async def test_a_failure_half_way_leaves_no_claim(store: Store, store_url: str, fault: str) -> None:
    await keep_record(store, RECORD)
    seal = replace(sealing(), seal=fail) if fault == "seal" else sealing()
    # The last that is written has a reference that is taken.
    with pytest.raises(Exception, match=r"(?i)unique|duplicate|no such key"):
        await open_session(store, ADMITTED, NEW, NOW, claim=CLAIM, sealing=seal)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate|no such key"):
        await keep_record(store, RECORD, claim=CLAIM, sealing=seal)
    assert await claims(store_url) == 0
    assert await store.person_keys(RECORD.person) == ()
    assert (await count(store_url))["account"] == 0
    assert await enter(store)


async def test_a_full_disk_claims_nothing_and_is_got_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/full.db"
    store = await open_store(url)
    assert isinstance(store, SqliteStore)
    await enter(store)
    pages = await ask(url, "PRAGMA page_count")
    await store._writer.submit(lambda db: db.execute(f"PRAGMA max_page_count={pages[0][0]}"))
    big = replace(WAITING, expects={"x": "y" * 20_000})
    for _ in range(3):  # alone, and together with what has room
        assert await refusal(store.remember_pending(big)) == "store.unavailable"
        tries = [store.remember_pending(big), *(enter(store, replace(CLAIM, id=f"{n}")) for n in range(12))]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert isinstance(answers[0], StoreUnavailable)
    kept = (await count(url))["session"]
    assert kept == await claims(url)
    await store._writer.submit(lambda db: db.execute("PRAGMA max_page_count=1073741823"))
    await enter(store, replace(CLAIM, id="later"))
    await store.remember_pending(big)
    assert await refusal(enter(store)) == "signin.replayed"
    assert await ask(url, "PRAGMA integrity_check") == [("ok",)]
    await store.close()


# Under the person's key


async def test_a_record_is_sealed_under_the_key_that_stands(store: Store) -> None:
    tries = (
        keep_record(store, replace(REFUSED, reference=f"R{number}"), sealing=sealing(f"key-{number}"))
        for number in range(20)
    )
    await asyncio.gather(*tries)
    (key,) = await store.person_keys(RECORD.person)
    for number in range(20):
        record = await store.find_record(f"R{number}")
        assert record
        assert record.sealed == f"sealed under {key}"
    await open_session(store, ADMITTED, NEW, NOW, claim=CLAIM, sealing=sealing("later"))
    record = await store.find_record(RECORD.reference)
    assert record == replace(RECORD, sealed=f"sealed under {key}")
    await keep_record(
        store, replace(REFUSED, reference="NEXT", at=NOW + SECOND), sealing=sealing("fresh", "next")
    )
    assert await store.person_keys(RECORD.person) == ("fresh", key)


async def test_first_sign_ins_of_many_at_one_moment_all_succeed(store: Store, store_url: str) -> None:
    people = [someone(subject=replace(ADMITTED.identity.subject, value=f"p{turn % 5}")) for turn in range(40)]
    tries = [
        open_session(
            store,
            who,
            replace(new := another(turn), record=replace(new.record, person=who.identity.subject.person)),
            NOW,
            claim=replace(CLAIM, id=f"_{turn}"),
            sealing=sealing(f"key-{turn}"),
        )
        for turn, who in enumerate(people)
    ]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, FederationError)] == []
    assert await count(store_url) == {
        "user": 5, "membership": 5, "account": 5, "role_grant": 10, "session": 40, "decision_record": 40,
    }  # fmt: skip
    assert await ask(store_url, "SELECT count(*) FROM person_key") == [(5,)]


async def test_whatever_comes_at_one_moment_never_waits_in_a_circle(postgres_url: str) -> None:
    nodes = [await open_store(postgres_url) for _ in range(3)]
    tries: list[Any] = []
    for turn in range(60):
        claim = replace(CLAIM, id=f"_{turn // 6}")
        tries += [
            enter(nodes[turn % 3], claim, there(index=f"_s{turn % 4}")),
            refuse(nodes[(turn + 1) % 3], claim),
        ]
        if turn % 10 == 0:
            tries.append(log_out(nodes[turn % 3]))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    codes = {one.code if isinstance(one, FederationError) else repr(one) for one in refused}
    assert codes <= {"signin.replayed", "signin.logged_out"}  # whether one meets a logout is chance
    for node in nodes:
        await node.close()
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await ask(postgres_url, deadlocks) == [(0,)]
