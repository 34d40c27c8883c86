"""The authorization request, its answer, and the exchange of the code."""

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oidc_peer import client

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.oidc import authorization, relying_party
from federation.oidc.provider import ProviderMetadata

ISSUER = "https://op.example"
PROVIDER = ProviderMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/jwks",
)
PROMISES = replace(PROVIDER, iss_parameter_supported=True)
CLIENT = client(scopes=("openid", "email"))
# RFC 7636, appendix B
VERIFIER, CHALLENGE = (
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)


def begin(provider: ProviderMetadata = PROVIDER, login_hint: str = "") -> dict[str, list[str]]:
    url = relying_party.start(
        CLIENT, provider, state="st", nonce="no", code_verifier=VERIFIER, login_hint=login_hint
    )
    assert url.startswith(provider.authorization_endpoint)
    return parse_qs(urlsplit(url).query, strict_parsing=True)


def test_the_request_asks_for_a_code_with_pkce_state_and_nonce() -> None:
    assert begin() == {
        "response_type": ["code"],
        "client_id": ["us"],
        "redirect_uri": ["https://sp.example/oidc/acme/callback"],
        "scope": ["openid email"],
        "state": ["st"],
        "nonce": ["no"],
        "code_challenge": [CHALLENGE],
        "code_challenge_method": ["S256"],
    }


def test_the_endpoints_own_query_stays_and_a_hint_is_encoded() -> None:
    asked = begin(
        replace(PROVIDER, authorization_endpoint=f"{ISSUER}/authorize?p=b2c_1"), "zoë+a@acme.example&state=x"
    )
    assert (asked["p"], asked["login_hint"], asked["state"]) == (
        ["b2c_1"],
        ["zoë+a@acme.example&state=x"],
        ["st"],
    )


ANSWER_FAULTS: list[tuple[str, ProviderMetadata, dict[str, str]]] = [
    # code                  provider    the answer                                        source
    ("oidc.answer_iss",     PROVIDER, {"code": "c", "iss": "https://other.example"}),  # RFC 9207 §2.4
    ("oidc.answer_iss",     PROVIDER, {"code": "c", "iss": f"{ISSUER}/"}),  # octet for octet
    ("oidc.answer_iss",     PROVIDER, {"code": "c", "iss": ""}),  # present is present
    ("oidc.answer_iss",     PROMISES, {"code": "c"}),  # promised, so required
    ("oidc.answer_iss",     PROMISES, {"error": "access_denied"}),  # in errors too
    ("oidc.answer_iss",     PROVIDER, {"error": "access_denied", "iss": "x"}),  # in errors too
    ("oidc.error_answer",   PROVIDER, {"error": "access_denied"}),  # RFC 6749 §4.1.2.1
    ("oidc.error_answer",   PROVIDER, {"error": "server_error", "code": "c"}),  # no success
    ("oidc.error_answer",   PROVIDER, {"error": ""}),
    ("oidc.code_missing",   PROVIDER, {}),
    ("oidc.code_missing",   PROVIDER, {"code": ""}),
    ("oidc.code_missing",   PROVIDER, {"id_token": "e30.e30.", "access_token": "x"}),  # never by the front
    ("oidc.code_malformed", PROVIDER, {"code": "a\r\nb"}),  # RFC 6749 A.11
    ("oidc.code_malformed", PROVIDER, {"code": "é"}),
    ("oidc.code_malformed", PROVIDER, {"code": "a b"}),
    ("oidc.code_malformed", PROVIDER, {"code": "x" * 4097}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "provider", "params"), ANSWER_FAULTS)
def test_one_fault_in_the_answer_is_refused(
    code: str, provider: ProviderMetadata, params: dict[str, str]
) -> None:
    with pytest.raises(AssertionRefused) as caught:
        relying_party.read_answer(params, provider=provider)
    assert caught.value.code == code


@pytest.mark.parametrize("provider", [PROVIDER, PROMISES])
def test_the_good_answer_gives_its_code(provider: ProviderMetadata) -> None:
    assert (
        relying_party.read_answer({"code": "c0de", "iss": ISSUER, "state": "x"}, provider=provider) == "c0de"
    )


def test_an_error_is_named_only_if_it_is_registered() -> None:
    with pytest.raises(AssertionRefused, match="access_denied"):
        relying_party.read_answer({"error": "access_denied", "error_description": "x"}, provider=PROVIDER)
    with pytest.raises(AssertionRefused) as caught:
        relying_party.read_answer({"error": "<evil>", "error_description": "<evil>"}, provider=PROVIDER)
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize(
    ("method", "client_id", "secret"),
    [("client_secret_basic", "us", "s3cret"), ("client_secret_basic", "u:s%", "p+ä :~%/=&")],
)
def test_basic_is_form_encoded_on_both_sides(method: str, client_id: str, secret: str) -> None:
    ours = client(token_endpoint_auth_method=method, client_id=client_id, client_secret=secret)
    request = relying_party.token_request(ours, PROVIDER, code="c", code_verifier=VERIFIER)
    kind, _, pair = request.headers["Authorization"].partition(" ")
    name, _, password = base64.b64decode(pair).decode("ascii").partition(":")
    decoded = dict(parse_qsl(f"name={name}&password={password}"))
    assert (kind, decoded) == ("Basic", {"name": client_id, "password": secret})
    assert "client_id" not in request.form
    assert "client_secret" not in request.form


