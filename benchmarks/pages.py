"""CPU of every page of sign-in, account and administration, with a large installation's rows in the store.

    .venv/bin/python benchmarks/pages.py [--people 100000] [--connections 1000] [--rounds 15] [--only PATH]
        [--database postgresql]

In this process, over ASGI: what a page costs from the request to its last octet, every thread
counted, the browser's side not, the processes of PostgreSQL beside. The least of the rounds; the bound is
5 ms of ours. A page of ``console/routes.py`` without an entry here is named, and fails the run.
"""

import argparse
import asyncio
import base64
import contextlib
import re
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import crowd as rows
import servers
from crowd import Crowd
from starlette.routing import Route

from federation import app, clock, settings
from federation.console.routes import console_routes
from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.store import migration
from federation.web import cookies
from federation.web.house import House
from federation.web.routes import build, routes

BASE = "http://localhost:8000"
BOUND = 5.0  # milliseconds
HEAVIEST = 50 * 1024  # octets of a page with its stylesheet, its script and its icon
SETTINGS = """
base_url: http://localhost:8000
development: true
database_url: {database}
encryption_keys: [{{file: {home}/secrets.key}}]
sp_key: {home}/sp.key
sp_certificate: {home}/sp.crt
rate_limits: {{sign_in: off, failures: off}}
organizations:
  acme:
    name: Acme
    administrators: [admin]
    teams: {{research: {{name: Research, groups: [staff]}}}}
system_roles: {{operators: [{{role: operator, groups: [platform-admins]}}]}}
connections:
  acme-saml: &one
    protocol: saml
    organization: acme
    display_name: Acme
    domains: [acme.example]
    metadata: {{file: idp.xml}}
    on_email_match: create
    role_rules: [{{name: platform administrators, groups: [platform-admins], roles: [admin, member]}}]
  operators: {{<<: *one, display_name: Operators, visible: false}}
"""
# What stands for the parameters of a page's path.
FILLED = {
    "connection": "acme-saml",
    "id": "conn0007",
    "user": rows.user(321),
    "key": "team-0000",
    "reference": rows.reference(77),
    "trial": rows.identifier(4, 7),
    "step": "mapping",
    "token": "nobodys",
    "vendor": "okta",
    "organization": "org0007",
    "domain": "org0007.example",
}
# Where another of the same name is meant.
FILLED_AT = {
    "/admin/organizations/{id}": {"id": "org0007"},
    "/admin/invitations/{id}": {"id": rows.identifier(3, 7)},
}
# Besides each page of the administration once: its lists as they are searched.
SEARCHED = (
    "/admin/connections/new?preset=okta&protocol=saml",
    "/admin?organization=acme",
    "/admin/people?organization=acme",
    "/admin/people?organization=acme&search=ada",
    "/admin/people?organization=acme&search=zzz",
    "/admin/people?organization=acme&role=auditor",
    "/admin/people?organization=acme&team=team-0000&state=deactivated",
    "/admin/teams?organization=acme",
    "/admin/teams?organization=acme&search=team-00",
    "/admin/domains?search=org0",
    "/admin/people/invitations?organization=acme&search=acme",
    "/admin/connections/acme-saml/disable",
    "/admin/organizations/acme?way-acme-saml=on",
    "/admin/organizations/acme?way-operators=on",
    "/admin/connections?search=connection",
    "/admin/connections?organization=org0500",
    "/admin/organizations?search=organization+9",
    "/admin/decisions?organization=acme",
    "/admin/decisions?organization=acme&code=oidc.nonce",
    "/admin/decisions?connection=acme-saml",
    "/admin/decisions?person=ada.adams.0%40acme.example&organization=acme",
    "/admin/audit?organization=acme",
    "/admin/audit?organization=acme&action=role.revoke",
    "/admin/audit?organization=acme&name=" + rows.user(99_000),
    "/admin/audit?actor=" + rows.user(3),
)
PEOPLE = (
    "/",
    "/account",
    "/login",
    "/login?email=ada%40acme.example",
    "/login?email=ada%40org0500.example",
    "/logout",
)
NOBODY = ("/", "/login", "/login?email=ada%40org0500.example", "/account", "/login/nowhere", "/nowhere")


