"""Groups that an ID Token only names: whom we ask, how far, and what is not an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from loopback import serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation import registry
from federation.connection import OidcConnection
from federation.connectors import groups as asking
from federation.connectors.groups import GroupsApi, GroupsSource, open_groups
from federation.errors import ProviderUnavailable
from federation.fetch import Fetch
from federation.oidc import groups
from federation.oidc.groups import Page

JSON = "application/json"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ASKED = groups.memberships_url("https://login.microsoftonline.com/t/v2.0")
NEXT = "https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group?$skiptoken=x"
OVERAGE: dict[str, Any] = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/t/users/o/getMemberObjects"}},
}


def test_each_cloud_has_its_own_graph() -> None:
    assert ASKED == (
        "https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999"
    )
    hosts = {
        "https://login.microsoftonline.com/organizations/v2.0": "https://graph.microsoft.com/",
        "https://login.microsoftonline.us/t/v2.0": "https://graph.microsoft.us/",
        "https://login.partner.microsoftonline.cn/t/v2.0": "https://microsoftgraph.chinacloudapi.cn/",
        "https://login.chinacloudapi.cn/t/v2.0": "https://microsoftgraph.chinacloudapi.cn/",
    }
    for issuer, start in hosts.items():
        assert groups.memberships_url(issuer).startswith(f"{start}v1.0/"), issuer


def test_the_dod_cloud_is_told_from_the_other_that_signs_in_there() -> None:
    asked = groups.memberships_url("https://login.microsoftonline.us/t/v2.0", "dod-graph.microsoft.us")
    assert asked.startswith("https://dod-graph.microsoft.us/v1.0/me/")
    assert groups.memberships_url("https://evil.example/", "dod-graph.microsoft.us") == ""


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.microsoftonline.com.evil.example/t/v2.0",
        "https://evil.example/login.microsoftonline.com",
        "https://evil.example#login.microsoftonline.com",
        "https://acme.okta.com",
        "",
    ],
)
def test_no_other_host_has_a_graph(issuer: str) -> None:
    assert groups.memberships_url(issuer) == ""


@pytest.mark.parametrize(
    ("claims", "elsewhere"),
    [
        (OVERAGE, True),
        ({"hasgroups": True}, True),
        ({"hasgroups": "true"}, True),
        ({"hasgroups": False}, False),
        ({"hasgroups": "false"}, False),
        ({"hasgroups": 1}, True),  # said, if not clearly
        ({"hasgroups": "yes"}, True),
        ({}, False),
        ({**OVERAGE, "groups": ["g"]}, False),
        ({**OVERAGE, "groups": []}, False),
        ({**OVERAGE, "groups": None}, True),
        ({"_claim_names": {"roles": "src1"}}, False),
        ({"_claim_names": ["groups"]}, False),
        ({"_claim_names": "groups"}, False),
    ],
)
def test_groups_are_elsewhere(claims: dict[str, Any], elsewhere: bool) -> None:  # noqa: FBT001
    assert groups.are_elsewhere(claims) is elsewhere


def body(*names: Any, following: Any = None, **more: Any) -> dict[str, Any]:
    listed = [{"id": name} if isinstance(name, str) else name for name in names]
    return {"@odata.context": "…", "value": listed, **more} | (
        {"@odata.nextLink": following} if following is not None else {}
    )


def read(answer: Any, status: int = 200, content_type: str = JSON) -> Page:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return groups.read_page(status, content_type, text, asked=ASKED)


def test_a_page_is_read() -> None:
    assert read(body("a", "b")) == Page(("a", "b"), "")
    assert read(body()) == Page((), "")
    assert read(body("a", following=NEXT)) == Page(("a",), NEXT)
    kinds = [{"@odata.type": "#microsoft.graph.directoryRole", "id": "r"}, {"id": "a", "displayName": None}]
    assert read(body(*kinds), content_type="application/json; odata.metadata=minimal") == Page(("a",), "")


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("oidc.groups_status", {"answer": {"error": {"code": "Authorization_RequestDenied"}}, "status": 403}),
    ("oidc.groups_status", {"answer": body("a"), "status": 204}),
    ("oidc.groups_malformed", {"answer": b"<html>"}),
    ("oidc.groups_malformed", {"answer": b'{"value":[],"value":[]}'}),
    ("oidc.groups_malformed", {"answer": body("a"), "content_type": "text/html"}),
    ("oidc.groups_malformed", {"answer": {}}),
    ("oidc.groups_malformed", {"answer": {"value": {"id": "a"}}}),
    ("oidc.groups_malformed", {"answer": body("a", 7)}),
    ("oidc.groups_malformed", {"answer": body({"displayName": "Admins"})}),
    ("oidc.groups_malformed", {"answer": body({"id": ""})}),
    ("oidc.groups_malformed", {"answer": body({"id": 7})}),
    ("oidc.groups_next", {"answer": body("a", following="https://evil.example/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following="https://graph.microsoft.com.evil.example/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following="https://graph.microsoft.com@evil.example/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following="http://graph.microsoft.com/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following="https://graph.microsoft.com:8443/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following="https://graph.microsoft.com/beta/me")}),
    ("oidc.groups_next", {"answer": body("a", following="/v1.0/me")}),
    ("oidc.groups_next", {"answer": body("a", following=NEXT + "\n")}),
    ("oidc.groups_next", {"answer": body("a", following=NEXT + "#x")}),
    ("oidc.groups_next", {"answer": body("a", following=NEXT + "x" * 4096)}),
    ("oidc.groups_next", {"answer": body("a", following="")}),
    ("oidc.groups_next", {"answer": body("a", following=7)}),
]


@pytest.mark.parametrize(("code", "fault"), FAULTS)
def test_what_is_no_answer(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as refused:
        read(**fault)
    assert "Denied" not in refused.value.detail
    assert "evil" not in refused.value.detail


# ── asked over HTTP ───────────────────────────────────────────────────────────────────────


@dataclass
class Graph:
    """A stand-in for Graph: its pages, and what it was asked with."""

    url: str = ""
    pages: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    wait: float = 0

    async def answer(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer at"
        self.asked.append(str(request.url))
        await asyncio.sleep(self.wait)
        page = self.pages[min(len(self.asked), len(self.pages)) - 1]
        return page if isinstance(page, Response) else Response(json.dumps(page), media_type=JSON)

    def more(self, *names: str) -> dict[str, Any]:
        return body(*names, following=f"{self.url}/v1.0/me/next?$skiptoken={len(names)}")


@pytest.fixture
async def graph() -> AsyncIterator[tuple[Graph, GroupsApi]]:
    there = Graph()
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=5)
    async with serving() as site:
        site.app = Starlette(routes=[Route("/{path:path}", there.answer)])
        there.url = site.url
        yield there, GroupsApi(f"{site.url}/v1.0/me/transitiveMemberOf", fetch)
        await fetch.close()


async def test_groups_that_were_sent_are_not_asked_for(graph: tuple[Graph, GroupsApi]) -> None:
    there, api = graph
    assert await api.ask({"groups": ["g"]}, "at", NOW) is None
    assert await api.ask({}, "at", NOW) is None
    assert there.asked == []


async def test_every_page_is_read_once(graph: tuple[Graph, GroupsApi]) -> None:
    there, api = graph
    there.pages = [there.more("a", "b"), there.more("b"), body("c")]
    found = await api.ask(OVERAGE, "at", NOW)
    assert found is not None
    assert (found.names, found.check.said) == (("a", "b", "c"), None)
    assert [url.removeprefix(there.url) for url in there.asked] == [
        "/v1.0/me/transitiveMemberOf", "/v1.0/me/next?$skiptoken=2", "/v1.0/me/next?$skiptoken=1",
    ]  # fmt: skip


async def test_in_no_group_is_an_answer(graph: tuple[Graph, GroupsApi]) -> None:
    there, api = graph
    there.pages = [body()]
    found = await api.ask({"hasgroups": True}, "at", NOW)
    assert found is not None
    assert found.names == ()


FAILURES: list[tuple[str, list[Any]]] = [
    ("oidc.groups_status", [Response("{}", 403)]),
    ("oidc.groups_status", [Response("{}", 429)]),
    ("fetch.redirect", [Response("", 302, {"location": "https://evil.example/"})]),
    ("oidc.groups_malformed", [Response("<html>", media_type="text/html")]),
    ("oidc.groups_next", [body("a", following="https://evil.example/v1.0/")]),
]


@pytest.mark.parametrize(("code", "pages"), FAILURES)
@pytest.mark.parametrize("late", [False, True], ids=["first page", "second page"])
async def test_half_of_the_groups_is_none(
    graph: tuple[Graph, GroupsApi],
    code: str,
    pages: list[Any],
    late: bool,  # noqa: FBT001
) -> None:
    there, api = graph
    there.pages = [*([there.more("a")] if late else []), *pages]
    found = await api.ask(OVERAGE, "at", NOW)
    assert found is not None
    assert (found.names, found.check.code) == (None, code)
    assert found.check.said
    assert len(there.asked) == (2 if late else 1)


async def test_a_list_without_end_is_left(graph: tuple[Graph, GroupsApi]) -> None:
    there, api = graph
    there.pages = [there.more("a")]
    found = await api.ask(OVERAGE, "at", NOW)
    assert found is not None
    assert (found.names, found.check.code) == (None, "oidc.groups_many")
    assert len(there.asked) == groups.PAGES


async def test_all_pages_share_one_deadline(
    graph: tuple[Graph, GroupsApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, api = graph
    monkeypatch.setattr(asking, "DEADLINE", 0.2)
    there.pages, there.wait = [there.more("a")], 0.08
    found = await api.ask(OVERAGE, "at", NOW)
    assert found is not None
    assert (found.names, found.check.code) == (None, "fetch.timeout")
    assert len(there.asked) < groups.PAGES


async def test_without_a_token_nobody_is_asked(graph: tuple[Graph, GroupsApi]) -> None:
    there, api = graph
    found = await api.ask(OVERAGE, "", NOW)
    assert found is not None
    assert (found.names, found.check.code) == (None, "oidc.groups_no_token")
    assert there.asked == []


def opened(**other: Any) -> GroupsSource | None:
    told: dict[str, Any] = {
        "id": "a", "protocol": "oidc", "organization": "a", "anyone": True, "client_id": "us",
        "client_secret": "s", "preset": "entra", "issuer": "https://login.microsoftonline.us/t/v2.0",
    }  # fmt: skip
    connection = OidcConnection(**{**told, **other})
    entry = registry.compile_one(connection, "https://sp.example", development=False, own=None, now=None)  # type: ignore[arg-type]
    assert isinstance(entry, registry.Oidc)
    return open_groups(entry, Fetch(allow=(), proxy=None, development=False))


def test_only_a_connection_whose_vendor_has_an_api_asks() -> None:
    assert isinstance(opened(), GroupsApi)
    discovered = {"issuer": None, "discovery_url": "https://login.microsoftonline.com/t/v2.0"}
    assert isinstance(opened(**discovered), GroupsApi)
    assert opened(fetch_groups="never") is None
    assert opened(preset="generic") is None
    assert opened(issuer="https://op.example") is None
