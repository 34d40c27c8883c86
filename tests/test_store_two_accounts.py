"""Two sign-ins of one user at one moment, each by an account of its own: neither misses the other."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from databases import ask, open_session, until, waiting
from decisions import decided
from test_store import NOW, RECORD, SECOND, WAITING, ZOE, another
from test_store_teams import terms

from federation.connection import Organization
from federation.decision import Decision, Outcome, Profile
from federation.identity import Grant, Subject
from federation.store import resettling, standing
from federation.store.store import Store
from federation.store.values import Sealing

OKTA = replace(
    ZOE,
    subject=Subject(issuer="https://okta.example", value="zoe"),
    connection="okta",
    email="z@acme.example",
)
TRUSTED = {"anyone": False, "domains": ["acme.example"], "email_trust": "domains", "on_email_match": "link"}
WAITS = replace(WAITING, connection="okta")


@pytest.fixture
def store_url(postgres_url: str) -> str:
    """Where two transactions can be under way at one moment: SQLite has one writer."""
    return postgres_url


async def joined(store: Store, store_url: str) -> str:
    """Let one user have both accounts, and be a builder by the first one."""
    zoe = await open_session(store, decided(ZOE, ("builder", "r")), another(1), NOW)
    await open_session(store, decided(OKTA), another(2), NOW)
    await ask(store_url, f"UPDATE account SET user_id = '{zoe.user.id}'")  # noqa: S608  as joining does
    return zoe.user.id


async def waits(store_url: str, *tasks: asyncio.Future[Any]) -> None:
    """Return once each of these has ended, or waits for a lock."""

    async def each() -> bool:
        return await waiting(store_url) + sum(one.done() for one in tasks) >= len(tasks)

    await until(each)


async def meanwhile(
    store: Store, store_url: str, doing: Callable[[], Awaitable[object]], decision: Decision | None = None
) -> tuple[str, ...]:
    """Do something while a sign-in by Okta has read what stands; return the roles that its session says."""
    await store.remember_pending(WAITS)
    beside = await asyncpg.connect(store_url)
    async with beside.transaction():
        await beside.execute("SELECT * FROM pending_sign_in FOR UPDATE")  # what a sign-in writes last
        new = another(3, handle=WAITS.handle)
        signing_in = asyncio.create_task(open_session(store, decision or decided(OKTA), new, NOW))
        await waits(store_url, signing_in)
        other = asyncio.ensure_future(doing())
        await waits(store_url, signing_in, other)
    await beside.close()
    await asyncio.gather(signing_in, other)
    session = await store.find_session(new.token_hash, NOW + 2 * SECOND)
    assert session is not None
    return session.roles


async def test_a_session_opened_meanwhile_loses_what_another_account_lost(
    store: Store, store_url: str
) -> None:
    await joined(store, store_url)
    by_adfs = another(4, handle="")
    roles = await meanwhile(store, store_url, lambda: open_session(store, decided(ZOE), by_adfs, NOW))
    assert roles == ()


async def test_so_it_does_by_a_reread_of_another_account(store: Store, store_url: str) -> None:
    await joined(store, store_url)
    sealing = Sealing(ring_key="k", fresh=lambda: "wrapped", seal=lambda _, __: "v1.sealed")
    record = replace(RECORD, reference="REREAD")
    roles = await meanwhile(
        store, store_url, lambda: store.resettle(decided(ZOE), record, NOW, sealing=sealing)
    )
    assert roles == ()


async def test_so_it_does_where_the_other_account_is_being_linked(store: Store, store_url: str) -> None:
    """The account is new, the user is not."""
    await open_session(store, decided(ZOE, ("builder", "r"), **TRUSTED), another(1), NOW)
    linking = replace(OKTA, email=ZOE.email)
    roles = await meanwhile(
        store,
        store_url,
        lambda: open_session(store, decided(ZOE, **TRUSTED), another(4, handle=""), NOW),
        decided(linking, **TRUSTED),
    )
    assert roles == ()


async def test_a_first_sign_in_that_meets_another_with_another_address_begins_anew(
    store: Store, store_url: str
) -> None:
    """Neither waits for the other's address, and each was about to make the user."""
    other = replace(OKTA, email="zoe@acme.example")
    roles = await meanwhile(
        store,
        store_url,
        lambda: open_session(store, decided(other, ("builder", "r")), another(4, handle=""), NOW),
        decided(OKTA, ("auditor", "r")),
    )
    assert roles == ("builder",)  # what the later sign-in of this connection says, told to the earlier one
    sessions = await ask(store_url, "SELECT user_id, data::json->'user'->>1 FROM session ORDER BY created_at")
    assert {email for _, email in sessions} == {"z@acme.example", "zoe@acme.example"}
    assert await ask(store_url, 'SELECT id FROM "user"') == [sessions[0][:1]] == [sessions[1][:1]]
    assert await ask(store_url, "SELECT email FROM account") == [("zoe@acme.example",)]
    granted = await ask(store_url, "SELECT role FROM role_grant")
    assert granted == [("builder",)]
    assert len(await ask(store_url, "SELECT 1 FROM decision_record")) == len(sessions)


OPERATOR = ["operator", "system:okta", "group"]


@pytest.mark.parametrize(
    # what the session had, what the groups of the re-read account give, what it has then
    ("before", "given", "after"),
    [([], [OPERATOR], []), ([OPERATOR], [OPERATOR], [OPERATOR]), ([OPERATOR], [], [])],
)
def test_a_reread_gives_no_system_role_to_a_session(
    before: list[list[str]], given: list[list[str]], after: list[list[str]]
) -> None:
    """It may be the session of another account of theirs at the same provider, whose groups these are not."""
    told = {"user": ["id"], "groups": [], "grants": before, "teams": []}
    outcome = Outcome(profile=Profile(), grants=tuple(Grant(*one) for one in given), teams=())
    assert resettling.retold(told, decided(OKTA), outcome, own=True)["grants"] == after


async def test_a_role_by_hand_and_a_deactivation_wait_in_one_order(store: Store, store_url: str) -> None:
    """Each takes the user, then the administrators: the other way round one of them would be a deadlock."""
    user = await joined(store, store_url)
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await ask(store_url, counted)
    beside = await asyncpg.connect(store_url)
    async with beside.transaction():
        await beside.execute("SELECT pg_advisory_xact_lock($1)", standing.gate("administrators", "acme"))
        given = asyncio.create_task(store.set_grant("acme", user, "x", terms(), NOW, give=True))
        await waits(store_url, given)
        owners = {"acme": Organization(name="Acme", administrators=("owner",))}
        ending = store.deactivate(user, "acme", source="manual", administrators=owners, force=False, now=NOW)
        ended = asyncio.create_task(ending)
        await waits(store_url, given, ended)
    await beside.close()
    assert (await given).changed
    assert (await ended).changed
    await asyncio.sleep(1)  # the server counts at its leisure
    assert await ask(store_url, counted) == before
