"""SCIM with a large directory in the store: what each request costs, what it holds up, what it bears.

    .venv/bin/python benchmarks/scim.py [--users 10000] [--members 20000] [--rounds 9] [--seconds 20]
        [--rate 100] [--only requests] [--database postgresql]

``requests``: in this process, over ASGI, from the request to the last octet of its answer, every thread
counted and the processes of PostgreSQL beside; what follows a change by policy is part of it. The least
of the rounds. ``held`` is the longest time for which a task that wakes up every millisecond had to wait,
the least of the rounds again; the idle loop says what the machine adds. Beside some of them the library's
own reference server, over its storage in memory with as many users, in turns within the same run.

``load``: one ``federation serve`` process, and clients that send so many requests a second whether it
answers or not, as Entra sends them: filters, PATCH, POST, a member added to a group and removed.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import residents
import servers
from residents import EVERYBODY, Directory

from federation import app, clock, settings
from federation.web.house import House
from federation.web.routes import build, routes

SECRET: Final = "benchmark-bearer-secret"  # noqa: S105  nobody's
BASE: Final = "/scim/v2/entra"
CONNECTION = """\
  entra: {{protocol: oidc, organization: acme, anyone: true, issuer: "http://127.0.0.1:1", client_id: us,
    token_endpoint_auth_method: none, scim: {{bearer: {{file: "{secret}"}}}},
    default_roles: [visitor], role_rules: [{{name: everybody, groups: [Everybody], roles: [member]}}]}}
