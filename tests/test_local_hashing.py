"""How many passwords are hashed at once, and how long an answer takes."""

import asyncio
import threading
import time

import pytest

from federation import passwords
from federation.connectors.hashing import Hashing
from federation.errors import TooManyRequests


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Verifying that takes until ``open`` is set, and notes how many do it at once."""
    seen = {"now": 0, "most": 0}
    lock = threading.Lock()

    def verify(typed: str, kept: str) -> tuple[bool, str]:
        with lock:
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
        time.sleep(0.02)
        with lock:
            seen["now"] -= 1
        return False, ""

    monkeypatch.setattr(passwords, "verify", verify)
    return seen


async def test_two_run_at_once_some_wait_and_the_rest_is_refused(slow: dict[str, int]) -> None:
    hashing = Hashing(at_once=2, waiting=4)
    told = await asyncio.gather(*(hashing.verify("x", "y") for _ in range(20)), return_exceptions=True)
    assert [one.code for one in told if isinstance(one, TooManyRequests)] == ["local.busy"] * 14
    assert slow["most"] == 2
    assert await hashing.verify("x", "y") == (False, "")  # there is room again
    hashing.close()


async def test_a_cancelled_request_frees_no_place_before_its_work_is_done(slow: dict[str, int]) -> None:
    hashing = Hashing(at_once=2, waiting=0)
    for _ in range(10):
        tries = [asyncio.create_task(hashing.verify("x", "y")) for _ in range(2)]
        await asyncio.sleep(0.001)
        for one in tries:
            one.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    assert slow["most"] <= 2
    hashing.close()


async def test_nobodys_password_takes_as_long_as_anybodys() -> None:
    hashing = Hashing()
    await hashing.prepare()
    kept = await hashing.hash("four winds & a harbour")

    async def took(against: str) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            await hashing.verify("wrong", against)
            best = min(best, time.process_time() - began)
        return best

    somebody, nobody = await took(kept), await took("")
    assert 0.4 < somebody / nobody < 2.5  # CPU time of every thread, the least of three
    hashing.close()
