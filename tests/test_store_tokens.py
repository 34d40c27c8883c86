"""Tokens of a session, on SQLite and on PostgreSQL: kept, taken by one, replaced, gone with it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import ask, open_session
from test_store import ABSOLUTE, ADMITTED, IDLE, MINUTE, NEW, NOW, SECOND, ZOE, another, refusal, someone

from federation.identity import ProviderSession
from federation.store import tokens, verbs
from federation.store.postgres import PostgresStore
from federation.store.rows import Steps
from federation.store.sqlite import SqliteStore
from federation.store.store import Store, open_store
from federation.store.twin import Twin
from federation.store.values import Claim, KeptTokensOf, SealedTokens

HOUR = timedelta(hours=1)
DUE = NOW + HOUR
UNTIL = NOW + MINUTE
KEPT = SealedTokens(sealed="v1.sealed-tokens", renew_at=DUE)
RENEWED = SealedTokens(sealed="v1.renewed", renew_at=DUE + HOUR)


async def sign_in(store: Store, number: int = 1, kept: SealedTokens = KEPT, **differs: Any) -> KeptTokensOf:
    """Sign in with tokens; return them as they are kept."""
    await open_session(store, someone(**differs), another(number, tokens=kept), NOW)
    return await of(store, number)


async def of(store: Store, number: int = 1, now: datetime = NOW) -> KeptTokensOf:
    found = await store.tokens_of(another(number).token_hash, now)
    assert found is not None
    return found


async def rows(url: str) -> int:
    return int((await ask(url, "SELECT count(*) FROM kept_token"))[0][0])


# Kept


async def test_they_come_back_as_they_were_kept(store: Store) -> None:
    session = await open_session(store, ADMITTED, replace(NEW, tokens=KEPT), NOW)
    assert await store.tokens_of(NEW.token_hash, NOW) == KeptTokensOf(
        session_id=session.id,
        token_hash=NEW.token_hash,
        organization="acme",
        connection="adfs",
        person=ZOE.subject.person,
        tokens=KEPT,
        version=0,
        taken_by="",
        taken_until=datetime.fromtimestamp(0, NOW.tzinfo),
    )


async def test_what_cannot_be_renewed_is_never_due(store: Store) -> None:
    kept = await sign_in(store, kept=SealedTokens(sealed="v1.access", renew_at=None))
    assert kept.tokens.renew_at is None
    assert await store.due_tokens("adfs", "acme", NOW + IDLE - SECOND, 10) == ()


async def test_a_session_without_tokens_keeps_none(store: Store, store_url: str) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    assert await store.tokens_of(NEW.token_hash, NOW) is None
    assert await store.tokens_of(b"unknown", NOW) is None
    assert await rows(store_url) == 0


async def test_who_is_refused_leaves_no_tokens(store: Store, store_url: str) -> None:
    claim = Claim(issuer="https://idp.example", id="_1", until=NOW + MINUTE)
    new = replace(NEW, tokens=KEPT, handle="")
    await open_session(store, ADMITTED, new, NOW, claim=claim)
    again = another(2, tokens=KEPT)
    assert await refusal(open_session(store, ADMITTED, again, NOW, claim=claim)) == "signin.replayed"
    assert await rows(store_url) == 1


async def test_a_failure_half_way_keeps_none(store: Store, store_url: str) -> None:
    assert isinstance(store, Twin)

    def failing() -> Steps[None]:
        yield from verbs.open_session(ADMITTED, another(1, tokens=KEPT), NOW, claim=None, sealing=None)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._transact(failing)
    assert await rows(store_url) == 0


# Gone with the session

NAME = "a-name"
LATER = NOW + 2 * SECOND


async def _log_out(store: Store, kept: KeptTokensOf) -> None:
    await store.end_session(kept.token_hash, LATER)


async def _end_by_id(store: Store, kept: KeptTokensOf) -> None:
    session = await store.find_session(kept.token_hash, NOW)
    assert session
    assert await store.end_session_by_id(session.user.id, kept.session_id, LATER)


async def _provider_logs_out(store: Store, _: KeptTokensOf) -> None:
    claim = ("https://idp.example", "logout _1")
    told: Any = {
        "organization": "acme",
        "claim": claim,
        "issued_at": LATER,
        "until": LATER + MINUTE,
        "now": LATER,
    }
    assert await store.end_provider_sessions(("adfs",), (NAME,), (), **told) == 1


async def _detach(store: Store, kept: KeptTokensOf) -> None:
    assert await store.detach_account("acme", kept.person, refused_at=LATER, now=LATER)


async def _replace(store: Store, kept: KeptTokensOf) -> None:
    await open_session(store, ADMITTED, another(2, ended_token_hash=kept.token_hash), LATER)


async def _refuse(store: Store, kept: KeptTokensOf) -> None:
    assert await store.take_tokens(kept, "us", LATER + MINUTE, LATER)
    assert await store.end_refused_session(kept.session_id, "us", LATER)


async def _outlive(store: Store, _: KeptTokensOf) -> None:
    """Do nothing: it is not used."""


ENDS: list[tuple[Callable[[Store, KeptTokensOf], Awaitable[None]], datetime]] = [
    (_log_out, LATER),
    (_end_by_id, LATER),
    (_provider_logs_out, LATER),
    (_detach, LATER),
    (_replace, LATER),
    (_refuse, LATER),
    (_outlive, NOW + IDLE),
]


@pytest.mark.parametrize(("end", "now"), ENDS, ids=[end.__name__ for end, _ in ENDS])
async def test_they_are_gone_with_the_session(
    store: Store, store_url: str, end: Callable[[Store, KeptTokensOf], Awaitable[None]], now: datetime
) -> None:
    kept = await sign_in(store, provider_session=ProviderSession(name=NAME))
    await end(store, kept)
    assert await store.tokens_of(kept.token_hash, now) is None
    assert await store.due_tokens("adfs", "acme", max(now, DUE), 10) == ()
    assert not await store.take_tokens(kept, "another", now + MINUTE, now)
    assert not await store.keep_renewed_tokens(kept.session_id, "us", RENEWED, now)
    await store.purge(now)
    assert await rows(store_url) == 0


async def test_its_absolute_end_ends_them_too(store: Store, store_url: str) -> None:
    kept = await sign_in(store)
    await ask(store_url, "UPDATE session SET idle_at = expires_at + 1")
    assert await store.tokens_of(kept.token_hash, NOW + ABSOLUTE - SECOND)
    assert await store.tokens_of(kept.token_hash, NOW + ABSOLUTE) is None


# Taken by one


async def test_one_of_twenty_takes_them(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    kept = await sign_in(store)
    tries = (
        node.take_tokens(kept, f"holder-{number}", UNTIL, NOW)
        for number, node in enumerate([store, elsewhere] * 10)
    )
    assert (await asyncio.gather(*tries)).count(True) == 1
    found = await of(elsewhere)
    assert (found.taken, found.taken_until, found.version) == (True, UNTIL, 0)
    await elsewhere.close()


async def test_they_are_taken_again_at_the_deadline(store: Store) -> None:
    kept = await sign_in(store)
    assert await store.take_tokens(kept, "gone", UNTIL, NOW)
    held = await of(store)
    assert not await store.take_tokens(held, "gone", UNTIL, NOW)  # not even by whoever has them
    assert not await store.take_tokens(held, "us", UNTIL + MINUTE, UNTIL - timedelta(microseconds=1))
    assert not await store.take_tokens(kept, "us", UNTIL + MINUTE, UNTIL)  # read before they were taken
    assert await store.take_tokens(held, "us", UNTIL + MINUTE, UNTIL)
    assert not await store.take_tokens(held, "them", UNTIL + 2 * MINUTE, UNTIL + MINUTE)
    assert not await store.keep_renewed_tokens(kept.session_id, "gone", RENEWED, UNTIL)  # came back too late
    assert (await of(store)).tokens == KEPT
    assert await store.keep_renewed_tokens(kept.session_id, "us", RENEWED, UNTIL)


async def test_new_ones_take_their_place(store: Store) -> None:
    kept = await sign_in(store)
    other = await sign_in(store, 2)
    assert await store.take_tokens(kept, "us", UNTIL, NOW)
    assert not await store.keep_renewed_tokens(kept.session_id, "another", RENEWED, NOW)
    assert await store.keep_renewed_tokens(kept.session_id, "us", RENEWED, NOW)
    assert not await store.keep_renewed_tokens(kept.session_id, "us", KEPT, NOW)  # let go of
    found = await of(store)
    assert (found.tokens, found.version, found.taken) == (RENEWED, 1, False)
    assert await of(store, 2) == other
    assert not await store.take_tokens(kept, "us", UNTIL, NOW)  # what was found is not what is kept now
    assert await store.take_tokens(found, "us", UNTIL, NOW)


async def test_what_was_not_renewed_waits(store: Store) -> None:
    kept = await sign_in(store)
    assert await store.take_tokens(kept, "us", UNTIL, NOW)
    await store.put_off_tokens(kept.session_id, "another", NOW, None)
    assert (await of(store)).taken
    await store.put_off_tokens(kept.session_id, "us", NOW + SECOND, DUE + MINUTE)
    found = await of(store)
    assert (found.taken, found.tokens, found.version) == (False, replace(KEPT, renew_at=DUE + MINUTE), 0)
    assert not await store.take_tokens(kept, "us again", UNTIL, NOW)
    assert await store.take_tokens(kept, "us again", UNTIL, NOW + SECOND)


async def test_the_holder_alone_ends_the_session(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    kept = await sign_in(store)
    assert not await store.end_refused_session(kept.session_id, "us", NOW)
    assert await store.take_tokens(kept, "us", UNTIL, NOW)
    assert not await store.end_refused_session(kept.session_id, "another", NOW)
    assert await elsewhere.find_session(kept.token_hash, NOW)
    assert await store.end_refused_session(kept.session_id, "us", NOW)
    assert not await store.end_refused_session(kept.session_id, "us", NOW)
    assert await store.find_session(kept.token_hash, NOW) is None
    assert await elsewhere.find_session(kept.token_hash, NOW + SECOND) is None
    await elsewhere.close()


async def test_what_was_renewed_meanwhile_ends_nothing(store: Store) -> None:
    kept = await sign_in(store)
    assert await store.take_tokens(kept, "slow", UNTIL, NOW)
    assert await store.take_tokens(await of(store), "us", UNTIL + MINUTE, UNTIL)
    assert await store.keep_renewed_tokens(kept.session_id, "us", RENEWED, UNTIL)
    assert not await store.end_refused_session(kept.session_id, "slow", UNTIL)
    assert await store.find_session(kept.token_hash, UNTIL)


VERBS = [
    lambda kept, holder: tokens.take(kept, holder, UNTIL, NOW),
    lambda kept, holder: tokens.keep_renewed(kept.session_id, holder, RENEWED, NOW),
    lambda kept, holder: tokens.put_off(kept.session_id, holder, UNTIL, None),
    lambda kept, holder: tokens.end_refused(kept.session_id, holder, NOW),
]


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_is_no_holder(store: Store, verb: Callable[[KeptTokensOf, str], Steps[Any]]) -> None:
    assert isinstance(store, SqliteStore | PostgresStore)
    kept = await sign_in(store)
    with pytest.raises(ValueError, match="has a name"):
        await store._decide(lambda: verb(kept, ""))
    assert await of(store) == kept


# Due


async def test_the_longest_due_of_one_connection_come_first(store: Store) -> None:
    for number in (1, 2, 3, 4):
        await sign_in(store, number, SealedTokens(sealed=f"v1.{number}", renew_at=DUE - number * MINUTE))
    await sign_in(store, 5, SealedTokens(sealed="v1.5", renew_at=NOW), connection="okta")
    taken = await of(store, 3)
    assert await store.take_tokens(taken, "us", DUE + MINUTE, NOW)
    assert await store.due_tokens("adfs", "acme", DUE - 5 * MINUTE, 10) == ()

    async def due(now: datetime, batch: int = 10) -> list[str]:
        return [one.tokens.sealed for one in await store.due_tokens("adfs", "acme", now, batch)]

    assert await due(DUE - 4 * MINUTE) == ["v1.4"]
    assert await due(DUE) == ["v1.4", "v1.2", "v1.1"]
    assert await due(DUE, 2) == ["v1.4", "v1.2"]
    assert await due(DUE + MINUTE) == ["v1.4", "v1.3", "v1.2", "v1.1"]
    assert await store.due_tokens("nobody", "acme", DUE, 10) == ()
