"""An account that an operator lets go of: its stable ids, or its Subject; on SQLite and PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from databases import ask, open_session
from test_store import MINUTE, NOW, SECOND, ZOE, another, refusal, someone
from test_store_subjects import everything, known_as

from federation.decision import Decision
from federation.identity import Identity, Session
from federation.store.people_values import Released
from federation.store.store import Store, open_store

REFUSED = NOW + MINUTE
RELEASED = NOW + 2 * MINUTE
BACK = NOW + 3 * MINUTE
MICROSECOND = timedelta(microseconds=1)
Verb = Callable[..., Awaitable[Released | None]]


@pytest.fixture(params=["forget_stable_ids", "detach_account"])
def verb(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def sign_in(store: Store, number: int, decision: Decision, now: datetime = NOW) -> Session:
    return await open_session(store, decision, another(number), now)


async def let_go(store: Store, verb: str, who: Identity = ZOE, **differs: Any) -> Released | None:
    asked = {"refused_at": REFUSED, "now": RELEASED} | differs
    act: Verb = getattr(store, verb)
    return await act(who.organization, who.subject.person, **asked)


async def live(store: Store, number: int, now: datetime = BACK) -> bool:
    return await store.find_session(another(number).token_hash, now) is not None


async def test_the_same_person_comes_back_under_a_renewed_id(store: Store) -> None:
    first = await sign_in(store, 1, someone(**known_as("a")))
    await sign_in(store, 2, someone(**known_as("x", "k2")))
    assert await refusal(sign_in(store, 3, someone(**known_as("b")))) == "identity.subject_recycled"
    released = await let_go(store, "forget_stable_ids")
    assert released == Released(user_id=first.user.id, email="zoe@acme.example", sessions=0)
    assert await live(store, 1)
    back = await sign_in(store, 3, someone(**known_as("b")), BACK)
    assert back.user.id == first.user.id
    await sign_in(store, 4, someone(**known_as("y", "k2")), BACK)  # of every kind
    assert await refusal(sign_in(store, 5, someone(**known_as("a")))) == "identity.subject_recycled"


async def test_another_person_gets_a_user_of_their_own(store: Store, store_url: str) -> None:
    first = await sign_in(store, 1, someone(**known_as("a")))
    await sign_in(store, 2, someone(**known_as("a")))
    await store.end_session(another(2).token_hash, NOW)
    grants = await ask(store_url, "SELECT * FROM role_grant")
    released = await let_go(store, "detach_account")
    assert released == Released(user_id=first.user.id, email="zoe@acme.example", sessions=1)
    assert not await live(store, 1)
    assert await ask(store_url, "SELECT * FROM role_grant") == grants  # and their history stays
    assert await store.find_record(another(1).record.reference) is not None
    other = await sign_in(store, 3, someone(**known_as("b"), email="zoe.b@acme.example"), BACK)
    assert other.user.id != first.user.id
    kept = await ask(store_url, "SELECT user_id, email FROM account")
    assert sorted(kept) == sorted(
        [(first.user.id, "zoe@acme.example"), (other.user.id, "zoe.b@acme.example")]
    )
    assert await refusal(sign_in(store, 4, someone(**known_as("a")), BACK)) == "identity.subject_recycled"
    assert await live(store, 3)


async def test_a_released_session_is_refused_elsewhere_within_a_second(store: Store, store_url: str) -> None:
    await sign_in(store, 1, someone())
    assert await live(store, 1, REFUSED)
    elsewhere = await open_store(store_url)
    assert await let_go(elsewhere, "detach_account")
    await elsewhere.close()
    assert not await live(store, 1, REFUSED + SECOND)


async def test_nobody_else_is_let_go(store: Store, store_url: str, verb: str) -> None:
    others = [someone(organization="other"), someone(subject=type(ZOE.subject)(issuer="i", value="bob"))]
    for number, decision in enumerate(others):
        await sign_in(store, number, decision)
    before = await everything(store_url)
    assert await let_go(store, verb) is None
    assert await everything(store_url) == before
    await sign_in(store, 2, someone())
    assert await let_go(store, verb)
    assert [await live(store, number) for number in (0, 1)] == [True, True]


WHEN = [
    # done    the account was made   the sign-in was refused
    (True,    NOW,                   NOW),
    (True,    NOW,                   NOW + MICROSECOND),
    (False,   NOW,                   NOW - MICROSECOND),
]  # fmt: skip


@pytest.mark.parametrize(("done", "made", "refused_at"), WHEN)
async def test_it_is_the_account_that_the_refusal_met(
    store: Store,
    store_url: str,
    verb: str,
    done: bool,  # noqa: FBT001
    made: datetime,
    refused_at: datetime,
) -> None:
    await sign_in(store, 1, someone(**known_as("a")), made)
    before = await everything(store_url)
    assert bool(await let_go(store, verb, refused_at=refused_at)) is done
    assert (await everything(store_url) == before) is not done


@pytest.mark.parametrize("first", ["forget_stable_ids", "detach_account"])
async def test_one_refusal_lets_go_once(store: Store, first: str, verb: str) -> None:
    """Who comes back is not let go again by whoever answers the second call of the same morning."""
    await sign_in(store, 1, someone(**known_as("a")))
    assert await let_go(store, first)
    assert await let_go(store, verb) is None
    await sign_in(store, 2, someone(**known_as("b")), BACK)
    for refused_at in (REFUSED, RELEASED - MICROSECOND):
        assert await let_go(store, verb, refused_at=refused_at, now=BACK + MINUTE) is None
    assert await live(store, 2)
    assert await refusal(sign_in(store, 3, someone(**known_as("c")), BACK)) == "identity.subject_recycled"
    assert await let_go(store, verb, refused_at=BACK, now=BACK + MINUTE)


async def test_of_twenty_at_once_one_lets_go(store: Store, store_url: str, verb: str) -> None:
    await sign_in(store, 1, someone(**known_as("a")))
    elsewhere = await open_store(store_url)
    tries = (let_go(node, verb) for node in [store, elsewhere] * 10)
    assert sum(one is not None for one in await asyncio.gather(*tries)) == 1
    await elsewhere.close()


async def test_sign_ins_at_the_same_moment_are_ended_or_make_a_new_user(store: Store, store_url: str) -> None:
    old = await sign_in(store, 0, someone())
    tries = [sign_in(store, number, someone()) for number in range(1, 21)]
    opened = await asyncio.gather(*tries[:10], let_go(store, "detach_account"), *tries[10:])
    for number, one in enumerate([*opened[:10], *opened[11:]], start=1):
        assert isinstance(one, Session)
        assert await live(store, number) is (one.user.id != old.user.id)
    assert (await ask(store_url, 'SELECT count(*) FROM "user"'))[0][0] <= 2


async def test_a_sign_in_waits_for_its_account_to_be_let_go(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    old = await sign_in(store, 1, someone())
    elsewhere = await asyncpg.connect(postgres_url)
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT 1 FROM session FOR UPDATE")
        leaving = asyncio.create_task(let_go(store, "detach_account"))
        async with asyncio.timeout(10):
            while not await ask(postgres_url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
        opening = asyncio.create_task(sign_in(store, 2, someone()))
        assert (await asyncio.wait({opening}, timeout=0.2))[0] == set()
    assert (await leaving, (await opening).user.id != old.user.id) == (
        Released(user_id=old.user.id, email="zoe@acme.example", sessions=1),
        True,
    )
    await elsewhere.close()
    await store.close()
