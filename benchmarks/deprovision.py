"""How soon somebody whom a directory deactivates is out, on another node: the time to 401.

    .venv/bin/python benchmarks/deprovision.py [--count 20] [--database postgresql] [--only DELETE]

Two processes of one installation: two nodes on PostgreSQL, or two workers of one node on SQLite. Everybody
signs in at the first by OpenID Connect and is provisioned; both remember the session. Then the directory
sends its request to the first, and from the moment of its answer the other is asked without a pause, on
``/session`` and on ``/verify``: how long after that answer a question was still sent that was answered as
before. Of a group that gives a role: how long the role was still told.
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import callback
import driver
import provider
import servers

SECRET: Final = "benchmark-bearer-secret"  # noqa: S105  nobody's
BASE: Final = "/scim/v2/bench"
ASKERS: Final = 6  # connections to each node: whichever worker answers them
CONNECTION = """\
  bench: {{protocol: oidc, organization: acme, domains: [example.org], issuer: "{issuer}",
    client_id: {client}, client_secret: {{file: "{home}/client-secret"}}, logout: local,
    scim: {{bearer: {{file: "{home}/bearer"}}}}, default_roles: [visitor],
    role_rules: [{{name: crew, groups: [crew], roles: [member]}}]}}
"""
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Request = Callable[["Person"], tuple[str, str, object]]


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, and provisioned."""

    cookie: str
    id: str  # of the User resource
    group: str  # of the Group resource that gives them a role
    resource: dict[str, Any]


def patch(*operations: object) -> dict[str, object]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


# The directory's words; the last one takes a role, the others all.
WAYS: Final[dict[str, Request]] = {
    "PATCH as Entra sends it": lambda one: (
        "PATCH", f"/Users/{one.id}", patch({"op": "Replace", "path": "active", "value": "False"}),
    ),
    "PATCH as Okta sends it": lambda one: (
        "PATCH", f"/Users/{one.id}", patch({"op": "replace", "value": {"active": False}}),
    ),
    "PUT, active false": lambda one: ("PUT", f"/Users/{one.id}", one.resource | {"active": False}),
    "DELETE": lambda one: ("DELETE", f"/Users/{one.id}", None),
    "removed from the group": lambda one: (
        "PATCH", f"/Groups/{one.group}", patch({"op": "remove", "path": f'members[value eq "{one.id}"]'}),
    ),
}  # fmt: skip


class Nodes:
    """Where the directory sends its requests, and where people go."""

    def __init__(self, first: int, other: int) -> None:
        self.first, self.other = first, other  # ports

    async def provision(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a directory's request to the first node; return the resource."""
        octets = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {BASE}{path} HTTP/1.1\r\nHost: localhost:{self.first}\r\nConnection: close\r\n"
            f"Authorization: Bearer {SECRET}\r\nContent-Type: application/scim+json\r\n"
            f"Content-Length: {len(octets)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.first)
        writer.write(head.encode() + octets)
        status, _, sent = await _answer(reader)
        writer.close()
        assert status in (200, 201, 204), sent[:300]
        return dict(json.loads(sent)) if sent else {}

    async def come(self) -> tuple[str, str]:
        """Sign a new person in at the first node; return their subject and their cookie."""
        target = callback.Target(f"127.0.0.1:{self.first}", (), *callback.OURS)

        def sign_in() -> tuple[str, str]:
            _, (request,) = callback.begin(target, 1)
            asked = parse_qs(urlsplit(request.split(b" ", 2)[1].decode()).query)
            (answer,) = driver.send(target.port, [request], concurrency=1)
            assert answer.status in (302, 303), answer.head
            return f"user-{asked['code'][0][:12]}", f"session={answer.cookies()['session']}"

        return await asyncio.to_thread(sign_in)

    async def person(self, group: str) -> Person:
        """Have somebody sign in, and provision them."""
        subject, cookie = await self.come()
        name = f"{subject.removeprefix('user-')}@example.org"
        told = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "externalId": subject,
            "active": True,
            "emails": [{"value": name, "type": "work", "primary": True}],
        }
        made = await self.provision("POST", "/Users", told)
        member = {"op": "add", "path": "members", "value": [{"value": made["id"]}]}
        await self.provision("PATCH", f"/Groups/{group}", patch(member))
        return Person(cookie, made["id"], group, told)


