"""Does the time of an answer tell whether an e-mail address is known? CPU of ``/login?email=``, in turns.

    .venv/bin/python benchmarks/email_first.py [--people 10000] [--connections 1000] [--rounds 400]

In this process, over ASGI, on SQLite. Each kind of address is asked for in turn, so that whatever slows the
machine slows all; the medians are told, and their ratio to that of a known address.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from pages import standing

from federation import clock

ADDRESSES = {
    "known": "ada@acme.example",
    "known domain, nobody": "nobody@acme.example",
    "unknown domain": "ada@acmf.example",
    "domain of the store, not proved": "ada@org0500.example",
    "malformed": "ada.acme.example",
}


async def measure(options: argparse.Namespace) -> None:
    """Print a line for each kind of address."""
    many = {"people": options.people, "records": options.people, "audit": options.people}
    used: dict[str, list[float]] = {kind: [] for kind in ADDRESSES}
    octets: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as directory:
        async with standing(Path(directory), now=clock.now(), connections=options.connections, **many) as rig:
            for at in range(options.rounds):
                for kind, email in ADDRESSES.items():
                    begun = time.process_time()
                    answer = await rig.ask(f"/login?email={quote(email)}")
                    if at >= options.rounds // 10:  # those before warm up
                        used[kind].append((time.process_time() - begun) * 1000)
                    octets[kind] = len(answer.body)
    known = statistics.median(used["known"])
    for kind, told in used.items():
        median = statistics.median(told)
        print(f"{median:7.3f} ms  {median / known:5.2f}x  {octets[kind]:5} octets  {kind}")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--people", type=int, default=10_000)
    arguments.add_argument("--connections", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=400)
    asyncio.run(measure(arguments.parse_args()))


if __name__ == "__main__":
    main()
