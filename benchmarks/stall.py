"""How long responses with 500 groups stop the event loop: 49 kB each, 32 at once.

    .venv/bin/python benchmarks/stall.py [--count 320] [--rounds 3] [--shape "500 groups"]

``federation`` runs in this process on uvicorn, asyncio's own loop (whose steps can be timed) and
a SQLite file; the clients are another process. Two things are measured: every step of the loop
(nothing else runs before it ends), by the clock on the wall and by the CPU time of its thread;
and by how much a task that wakes up every millisecond is late, which is the sum of the steps of
all that are ready at once. The idle loop says what the machine adds by itself.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import acs
import driver
import responses
import servers
import uvicorn

TICK = 0.001  # seconds
AIM = 5.0  # ms


class Watch:
    """Times every step of the loop, and how late a task of its own is."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.late: list[float] = []
        run = asyncio.Handle._run  # noqa: SLF001 (what the loop calls for every step)

        def timed(handle: asyncio.Handle) -> None:
            wall, cpu = time.perf_counter(), time.thread_time()
            run(handle)
            self.wall.append((time.perf_counter() - wall) * 1000)
            self.cpu.append((time.thread_time() - cpu) * 1000)

        asyncio.Handle._run = timed  # noqa: SLF001

    async def over(self, work: Awaitable[Any]) -> Any:
        """Await some work, watching."""
        task = asyncio.ensure_future(work)
        for kept in (self.wall, self.cpu, self.late):
            kept.clear()
        while not task.done():
            planned = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.late.append((time.perf_counter() - planned) * 1000)
        return task.result()

    def say(self, name: str) -> None:
        """Print what was seen."""
        print(name)
        for what, kept in (("steps, wall", self.wall), ("steps, CPU", self.cpu), ("lateness", self.late)):
            each = sorted(kept)
            print(
                f"  {what:12} worst {each[-1]:6.1f} ms, 99.9% {each[int(len(each) * 0.999)]:6.1f} ms, "
                f"{sum(one > AIM for one in each)} of {len(each)} over {AIM:.0f} ms"
            )


async def measure(watch: Watch, port: int, keys: Path, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:

        def there(work: Callable[..., Any], *arguments: object) -> Awaitable[Any]:
            return loop.run_in_executor(pool, work, *arguments)

        await there(time.sleep, 0)
        for _ in range(options.rounds):
            await watch.over(there(time.sleep, 1))
            watch.say("idle")
            posts = await there(acs.solicited, port, keys, options.shape, options.count)
            answers = await watch.over(there(send, port, posts, options.concurrency))
            assert {one.status for one in answers} == {303}, answers[0].head
            watch.say(f"{options.count} sign-ins, {options.concurrency} at once")


def send(port: int, posts: list[bytes], concurrency: int) -> list[driver.Answer]:
    return driver.send(port, posts, concurrency=concurrency)


async def serve(place: Path, options: argparse.Namespace) -> None:
    """Run the service on this loop while it is measured."""
    from federation import app, settings  # noqa: PLC0415 (not in the clients' process)
    from federation.web.routes import service  # noqa: PLC0415

    responses.make_keys(place)
    port = servers.free_port()
    text = servers.SETTINGS.format(port=port, home=place, database=f"sqlite:///{place}/federation.db")
    (place / "federation.yaml").write_text(text + acs.CONNECTION.format(idp=responses.IDP, keys=place))
    application = service(lambda: app.settled(settings.load(place / "federation.yaml")))
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, log_level="error", access_log=False, loop="asyncio"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not await asyncio.to_thread(servers.is_up, port):
        pass
    try:
        await measure(Watch(), port, place, options)
    finally:
        server.should_exit = True
        await running


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--count", type=int, default=320)
    arguments.add_argument("--concurrency", type=int, default=32)
    arguments.add_argument("--shape", choices=responses.SHAPES, default="500 groups")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(serve(Path(directory), options))


if __name__ == "__main__":
    main()
