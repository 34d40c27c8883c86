"""What pages ask of the database does not grow with it, and no page outgrows its bound.

Counted in instructions of SQLite, which no busy machine bends: each page in front of a crowd, and of one
four times as large. ``benchmarks/pages.py`` has the milliseconds, with 100,000 people.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from crowded import pages

from federation import clock
from federation.web.pages import ASSETS

EACH = 100  # instructions between two counts
# Beyond what the bounded reads of a page look at, so that only what is not bounded grows.
FEW = {"people": 1500, "records": 1500, "audit": 1500, "connections": 120, "teams": 120}
MANY = {name: 4 * number for name, number in FEW.items()}
GROWS = 1.6  # times, and a little more for pages that ask nearly nothing
# Looks at everybody in turns, until as many are locked out as are counted.
WHOLE = "?way-"


@asynccontextmanager
async def counted(home: Any, many: Mapping[str, int]) -> AsyncIterator[tuple[Any, Counter[str]]]:
    async with pages.standing(home, now=clock.now(), **many) as rig:
        counts: Counter[str] = Counter()

        def note() -> int:
            counts["steps"] += 1
            return 0

        for db in (rig.house.store._reader, rig.house.store._writer._db):
            db.set_progress_handler(note, EACH)
        yield rig, counts


@pytest.fixture(scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Any]:
    """Return of each page what it cost with few and with many, and its octets."""
    found: dict[tuple[str, str], Any] = {}
    for name, many in (("few", FEW), ("many", MANY)):
        async with counted(tmp_path_factory.mktemp(name), many) as (rig, counts):
            for who, path in pages.pages():
                await rig.ask(path, who)
                counts.clear()
                answer = await rig.ask(path, who)
                found.setdefault((who, path), []).append((counts["steps"], len(answer.body), answer.status))
    return found


async def test_no_page_reads_more_where_there_is_more(asked: Mapping[tuple[str, str], Any]) -> None:
    grown = {
        f"{who} {path}": (few[0], many[0])
        for (who, path), (few, many) in asked.items()
        if many[0] > GROWS * few[0] + 40 and WHOLE not in path
    }
    assert not grown


async def test_no_page_outgrows_its_bound(asked: Mapping[tuple[str, str], Any]) -> None:
    beside = sum(len(content) for content, _ in ASSETS.values())
    heavy = {
        path: octets + beside
        for (_, path), told in asked.items()
        for _, octets, _ in told
        if octets + beside >= pages.HEAVIEST
    }
    assert not heavy


async def test_every_page_answers(asked: Mapping[tuple[str, str], Any]) -> None:
    assert not {path: told for (_, path), told in asked.items() if told[0][2] >= 500}
