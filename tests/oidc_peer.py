"""Ourselves as a test's provider has registered us: one good value for everything, any of them changed."""

from dataclasses import replace
from typing import Any

from federation.oidc.client import Client, Demands

NO_DEMANDS = Demands(acrs=frozenset(), max_age=None, claims={}, tenants=frozenset(), subject_claims=())
CLIENT = Client(
    client_id="us",
    client_secret="s3cret",
    token_endpoint_auth_method="client_secret_basic",
    assertion_audience="issuer",
    redirect_uri="https://sp.example/oidc/acme/callback",
    response_type="code",
    response_mode="query",
    pkce=True,
    scopes=("openid", "profile", "email", "groups"),
    parameters={},
    claims="",
    acr_values=(),
    max_age=None,
    login_hint=True,
    require_iss=False,
    push="auto",
    demands=NO_DEMANDS,
    id_token_signed_response_alg="RS256",
    userinfo_signed_response_alg="",
    paths=(),
    verified_by="email_verified",
    fetch_userinfo="auto",
)


def client(**other: Any) -> Client:
    """Return the good client, some of it changed."""
    return replace(CLIENT, **other)


def demands(**other: Any) -> Demands:
    """Return no demands but these."""
    return replace(NO_DEMANDS, **other)
