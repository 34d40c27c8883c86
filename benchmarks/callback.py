"""OpenID Connect over HTTP: the login redirect, and the callback with its token request.

    .venv/bin/python benchmarks/callback.py [--rounds 5] [--count 200] [--only openidc --only sqlite]

One worker process each, everything on loopback; the provider (provider.py) is a process of its
own, and its CPU counts for nobody. Each sign-in has its own browser, code, ID Token (RS256) and
session; all send PKCE, state and nonce, authenticate by client_secret_basic, keep discovery and
keys, and ask no UserInfo. What is counted is the CPU (user + system) of the server's whole
process tree: over the phase of login redirects, then over the phase of callbacks.

Ours writes the pending sign-in, the replay memory, the session and the decision record to disk
(with PostgreSQL, the database's processes are counted too); mod_auth_openidc keeps its state in a
cookie and sessions in shared memory, authlib's client both in a cookie.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import driver
import provider
import servers

PEERS = Path(__file__).parent / "peers" / "peers"
CONNECTION = """\
  bench: {{protocol: oidc, organization: acme, domains: [example.org], issuer: "{issuer}",
    client_id: {client}, client_secret: {{file: "{secret}"}}, logout: local{more}}}
"""
# name of a peer: where a sign-in begins, where it comes back, the cookie of its sessions
PATHS = {
    "openidc": ("/secret/", "/secret/callback", "mod_auth_openidc_session"),
    "authlib": ("/login", "/callback", "session"),
}
OURS = ("/login/bench?return_to=/account", "/oidc/bench/callback", "session")
PAGE = "text/html"  # mod_auth_openidc redirects nobody but a browser
NAMES = {
    "sqlite": "ours, SQLite",
    "postgresql": "ours, PostgreSQL",
    "scim": "ours, SQLite, a directory provisions",
    "scim-postgresql": "ours, PostgreSQL, a directory provisions",
    "openidc": "apache2 + mod_auth_openidc",
    "authlib": "uvicorn + Starlette + authlib's client",
}


@dataclass(frozen=True)
class Target:
    """A running server."""

    host: str
    pids: tuple[int, ...]  # the server's, then the database server's
    login: str
    callback: str
    cookie: str  # how the name of its session cookie begins

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


@dataclass(frozen=True)
class Figures:
    """One round of one target."""

    login: float  # ms per login redirect at concurrency 8
    cpu: float  # ms per callback at concurrency 8
    p50: float  # ms at concurrency 32
    p99: float
    rate: float  # callbacks a second at concurrency 32
    memory: float  # MB


@contextlib.contextmanager
def openid_provider(place: Path) -> Iterator[str]:
    """Run the provider; yield its issuer."""
    port = servers.free_port()
    command = [sys.executable, str(Path(__file__).parent / "provider.py"), str(port)]
    with servers.server(command, port, place / "provider.log"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def ours(name: str, home: Path, issuer: str) -> Iterator[Target | None]:
    """Run ``federation serve`` over one of the databases; None where that is missing."""
    secret = home / "client-secret"
    secret.write_text(provider.SECRET)
    more = f', scim: {{bearer: {{file: "{secret}"}}}}' if name.startswith("scim") else ""
    told = CONNECTION.format(issuer=issuer, client=provider.CLIENT, secret=secret, more=more)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(servers.postgresql()) if name.endswith("postgresql") else ("", 0)
        if database is None:
            yield None
            return
        url, pid = stack.enter_context(servers.federation(home, told, database[0]))
        yield Target(url.partition("//")[2], tuple(filter(None, (pid, database[1]))), *OURS)


@contextlib.contextmanager
def peer(name: str, home: Path, issuer: str) -> Iterator[Target | None]:
    """Start one of the others; None where that cannot be done here."""
    port = servers.free_port()
    told = {"PEERS_ISSUER": issuer, "PEERS_CLIENT": provider.CLIENT, "PEERS_SECRET": provider.SECRET}
    command = [PEERS, "start", name, str(port), home, home]
    with (home / "start.log").open("ab") as output:
        env = {**os.environ, **told, "PEERS_PYTHON": sys.executable}
        started = subprocess.run(command, stdout=output, stderr=output, check=False, env=env)
    try:
        if started.returncode or not servers.is_up(port):
            print(f"LEFT OUT: {name} could not be started here", file=sys.stderr)
            print((home / "start.log").read_text()[-600:], file=sys.stderr)
            yield None
            return
        pids = tuple(int(file.read_text()) for file in home.glob("*.pid"))
        yield Target(f"127.0.0.1:{port}", pids, *PATHS[name])
    finally:
        subprocess.run([PEERS, "stop", home], check=False)
        time.sleep(1)


def begin(target: Target, count: int) -> tuple[float, list[bytes]]:
    """Begin that many sign-ins, each in its own browser; return CPU ms of each and the callbacks."""
    asks = [driver.request("GET", target.host, target.login, accept=PAGE)] * count
    before = servers.cpu(target.pids)
    answers = driver.send(target.port, asks, concurrency=8)
    used = servers.cpu(target.pids) - before
    callbacks = []
    for answer in answers:
        assert answer.status in (302, 303), answer.head
        asked = parse_qs(urlsplit(answer.header("location")[0]).query)
        assert asked["code_challenge_method"] == ["S256"]
        answered = urlencode({"code": asked["nonce"][0], "state": asked["state"][0]})
        cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies().items())
        path = f"{target.callback}?{answered}"
        callbacks.append(driver.request("GET", target.host, path, cookie=cookie, accept=PAGE))
    return used / count * 1000, callbacks


def finish(target: Target, callbacks: list[bytes], concurrency: int) -> tuple[float, list[float], float]:
    """Send every callback; return CPU ms of each, latencies in ms, and callbacks a second."""
    before, begun = servers.cpu(target.pids), time.perf_counter()
    answers = driver.send(target.port, callbacks, concurrency=concurrency)
    took, used = time.perf_counter() - begun, servers.cpu(target.pids) - before
    opened = set()
    for answer in answers:
        session = [value for name, value in answer.cookies().items() if name.startswith(target.cookie)]
        assert answer.status in (302, 303, 307), answer.head
        assert session, answer.head
        opened.update(session)
    assert len(opened) == len(callbacks), f"{len(opened)} sessions of {len(callbacks)} sign-ins"
    latencies = sorted(answer.seconds * 1000 for answer in answers)
    return used / len(callbacks) * 1000, latencies, len(callbacks) / took


def measure(target: Target, count: int) -> Figures:
    login, callbacks = begin(target, count)
    cpu, _, _ = finish(target, callbacks, 8)
    other, callbacks = begin(target, count)
    _, latencies, rate = finish(target, callbacks, 32)
    return Figures(
        login=min(login, other),
        cpu=cpu,
        p50=statistics.median(latencies),
        p99=latencies[int(len(latencies) * 0.99)],
        rate=rate,
        memory=servers.memory(target.pids),
    )


def show(figures: dict[str, list[Figures]]) -> None:
    """Print the table: the least of the rounds, which is the least disturbed one."""
    first = next(iter(figures.values()))
    login, cpu = min(one.login for one in first), min(one.cpu for one in first)
    print(
        "CPU ms/login redirect  ratio   CPU ms/callback (median)  ratio   p50 ms   p99 ms  callbacks/s    MB"
    )
    for name, each in figures.items():
        one, other = min(one.login for one in each), min(one.cpu for one in each)
        middle = statistics.median(one.cpu for one in each)
        print(
            f"{one:21.3f} {one / login:5.2f}x {other:15.3f} ({middle:6.3f}) {other / cpu:5.2f}x"
            f" {min(one.p50 for one in each):8.1f} {min(one.p99 for one in each):8.1f}"
            f" {max(one.rate for one in each):12.0f} {max(one.memory for one in each):5.0f}  {NAMES[name]}"
        )


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--count", type=int, default=200, help="sign-ins of a round, at each concurrency")
    arguments.add_argument("--only", choices=NAMES, action="append")
    options = arguments.parse_args()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # OpenSSL would read the CA bundle again and again
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="federation-callback-") as directory:
        place = Path(directory)
        place.chmod(0o755)  # apache runs as another user
        with contextlib.ExitStack() as stack:
            issuer = stack.enter_context(openid_provider(place))
            targets = {}
            for name in options.only or NAMES:
                home = place / name
                home.mkdir()
                start = peer if name in PATHS else ours
                target = stack.enter_context(start(name, home, issuer))
                if target is not None:
                    targets[name] = target
                    finish(target, begin(target, 50)[1], 4)  # warm
            figures: dict[str, list[Figures]] = {}
            for _ in range(options.rounds):
                for name, target in targets.items():
                    figures.setdefault(name, []).append(measure(target, options.count))
    show(figures)


if __name__ == "__main__":
    main()
