"""Between sign-ins, of a user with two accounts at one connection: each session is its own account's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from databases import ask, open_session
from decisions import decided
from test_reconcile import HOUR, node, reconciler, session
from test_store import MINUTE, NOW, RECORD, ZOE, another
from tokens_world import Installation, open_installation

from federation.identity import Groups, Identity, Presence, Session, Subject
from federation.store.store import Store
from federation.store.values import DueReread, Sealing

WORK = replace(ZOE, groups=Groups(Presence.PRESENT, ("staff",)), attributes={"department": ("work",)})
HOME = replace(
    ZOE,
    subject=Subject(issuer="https://idp.example", value="zoe-at-home"),
    email="home@acme.example",
    display_name="Zoë at home",
    groups=Groups(Presence.PRESENT, ("admins",)),
    attributes={"department": ("home",)},
)
UNTIL = NOW + timedelta(minutes=5)
SEALING = Sealing(ring_key="k", fresh=lambda: "wrapped", seal=lambda _, __: "v1.sealed")
OLDER = "UPDATE session SET person = NULL"  # as releases before 0004 left them


async def both(store: Store, url: str) -> None:
    """Sign in by each account, Work first; Home is the later session."""
    for number, who in enumerate((WORK, HOME), 1):
        new = another(number, handle="", reread_at=NOW)
        await open_session(store, decided(who), new, NOW + number * timedelta(seconds=1))
    user = "(SELECT min(user_id) FROM session)"
    await ask(url, f"UPDATE account SET user_id = {user}")  # noqa: S608  as joining does
    await ask(url, f"DELETE FROM membership WHERE user_id <> {user}")  # noqa: S608
    await ask(url, f"UPDATE session SET user_id = {user}")  # noqa: S608


def due(who: Identity) -> DueReread:
    return DueReread(organization="acme", person=who.subject.person, connection="adfs", due_at=NOW)


async def sessions(store: Store, later: timedelta = 2 * MINUTE) -> tuple[Session | None, Session | None]:
    """Return Work's and Home's."""
    work, home = [await store.find_session(number.to_bytes(32, "big"), NOW + later) for number in (1, 2)]
    return work, home


@pytest.mark.parametrize("who", [WORK, HOME], ids=["work", "home"])
async def test_what_stands_is_taken_from_the_session_of_the_account(
    store: Store, store_url: str, who: Identity
) -> None:
    await both(store, store_url)
    known = await store.take_reread(due(who), UNTIL, NOW + MINUTE)
    assert known is not None
    assert (known.groups, known.attributes) == (who.groups.names, who.attributes)


async def test_an_account_without_a_live_session_is_not_asked_about(store: Store, store_url: str) -> None:
    await both(store, store_url)
    await store.end_session((1).to_bytes(32, "big"), NOW + MINUTE)
    assert await store.take_reread(due(WORK), UNTIL, NOW + MINUTE) is None
    assert await store.take_reread(due(HOME), UNTIL, NOW + MINUTE) is not None


async def test_what_is_so_now_is_told_to_the_sessions_of_the_account(store: Store, store_url: str) -> None:
    await both(store, store_url)
    _, before = await sessions(store, MINUTE)
    now = replace(WORK, groups=Groups(Presence.PRESENT, ("retired",)), display_name="Zoë who works")
    record = replace(RECORD, reference="REREAD")
    assert await store.resettle(decided(now, profile_update="always"), record, NOW + MINUTE, sealing=SEALING)
    work, home = await sessions(store)
    assert work is not None
    assert (work.groups, work.user.display_name) == (("retired",), "Zoë who works")
    assert home == before


async def test_a_refusal_ends_the_sessions_of_the_account(store: Store, store_url: str) -> None:
    await both(store, store_url)
    record = replace(RECORD, reference="REREAD", code="policy.domain")
    ended = await store.end_refused_reread(due(WORK), record, NOW + MINUTE, sealing=None, taking={})
    assert ended == 1
    work, home = await sessions(store)
    assert work is None
    assert home is not None


async def test_a_session_of_an_earlier_release_is_every_accounts(store: Store, store_url: str) -> None:
    """It does not know whose it is: it is asked about, and ends, with either."""
    await both(store, store_url)
    await ask(store_url, OLDER)
    known = await store.take_reread(due(WORK), UNTIL, NOW + MINUTE)
    assert known is not None
    assert known.groups == HOME.groups.names  # of the latest session
    record = replace(RECORD, reference="REREAD", code="policy.domain")
    assert await store.end_refused_reread(due(WORK), record, NOW + MINUTE, sealing=None, taking={}) == 2


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


async def test_each_account_is_asked_about_with_its_own_tokens(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store, role_rules=[])
    tokens = [await installed.sign_in(one, who) for who in ("ada", "bob")]
    before = [await session(one, token) for token in tokens]
    user = f"UPDATE account SET user_id = '{before[0].user.id}'"  # type: ignore[union-attr]  # noqa: S608
    await ask(store_url, user)
    await ask(store_url, user.replace("account", "session"))
    one.clock.at += HOUR
    await reconciler(one).reconcile_due(one.clock())
    after = [await session(one, token) for token in tokens]
    for was, now in zip(before, after, strict=True):
        assert was is not None
        assert now is not None
        assert (now.groups, now.user.email) == (was.groups, was.user.email)
    assert after[0].groups != after[1].groups  # type: ignore[union-attr]
