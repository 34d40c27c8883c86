"""Revocation of tokens, RFC 7009: what is sent, in which order, and what each answer means."""

import pytest

from federation.errors import ProviderUnavailable
from federation.identity import KeptTokens
from federation.oidc import revocation
from federation.oidc.client_authentication import Proof

URL = "https://op.example/revoke"
PROOF = Proof({"client_id": "us"}, {"Authorization": "Basic x"})
JSON = "application/json"


def test_the_refresh_token_comes_first_and_an_id_token_not_at_all() -> None:
    kept = KeptTokens(access="a-1", refresh="r-1", id="i-1")
    assert list(revocation.order(kept)) == [("refresh_token", "r-1"), ("access_token", "a-1")]
    assert list(revocation.order(KeptTokens(id="i-1"))) == []


def test_what_is_sent() -> None:
    asked = revocation.request(URL, token="r-1", hint="refresh_token", proof=PROOF)
    assert asked.url == URL
    assert asked.form == {"token": "r-1", "token_type_hint": "refresh_token", "client_id": "us"}
    assert asked.headers == {"Accept": JSON, "Authorization": "Basic x"}
    assert "r-1" not in repr(asked)


ANSWERS = [
    # status  type         body                                   code
    (200,     "",          b"",                                   ""),  # §2.2: the body says nothing
    (200,     "text/html", b"<p>done</p>",                        ""),
    (204,     "",          b"",                                   ""),
    (400,     JSON,        b'{"error":"invalid_token"}',          ""),  # gone already
    (400,     JSON,        b'{"error":"unsupported_token_type"}', "oidc.revocation_refused"),
    (401,     JSON,        b'{"error":"invalid_client"}',         "oidc.revocation_refused"),
    (400,     JSON,        b'{"error":{"r-1":1}}',                "oidc.revocation_refused"),
    (400,     JSON,        b"{}",                                 "oidc.revocation_status"),
    (400,     JSON,        b"{",                                  "oidc.revocation_status"),
    (503,     "text/html", b"busy",                               "oidc.revocation_status"),  # §2.2.1
    (404,     "text/html", b'{"error":"invalid_token"}',          "oidc.revocation_status"),
    (302,     "",          b"",                                   "oidc.revocation_status"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "content_type", "body", "code"), ANSWERS)
def test_each_answer(status: int, content_type: str, body: bytes, code: str) -> None:
    if not code:
        revocation.read_answer(status, content_type, body)
        return
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as refused:
        revocation.read_answer(status, content_type, body)
    assert "r-1" not in str(refused.value)
