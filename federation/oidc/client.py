"""Ourselves, as one provider has registered us: how we ask, and what an answer must say. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from federation.oidc.address import VerifiedBy
from federation.oidc.claims import Path

ResponseType = Literal["code", "id_token", "code id_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a connection wants of every ID Token, beyond what the protocol does."""

    acrs: frozenset[str]  # one of these must be the acr; empty asks nothing
    max_age: timedelta | None  # since auth_time, which then must be there
    claims: Mapping[str, str]  # exactly these values: Google's hd, Auth0's org_id
    tenants: frozenset[str]  # Entra's tid must be one; empty: the issuer stands for one tenant alone
    subject_claims: tuple[str, ...]  # all needed, in place of sub; (): sub

    def __post_init__(self) -> None:
        if any(not value for value in self.claims.values()):
            raise ValueError("a claim is held against a value; an empty one would hold against none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Ourselves, as registered with one provider."""

    client_id: str
    client_secret: str = field(repr=False)  # "" where the method has none
    token_endpoint_auth_method: Literal[
        "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
    ]
    assertion_audience: Literal["issuer", "token_endpoint"]  # of private_key_jwt
    redirect_uri: str  # the one that is asked for
    # what we ask
    response_type: ResponseType
    response_mode: Literal["query", "form_post"]
    pkce: bool
    scopes: tuple[str, ...]
    parameters: Mapping[str, str]  # further ones of the authorization request
    claims: str  # the claims parameter, JSON; "" leaves it out
    acr_values: tuple[str, ...]
    max_age: timedelta | None  # asked for; None leaves it out
    login_hint: bool
    require_iss: bool  # in every answer, whatever the provider publishes (RFC 9207)
    push: Literal["auto", "always", "never"]  # RFC 9126; auto: where the provider requires it
    # what we accept
    demands: Demands
    id_token_signed_response_alg: str  # the one algorithm that we accept
    userinfo_signed_response_alg: str  # "": UserInfo is plain JSON
    paths: tuple[Path, ...]  # of the connection's attributes, and where groups stand if it names none
    verified_by: VerifiedBy  # the claim that says whether the address is theirs
    fetch_userinfo: Literal["always", "never", "auto"]  # auto: where the ID Token lacks what scopes ask for
