"""What the benchmarks start and measure: servers on free loopback ports, stopped by pid."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PORTS = range(10_000, 12_000)  # the tests have those above
SETTINGS = """\
base_url: http://localhost:{port}
development: true
database_url: {database}
encryption_keys: [{{file: {home}/secrets.key}}]
sp_key: {home}/sp.key
sp_certificate: {home}/sp.crt
rate_limits: {{sign_in: 999999/minute, failures: 999999/minute}}
organizations:
  acme: {{name: Acme}}
connections:
"""


def free_port() -> int:
    """Return a loopback port that nothing listens on now.

    Below those that Linux gives to clients: it is still free when a server that takes its time binds it.
    """
    while True:
        port = random.choice(_PORTS)  # noqa: S311
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_up(port: int) -> bool:
    """Wait until something listens on a port; tell whether it does."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def server(command: list[str], port: int, log: Path) -> Iterator[int]:
    """Run a server until the block ends; yield its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                raise SystemExit(log.read_text()[-3000:])
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def federation(home: Path, connections: str, database: str = "") -> Iterator[tuple[str, int]]:
    """Run ``federation serve``, one worker; yield its base URL and its pid.

    Args:
        home: Empty: settings, keys, log and the SQLite file go there.
        connections: YAML of the connections, indented by two.
        database: URL of the database; a SQLite file by default.
    """
    port = free_port()
    settings = SETTINGS.format(port=port, home=home, database=database or f"sqlite:///{home}/federation.db")
    (home / "federation.yaml").write_text(settings + connections)
    command = [sys.executable, "-m", "federation", "serve", "--config", str(home / "federation.yaml")]
    with server([*command, "--host", "127.0.0.1", "--port", str(port)], port, home / "log") as pid:
        yield f"http://localhost:{port}", pid


@contextlib.contextmanager
def postgresql() -> Iterator[tuple[str, int] | None]:
    """Run PostgreSQL, which writes through to the disk; yield its URL and pid, None where it is missing."""
    programs = [place for place in Path("/usr/lib/postgresql").glob("*/bin") if (place / "initdb").exists()]
    if not programs:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="federation-postgres-", ignore_cleanup_errors=True) as directory:
        place, port = Path(directory), free_port()
        place.chmod(0o755)
        data, user, as_user = place / "data", None, {}
        data.mkdir()
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            known = {entry.pw_name for entry in pwd.getpwall()}
            user = "postgres" if "postgres" in known else "nobody"
            as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
            shutil.chown(data, user)
        initdb = [max(programs) / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=place, **as_user)
        command = [max(programs) / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place, **as_user
        )
        try:
            status = data / "postmaster.pid"
            while not (status.exists() and status.read_text().rstrip().endswith("ready")):
                if process.poll() is not None:
                    raise SystemExit("PostgreSQL did not start")
                time.sleep(0.05)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres", process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def tree(pids: Iterable[int]) -> list[int]:
    """Return these processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], list(pids)
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu(pids: Iterable[int]) -> float:
    """Return the CPU seconds (user + system) that the trees of these processes have used.

    By each process's CPU clock (clock_getcpuclockid(3)): nanoseconds, threads that ended included.
    """
    used = 0.0
    for pid in tree(pids):
        with contextlib.suppress(OSError):  # gone since it was listed: PostgreSQL's own workers come and go
            used += time.clock_gettime((~pid << 3) | 2)
    return used


def memory(pids: Iterable[int]) -> float:
    """Return the proportional set size of the trees of these processes, in MB."""
    kilobytes = 0
    for pid in tree(pids):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1000