@dataclass
class Answer:
    """What a request got."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def named(self, name: bytes) -> list[str]:
        """Return the values of a header."""
        return [value.decode("latin-1") for told, value in self.headers if told == name]


@dataclass
class Rig:
    """The service, and who asks it."""

    application: Any
    house: House
    idp: SamlIdp
    cookies: dict[str, str] = field(default_factory=dict)  # operator, administrator → Cookie

    async def ask(
        self, path: str, who: str = "", *, form: dict[str, str] | None = None, cookie: str = ""
    ) -> Answer:
        """Make one request straight at the application."""
        answer = Answer()
        sent = urlencode(form or {}).encode()
        headers = [(b"host", b"localhost:8000"), (b"accept", b"text/html"), (b"user-agent", b"Firefox/145.0")]
        if cookie or who:
            headers.append((b"cookie", (cookie or self.cookies[who]).encode()))
        if form:
            headers.append((b"content-type", b"application/x-www-form-urlencoded"))
        split = urlsplit(path)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": "POST" if form else "GET", "path": split.path, "raw_path": split.path.encode(),
            "query_string": split.query.encode(), "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("localhost", 8000),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                answer.body += message.get("body", b"")

        await self.application(scope, receive, send)
        return answer

    async def sign_in(self, who: str, login: str, connection: str) -> None:
        """Sign somebody in for good."""
        begun = await self.ask(f"/login/{connection}?return_to=/account")
        asked = parse_qs(urlsplit(begun.named(b"location")[0]).query)
        request = zlib.decompress(base64.b64decode(asked["SAMLRequest"][0]), -15).decode()
        found = re.search(r'\bID="([^"]+)"', request)
        assert found
        here = f"{BASE}/saml/{connection}"
        document = self.idp.response(
            user=USERS[login],
            acs_url=f"{here}/acs",
            sp_entity_id=f"{here}/metadata",
            request_id=found[1],
            now=clock.now(),
        )
        form = {"SAMLResponse": SamlIdp.encode(document), "RelayState": asked["RelayState"][0]}
        binders = "; ".join(one.partition(";")[0] for one in begun.named(b"set-cookie"))
        done = await self.ask(f"/saml/{connection}/acs", form=form, cookie=binders)
        assert done.status == 303, done.body
        self.cookies[who] = "; ".join(one.partition(";")[0] for one in done.named(b"set-cookie"))

    async def used(self, path: str, who: str, rounds: int, database: int) -> tuple[float, float, Answer]:
        """Return the least milliseconds of CPU that a page took, here and in the database, and the page."""
        least, there, answer = float("inf"), float("inf"), Answer()
        for _ in range(rounds):
            before = servers.cpu((database,)) if database else 0.0
            start = time.process_time()
            answer = await self.ask(path, who)
            least = min(least, (time.process_time() - start) * 1000)
            there = min(there, (servers.cpu((database,)) - before) * 1000 if database else 0.0)
        return least, there, answer

    async def noted(self) -> None:
        """Wait until the policy of every connection is noted: that goes on by itself, and writes."""
        for _ in range(6000):
            if len(await self.house.store.policies()) >= len(self.house.connections):
                return
            await asyncio.sleep(0.02)
        raise TimeoutError

    async def settle(self) -> None:
        """Wait until what begins with the start is done: every provider's document is read once."""
        for _ in range(100):
            start = time.process_time()
            await asyncio.sleep(0.3)
            if time.process_time() - start < 0.003:
                return


@contextlib.asynccontextmanager
async def standing(home: Path, *, now: datetime, database: str = "", **crowd: Any) -> AsyncIterator[Rig]:
    """Open a service whose store holds a crowd, with an operator and an administrator signed in.

    Args:
        home: Empty.
        now: The crowd's moment.
        database: URL of an empty PostgreSQL; "" for a SQLite file.
        crowd: Fields of ``Crowd``.
    """
    entity_id = "https://idp.acme.example"
    here = {f"{BASE}/saml/{one}/metadata": f"{BASE}/saml/{one}/acs" for one in ("acme-saml", "operators")}
    idp = SamlIdp(entity_id=entity_id, base_url="http://127.0.0.1:1", service_providers=here)
    (home / "idp.xml").write_bytes(idp.metadata())
    (home / "federation.yaml").write_text(
        SETTINGS.format(home=home, database=database or f"sqlite:///{home}/federation.db")
    )
    metadata = idp.metadata().decode().replace(entity_id, "https://idpNUMBER.example")
    config = settings.load(home / "federation.yaml")
    told = Crowd(now=now, metadata=metadata, **crowd)
    if database:
        await _lay_postgres(database, told)
    else:
        await asyncio.to_thread(_lay, home / "federation.db", told)
    async with app.open_house(config) as house:
        application = build(routes(), None)
        application.state.house = house
        rig = Rig(application, house, idp)
        await rig.sign_in("operator", "ada", "operators")
        await rig.sign_in("administrator", "ada", "acme-saml")
        await rig.noted()
        rig.cookies["guest"] = f"{cookies.SETUP}={rows.setup_token(7)}"
        yield rig