def _roles(head: bytes, body: bytes) -> list[str]:
    """Return what ``/session`` says, or the header of ``/verify``."""
    if body:
        return list(json.loads(body)["roles"])
    lines = head.decode().lower().split("\r\n")
    return next((line.partition(": ")[2].split(",") for line in lines if "-request-roles: " in line), [])


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    return int(head[9:12]), head, await reader.readexactly(length)


class Watch:
    """Asks a node without a pause, on some connections at once."""

    def __init__(self, port: int, cookie: str, *, role: str) -> None:
        self._port, self._cookie, self._role = port, cookie, role
        self.seen = 0  # answers as before
        self.gone = 0  # others
        self.last = 0.0  # when the last question was sent that was answered as before

    async def ask(self, path: str) -> None:
        """Ask until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nCookie: {self._cookie}\r\n\r\n"
        with contextlib.closing(writer):
            while True:
                sent = time.monotonic()
                writer.write(asked.encode())
                status, head, body = await _answer(reader)
                assert status in (200, 401), status
                if status == 200 and (not self._role or self._role in _roles(head, body)):
                    self.seen += 1
                    self.last = max(self.last, sent)
                else:
                    self.gone += 1
                await asyncio.sleep(0.002)


async def lasted(nodes: Nodes, way: str, person: Person) -> float:
    """Return seconds for which the other node still answered as before."""
    is_role = way == "removed from the group"
    paths = ("/session", "/verify")
    watch = Watch(nodes.other, person.cookie, role="member" if is_role else "")
    tasks = [asyncio.create_task(watch.ask(path)) for path in paths for _ in range(ASKERS // len(paths))]
    try:
        while watch.seen < 3 * ASKERS:
            await asyncio.sleep(0.01)
            _raise(tasks)
        await asyncio.sleep(random.random())  # noqa: S311  at any moment of what a node remembers
        assert not watch.gone
        await nodes.provision(*WAYS[way](person))
        answered = time.monotonic()
        before = watch.gone
        while time.monotonic() - max(answered, watch.last) < 0.2 or watch.gone - before < ASKERS:
            await asyncio.sleep(0.01)
            _raise(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return max(0.0, watch.last - answered)


def _raise(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def times(nodes: Nodes, way: str, count: int) -> list[float]:
    """Return the times of so many people, one after another."""
    made = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "crew"}
    group = (await nodes.provision("POST", "/Groups", made))["id"]
    return [await lasted(nodes, way, await nodes.person(group)) for _ in range(count)]


@contextlib.contextmanager
def running(home: Path, issuer: str, url: str, more: str = "") -> Iterator[Nodes]:
    """Run two processes of one installation; without the URL of a PostgreSQL, two workers on SQLite.

    Args:
        home: Empty, but for a database.
        issuer: Of the provider that people sign in at.
        url: Of the database.
        more: YAML of further connections, indented by two.
    """
    (home / "client-secret").write_text(provider.SECRET)
    (home / "bearer").write_text(SECRET)
    told = CONNECTION.format(issuer=issuer, client=provider.CLIENT, home=home) + more
    with contextlib.ExitStack() as stack:
        ports = [servers.free_port() for _ in range(2 if url else 1)]
        for port in ports:
            file = home / f"{port}.yaml"
            database = url or f"sqlite:///{home}/federation.db"
            file.write_text(servers.SETTINGS.format(port=port, home=home, database=database) + told)
            command = [sys.executable, "-m", "federation", "serve", "--config", str(file)]
            more = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1" if url else "2"]
            stack.enter_context(servers.server([*command, *more], port, home / f"{port}.log"))
        yield Nodes(ports[0], ports[-1])


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--count", type=int, default=20, help="people, each way")
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    arguments.add_argument("--only", choices=WAYS, action="append")
    options = arguments.parse_args()
    for name in options.database or ("postgresql", "sqlite"):
        with (
            tempfile.TemporaryDirectory(prefix="federation-deprovision-") as place,
            contextlib.ExitStack() as stack,
        ):
            database: tuple[str, int] | None = ("", 0)
            if name == "postgresql" and (database := stack.enter_context(servers.postgresql())) is None:
                print("LEFT OUT: PostgreSQL is not installed here", file=sys.stderr)
                continue
            assert database is not None
            issuer = stack.enter_context(callback.openid_provider(Path(place)))
            nodes = stack.enter_context(running(Path(place), issuer, database[0]))
            for way in options.only or WAYS:
                found = sorted(asyncio.run(times(nodes, way, options.count)))
                median, worst = statistics.median(found) * 1000, found[-1] * 1000
                print(
                    f"{name:10} {way:26} median {median:5.0f} ms, worst {worst:5.0f} ms of {len(found)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
