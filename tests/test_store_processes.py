"""Processes that present the same assertions to one database, on SQLite and on PostgreSQL; one is killed."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from databases import ask
from test_store import MINUTE, NOW, RECORD, another, refusal, someone, under

from federation.errors import AssertionRefused
from federation.identity import Subject
from federation.store.store import Store, open_store
from federation.store.values import Claim

TURNS, KILLED_AT = 120, 40


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


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
