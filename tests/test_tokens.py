"""Tokens after the sign-in: handed out, renewed by one node at a time, ended with what they rested on."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import ask
from oidc_world import NOW
from stair import StandingClock
from test_store import SECOND, refusal
from tokens_world import ASKED, LIFE, RING, SOON, Installation, Node, open_installation

from federation import tokens
from federation.demo.openid_faults import RIGHT, Knobs
from federation.errors import ProviderUnavailable, StoreUnavailable
from federation.identity import KeptTokens
from federation.records import records
from federation.signin import tokens_at_rest
from federation.store.store import Store, open_store
from federation.store.values import KeptTokensOf, SealedTokens
from federation.tokens import HOLD, PAUSE, RETRY
from federation.upkeep import upkeep
from federation.vault import hash_token

DIES = str(Path(__file__).with_name("dies_renewing.py"))


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


@pytest.fixture
async def elsewhere(store_url: str, store: Store) -> AsyncIterator[Store]:
    """Another process's store on the same database."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


async def kept(node: Node, token: str) -> KeptTokensOf:
    found = await node.store.tokens_of(hash_token(token), node.clock())
    assert found is not None
    return found


async def handed(node: Node, token: str, life: timedelta = ASKED) -> KeptTokens:
    told = await node.ask(token, life=life)
    assert told is not None
    return told


async def codes(url: str) -> list[str]:
    return [row[0] for row in await ask(url, "SELECT code FROM decision_record WHERE code <> ''")]


# Handed out


