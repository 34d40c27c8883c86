"""`federation invite`, `federation invitation` and `federation person add`, and who then signs in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import AuthResult
from processes import free_port
from stair import BASE, Stair, standing
from test_fetch_proxy import Authority, acme, other
from test_person_joining import code, old_way
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.configuration.smtp import Smtp

ADA = "ada@acme.example"
CLOSED = {"provisioning": "invited_only"}


class Scene:
    """A service whose one connection lets nobody in uninvited, and an operator at a shell."""

    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    async def types(self, *words: str) -> Result:
        told = [*words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)

    async def invited(self, *words: str) -> str:
        """Invite Ada; return the path of the link."""
        result = await self.types("invite", ADA, "--organization", "acme", *words)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        link = re.search(rf"^{BASE}(/invitation/[\w-]{{43}})$", result.stdout, re.MULTILINE)
        assert link, result.stdout
        return link[1]

    async def comes(self, link: str = "", who: str = "ada", **knobs: Any) -> httpx2.Response:
        """Open a link, if there is one, and sign in."""
        browser = self.stair.browser(accept="text/html")
        if link:
            page = await browser.get(link)
            assert page.status_code == 200, page.text
        answer = await old_way(self.stair, browser, who, **knobs)
        return await browser.get("/session") if answer.status_code == 303 else answer


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path, acme_saml=CLOSED) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


async def test_who_is_invited_comes_in_once_with_what_was_promised(scene: Scene) -> None:
    assert await code(scene.stair, await scene.comes()) == "policy.not_invited"
    link = await scene.invited("--role", "auditor", "--role", "editor", "--expires", "2d")
    page = await scene.stair.browser(accept="text/html").get(link)
    assert "/login/acme-saml" in page.text
    assert "Acme invites you." in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert await code(scene.stair, await scene.comes(link, "bob")) == "policy.not_invited"
    said = (await scene.comes(link)).json()
    assert said["roles"] == ["admin", "auditor", "editor"]  # admin: by the connection's rule
    for again in (link, f"/invitation/{'A' * 43}", "/invitation/x"):
        answer = await scene.stair.browser(accept="text/html").get(again)
        used = again == link
        assert await code(scene.stair, answer) == f"signin.invitation_{'used' if used else 'unknown'}"
        assert "set-cookie" not in answer.headers
    assert (await scene.comes()).json()["user"] == said["user"]


async def test_a_machine_is_told_the_same(scene: Scene) -> None:
    result = await scene.types("invite", ADA, "-o", "acme", "--role", "auditor", "--json")
    told = json.loads(result.stdout)
    assert told["link"].startswith(f"{BASE}/invitation/")
    assert (told["email"], told["roles"], told["teams"], told["mailed"]) == (ADA, ["auditor"], [], False)
    listed = json.loads((await scene.types("invitation", "list", "-o", "acme", "--json")).stdout)
    assert listed == [{key: value for key, value in told.items() if key not in {"link", "mailed"}}]
    assert told["link"].rpartition("/")[2] not in json.dumps(listed)


async def test_an_invitation_is_taken_back(scene: Scene) -> None:
    link = await scene.invited()
    shown = (await scene.types("invitation", "list", "-o", "acme")).stdout
    assert (ADA in shown, "open until" in shown) == (True, True)
    identifier = shown.split()[0]
    assert (await scene.types("invitation", "revoke", identifier, "-o", "acme")).exit_code == 0
    assert "nobody is invited" in (await scene.types("invitation", "list", "-o", "acme")).stdout
    answer = await scene.stair.browser(accept="text/html").get(link)
    assert await code(scene.stair, answer) == "signin.invitation_unknown"
    again = await scene.types("invitation", "revoke", identifier, "-o", "acme")
    assert (again.exit_code, "has no open invitation" in again.stderr) == (2, True)


WRONG = [
    ("no organization has this id", ["invite", ADA, "-o", "nobody"]),
    ("one plain ASCII e-mail address", ["invite", "ada@acme.example.", "-o", "acme"]),
    ("one plain ASCII e-mail address", ["invite", "\x1b[2Jada", "-o", "acme"]),
    ("has the key nowhere", ["invite", ADA, "-o", "acme", "--team", "nowhere"]),
    ("at most 90d", ["invite", ADA, "-o", "acme", "--expires", "91d"]),
    ("a number with its unit", ["invite", ADA, "-o", "acme", "--expires", "7"]),
    ("no organization has this id", ["invitation", "list", "-o", "nobody"]),
    ("no organization has this id", ["invitation", "revoke", "x", "-o", "nobody"]),
    ("no organization has this id", ["person", "add", ADA, "-o", "nobody"]),
    ("no such connection", ["person", "add", ADA, "-o", "acme", "--connection", "nowhere"]),
    ("one plain ASCII e-mail address", ["person", "add", "ada", "-o", "acme"]),
]


@pytest.mark.parametrize(("says", "words"), WRONG)
async def test_what_is_wrong_is_said_and_nothing_is_done(scene: Scene, says: str, words: list[str]) -> None:
    result = await scene.types(*words)
    assert (result.exit_code, says in result.stderr, result.stdout) == (2, True, ""), result.output
    assert "\x1b" not in result.stderr
    assert (scene.stair.count("invitation"), scene.stair.count("user")) == (0, 0)


async def test_a_member_is_not_invited_or_made(scene: Scene) -> None:
    await scene.comes(await scene.invited())
    for words in (["invite", ADA], ["person", "add", ADA], ["person", "add", ADA, "--role", "admin"]):
        result = await scene.types(*words, "-o", "acme")
        assert (result.exit_code, "has this address already" in result.stderr) == (2, True)


async def test_a_user_made_beforehand_finds_what_was_granted(scene: Scene) -> None:
    words = ("person", "add", ADA, "-o", "acme", "--connection", "acme-saml", "--role", "editor")
    result = await scene.types(*words)
    assert (result.exit_code, "awaited through acme-saml" in result.stdout) == (0, True), result.output
    said = (await scene.comes()).json()
    assert said["roles"] == ["admin", "editor"]
    assert said["user"]["id"] in result.stdout


async def test_a_machine_is_told_who_was_made(scene: Scene) -> None:
    result = await scene.types("person", "add", ADA, "-o", "acme", "--role", "editor", "--json")
    told = json.loads(result.stdout)
    user = told.pop("user")
    assert told == {
        "made": True, "email": ADA, "organization": "acme", "connection": None, "roles": ["editor"],
    }  # fmt: skip
    assert len(user) == 36


# --- mail


class Post(MessageHandler):
    """Keeps what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.letters.append(message)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[tuple[Post, int]]:
    """A mail server on loopback that wants STARTTLS, and a password."""

    def check(_server: object, _session: object, _envelope: object, _way: str, told: Any) -> AuthResult:
        return AuthResult(success=(told.login, told.password) == (b"us", b"a secret"))

    handler, port, tls = Post(), free_port(), tmp_path / "tls"
    tls.mkdir()
    controller = Controller(
        handler,
        "localhost",
        port,
        authenticator=check,
        auth_required=True,
        require_starttls=True,
        tls_context=acme().server(tls, "localhost"),
    )
    controller.start()
    yield handler, port
    controller.stop()


