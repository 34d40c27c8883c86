"""What surrounds every answer: headers by base_url, and a 500 that tells nobody's secrets."""

import logging
from dataclasses import MISSING, fields
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from federation.errors import ConfigurationError
from federation.web.house import House
from federation.web.routes import build

SECRET = "ada@acme.example"


class NoRecords:
    """Stands where SignIn does, with a store that is down."""

    async def record_refusal(self, _refusal: Exception) -> str:
        raise OSError(SECRET)


async def fail(_request: Request) -> Response:
    raise ValueError(SECRET)


async def refuse(_request: Request) -> Response:
    raise ConfigurationError("start.example", "our own sentence")


async def fine(_request: Request) -> Response:
    return PlainTextResponse("fine", headers={"referrer-policy": "origin"})


def browser(base_url: str) -> httpx2.AsyncClient:
    parts: Any = {one.name: None for one in fields(House) if one.default is MISSING}
    app = build([Route("/fail", fail), Route("/refuse", refuse), Route("/fine", fine)], None)
    app.state.house = House(**parts | {"base_url": base_url, "signin": NoRecords(), "aliases": {}})
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url=base_url, headers={"accept": "application/json"})


@pytest.mark.parametrize(("path", "line"), [("/fail", "unexpected"), ("/refuse", "not recorded")])
async def test_what_nobody_foresaw_gets_a_reference_and_tells_nothing(
    path: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with browser("http://localhost") as client:
        answer = await client.get(path)
    assert answer.status_code == 500
    assert answer.headers["cache-control"] == "no-store"
    logged = [record for record in caplog.records if record.message == line]
    assert [record.levelno for record in logged] == [logging.ERROR]
    assert logged[0].__dict__["ref"] == answer.json()["error"]["reference"]
    assert SECRET not in answer.text + caplog.text + str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize(
    ("base_url", "hsts"),
    [("https://sso.acme.example", "max-age=31536000"), ("http://localhost:8000", None)],
)
async def test_strict_transport_on_https_alone(base_url: str, hsts: str | None) -> None:
    async with browser(base_url) as client:
        answer = await client.get("/fine")
        page = await client.get("/fail", headers={"accept": "text/html"})
    assert answer.headers.get("strict-transport-security") == hsts
    assert answer.headers["referrer-policy"] == "origin"  # an answer's own word stands
    assert "Something went wrong" in page.text
