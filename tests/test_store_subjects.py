"""One Subject with another stable id is another person, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from databases import ask
from test_store import (
    MINUTE,
    NOW,
    TABLES,
    ZOE,
    another,
    refusal,
)
from test_store_provider_sessions import (
    living,
    sign_in,
    there,
)

from federation.errors import PolicyRefused
from federation.identity import Session
from federation.store.rows import digest
from federation.store.store import Store


async def everything(url: str) -> list[list[str]]:
    """Every row of a sign-in, to see that none has changed."""
    return [sorted(map(str, await ask(url, f'SELECT * FROM "{table}"'))) for table in TABLES]  # noqa: S608


STABLE = [
    # refused  the sign-ins' stable ids, in this order
    (False, ("a", "a")),
    (False, ("", "a", "a")),  # kept from the first that came with one
    (False, ("a", "", "a")),  # and kept over one that comes without
    (False, ("", "")),
    (True,  ("a", "b")),
    (True,  ("", "a", "b")),
    (True,  ("a", "", "b")),
    (True,  ("a", "A")),
    (True,  ("a", "a ")),
    (True,  ("a\0", "a\ud800")),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "ids"), STABLE)
async def test_another_stable_id_is_another_person(
    store: Store,
    store_url: str,
    refused: bool,  # noqa: FBT001
    ids: tuple[str, ...],
) -> None:
    *earlier, last = ids
    for number, stable_id in enumerate(earlier):
        await sign_in(store, number, there(stable_id=stable_id))
    before = await everything(store_url)
    attempt = store.open_session(
        there(stable_id=last, email="new@acme.example"),
        another(9, ended_token_hash=another(0).token_hash),
        NOW + MINUTE,
    )
    if not refused:
        assert (await attempt).user.email == "new@acme.example"
        return
    with pytest.raises(PolicyRefused, match=r"^identity\.subject_recycled: ") as refusal_of:
        await attempt
    assert refusal_of.value.checks[-1].code == "identity.subject_recycled"
    assert await everything(store_url) == before  # nothing else is written
    assert await living(store, 0) == [0]


@pytest.mark.parametrize(
    "differs", [{"organization": "other"}, {"subject": replace(ZOE.subject, value="another")}]
)
async def test_another_account_has_its_own_stable_id(store: Store, differs: dict[str, Any]) -> None:
    await sign_in(store, 1, there(stable_id="a"))
    await sign_in(store, 2, there(stable_id="b", **differs))


async def test_the_same_stable_id_hashes_apart_in_each_account(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there(stable_id="a"))
    await sign_in(store, 2, there(stable_id="a", organization="other"))
    await sign_in(store, 3, there(stable_id="a", subject=replace(ZOE.subject, value="another")))
    await sign_in(store, 4, there(subject=replace(ZOE.subject, value="third")))
    hashes = [row[0] for row in await ask(store_url, "SELECT stable_hash FROM account")]
    assert len(set(hashes)) == 4
    assert sorted(map(len, hashes)) == [0, 32, 32, 32]
    assert digest("acme", ZOE.subject.key, "a") in hashes


@pytest.mark.parametrize("known", [False, True])
async def test_of_two_stable_ids_at_one_moment_one_wins(store: Store, store_url: str, known: bool) -> None:  # noqa: FBT001
    if known:  # without a stable id so far
        await sign_in(store, 50, there())
    tries = (sign_in(store, number, there(stable_id="ab"[number % 2])) for number in range(20))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    won = {number % 2 for number, answer in enumerate(answers) if isinstance(answer, Session)}
    codes = [answer.code for answer in answers if isinstance(answer, PolicyRefused)]
    assert len(won) == 1
    assert codes == ["identity.subject_recycled"] * 10
    assert await ask(store_url, 'SELECT count(*) FROM "user"') == [(1,)]


async def test_a_first_sign_in_without_a_stable_id_takes_none_from_another(store: Store) -> None:
    tries = (sign_in(store, number, there(stable_id=("", "a")[number % 2])) for number in range(20))
    assert len({session.user.id for session in await asyncio.gather(*tries)}) == 1
    assert await refusal(sign_in(store, 20, there(stable_id="b"))) == "identity.subject_recycled"
