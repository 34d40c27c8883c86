"""Groups of Google's Directory: about whom it is asked, what it answers, and how often it is asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google_account import SUBJECT, key_file
from loopback import serving
from stair import listening, write_settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from test_doctor_oidc import GOOD as PUBLISHED
from test_service_account import compiled
from test_settings import load, with_values
from test_settings_oidc import PEER

from federation import registry, settings
from federation.connectors import google_directory as asking
from federation.connectors.google_directory import GoogleDirectory
from federation.errors import ProviderUnavailable
from federation.fetch import Fetch, open_door
from federation.oidc import google_directory, service_account
from federation.oidc.groups import Asked, Page
from federation.oidc.provider import ProviderMetadata
from federation.oidc.service_account import Access, Endpoints
from federation.operator import doctor_connections, doctor_oidc
from federation.operator.finding import State

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
JSON = "application/json"
ADA = "110169484474386276334"
CLAIMS = {"sub": ADA, "hd": "acme.example", "email": "ada@acme.example", "email_verified": True}
KIND = "admin#directory#groups"


def after(**time: float) -> datetime:
    return NOW + timedelta(**time)


# ── about whom ────────────────────────────────────────────────────────────────────────────


def test_a_person_is_asked_about_by_their_id() -> None:
    told = compiled().google_directory
    assert told is not None
    url = urlsplit(google_directory.groups_url(told, google_directory.read_person(CLAIMS), "p=2&x"))
    assert (url.scheme, url.netloc, url.path) == (
        "https", "admin.googleapis.com", "/admin/directory/v1/groups",
    )  # fmt: skip
    assert parse_qs(url.query) == {
        "userKey": [ADA], "maxResults": ["200"], "pageToken": ["p=2&x"],
        "fields": ["kind,nextPageToken,groups(email)"],
    }  # fmt: skip


NOBODY: list[dict[str, Any]] = [
    {"hd": None}, {"hd": ""}, {"hd": True}, {"hd": ["acme.example"]},
    {"sub": "ada@acme.example"}, {"sub": ""}, {"sub": None}, {"sub": "12a"}, {"sub": "1" * 65},
    {"sub": "١٢٣"}, {"sub": "12\n"}, {"sub": "me"},
]  # fmt: skip


@pytest.mark.parametrize("fault", NOBODY, ids=range(len(NOBODY)))
def test_who_is_in_no_directory(fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oidc\.directory_person: ") as why:
        google_directory.read_person({**CLAIMS, **fault})
    assert "ada" not in why.value.detail


# ── what it answers ───────────────────────────────────────────────────────────────────────


def page(*addresses: Any, following: Any = None, **other: Any) -> dict[str, Any]:
    listed = [{"email": one} if isinstance(one, str) else one for one in addresses]
    told = {"kind": KIND, **({"groups": listed} if listed else {}), **other}
    return told | ({"nextPageToken": following} if following is not None else {})


def read(answer: Any, status: int = 200, content_type: str = "application/json; charset=UTF-8") -> Page:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return google_directory.read_page(status, content_type, text)


def test_a_page_is_read() -> None:
    assert read(page("Staff@acme.example", "b@acme.example")) == Page(
        ("staff@acme.example", "b@acme.example"), ""
    )
    assert read(page("a@acme.example", following="p2")) == Page(("a@acme.example",), "p2")
    assert read(page()) == Page((), "")  # in no group, there is no list
    assert read(page(groups=[])) == Page((), "")


def error(*reasons: str, details: tuple[str, ...] = ()) -> dict[str, Any]:
    said = {"code": 403, "message": "…", "errors": [{"domain": "global", "reason": one} for one in reasons]}
    told = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": one} for one in details]
    return {"error": said | ({"details": told} if details else {})}


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("oidc.directory_disabled", {"status": 403, "answer": error("accessNotConfigured")}),
    ("oidc.directory_disabled", {"status": 403, "answer": error("forbidden", details=("SERVICE_DISABLED",))}),
    ("oidc.directory_forbidden", {"status": 403, "answer": error("forbidden")}),
    ("oidc.directory_forbidden", {"status": 403, "answer": error("insufficientPermissions")}),
    ("oidc.directory_forbidden", {"status": 403, "answer": b"<html>", "content_type": "text/html"}),
    ("oidc.directory_forbidden", {"status": 403, "answer": {"error": {"errors": "x", "details": [7]}}}),
    ("oidc.directory_forbidden", {"status": 403, "answer": {"error": "accessNotConfigured"}}),
    ("oidc.directory_status", {"status": 403, "answer": error("quotaExceeded")}),
    ("oidc.directory_status", {"status": 403, "answer": error("userRateLimitExceeded")}),
    ("oidc.directory_status", {"status": 429, "answer": error("rateLimitExceeded")}),
    ("oidc.directory_status", {"status": 401, "answer": error("authError")}),
    ("oidc.directory_status", {"status": 400, "answer": error("badRequest")}),
    ("oidc.directory_status", {"status": 503, "answer": page("a@acme.example")}),
    ("oidc.directory_status", {"status": 204, "answer": b""}),
    ("oidc.directory_person", {"status": 404, "answer": error("notFound")}),
    ("oidc.directory_malformed", {"answer": {}}),  # absent is not empty
    ("oidc.directory_malformed", {"answer": {"groups": [{"email": "a@acme.example"}]}}),
    ("oidc.directory_malformed", {"answer": page(kind="admin#directory#members")}),
    ("oidc.directory_malformed", {"answer": page(), "content_type": "text/html"}),
    ("oidc.directory_malformed", {"answer": b"[]"}),
    ("oidc.directory_malformed", {"answer": b'{"kind":"admin#directory#groups","kind":"x"}'}),
    ("oidc.directory_malformed", {"answer": page(groups=None)}),
    ("oidc.directory_malformed", {"answer": page(groups={"email": "a@acme.example"})}),
    ("oidc.directory_malformed", {"answer": page("a@acme.example", 7)}),
    ("oidc.directory_malformed", {"answer": page({"name": "Admins"})}),
    ("oidc.directory_malformed", {"answer": page({"email": ""})}),
    ("oidc.directory_malformed", {"answer": page({"email": 7})}),
    ("oidc.directory_malformed", {"answer": page("Platform Admins")}),
    ("oidc.directory_malformed", {"answer": page("a@acme.example", following=7)}),
    ("oidc.directory_malformed", {"answer": page("a@acme.example", following="a b")}),
    ("oidc.directory_malformed", {"answer": page("a@acme.example", following="x" * 4097)}),
    ("oidc.directory_malformed", {"answer": page("a@acme.example", nextPageToken=None)}),
]


@pytest.mark.parametrize(("code", "fault"), FAULTS, ids=range(len(FAULTS)))
def test_what_is_no_answer(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as why:
        read(**fault)
    assert "acme" not in why.value.detail


# ── asked over HTTP ───────────────────────────────────────────────────────────────────────


@dataclass
class Google:
    """A stand-in for both of Google's hosts: what it answers, and what it was asked."""

    url: str = ""
    pages: list[Any] = field(default_factory=list)
    grants: int = 0
    life: int = 3600
    refuses: dict[str, Any] | None = None  # of the token endpoint
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    wait: float = 0

    async def token(self, request: Request) -> Response:
        assert (await request.form())["grant_type"] == service_account.GRANT_TYPE
        self.grants += 1
        await asyncio.sleep(self.wait)
        if self.refuses is not None:
            return JSONResponse(self.refuses, 400)
        told = {"access_token": f"t{self.grants}", "token_type": "Bearer", "expires_in": self.life}
        return JSONResponse(told)

    async def groups(self, request: Request) -> Response:
        self.tokens.append(request.headers["authorization"].removeprefix("Bearer "))
        self.asked.append(request.query_params["userKey"] + request.query_params.get("pageToken", ""))
        found = self.pages[min(len(self.asked), len(self.pages)) - 1]
        await asyncio.sleep(self.wait)
        return found if isinstance(found, Response) else JSONResponse(found)

    @property
    def access(self) -> Access:
        return Access(
            endpoints=Endpoints(token=f"{self.url}/token", groups=f"{self.url}/groups"),
            account=service_account.read_service_account(key_file()),
            subject=SUBJECT,
        )