"""
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
TICK: Final = 0.001  # seconds
_CONNECTIONS: Final = 20
_OWN: Final = 500_000  # numbers of users that the load makes


@dataclass
class Answer:
    """What a request got."""

    status: int = 0
    body: bytes = b""


class Client:
    """Asks an ASGI application straight."""

    def __init__(self, application: Any, base: str, headers: Mapping[str, str]) -> None:
        self._application, self._base = application, base
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request."""
        answer = Answer()
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        split = urlsplit(self._base + path)
        headers = [*self._headers, (b"content-length", str(len(sent)).encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": split.path, "raw_path": split.path.encode(),
            "query_string": split.query.encode(), "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("localhost", 8000),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
            else:
                answer.body += message.get("body", b"")

        await self._application(scope, receive, send)
        return answer


@dataclass
class Rig:
    """The service in this process."""

    client: Client
    house: House
    database: int  # pid of the database, 0 within this process


@contextlib.asynccontextmanager
async def standing(home: Path, told: Directory, *, url: str = "", pid: int = 0) -> AsyncIterator[Rig]:
    """Open a service whose store holds a directory.

    Args:
        home: Empty.
        told: What it holds.
        url: Of an empty PostgreSQL; "" for a SQLite file.
        pid: Of that server.
    """
    logging.getLogger("federation").setLevel(logging.WARNING)
    (home / "secret").write_text(SECRET)
    file = home / "federation.yaml"
    database = url or f"sqlite:///{home}/federation.db"
    kept = servers.SETTINGS.format(port=8000, home=home, database=database)
    file.write_text(kept + CONNECTION.format(secret=home / "secret"))
    async with app.settled(settings.load(file)) as house:
        while not await house.store.policies():  # noqa: ASYNC110  noted before anybody is there whom it would concern
            await asyncio.sleep(0.1)
        await lay(home, told, url)
        application = build(routes(), None)
        application.state.house = house
        yield Rig(Client(application, BASE, headers()), house, pid)


async def lay(home: Path, told: Directory, url: str) -> None:
    """Write a directory into the database of a service that is running."""
    if url:
        await residents.lay_postgres(url, told)
    else:
        await asyncio.to_thread(residents.lay, home / "federation.db", told)


def headers() -> dict[str, str]:
    """Return what every request says, but its length."""
    return {
        "host": "localhost:8000",
        "authorization": f"Bearer {SECRET}",
        "content-type": "application/scim+json",
        "accept": "application/scim+json",
    }


@dataclass
class Ticking:
    """The longest time for which a task of its own was not let run."""

    longest: float = 0.0  # seconds: by the clock or by this process's CPU, whichever is less
    _task: asyncio.Task[None] = field(init=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(TICK)  # what was held up until now is seen
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            before, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late = time.perf_counter() - before - TICK
            # Another program's turn at the processor is not ours to answer for.
            self.longest = max(self.longest, min(late, time.process_time() - used))


@dataclass
class Seen:
    """The least of some rounds, in milliseconds."""

    cpu: float = float("inf")
    there: float = float("inf")
    held: float = float("inf")

    def line(self, name: str, *, beside: float = 0.0) -> str:
        """Return it as one line; ``beside`` is what the reference server took."""
        there = f" + {self.there:7.2f}" if self.there else ""
        ratio = f"  {self.cpu / beside:5.2f}x of {beside:.2f}" if beside else ""
        return f"{self.cpu:8.2f}{there} ms  held {self.held:6.1f} ms  {name}{ratio}"


Ask = Callable[[int], tuple[str, str, object]]  # of a round: method, path, body


async def one(client: Client, asked: tuple[str, str, object], seen: Seen, database: int = 0) -> Answer:
    """Send one request and keep what it cost, where that is less than before."""
    method, path, body = asked
    sent = None if body is None else json.dumps(body).encode()  # the client's work
    async with Ticking() as ticking:
        there = servers.cpu((database,)) if database else 0.0
        used = time.process_time()
        answer = await client.ask(method, path, sent)
        seen.cpu = min(seen.cpu, (time.process_time() - used) * 1000)
        seen.there = min(seen.there, (servers.cpu((database,)) - there) * 1000 if database else 0.0)
    seen.held = min(seen.held, ticking.longest * 1000)
    assert answer.status in (200, 201, 204), answer.body[:300]
    return answer


def patch(*operations: Mapping[str, object]) -> dict[str, object]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def new_user(number: int) -> dict[str, object]:
    """Return a User as Entra creates one."""
    mail = residents.address(number)
    return {
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": f"external{number:06}",
        "userName": mail,
        "active": True,
        "displayName": f"User {number:06}",
        "emails": [{"primary": True, "type": "work", "value": mail}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": f"User {number:06}", "familyName": f"{number:06}", "givenName": "User"},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Research"},
    }


def member(op: str, number: int) -> dict[str, object]:
    """Return the PATCH by which Entra adds or removes one member."""
    return patch({"op": op, "path": "members", "value": [{"value": residents.user(number)}]})


def asks(told: Directory) -> Iterator[tuple[str, Ask]]:
    """Yield what is measured: its name, and the request of each round."""
    everybody, beyond = f"/Groups/{EVERYBODY}", told.members  # the number of one who is in no large group

    def user(n: int) -> str:
        return f"/Users/{residents.user(4 + n)}"

    def filtered(kind: str, words: str, more: str = "") -> tuple[str, str, object]:
        return "GET", f"/{kind}?filter={quote(words)}{more}", None

    yield "POST a user", lambda n: ("POST", "/Users", new_user(900_000 + n))
    yield "GET a user by id", lambda n: ("GET", user(n), None)
    yield "userName eq", lambda n: filtered("Users", f'userName eq "{residents.address(4 + n)}"')
    yield "externalId eq", lambda n: filtered("Users", f'externalId eq "external{4 + n:06}"')
    yield (
        'emails[type eq "work"].value eq',
        lambda n: filtered("Users", f'emails[type eq "work"].value eq "{residents.address(4 + n)}"'),
    )
    yield "emails.value eq", lambda n: filtered("Users", f'emails.value eq "{residents.address(4 + n)}"')
    yield "displayName eq, users", lambda n: filtered("Users", f'displayName eq "User {4 + n:06}"')
    yield (
        "displayName eq, groups, no members",
        lambda n: filtered("Groups", f'displayName eq "Group {4 + n:04}"', "&excludedAttributes=members"),
    )
    yield (
        "id eq and members eq",
        lambda n: filtered(
            "Groups",
            f'id eq "{EVERYBODY}" and members eq "{residents.user(4 + n)}"',
            "&excludedAttributes=members",
        ),
    )
    yield "members.value eq", lambda n: filtered(
        "Groups", f'members.value eq "{residents.user(4 + n)}"', "&excludedAttributes=members"
    )  # fmt: skip
    yield "a userName of nobody", lambda n: filtered("Users", f'userName eq "nobody{n}@acme.example"')
    yield "100 users", lambda n: ("GET", f"/Users?startIndex={1 + n}&count=100", None)
    yield (
        "100 users at the end",
        lambda n: ("GET", f"/Users?startIndex={told.users - 100 - n}&count=100", None),
    )
    yield "100 groups, no members", lambda _: ("GET", "/Groups?excludedAttributes=members&count=100", None)
    for says in ("False", "True"):
        change = patch({"op": "Replace", "path": "active", "value": says})
        yield f"PATCH active {says}", lambda n, change=change: ("PATCH", user(n), change)
    yield "PUT a user", lambda n: ("PUT", user(n), new_user(4 + n) | {"title": f"Round {n}"})
    yield "add one to the large group", lambda n: ("PATCH", everybody, member("Add", beyond + n))
    yield "remove one of the large group", lambda n: ("PATCH", everybody, member("Remove", beyond + n))
    yield "GET the large group", lambda _: ("GET", everybody, None)
    listed = [{"value": residents.user(n)} for n in range(told.members)]
    whole = {"schemas": [GROUP], "displayName": "Everybody", "externalId": "group0000"}
    yield "PUT the large group as it is", lambda _: ("PUT", everybody, whole | {"members": listed})
    yield (
        "PUT it with one member less, or more",
        lambda n: ("PUT", everybody, whole | {"members": listed[: len(listed) - (n + 1) % 2]}),
    )


# What the reference server is asked too.
BESIDE: Final = frozenset({
    "POST a user", "GET a user by id", "userName eq", "externalId eq", "100 users", "PATCH active False",
    "PATCH active True", "add one to the large group",
})  # fmt: skip


def reference(told: Directory) -> Client:
    """Return a client of the library's own server over its storage in memory, with the same directory."""
    from scim2_server.applications.asgi import ASGIApplication  # noqa: PLC0415  a second, and not always needed
    from scim2_server.memory import AsyncInMemoryStorage, InMemoryStorage  # noqa: PLC0415
    from scim2_server.service import ScimService  # noqa: PLC0415

    from federation.provisioned import Reference, ScimGroup, ScimUser  # noqa: PLC0415
    from federation.scim import provider, resources  # noqa: PLC0415

    described = provider.build()
    memory, people = InMemoryStorage(), range(told.users)
    with described:
        users = [
            resources.user_resource(
                ScimUser(
                    id=residents.user(n),
                    user_name=residents.address(n),
                    external_id=f"external{n:06}",
                    display_name=f"User {n:06}",
                    body={"emails": [{"value": residents.address(n), "type": "work", "primary": True}]},
                    version=1,
                    created_at=told.now,
                    changed_at=told.now,
                )
            )
            for n in people
        ]
        everybody = ScimGroup(
            id=EVERYBODY,
            display_name="Everybody",
            body={},
            members=tuple(Reference(id=residents.user(n), kind="User") for n in range(told.members)),
            version=1,
            created_at=told.now,
            changed_at=told.now,
        )
        memory.resources = [*users, resources.group_resource(everybody)]
    service = ScimService(described, secret=b"benchmark")
    return Client(ASGIApplication(AsyncInMemoryStorage(memory), described, service), "", headers())


async def requests(told: Directory, options: argparse.Namespace, url: str, pid: int) -> None:
    """Print a line for each request."""
    with tempfile.TemporaryDirectory() as place:
        async with standing(Path(place), told, url=url, pid=pid) as rig:
            idle = Ticking()
            async with idle:
                await asyncio.sleep(0.5)
            print(f"the idle loop held {idle.longest * 1000:.1f} ms")
            peer = reference(told)
            for name, ask in asks(told):
                if options.only_request not in name:
                    continue
                ours, theirs = Seen(), Seen()
                for n in range(options.rounds):
                    await one(rig.client, ask(n), ours, rig.database)
                    if name in BESIDE:
                        await one(peer, ask(n), theirs)
                print(ours.line(name, beside=theirs.cpu if name in BESIDE else 0.0), flush=True)


@dataclass
class Sent:
    """What the load was answered."""

    took: dict[str, list[float]] = field(default_factory=dict)  # kind → milliseconds from when it was due
    failed: int = 0


def mix(told: Directory) -> Iterator[tuple[str, tuple[str, str, object]]]:
    """Yield requests as Entra sends them in a cycle: half of them ask, half change."""
    for n in itertools.count():
        who, number = residents.user(n * 7 % told.users), n * 7 % told.users
        asked = quote(f'userName eq "{residents.address(number)}"')
        yield "GET filter", ("GET", f"/Users?filter={asked}", None)
        title = patch({"op": "Replace", "path": "title", "value": f"Round {n}"})
        yield "PATCH user", ("PATCH", f"/Users/{who}", title)
        asked = quote(f'externalId eq "external{_OWN + n:06}"')
        yield "GET filter", ("GET", f"/Users?filter={asked}", None)
        yield "POST user", ("POST", "/Users", new_user(_OWN + n))
        yield "GET user", ("GET", f"/Users/{who}", None)
        yield "PATCH group, add", ("PATCH", f"/Groups/{EVERYBODY}", member("Add", told.members + n % 50))
        asked = quote('displayName eq "Group 0007"')
        yield "GET filter", ("GET", f"/Groups?excludedAttributes=members&filter={asked}", None)
        yield (
            "PATCH group, remove",
            ("PATCH", f"/Groups/{EVERYBODY}", member("Remove", told.members + n % 50)),
        )


async def load(told: Directory, options: argparse.Namespace, url: str, pid: int) -> None:
    """Send so many requests a second to a worker of its own, and print what became of them."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        home = Path(place)
        (home / "secret").write_text(SECRET)
        connection = CONNECTION.format(secret=home / "secret")
        base, worker = stack.enter_context(servers.federation(home, connection, url))
        await asyncio.sleep(2)  # its policy is noted before anybody is there whom it would concern
        await lay(home, told, url)
        port = urlsplit(base).port or 0
        requests, sent = mix(told), Sent()
        await _pour(port, requests, options.rate, 3, Sent())  # warm
        pids = (worker,)
        before, there = servers.cpu(pids), servers.cpu((pid,)) if pid else 0.0
        begun = time.perf_counter()
        await _pour(port, requests, options.rate, options.seconds, sent)
        took = time.perf_counter() - begun
        every = sorted(one for each in sent.took.values() for one in each)
        used = (servers.cpu(pids) - before) / took
        database = (servers.cpu((pid,)) - there) / took if pid else 0.0
        print(
            f"{len(every) / took:.0f} requests/s for {took:.0f} s, {sent.failed} failed; the worker used "
            f"{used:.0%} of a processor, the database {database:.0%}; load {os.getloadavg()[0]:.1f}"
        )
        for name, each in {"all": every, **sent.took}.items():
            parts = sorted(each)
            shown = "  ".join(
                f"p{q} {parts[min(len(parts) * q // 100, len(parts) - 1)]:6.1f}" for q in (50, 90, 99)
            )
            print(f"{shown}  worst {parts[-1]:6.1f} ms  {name}")


async def _pour(
    port: int,
    requests: Iterator[tuple[str, tuple[str, str, object]]],
    rate: float,
    seconds: float,
    sent: Sent,
) -> None:
    """Send each when it is due, on whichever connection is free; what waits for one waits."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    begun = time.perf_counter()

    async def send(name: str, asked: tuple[str, str, object], due: float) -> None:
        reader, writer = await free.get()
        method, path, body = asked
        octets = b"" if body is None else json.dumps(body).encode()
        told = "".join(f"{key}: {value}\r\n" for key, value in headers().items())
        head = f"{method} {BASE}{path} HTTP/1.1\r\n{told}content-length: {len(octets)}\r\n\r\n"
        writer.write(head.encode() + octets)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.lower().split(b"\r\n")
        length = next((int(one[15:]) for one in lines if one.startswith(b"content-length:")), 0)
        await reader.readexactly(length)
        sent.failed += answer[9:12] not in (b"200", b"201", b"204")
        sent.took.setdefault(name, []).append((time.perf_counter() - begun - due) * 1000)
        free.put_nowait((reader, writer))

    tasks = []
    for number, (name, asked) in enumerate(itertools.islice(requests, int(rate * seconds))):
        due = number / rate
        await asyncio.sleep(max(0.0, due - (time.perf_counter() - begun)))
        tasks.append(asyncio.create_task(send(name, asked, due)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait()[1].close()


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--users", type=int, default=10_000)
    arguments.add_argument("--members", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--rate", type=float, default=100)
    arguments.add_argument("--only", choices=("requests", "load"))
    arguments.add_argument("--only-request", default="", help="requests whose name holds this")
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = arguments.parse_args()
    users = max(options.users, options.members + options.rounds)
    with contextlib.ExitStack() as stack:
        database: tuple[str, int] | None = ("", 0)
        if (
            options.database == "postgresql"
            and (database := stack.enter_context(servers.postgresql())) is None
        ):
            sys.exit("PostgreSQL is not installed here")
        assert database is not None
        told = Directory(now=clock.now(), users=users, members=options.members)
        if options.only in (None, "requests"):
            asyncio.run(requests(told, options, *database))
        if options.only in (None, "load"):
            with servers.postgresql() if database[0] else contextlib.nullcontext(database) as fresh:
                assert fresh is not None
                asyncio.run(load(told, options, *fresh))


if __name__ == "__main__":
    main()
