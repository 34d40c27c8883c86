"""What connections by OpenID Connect and by OAuth 2.0 alone have in common: we are a client there."""

from typing import ClassVar, Final, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from federation.configuration.scalars import AliasPath, Name, Secret, Url
from federation.connection.common import Configured

AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
Kept = Literal["access", "refresh", "id"]

# What a request says that the connection has a key for, or that is made anew for each sign-in.
_ANEW: Final = "it is made anew for each sign-in"
_KEYED: Final = {
    "response_type": "use flow",
    "response_mode": "use response_mode, the key beside authorization_params",
    "client_id": "use client_id, the key beside authorization_params",
    "redirect_uri": "it is ours; callback_paths adds others",
    "scope": "use scopes",
    "state": _ANEW,
    "nonce": _ANEW,
    "code_challenge": _ANEW,
    "code_challenge_method": "it is S256; pkce: false leaves both out",
    "request": "request objects are not sent; pushed_authorization keeps a request out of the browser",
    "request_uri": "use pushed_authorization",
    "claims": "use claims, the key beside authorization_params",
    "acr_values": "use acr_values, the key beside authorization_params",
    "max_age": "use max_age, the key beside authorization_params",
}


class RelyingConnection(Configured):
    """A provider at which we are a registered client."""

    methods: ClassVar[frozenset[str]] = frozenset({"client_secret_basic", "client_secret_post", "none"})

    # who they are; by discovery where the protocol has it
    authorization_endpoint: Url | None = None
    token_endpoint: Url | None = None
    userinfo_endpoint: Url | None = None
    revocation_endpoint: Url | None = None  # RFC 7009
    # who we are to them
    client_id: Name
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"  # noqa: S105  a method's name
    client_secret: Secret | None = Field(default=None, validate_default=True)
    callback_paths: tuple[AliasPath, ...] = ()  # further ones; the first is the one that is asked for
    require_iss: bool = False  # true: an answer without RFC 9207's iss is refused, whatever they publish
    shared_callback: Literal["accepted"] | None = None  # one path with others, without RFC 9207's iss
    initiate_paths: tuple[AliasPath, ...] = ()  # further paths of the initiate_login_uri
    # what we ask
    pkce: bool = True  # false: for a provider that refuses code_challenge
    authorization_params: dict[Name, str] = Field(default_factory=dict)
    # what is kept, encrypted, for as long as the session
    keep_tokens: tuple[Kept, ...] = ()
    revoke_tokens: bool = True  # when the person signs out; false: where that takes more than this session's

    @field_validator("client_secret")
    @classmethod
    def _authenticated(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        method = info.data.get("token_endpoint_auth_method", "")
        if method and method not in cls.methods:
            raise ValueError(
                f"{method} is not for this protocol; expected one of {', '.join(sorted(cls.methods))}"
            )
        if secret is None and method in ("client_secret_basic", "client_secret_post"):
            raise ValueError("expected {env: …} or {file: …}, or token_endpoint_auth_method: none")
        if secret is not None and method in ("none", "private_key_jwt"):
            raise ValueError(f"contradicts token_endpoint_auth_method: {method}; keep one of the two")
        return secret

    @field_validator("authorization_params")
    @classmethod
    def _unreserved(cls, parameters: dict[str, str]) -> dict[str, str]:
        if taken := sorted(_KEYED.keys() & parameters.keys()):
            raise ValueError("; ".join(f"{name} may not stand here: {_KEYED[name]}" for name in taken))
        return parameters