def _lay(file: Path, crowd: Crowd) -> None:
    file.touch(mode=0o600)
    with contextlib.closing(migration.sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        migration.upgrade_sqlite(db)
    rows.lay(file, crowd)


async def _lay_postgres(url: str, crowd: Crowd) -> None:
    db = await asyncpg.connect(url)
    try:
        await migration.upgrade_postgres(db)
        await rows.lay_postgres(db, crowd)
    finally:
        await db.close()


def pages() -> Iterator[tuple[str, str]]:
    """Yield who asks for which page.

    Raises:
        SystemExit: A page has a parameter that nothing stands for.
    """
    yield from (("", path) for path in NOBODY)
    yield from (("administrator", path) for path in PEOPLE)
    for route in console_routes():
        if not isinstance(route, Route) or "GET" not in (route.methods or ()) or "/api/" in route.path:
            continue
        names = re.findall(r"{(\w+)", route.path)
        if unknown := [name for name in names if name not in FILLED]:
            raise SystemExit(f"{route.path}: nothing stands for {', '.join(unknown)} here")
        filled = FILLED | FILLED_AT.get(route.path, {})
        path = re.sub(r"{(\w+)[^}]*}", lambda found: filled[found[1]], route.path)  # noqa: B023  used at once
        if "{user}" in route.path or "{key}" in route.path or "{reference}" in route.path:
            path += "?organization=acme"
        yield "guest" if path.startswith("/setup") else "operator", path
    yield from (("operator", path) for path in SEARCHED)


async def measure(options: argparse.Namespace, database: str, pid: int) -> int:
    """Print a line for each page; return how many are over the bound."""
    over = 0
    with tempfile.TemporaryDirectory() as directory:
        many = {"people": options.people, "records": options.people, "audit": options.people}
        many |= {"connections": options.connections}
        begun = time.perf_counter()
        async with standing(Path(directory), now=clock.now(), database=database, **many) as rig:
            took = time.perf_counter() - begun
            print(f"{options.people} people, {options.connections} connections: started in {took:.0f} s")
            await rig.settle()
            for who, path in pages():
                if options.only not in path:
                    continue
                if options.profile:
                    await profiled(rig, path, who)
                if "way-" in path:
                    over += await beginning(rig, path, who, pid)
                used, there, answer = await rig.used(path, who, options.rounds, pid)
                mark = "" if used <= BOUND else "  OVER"
                over += bool(mark)
                beside = f" + {there:5.2f}" if pid else ""
                octets = f"{len(answer.body) / 1024:6.1f} kB"
                print(f"{used:7.2f}{beside} ms {answer.status} {octets}  {who:13} {path}{mark}")
    print(f"{over} over {BOUND} ms")
    return over


async def beginning(rig: Rig, path: str, who: str, database: int) -> bool:
    """Print what a page costs that begins a look at everybody, and what is looked beside it."""
    await rig.used(path.partition("?")[0], who, 2, database)  # whatever is made once
    used, _, _ = await rig.used(path, who, 1, database)
    start, there = time.process_time(), servers.cpu((database,)) if database else 0.0
    await rig.settle()
    beside = (time.process_time() - start) * 1000
    there = (servers.cpu((database,)) - there) * 1000 if database else 0.0
    mark = "  OVER" if used > BOUND else ""
    print(f"{used:7.2f} ms as it begins, {beside:.0f} + {there:.0f} ms beside  {who:13} {path}{mark}")
    return bool(mark)


async def profiled(rig: Rig, path: str, who: str) -> None:
    """Print where the time of a page goes, the store's thread left out."""
    import cProfile  # noqa: PLC0415  asked for alone
    import pstats  # noqa: PLC0415

    await rig.ask(path, who)
    with cProfile.Profile() as found:
        for _ in range(10):
            await rig.ask(path, who)
    pstats.Stats(found, stream=sys.stdout).sort_stats("tottime").print_stats(15)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--people", type=int, default=100_000)
    arguments.add_argument("--connections", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--only", default="", help="pages whose path holds this")
    arguments.add_argument("--profile", action="store_true")
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = arguments.parse_args()
    with contextlib.ExitStack() as stack:
        database: tuple[str, int] | None = ("", 0)
        if (
            options.database == "postgresql"
            and (database := stack.enter_context(servers.postgresql())) is None
        ):
            sys.exit("PostgreSQL is not installed here")
        assert database is not None
        over = asyncio.run(measure(options, *database))
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
