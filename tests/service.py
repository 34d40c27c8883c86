"""The real service as a process of its own: ``python -m federation serve`` or ``demo``."""

import contextlib
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import yaml
from databases import lay_sqlite
from drive import Browser, Who
from processes import free_port, running

from federation import clock, keys

ROOT = Path(__file__).parent.parent
FEDERATION = [sys.executable, "-m", "federation"]


@dataclass(frozen=True)
class Service:
    """A running service; ``config`` is its settings file."""

    base_url: str
    config: Path
    pid: int

    def url(self, path: str) -> str:
        return self.base_url + path

    def who(self, browser: Browser) -> dict[str, Any]:
        """Return what ``/session`` says to this browser."""
        answer = browser.request("GET", self.url("/session"))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def is_nobody(self, browser: Browser) -> bool:
        return browser.request("GET", self.url("/session")).status_code == 401

    def sign_in(self, browser: Browser, connection: str, person: Who) -> dict[str, Any]:
        """Sign in, with a password where one is asked for; return what ``/session`` says."""
        page = browser.go(self.url(f"/login/{connection}?return_to=/session"), person)
        if "<title>Signed in as somebody else" in page.text:  # in another's place: press Continue
            page = browser.go(self.url("/session"))
        json = page.headers["content-type"] == "application/json"
        assert json, f"at {page.url} for {self.newest_code()!r}: {page.text[-2000:]}"
        return dict(page.json())

    def sign_out(self, browser: Browser, *, stop: Callable[[str], bool] = lambda _: False) -> httpx2.Response:
        """Press the button that signs out, and go where it leads."""
        page = browser.request("GET", self.url("/logout"))
        csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        return browser.go(self.url("/logout"), data={"csrf": csrf}, stop=stop)

    def code_of(self, refused: httpx2.Response) -> str:
        """Return the refusal's code, as it is recorded under the page's reference."""
        reference = re.search(r'<output id="reference"[^>]*>([A-Z2-7]{10})<', refused.text)
        assert reference, refused.text
        ((code,),) = self.ask("SELECT code FROM decision_record WHERE reference = ?", reference[1])
        return str(code)

    def newest_code(self) -> str:
        """Return the code of what was recorded last, shown to anybody or not."""
        found = self.ask("SELECT code FROM decision_record ORDER BY recorded_at DESC LIMIT 1")
        return str(found[0][0]) if found else ""

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database."""
        database = self.config.parent / "federation.db"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()

    def command(self, *arguments: str) -> str:
        """Run one of the operator's commands; return what it prints."""
        command = [*FEDERATION, *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@cache
def _key_pair() -> dict[str, bytes]:
    """Return a pair such as a first start makes, which takes its time."""
    with tempfile.TemporaryDirectory() as place:
        names = ("sp.key", "sp.crt")
        keys.generate_key_pair(*(Path(place, name) for name in names), name="tests", now=clock.now())
        return {name: Path(place, name).read_bytes() for name in names}


@contextlib.contextmanager
def serving(directory: Path, settings: dict[str, Any], *, port: int | None = None) -> Iterator[Service]:
    """Run the service with these settings until the block ends.

    Args:
        directory: Empty: its settings file, keys, database and log go there.
        settings: ``connections`` and so on; ``base_url`` (http://localhost:PORT unless given),
            database and keys are added.
        port: Where it listens; any free one by default.
    """
    port = port or free_port()
    whole = {
        "base_url": f"http://localhost:{port}",
        "development": True,
        "database_url": f"sqlite:///{directory / 'federation.db'}",
        "encryption_keys": [{"file": str(directory / "secrets.key")}],
        "sp_key": str(directory / "sp.key"),
        "sp_certificate": str(directory / "sp.crt"),
        **settings,
    }
    config = directory / "federation.yaml"
    config.write_text(yaml.safe_dump(whole))
    if "database_url" not in settings and not (directory / "federation.db").exists():
        lay_sqlite(
            directory / "federation.db"
        )  # to migrate a new one takes longer than all the rest of a start
    for name, octets in _key_pair().items():
        if not (directory / name).exists():
            (directory / name).write_bytes(octets)
    command = [*FEDERATION, "serve", "--config", str(config), "--host", "localhost", "--port", str(port)]
    answers = f"http://localhost:{port}/healthz"
    with running(command, answers=answers, log=directory / "service.log", cwd=ROOT) as process:
        yield Service(str(whole["base_url"]), config, process.pid)


@dataclass(frozen=True)
class Demo:
    """A running ``federation demo``."""

    base_url: str

    def url(self, path: str) -> str:
        return self.base_url + path


@contextlib.contextmanager
def demonstrating(directory: Path) -> Iterator[Demo]:
    """Run the demo, on free ports, in an empty directory, until the block ends."""
    ports = {"--port": free_port(), "--saml-port": free_port(), "--oidc-port": free_port()}
    command = [*FEDERATION, "demo", "--directory", str(directory), "--certs", str(directory / "certs")]
    for option, port in ports.items():
        command += [option, str(port)]
    base_url = f"http://localhost:{ports['--port']}"
    with running(command, answers=f"{base_url}/readyz", log=directory / "demo.log", cwd=ROOT):
        yield Demo(base_url)
