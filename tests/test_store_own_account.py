"""One's own account in the store, on SQLite and on PostgreSQL: ways in, joined, let go; sessions ended."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from databases import ask, open_session
from decisions import decided
from test_store import ADMITTED, MINUTE, NOW, RECORD, ZOE, another, refusal

from federation.connection import Organization
from federation.identity import Identity, Session, Subject
from federation.store.store import Store
from federation.store.values import Record, SealedTokens

ALONE = {ZOE.organization: Organization(name="Acme", administrators=("admin",))}
NOBODY = {ZOE.organization: Organization(name="Acme")}
OTHER = replace(
    ZOE,
    subject=Subject(issuer="https://op.example", value="248289"),
    connection="op",
    email="z@private.example",
)
UNTIL = NOW + timedelta(minutes=10)


def record(reference: str) -> Record:
    return replace(RECORD, reference=reference)


async def joined(store: Store, session: Session, who: Identity = OTHER) -> None:
    await store.ask_join(b"j" * 32, who, NOW + MINUTE, UNTIL, user_id=session.user.id)
    await store.join_account(b"j" * 32, session, NOW + MINUTE, record=record("JOINED0001"))


async def let_go(store: Store, session: Session, who: Identity, *usable: str, owned: bool = False) -> bool:
    done = await store.unlink_account(
        who.organization,
        session.user.id,
        who.subject.person,
        usable=usable,
        administrators=ALONE if owned else NOBODY,
        now=NOW + MINUTE,
    )
    return done is not None


async def ways(store: Store, session: Session) -> list[str]:
    return sorted(one.connection for one in await store.ways_of(session.organization, session.user.id))


async def test_a_way_that_was_asked_for_waits_for_one_user_alone(store: Store) -> None:
    session = await open_session(store, ADMITTED, another(1), NOW)
    await joined(store, session)
    assert await ways(store, session) == sorted([ZOE.connection, "op"])
    assert await store.owner_of(ZOE.organization, OTHER.subject.person) == session.user.id
    stranger = replace(session, user=replace(session.user, id="somebody-else"))
    third = replace(OTHER, subject=Subject(issuer="https://op.example", value="3"))
    await store.ask_join(b"k" * 32, third, NOW, UNTIL, user_id=session.user.id)
    late = store.join_account(b"k" * 32, stranger, NOW, record=record("JOINED0002"))
    assert await refusal(late) == "signin.join_another"


async def test_a_way_is_let_go_with_what_it_gave(store: Store) -> None:
    first = await open_session(store, ADMITTED, another(1), NOW)
    await joined(store, first)
    second = await open_session(store, decided(OTHER, ("editor", "editors")), another(2), NOW + MINUTE)
    assert second.user.id == first.user.id
    assert await let_go(store, second, OTHER, ZOE.connection, "op")
    assert await ways(store, first) == [ZOE.connection]
    assert await store.find_session(another(2).token_hash, NOW + MINUTE) is None
    left = await store.find_session(another(1).token_hash, NOW + MINUTE)
    assert left is not None
    assert "editor" not in left.roles
    assert not await let_go(store, first, OTHER, ZOE.connection, "op")
    again = await open_session(store, decided(OTHER, ("editor", "editors")), another(3), NOW + MINUTE)
    assert again.user.id != first.user.id


async def test_what_its_session_kept_is_told_and_gone(store: Store, store_url: str) -> None:
    first = await open_session(store, ADMITTED, another(1), NOW)
    await joined(store, first)
    new = replace(another(2), tokens=SealedTokens(sealed="v1.sealed", renew_at=None))
    second = await open_session(store, decided(OTHER), new, NOW + MINUTE)
    told = await store.unlink_account(
        ZOE.organization, first.user.id, OTHER.subject.person, usable=(ZOE.connection,),
        administrators=NOBODY, now=NOW + MINUTE,
    )  # fmt: skip
    assert told is not None
    assert [(one.session_id, one.tokens.sealed) for one in told.tokens] == [(second.id, "v1.sealed")]
    assert await ask(store_url, "SELECT * FROM kept_token") == []


async def test_one_way_that_works_stays(store: Store) -> None:
    session = await open_session(store, ADMITTED, another(1), NOW)
    assert await refusal(let_go(store, session, ZOE, ZOE.connection)) == "account.last_way"
    await joined(store, session)
    assert await refusal(let_go(store, session, ZOE, ZOE.connection)) == "account.last_way"  # op is off
    assert await ways(store, session) == sorted([ZOE.connection, "op"])


async def test_two_browsers_do_not_let_both_go(store: Store) -> None:
    session = await open_session(store, ADMITTED, another(1), NOW)
    await joined(store, session)
    both = (let_go(store, session, one, ZOE.connection, "op") for one in (ZOE, OTHER))
    told = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(str(one)[:16] for one in told) == ["True", "account.last_way"]
    assert len(await ways(store, session)) == 1


async def test_somebody_administers_afterwards(store: Store) -> None:
    session = await open_session(store, ADMITTED, another(1), NOW)
    await joined(store, session)
    code = await refusal(let_go(store, session, ZOE, ZOE.connection, "op", owned=True))
    assert code == "account.last_administrator"
    assert await store.find_session(another(1).token_hash, NOW + MINUTE) is not None


async def test_all_sessions_but_one_end(store: Store, store_url: str) -> None:
    opened = [await open_session(store, ADMITTED, another(number), NOW) for number in (1, 2, 3)]
    place = ZOE.organization, opened[0].user.id
    assert await store.end_other_sessions(*place, opened[1].id, NOW) == len(opened) - 1
    assert [one.id for one in await store.live_sessions(*place, NOW)] == [opened[1].id]
    assert await store.end_other_sessions("another", opened[0].user.id, "", NOW) == 0
    assert await ask(store_url, "SELECT count(*) FROM session WHERE ended_at IS NULL") == [(1,)]


async def test_proofs_are_found_by_domain(store: Store) -> None:
    proof = await store.begin_domain_proof("acme", "acme.example", "t" * 20, NOW)
    await store.begin_domain_proof("beta", "acme.example", "u" * 20, NOW)
    names = ("eu.acme.example", "acme.example", "example")
    assert await store.proofs_of(names, NOW) == frozenset()
    await store.note_domain_proof(proof, NOW, seen=True)
    assert await store.proofs_of(names, NOW) == {("acme", "acme.example")}
    assert await store.proofs_of((), NOW) == frozenset()
