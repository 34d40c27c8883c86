"""Sessions in the store, on SQLite and on PostgreSQL: who opens one, and all that ends it."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from databases import ask, keep_record, open_session
from decisions import decided
from test_store import (
    ABSOLUTE,
    ADMITTED,
    IDLE,
    MINUTE,
    NEW,
    NOW,
    RECORD,
    SECOND,
    TOKEN,
    WAITING,
    ZOE,
    another,
    count,
    someone,
)

from federation.identity import Session, Subject
from federation.store import rows, verbs
from federation.store.store import Store, open_store
from federation.store.twin import Twin


async def test_a_session_comes_back_as_it_was_opened(store: Store) -> None:
    opened = await open_session(store, ADMITTED, NEW, NOW)
    assert opened == await store.find_session(TOKEN, NOW)
    assert opened == Session(
        id=opened.id,
        user=opened.user,
        connection="adfs",
        organization="acme",
        groups=ZOE.groups.names,
        grants=ADMITTED.wanted.grants,
        attributes=ZOE.attributes,
        authenticated_at=NOW - MINUTE,
        created_at=NOW,
        expires_at=NOW + ABSOLUTE,
        idle_at=NOW + IDLE,
        reference="AAAAAAAAAA",
        user_agent="Browser/1",
        proved_at=NOW - MINUTE,
    )
    assert (opened.user.email, opened.user.given_name) == ("zoe@acme.example", "Zoë")
    assert (opened.user.family_name, opened.user.display_name) == ("& <R&D> 張", "Zoë 🦊")
    assert await store.find_record("AAAAAAAAAA") == RECORD


async def test_text_that_no_database_holds_does_no_harm(store: Store) -> None:
    odd = "a\0b\ud800c"
    decision = someone(given_name=odd, display_name=odd, attributes={odd: (odd,)})
    opened = await open_session(store, decision, replace(NEW, user_agent=odd, handle=odd), NOW)
    assert await store.find_session(TOKEN, NOW) == opened
    assert opened.attributes == {odd: (odd,)}
    assert await store.find_record(odd) is None
    assert await store.end_session_by_id(opened.user.id, odd, NOW) is False


async def test_the_second_sign_in_finds_the_same_user(store: Store, store_url: str) -> None:
    first = await open_session(store, ADMITTED, NEW, NOW)
    second = await open_session(store, someone(email="new@acme.example"), another(2), NOW)
    assert second.user == replace(first.user, email="new@acme.example")
    assert second.id != first.id
    assert (await count(store_url))["user"] == 1
    assert await ask(store_url, "SELECT email FROM account") == [("new@acme.example",)]


@pytest.mark.parametrize(
    "differs",
    [
        {"subject": replace(ZOE.subject, value="Zoe")},
        {"subject": replace(ZOE.subject, issuer="https://idp.example/")},
        {"organization": "other"},
    ],
)
async def test_the_same_email_is_not_the_same_person(store: Store, differs: dict[str, Any]) -> None:
    first = await open_session(store, ADMITTED, NEW, NOW)
    second = await open_session(store, someone(**differs), another(2), NOW)
    assert first.user.email == second.user.email
    assert first.user.id != second.user.id


async def test_twenty_first_sign_ins_at_one_moment_make_one_user(store: Store, store_url: str) -> None:
    tries = (open_session(store, ADMITTED, another(number), NOW) for number in range(20))
    sessions = await asyncio.gather(*tries)
    assert len({session.user.id for session in sessions}) == 1
    assert len({session.id for session in sessions}) == 20
    expected = {
        "user": 1,
        "membership": 1,
        "account": 1,
        "role_grant": 2,
        "session": 20,
        "decision_record": 20,
    }
    assert await count(store_url) == expected


async def test_grants_are_replaced_by_their_own_connection_alone(store: Store, store_url: str) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    okta = decided(replace(ZOE, connection="okta"), ("auditor", "finance"))
    both = await open_session(store, okta, another(2), NOW)
    assert both.roles == ("admin", "auditor", "member")
    demoted = decided(ZOE, ("member", "default"), ("member", "default"))
    session = await open_session(store, demoted, another(3), NOW)
    kept = await ask(store_url, "SELECT source, role, why FROM role_grant ORDER BY source, role")
    assert kept == [("connection:adfs", "member", "default"), ("connection:okta", "auditor", "finance")]
    assert session.roles == ("auditor", "member")
    told = await store.find_session(another(2).token_hash, NOW + 2 * SECOND)
    assert told is not None
    assert told.roles == ("auditor", "member")  # of a session that was open meanwhile, too


async def test_a_grant_that_stands_keeps_its_time(store: Store, store_url: str) -> None:
    granted_at = "SELECT role, why, granted_at FROM role_grant ORDER BY role, why"
    await open_session(store, ADMITTED, NEW, NOW)
    granted = await ask(store_url, granted_at)
    again = decided(ZOE, ("member", "default"), ("admin", "admins"), ("member", "default"))
    await open_session(store, again, another(2), NOW + MINUTE)
    assert await ask(store_url, granted_at) == granted
    await open_session(store, decided(ZOE), another(3), NOW + MINUTE)
    assert await ask(store_url, granted_at) == []


async def test_another_organizations_grants_stay_there(store: Store) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    elsewhere = decided(replace(ZOE, organization="other", connection="okta"), ("guest", "default"))
    assert (await open_session(store, elsewhere, another(2), NOW)).roles == ("guest",)
    first = await store.find_session(TOKEN, NOW)
    assert first is not None
    assert first.roles == ("admin", "member")


async def test_a_failure_half_way_leaves_nothing(store: Store, store_url: str) -> None:
    await store.remember_pending(WAITING)
    await keep_record(store, RECORD)
    before = await count(store_url)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):  # the record's reference is taken
        await open_session(store, ADMITTED, NEW, NOW)
    assert await count(store_url) == before
    assert await ask(store_url, "SELECT session_id FROM pending_sign_in") == [(None,)]
    assert await store.find_session(TOKEN, NOW) is None
    await open_session(store, ADMITTED, another(2), NOW)  # and the store goes on


async def test_a_new_session_replaces_the_browsers_last(store: Store) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    assert await store.find_session(TOKEN, NOW)
    await open_session(store, ADMITTED, another(2, ended_token_hash=TOKEN), NOW)
    assert await store.find_session(TOKEN, NOW) is None
    assert await store.find_session(another(2).token_hash, NOW)


ENDS = [
    # what ended it      absolute end     when it is asked     lives
    ("nothing",         NOW + ABSOLUTE,  NOW,                 True),
    ("idle, before",    NOW + ABSOLUTE,  NOW + IDLE - SECOND, True),
    ("idle",            NOW + ABSOLUTE,  NOW + IDLE,          False),
    ("absolute, before", NOW + MINUTE,   NOW + MINUTE - SECOND, True),
    ("absolute",        NOW + MINUTE,    NOW + MINUTE,        False),
    ("never lived",     NOW,             NOW,                 False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("absolute_end", "when", "lives"), [end[1:] for end in ENDS], ids=[e[0] for e in ENDS]
)
async def test_each_limit_ends_a_session(
    store: Store,
    absolute_end: datetime,
    when: datetime,
    lives: bool,  # noqa: FBT001
) -> None:
    session = await open_session(store, ADMITTED, replace(NEW, absolute_end=absolute_end), NOW)
    assert (await store.find_session(TOKEN, when) is not None) is lives
    assert (await store.sessions_of(session.user.id, "acme", when) != ()) is lives


async def test_an_ended_session_is_refused_at_once(store: Store) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    assert await store.find_session(TOKEN, NOW)
    await store.end_session(TOKEN, NOW)
    assert await store.find_session(TOKEN, NOW) is None
    await store.end_session(TOKEN, NOW)  # again, and for one that never was: nothing happens
    await store.end_session(b"unknown", NOW)
    assert await store.find_session(b"unknown", NOW) is None


async def test_a_session_ended_elsewhere_is_refused_within_a_second(store: Store, store_url: str) -> None:
    for number in (1, 2, 3):
        session = await open_session(store, ADMITTED, another(number), NOW)
        assert await store.find_session(another(number).token_hash, NOW)  # and remembered, where it is
    elsewhere = await open_store(store_url)
    await elsewhere.end_session(another(1).token_hash, NOW)
    await open_session(elsewhere, ADMITTED, another(4, ended_token_hash=another(2).token_hash), NOW)
    assert await elsewhere.end_session_by_id(session.user.id, session.id, NOW)
    await elsewhere.close()
    for number in (1, 2, 3):
        assert await store.find_session(another(number).token_hash, NOW + SECOND) is None, number


async def test_a_clock_set_back_prolongs_nothing(store: Store, store_url: str) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    assert await store.find_session(TOKEN, NOW + MINUTE)
    await ask(store_url, "UPDATE session SET ended_at = 0")
    assert await store.find_session(TOKEN, NOW) is None


async def test_a_use_is_noted_at_most_once_a_minute(store: Store, store_url: str) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    noted = []
    for after in (0, 59, 60, 61, 119, 120, 150):
        await asyncio.gather(*(store.find_session(TOKEN, NOW + after * SECOND) for _ in range(5)))
        await store.end_session(b"unknown", NOW)  # behind the note in the writer's queue
        ((last_seen,),) = await ask(store_url, "SELECT last_seen FROM session")
        noted.append((last_seen - int(NOW.timestamp() * 1_000_000)) // 1_000_000)
    assert noted == [0, 0, 60, 60, 60, 120, 120]


async def test_use_prolongs_a_session_but_never_past_its_end(store: Store) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    step = IDLE - SECOND
    for uses in range(1, 4):
        assert await store.find_session(TOKEN, NOW + uses * step), uses
        await store.end_session(b"unknown", NOW)
    used = await store.find_session(TOKEN, NOW + ABSOLUTE - SECOND)
    assert used is not None
    assert used.idle_at == used.expires_at == NOW + ABSOLUTE
    assert await store.find_session(TOKEN, NOW + ABSOLUTE) is None


@pytest.mark.parametrize(("after", "due"), [(59, False), (60, True), (61, True)])
async def test_within_the_minute_no_note_is_even_tried(store: Store, after: int, due: bool) -> None:  # noqa: FBT001
    assert isinstance(store, Twin)
    await open_session(store, ADMITTED, NEW, NOW)
    row = await store._read(lambda: verbs.find_session(TOKEN))
    assert row is not None
    assert (rows.touch_due(row, NOW + after * SECOND) is not None) is due


async def test_a_note_that_comes_late_changes_nothing(store: Store, store_url: str) -> None:
    assert isinstance(store, Twin)
    await open_session(store, ADMITTED, NEW, NOW)

    async def note(then: datetime) -> list[tuple[Any, ...]]:
        """What another node writes that read the row before the last change of it."""
        await store._decide(lambda: verbs.touch_session(TOKEN, then + IDLE, then))
        return await ask(store_url, "SELECT last_seen, idle_at, ended_at FROM session")

    noted = await note(NOW + MINUTE)
    assert await note(NOW + 2 * MINUTE - SECOND) == noted  # somebody did, within the minute
    await store.end_session(TOKEN, NOW + 2 * MINUTE)
    ended = await ask(store_url, "SELECT last_seen, idle_at, ended_at FROM session")
    assert await note(NOW + 3 * MINUTE) == ended
    assert await store.find_session(TOKEN, NOW + 3 * MINUTE) is None


async def test_a_person_sees_and_ends_their_own_sessions_here(store: Store) -> None:
    first = await open_session(store, ADMITTED, NEW, NOW)
    second = await open_session(store, ADMITTED, another(2), NOW + SECOND)
    bob = await open_session(store, someone(subject=Subject(issuer="i", value="bob")), another(3), NOW)
    then = NOW + MINUTE
    assert [s.id for s in await store.sessions_of(first.user.id, "acme", then)] == [second.id, first.id]
    assert await store.sessions_of(first.user.id, "other", then) == ()
    assert await store.end_session_by_id(first.user.id, bob.id, then) is False
    assert await store.end_session_by_id(first.user.id, first.id, then) is True
    assert await store.end_session_by_id(first.user.id, first.id, then) is False
    assert await store.find_session(TOKEN, then) is None
    assert [s.id for s in await store.sessions_of(first.user.id, "acme", then)] == [second.id]
    assert await store.find_session(another(3).token_hash, then)


async def test_the_oldest_of_too_many_sessions_ends(store: Store) -> None:
    made = verbs.SESSIONS_OF_USER + 64
    for number in range(made):
        opened = await open_session(store, ADMITTED, another(number), NOW + number * SECOND)
    then = NOW + MINUTE * 3
    live = await store.sessions_of(opened.user.id, opened.organization, then)
    assert verbs.SESSIONS_OF_USER <= len(live) < made
    found = [await store.find_session(another(number).token_hash, then) is not None for number in range(made)]
    assert found == sorted(found)  # the oldest ended
    assert sum(found) == len(live)


async def test_large_sessions_of_one_user_are_few(store: Store) -> None:
    """Their identity provider says how large they are, and has all written anew by changing a role."""
    large = replace(ZOE, attributes={"x": ("y" * 250_000,)})
    for number in range(40):
        session = await open_session(store, decided(large), another(number), NOW + number * SECOND)
    live = await store.sessions_of(session.user.id, "acme", NOW + MINUTE)
    assert len(live) == verbs.SNAPSHOTS_OF_USER // 250_000
    assert live[0].id == session.id