@asynccontextmanager
async def mailing(
    directory: Path, port: int, *, password: str = "a secret", authority: Authority | None = None
) -> AsyncIterator[Scene]:
    """Open a service that sends mail, in an empty directory."""
    place = directory / "service"
    place.mkdir()
    told = (
        f"outbound: {{ca_bundle: {(authority or acme()).bundle(place)}}}\n"
        f"smtp: {{host: localhost, port: {port}, user: us, password: {password}, from: sso@acme.example}}"
    )
    async with standing(place, told, acme_saml=CLOSED) as stair:
        yield Scene(stair, place / "federation.yaml")


async def test_an_invitation_is_mailed(
    tmp_path: Path, post: tuple[Post, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, port = post
    async with mailing(tmp_path, port) as scene:
        monkeypatch.setattr(clock, "now", scene.stair.clock)
        result = await scene.types("invite", ADA, "-o", "acme")
    assert (result.exit_code, "mailed to them" in result.stdout) == (0, True), result.output
    (letter,) = handler.letters
    assert (letter["To"], letter["From"]) == (ADA, "sso@acme.example")
    assert letter["Subject"] == "You are invited to Acme"
    link = re.search(rf"{BASE}/invitation/[\w-]{{43}}", str(letter.get_payload()))
    assert link
    assert link[0] in result.stdout


@pytest.mark.parametrize("between", ["\n", "\r\n", "\u2028", "\x85"])
async def test_no_name_adds_a_header(
    tmp_path: Path, post: tuple[Post, int], monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    handler, port = post
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__NAME", f"Acme{between}Bcc: eve@evil.example")
    async with mailing(tmp_path, port) as scene:
        result = await scene.types("invite", ADA, "-o", "acme")
    assert (result.exit_code, "mailed to them" in result.stdout) == (0, True), result.output
    (letter,) = handler.letters
    assert letter["Subject"] == "You are invited to Acme Bcc: eve@evil.example"
    assert letter["Bcc"] is None


TROUBLE: dict[str, dict[str, Any]] = {
    "another password": {"password": "another"},
    "a certificate that nobody vouches for": {"authority": other()},
    "nobody there": {"port": 1},
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_where_it_cannot_be_mailed_the_link_is_there_all_the_same(
    tmp_path: Path, post: tuple[Post, int], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    handler, port = post
    async with mailing(tmp_path, **{"port": port} | TROUBLE[trouble]) as scene:
        monkeypatch.setattr(clock, "now", scene.stair.clock)
        result = await scene.types("invite", ADA, "-o", "acme")
        assert result.exit_code == 1
        assert "not mailed: the mail server localhost" in result.stdout
        assert "another" not in result.output
        link = re.search(r"(/invitation/[\w-]{43})", result.stdout)
        assert link
        assert (await scene.comes(link[1])).json()["user"]["email"] == ADA
    assert handler.letters == []


SMTP = {"host": "mail.acme.example", "from": "sso@acme.example"}


@pytest.mark.parametrize(
    ("says", "differs"),
    [
        ("", {}),
        ("", {"port": 465, "starttls": False}),
        ("", {"host": "127.0.0.1", "starttls": False}),
        ("a loopback host", {"starttls": False}),
        ("go together", {"user": "us"}),
        ("go together", {"password": "a secret"}),
        ("", {"user": "us", "password": "a secret"}),
        ("pattern", {"from": "Us <sso@acme.example>"}),
        ("pattern", {"from": "sso@acme.example\nBcc: eve@evil.example"}),
    ],
)
def test_a_mail_server_is_reached_under_tls(says: str, differs: dict[str, Any]) -> None:
    if not says:
        assert Smtp.model_validate(SMTP | differs).host
        return
    with pytest.raises(ValueError, match=says) as refusal:
        Smtp.model_validate(SMTP | differs)
    assert "a secret" not in str(refusal.value)
