"""The one connection that writes to SQLite: what shares a commit, what a failure undoes, who waits."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from databases import ask

from federation.errors import StoreUnavailable
from federation.store.writer import Writer


def _writer(path: Path, *, patience: float = 0, said: list[str] | None = None) -> Writer:
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE IF NOT EXISTS told (what TEXT)")
    if said is not None:
        db.set_trace_callback(said.append)
    return Writer(db, patience=patience)


def _where(_db: sqlite3.Connection) -> int:
    return threading.get_ident()


def _flushes(db: sqlite3.Connection) -> int:
    """2 where the commit waits for the disk, 1 where it does not."""
    return int(db.execute("PRAGMA synchronous").fetchone()[0])


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
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told ORDER BY rowid") == [("a",), ("c",)]


async def test_all_that_wait_are_one_commit(tmp_path: Path) -> None:
    said: list[str] = []
    writer = _writer(tmp_path / "w.db", said=said)
    await asyncio.gather(*(writer.submit(_tell("x")) for _ in range(8)))
    assert said.count("COMMIT") == 1
    await asyncio.gather(*(writer.submit(_tell("x")) for _ in range(42)))
    assert 6 <= said.count("COMMIT") <= 8  # at most 8 each, for the loop goes on meanwhile
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT count(*) FROM told") == [(50,)]


async def test_those_that_come_during_a_commit_wait_for_the_next(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    begun, go_on = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> bool:
        begun.set()
        go_on.wait(10)
        return db.in_transaction

    first = writer.submit(hold, long=True)
    await asyncio.to_thread(begun.wait, 10)
    rest = [writer.submit(_tell("x")) for _ in range(20)]
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT * FROM told") == []
    go_on.set()
    assert await first
    await asyncio.gather(*rest)
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT count(*) FROM told") == [(20,)]


async def test_the_loop_does_what_is_short_and_a_thread_what_is_long(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    here = threading.get_ident()
    jobs = [writer.submit(_where), writer.submit(_where, long=True), writer.submit(_where)]
    first, second, _third = await asyncio.gather(*jobs)
    assert (first == here, second == here) == (True, False)
    assert await writer.submit(_where) == here
    await writer.close()


async def test_the_loop_does_not_wait_for_another_process(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db", patience=10)
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        job = writer.submit(_where)
        assert (await asyncio.wait({job}, timeout=0.05))[0] == set()
        later = writer.submit(_tell("a"))
        other.execute("COMMIT")
    assert await job != threading.get_ident()
    assert await later == "a"
    assert await writer.submit(_where) == threading.get_ident()
    await writer.close()


async def test_a_transaction_that_is_lost_is_told_to_all_and_the_next_succeeds(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")

    def lose(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")  # as SQLite does by itself where the disk is full

    jobs = [writer.submit(_tell("a")), writer.submit(lose), writer.submit(_tell("b"))]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert await writer.submit(_tell("c")) == "c"
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("c",)]


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    jobs = [writer.submit(_tell("x"), long=number == 5) for number in range(40)]
    await writer.close()
    assert await asyncio.gather(*jobs) == ["x"] * 40
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT count(*) FROM told") == [(40,)]


async def test_loops_share_a_writer_and_one_that_ends_does_not_stop_it(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")

    async def elsewhere() -> None:
        for number in range(50):
            await writer.submit(_tell("there"), long=number % 7 == 0)
        writer.submit(_tell("left"))

    there = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere()))
    for _ in range(50):
        await writer.submit(_tell("here"))
    await there
    await writer.close()
    counts = "SELECT what, count(*) FROM told GROUP BY what ORDER BY what"
    assert await ask(f"sqlite:///{tmp_path}/w.db", counts) == [("here", 50), ("left", 1), ("there", 50)]


async def test_a_loop_that_ends_with_the_turn_leaves_it_to_those_who_wait(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    await writer.submit(_tell("here"))

    def ending() -> asyncio.AbstractEventLoop:
        async def submit_at_last() -> None:
            asyncio.get_running_loop().call_soon(writer.submit, _tell("left"))

        loop = asyncio.new_event_loop()
        loop.run_until_complete(submit_at_last())  # its turn would be the one after
        return loop

    elsewhere = await asyncio.to_thread(ending)
    waiting = writer.submit(_tell("here"))
    elsewhere.close()
    assert await asyncio.wait_for(waiting, 20) == "here"
    await writer.close()
    counts = "SELECT what, count(*) FROM told GROUP BY what ORDER BY what"
    assert await ask(f"sqlite:///{tmp_path}/w.db", counts) == [("here", 2), ("left", 1)]


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
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told ORDER BY rowid") == [("a",), ("b",)]


# Light jobs


async def test_a_light_commit_is_the_loops_own_and_is_not_flushed(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    where: list[tuple[str, int]] = []
    writer._db.set_trace_callback(lambda said: where.append((said, threading.get_ident())))
    assert await writer.submit(_flushes, light=True) == 1
    assert await writer.submit(_tell("a"), light=True) == "a"
    assert {thread for said, thread in where if said == "COMMIT"} == {threading.get_ident()}
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("a",)]
    where.clear()
    assert await writer.submit(_flushes) == 2
    assert threading.get_ident() not in {thread for said, thread in where if said == "COMMIT"}
    assert await writer.submit(_flushes, light=True) == 1
    assert await writer.submit(_flushes, long=True) == 2
    assert await writer.submit(_flushes, long=True, light=True) == 2
    await writer.close()


async def test_one_that_must_last_has_those_beside_it_flushed_too(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    kinds = [{"light": True}, {"light": True}, {}, {"light": True}]
    assert await asyncio.gather(*(writer.submit(_flushes, **kind) for kind in kinds)) == [2] * 4
    assert await asyncio.gather(*(writer.submit(_flushes, light=True) for _ in range(20))) == [1] * 20
    await writer.close()


async def test_a_power_cut_leaves_a_beginning_that_holds_all_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    writer = _writer(path)
    flushed = 0
    for number in range(12):
        light = number != 5
        await writer.submit(_tell(f"{number:02}"), light=light)
        if not light:
            flushed = path.with_name("w.db-wal").stat().st_size
    kept, written = path.read_bytes(), path.with_name("w.db-wal").read_bytes()
    await writer.close()
    cut, lengths = tmp_path / "cut.db", set()
    for octets in (
        *range(flushed, len(written), 509),
        len(written),
    ):  # what the disk had not seen may be there or not
        cut.write_bytes(kept)
        cut.with_name("cut.db-wal").write_bytes(written[:octets] + bytes(len(written) - octets))
        left = [what for (what,) in await ask(f"sqlite:///{cut}", "SELECT what FROM told ORDER BY rowid")]
        assert left == [f"{number:02}" for number in range(len(left))]
        lengths.add(len(left))
    assert lengths == set(range(6, 13))


async def test_mixed_arrivals_keep_their_order(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    told: list[int] = []

    async def come(number: int) -> None:
        job = writer.submit(_tell(str(number)), light=number % 3 != 0, long=number % 10 == 0)
        job.add_done_callback(lambda _: told.append(number))
        await job

    async with asyncio.TaskGroup() as arrivals:
        for number in range(100):
            arrivals.create_task(come(number))
            if number % 4 == 0:
                await asyncio.sleep(0)
    await writer.close()
    kept = await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told ORDER BY rowid")
    assert [int(what) for (what,) in kept] == told == list(range(100))


async def test_a_light_job_waits_for_another_process_off_the_loop(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db", patience=10)
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        job = writer.submit(_where, light=True)
        assert (await asyncio.wait({job}, timeout=0.05))[0] == set()
        later = writer.submit(_tell("a"), light=True)
        other.execute("COMMIT")
    assert await job != threading.get_ident()
    assert await later == "a"
    assert await writer.submit(_where, light=True) == threading.get_ident()
    await writer.close()


@pytest.mark.parametrize("light", [True, False])
async def test_one_that_is_refused_alone_leaves_nothing_and_no_transaction(
    tmp_path: Path,
    light: bool,  # noqa: FBT001
) -> None:
    said: list[str] = []
    writer = _writer(tmp_path / "w.db", said=said)
    with pytest.raises(KeyError):
        await writer.submit(_tell("a", KeyError("no")), light=light)
    assert "COMMIT" not in said
    assert not writer._db.in_transaction
    assert await writer.submit(_tell("b"), light=light) == "b"
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("b",)]


async def test_a_light_commit_that_fails_is_told_and_the_next_succeeds(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")

    def lose(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")

    for jobs in ([lose], [_tell("a"), lose, _tell("b")]):
        tries = [writer.submit(job, light=True) for job in jobs]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        assert await writer.submit(_tell("c"), light=True) == "c"
    await writer.close()
    assert await ask(f"sqlite:///{tmp_path}/w.db", "SELECT what FROM told") == [("c",), ("c",)]


@pytest.mark.parametrize("light", [True, False])
async def test_the_log_does_not_grow_for_ever_and_is_never_copied_on_the_loop(
    tmp_path: Path,
    light: bool,  # noqa: FBT001
) -> None:
    writer = _writer(tmp_path / "w.db")
    threads: set[int] = set()

    def traced(said: str) -> None:
        if said.startswith("PRAGMA wal_checkpoint"):
            threads.add(threading.get_ident())

    writer._db.set_trace_callback(traced)
    log = tmp_path / "w.db-wal"
    sizes = []
    for _ in range(4):
        for _ in range(2000 // 8):
            await asyncio.gather(*(writer.submit(_tell("x" * 3000), light=light) for _ in range(8)))
        sizes.append(log.stat().st_size)
    assert sizes[-1] < 2 * sizes[0]
    assert threads
    assert threading.get_ident() not in threads
    await writer.close()


async def test_a_reader_in_the_way_of_the_log_stops_nobody(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "w.db")
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM told").fetchall()
        for number in range(2500):
            assert await writer.submit(_tell(str(number)), light=True) == str(number)
        assert await writer.submit(_flushes, light=True) == 2  # every one, until the log is copied back
    for _ in range(2):
        await writer.submit(_tell("x"), light=True)
    assert await writer.submit(_flushes, light=True) == 1
    await writer.close()
