"""The token endpoint: what is handed in, what comes back, and what is kept of it."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oidc_peer import client

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.identity import KeptTokens
from federation.oidc import relying_party, token_endpoint
from federation.oidc.client_authentication import Proof
from federation.oidc.provider import ProviderMetadata
from federation.oidc.token_endpoint import Tokens

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://op.example"
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
)
CLIENT = client(scopes=("openid", "email"))
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
PROOF = Proof({"client_id": "us"}, {"Authorization": "Basic dXM6czNjcmV0"})
REDIRECT_URI = "https://sp.example/old/callback"


def redeem(**other: Any) -> token_endpoint.TokenRequest:
    return relying_party.token_request(
        client(**other), PROVIDER, code="c0de", code_verifier=VERIFIER, redirect_uri=REDIRECT_URI, proof=PROOF
    )


def test_the_exchange_carries_verifier_redirect_uri_and_proof() -> None:
    request = redeem()
    assert dict(request.form) == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_id": "us",
    }
    assert dict(request.headers) == {"Accept": "application/json", "Authorization": "Basic dXM6czNjcmV0"}
    assert request.url == PROVIDER.token_endpoint


def test_where_no_challenge_was_sent_no_verifier_is() -> None:
    assert "code_verifier" not in redeem(pkce=False).form


def test_a_refresh_token_is_handed_in_with_the_same_proof() -> None:
    request = relying_party.refresh_request(PROVIDER, refresh_token="r3fresh", proof=PROOF)
    assert dict(request.form) == {
        "grant_type": "refresh_token",
        "refresh_token": "r3fresh",
        "client_id": "us",
    }
    assert request.headers["Authorization"] == PROOF.headers["Authorization"]


def test_secrets_and_tokens_are_not_shown() -> None:
    tokens = Tokens(id_token="t0ken", access_token="t0ken", refresh_token="r3fresh")
    shown = f"{CLIENT!r}{redeem()!r}{tokens!r}"
    assert not any(secret in shown for secret in ("s3cret", "c0de", VERIFIER, "t0ken", "r3fresh", "Basic "))


GOOD = {"access_token": "at", "token_type": "Bearer", "id_token": "a.b.c", "expires_in": 300}
JSON = "application/json"


def _json(**fault: Any) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **fault}.items() if value is not ...}).encode()


EITHER_FAULTS: list[tuple[type[FederationError], str, int, str, bytes]] = [
    # who mends it, the code, and the answer
    (ProviderUnavailable, "oidc.token_client_refused", 401, JSON, b'{"error":"invalid_client"}'),
    (ProviderUnavailable, "oidc.token_client_refused", 400, JSON, b'{"error":"unauthorized_client"}'),
    (ProviderUnavailable, "oidc.token_error", 400, JSON, b'{"error":"invalid_scope"}'),
    (ProviderUnavailable, "oidc.token_error", 400, JSON, b'{"error":["<evil>"]}'),
    (ProviderUnavailable, "oidc.token_error", 400, JSON, b'{"error":null}'),
    (ProviderUnavailable, "oidc.token_error", 200, JSON, _json(error="<evil>")),  # beats tokens
    (ProviderUnavailable, "oidc.token_status", 500, "text/html", b"<evil>"),
    (ProviderUnavailable, "oidc.token_status", 500, JSON, b"<evil>"),
    (ProviderUnavailable, "oidc.token_status", 400, JSON, _json()),  # RFC 6749 §5.1
    (ProviderUnavailable, "oidc.token_status", 201, JSON, _json()),
    (ProviderUnavailable, "oidc.token_content_type", 200, "text/html", _json()),
    (ProviderUnavailable, "oidc.token_content_type", 200, "", _json()),
    (ProviderUnavailable, "oidc.token_content_type", 200, "application/jwt", b"a.b.c"),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, b""),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json()[:-9]),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, b"[" * 100_000),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, b'{"id_token":"a","id_token":"b"}'),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json(access_token="a\r\nX: y")),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json(access_token=["at"])),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json(access_token="x" * 65_537)),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json(refresh_token="a b")),
    (ProviderUnavailable, "oidc.token_malformed", 200, JSON, _json(refresh_token=7)),
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type="DPoP")),  # RFC 9449 §5
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type=...)),  # RFC 6749 §5.1
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type=7)),
]  # fmt: skip
TOKEN_FAULTS = [
    *EITHER_FAULTS,
    (AssertionRefused, "oidc.code_refused", 400, JSON, b'{"error":"invalid_grant"}'),  # RFC 6749 §5.2
    (AssertionRefused, "oidc.code_refused", 200, JSON, b'{"error":"invalid_grant"}'),  # some say 200
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token=...)),  # Core §3.1.3.3
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token="")),
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token={"a": 1})),
]
REFRESH_FAULTS = [
    *EITHER_FAULTS,
    (AssertionRefused, "oidc.refresh_refused", 400, JSON, b'{"error":"invalid_grant"}'),  # RFC 6749 §5.2
    (ProviderUnavailable, "oidc.token_no_access_token", 200, JSON, _json(access_token=...)),  # RFC 6749 §5.1
    (ProviderUnavailable, "oidc.token_no_access_token", 200, JSON, _json(access_token="")),
]


@pytest.mark.parametrize(
    ("read", "kind", "code", "status", "content_type", "body"),
    [(relying_party.read_tokens, *fault) for fault in TOKEN_FAULTS]
    + [(relying_party.read_refreshed, *fault) for fault in REFRESH_FAULTS],
)
def test_one_fault_in_the_token_answer_is_refused(
    read: Callable[[int, str, bytes], Tokens],
    kind: type[FederationError],
    code: str,
    status: int,
    content_type: str,
    body: bytes,
) -> None:
    with pytest.raises(kind) as caught:
        read(status, content_type, body)
    assert caught.value.code == code
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; charset=UTF-8"])
@pytest.mark.parametrize("token_type", ["Bearer", "bearer"])
def test_the_good_token_answer_is_read(content_type: str, token_type: str) -> None:
    body = _json(token_type=token_type, refresh_token="rt", scope="openid  email")
    assert relying_party.read_tokens(200, content_type, body) == Tokens(
        id_token="a.b.c",
        access_token="at",
        refresh_token="rt",
        expires_in=timedelta(seconds=300),
        scopes=("openid", "email"),
    )


def test_what_may_be_left_out_is_left_out() -> None:
    tokens = relying_party.read_tokens(200, JSON, _json(expires_in=..., access_token=..., refresh_token=None))
    assert tokens == Tokens(id_token="a.b.c", access_token="")
    assert relying_party.read_refreshed(200, JSON, _json(id_token=...)).id_token == ""


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (300, 300), (0, 0), ("300", 300), (300.9, 300),
        (None, None), (-1, None), (True, None), ("", None), ("soon", None), ("-1", None), ("²", None),
        (10**12, None), ("9" * 400, None), (1e300, None), ([300], None),
    ],
)  # fmt: skip
def test_how_long_an_access_token_lives(said: object, seconds: int | None) -> None:
    """RFC 6749 §5.1 recommends it: what is no number of seconds was not said."""
    found = relying_party.read_tokens(200, JSON, _json(expires_in=said)).expires_in
    assert found == (None if seconds is None else timedelta(seconds=seconds))


FULL = Tokens(id_token="i", access_token="a", refresh_token="r", expires_in=timedelta(hours=1), scopes=("x",))
HOUR = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("tokens", "keeping", "kept"),
    [
        (FULL, (), None),
        (FULL, ("hint",), None),
        (FULL, ("access",), KeptTokens(access="a", access_until=HOUR, scopes=("x",))),
        (FULL, ("refresh",), KeptTokens(refresh="r", scopes=("x",))),
        (FULL, ("id",), KeptTokens(id="i", scopes=("x",))),
        (
            FULL,
            ("access", "refresh", "id"),
            KeptTokens(access="a", refresh="r", id="i", access_until=HOUR, scopes=("x",)),
        ),
        (Tokens(id_token="i", access_token=""), ("access", "refresh"), None),
        (
            Tokens(id_token="i", access_token="a"),
            ("access", "refresh"),
            KeptTokens(access="a", scopes=("openid",)),
        ),
    ],
)
def test_what_is_kept_is_what_the_connection_wants(
    tokens: Tokens, keeping: tuple[str, ...], kept: KeptTokens | None
) -> None:
    assert token_endpoint.keep_tokens(tokens, keeping=keeping, scopes=("openid",), now=NOW) == kept


BEFORE = KeptTokens(access="old", refresh="r", id="i", access_until=NOW, scopes=("openid",))
ALL = ("access", "refresh", "id")


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        (Tokens(id_token="", access_token="new"),  # RFC 6749 §6: no other refresh token, no other scope
         KeptTokens(access="new", refresh="r", id="i", scopes=("openid",))),
        (Tokens(id_token="i2", access_token="new", refresh_token="r2", expires_in=timedelta(hours=1),
                scopes=("x",)),
         KeptTokens(access="new", refresh="r2", id="i2", access_until=HOUR, scopes=("x",))),
    ],
)  # fmt: skip
def test_renewed_tokens_take_the_place_of_the_old(new: Tokens, kept: KeptTokens) -> None:
    assert relying_party.keep_renewed(new, BEFORE, keeping=ALL, now=NOW) == kept


def test_nothing_is_renewed_where_nothing_is_kept() -> None:
    with pytest.raises(ValueError, match="kept"):
        relying_party.keep_renewed(FULL, BEFORE, keeping=(), now=NOW)


members = st.sampled_from([*GOOD, "error", "refresh_token", "scope"])
values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text())
)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(200, 599),
    st.sampled_from([JSON, "text/html", "", ";", "application/json;;"]),
    st.binary() | st.dictionaries(members, values).map(lambda fault: _json(**fault)),
)
def test_any_token_answer_is_tokens_or_a_refusal(status: int, content_type: str, body: bytes) -> None:
    with contextlib.suppress(FederationError):
        assert relying_party.read_tokens(status, content_type, body).id_token
    with contextlib.suppress(FederationError):
        assert relying_party.read_refreshed(status, content_type, body).access_token
