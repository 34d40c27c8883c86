"""Sign-ins with a thousand connections configured, beside those with one.

    .venv/bin/python benchmarks/connections.py [--connections 1000] [--rounds 5] [--count 200]

Two servers, each ``federation serve`` with one worker on SQLite, take turns; at the one with many
connections each sign-in goes to the next of them. CPU of the phase of POSTs, as in ``acs.py``;
memory (PSS) before the first sign-in and behind the last; and how long each took to start, once
its keys, its database and the bytecode of every module were there, as an installer leaves them.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import acs
import responses
import servers


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--connections", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--count", type=int, default=200, help="sign-ins of a round")
    options = arguments.parse_args()
    targets: dict[int, acs.Target] = {}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        keys = Path(directory)
        # A virtual environment may be without bytecode: compiling took half of a start.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(keys / "bytecode")
        responses.make_keys(keys)
        one = acs.CONNECTION.format(idp=responses.IDP, keys=keys)
        for number in (1, options.connections):
            names = [f"bench{n}" for n in range(number)]
            home = keys / str(number)
            home.mkdir()
            connections = "".join(one.replace("bench:", f"{name}:") for name in names)
            with servers.federation(home, connections):
                pass  # the first start makes what a later one finds
            begun = time.perf_counter()
            url, pid = stack.enter_context(servers.federation(home, connections))
            took = time.perf_counter() - begun
            port = int(url.rpartition(":")[2])
            prepare = partial(acs.solicited, port, keys, "okta", connections=names)
            targets[number] = acs.Target(port, (pid,), "session", prepare)
            print(
                f"{number:5} connections: started in {took:.2f} s, {servers.cpu([pid]):.2f} s of CPU, "
                f"{servers.memory([pid]):.0f} MB"
            )
        figures: dict[int, list[float]] = {}
        for turn in range(options.rounds + 1):  # the first is a rehearsal
            for number, target in targets.items():
                (cpu,), _, _ = acs.sign_in(target, target.prepare(options.count), 8)
                if turn:
                    figures.setdefault(number, []).append(cpu)
        base = min(figures[1])
        for number, each in figures.items():
            memory = servers.memory(targets[number].pids)
            print(
                f"{number:5} connections: {min(each):.3f} ms/sign-in, {min(each) / base:.2f}x "
                f"(median {statistics.median(each):.3f}), {memory:.0f} MB"
            )


if __name__ == "__main__":
    main()
