"""Inside another application: our routes beside its own, request.user, roles, start and stop."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from stair import BASE, saml_answer, write_settings
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from federation import clock
from federation.app import Federation
from federation.errors import ConfigurationError

README = (Path(__file__).parent.parent / "README.md").read_text()
BROWSER = {"accept": "text/html,application/xhtml+xml"}
STARLETTE = re.search(r"<!-- embedding -->\n```python\n(.*?)```", README, re.DOTALL)[1]  # type: ignore[index]
FASTAPI = """
from fastapi import Depends, FastAPI, Request
from federation.app import Federation
from federation.web.embed import Visitor, current_user, requires_role
app = FastAPI()
app.add_middleware(Federation, config="federation.yaml")
@app.get("/me")
async def me(user: Visitor = Depends(current_user)):
    return {"email": user.email, "roles": user.roles}
@app.get("/admin")
@requires_role("admin")
def admin(request: Request, x: int = 1):
    return {"hello": request.user.display_name, "x": x}
"""


@pytest.fixture(params=[STARLETTE, FASTAPI], ids=["starlette", "fastapi"])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    write_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    exec(request.param, names)  # noqa: S102  the example itself is under test
    with TestClient(names["app"], base_url=BASE, follow_redirects=False) as opened:
        yield opened


def sign_in(client: TestClient, who: str, to: str = "/admin") -> None:
    begun = client.get(f"/login/acme-saml?return_to={to}")
    asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
    done = client.post("/saml/acme-saml/acs", data=saml_answer(asked, who, now=clock.now()))
    assert (done.status_code, done.headers.get("location")) == (303, to), done.text


@pytest.mark.parametrize("example", [STARLETTE, FASTAPI], ids=["starlette", "fastapi"])
def test_the_example_is_short(example: str) -> None:
    assert len(example.strip().splitlines()) <= 12


def test_nobody_is_sent_to_sign_in_and_back(client: TestClient) -> None:
    answer = client.get("/admin?a=1&b=%2F", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?return_to=%2Fadmin%3Fa%3D1%26b%3D%252F",
    )
    assert client.get(answer.headers["location"]).status_code == 200


def test_a_program_is_told_that_nobody_is_signed_in(client: TestClient) -> None:
    answer = client.get("/admin")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Nobody is signed in.")


def test_the_role_decides(client: TestClient) -> None:
    sign_in(client, "bob")
    page = client.get("/admin", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert client.get("/admin").json()["error"]["status"] == 403
    client.cookies.clear()  # in a browser of her own
    sign_in(client, "ada")
    assert "Ada Lovelace" in client.get("/admin").text


def test_our_pages_and_theirs(client: TestClient) -> None:
    sign_in(client, "ada")
    assert client.get("/session").json()["user"]["email"] == "ada@acme.example"
    assert client.get("/verify?role=admin").status_code == 200
    assert "Ada Lovelace" in client.get("/account").text
    style = client.get("/static/federation.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    for theirs in ("/", "/static/other.css", "/readyz", "/nope"):
        answer = client.get(theirs)
        assert answer.status_code == 404
        assert "content-security-policy" not in answer.headers


@pytest.mark.parametrize("console", [False, True])
def test_pages_of_an_administration_that_is_not_served_are_not_compiled(
    tmp_path: Path,
    console: bool,  # noqa: FBT001
) -> None:
    async def tasks() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()}

    write_settings(tmp_path)
    embedding = Federation(Starlette(), tmp_path / "federation.yaml", console=console)
    with TestClient(embedding, base_url=BASE) as client:
        assert client.portal
        assert ("templates" in client.portal.call(tasks)) is console


def test_fastapi_depends_on_who_is_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(FASTAPI, names)  # noqa: S102  the example itself is under test
    with TestClient(names["app"], base_url=BASE, follow_redirects=False) as client:
        assert client.get("/me").status_code == 401
        away = client.get("/me", headers=BROWSER)
        assert (away.status_code, away.headers["location"]) == (303, "/login?return_to=%2Fme")
        sign_in(client, "ada")
        assert client.get("/me").json() == {"email": "ada@acme.example", "roles": ["admin"]}
        assert client.get("/admin?x=7").json() == {"hello": "Ada Lovelace", "x": 7}


@pytest.mark.parametrize("path", ["/admin", "/login", "/verify"])
def test_without_a_lifespan_it_says_so(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(STARLETTE, names)  # noqa: S102  the example itself is under test
    with pytest.raises(RuntimeError, match="federation was not started: add it to the root application"):
        TestClient(names["app"], base_url=BASE).get(path)


def test_settings_that_cannot_be_used_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(tmp_path, "unknown_key: 1")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(STARLETTE, names)  # noqa: S102  the example itself is under test
    with pytest.raises(ConfigurationError), TestClient(names["app"]):
        pass


@pytest.mark.parametrize("path", ["/admin", "/admin/api/people", "/admin/connections/okta", "/setup"])
def test_the_administration_is_there_where_an_application_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    write_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    for console in (False, True):
        app = Federation(_application, "federation.yaml", console=console)
        with TestClient(app, base_url=BASE, follow_redirects=False) as client:
            answer = client.get(path, headers={"accept": "application/json"})
            assert (answer.text == "the application's") is not console, answer.text
            assert client.get("/session").status_code == 401


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await Starlette().router.lifespan(scope, receive, send)
    else:
        await PlainTextResponse("the application's")(scope, receive, send)