async def test_what_the_provider_gave_is_handed_out(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    told = await handed(node, token)
    assert told.access in installed.world.provider.grants._tokens
    assert told.refresh in installed.world.provider.grants._refresh
    assert told.id in installed.world.provider.grants._hints
    assert (told.access_until, told.scopes) == (NOW + LIFE, ("openid", "email", "offline_access"))
    assert installed.posts == 0
    assert await node.ask("another") is None
    assert await node.ask("") is None


async def test_where_nothing_is_asked_for_nothing_is_kept(
    installed: Installation, store: Store, store_url: str
) -> None:
    node = installed.node(store, keep_tokens=[])
    token = await installed.sign_in(node)
    assert await node.ask(token) is None
    assert await node.lives(token)
    assert await ask(store_url, "SELECT count(*) FROM kept_token") == [(0,)]


@pytest.mark.parametrize("one", ["access", "refresh", "id"])
async def test_one_kept_is_not_all_kept(installed: Installation, store: Store, one: str) -> None:
    node = installed.node(store, keep_tokens=[one])
    told = await handed(node, await installed.sign_in(node))
    assert [name for name in ("access", "refresh", "id") if getattr(told, name)] == [one]


async def test_what_cannot_be_renewed_is_handed_out_while_it_is_good(
    installed: Installation, store: Store
) -> None:
    node = installed.node(store, keep_tokens=["access"])
    token = await installed.sign_in(node)
    installed.clock.at = NOW + LIFE - SECOND
    assert (await handed(node, token)).access
    installed.clock.at = NOW + LIFE
    assert await refusal(node.ask(token)) == "signin.tokens_expired"
    assert await node.lives(token)
    assert installed.posts == 0


LASTS = [
    # so long ago it came   asked for                 lasts
    (0,                     60,                       True),
    (240,                   60,                       True),
    (241,                   60,                       False),
    (0,                     3600,                     True),  # more than the provider gives
    (150,                   3600,                     True),
    (151,                   3600,                     False),
    (299,                   0,                        True),
    (301,                   0,                        False),
    (301,                   1,                        False),
]  # fmt: skip


@pytest.mark.parametrize(("age", "life", "lasts"), LASTS)
def test_how_long_one_lasts(age: int, life: int, lasts: bool) -> None:  # noqa: FBT001
    given = KeptTokens(access="a", access_until=NOW + LIFE)
    opened = tokens_at_rest.Opened(tokens=given, at=NOW)
    assert opened.lasts(timedelta(seconds=life), NOW + age * SECOND) == lasts
    assert opened.good(NOW + age * SECOND) == (age < 300)


DUE = [
    # refresh  life    renewed at
    ("r",      300,    225),
    ("r",      3600,   3300),
    ("r",      None,   3300),
    ("r",      0,      45),  # not without a pause
    ("",       300,    None),
]  # fmt: skip


@pytest.mark.parametrize(("refresh", "life", "after"), DUE)
def test_when_they_are_due(refresh: str, life: int | None, after: int | None) -> None:
    until = None if life is None else NOW + life * SECOND
    sealed = seal(KeptTokens(access="a", refresh=refresh, access_until=until, scopes=("x", "y")))
    assert sealed.renew_at == (None if after is None else NOW + after * SECOND)


# At rest


def seal(given: KeptTokens, **differs: Any) -> SealedTokens:
    where = {"connection": "acme", "person": "p" * 64, "token_hash": b"t" * 32, **differs}
    return tokens_at_rest.seal(given, vault=RING, now=NOW, **where)


FULL = KeptTokens(access="a-1", refresh="r-1", id="i.d.1", access_until=NOW + LIFE, scopes=("x", "y"))
ROW = KeptTokensOf(
    session_id="s",
    token_hash=b"t" * 32,
    organization="acme",
    connection="acme",
    person="p" * 64,
    tokens=seal(FULL),
    version=0,
    taken_by="",
    taken_until=NOW,
)


@pytest.mark.parametrize("given", [FULL, KeptTokens(access="a"), KeptTokens(refresh="r"), KeptTokens(id="i")])
def test_what_was_sealed_comes_back(given: KeptTokens) -> None:
    opened = tokens_at_rest.unseal(replace(ROW, tokens=seal(given)), vault=RING)
    assert opened == tokens_at_rest.Opened(tokens=given, at=NOW)


@pytest.mark.parametrize(
    "moved", [{"connection": "other"}, {"person": "q" * 64}, {"token_hash": b"u" * 32}], ids=str
)
def test_what_was_moved_opens_nowhere(moved: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"^keys\.envelope: "):
        tokens_at_rest.unseal(replace(ROW, **moved), vault=RING)


def test_no_value_shows_a_token() -> None:
    opened = tokens_at_rest.unseal(ROW, vault=RING)
    for shown in map(repr, (FULL, ROW, ROW.tokens, opened)):
        assert not any(secret in shown for secret in ("a-1", "r-1", "i.d.1", ROW.tokens.sealed))


async def test_one_session_is_not_handed_anothers(
    installed: Installation, store: Store, store_url: str
) -> None:
    node = installed.node(store)
    ada, zoe = await installed.sign_in(node), await installed.sign_in(node, "zoe")
    theirs = await kept(node, zoe)
    await ask(
        store_url,
        f"UPDATE kept_token SET sealed = '{theirs.tokens.sealed}', person = '{theirs.person}'",  # noqa: S608
    )
    assert (await handed(node, zoe)).access
    assert await refusal(node.ask(ada)) == "keys.envelope"
    installed.clock.at = SOON
    await node.tokens.renew_due(SOON)
    assert installed.posts == 1  # of zoe


# Renewed


async def test_they_are_renewed_and_the_old_ones_are_gone(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.clock.at = SOON
    second = await handed(node, token)
    assert installed.posts == 1
    assert second.access_until == SOON + LIFE
    for name in ("access", "refresh", "id"):
        assert getattr(second, name) not in ("", getattr(first, name))
    assert await handed(node, token) == second
    assert installed.posts == 1
    installed.clock.at = SOON + LIFE - SECOND
    third = await handed(node, token)  # with the second refresh token: the first is spent
    assert third.refresh not in (first.refresh, second.refresh)
    assert (await kept(node, token)).version == 2


async def test_a_key_that_was_replaced_under_its_name_ends_nothing(
    installed: Installation, store: Store, store_url: str
) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.world.provider.signer.replace(same_name=True)
    installed.clock.at = SOON
    assert (await handed(node, token)).refresh not in ("", first.refresh)
    assert await codes(store_url) == []
    installed.world.provider.knobs = Knobs(sign="other_key")  # and a key that is nobody's still does
    installed.clock.at = SOON + LIFE - SECOND
    assert await node.ask(token) is None
    assert await codes(store_url) == ["oidc.signature"]


async def test_without_keys_for_the_answer_no_refresh_token_is_spent(
    installed: Installation, store: Store, elsewhere: Store
) -> None:
    token = await installed.sign_in(installed.node(store))
    fresh = installed.node(elsewhere)
    installed.clock.at = SOON
    installed.world.provider.knobs = Knobs(publishes={"jwks": "error"})
    first = await handed(fresh, token)  # the old one, which is good
    assert installed.posts == 0
    installed.world.provider.knobs = RIGHT
    installed.clock.at += PAUSE
    assert (await handed(fresh, token)).refresh not in ("", first.refresh)
    assert installed.posts == 1


async def test_a_refresh_token_that_is_not_replaced_stays(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.clock.at = SOON
    installed.world.provider.knobs = Knobs(token_members={"refresh_token": first.refresh})
    second = await handed(node, token)
    assert (second.refresh, second.access == first.access) == (first.refresh, False)


async def test_twenty_who_ask_at_once_make_one_request(
    installed: Installation, store: Store, elsewhere: Store
) -> None:
    nodes = [installed.node(store), installed.node(elsewhere)]
    token = await installed.sign_in(nodes[0])
    installed.clock.at = SOON
    told = await asyncio.gather(*(node.ask(token) for node in nodes * 10))
    assert installed.posts == 1
    assert len({one.access for one in told if one}) == 1
    assert None not in told
    assert (await kept(nodes[0], token)).version == 1


async def test_whoever_waits_too_long_takes_the_old_one_while_it_is_good(
    installed: Installation, store: Store, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = installed.node(store), installed.node(elsewhere)
    token = await installed.sign_in(here)
    first = await handed(here, token)
    installed.clock.at = SOON
    came, goes = installed.hold()
    renewing = asyncio.create_task(here.ask(token))
    await came.wait()
    monkeypatch.setattr(tokens, "PATIENCE", 0.1)
    assert await there.ask(token) == first
    installed.clock.at = NOW + LIFE  # it is good no more
    assert await refusal(there.ask(token)) == "oidc.refresh_pending"
    goes.set()
    renewed = await renewing
    assert renewed
    assert renewed != first
    assert await there.ask(token) == renewed
    assert installed.posts == 1


async def test_a_request_that_is_given_up_loses_no_token(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.clock.at = SOON
    came, goes = installed.hold()
    asking = asyncio.create_task(node.ask(token))
    await came.wait()
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    goes.set()
    await node.tokens.close()  # as the process stops
    assert (await handed(node, token)).refresh != first.refresh
    assert installed.posts == 1


class Unwilling:
    """A store that does not keep what was renewed, so many times."""

    def __init__(self, store: Store, times: int) -> None:
        self._store = store
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def keep_renewed_tokens(self, *told: Any) -> bool:
        self._times -= 1
        if self._times >= 0:
            raise StoreUnavailable("store.unavailable", "it is away")
        return await self._store.keep_renewed_tokens(*told)


async def test_a_database_that_is_away_for_a_moment_loses_no_token(
    installed: Installation, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_STORE_PAUSES", (0.0, 0.0))
    node = installed.node(Unwilling(store, 2))
    token = await installed.sign_in(node)
    installed.clock.at = SOON
    assert (await handed(node, token)).access_until == SOON + LIFE
    assert installed.posts == 1


# Who dies half-way


async def test_who_dies_before_asking_loses_nothing(
    installed: Installation, store: Store, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE", 0.1)
    node = installed.node(elsewhere)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.clock.at = SOON
    assert await store.take_tokens(await kept(node, token), "dead", SOON + HOLD, SOON)
    assert (await node.ask(token), installed.posts) == (first, 0)
    installed.clock.at = SOON + HOLD
    assert (await handed(node, token)).refresh != first.refresh
    assert installed.posts == 1


async def test_who_dies_after_the_answer_ends_the_session_where_the_old_one_is_spent(
    installed: Installation, store: Store, elsewhere: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE", 0.1)
    monkeypatch.setattr(tokens, "_STORE_PAUSES", ())
    dying, node = installed.node(Unwilling(store, 1)), installed.node(elsewhere)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.clock.at = SOON
    assert await refusal(dying.ask(token)) == "store.unavailable"
    assert installed.posts == 1
    assert await node.ask(token) == first  # spent at the provider, which nobody here knows
    installed.clock.at = SOON + HOLD
    assert await node.ask(token) is None
    assert installed.posts == 2
    assert not await node.lives(token)
    assert await codes(store_url) == ["signin.renewal_lost"]


@pytest.mark.parametrize("grace", [False, True], ids=["spent", "with grace"])
async def test_a_process_that_is_killed_between_the_answer_and_the_store(
    installed: Installation, store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch, *, grace: bool
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE", 0.1)
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    granted = dict(installed.world.provider.grants._refresh)
    issuer = installed.world.provider.issuer
    installed.clock.at = SOON
    dying = await asyncio.create_subprocess_exec(sys.executable, DIES, store_url, issuer, token)
    assert await dying.wait() == -signal.SIGKILL
    assert installed.posts == 1
    assert granted.keys().isdisjoint(installed.world.provider.grants._refresh)  # rotated
    if grace:
        installed.world.provider.grants._refresh.update(granted)
    assert await node.ask(token) == first  # held, by whom nobody can tell
    installed.clock.at = SOON + HOLD - SECOND
    assert await refusal(node.ask(token)) == "oidc.refresh_pending"
    assert installed.posts == 1
    installed.clock.at = SOON + HOLD
    if grace:
        renewed = await handed(node, token)
        assert renewed.refresh not in ("", first.refresh)
        assert await codes(store_url) == []
    else:
        assert await node.ask(token) is None
        assert not await node.lives(token)
        assert await codes(store_url) == ["signin.renewal_lost"]
    assert installed.posts == 2


async def test_what_the_dead_held_is_renewed_in_the_background(
    installed: Installation, store: Store, elsewhere: Store, caplog: pytest.LogCaptureFixture
) -> None:
    node = installed.node(elsewhere)
    token, zoe = await installed.sign_in(node), await installed.sign_in(node, "zoe")
    assert await store.take_tokens(await kept(node, token), "dead", SOON + HOLD, SOON)
    for late, posts in ((timedelta(0), 1), (HOLD, 1), (2 * HOLD - SECOND, 1), (2 * HOLD, 2)):
        installed.clock.at = SOON + late
        with caplog.at_level(logging.WARNING, "federation"):
            await node.tokens.renew_due(installed.clock.at)
        assert installed.posts == posts
    assert caplog.records == []
    assert (await kept(node, token)).version == (await kept(node, zoe)).version == 1


AHEAD = [HOLD + SECOND, 3 * HOLD, -(HOLD + SECOND)]


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
async def test_another_clock_renews_nothing_twice(
    installed: Installation,
    store: Store,
    elsewhere: Store,
    store_url: str,
    ahead: timedelta,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE", 0.1)
    here, there = installed.node(store), installed.node(elsewhere, clock=StandingClock(SOON + ahead))
    token = await installed.sign_in(here)
    installed.clock.at = SOON
    came, goes = installed.hold()
    renewing = asyncio.create_task(here.ask(token))
    await came.wait()
    for _ in range(3):
        with suppress(ProviderUnavailable):  # by its clock the old one may have ended
            await there.ask(token)
        await there.tokens.renew_due(there.clock())
        there.clock.at += HOLD / 4
    goes.set()
    renewed = await renewing
    assert renewed
    assert installed.posts == 1
    assert await there.ask(token) == renewed
    assert installed.posts == 1
    assert await here.lives(token)
    assert await codes(store_url) == []


async def test_who_comes_back_late_and_is_refused_ends_nothing(
    installed: Installation, store: Store, elsewhere: Store, store_url: str
) -> None:
    slow, node = installed.node(store), installed.node(elsewhere)
    token = await installed.sign_in(slow)
    installed.clock.at = SOON
    came, goes = installed.hold()
    late = asyncio.create_task(slow.ask(token))
    await came.wait()
    installed.come_up()
    await node.tokens.renew_due(SOON + HOLD)  # it is seen to be held
    installed.clock.at = SOON + 2 * HOLD
    renewed = await handed(node, token)
    goes.set()
    assert await late == renewed
    assert installed.posts == 2  # the second with a refresh token that was spent by then
    assert await node.lives(token)
    assert await codes(store_url) == []


# Outage


async def test_an_outage_ends_nothing(installed: Installation, store: Store, store_url: str) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    first = await handed(node, token)
    installed.go_down()
    installed.clock.at = SOON
    assert await node.ask(token) == first
    installed.clock.at = NOW + LIFE
    assert await refusal(node.ask(token)) == "oidc.token_status"
    installed.come_up()
    assert await refusal(node.ask(token)) == "oidc.refresh_pending"  # asked a moment ago
    assert installed.posts == 0
    assert await node.lives(token)
    assert await codes(store_url) == []
    installed.clock.at += PAUSE
    assert (await handed(node, token)).refresh != first.refresh


async def test_a_client_that_is_refused_ends_nothing(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    other = installed.node(store, client_secret="out of date")
    installed.clock.at = NOW + LIFE
    assert await refusal(other.ask(token)) == "oidc.token_client_refused"
    installed.clock.at += PAUSE
    assert await node.ask(token)


# Refusal


async def _forget(installed: Installation) -> None:
    installed.world.provider.grants.forget()


async def _name_another(installed: Installation) -> None:
    installed.world.provider.knobs = Knobs(claims={"sub": "mallory"})


REFUSALS = [("oidc.refresh_refused", _forget), ("oidc.subject_changed", _name_another)]


@pytest.mark.parametrize(("code", "refuse"), REFUSALS, ids=[code for code, _ in REFUSALS])
async def test_a_refusal_ends_the_session_and_says_so(
    installed: Installation,
    store: Store,
    elsewhere: Store,
    store_url: str,
    code: str,
    refuse: Callable[[Installation], Awaitable[None]],
) -> None:
    node, other = installed.node(store), installed.node(elsewhere)
    token, zoe = await installed.sign_in(node), await installed.sign_in(node, "zoe")
    person = (await kept(node, token)).person
    assert await other.lives(token)
    installed.clock.at = SOON
    await refuse(installed)
    assert await node.ask(token) is None
    assert not await node.lives(token)
    assert not await other.lives(token, later=1)
    assert await node.lives(zoe)
    assert await codes(store_url) == [code]
    found = await ask(store_url, "SELECT reference FROM decision_record WHERE code <> ''")
    record = await store.find_record(found[0][0])
    assert record
    assert (record.connection, record.organization, record.person) == ("acme", "acme", person)
    assert record.at == SOON
    if code == "oidc.subject_changed":  # its signature held: every rule that was asked is kept
        wrapped = (await store.person_keys(person))[0]
        place = f"person:{person}"
        sealed = RING.open_under(wrapped, place, record.sealed, f"record:{record.reference}")
        assert records.read(sealed).checks[-1].code == code
    installed.world.provider.knobs = RIGHT
    assert await node.ask(token) is None
    assert installed.posts == 1


async def test_twenty_who_are_refused_at_once_end_it_once(
    installed: Installation, store: Store, elsewhere: Store, store_url: str
) -> None:
    nodes = [installed.node(store), installed.node(elsewhere)]
    token = await installed.sign_in(nodes[0])
    installed.world.provider.grants.forget()
    installed.clock.at = SOON
    assert set(await asyncio.gather(*(node.ask(token) for node in nodes * 10))) == {None}
    assert installed.posts == 1
    assert await codes(store_url) == ["oidc.refresh_refused"]


async def test_a_session_that_ends_meanwhile_is_handed_nothing(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    installed.clock.at = SOON
    came, goes = installed.hold()
    asking = asyncio.create_task(node.ask(token))
    await came.wait()
    await node.signin.end(token)
    goes.set()
    assert await asking is None
    await node.tokens.close()
    grants = installed.world.provider.grants
    assert grants._refresh == {}  # what came too late is revoked: nobody has it
    assert grants.revoked == ["refresh_token", "access_token"]


# In the background


async def test_what_ends_soon_is_renewed_though_nobody_asks(
    installed: Installation, store: Store, elsewhere: Store
) -> None:
    node, other = installed.node(store), installed.node(elsewhere)
    token, zoe = await installed.sign_in(node), await installed.sign_in(node, "zoe")
    early = NOW + timedelta(seconds=224)
    await node.tokens.renew_due(early)
    assert installed.posts == 0
    due = early + SECOND
    installed.clock.at = due
    await asyncio.gather(node.tokens.renew_due(due), other.tokens.renew_due(due))
    assert installed.posts == 2
    for one in (token, zoe):
        assert (await handed(node, one)).access_until == due + LIFE
    await node.tokens.renew_due(due)
    assert installed.posts == 2


async def test_a_grant_that_has_ended_ends_its_session_though_nobody_asks(
    installed: Installation, store: Store, store_url: str
) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    installed.world.provider.grants.forget()
    installed.clock.at = SOON
    assert await upkeep.run_once(upkeep.renewal_job(node.tokens.renew_due), store, "a", SOON)
    assert not await node.lives(token)
    assert await codes(store_url) == ["oidc.refresh_refused"]


async def test_a_provider_that_is_down_is_asked_again_later(
    installed: Installation, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    node = installed.node(store)
    token = await installed.sign_in(node)
    installed.go_down()
    installed.clock.at = SOON
    with caplog.at_level(logging.WARNING, "federation"):
        await node.tokens.renew_due(SOON)
    (line,) = caplog.records
    assert (line.__dict__["connection"], line.__dict__["code"]) == ("acme", "oidc.token_status")
    installed.come_up()
    await node.tokens.renew_due(SOON + PAUSE)
    assert installed.posts == 0
    installed.clock.at = SOON + RETRY
    await node.tokens.renew_due(SOON + RETRY)
    assert installed.posts == 1
    assert await node.ask(token)


async def test_a_provider_that_is_down_is_not_asked_for_everybody(
    installed: Installation, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_LANES", 1)
    node = installed.node(store)
    sessions = [await installed.sign_in(node) for _ in range(3)]
    installed.go_down()
    installed.clock.at = SOON
    with caplog.at_level(logging.WARNING, "federation"):
        await node.tokens.renew_due(SOON)
    assert len(caplog.records) == 1
    installed.come_up()
    await node.tokens.renew_due(SOON)  # those that were not tried wait for nothing
    assert installed.posts == 2
    assert all([await node.lives(token) for token in sessions])


async def test_a_connection_that_renews_nothing_is_left_alone(installed: Installation, store: Store) -> None:
    node = installed.node(store)
    await installed.sign_in(node)
    without = installed.node(store, keep_tokens=["access"])  # as the settings file says by now
    await without.tokens.renew_due(SOON)
    assert installed.posts == 0


# Nothing leaks


async def test_no_token_stands_in_a_log_or_in_clear_in_the_database(
    installed: Installation, store: Store, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    node = installed.node(store)
    token = await installed.sign_in(node)
    given = [await handed(node, token)]
    installed.clock.at = SOON
    given.append(await handed(node, token))
    installed.go_down()
    installed.clock.at = SOON + LIFE
    await refusal(node.ask(token))
    installed.come_up()
    installed.world.provider.grants.forget()
    installed.clock.at += RETRY
    await node.tokens.renew_due(installed.clock.at)
    assert await codes(store_url) == ["oidc.refresh_refused"]
    secrets = {one for told in given for one in (told.access, told.refresh, told.id)} | {token}
    said = " ".join(f"{line.getMessage()} {line.__dict__}" for line in caplog.records)
    assert not any(secret in said for secret in secrets)
    tables = ("kept_token", "session", "decision_record", "provider_session", "pending_sign_in", "account")
    for table in tables:
        for row in await ask(store_url, f"SELECT * FROM {table}"):  # noqa: S608
            assert not any(secret in str(row) for secret in secrets), table