@pytest.fixture
async def google() -> AsyncIterator[tuple[Google, GoogleDirectory]]:
    there = Google()
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=5)
    async with serving() as site:
        site.app = Starlette(
            routes=[Route("/token", there.token, methods=["POST"]), Route("/groups", there.groups)]
        )
        there.url = site.url
        yield there, GoogleDirectory(there.access, fetch)
        await fetch.close()


Both = tuple[Google, GoogleDirectory]


async def test_every_page_is_read_once(google: Both) -> None:
    there, directory = google
    there.pages = [page("a@x.yz", following="-2"), page("a@x.yz", "b@x.yz", following="-3"), page("c@x.yz")]
    found = await directory.ask(CLAIMS, "the person's own token", NOW)
    assert (found.names, found.check.said) == (("a@x.yz", "b@x.yz", "c@x.yz"), None)
    assert there.asked == [ADA, f"{ADA}-2", f"{ADA}-3"]
    assert there.tokens == ["t1"] * 3


async def test_in_no_group_is_an_answer(google: Both) -> None:
    there, directory = google
    there.pages = [page()]
    assert (await directory.ask(CLAIMS, "", NOW)).names == ()


async def test_somebody_who_is_not_here_is_asked_about_by_their_id_alone(google: Both) -> None:
    there, directory = google
    there.pages = [page("a@x.yz")]
    assert (await directory.read(ADA, NOW)).names == ("a@x.yz",)
    found = await directory.read("ada@acme.example", NOW)
    assert (found.names, found.check.code) == (None, "oidc.directory_person")
    assert there.asked == [ADA]