def test_the_exchange_carries_verifier_and_redirect_uri() -> None:
    post = replace(CLIENT, token_endpoint_auth_method="client_secret_post")
    request = relying_party.token_request(post, PROVIDER, code="c", code_verifier=VERIFIER)
    assert dict(request.form) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": CLIENT.redirect_uri,
        "code_verifier": VERIFIER,
        "client_id": "us",
        "client_secret": "s3cret",
    }
    assert (request.url, dict(request.headers)) == (PROVIDER.token_endpoint, {"Accept": "application/json"})


def test_a_public_client_sends_its_name_and_no_secret() -> None:
    public = replace(CLIENT, token_endpoint_auth_method="none", client_secret="")
    request = relying_party.token_request(public, PROVIDER, code="c", code_verifier=VERIFIER)
    assert request.form["client_id"] == "us"
    assert "client_secret" not in request.form
    assert "Authorization" not in request.headers


def test_an_unknown_method_is_no_silent_public_client() -> None:
    ours = replace(CLIENT, token_endpoint_auth_method="private_key_jwt")
    with pytest.raises(ValueError, match="token_endpoint_auth_method"):
        relying_party.token_request(ours, PROVIDER, code="c", code_verifier=VERIFIER)


def test_secrets_and_tokens_are_not_shown() -> None:
    request = relying_party.token_request(CLIENT, PROVIDER, code="c0de", code_verifier=VERIFIER)
    shown = f"{CLIENT!r}{request!r}{authorization.Tokens(id_token='t0ken', access_token='t0ken')!r}"
    assert not any(secret in shown for secret in ("s3cret", "c0de", VERIFIER, "t0ken", "Basic "))


GOOD = {"access_token": "at", "token_type": "Bearer", "id_token": "a.b.c", "expires_in": 300}
JSON = "application/json"


def _json(**fault: Any) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **fault}.items() if value is not ...}).encode()


TOKEN_FAULTS: list[tuple[type[FederationError], str, int, str, bytes]] = [
    # who mends it, the code, and the answer
    (AssertionRefused, "oidc.code_refused", 400, JSON, b'{"error":"invalid_grant"}'),  # RFC 6749 §5.2
    (AssertionRefused, "oidc.code_refused", 200, JSON, b'{"error":"invalid_grant"}'),  # some say 200
    (ProviderUnavailable, "oidc.token_client_refused", 401, JSON, b'{"error":"invalid_client"}'),
    (ProviderUnavailable, "oidc.token_client_refused", 400, JSON, b'{"error":"unauthorized_client"}'),
    (ProviderUnavailable, "oidc.token_error", 400, JSON, b'{"error":"invalid_scope"}'),
    (ProviderUnavailable, "oidc.token_error", 400, JSON, b'{"error":["<evil>"]}'),
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
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type="DPoP")),  # RFC 9449 §5
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type=...)),  # RFC 6749 §5.1
    (ProviderUnavailable, "oidc.token_type", 200, JSON, _json(token_type=7)),
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token=...)),  # Core §3.1.3.3
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token="")),
    (ProviderUnavailable, "oidc.token_no_id_token", 200, JSON, _json(id_token={"a": 1})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "status", "content_type", "body"), TOKEN_FAULTS)
def test_one_fault_in_the_token_answer_is_refused(
    kind: type[FederationError], code: str, status: int, content_type: str, body: bytes
) -> None:
    with pytest.raises(kind) as caught:
        relying_party.read_tokens(status, content_type, body)
    assert caught.value.code == code
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; charset=UTF-8"])
@pytest.mark.parametrize("token_type", ["Bearer", "bearer"])
def test_the_good_token_answer_is_read(content_type: str, token_type: str) -> None:
    tokens = relying_party.read_tokens(200, content_type, _json(token_type=token_type))
    assert (tokens.id_token, tokens.access_token) == ("a.b.c", "at")


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["iss", "error", "code", "state", "error_description"]), st.text()),
    st.sampled_from([PROVIDER, PROMISES]),
)
def test_any_answer_is_a_code_or_a_refusal(params: dict[str, str], provider: ProviderMetadata) -> None:
    with contextlib.suppress(FederationError):
        assert relying_party.read_answer(params, provider=provider) == params["code"]


members = st.sampled_from([*GOOD, "error"])
values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(200, 599),
    st.sampled_from([JSON, "text/html", "", ";", "application/json;;"]),
    st.binary() | st.dictionaries(members, values).map(lambda fault: _json(**fault)),
)
def test_any_token_answer_is_tokens_or_a_refusal(status: int, content_type: str, body: bytes) -> None:
    with contextlib.suppress(FederationError):
        assert relying_party.read_tokens(status, content_type, body).id_token
