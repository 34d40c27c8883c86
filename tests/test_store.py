"""One suite for every promise of the store, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from databases import ask, keep_record, open_session
from decisions import as_someone, decided

from federation.decision import Decision
from federation.errors import FederationError, SignInExpired
from federation.identity import Authentication, Groups, Identity, Presence, Subject
from federation.store import records
from federation.store.store import Store, open_store
from federation.store.values import RECORD_LIFE, RECORD_OCTETS, Claim, NewSession, Pending, Record, Sealing

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=24)
BINDER = b"b" * 32
TOKEN = b"t" * 32

WAITING = Pending(
    handle="a-handle",
    connection="adfs",
    binder_hash=BINDER,
    expects={"request_id": "_1", "naïve": "ü"},
    return_to="/path?x=1",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)
ZOE = Identity(
    subject=Subject(issuer="https://idp.example", value="zoe"),
    connection="adfs",
    organization="acme",
    email="zoe@acme.example",
    email_verified=None,
    given_name="Zoë",
    family_name="& <R&D> 張",
    display_name="Zoë 🦊",
    groups=Groups(Presence.PRESENT, ("équipe", "R&D <x>")),
    attributes={"department": ("R&D", "Überbau")},
    authentication=Authentication(instant=NOW - MINUTE),
)
ADMITTED = decided(ZOE, ("admin", "admins"), ("member", "default"))
RECORD = Record(
    reference="AAAAAAAAAA",
    at=NOW,
    code="",
    detail="admitted",
    connection="adfs",
    organization="acme",
    size=1234,
    digest="d" * 64,
    person=ZOE.subject.person,
    sealed="v1.sealed",
)
NEW = NewSession(
    token_hash=TOKEN,
    handle=WAITING.handle,
    idle=IDLE.total_seconds(),
    absolute_end=NOW + ABSOLUTE,
    user_agent="Browser/1",
    record=RECORD,
)
TABLES = ("user", "membership", "account", "role_grant", "session", "decision_record")


def someone(**differs: Any) -> Decision:
    return as_someone(ADMITTED, **differs)


def another(number: int, **differs: Any) -> NewSession:
    """The values of one more sign-in: its own token and its own reference."""
    record = replace(RECORD, reference=f"REF{number:07}")
    return replace(NEW, token_hash=number.to_bytes(32, "big"), record=record, **differs)


async def count(url: str) -> dict[str, int]:
    return {table: (await ask(url, f'SELECT count(*) FROM "{table}"'))[0][0] for table in TABLES}  # noqa: S608


async def refusal(attempt: Any) -> str:
    with pytest.raises(FederationError) as refused:
        await attempt
    return refused.value.code


# Pending sign-ins


async def test_a_taken_sign_in_comes_back_as_it_was_kept(store: Store) -> None:
    await store.remember_pending(WAITING)
    assert await store.take_pending("adfs", "a-handle", BINDER, NOW) == WAITING


async def test_one_of_twenty_takes_it(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    await store.remember_pending(WAITING)
    nodes = [store, elsewhere] * 10
    tries = (node.take_pending(WAITING.connection, WAITING.handle, BINDER, NOW) for node in nodes)
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert answers.count(WAITING) == 1
    assert [a.code for a in answers if isinstance(a, SignInExpired)] == ["signin.used"] * 19
    await elsewhere.close()


NOT_YOURS = [
    # code                 connection  handle      binder     when                            already used
    ("signin.unknown",    ("adfs",    "another",  BINDER,    NOW),                            False),
    ("signin.unknown",    ("adfs",    "",         BINDER,    NOW),                            False),
    ("signin.unknown",    ("adfs",    "a\0b\ud800", BINDER,  NOW),                            False),
    ("signin.unknown",    ("adfs",    "a-handle", BINDER,    WAITING.expires_at),             False),
    ("signin.unknown",    ("okta",    "a-handle", b"",       WAITING.expires_at),             True),
    ("signin.connection", ("okta",    "a-handle", BINDER,    NOW),                            False),
    ("signin.connection", ("okta",    "a-handle", b"",       NOW),                            True),
    ("signin.browser",    ("adfs",    "a-handle", b"",       NOW),                            False),
    ("signin.browser",    ("adfs",    "a-handle", b"x" * 32, NOW),                            True),
    ("signin.used",       ("adfs",    "a-handle", BINDER,    NOW),                            True),
    ("signin.used",       ("adfs",    "a-handle", BINDER,    WAITING.expires_at - SECOND),    True),
]  # fmt: skip


@pytest.mark.parametrize(("code", "asked", "used"), NOT_YOURS)
async def test_the_first_true_reason_is_told(
    store: Store,
    code: str,
    asked: tuple[str, str, bytes, datetime],
    used: bool,  # noqa: FBT001
) -> None:
    await store.remember_pending(WAITING)
    if used:
        await store.take_pending("adfs", "a-handle", BINDER, NOW)
    assert await refusal(store.take_pending(*asked)) == code
    if not used and asked[3] < WAITING.expires_at:  # a refused attempt spends nothing
        assert await store.take_pending("adfs", "a-handle", BINDER, NOW) == WAITING


async def test_every_reason_is_tried() -> None:
    promised = {"signin.unknown", "signin.connection", "signin.browser", "signin.used"}
    assert {code for code, _, _ in NOT_YOURS} == promised


async def test_only_a_live_handle_of_this_connection_is_waiting(store: Store) -> None:
    await store.remember_pending(WAITING)
    assert await store.is_waiting("adfs", "a-handle", NOW)
    assert not await store.is_waiting("okta", "a-handle", NOW)
    assert not await store.is_waiting("adfs", "another", NOW)
    assert not await store.is_waiting("adfs", "a-handle", WAITING.expires_at)
    await store.take_pending("adfs", "a-handle", BINDER, NOW)
    assert not await store.is_waiting("adfs", "a-handle", NOW)


async def test_a_handle_tells_its_connection_answered_or_not_until_it_expires(store: Store) -> None:
    assert await store.connection_of("a-handle", NOW) is None
    await store.remember_pending(WAITING)
    assert await store.connection_of("a-handle", NOW) == "adfs"
    for other in ("another", "", "a-handle "):
        assert await store.connection_of(other, NOW) is None
    await store.take_pending("adfs", "a-handle", BINDER, NOW)
    assert await store.connection_of("a-handle", NOW) == "adfs"
    assert await store.connection_of("a-handle", WAITING.expires_at) is None


async def test_a_finished_sign_in_leads_its_own_browser_on(store: Store) -> None:
    await store.remember_pending(WAITING)
    assert await store.finished("a-handle", TOKEN, NOW) is None  # not answered yet
    await store.take_pending("adfs", "a-handle", BINDER, NOW)
    assert await store.finished("a-handle", TOKEN, NOW) is None  # used, but nothing was opened
    await open_session(store, ADMITTED, NEW, NOW)
    await open_session(store, ADMITTED, another(2, handle=""), NOW)
    assert await store.finished("a-handle", TOKEN, NOW) == "/path?x=1"
    assert await store.finished("a-handle", another(2).token_hash, NOW) is None  # another's session
    assert await store.finished("a-handle", TOKEN, WAITING.expires_at) is None
    await store.end_session(TOKEN, NOW)
    assert await store.finished("a-handle", TOKEN, NOW) is None


# Person keys


def under(fresh: str, ring_key: str = "ring") -> Sealing:
    return Sealing(ring_key=ring_key, fresh=lambda: fresh, seal=lambda wrapped, _: f"sealed under {wrapped}")


async def test_a_person_has_one_key_of_each_ring_key(store: Store) -> None:
    offers = [f"key-{number}" for number in range(20)]
    await asyncio.gather(
        *(keep_record(store, replace(RECORD, reference=fresh), sealing=under(fresh)) for fresh in offers)
    )
    (key,) = await store.person_keys(RECORD.person)
    assert key in offers
    for person, at, sealing in (
        (RECORD.person, NOW, under("later")),
        ("another", NOW, under("later")),
        (RECORD.person, NOW + SECOND, under("fresh", "next")),
    ):
        record = replace(RECORD, reference=f"{person}{at}", person=person, at=at)
        await keep_record(store, record, sealing=sealing)
    assert await store.person_keys("another") == ("later",)
    assert await store.person_keys(RECORD.person) == ("fresh", key)
    assert await store.person_keys("nobody") == ()


async def test_a_key_goes_with_the_last_record_of_its_person(store: Store) -> None:
    for number, (person, at) in enumerate((("p", NOW), ("p", NOW + MINUTE), ("nobody", NOW))):
        record = replace(RECORD, reference=f"R{number}", person=person, at=at)
        await keep_record(store, record, sealing=under("key"))
    await store.purge(NOW + RECORD_LIFE - SECOND)
    assert await store.person_keys("nobody") == ("key",)
    await store.purge(NOW + RECORD_LIFE)
    assert await store.person_keys("nobody") == ()
    assert await store.person_keys("p") == ("key",)
    await store.purge(NOW + RECORD_LIFE + MINUTE)
    assert await store.person_keys("p") == ()


async def test_of_one_person_the_latest_records_are_kept(store: Store) -> None:
    await keep_record(store, replace(RECORD, reference="ELSEWHERE1", organization="other"))
    made = records.RECORDS_OF_PERSON + 64
    for number in range(made):
        record = replace(RECORD, reference=f"R{number:09}", at=NOW + number * SECOND)
        await keep_record(store, record)
    kept = [await store.find_record(f"R{number:09}") is not None for number in range(made)]
    assert records.RECORDS_OF_PERSON <= sum(kept) < made
    assert kept == sorted(kept)  # the oldest went
    assert await store.find_record("ELSEWHERE1") is not None


# Records


async def test_the_ring_overwrites_its_oldest(store: Store, store_url: str) -> None:
    rubbish = [replace(RECORD, reference=name, person="", sealed="") for name in ("FIRST", "SECOND", "THIRD")]
    await keep_record(store, rubbish[0])
    await keep_record(store, rubbish[1])
    await keep_record(store, RECORD)  # of a person: not in the ring
    await ask(store_url, f"UPDATE ring SET place = {records.RING - 1}")  # noqa: S608  the ring is full
    await keep_record(store, rubbish[2])
    assert await store.find_record("FIRST") is None
    assert await store.find_record("SECOND") == rubbish[1]
    assert await store.find_record("THIRD") == rubbish[2]
    assert await store.find_record(RECORD.reference) == RECORD
    places = await ask(store_url, "SELECT reference, ring FROM decision_record ORDER BY ring")
    assert sorted(places, key=str) == [("AAAAAAAAAA", None), ("SECOND", 1), ("THIRD", 0)]


async def test_rubbish_at_one_moment_takes_a_place_each(store: Store, store_url: str) -> None:
    rubbish = [replace(RECORD, reference=f"R{number}", person="", sealed="") for number in range(50)]
    await asyncio.gather(*(keep_record(store, record) for record in rubbish))
    assert await ask(store_url, "SELECT count(*), min(ring), max(ring) FROM decision_record") == [(50, 0, 49)]


async def test_a_record_is_bounded() -> None:
    with pytest.raises(ValueError, match="larger"):
        replace(RECORD, sealed="x" * (RECORD_OCTETS + 1))
    with pytest.raises(ValueError, match="larger"):
        replace(RECORD, detail="x" * 301)


# Upkeep


async def test_purge_takes_what_is_over_and_nothing_else(store: Store, store_url: str) -> None:
    for number in range(5):
        life = timedelta(minutes=10 if number else 60)
        await store.remember_pending(replace(WAITING, handle=str(number), expires_at=NOW + life))
        claim = Claim(issuer="i", id=str(number), until=NOW + life)
        await open_session(store, ADMITTED, another(number, absolute_end=NOW + life), NOW, claim=claim)
    await store.end_session(another(1).token_hash, NOW)
    assert await store.purge(NOW) == 1  # the ended session
    at = NOW + timedelta(minutes=10)
    assert await store.purge(at - SECOND) == 0
    assert [await store.purge(at, batch=2) for _ in range(4)] == [6, 5, 0, 0]
    assert await store.is_waiting("adfs", "0", at)
    assert await store.find_session(another(0).token_hash, at)
    assert (await count(store_url))["decision_record"] == 5
    assert await store.purge(NOW + RECORD_LIFE) == 3 + 5
    assert (await count(store_url)) == {
        "user": 1, "membership": 1, "account": 1, "role_grant": 2, "session": 0, "decision_record": 0,
    }  # fmt: skip


async def test_a_used_sign_in_stays_until_it_expires(store: Store) -> None:
    await store.remember_pending(WAITING)
    await store.take_pending("adfs", "a-handle", BINDER, NOW)
    await store.purge(WAITING.expires_at - SECOND)
    assert await refusal(store.take_pending("adfs", "a-handle", BINDER, NOW)) == "signin.used"
    await store.purge(WAITING.expires_at)
    assert await refusal(store.take_pending("adfs", "a-handle", BINDER, NOW)) == "signin.unknown"


async def test_a_lease_has_one_holder_until_it_runs_out(store: Store) -> None:
    tries = (store.lease("purge", f"node-{number}", NOW + MINUTE, NOW) for number in range(20))
    won = await asyncio.gather(*tries)
    assert won.count(True) == 1
    holder = f"node-{won.index(True)}"
    assert await store.lease("another", "b", NOW + MINUTE, NOW)
    assert await store.lease("purge", holder, NOW + MINUTE, NOW)  # renewed
    assert not await store.lease("purge", "b", NOW + 2 * MINUTE, NOW + MINUTE - SECOND)
    assert await store.lease("purge", "b", NOW + 2 * MINUTE, NOW + MINUTE)
    assert not await store.lease("purge", holder, NOW + 2 * MINUTE, NOW + MINUTE)