async def test_who_is_in_no_workspace_is_not_asked_about(google: Both) -> None:
    there, directory = google
    found = await directory.ask({"sub": ADA}, "", NOW)
    assert (found.names, found.check.code) == (None, "oidc.directory_person")
    assert (there.grants, there.asked) == (0, [])


FAILURES: list[tuple[str, Callable[[], Any]]] = [
    ("oidc.directory_forbidden", lambda: JSONResponse(error("forbidden"), 403)),
    ("oidc.directory_disabled", lambda: JSONResponse(error("accessNotConfigured"), 403)),
    ("oidc.directory_status", lambda: Response("{}", 429)),
    ("fetch.redirect", lambda: Response("", 302, {"location": "https://evil.example/"})),
    ("oidc.directory_malformed", lambda: Response("<html>", media_type="text/html")),
]


@pytest.mark.parametrize(("code", "answer"), FAILURES, ids=range(len(FAILURES)))
@pytest.mark.parametrize("late", [False, True], ids=["first page", "second page"])
async def test_half_of_the_groups_is_none(
    google: Both,
    code: str,
    answer: Callable[[], Any],
    late: bool,  # noqa: FBT001
) -> None:
    there, directory = google
    there.pages = [*([page("a@x.yz", following="-2")] if late else []), answer()]
    found = await directory.ask(CLAIMS, "", NOW)
    assert (found.names, found.check.code) == (None, code)
    assert found.check.said
    assert len(there.asked) == (2 if late else 1)


async def test_a_list_without_end_is_left(google: Both) -> None:
    there, directory = google
    there.pages = [page("a@x.yz", following="-n")]
    found = await directory.ask(CLAIMS, "", NOW)
    assert (found.names, found.check.code) == (None, "oidc.directory_many")
    assert len(there.asked) == google_directory.PAGES


