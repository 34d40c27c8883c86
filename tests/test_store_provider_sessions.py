"""Sessions under their providers' names, on SQLite and on PostgreSQL: found, ended, remembered as ended."""

import asyncio
import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import ask, keep_record, open_session
from test_store import (
    ADMITTED,
    IDLE,
    MINUTE,
    NEW,
    NOW,
    SECOND,
    another,
    someone,
)

from federation.decision import Decision
from federation.identity import ProviderSession, Session, StableId
from federation.store import provider_sessions, verbs
from federation.store.rows import Steps, micros
from federation.store.store import Store, open_store
from federation.store.twin import Twin
from federation.store.values import PROVIDER_INDEXES

NAME = '["https://idp.example","zoe@acme.example"]'
SIGNED_IN = NOW - MINUTE  # AuthnInstant of all of these
ISSUED = NOW + SECOND  # of the logout
UNTIL = NOW + 5 * MINUTE
MICROSECOND = timedelta(microseconds=1)
SEALED = "v1.sealed-words"
COUNTER = itertools.count()
SPELLINGS = (NAME, NAME + "1", NAME + "2", NAME + "3")


def there(name: str = NAME, index: str = "_s1", alone: str = "", **differs: Any) -> Decision:
    """A sign-in that the provider can end under this name and index."""
    return someone(provider_session=ProviderSession(name=name, index=index, alone=alone), **differs)


async def sign_in(store: Store, number: int, decision: Decision) -> Session:
    return await open_session(store, decision, another(number, provider_sealed=f"{SEALED}{number}"), NOW)


async def log_out(
    store: Store, *indexes: str, connection: str = "adfs", name: str = NAME, **differs: Any
) -> int:
    return await store.end_provider_sessions((connection,), (name,), indexes, **message(**differs))


def message(**differs: Any) -> dict[str, Any]:
    """A message of the provider's, of which there is no other."""
    claim = ("https://idp.example", f"logout _{next(COUNTER)}")
    return {
        "organization": "acme",
        "claim": claim,
        "issued_at": ISSUED,
        "until": UNTIL,
        "now": NOW,
        **differs,
    }


async def living(store: Store, *numbers: int, now: datetime = NOW) -> list[int]:
    found = [(number, await store.find_session(another(number).token_hash, now)) for number in numbers]
    return [number for number, session in found if session is not None]


# What ends the provider's session


async def test_the_sealed_words_come_back_with_a_live_session_alone(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there())
    await open_session(store, ADMITTED, another(2), NOW)
    token = another(1).token_hash
    assert await store.provider_session(token, NOW) == ("acme", "adfs", f"{SEALED}1")
    assert await store.provider_session(another(2).token_hash, NOW) is None  # the provider has none
    assert await store.provider_session(b"unknown", NOW) is None
    assert await store.provider_session(token, NOW + IDLE) is None
    await store.end_session(token, NOW + SECOND)  # by a node whose clock is ahead
    assert await store.provider_session(token, NOW) is None
    await sign_in(store, 3, there())
    await ask(store_url, "UPDATE session SET expires_at = 1")
    assert await store.provider_session(another(3).token_hash, NOW) is None


async def test_no_name_is_kept_in_clear(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there(stable_id=StableId("kind", "object-guid")))
    await log_out(store, "_s2")
    await log_out(store)
    for table in ("provider_session", "provider_logout", "session", "account", "role_grant"):
        for row in await ask(store_url, f"SELECT * FROM {table}"):  # noqa: S608
            for secret in (NAME, "_s1", "_s2", "object-guid"):
                assert not any(secret in str(value) for value in row), (table, secret)


# Logout from there


