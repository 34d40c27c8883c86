"""OAuth 2.0 alone, without HTTP: request, answer and token, one fault at a time."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from stair import NOW

from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.identity import KeptTokens
from federation.oidc import oauth2, oauth2_person
from federation.oidc.oauth2 import Client

ISSUER = "https://github.com/login/oauth"
CLIENT = Client(
    issuer=ISSUER,
    authorization_endpoint="https://github.com/login/oauth/authorize",
    token_endpoint="https://github.com/login/oauth/access_token",
    client_id="Iv1.us",
    client_secret="s3cret",
    token_endpoint_auth_method="client_secret_post",
    redirect_uri="https://sp.example/oidc/github/callback",
    scopes=("user:email", "read:org"),
    parameters={"allow_signup": "false"},
    pkce=True,
    require_iss=False,
)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B


def asked(client: Client = CLIENT) -> dict[str, str]:
    url = oauth2.start(client, state="the-handle", code_verifier=VERIFIER)
    assert url.startswith(
        f"{client.authorization_endpoint}{'&' if '?' in client.authorization_endpoint else '?'}"
    )
    return {name: one for name, [one] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


# ── the request ───────────────────────────────────────────────────────────────────────────


def test_the_request() -> None:
    assert asked() == {
        "allow_signup": "false",
        "response_type": "code",
        "client_id": "Iv1.us",
        "redirect_uri": CLIENT.redirect_uri,
        "scope": "user:email read:org",
        "state": "the-handle",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


def test_what_is_ours_is_not_theirs_to_set() -> None:
    ours = {"state", "client_id", "redirect_uri", "response_type", "scope", "code_challenge"}
    assert asked(replace(CLIENT, parameters=dict.fromkeys(ours, "x"))) == {
        name: value for name, value in asked().items() if name != "allow_signup"
    }


def test_a_request_without_pkce_or_scopes() -> None:
    names = asked(replace(CLIENT, pkce=False, scopes=(), parameters={})).keys()
    assert names == {"response_type", "client_id", "redirect_uri", "state"}


def test_an_endpoint_may_have_a_query() -> None:
    endpoint = "https://id.example/authorize?tenant=acme"
    assert asked(replace(CLIENT, authorization_endpoint=endpoint))["tenant"] == "acme"


# ── the answer ────────────────────────────────────────────────────────────────────────────

ANSWER = {"code": "0123456789abcdef", "iss": ISSUER}
ANSWER_FAULTS: list[tuple[str, dict[str, str]]] = [
    # rule broken             the answer                                            source
    ("oauth2.answer_iss",     {**ANSWER, "iss": "https://github.com"}),           # RFC 9207 §2.4
    ("oauth2.answer_iss",     {**ANSWER, "iss": ISSUER + "/"}),
    ("oauth2.answer_iss",     {**ANSWER, "iss": ""}),
    ("oauth2.answer_iss",     {"error": "access_denied", "iss": "https://evil.example"}),
    ("oauth2.error_answer",   {"error": "access_denied", "iss": ISSUER}),         # RFC 6749 §4.1.2.1
    ("oauth2.error_answer",   {"error": "access_denied", "code": "x"}),           # an error beside a code
    ("oauth2.error_answer",   {"error": ""}),
    ("oauth2.code_missing",   {"iss": ISSUER}),
    ("oauth2.code_missing",   {"code": ""}),
    ("oauth2.code_malformed", {"code": "a b"}),
    ("oauth2.code_malformed", {"code": "a\r\nb"}),
    ("oauth2.code_malformed", {"code": "ä"}),
    ("oauth2.code_malformed", {"code": "a" * 4097}),
]  # fmt: skip


def test_the_answer() -> None:
    assert oauth2.read_answer(ANSWER, client=CLIENT) == ANSWER["code"]
    assert oauth2.read_answer({"code": "a" * 4096}, client=CLIENT) == "a" * 4096
    assert oauth2.read_answer(ANSWER, client=replace(CLIENT, require_iss=True)) == ANSWER["code"]


@pytest.mark.parametrize(("code", "params"), ANSWER_FAULTS)
def test_one_fault_of_an_answer(code: str, params: dict[str, str]) -> None:
    with pytest.raises(AssertionRefused, match=f"^{code}: "):
        oauth2.read_answer(params, client=CLIENT)


def test_an_answer_without_iss_where_one_is_required() -> None:
    with pytest.raises(AssertionRefused, match=r"^oauth2\.answer_iss: "):
        oauth2.read_answer({"code": "x"}, client=replace(CLIENT, require_iss=True))


@pytest.mark.parametrize("error", ["<script>", "a" * 9999, "ä", "access_denied "])
def test_an_error_that_nobody_knows_is_not_repeated(error: str) -> None:
    with pytest.raises(AssertionRefused) as caught:
        oauth2.read_answer({"error": error}, client=CLIENT)
    assert caught.value.detail == "the provider answered an error that we do not know"


# ── the token ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_the_token_request(method: Any) -> None:
    client = replace(
        CLIENT, token_endpoint_auth_method=method, client_secret="" if method == "none" else "a+b c"
    )
    request = oauth2.token_request(
        client, code="C", code_verifier=VERIFIER, redirect_uri="https://sp.example/cb"
    )
    form, headers = dict(request.form), dict(request.headers)
    assert headers.pop("Accept") == "application/json"
    assert headers == (
        {"Authorization": "Basic SXYxLnVzOmElMkJiK2M="} if method == "client_secret_basic" else {}
    )
    proof = {
        "client_secret_post": {"client_id": "Iv1.us", "client_secret": "a+b c"},
        "none": {"client_id": "Iv1.us"},
    }
    assert form == {
        "grant_type": "authorization_code",
        "code": "C",
        "redirect_uri": "https://sp.example/cb",
        "code_verifier": VERIFIER,
        **proof.get(method, {}),
    }
    assert "a+b" not in repr(request) + repr(client)


def test_a_request_without_pkce_sends_no_verifier() -> None:
    client = replace(CLIENT, pkce=False)
    request = oauth2.token_request(
        client, code="C", code_verifier=VERIFIER, redirect_uri="https://sp.example/cb"
    )
    assert "code_verifier" not in request.form


TOKENS = {"access_token": "gho_x", "token_type": "bearer", "scope": "read:org,user:email"}


def read(members: Any, *, status: int = 200, kind: str = "application/json; charset=utf-8") -> oauth2.Tokens:
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return oauth2.read_tokens(status, kind, body, client=CLIENT)


def test_the_tokens() -> None:
    tokens = read({**TOKENS, "refresh_token": "ghr_y", "expires_in": 28800})
    assert (tokens.access_token, tokens.refresh_token) == ("gho_x", "ghr_y")
    assert tokens.expires_in == timedelta(hours=8)
    assert "gho_" not in repr(tokens)
    assert "ghr_" not in repr(tokens)


@pytest.mark.parametrize("token_type", ["bearer", "Bearer", "BEARER"])  # RFC 6749 §5.1: case insensitive
def test_the_type_of_a_token_has_no_case(token_type: str) -> None:
    assert read({**TOKENS, "token_type": token_type}).access_token == "gho_x"


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({"scope": "read:org,user:email"}, {"read:org", "user:email"}),  # GitHub
        ({"scope": "read:org  user:email"}, {"read:org", "user:email"}),  # RFC 6749 §3.3
        ({"scope": ""}, None),  # a GitHub App
        ({"scope": " , "}, None),
        ({}, {"read:org", "user:email"}),  # RFC 6749 §5.1: as asked
    ],
)
def test_what_was_granted(said: dict[str, str], scopes: set[str] | None) -> None:
    members = {name: value for name, value in TOKENS.items() if name != "scope"} | said
    assert read(members).scopes == scopes


@pytest.mark.parametrize("seconds", [3600, 3600.5, "3600"])
def test_a_life_is_a_number_however_it_is_written(seconds: Any) -> None:
    assert read({**TOKENS, "expires_in": seconds}).expires_in == timedelta(hours=1)


@pytest.mark.parametrize("seconds", [None, True, "an hour", "-1", -1, 10**12, [], {}])
def test_a_life_that_cannot_be_understood_is_not_known(seconds: Any) -> None:
    assert read({**TOKENS, "expires_in": seconds}).expires_in is None


TOKEN_FAULTS: list[tuple[str, Any, dict[str, Any]]] = [
    # rule broken, the answer, how it came
    *((code, {"error": error}, {}) for error, (_, code, _) in oauth2.TOKEN_ERRORS.items()),
    *((code, {"error": error}, {"status": 400}) for error, (_, code, _) in oauth2.TOKEN_ERRORS.items()),
    ("oauth2.code_refused", {**TOKENS, "error": "bad_verification_code"},  {}),
    ("oauth2.token_error",  {"error": "slow_down"},  {}),
    ("oauth2.token_error",  {**TOKENS, "error": None},  {}),
    ("oauth2.token_error",  {"error": {"code": 7}},  {"status": 400}),
    ("oauth2.token_status", TOKENS,  {"status": 201}),
    ("oauth2.token_status", TOKENS,  {"status": 400}),
    ("oauth2.token_status", b"no",  {"status": 500}),
    ("oauth2.token_status", b"<p>",  {"status": 503, "kind": "text/html"}),
    ("oauth2.token_content_type",   b"access_token=gho_x&token_type=bearer",
     {"kind": "application/x-www-form-urlencoded"}),
    ("oauth2.token_content_type",   TOKENS,  {"kind": "text/html"}),
    ("oauth2.token_content_type",   TOKENS,  {"kind": ""}),
    ("oauth2.token_malformed", b"",  {}),
    ("oauth2.token_malformed", [TOKENS],  {}),
    ("oauth2.token_malformed",      b'{"access_token":"a","access_token":"b","token_type":"bearer"}', {}),
    ("oauth2.token_malformed", {**TOKENS, "access_token": ""},  {}),
    ("oauth2.token_malformed", {**TOKENS, "access_token": None},  {}),
    ("oauth2.token_malformed", {**TOKENS, "access_token": 7},  {}),
    ("oauth2.token_malformed", {**TOKENS, "access_token": "a\nb"},  {}),
    ("oauth2.token_malformed", {**TOKENS, "access_token": "a" * 65537},  {}),
    ("oauth2.token_malformed", {**TOKENS, "refresh_token": ""},  {}),
    ("oauth2.token_malformed", {**TOKENS, "scope": ["user:email"]},  {}),
    ("oauth2.token_malformed", {**TOKENS, "scope": None},  {}),
    ("oauth2.token_type",  {**TOKENS, "token_type": "mac"},  {}),
    ("oauth2.token_type",  {**TOKENS, "token_type": None},  {}),
    ("oauth2.token_type",  {"access_token": "gho_x"},  {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "members", "how"), TOKEN_FAULTS)
def test_one_fault_of_a_token_answer(code: str, members: Any, how: dict[str, Any]) -> None:
    with pytest.raises(FederationError, match=f"^{code}: ") as caught:
        read(members, **how)
    assert isinstance(caught.value, AssertionRefused | ProviderUnavailable)
    assert "gho_" not in caught.value.detail


def refreshed(members: Any, *, status: int = 200) -> oauth2.Tokens:
    body = json.dumps(members).encode()
    return oauth2.read_refreshed(status, "application/json", body, scopes=["read:org"])


def test_what_a_refresh_token_is_exchanged_for() -> None:
    request = oauth2.refresh_request(CLIENT, refresh_token="ghr_x")
    assert request.url == CLIENT.token_endpoint
    assert (request.form["grant_type"], request.form["refresh_token"]) == ("refresh_token", "ghr_x")
    assert "ghr_x" not in repr(request)
    tokens = refreshed({"access_token": "gho_x", "token_type": "bearer"})
    assert (tokens.refresh_token, tokens.scopes) == ("", frozenset({"read:org"}))
    assert refreshed(TOKENS).scopes == frozenset({"read:org", "user:email"})


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("oauth2.refresh_refused", "invalid_grant"),
        ("oauth2.refresh_refused", "bad_refresh_token"),
        ("oauth2.token_client_refused", "invalid_client"),
        ("oauth2.token_error", "slow_down"),
    ],
)
def test_one_fault_of_an_answer_to_a_refresh_token(code: str, error: str, status: int) -> None:
    with pytest.raises(FederationError, match=f"^{code}: "):
        refreshed({**TOKENS, "error": error}, status=status)


def test_a_refresh_token_that_did_not_come_anew_stays() -> None:
    terms = oauth2_person.Terms(
        subject_claim="id", members=(), paths=(), organizations=frozenset(),
        address_needed=True,
        keep_tokens=frozenset({"access", "refresh"}), skew=timedelta(seconds=60),
    )  # fmt: skip
    before = KeptTokens(access="gho_old", refresh="ghr_old")
    new = oauth2_person.keep_renewed(refreshed(TOKENS), before, terms=terms, now=NOW)
    assert (new.access, new.refresh, new.access_until) == ("gho_x", "ghr_old", None)
    with pytest.raises(ValueError, match="some are kept"):
        oauth2_person.keep_renewed(
            refreshed(TOKENS), before, terms=replace(terms, keep_tokens=frozenset()), now=NOW
        )


def test_every_error_that_is_known_is_one_that_the_manual_names() -> None:
    assert {code for code, *_ in TOKEN_FAULTS} >= {code for _, code, _ in oauth2.TOKEN_ERRORS.values()}