async def test_all_pages_share_one_deadline(google: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    there, directory = google
    monkeypatch.setattr(asking, "DEADLINE", 0.2)
    there.pages, there.wait = [page("a@x.yz", following="-n")], 0.08
    found = await directory.ask(CLAIMS, "", NOW)
    assert (found.names, found.check.code) == (None, "fetch.timeout")
    assert len(there.asked) < google_directory.PAGES


# ── how often a token is asked for ────────────────────────────────────────────────────────


async def many(directory: GoogleDirectory, now: datetime = NOW) -> list[Asked]:
    return await asyncio.gather(*(directory.ask(CLAIMS, "", now) for _ in range(20)))


async def test_one_token_is_for_all_and_is_renewed_before_its_end(google: Both) -> None:
    there, directory = google
    there.pages, there.wait = [page("a@x.yz")], 0.02
    assert {one.names for one in await many(directory)} == {("a@x.yz",)}
    assert there.grants == 1
    await many(directory, after(minutes=54, seconds=59))
    assert there.grants == 1
    await many(directory, after(minutes=55))
    assert there.grants == 2
    assert set(there.tokens) == {"t1", "t2"}


async def test_a_token_that_cannot_be_had_is_asked_for_once_in_a_while(google: Both) -> None:
    there, directory = google
    there.refuses, there.wait = {"error": "unauthorized_client"}, 0.02
    found = await many(directory)
    assert {(one.names, one.check.code) for one in found} == {(None, "oidc.directory_delegation")}
    assert (there.grants, there.asked) == (1, [])
    await many(directory, after(seconds=4.9))
    assert there.grants == 1
    there.refuses, there.pages = None, [page("a@x.yz")]
    assert {one.names for one in await many(directory, after(seconds=5))} == {("a@x.yz",)}
    assert there.grants == 2


async def test_a_token_that_lasts_is_used_while_no_other_can_be_had(google: Both) -> None:
    there, directory = google
    there.pages = [page("a@x.yz")]
    await directory.ask(CLAIMS, "", NOW)
    there.refuses = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    assert (await directory.ask(CLAIMS, "", after(minutes=57))).names == ("a@x.yz",)
    assert (await directory.ask(CLAIMS, "", after(minutes=57, seconds=4))).names == ("a@x.yz",)
    assert there.grants == 2
    found = await directory.ask(CLAIMS, "", after(minutes=60))
    assert (found.names, found.check.code) == (None, "oidc.directory_grant")
    assert there.grants == 3
    found = await directory.ask(CLAIMS, "", after(minutes=60, seconds=4))
    assert (found.names, found.check.code, there.grants) == (None, "oidc.directory_grant", 3)


async def test_a_token_that_the_directory_takes_no_more_is_left_behind(google: Both) -> None:
    there, directory = google
    there.pages = [Response("{}", 401)]
    for seconds, grants in ((0, 1), (29, 1), (30, 1), (31, 2), (32, 2)):
        found = await directory.ask(CLAIMS, "", after(seconds=seconds))
        assert (found.names, found.check.code) == (None, "oidc.directory_status"), seconds
        assert there.grants == grants, seconds


async def test_a_token_endpoint_that_hangs_holds_nobody_long(
    google: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, directory = google
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    there.wait = 1
    found = await many(directory)
    assert {(one.names, one.check.code) for one in found} == {(None, "fetch.timeout")}
    assert there.grants <= 1  # all wait for one, which a busy machine may give up before it is heard


async def test_who_leaves_while_the_token_is_asked_for_takes_it_from_nobody(google: Both) -> None:
    there, directory = google
    there.pages, there.wait = [page("a@x.yz")], 0.1
    first = asyncio.create_task(directory.ask(CLAIMS, "", NOW))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(directory.ask(CLAIMS, "", NOW))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).names == ("a@x.yz",)


# ── federation doctor ─────────────────────────────────────────────────────────────────────


async def told(there: Google) -> list[tuple[State, str]]:
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=5)
    entry = replace(compiled(), google_directory=there.access)
    found = [one async for one in doctor_oidc.directory(entry, fetch, NOW, topic="connection google")]
    await fetch.close()
    return [(one.state, one.said) for one in found]