LOGOUTS = [
    # what it names                          connection  name         indexes             who lives on
    ("one session",                         "adfs",     NAME,        ("_s1",),           [2, 3, 4, 5]),
    ("two sessions, one of them twice",     "adfs",     NAME,        ("_s1", "_s2", "_s1"), [3, 4, 5]),
    ("a session and one that is not ours",  "adfs",     NAME,        ("_s9", "_s2"),     [1, 3, 4, 5]),
    ("a session that is not ours",          "adfs",     NAME,        ("_s9",),           [1, 2, 3, 4, 5]),
    ("all of the name",                     "adfs",     NAME,        (),                 [4, 5]),
    ("the session without an index",        "adfs",     NAME,        ("",),              [1, 2, 4, 5]),
    ("an index is not a part of one",       "adfs",     NAME,        ("_s",),            [1, 2, 3, 4, 5]),
    ("nor told by its case",                "adfs",     NAME,        ("_S1",),           [1, 2, 3, 4, 5]),
    ("another name",                        "adfs",     NAME + " ",  (),                 [1, 2, 3, 4, 5]),
    ("no name",                             "adfs",     "",          (),                 [1, 2, 3, 4, 5]),
    ("another connection",                  "okta",     NAME,        (),                 [1, 2, 3, 5]),
    ("no connection",                       "",         NAME,        (),                 [1, 2, 3, 4, 5]),
    ("what no database holds",              "adfs",     "a\0\ud800", ("\0",),            [1, 2, 3, 4, 5]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("connection", "name", "indexes", "lives"), [one[1:] for one in LOGOUTS], ids=[one[0] for one in LOGOUTS]
)
async def test_a_logout_ends_exactly_what_it_names(
    store: Store, connection: str, name: str, indexes: tuple[str, ...], lives: list[int]
) -> None:
    await sign_in(store, 1, there(index="_s1"))
    await sign_in(store, 2, there(index="_s2"))
    await sign_in(store, 3, there(index=""))
    await sign_in(store, 4, there(index="_s1", connection="okta"))
    await sign_in(store, 5, there(name=NAME.replace("zoe", "bob"), index="_s1"))
    for number, index in enumerate(("_s1", ""), 6):  # of whoever had the id before: another connection
        await sign_in(store, number, there(index=index, organization="other"))
    assert await living(store, 1, 2, 3, 4, 5) == [1, 2, 3, 4, 5]
    assert await log_out(store, *indexes, connection=connection, name=name) == 5 - len(lives)
    assert await living(store, 1, 2, 3, 4, 5) == lives  # at once, where it was remembered too
    assert await log_out(store, *indexes, connection=connection, name=name) == 0
    assert await living(store, 6, 7) == [6, 7]


async def test_only_the_living_are_counted_and_ended(store: Store, store_url: str) -> None:
    for number in range(1, 4):
        await sign_in(store, number, there(index=f"_s{number}"))
    await store.end_session(another(1).token_hash, NOW + SECOND)  # by a node whose clock is ahead
    ids = [row[0] for row in await ask(store_url, "SELECT id FROM session WHERE ended_at IS NULL")]
    await ask(store_url, f"UPDATE session SET expires_at = 1 WHERE id = '{ids[0]}'")  # noqa: S608
    await ask(store_url, f"UPDATE session SET idle_at = 1 WHERE id = '{ids[1]}'")  # noqa: S608
    assert await log_out(store) == 0
    ended = await ask(store_url, "SELECT ended_at FROM session")
    assert sorted(ended, key=str) == [(micros(NOW + SECOND),), (None,), (None,)]


async def test_it_ends_them_as_any_end_does(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there())
    assert await log_out(store) == 1
    assert await ask(store_url, "SELECT ended_at, idle_at FROM session") == [(micros(NOW), micros(NOW))]
    assert await store.purge(NOW) == 1


async def test_a_session_ended_from_there_is_refused_elsewhere_within_a_second(
    store: Store, store_url: str
) -> None:
    await sign_in(store, 1, there(index="_s1"))
    await sign_in(store, 2, there(index="_s2"))
    assert await living(store, 1, 2) == [1, 2]  # and remembered here
    elsewhere = await open_store(store_url)
    assert await log_out(elsewhere, "_s1") == 1
    await elsewhere.close()
    assert await living(store, 1, 2, now=NOW + SECOND) == [2]


async def test_twenty_logouts_at_one_moment_end_each_session_once(store: Store) -> None:
    for number in range(10):
        await sign_in(store, number, there(index=f"_s{number}"))
    named = [tuple(f"_s{(start + step) % 10}" for step in range(4)) for start in range(19)]
    ended = await asyncio.gather(*(log_out(store, *indexes) for indexes in named), log_out(store))
    assert sum(ended) == 10
    assert await living(store, *range(10)) == []


async def test_a_logout_may_name_so_many_and_no_more(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there())
    indexes = [f"_s{number}" for number in range(PROVIDER_INDEXES)]
    with pytest.raises(ValueError, match="more than it may"):
        await log_out(store, *indexes, "_another")
    assert await living(store, 1) == [1]
    assert await ask(store_url, "SELECT count(*) FROM provider_logout") == [(0,)]
    assert await log_out(store, *indexes) == 1
    assert await ask(store_url, "SELECT count(*) FROM provider_logout") == [(PROVIDER_INDEXES,)]


# Half-way, and at the end


async def test_a_failure_half_way_keeps_no_name(store: Store, store_url: str) -> None:
    await keep_record(store, NEW.record)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):  # the record's reference is taken
        await open_session(
            store, there(stable_id=StableId("kind", "a")), replace(NEW, provider_sealed=SEALED), NOW
        )
    assert await ask(store_url, "SELECT count(*) FROM provider_session") == [(0,)]
    assert await ask(store_url, "SELECT count(*) FROM account") == [(0,)]


async def test_a_logout_that_fails_half_way_ends_and_remembers_nothing(store: Store, store_url: str) -> None:
    assert isinstance(store, Twin)
    await sign_in(store, 1, there())
    one = message()

    def failing() -> Steps[None]:
        ended = yield from provider_sessions.end(("adfs",), SPELLINGS, (), **one)
        assert len(ended) == 1
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await store._transact(failing)
    assert await living(store, 1) == [1]
    assert await ask(store_url, "SELECT count(*) FROM provider_logout") == [(0,)]
    await sign_in(store, 2, there())
    assert (
        await store.end_provider_sessions(("adfs",), SPELLINGS, (), **one) == 2
    )  # the message may come again


async def test_the_names_go_with_the_session(store: Store, store_url: str) -> None:
    for number in range(1, 6):
        await sign_in(store, number, there(index=f"_s{number}"))
    await log_out(store, "_s1", "_s2", "_s3")
    kept = "SELECT count(*) FROM provider_session"
    assert await ask(store_url, kept) == [(5,)]
    assert await store.purge(NOW, batch=2) == 2  # sessions alone are counted
    assert await ask(store_url, kept) == [(3,)]
    assert await store.purge(NOW, batch=2) == 1
    assert await ask(store_url, kept) == [(2,)]
    assert await living(store, *range(1, 6)) == [4, 5]


async def test_too_many_sessions_of_a_person_leave_no_name_alive(store: Store) -> None:
    made = verbs.SESSIONS_OF_USER + 64
    for number in range(made):
        await sign_in(store, number, there(index=f"_s{number}"))
    live = await living(store, *range(made))
    assert verbs.SESSIONS_OF_USER <= len(live) < made
    assert await log_out(store) == len(live)
    assert await living(store, *range(made)) == []
