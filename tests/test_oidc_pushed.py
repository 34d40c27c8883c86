"""RFC 9126: when a request is pushed, how, and what its answer must say."""

import json
from typing import Any

import pytest
from oidc_peer import client

from federation.errors import ProviderUnavailable
from federation.oidc import pushed
from federation.oidc.client_authentication import Proof
from federation.oidc.provider import ProviderMetadata

ENDPOINT = "https://op.example/par"
URI = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"
GOOD: dict[str, Any] = {"request_uri": URI, "expires_in": 60}
JSON = "application/json"
GONE: Any = ...


def metadata(**other: Any) -> ProviderMetadata:
    told = {
        "issuer": "https://op.example",
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
        "pushed_authorization_request_endpoint": ENDPOINT,
    }
    return ProviderMetadata(**{**told, **other})


DUE: list[tuple[str, bool, str, bool | str]] = [
    # the connection   required   endpoint    pushed
    ("auto",           False,     ENDPOINT,   False),
    ("auto",           True,      ENDPOINT,   True),
    ("always",         False,     ENDPOINT,   True),
    ("always",         True,      ENDPOINT,   True),
    ("never",          False,     ENDPOINT,   False),
    ("never",          True,      ENDPOINT,   False),  # the provider refuses then, and says why
    ("never",          True,      "",         False),
    ("auto",           False,     "",         False),
    ("auto",           True,      "",         "oidc.pushed_impossible"),
    ("always",         False,     "",         "oidc.pushed_impossible"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "required", "endpoint", "outcome"), DUE)
def test_when_a_request_is_pushed(said: str, required: bool, endpoint: str, outcome: bool | str) -> None:  # noqa: FBT001  columns
    told = metadata(
        pushed_authorization_request_endpoint=endpoint, require_pushed_authorization_requests=required
    )
    if isinstance(outcome, bool):
        assert pushed.pushes(client(push=said), told) is outcome
        return
    with pytest.raises(ProviderUnavailable, match=f"^{outcome}: "):
        pushed.pushes(client(push=said), told)


def test_the_whole_request_goes_to_the_provider_with_the_proof() -> None:
    asked = {"client_id": "us", "state": "s", "code_challenge": "c"}
    secret = Proof({"client_id": "us", "client_secret": "s3cret"}, {})
    request = pushed.pushed_request(asked, provider=metadata(), proof=secret)
    assert request.url == ENDPOINT
    assert request.form == {**asked, "client_secret": "s3cret"}
    basic = Proof({}, {"Authorization": "Basic eA"})
    request = pushed.pushed_request(asked, provider=metadata(), proof=basic)
    assert (request.form, request.headers["Authorization"]) == (asked, "Basic eA")
    assert request.headers["Accept"] == JSON
    assert "eA" not in repr(request)


def test_a_pushed_request_names_no_other_one() -> None:
    with pytest.raises(ValueError, match="no other"):
        pushed.pushed_request({"request_uri": "x"}, provider=metadata(), proof=Proof({}, {}))


def read(
    changes: dict[str, Any] | None = None, *, status: int = 201, content_type: str = JSON, body: bytes = b""
) -> str:
    told = {name: value for name, value in {**GOOD, **(changes or {})}.items() if value is not GONE}
    return pushed.read_pushed(status, content_type, body or json.dumps(told).encode())


def test_the_good_answer_is_read() -> None:
    assert read() == URI
    assert read({"more": 1, "expires_in": 59.5}, content_type="application/json; charset=UTF-8") == URI


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("oidc.pushed_malformed",      {"changes": {"request_uri": GONE}}),               # §2.2
    ("oidc.pushed_malformed",      {"changes": {"request_uri": ""}}),
    ("oidc.pushed_malformed",      {"changes": {"request_uri": [URI]}}),
    ("oidc.pushed_malformed",      {"changes": {"request_uri": "a b"}}),
    ("oidc.pushed_malformed",      {"changes": {"request_uri": "a\r\nb"}}),
    ("oidc.pushed_malformed",      {"changes": {"request_uri": "ü"}}),
    ("oidc.pushed_malformed",      {"changes": {"request_uri": "x" * 1025}}),
    ("oidc.pushed_malformed",      {"changes": {"expires_in": GONE}}),
    ("oidc.pushed_malformed",      {"changes": {"expires_in": 0}}),
    ("oidc.pushed_malformed",      {"changes": {"expires_in": -1}}),
    ("oidc.pushed_malformed",      {"changes": {"expires_in": True}}),
    ("oidc.pushed_malformed",      {"changes": {"expires_in": "60"}}),
    ("oidc.pushed_malformed",      {"body": b"[]"}),
    ("oidc.pushed_malformed",      {"body": b'{"request_uri":"a","request_uri":"b"}'}),
    ("oidc.pushed_malformed",      {"body": b"[" * 100_000}),
    ("oidc.pushed_content_type",   {"content_type": "text/html"}),
    ("oidc.pushed_content_type",   {"content_type": ""}),
    ("oidc.pushed_status",         {"status": 200}),
    ("oidc.pushed_status",         {"status": 500, "content_type": "text/html"}),
    ("oidc.pushed_status",         {"status": 502, "body": b"{"}),
    ("oidc.pushed_client_refused", {"status": 401, "changes": {"error": "invalid_client"}}),
    ("oidc.pushed_client_refused", {"status": 400, "changes": {"error": "unauthorized_client"}}),
    ("oidc.pushed_error",          {"status": 400, "changes": {"error": "invalid_request"}}),  # §2.3
    ("oidc.pushed_error",          {"status": 201, "changes": {"error": "invalid_request"}}),
    ("oidc.pushed_error",          {"status": 400, "changes": {"error": "<evil>"}}),
    ("oidc.pushed_error",          {"status": 400, "changes": {"error": None}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), FAULTS)
def test_one_fault_is_refused_by_its_code(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as caught:
        read(**fault)
    assert "evil" not in str(caught.value)