async def test_doctor_asks_for_the_administrators_own_groups(google: Both) -> None:
    there, _ = google
    there.pages = [page()]
    (_, key), (state, said) = await told(there)
    assert "key file can be used" in key
    assert (state, "Directory answers" in said) == (State.OK, True)
    assert there.asked == [SUBJECT]


async def test_doctor_says_which_step_is_missing(google: Both) -> None:
    there, _ = google
    there.pages = [JSONResponse(error("accessNotConfigured"), 403)]
    _, (state, said) = await told(there)
    assert (state, "(oidc.directory_disabled)" in said) == (State.FAILED, True)
    there.refuses = {"error": "unauthorized_client"}
    _, (state, said) = await told(there)
    assert (state, "(oidc.directory_delegation)" in said) == (State.FAILED, True)
    assert SUBJECT not in said


@pytest.mark.parametrize(
    ("text", "says"),
    [(key_file(), "(oidc.directory_disabled)"), (key_file(type="user"), "(registry.service_account)")],
    ids=["a key file", "none"],
)
async def test_doctor_comes_to_the_directory_and_to_a_key_file_that_is_none(
    google: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    there, _ = google
    there.pages = [JSONResponse(error("accessNotConfigured"), 403)]
    monkeypatch.setitem(service_account.ENDPOINTS, "127.0.0.1", there.access.endpoints)
    (tmp_path / "google.json").write_text(text)
    asks = {"service_account": {"file": "google.json"}, "subject": SUBJECT}
    config = settings.load(
        write_settings(tmp_path),
        overrides={"connections": {"acme-oidc": {"preset": "google", "google_directory": asks}}},
    )
    async with listening():
        fetch = open_door(config)
        found = await doctor_connections.ask(config, "acme-oidc", fetch, NOW)
        await fetch.close()
    assert [says in one.said for one in found if one.state is State.FAILED] == [True]


async def test_doctor_asks_no_directory_that_is_not_named() -> None:
    fetch = Fetch(allow=(), proxy=None, development=True)
    entry = compiled(google_directory=None)
    assert [one async for one in doctor_oidc.directory(entry, fetch, NOW, topic="t")] == []


OFFLINE: list[tuple[dict[str, Any], bool]] = [
    ({"keep_tokens": ["refresh"]},                                                                     True),
    ({"keep_tokens": ["refresh"], "scopes": ["openid", "email", "offline_access"]},                    True),
    ({"keep_tokens": ["refresh"], "authorization_params": {"access_type": "online"}},                  True),
    ({"keep_tokens": ["access", "refresh"], "authorization_params": {"access_type": "offline"}},       False),
    ({"keep_tokens": ["access"]},                                                                      False),
]  # fmt: skip


@pytest.mark.parametrize(("differs", "warned"), OFFLINE)
def test_google_gives_a_refresh_token_for_its_own_parameter_alone(
    tmp_path: Path, differs: dict[str, Any], *, warned: bool
) -> None:
    google = PEER | {"preset": "google", "issuer": "https://accounts.google.com"}
    config = load(tmp_path, with_values({"connections.peer": google | differs}))
    entry = registry.compile_one(
        config.connections["peer"], config.base_url, development=False, own=None, now=NOW
    )
    assert isinstance(entry, registry.Oidc)
    published = ProviderMetadata(**PUBLISHED, scopes_supported=("openid", "email", "profile"))
    found = list(doctor_oidc.renewal(entry, published, topic="connection peer"))
    assert [one.state for one in found] == [State.WARNING] * warned
    assert all("access_type: offline" in one.mend for one in found)
