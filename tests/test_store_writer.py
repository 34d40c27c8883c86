"""The one thread that writes to SQLite: what shares a commit, and what a failure undoes."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from databases import ask

from federation.errors import StoreUnavailable
from federation.store.writer import Writer


def _writer(path: Path) -> Writer:
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE IF NOT EXISTS told (what TEXT)")
    return Writer(db)


def _tell(what: str, fault: Exception | None = None) -> Any:
    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO told VALUES (?)", (what,))
        if fault:
            raise fault
        return what

    return work


async def test_a_refused_job_undoes_itself_alone(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    jobs = [writer.submit(_tell("a")), writer.submit(_tell("b", KeyError("no"))), writer.submit(_tell("c"))]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    await writer.close()
    assert [type(answer) for answer in answers] == [str, KeyError, str]
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("a",), ("c",)]


async def test_all_that_wait_are_one_commit(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    begun, go_on = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> bool:
        begun.set()
        go_on.wait(10)
        return db.in_transaction

    first = writer.submit(hold)
    await asyncio.to_thread(begun.wait, 10)
    rest = [writer.submit(_tell("x")) for _ in range(20)]
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT * FROM told") == []
    go_on.set()
    assert await first
    await asyncio.gather(*rest)
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT count(*) FROM told") == [(20,)]


async def test_a_commit_that_fails_is_told_to_all_who_wait(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = [writer.submit(_tell(what)) for what in "abc"]
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert await writer.submit(_tell("d")) == "d"
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("d",)]


async def test_a_caller_that_is_gone_does_not_stop_its_job(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    writer.submit(_tell("a")).cancel()
    assert await writer.submit(_tell("b")) == "b"
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("a",), ("b",)]
