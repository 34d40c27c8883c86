"""Programs that tests start: on free loopback ports, waited for, stopped by pid."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx2
from loopback import NO_TLS

PATIENCE = 60.0  # seconds until a program must answer
_PORTS = range(12_000, 32_000)
_WORKERS = 16  # have ports of their own


def free_port() -> int:
    """Return a loopback port that nothing listens on now, and that no client is given as its own.

    Below those that Linux deals out (32768 and up), so that it is still free when it is needed; each
    worker of pytest-xdist has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    while True:
        port = random.randrange(_PORTS.start + worker, _PORTS.stop, _WORKERS)  # noqa: S311
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    answers: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends.

    Args:
        command: Its argv.
        answers: A URL that it answers (with any status below 500) once it is up.
        log: Where its output goes; quoted if it does not come up.
        env: Added to the environment.
        cwd: Where it runs.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,  # its own group: its workers go with it, and Ctrl-C is ours to pass on
        )
    try:
        _wait_for(process, answers, log)
        yield process
    finally:
        _stop(process)


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx2.Client(trust_env=False, timeout=5, verify=NO_TLS) as client:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx2.TransportError):
                if client.get(url).status_code < 500:
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
                break
    said = log.read_text(errors="replace")[-4000:]
    state = "ended" if process.poll() is not None else f"did not answer {url} in {PATIENCE:.0f} s"
    raise RuntimeError(f"{process.args!r} {state}:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
