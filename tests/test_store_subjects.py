"""One Subject with another stable id is another person, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from databases import ask, open_session
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
from federation.identity import Session, StableId
from federation.store.rows import digest
from federation.store.store import Store


async def everything(url: str) -> list[list[str]]:
    """Every row of a sign-in, to see that none has changed."""
    return [sorted(map(str, await ask(url, f'SELECT * FROM "{table}"'))) for table in TABLES]  # noqa: S608


def known_as(value: str, kind: str = "objectGUID") -> dict[str, Any]:
    """A stable id, none for ""."""
    return {"stable_id": StableId(kind, value) if value else None}


def of_kind(told: str) -> dict[str, Any]:
    """Likewise, written as ``kind=value``."""
    kind, _, value = told.rpartition("=")
    return known_as(value, kind or "objectGUID")


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
    # of another kind: not compared, and each kind on its own
    (False, ("k1=a", "k2=b")),
    (False, ("k1=a", "k2=a")),
    (False, ("k1=a", "k2=b", "k1=a")),
    (False, ("k1=a", "k2=b", "k3=c", "", "k2=b")),
    (True,  ("k1=a", "k2=b", "k1=b")),  # the first kind stays when it stops coming
    (True,  ("k1=a", "k2=b", "k2=a")),  # and the one that comes in its place is kept beside it
    (True,  ("k1=a", "k2=b", "", "k1=a", "k2=c")),
    (False, ("k=a", "k=a")),
    (False, ("k=a", "K=b", "k =b", "k\0=b", "k\ud800=b", "%=b", "_=b")),  # as no pattern reads them
    (True,  ("k=a", "%=b", "%=c")),
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
        await sign_in(store, number, there(**of_kind(stable_id)))
    before = await everything(store_url)
    attempt = open_session(
        store,
        there(**of_kind(last), email="new@acme.example"),
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
    await sign_in(store, 1, there(**known_as("a")))
    await sign_in(store, 2, there(**known_as("b"), **differs))


async def test_the_same_stable_id_hashes_apart_in_each_account(store: Store, store_url: str) -> None:
    await sign_in(store, 1, there(**known_as("a")))
    await sign_in(store, 2, there(**known_as("a"), organization="other"))
    await sign_in(store, 3, there(**known_as("a"), subject=replace(ZOE.subject, value="another")))
    await sign_in(store, 4, there(subject=replace(ZOE.subject, value="third")))
    kept = [row[0] for row in await ask(store_url, "SELECT stable_ids FROM account")]
    assert len(set(kept)) == 4
    assert sorted(map(len, kept)) == [0, 130, 130, 130]
    kind, value = digest("objectGUID"), digest("acme", ZOE.subject.key, "objectGUID", "a")
    assert f"{kind.hex()}:{value.hex()};" in kept


@pytest.mark.parametrize("known", [False, True])
async def test_of_two_stable_ids_at_one_moment_one_wins(store: Store, store_url: str, known: bool) -> None:  # noqa: FBT001
    if known:  # without a stable id so far
        await sign_in(store, 50, there())
    tries = (sign_in(store, number, there(**known_as("ab"[number % 2]))) for number in range(20))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    won = {number % 2 for number, answer in enumerate(answers) if isinstance(answer, Session)}
    codes = [answer.code for answer in answers if isinstance(answer, PolicyRefused)]
    assert len(won) == 1
    assert codes == ["identity.subject_recycled"] * 10
    assert await ask(store_url, 'SELECT count(*) FROM "user"') == [(1,)]


@pytest.mark.parametrize("known", [False, True])
async def test_two_kinds_at_one_moment_are_kept_beside_each_other(store: Store, known: bool) -> None:  # noqa: FBT001
    if known:
        await sign_in(store, 50, there())
    kinds = [known_as("a", f"k{number % 4}") for number in range(20)]
    tries = (sign_in(store, number, there(**kind)) for number, kind in enumerate(kinds))
    assert len({session.user.id for session in await asyncio.gather(*tries)}) == 1
    for number, kind in enumerate(kinds[:4]):
        await sign_in(store, 60 + number, there(**kind))
        attempt = sign_in(store, 70, there(**known_as("b", f"k{number}")))
        assert await refusal(attempt) == "identity.subject_recycled"


@pytest.mark.parametrize(("kind", "value"), [("", "a"), ("k", ""), ("", "")])
def test_what_is_absent_is_no_stable_id(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match="a StableId has"):
        StableId(kind, value)


def test_no_stable_id_is_shown_by_accident() -> None:
    assert "4711" not in repr(there(**known_as("4711")))


async def test_a_first_sign_in_without_a_stable_id_takes_none_from_another(store: Store) -> None:
    tries = (sign_in(store, number, there(**known_as(("", "a")[number % 2]))) for number in range(20))
    assert len({session.user.id for session in await asyncio.gather(*tries)}) == 1
    assert await refusal(sign_in(store, 20, there(**known_as("b")))) == "identity.subject_recycled"
