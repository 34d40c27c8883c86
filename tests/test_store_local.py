"""Local accounts, first administrators and break-glass in the store, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import ask, open_session
from decisions import admitting
from test_store import MINUTE, NOW, RECORD, SECOND, ZOE, another, refusal

from federation.decision import MANUAL, Decision, Wanted, of_connection
from federation.errors import PolicyRefused
from federation.identity import Authentication, Grant, Groups, Identity, Presence, ProviderSession, Subject
from federation.store.local_accounts import FAILURES, LOCKED, WITHIN
from federation.store.local_values import Attempt, LocalAccount, LocalNewcomer
from federation.store.store import Store, open_store
from federation.store.values import NewSession

ADDRESS = "zoe@acme.example"
LINK = b"l" * 32
TOKEN = b"b" * 32
DAY = timedelta(days=1)
NEWCOMER = LocalNewcomer(
    organization="acme",
    connection="staff",
    email="Zoe@acme.example",
    display_name="Zoë",
    user_id="",
    source=MANUAL,
    grants=(Grant("owner", MANUAL, "local add"),),
)
WRITTEN = ("local_account", "user", "membership", "role_grant", "provisioned_user")


async def attempt(store: Store, now: datetime = NOW, address: str = ADDRESS) -> Attempt:
    return await store.attempt_local("staff", address, now)


async def account(store: Store) -> LocalAccount:
    (one,) = await store.local_accounts("staff", NOW)
    return one


async def with_password(store: Store) -> LocalAccount:
    assert await store.add_local(NEWCOMER, NOW)
    assert await store.set_local_password("staff", ADDRESS, "a hash", NOW - MINUTE) == 0
    return await account(store)


def person(one: LocalAccount, instant: datetime = NOW) -> Identity:
    """How the connector describes them."""
    return Identity(
        subject=Subject(issuer="us", value=one.id),
        connection="staff",
        organization="acme",
        email=one.email,
        email_verified=True,
        given_name="",
        family_name="",
        display_name=one.display_name,
        groups=Groups(Presence.EMPTY),
        attributes={},
        authentication=Authentication(instant=instant),
        provider_session=ProviderSession(name=one.id),
    )


def decided(one: LocalAccount, instant: datetime = NOW) -> Decision:
    return admitting(person(one, instant), Wanted())


async def count(url: str) -> list[int]:
    return [(await ask(url, f'SELECT count(*) FROM "{table}"'))[0][0] for table in WRITTEN]  # noqa: S608


# Accounts


async def test_an_account_is_found_by_its_address_in_any_case(store: Store) -> None:
    made = await with_password(store)
    found = await attempt(store, address="ZOE@acme.example")
    assert found == Attempt(account=replace(made, locked_until=None), locked=False)
    assert (made.email, made.password_hash, made.password_at) == ("Zoe@acme.example", "a hash", NOW - MINUTE)
    assert (await attempt(store, address="zoë@acme.example")).account is None
    assert (await store.attempt_local("other", ADDRESS, NOW)).account is None


async def test_an_address_has_one_account(store: Store, store_url: str) -> None:
    assert await store.add_local(NEWCOMER, NOW)
    before = await count(store_url)
    assert before == [1, 1, 1, 1, 1]
    assert not await store.add_local(replace(NEWCOMER, email="zoe@ACME.example"), NOW)
    assert await count(store_url) == before


async def test_the_first_sign_in_finds_the_user_who_was_made_and_their_roles(store: Store) -> None:
    made = await with_password(store)
    session = await open_session(store, decided(made), another(1), NOW)
    assert session.grants == (Grant("owner", MANUAL, "local add"),)
    again = await open_session(store, decided(made), another(2), NOW)
    assert again.user.id == session.user.id
    assert await store.holders("acme", ADDRESS) == (session.user.id,)


# Lock-out


async def test_the_tenth_failure_within_five_minutes_locks_for_half_an_hour(store: Store) -> None:
    await with_password(store)
    times = [NOW + number * SECOND for number in range(FAILURES)]
    assert [(await attempt(store, at)).locked for at in times] == [False] * FAILURES
    end = times[-1] + LOCKED
    assert (await attempt(store, end - SECOND)).locked
    assert (await account_at(store, end - SECOND)).locked_until == end
    assert not (await attempt(store, end)).locked


async def account_at(store: Store, now: datetime) -> LocalAccount:
    (one,) = await store.local_accounts("staff", now)
    return one


async def test_a_locked_address_is_not_locked_for_longer_by_trying(store: Store) -> None:
    for _ in range(FAILURES):
        await attempt(store)
    for minutes in range(1, 30):
        assert (await attempt(store, NOW + minutes * MINUTE)).locked
    assert not (await attempt(store, NOW + LOCKED)).locked


@pytest.mark.parametrize(("apart", "locked"), [(WITHIN - SECOND, True), (WITHIN, False)])
async def test_only_failures_within_five_minutes_count(
    store: Store,
    apart: timedelta,
    locked: bool,  # noqa: FBT001
) -> None:
    for _ in range(FAILURES - 1):
        await attempt(store)
    await attempt(store, NOW + apart)
    assert (await attempt(store, NOW + apart)).locked is locked


async def test_of_thirty_tries_at_once_ten_are_looked_at(store: Store, store_url: str) -> None:
    await with_password(store)
    elsewhere = await open_store(store_url)
    tries = await asyncio.gather(*(attempt(node) for node in [store, elsewhere] * 15))
    assert sum(not one.locked for one in tries) == FAILURES
    assert await ask(store_url, "SELECT count(*) FROM local_attempts") == [(1,)]
    await elsewhere.close()


async def test_an_address_that_nobody_has_is_locked_as_any(store: Store) -> None:
    tries = [await attempt(store, address="nobody@acme.example") for _ in range(FAILURES + 1)]
    assert [one.locked for one in tries] == [False] * FAILURES + [True]
    assert not (await attempt(store)).locked  # and no other


async def test_success_unlock_and_a_new_password_forget_the_failures(store: Store) -> None:
    made = await with_password(store)

    async def unlocked(verb: Awaitable[Any]) -> None:
        for _ in range(FAILURES + 1):
            last = await attempt(store)
        assert last.locked
        assert await verb is not False
        assert not (await attempt(store)).locked

    await unlocked(store.local_succeeded("staff", ADDRESS, made, ""))
    await unlocked(store.unlock_local("staff", ADDRESS))
    await unlocked(store.set_local_password("staff", ADDRESS, "another", NOW))
    await store.unlock_local("staff", ADDRESS)
    assert not await store.unlock_local("staff", ADDRESS)


async def test_tries_are_purged_once_they_say_nothing(store: Store, store_url: str) -> None:
    await attempt(store)
    await store.purge(NOW + WITHIN - SECOND, 100)
    assert await ask(store_url, "SELECT count(*) FROM local_attempts") == [(1,)]
    await store.purge(NOW + WITHIN, 100)
    assert await ask(store_url, "SELECT count(*) FROM local_attempts") == [(0,)]


async def test_a_renewed_hash_does_not_overwrite_a_new_password(store: Store) -> None:
    made = await with_password(store)
    await store.local_succeeded("staff", ADDRESS, made, "renewed")
    assert (await account(store)).password_hash == "renewed"
    await store.local_succeeded("staff", ADDRESS, made, "too late")
    assert (await account(store)).password_hash == "renewed"


# Links that set a password


async def test_a_link_sets_the_password_once(store: Store) -> None:
    await store.add_local(NEWCOMER, NOW)
    assert await store.set_local_link("staff", ADDRESS, LINK, NOW + DAY)
    found = await store.local_by_link("staff", LINK, NOW)
    assert found is not None
    assert found.email == "Zoe@acme.example"
    assert await store.set_local_password("staff", LINK, "mine", NOW) == 0
    assert (await account(store)).password_hash == "mine"
    assert await store.set_local_password("staff", LINK, "again", NOW) is None
    assert (await account(store)).password_hash == "mine"


NO_LINK = [
    ("staff", LINK, NOW + DAY),  # too old
    ("other", LINK, NOW),
    ("staff", b"x" * 32, NOW),
]


@pytest.mark.parametrize(("connection", "link", "at"), NO_LINK)
async def test_no_other_link_sets_it(store: Store, connection: str, link: bytes, at: datetime) -> None:
    await store.add_local(NEWCOMER, NOW)
    await store.set_local_link("staff", ADDRESS, LINK, NOW + DAY)
    assert await store.local_by_link(connection, link, at) is None
    assert await store.set_local_password(connection, link, "mine", at) is None
    assert await store.local_by_link("staff", LINK, NOW + DAY - SECOND)


async def test_a_new_link_takes_the_place_of_the_one_before(store: Store) -> None:
    await store.add_local(NEWCOMER, NOW)
    await store.set_local_link("staff", ADDRESS, LINK, NOW + DAY)
    await store.set_local_link("staff", ADDRESS, b"n" * 32, NOW + DAY)
    assert await store.local_by_link("staff", LINK, NOW) is None
    assert not await store.set_local_link("staff", "nobody@acme.example", LINK, NOW + DAY)


async def test_of_two_uses_of_a_link_at_once_one_wins(store: Store, store_url: str) -> None:
    await store.add_local(NEWCOMER, NOW)
    await store.set_local_link("staff", ADDRESS, LINK, NOW + DAY)
    elsewhere = await open_store(store_url)
    tries = (
        node.set_local_password("staff", LINK, f"hash {number}", NOW)
        for number, node in enumerate([store, elsewhere] * 5)
    )
    told = await asyncio.gather(*tries)
    assert [one for one in told if one is not None] == [0]
    assert (await account(store)).password_hash == f"hash {told.index(0)}"
    await elsewhere.close()


async def test_a_new_password_ends_the_sessions_of_the_old_one_everywhere(
    store: Store, store_url: str
) -> None:
    made = await with_password(store)
    await open_session(store, decided(made), another(1), NOW)
    elsewhere = await open_store(store_url)
    assert await elsewhere.find_session(another(1).token_hash, NOW)
    assert await store.set_local_password("staff", ADDRESS, "new", NOW + MINUTE) == 1
    assert await store.find_session(another(1).token_hash, NOW + MINUTE) is None
    assert await elsewhere.find_session(another(1).token_hash, NOW + MINUTE + SECOND) is None
    await elsewhere.close()


async def test_a_sign_in_under_way_with_the_old_password_opens_nothing(store: Store) -> None:
    made = await with_password(store)
    later = NOW + MINUTE
    await store.set_local_password("staff", ADDRESS, "new", later)
    assert await refusal(open_session(store, decided(made, NOW), another(1), later)) == "signin.logged_out"
    assert await open_session(store, decided(made, later + SECOND), another(2), later + SECOND)


async def test_who_is_removed_is_gone_with_their_sessions(store: Store, store_url: str) -> None:
    made = await with_password(store)
    session = await open_session(store, decided(made), another(1), NOW)
    assert await store.remove_local("staff", ADDRESS, NOW + MINUTE) == 1
    assert await store.find_session(another(1).token_hash, NOW + MINUTE) is None
    assert await store.local_accounts("staff", NOW) == ()
    assert await store.remove_local("staff", ADDRESS, NOW + MINUTE) is None
    assert await ask(store_url, 'SELECT id FROM "user"') == [(session.user.id,)]


async def test_who_is_removed_before_they_came_is_expected_no_more(store: Store, store_url: str) -> None:
    await store.add_local(NEWCOMER, NOW)
    assert await store.remove_local("staff", ADDRESS, NOW) == 0
    assert await ask(store_url, "SELECT count(*) FROM provisioned_user") == [(0,)]


# The first administrator

OWNER = frozenset({"owner"})
HEADS = frozenset({"heads"})  # a declared team that gives it


def with_link(number: int) -> NewSession:
    return another(number, bootstrap=TOKEN)


def anybody(number: int, *grants: Grant) -> Decision:
    who = replace(ZOE, subject=Subject(issuer="i", value=str(number)), email=f"p{number}@acme.example")
    return admitting(who, Wanted(grants=grants))


async def offer(store: Store, token: bytes = TOKEN, now: datetime = NOW, *, anew: bool = False) -> bool:
    return await store.offer_bootstrap("acme", OWNER, HEADS, token, until=now + DAY, anew=anew, now=now)


async def test_a_link_makes_the_first_administrator(store: Store, store_url: str) -> None:
    assert await offer(store)
    assert await store.find_bootstrap(TOKEN, NOW) == "acme"
    session = await open_session(store, anybody(1), with_link(1), NOW)
    assert session.roles == ("owner",)
    kept = await ask(store_url, "SELECT role, source FROM role_grant")
    assert kept == [("owner", "bootstrap")]
    assert await store.find_bootstrap(TOKEN, NOW) is None


async def test_a_link_makes_one_administrator_at_one_moment(store: Store, store_url: str) -> None:
    await offer(store)
    elsewhere = await open_store(store_url)
    tries = (
        open_session(node, anybody(number), with_link(number), NOW)
        for number, node in enumerate([store, elsewhere] * 5)
    )
    told = await asyncio.gather(*tries, return_exceptions=True)
    refused = [one.code for one in told if isinstance(one, PolicyRefused)]
    assert len(refused) == 9
    assert set(refused) <= {"bootstrap.taken", "bootstrap.spent"}
    assert await ask(store_url, "SELECT count(*) FROM role_grant") == [(1,)]
    assert await ask(store_url, "SELECT count(*) FROM session") == [(1,)]
    await elsewhere.close()


async def test_a_link_makes_nobody_where_there_is_an_administrator(store: Store, store_url: str) -> None:
    await offer(store)
    await open_session(store, anybody(1, Grant("owner", of_connection(ZOE.connection), "r")), another(1), NOW)
    assert await refusal(open_session(store, anybody(2), with_link(2), NOW)) == "bootstrap.taken"
    assert await ask(store_url, "SELECT count(*) FROM session") == [(1,)]
    assert not await offer(store, b"n" * 32, NOW + DAY)
    assert not await offer(store, b"n" * 32, anew=True)


async def test_a_link_makes_nobody_where_a_team_makes_an_administrator(store: Store, store_url: str) -> None:
    """The team is declared, so that no row of the store says what it gives."""
    await offer(store)
    first = await open_session(store, anybody(1), another(1), NOW)
    member = f"INSERT INTO team_membership VALUES ('acme', '{first.user.id}', 'heads', 'manual', '', 0)"  # noqa: S608
    await ask(store_url, member)
    decision = replace(anybody(2), administrator_teams=HEADS)
    assert await refusal(open_session(store, decision, with_link(2), NOW)) == "bootstrap.taken"
    assert not await offer(store, b"n" * 32, anew=True)


@pytest.mark.parametrize(("token", "at"), [(TOKEN, NOW + DAY), (b"x" * 32, NOW)])
async def test_another_link_or_an_old_one_makes_nobody(store: Store, token: bytes, at: datetime) -> None:
    await offer(store)
    new = another(1, bootstrap=token)
    assert await refusal(open_session(store, anybody(1), new, at)) == "bootstrap.spent"
    assert await store.find_bootstrap(token, at) is None


async def test_a_link_is_offered_once_a_day_by_one_node(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    tokens = [bytes([number]) * 32 for number in range(10)]
    told = await asyncio.gather(
        *(offer(node, token) for node, token in zip([store, elsewhere] * 5, tokens, strict=True))
    )
    assert told.count(True) == 1
    winner = tokens[told.index(True)]
    assert await store.find_bootstrap(winner, NOW) == "acme"
    assert not await offer(store, TOKEN, NOW + DAY - SECOND)
    assert await offer(store, TOKEN, NOW + DAY)
    await elsewhere.close()


async def test_a_new_link_is_printed_on_request_and_the_old_one_is_void(store: Store) -> None:
    await offer(store)
    assert await offer(store, b"n" * 32, anew=True)
    assert await store.find_bootstrap(TOKEN, NOW) is None
    assert await store.find_bootstrap(b"n" * 32, NOW) == "acme"


async def test_a_refusal_does_not_use_the_link_up(store: Store) -> None:
    await offer(store)
    await ask_deactivated(store)
    assert await store.find_bootstrap(TOKEN, NOW) == "acme"


async def ask_deactivated(store: Store) -> None:
    """Somebody whom policy refuses after the link was looked at."""

    def no(*_: object) -> Any:
        raise PolicyRefused("policy.deactivated", "not you")

    decision = replace(anybody(1), settle=no)
    assert await refusal(open_session(store, decision, with_link(1), NOW)) == "policy.deactivated"


# Break-glass


async def break_glass(store: Store, number: int, code_hash: str = "h1", now: datetime = NOW) -> Any:
    record = replace(RECORD, reference=f"REF{number:07}", person="", sealed="")
    new = replace(another(number), record=record, handle="", absolute_end=now + timedelta(hours=1))
    return await store.open_break_glass("acme", code_hash, "owner", new, now)


async def test_a_recovery_code_opens_one_session(store: Store, store_url: str) -> None:
    assert await store.break_glass("acme") is None
    await store.seal_break_glass("acme", "h1", NOW)
    session = await break_glass(store, 1, now=NOW + MINUTE)
    assert session.grants == (Grant("owner", "break-glass", "break-glass"),)
    assert await store.find_session(another(1).token_hash, NOW + MINUTE) == session
    assert await break_glass(store, 2, now=NOW + MINUTE) is None
    kept = await store.break_glass("acme")
    assert kept is not None
    assert (kept.user_id, kept.used_at, kept.last_used_at) == (
        session.user.id,
        NOW + MINUTE,
        NOW + MINUTE,
    )
    assert await ask(store_url, "SELECT count(*) FROM role_grant") == [(0,)]  # it is no administrator
    assert await store.find_record("REF0000001")
    assert await store.find_record("REF0000002") is None


async def test_of_ten_uses_of_a_code_at_once_one_wins(store: Store, store_url: str) -> None:
    await store.seal_break_glass("acme", "h1", NOW)
    elsewhere = await open_store(store_url)
    told = await asyncio.gather(
        *(break_glass(node, number) for number, node in enumerate([store, elsewhere] * 5))
    )
    assert sum(one is not None for one in told) == 1
    assert await ask(store_url, "SELECT count(*) FROM session") == [(1,)]
    await elsewhere.close()


async def test_it_is_sealed_again_for_the_same_user(store: Store, store_url: str) -> None:
    await store.seal_break_glass("acme", "h1", NOW)
    first = await break_glass(store, 1)
    await store.seal_break_glass("acme", "h2", NOW + MINUTE)
    kept = await store.break_glass("acme")
    assert kept is not None
    assert (kept.used_at, kept.last_used_at, kept.sealed_at) == (None, NOW, NOW + MINUTE)
    assert await break_glass(store, 2, "h1") is None
    again = await break_glass(store, 2, "h2")
    assert again.user.id == first.user.id
    assert await ask(store_url, 'SELECT count(*) FROM "user"') == [(1,)]
    assert await store.break_glass("other") is None
