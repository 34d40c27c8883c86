"""Whoever types an address learns nothing from what the answer costs: known or not, the same is asked.

In this process, on SQLite: which statements, and how many instructions of the database they take, which no
busy machine bends. ``benchmarks/email_first.py`` has the CPU.
"""

import sqlite3
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from crowded import pages

from federation import clock

KNOWN = "/login?email=" + quote("ada@acme.example")
OTHERS = {
    "nobody of ours": "nobody@acme.example",
    "unknown domain": "ada@acmf.example",
    "below an unknown domain": "ada@acme.unknown",
}
STEP = 20  # instructions between two counts
TURNS = 5
FEW = 5  # counts: an address of another number of labels, a proof more or less


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    many = {"people": 300, "connections": 60, "teams": 3, "records": 30, "audit": 30}
    async with pages.standing(tmp_path_factory.mktemp("email"), now=clock.now(), **many) as standing:
        yield standing


async def asked(rig: Any, path: str) -> tuple[list[str], int]:
    """Return the statements of a page in their order, and about how many instructions they took."""
    statements, counted = list[str](), [0]

    def count() -> int:
        counted[0] += 1
        return 0

    def listen(db: sqlite3.Connection) -> None:
        db.set_trace_callback(lambda said: statements.append(said.partition("(")[0]))
        db.set_progress_handler(count, STEP)

    def leave(db: sqlite3.Connection) -> None:
        db.set_trace_callback(None)
        db.set_progress_handler(None, 0)

    # In the writer's own turn: beside a statement of its thread both would wait for one another for ever.
    reader, writer = rig.house.store._reader, rig.house.store._writer
    listen(reader)
    await writer.submit(listen)
    answer = await rig.ask(path)
    leave(reader)
    await writer.submit(leave)
    assert answer.status == 200
    return statements, counted[0]


async def own(rig: Any, path: str) -> tuple[list[str], int]:
    """Return as ``asked`` what is the page's own: what the service does by itself beside it only adds."""
    every = [await asked(rig, path) for _ in range(TURNS)]
    return min((one for one, _ in every), key=len), min(count for _, count in every)


@pytest.mark.parametrize("email", OTHERS.values(), ids=OTHERS)
async def test_a_known_address_asks_what_any_other_asks(rig: Any, email: str) -> None:
    path = f"/login?email={quote(email)}"
    for one in (KNOWN, path):
        await asked(rig, one)  # whatever is read once is read by now
    known, other = await own(rig, KNOWN), await own(rig, path)
    assert known[0]
    assert known[0] == other[0]
    assert abs(known[1] - other[1]) <= FEW
