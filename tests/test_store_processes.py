"""Processes at one database, on SQLite and on PostgreSQL: the same assertions, the same new people."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest
from databases import ask
from decisions import admitting, granted
from test_store import MINUTE, NOW, RECORD, ZOE, another, refusal, someone, under

from federation.decision import Wanted
from federation.errors import AssertionRefused
from federation.identity import Subject
from federation.store.store import Store, open_store
from federation.store.values import Claim

pytestmark = pytest.mark.processes

TURNS, KILLED_AT, NEWCOMERS = 120, 40, 40


async def present(store: Store, turn: int, process: int, now: datetime = NOW) -> None:
    """Present an assertion of somebody of its own; every other one is refused."""
    claim = Claim(issuer="https://idp.example", id=f"_{turn}", until=NOW + MINUTE)
    who = someone(subject=Subject(issuer="https://idp.example", value=f"p{turn}"))
    person, sealing = who.identity.subject.person, under(f"key-{process}")
    if turn % 2:
        record = replace(RECORD, reference=f"{process}-{turn}", code="policy.refused", person=person)
        await store.keep_record(record, claim=claim, sealing=sealing)
        return
    new = another(process * TURNS + turn)
    new = replace(new, record=replace(new.record, person=person))
    await store.open_session(who, new, now, claim=claim, sealing=sealing)


async def main(url: str, process: int) -> None:
    """Present all, and say of each what became of it."""
    store = await open_store(url)
    for turn in range(TURNS):
        told = "counted"
        try:
            await present(store, turn, process)
        except AssertionRefused as replayed:
            told = replayed.code
        sys.stdout.write(f"{turn} {told}\n")
        sys.stdout.flush()
    await store.close()


def _race(url: str) -> tuple[list[str], list[str]]:
    """Let two run at once and kill one half-way; return what each said."""
    command = [sys.executable, __file__, url]
    with (
        subprocess.Popen([*command, "1"], stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen([*command, "2"], stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout
        assert other.stdout
        said: list[str] = []
        with suppress(StopIteration):
            while len(said) < KILLED_AT:
                said.append(next(one.stdout))
        one.kill()
        said += one.stdout.read().splitlines()
        return [line.split()[1] for line in said], [line.split()[1] for line in other.stdout]


async def test_each_counts_once_and_whole_whoever_dies(store: Store, store_url: str) -> None:
    killed, whole = await asyncio.to_thread(_race, store_url)
    assert len(killed) >= KILLED_AT
    assert len(whole) == TURNS
    assert {*killed, *whole} <= {"counted", "signin.replayed"}
    # Never both; neither where the one that was killed could not say so any more.
    for one, other in zip(killed, whole, strict=False):
        assert [one, other].count("counted") == 1
    sessions = await ask(store_url, "SELECT count(*) FROM session")
    assert sessions == [(TURNS // 2,)]
    assert await ask(store_url, "SELECT count(*) FROM account") == sessions
    for table in ("decision_record", "claimed_assertion", "person_key"):
        assert await ask(store_url, f"SELECT count(*) FROM {table}") == [(TURNS,)]  # noqa: S608
    for turn in range(TURNS):
        assert await refusal(present(store, turn, 3)) == "signin.replayed"


# The same new people at both


WAYS = ("adfs", "okta")
LINKING = {"anyone": False, "domains": ["acme.example"], "email_trust": "domains", "on_email_match": "link"}


async def come(store: Store, turn: int, process: int, now: datetime = NOW) -> str:
    """Sign in somebody who is new here, and at the other process at this moment; return their user.

    By the same Subject, or every other time by another connection, which links them by their address.
    """
    through = WAYS[(process - 1) * (turn % 2)]
    who = replace(
        ZOE,
        subject=Subject(issuer=f"https://{through}.example", value=f"p{turn}"),
        connection=through,
        email=f"p{turn}@acme.example",
    )
    decision = admitting(who, Wanted(grants=(granted(who, "admin", "admins"),)), **LINKING)
    claim = Claim(issuer="https://idp.example", id=f"_{process}-{turn}", until=NOW + MINUTE)
    new = another(process * TURNS + turn)
    session = await store.open_session(decision, new, now, claim=claim, sealing=None)
    return session.user.id


async def welcome(url: str, process: int) -> None:
    """Sign one in whenever a line comes in, and say who they are."""
    store = await open_store(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for turn, _ in enumerate(sys.stdin):
        sys.stdout.write(await come(store, turn, process) + "\n")
        sys.stdout.flush()
    await store.close()


def _meet(url: str) -> list[tuple[str, str]]:
    """Let two welcome each newcomer at the same moment; return whom each took them for."""
    command, piped = [sys.executable, __file__, url], subprocess.PIPE
    with (
        subprocess.Popen([*command, "1", "welcome"], stdin=piped, stdout=piped, text=True, bufsize=1) as one,
        subprocess.Popen(
            [*command, "2", "welcome"], stdin=piped, stdout=piped, text=True, bufsize=1
        ) as other,
    ):
        both = (one, other)
        assert [each.stdout and each.stdout.readline() for each in both] == ["ready\n"] * 2
        met = []
        for _ in range(NEWCOMERS):
            for each in both:
                assert each.stdin
                each.stdin.write("next\n")
            first, second = (each.stdout.readline().strip() for each in both if each.stdout)
            met.append((first, second))
        return met


async def test_a_new_person_at_two_processes_is_one_user(store: Store, store_url: str) -> None:
    met = await asyncio.to_thread(_meet, store_url)
    assert len(met) == NEWCOMERS
    assert all(one and one == other for one, other in met)
    assert len({one for one, _ in met}) == NEWCOMERS
    for table, rows in (
        ("user", NEWCOMERS),
        ("membership", NEWCOMERS),
        ("account", NEWCOMERS * 3 // 2),  # every other one has two
        ("role_grant", NEWCOMERS * 3 // 2),  # of each connection its own
        ("session", NEWCOMERS * 2),
    ):
        assert await ask(store_url, f'SELECT count(*) FROM "{table}"') == [(rows,)]  # noqa: S608


if __name__ == "__main__":
    told = sys.argv[1], int(sys.argv[2])
    asyncio.run(welcome(*told) if sys.argv[3:] else main(*told))
