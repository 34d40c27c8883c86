"""Sign-ins over HTTP: from the POST of a SAML response to a session, beside others.

    .venv/bin/python benchmarks/acs.py [--rounds 5] [--count 200] [--only shib --only sqlite]

One worker process each, everything on loopback. Every response is unique and answered with a
session of its own; who cannot be started here is said and left out (``benchmarks/peers/peers
install`` brings Debian's apache2, mod_shib and mod_auth_mellon, and passport-saml from npm).

What is counted is the phase of POSTs alone: CPU (user + system) of the server's whole process
tree, read before and after. Ours answers requests of its own: ``GET /login/bench`` came before,
for each sign-in, and is not counted. The others take unsolicited responses, which spares them
the look-up of a request. Ours writes the replay memory, the session and the decision record to
disk (with PostgreSQL, the database's processes are counted too); theirs keep sessions in memory.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import driver
import responses
import servers
from responses import IDP, SHAPES, Addressee

PEERS = Path(__file__).parent / "peers" / "peers"
CONNECTION = """\
  bench: {{protocol: saml, organization: acme, domains: [example.org], entity_id: "{idp}",
    sso_url: "https://idp.example.org/sso", certificates: [{keys}/idp.crt]}}
"""
# name of a peer: its ACS path, the cookie of its sessions
ACS = {"shib": "/Shibboleth.sso/SAML2/POST", "mellon": "/mellon/postResponse", "passport": "/acs"}
COOKIES = {"shib": "_shibsession_", "mellon": "mellon-cookie", "passport": "connect.sid"}
NAMES = {
    "sqlite": "ours, SQLite",
    "postgresql": "ours, PostgreSQL",
    "shib": "apache2 + mod_shib",
    "mellon": "apache2 + mod_auth_mellon, tuned",
    "passport": "express + passport-saml",
}


@dataclass(frozen=True)
class Target:
    """A running server: ``prepare`` makes that many POSTs, each of which opens a session."""

    port: int
    pids: tuple[int, ...]  # the server's, then the database server's
    cookie: str  # how the name of its session cookie begins
    prepare: Callable[[int], list[bytes]]


@dataclass(frozen=True)
class Figures:
    """One round of one target."""

    cpu: float  # ms per sign-in at concurrency 8
    database: float  # how much of it is the database server's
    p50: float  # ms at concurrency 32
    p99: float
    rate: float  # sign-ins a second at concurrency 32
    memory: float  # MB


def form(response: str, relay_state: str = "") -> bytes:
    return f"SAMLResponse={quote(response, safe='')}&RelayState={quote(relay_state, safe='')}".encode()


def solicited(
    port: int, keys: Path, shape: str, count: int, connections: Sequence[str] = ("bench",)
) -> list[bytes]:
    """Begin that many sign-ins at our server, each in its own browser; return the POSTs that finish them.

    The connections take turns.
    """
    host = f"localhost:{port}"
    names = [connections[number % len(connections)] for number in range(count)]
    begin = [driver.request("GET", host, f"/login/{name}?return_to=/account") for name in names]
    asked, relay_states, cookies = [], [], []
    for answer in driver.send(port, begin, concurrency=8):
        assert answer.status == 303, answer.head
        query = parse_qs(urlsplit(answer.header("location")[0]).query)
        request = zlib.decompress(b64decode(query["SAMLRequest"][0]), -15).decode()
        asked.append(request.partition(' ID="')[2].partition('"')[0])
        relay_states.append(query["RelayState"][0])
        cookies.append("; ".join(f"{name}={value}" for name, value in answer.cookies().items()))
    posts = []
    for name, request, relay_state, cookie in zip(names, asked, relay_states, cookies, strict=True):
        here = f"http://{host}/saml/{name}"
        to = Addressee(f"{here}/acs", f"{here}/metadata", [request])
        body = form(responses.make(SHAPES[shape], 1, keys, to)[0], relay_state)
        posts.append(driver.request("POST", host, f"/saml/{name}/acs", body=body, cookie=cookie))
    return posts


def ours(port: int, pids: tuple[int, ...], keys: Path) -> Target:
    return Target(port, pids, "session", partial(solicited, port, keys, "okta"))


@contextlib.contextmanager
def on_sqlite(home: Path, keys: Path) -> Iterator[Target]:
    with servers.federation(home, CONNECTION.format(idp=IDP, keys=keys)) as (url, pid):
        yield ours(int(url.rpartition(":")[2]), (pid,), keys)


@contextlib.contextmanager
def on_postgresql(home: Path, keys: Path) -> Iterator[Target | None]:
    with servers.postgresql() as database:
        if database is None:
            yield None
            return
        with servers.federation(home, CONNECTION.format(idp=IDP, keys=keys), database[0]) as (url, pid):
            yield ours(int(url.rpartition(":")[2]), (pid, database[1]), keys)


@contextlib.contextmanager
def peer(name: str, home: Path, keys: Path) -> Iterator[Target | None]:
    """Start one of the others; None where that cannot be done here."""
    port = servers.free_port()
    base = f"http://127.0.0.1:{port}"
    command = [PEERS, "start", name, str(port), keys, home]
    with (home / "start.log").open("ab") as output:
        started = subprocess.run(command, stdout=output, stderr=output, check=False)
    try:
        if started.returncode or not servers.is_up(port):
            print(f"LEFT OUT: {name} could not be started here", file=sys.stderr)
            print((home / "start.log").read_text()[-600:], file=sys.stderr)
            yield None
            return
        pids = tuple(int(file.read_text()) for file in home.glob("*.pid"))

        def prepare(count: int) -> list[bytes]:
            to = Addressee(base + ACS[name], f"{base}/metadata", [""])
            signed = responses.make(SHAPES["okta"], count, keys, to)
            body = (form(one, f"{base}/secret/") for one in signed)
            return [driver.request("POST", base[7:], ACS[name], body=one) for one in body]

        yield Target(port, pids, COOKIES[name], prepare)
    finally:
        subprocess.run([PEERS, "stop", home], check=False)
        time.sleep(1)


def sign_in(
    target: Target, posts: Sequence[bytes], concurrency: int
) -> tuple[list[float], list[float], float]:
    """Send every POST; return CPU ms per sign-in of each pid, latencies in ms, and sign-ins a second."""
    before, begun = [servers.cpu([pid]) for pid in target.pids], time.perf_counter()
    answers = driver.send(target.port, posts, concurrency=concurrency)
    took = time.perf_counter() - begun
    used = [servers.cpu([pid]) - start for pid, start in zip(target.pids, before, strict=True)]
    opened = set()
    for answer in answers:
        session = [value for name, value in answer.cookies().items() if name.startswith(target.cookie)]
        assert answer.status in (302, 303), answer.head
        assert session, answer.head
        opened.update(session)
    assert len(opened) == len(posts), f"{len(opened)} sessions of {len(posts)} sign-ins"
    latencies = sorted(answer.seconds * 1000 for answer in answers)
    return [one / len(posts) * 1000 for one in used], latencies, len(posts) / took


def measure(target: Target, count: int) -> Figures:
    used, _, _ = sign_in(target, target.prepare(count), 8)
    _, latencies, rate = sign_in(target, target.prepare(count), 32)
    return Figures(
        cpu=sum(used),
        database=sum(used[1:]) if target.cookie == "session" else 0.0,
        p50=statistics.median(latencies),
        p99=latencies[int(len(latencies) * 0.99)],
        rate=rate,
        memory=servers.memory(target.pids),
    )


def show(figures: dict[str, list[Figures]]) -> None:
    """Print the table: the least of the rounds, which is the least disturbed one."""
    base = min(one.cpu for one in next(iter(figures.values())))
    print("CPU ms/sign-in (median)    ratio  database   p50 ms   p99 ms   sign-ins/s     MB")
    for name, each in figures.items():
        least, middle = min(one.cpu for one in each), statistics.median(one.cpu for one in each)
        p50, p99 = min(one.p50 for one in each), min(one.p99 for one in each)
        database = min(one.database for one in each)
        rate, memory = max(one.rate for one in each), max(one.memory for one in each)
        print(
            f"{least:14.3f} ({middle:6.3f}) {least / base:7.2f}x {database:8.3f}  {p50:8.1f} "
            f"{p99:8.1f} {rate:12.0f} {memory:6.0f}  {NAMES[name]}"
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
    with tempfile.TemporaryDirectory(prefix="federation-acs-") as directory, contextlib.ExitStack() as stack:
        place = Path(directory)
        place.chmod(0o755)  # apache runs as another user
        keys = place / "keys"
        keys.mkdir()
        responses.make_keys(keys)
        targets = {}
        for name in options.only or NAMES:
            home = place / name
            home.mkdir()
            start = {"sqlite": on_sqlite, "postgresql": on_postgresql}.get(name)
            target = stack.enter_context(start(home, keys) if start else peer(name, home, keys))
            if target is not None:
                targets[name] = target
                sign_in(target, target.prepare(50), 4)  # warm
        figures: dict[str, list[Figures]] = {}
        for _ in range(options.rounds):
            for name, target in targets.items():
                figures.setdefault(name, []).append(measure(target, options.count))
    show(figures)


if __name__ == "__main__":
    main()
