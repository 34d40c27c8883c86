"""Assertions that arrive after their logout, or beside it, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from databases import ask, open_session
from test_store import (
    ADMITTED,
    BINDER,
    MINUTE,
    NEW,
    NOW,
    TOKEN,
    WAITING,
    another,
    count,
    refusal,
)
from test_store_provider_sessions import (
    ISSUED,
    MICROSECOND,
    NAME,
    SEALED,
    SIGNED_IN,
    UNTIL,
    living,
    log_out,
    sign_in,
    there,
)

from federation.errors import FederationError, SignInExpired
from federation.identity import Authentication, Subject
from federation.store.rows import micros
from federation.store.store import Store, open_store

# SAML Core §3.7.3.1
ARRIVALS = [
    # refused                        logged out          instant                 the assertion's own session
    (True,  "all of the name",       (),                 SIGNED_IN,              {}),
    (True,  "this session",          ("_s1",),           SIGNED_IN,              {}),
    (True,  "this one of several",   ("_s0", "_s1"),     SIGNED_IN,              {}),
    (False, "another session",       ("_s2",),           SIGNED_IN,              {}),
    (False, "another name",          (),                 SIGNED_IN,              {"name": NAME + "2"}),
    (False, "another connection",    (),                 SIGNED_IN,              {"connection": "okta"}),
    (True,  "the same moment",       ("_s1",),           ISSUED,                 {}),
    (True,  "a moment before",       (),                 ISSUED - MICROSECOND,   {}),
    (False, "a moment after",        (),                 ISSUED + MICROSECOND,   {}),
    (False, "a moment after, index", ("_s1",),           ISSUED + MICROSECOND,   {}),
    (True,  "nobody knows when",     ("_s1",),           None,                   {}),
    (True,  "nobody knows when, all", (),                None,                   {}),
    (False, "nobody knows, another", ("_s2",),           None,                   {}),
    (True,  "all, and it has no index", (),              SIGNED_IN,              {"index": ""}),
    (False, "one, and it has no index", ("_s1",),        SIGNED_IN,              {"index": ""}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "indexes", "instant", "differs"),
    [(case[0], *case[2:]) for case in ARRIVALS],
    ids=[case[1] for case in ARRIVALS],
)
async def test_an_assertion_after_its_logout_opens_nothing(
    store: Store,
    store_url: str,
    refused: bool,  # noqa: FBT001
    indexes: tuple[str, ...],
    instant: datetime | None,
    differs: dict[str, Any],
) -> None:
    await log_out(store, *indexes)
    before = await count(store_url)
    decision = there(**differs, authentication=Authentication(instant=instant))
    attempt = open_session(store, decision, replace(NEW, provider_sealed=SEALED), NOW)
    if not refused:
        assert (await attempt).id
        return
    with pytest.raises(SignInExpired, match=r"^signin\.logged_out: ") as refusal_of:
        await attempt
    assert refusal_of.value.checks[-1].code == "signin.logged_out"
    assert await count(store_url) == before  # nothing else is written
    assert await ask(store_url, "SELECT count(*) FROM provider_session") == [(0,)]


async def test_a_refused_arrival_ends_no_other_session(store: Store) -> None:
    await sign_in(store, 1, there(index="_s1"))
    await log_out(store, "_s2")
    replacing = another(2, ended_token_hash=another(1).token_hash)
    assert await refusal(open_session(store, there(index="_s2"), replacing, NOW)) == "signin.logged_out"
    assert await living(store, 1, 2) == [1]


async def test_a_sign_in_without_a_session_there_is_no_ones_to_end(store: Store) -> None:
    await log_out(store)
    await open_session(store, ADMITTED, NEW, NOW)
    assert await log_out(store) == 0
    assert await store.find_session(TOKEN, NOW)


async def test_of_two_logouts_the_later_of_each_moment_counts(store: Store, store_url: str) -> None:
    def logout(issued_at: datetime, until: datetime) -> Any:
        return log_out(store, issued_at=issued_at, until=until)

    await logout(ISSUED, NOW + MINUTE)
    await logout(ISSUED - MINUTE, NOW + 2 * MINUTE)
    await logout(ISSUED - 2 * MINUTE, NOW)
    kept = await ask(store_url, "SELECT issued_at, kept_until FROM provider_logout")
    assert kept == [(micros(ISSUED), micros(NOW + 2 * MINUTE))]


@pytest.mark.parametrize("indexes", [(), ("_s1",)])
async def test_a_logout_is_remembered_to_its_last_moment(
    store: Store, store_url: str, indexes: tuple[str, ...]
) -> None:
    await log_out(store, *indexes)
    last = UNTIL - MICROSECOND
    await store.purge(last)
    assert await refusal(open_session(store, there(), another(1), last)) == "signin.logged_out"
    assert await open_session(store, there(), another(2), UNTIL)
    assert await store.purge(UNTIL) == 2  # and the claim of its message
    assert await ask(store_url, "SELECT count(*) FROM provider_logout") == [(0,)]


async def test_sign_ins_and_logouts_at_one_moment_leave_none_alive(store: Store) -> None:
    """Whichever comes first of each pair: refused as late, or ended."""
    await sign_in(store, 0, there())
    tries = [sign_in(store, number, there(index=f"_s{number}")) for number in range(1, 21)]
    logouts = [log_out(store) for _ in range(3)] + [log_out(store, f"_s{number}") for number in (5, 6, 7)]
    answers = await asyncio.gather(*tries[:10], *logouts, *tries[10:], return_exceptions=True)
    assert await living(store, *range(21)) == []
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {answer.code for answer in refused if isinstance(answer, FederationError)} <= {"signin.logged_out"}
    ended = sum(answer for answer in answers if isinstance(answer, int))
    assert ended + len(refused) == 21  # each session once, one way or the other


ISOLATION = ("read committed", "repeatable read", "serializable")


async def _stricter(url: str, isolation: str) -> None:
    name = url.rpartition("/")[2]
    await ask(url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")


async def _until_somebody_waits(url: str) -> None:
    async with asyncio.timeout(10):
        while not await ask(url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass


@pytest.mark.parametrize("isolation", ISOLATION)
async def test_a_logout_waits_for_a_sign_in_under_way(postgres_url: str, isolation: str) -> None:
    await _stricter(postgres_url, isolation)
    store = await open_store(postgres_url)
    await store.remember_pending(WAITING)
    await store.take_pending("adfs", WAITING.handle, BINDER, NOW)
    elsewhere = await asyncpg.connect(postgres_url)
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT 1 FROM pending_sign_in FOR UPDATE")
        opening = asyncio.create_task(open_session(store, there(), NEW, NOW))  # has looked for a logout
        await _until_somebody_waits(postgres_url)
        leaving = asyncio.create_task(log_out(store, "_s1"))
        assert (await asyncio.wait({leaving}, timeout=0.2))[0] == set()
    await opening
    assert await leaving == 1
    assert await store.find_session(TOKEN, NOW) is None
    await elsewhere.close()
    await store.close()


@pytest.mark.parametrize("isolation", ISOLATION)
async def test_a_sign_in_waits_for_a_logout_under_way(postgres_url: str, isolation: str) -> None:
    await _stricter(postgres_url, isolation)
    store = await open_store(postgres_url)
    await sign_in(store, 1, there(index="_s1"))
    elsewhere = await asyncpg.connect(postgres_url)
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT 1 FROM session FOR UPDATE")
        leaving = asyncio.create_task(log_out(store))  # is remembered, and wants to end the first
        await _until_somebody_waits(postgres_url)
        opening = asyncio.create_task(sign_in(store, 2, there(index="_s2")))
        # of another name: waits for nobody
        assert await sign_in(store, 3, there(name="bob", subject=Subject(issuer="i", value="bob")))
        assert (await asyncio.wait({opening}, timeout=0.2))[0] == set()
    assert await leaving == 1
    assert await refusal(opening) == "signin.logged_out"
    assert await living(store, 1, 2, 3) == [3]
    await elsewhere.close()
    await store.close()
