"""What `federation doctor` says where a provider's own words do not fit how we ask it."""

import json
from typing import Any

import pytest
from joserfc.jwk import JWKRegistry
from oidc_peer import client

from federation.oidc import key_set
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.operator import doctor_oidc
from federation.operator.finding import State

RSA = JWKRegistry.generate_key("RSA", 2048).as_dict(private=False)
EC = JWKRegistry.generate_key("EC", "P-256").as_dict(private=False)
GOOD: dict[str, Any] = {
    "issuer": "https://op.example",
    "authorization_endpoint": "https://op.example/authorize",
    "token_endpoint": "https://op.example/token",
    "jwks_uri": "https://op.example/jwks",
    "id_token_signing_alg_values_supported": ("RS256",),
    "code_challenge_methods_supported": ("S256",),
    "response_types_supported": ("code", "id_token code"),
}


def jwks(*keys: Any) -> Jwks:
    return key_set.read_jwks(json.dumps({"keys": keys}).encode(), "application/json")


def said(
    client_has: dict[str, Any] | None = None, published: dict[str, Any] | None = None, keys: Any = RSA
) -> list[tuple[State, str]]:
    told = ProviderMetadata(**{**GOOD, **(published or {})})
    found = doctor_oidc.fit(client(**(client_has or {})), told, jwks(keys), topic="connection acme")
    return [(finding.state, f"{finding.said}; {finding.mend}") for finding in found]


UNFIT: list[tuple[State, str, dict[str, Any], dict[str, Any]]] = [
    (State.WARNING, "token_endpoint_auth_method", {"token_endpoint_auth_method": "client_secret_post"}, {}),
    (State.WARNING, "signed_response_alg", {}, {"id_token_signing_alg_values_supported": ("PS256",)}),
    (State.FAILED, "id_token_signed_response_alg", {"id_token_signed_response_alg": "ES256"}, {}),
    (State.WARNING, "pkce: false", {}, {"code_challenge_methods_supported": ("plain",)}),
    (State.WARNING, "see flow", {"response_type": "id_token"}, {}),
    (State.FAILED, "oidc.pushed_impossible", {"push": "always"}, {}),
    (State.FAILED, "pushed_authorization: auto", {"push": "never"},
     {"require_pushed_authorization_requests": True}),
]  # fmt: skip


@pytest.mark.parametrize(("state", "words", "ours", "theirs"), UNFIT)
def test_what_does_not_fit_is_told(
    state: State, words: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    [(found, text)] = said(ours, theirs)
    assert (found, words in text) == (state, True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({}, {"id_token_signing_alg_values_supported": (), "code_challenge_methods_supported": ()}),
        ({}, {"response_types_supported": ()}),
        ({"pkce": False}, {"code_challenge_methods_supported": ("plain",)}),
        ({"response_type": "code id_token"}, {}),
        ({"token_endpoint_auth_method": "none"}, {}),
    ],
)
def test_what_fits_or_is_not_published_is_not_told(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert said(ours, theirs) == []


def test_where_our_keys_are_is_told_to_those_who_must_register_them() -> None:
    offered = {"token_endpoint_auth_methods_supported": ("private_key_jwt",)}
    [(state, text)] = said({"token_endpoint_auth_method": "private_key_jwt"}, offered)
    assert (state, "https://sp.example/oidc/jwks.json" in text) == (State.NOTE, True)
