"""Cookies: strict to read, narrow to set."""

from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from federation.identity import Session
from federation.web import cookies
from federation.web.house import House

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TOKEN = "A" * 43
OTHER = "B" * 43


def house(base_url: str) -> House:
    parts: Any = {one.name: None for one in fields(House) if one.default is MISSING}
    return House(**parts | {"base_url": base_url})


HTTPS = house("https://sso.acme.example")
HTTP = house("http://localhost:8000")


def request(method: str, *lines: str) -> Request:
    headers = [(b"cookie", line.encode("latin-1")) for line in lines]
    return Request({"type": "http", "method": method, "headers": headers})


READ = [
    ([], ""),
    ([f"session={TOKEN}"], TOKEN),
    ([f"a=1; session={TOKEN};b=2"], TOKEN),
    (["a=1", f"session={TOKEN}"], TOKEN),  # HTTP/2 may split the header
    ([f"session={TOKEN}; session={TOKEN}"], ""),  # twice
    ([f"session={TOKEN}", f"session={OTHER}"], ""),
    ([f"session=; session={TOKEN}"], ""),
    ([f"session=short; session={TOKEN}"], ""),
    ([f'session="{TOKEN}"'], ""),
    ([f"session={TOKEN}A"], ""),
    ([f"session={TOKEN[:-1]}"], ""),
    ([f"session={TOKEN[:-1]}é"], ""),
    ([f"session={TOKEN}\n"], ""),
    ([f"Session={TOKEN}"], ""),
    ([f"xsession={TOKEN}"], ""),
    (["session"], ""),
]


@pytest.mark.parametrize(("lines", "token"), READ)
def test_a_cookie_counts_if_it_came_once_and_is_ours(lines: list[str], token: str) -> None:
    assert cookies.only(lines, "session") == token


def test_only_the_host_prefixed_name_counts_on_https() -> None:
    assert cookies.read_session(request("GET", f"session={TOKEN}"), HTTPS) == ""
    assert cookies.read_session(request("GET", f"__Host-session={TOKEN}"), HTTPS) == TOKEN


BINDERS = [
    # method  lax    post   read
    ("GET",   TOKEN, OTHER, TOKEN),
    ("GET",   "",    OTHER, ""),
    ("POST",  TOKEN, OTHER, OTHER),
    ("POST",  TOKEN, "",    TOKEN),
    ("POST",  "",    "",    ""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "lax", "post", "read"), BINDERS)
def test_the_binder_follows_the_answers_way(method: str, lax: str, post: str, read: str) -> None:
    asked = request(method, f"__Host-signin={lax}; __Host-signin-post={post}")
    assert cookies.read_binder(asked, HTTPS) == read


def test_binders_share_one_value() -> None:
    response = Response()
    cookies.set_binders(response, TOKEN, HTTPS)
    assert response.headers.getlist("set-cookie") == [
        f"__Host-signin={TOKEN}; HttpOnly; Max-Age=3600; Path=/; SameSite=lax; Secure",
        f"__Host-signin-post={TOKEN}; HttpOnly; Max-Age=3600; Path=/; SameSite=none; Secure",
    ]


def test_binders_on_http_loopback() -> None:
    response = Response()
    cookies.set_binders(response, TOKEN, HTTP)
    assert response.headers.getlist("set-cookie") == [
        f"signin={TOKEN}; HttpOnly; Max-Age=3600; Path=/; SameSite=lax",
        f"signin-post={TOKEN}; HttpOnly; Max-Age=3600; Path=/; SameSite=lax",
    ]


def test_the_session_cookie_lives_as_long_as_the_session() -> None:
    response, session = Response(), SimpleNamespace(expires_at=NOW + timedelta(hours=8))
    cookies.set_session(response, TOKEN, cast("Session", session), NOW, HTTPS)
    assert response.headers["set-cookie"] == (
        f"__Host-session={TOKEN}; HttpOnly; Max-Age=28800; Path=/; SameSite=lax; Secure"
    )


def test_the_session_cookie_is_taken_away_under_the_same_attributes() -> None:
    response = Response()
    cookies.clear_session(response, HTTPS)
    assert response.headers["set-cookie"] == (
        '__Host-session=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure'
    )


@pytest.mark.parametrize("value", ["a b", "a;b", 'a"', "a\r\nset-cookie: b", "é"])
def test_what_would_have_to_be_quoted_is_never_set(value: str) -> None:
    response = Response()
    with pytest.raises(ValueError, match="signin"):
        cookies.set_binders(response, value, HTTPS)
    assert "set-cookie" not in response.headers
