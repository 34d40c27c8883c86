"""A provider's logout message: whom it names, that it counts once, and in which order rows are taken."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from databases import ask, open_session
from test_store import MINUTE, NOW, SECOND, another, refusal
from test_store_provider_sessions import (
    ISSUED,
    MICROSECOND,
    NAME,
    SPELLINGS,
    UNTIL,
    living,
    message,
    sign_in,
    there,
)
from test_store_upgrade import go_back

from federation.errors import AssertionRefused
from federation.identity import Authentication
from federation.store import provider_sessions, provider_sessions_sql, sql
from federation.store.rows import Steps
from federation.store.store import Store, open_store
from federation.store.twin import Twin
from federation.store.values import PROVIDER_NAMES

# Whom it names


async def test_every_way_to_write_the_name_is_meant(store: Store) -> None:
    for number, name in enumerate(SPELLINGS):
        await sign_in(store, number, there(name=name, index=f"_s{number % 2}"))
    await sign_in(store, 9, there(name=NAME + "9", index="_s1"))
    assert await store.end_provider_sessions(("adfs",), SPELLINGS, ("_s1",), **message()) == 2
    assert await living(store, 0, 1, 2, 3, 9) == [0, 2, 9]
    assert await store.end_provider_sessions(("adfs",), (*SPELLINGS, NAME), (), **message()) == 2
    assert await living(store, 0, 1, 2, 3, 9) == [9]
    for name in SPELLINGS:
        attempt = sign_in(store, 10, there(name=name, index="_s5"))
        assert await refusal(attempt) == "signin.logged_out"


NO_NAMES: list[tuple[Any, Any]] = [
    # names                                          indexes
    ((),                                             ()),
    ("n",                                            ()),
    (NAME,                                           ()),
    ((NAME,),                                        "_s1"),
    (tuple(map(str, range(PROVIDER_NAMES + 1))),     ()),
]  # fmt: skip


@pytest.mark.parametrize(("names", "indexes"), NO_NAMES)
async def test_what_names_nobody_is_no_logout(store: Store, store_url: str, names: Any, indexes: Any) -> None:
    await sign_in(store, 1, there())
    with pytest.raises(ValueError, match="names"):
        await store.end_provider_sessions(("adfs",), names, indexes, **message())
    assert await living(store, 1) == [1]
    for table in ("provider_logout", "claimed_assertion"):
        assert await ask(store_url, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


# Once


async def test_a_message_counts_once(store: Store, store_url: str) -> None:
    one = message(until=NOW + MINUTE)
    assert await store.end_provider_sessions(("adfs",), (NAME,), (), **one) == 0
    await sign_in(store, 1, there(authentication=Authentication(instant=ISSUED + SECOND)))
    before = await ask(store_url, "SELECT * FROM provider_logout")
    for differs in ({}, {"issued_at": ISSUED + MINUTE, "until": UNTIL}):
        again = store.end_provider_sessions(("adfs",), (NAME + "2", NAME), ("_s1",), **{**one, **differs})
        with pytest.raises(AssertionRefused, match=r"^signin\.replayed: "):
            await again
    assert await ask(store_url, "SELECT * FROM provider_logout") == before
    assert await living(store, 1) == [1]
    await store.purge(NOW + MINUTE)
    assert await ask(store_url, "SELECT * FROM claimed_assertion") == []


async def test_of_twenty_of_one_message_one_counts(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there())
    elsewhere = await open_store(store_url)
    one = message()
    answers = await asyncio.gather(
        *(node.end_provider_sessions(("adfs",), SPELLINGS, (), **one) for node in [store, elsewhere] * 10),
        return_exceptions=True,
    )
    assert answers.count(1) == 1
    assert [one.code for one in answers if isinstance(one, AssertionRefused)] == ["signin.replayed"] * 19
    await elsewhere.close()


async def test_another_message_is_another_claim(store: Store) -> None:
    one = message()
    issuer, identifier = one["claim"]
    await store.end_provider_sessions(("adfs",), (NAME,), (), **one)
    for claim in ((issuer, identifier + " "), (issuer + "2", identifier), (identifier, issuer)):
        assert await store.end_provider_sessions(("adfs",), (NAME,), (), **message(claim=claim)) == 0


# Connections that the provider knows as one


async def test_one_message_ends_them_at_every_connection_it_was_said_to(store: Store) -> None:
    places = ("adfs", "okta", "third")
    for number, place in enumerate(places):
        await sign_in(store, number, there(connection=place))
    one = message()
    assert await store.end_provider_sessions(("adfs", "okta"), (NAME,), (), **one) == 2
    assert await living(store, 0, 1, 2) == [2]
    # What arrives late is late there, too; and told at the other's address, it is the same message.
    assert await refusal(sign_in(store, 3, there(connection="okta"))) == "signin.logged_out"
    again = store.end_provider_sessions(places[::-1], (NAME,), (), **one)
    assert await refusal(again) == "signin.replayed"
    assert await living(store, 2) == [2]


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5, 6])
async def test_what_fails_between_two_connections_may_be_told_again(store: Store, done: int) -> None:
    assert isinstance(store, Twin)
    for number, place in enumerate(("adfs", "okta")):
        await sign_in(store, number, there(connection=place))
    one = message()

    def failing() -> Steps[None]:
        steps = provider_sessions.end(("adfs", "okta"), (NAME,), (), **one)
        asked = next(steps)
        for _ in range(done):
            asked = steps.send((yield asked))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await store._transact(failing)
    assert await living(store, 0, 1) == [0, 1]
    assert await store.end_provider_sessions(("adfs", "okta"), (NAME,), (), **one) == 2
    assert (
        await refusal(store.end_provider_sessions(("adfs", "okta"), (NAME,), (), **one)) == "signin.replayed"
    )


# In one order


def statements(names: tuple[str, ...], indexes: tuple[str, ...]) -> list[Any]:
    """Every statement of a logout, in order; none but the claim is answered by a row."""
    steps, asked = provider_sessions.end(("adfs",), names, indexes, **message()), []
    with suppress(StopIteration):
        asked.append(next(steps))
        while True:
            asked.append(steps.send([(b"",)] if len(asked) == 1 else []))
    return asked


def test_logouts_at_one_moment_take_their_rows_in_one_order() -> None:
    indexes = tuple(f"_s{number}" for number in range(50))
    asked = statements(SPELLINGS, indexes)
    assert [one[0] for one in asked[1:6]] == [*[sql.LOCK_NAME] * 4, provider_sessions_sql.REMEMBER_LOGOUT]
    remembered = [values for statement, values in asked if statement == provider_sessions_sql.REMEMBER_LOGOUT]
    hashes = [values["logout_hash"] for values in remembered]
    assert len(hashes) == 4 * 50
    for name in range(4):
        assert hashes[name * 50 : name * 50 + 50] == sorted(hashes[name * 50 : name * 50 + 50])
    assert statements(SPELLINGS[::-1], indexes[::-1])[1:] == asked[1:]


async def test_logouts_of_one_name_at_one_moment_never_wait_for_each_other(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    for number in range(10):
        await sign_in(store, number, there(index=f"_s{number}"))
    named = [tuple(f"_s{number}" for number in range(start, 10)) for start in range(10)]
    for _ in range(5):
        await asyncio.gather(
            *(
                store.end_provider_sessions(("adfs",), SPELLINGS[::turn], one, **message())
                for one in named
                for turn in (1, -1)
            )
        )
    await store.close()
    assert await ask(
        postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ) == [(0,)]


# A session that its provider names without the person

ALONE = '["https://idp.example","sid","s-1"]'


async def test_a_session_ends_by_its_own_name(store: Store) -> None:
    await sign_in(store, 1, there(index="s-1", alone=ALONE))
    await sign_in(store, 2, there(index="s-2", alone=ALONE.replace("s-1", "s-2")))
    await sign_in(store, 3, there(index="s-1", alone=ALONE, connection="okta", organization="other"))
    await sign_in(store, 4, there(name=ALONE, index="s-1"))  # a person's name is none of a session
    assert await living(store, 1, 2, 3, 4) == [1, 2, 3, 4]
    assert await store.end_session_alone("adfs", ALONE, NOW, organization="acme") == 1
    assert await living(store, 1, 2, 3, 4) == [2, 3, 4]
    assert await store.end_session_alone("adfs", ALONE, NOW, organization="acme") == 0
    assert await store.end_session_alone("adfs", "", NOW, organization="acme") == 0
    assert await store.end_session_alone("okta", ALONE, NOW, organization="acme") == 0
    assert await living(store, 3) == [3]


async def test_a_frame_is_not_remembered_as_a_message_is(store: Store) -> None:
    await store.end_session_alone("adfs", ALONE, NOW, organization="acme")
    assert await sign_in(store, 1, there(index="s-1", alone=ALONE))
    assert await store.end_provider_sessions(("adfs",), (ALONE,), (), **message()) == 1
    assert await living(store, 1) == []
    assert await refusal(sign_in(store, 2, there(index="s-1", alone=ALONE))) == "signin.logged_out"
    assert await sign_in(store, 3, there(index="s-2", alone=ALONE.replace("s-1", "s-2")))
    assert await sign_in(store, 4, there(index="s-1"))


async def test_the_person_and_the_session_by_itself_are_one_session(store: Store) -> None:
    for number in range(3):
        await sign_in(store, number, there(index=f"s-{number}", alone=ALONE.replace("s-1", f"s-{number}")))
    assert await store.end_provider_sessions(("adfs",), (NAME,), ("s-1",), **message()) == 1
    assert await store.end_provider_sessions(("adfs",), (ALONE,), (), **message()) == 0
    assert await store.end_provider_sessions(("adfs",), (NAME,), (), **message()) == 2


async def test_sign_ins_and_logouts_by_either_name_leave_none_alive(store: Store) -> None:
    async def log_out(name: str) -> int:
        return await store.end_provider_sessions(("adfs",), (name,), (), **message())

    names = [ALONE.replace("s-1", f"s-{number}") for number in range(12)]
    tries = [sign_in(store, at, there(index=f"s-{at}", alone=name)) for at, name in enumerate(names)]
    logouts = [log_out(name) for name in (*names, NAME, *names[::-1])]
    answers = await asyncio.gather(*tries[:6], *logouts, *tries[6:], return_exceptions=True)
    assert await living(store, *range(12)) == []
    refused = [one for one in answers if isinstance(one, BaseException)]
    assert {getattr(one, "code", one) for one in refused} <= {"signin.logged_out"}
    assert sum(one for one in answers if isinstance(one, int)) + len(refused) == 12


# Where the provider does not say when they signed in there

STARTED = [
    # refused   started here, with respect to the logout's own moment
    (True,  -MINUTE),
    (True,  -SECOND),
    (True,  0 * SECOND),
    (False, MICROSECOND),
    (False, MINUTE),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "later"), STARTED)
async def test_a_sign_in_that_began_after_the_logout_is_another_one(
    store: Store,
    refused: bool,  # noqa: FBT001
    later: Any,
) -> None:
    await store.end_provider_sessions(("adfs",), (NAME,), (), **message())
    new = another(1, provider_sealed="sealed", asked_at=ISSUED + later)
    attempt = open_session(store, there(authentication=Authentication(instant=None)), new, NOW)
    if refused:
        assert await refusal(attempt) == "signin.logged_out"
    else:
        assert await attempt
    # What the provider says itself counts before it.
    known = there(authentication=Authentication(instant=ISSUED - SECOND))
    late = open_session(store, known, another(2, asked_at=ISSUED + MINUTE), NOW)
    assert await refusal(late) == "signin.logged_out"


async def test_a_session_of_an_older_release_is_kept_and_goes_by_the_person(
    store: Store, store_url: str
) -> None:
    await sign_in(store, 1, there(index="s-1", alone=ALONE))
    await store.close()
    await go_back(store_url, "0002")
    newer = await open_store(store_url)
    try:
        assert await newer.ready() is None
        assert await newer.end_session_alone("adfs", ALONE, NOW, organization="acme") == 0
        assert await living(newer, 1) == [1]
        assert await newer.end_provider_sessions(("adfs",), (NAME,), ("s-1",), **message()) == 1
    finally:
        await newer.close()
