"""Forward-auth: what ``GET /verify`` costs beside a bare ASGI route on the same server.

    .venv/bin/python benchmarks/verify.py [--rounds 5] [--requests 20000] [--sessions 10 100000]

Three servers run at once, each one uvicorn process (httptools, uvloop): a bare ASGI route that
answers 200 with four fixed headers, and ``federation serve`` over a SQLite file with few and with
many sessions. Requests with a thousand different cookies take turns, round by round. The figure
is CPU (user + system) of the server's process, from /proc, per request: the least of the rounds,
because whatever disturbs the machine only ever adds.
"""

import argparse
import asyncio
import contextlib
import secrets
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import servers

HERE = Path(__file__).parent
CONNECTIONS = 16
HEADERS = [
    (b"x-auth-request-user", b"019a5b2e-5d3c-7a10-9c55-0f3c1d2e4b5a"),
    (b"x-auth-request-email", b"user1@acme.example"),
    (b"x-auth-request-groups", b"staff,platform-admins,on-call"),
    (b"x-auth-request-roles", b"admin,member"),
    (b"cache-control", b"no-store"),
    (b"content-length", b"0"),
]
CONNECTION = """\
  op: {protocol: oidc, organization: acme, domains: [acme.example], issuer: "http://127.0.0.1:1",
    client_id: bench, client_secret: bench-secret-bench-secret-bench-secret}
"""


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The floor: an ASGI application that looks at nothing."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b""})


async def fill(url: str, count: int) -> list[str]:
    """Open sessions of as many people; return their tokens."""
    from federation.connection import OidcConnection, Organization  # noqa: PLC0415
    from federation.decision import Wanted, of_connection  # noqa: PLC0415
    from federation.identity import Authentication, Grant, Groups, Identity, Presence, Subject  # noqa: PLC0415
    from federation.policy.decide import bind  # noqa: PLC0415
    from federation.records.records import mint_reference  # noqa: PLC0415
    from federation.store.store import open_store  # noqa: PLC0415
    from federation.store.values import NewSession, Record  # noqa: PLC0415
    from federation.vault import hash_token  # noqa: PLC0415

    now = datetime.now(UTC)
    store = await open_store(url)
    acme = Organization(name="Acme")
    through = OidcConnection.model_validate({
        "id": "op", "protocol": "oidc", "organization": "acme", "anyone": True,
        "issuer": "http://127.0.0.1:1", "client_id": "us", "token_endpoint_auth_method": "none",
    })  # fmt: skip
    source = of_connection("op")
    wanted = Wanted(
        grants=(
            Grant("admin", source, "platform administrators"),
            Grant("member", source, "default (organization)"),
        )
    )

    async def one(number: int) -> str:
        identity = Identity(
            subject=Subject(issuer="http://127.0.0.1:1", value=f"subject-{number}"),
            connection="op",
            organization="acme",
            email=f"user{number}@acme.example",
            email_verified=True,
            given_name="Ann-Sofie",
            family_name="Bergström",
            display_name="Ann-Sofie Bergström",
            groups=Groups(Presence.PRESENT, ("staff", "platform-admins", "on-call")),
            attributes={"department": ("Platform Engineering",), "title": ("Principal Engineer",)},
            authentication=Authentication(instant=now),
        )
        token = secrets.token_urlsafe(32)
        new = NewSession(
            token_hash=hash_token(token),
            handle="",
            idle=8 * 3600.0,
            absolute_end=now + timedelta(hours=24),
            user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/140",
            record=Record(reference=mint_reference(), at=now, code="", detail=""),
        )
        decision = bind(identity, through, acme, wanted, (), system=(), verified=frozenset())
        await store.open_session(decision, new, now, claim=None, sealing=None)
        return token

    tokens: list[str] = []
    for start in range(0, count, 500):
        numbers = range(start, min(start + 500, count))
        tokens += await asyncio.gather(*(one(number) for number in numbers))
    await store.close()
    return tokens


async def load(port: int, path: str, cookies: list[str], count: int) -> float:
    """Send ``count`` requests over kept connections; return requests a second."""

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(count // CONNECTIONS):
            cookie = cookies[(number + turn * CONNECTIONS) % len(cookies)]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
        writer.close()
        await writer.wait_closed()

    before = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
    return count / (time.perf_counter() - before)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=20_000)
    arguments.add_argument("--sessions", type=int, nargs="+", default=[10, 100_000])
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        place = Path(directory)
        port = servers.free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            str(HERE),
            "verify:bare",
            "--port",
            str(port),
        ]
        command += ["--no-access-log", "--log-level", "warning"]
        targets = {
            "bare ASGI route": (
                stack.enter_context(servers.server(command, port, place / "bare.log")),
                port,
                [""],
            )
        }
        for count in options.sessions:
            home = place / str(count)
            home.mkdir()
            tokens = asyncio.run(fill(f"sqlite:///{home}/federation.db", count))
            url, pid = stack.enter_context(servers.federation(home, CONNECTION))
            cookies = [
                f"session={token}" for token in secrets.SystemRandom().sample(tokens, min(1000, count))
            ]
            targets[f"/verify, {count} sessions"] = (pid, int(url.rpartition(":")[2]), cookies)
        measure(targets, rounds=options.rounds, requests=options.requests)


def measure(targets: dict[str, tuple[int, int, list[str]]], *, rounds: int, requests: int) -> None:
    """Let the targets take turns and print CPU per request, and its ratio to the first."""
    figures: dict[str, list[tuple[float, float]]] = {}
    for turn in range(rounds + 1):  # the first is a rehearsal
        for name, (pid, port, cookies) in targets.items():
            before = servers.cpu([pid])
            rate = asyncio.run(load(port, "/verify", cookies, requests if turn else requests // 10))
            if turn:
                figures.setdefault(name, []).append(((servers.cpu([pid]) - before) / requests * 1e6, rate))
    base = min(used for used, _ in next(iter(figures.values())))
    for name, each in figures.items():
        least, middle = min(each)[0], statistics.median(used for used, _ in each)
        rate = max(rate for _, rate in each)
        print(f"{least:7.1f} us  {least / base:5.2f}x  (median {middle:.1f})  {rate:6.0f} requests/s  {name}")


if __name__ == "__main__":
    main()
