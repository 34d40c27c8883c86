"""What an endpoint answers is strict JSON, or refused by the code of that endpoint."""

import json

import pytest

from federation.errors import ProviderUnavailable
from federation.oidc import oauth2, pushed, token_endpoint
from federation.oidc.answers import Endpoint

GOOD = json.dumps({"a": 1}).encode()
JSON = "application/json"
ENDPOINT = Endpoint(
    title="the endpoint", success=201, status="x.status", content_type="x.type", malformed="x.malformed"
)

FAULTS = [
    # code            status   Content-Type    body
    ("x.status",      500,     "text/html",    b"<h1>no</h1>"),
    ("x.status",      200,     "text/html",    GOOD),
    ("x.status",      500,     JSON,           b"not JSON"),
    ("x.status",      400,     JSON,           b'{"error":"a","error":"b"}'),
    ("x.type",        201,     "text/html",    GOOD),
    ("x.type",        201,     "",             GOOD),
    ("x.type",        201,     "text/json",    GOOD),
    ("x.malformed",   201,     JSON,           b""),
    ("x.malformed",   201,     JSON,           b"[1]"),
    ("x.malformed",   201,     JSON,           b'{"a":1,"a":1}'),
    ("x.malformed",   201,     JSON,           b'{"a":NaN}'),
    ("x.malformed",   201,     JSON,           b'{"a":1}{}'),
    ("x.malformed",   201,     JSON,           b'\xff{"a":1}'),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "content_type", "body"), FAULTS)
def test_what_cannot_be_read_is_refused(code: str, status: int, content_type: str, body: bytes) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as refused:
        ENDPOINT.read(status, content_type, body)
    assert body.decode(errors="replace") not in refused.value.detail or not body


@pytest.mark.parametrize("status", [201, 200, 400, 500])  # what it means is for its reader to say
@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; charset=utf-8"])
def test_an_object_is_read_whatever_the_status(status: int, content_type: str) -> None:
    assert ENDPOINT.read(status, content_type, GOOD) == {"a": 1}


READERS = {"oidc.token": token_endpoint, "oidc.pushed": pushed, "oauth2.token": oauth2}


@pytest.mark.parametrize("prefix", READERS)
def test_each_endpoint_has_codes_of_its_own(prefix: str) -> None:
    of = READERS[prefix]._ENDPOINT
    names = ("status", "content_type", "malformed")
    assert [getattr(of, name) for name in names] == [f"{prefix}_{name}" for name in names]
