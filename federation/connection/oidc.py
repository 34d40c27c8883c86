"""A connection by OpenID Connect, in the keys of the settings file."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from federation import presets
from federation.configuration.part import Model
from federation.configuration.scalars import AliasPath, Duration, Name, Secret, Url
from federation.connection.common import Required
from federation.connection.relying import RelyingConnection

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "HS256", "HS384", "HS512",
]  # fmt: skip
Flow = Literal["code", "implicit", "hybrid", "token"]
Tenant = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_GOVERNMENT = "login.microsoftonline.us"  # of Entra's clouds GCC High and DoD, each with a Graph of its own
_HMAC = {"HS256": 32, "HS384": 48, "HS512": 64}  # octets that the secret needs: RFC 7518 §3.2


class GoogleDirectory(Model):
    """Who may ask a Google Workspace for people's groups, which its ID Tokens do not hold."""

    service_account: Secret  # its JSON key file
    subject: Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)]  # an admin's


class OidcConnection(RelyingConnection):
    """An OpenID Provider."""

    methods: ClassVar[frozenset[str]] = RelyingConnection.methods | {"private_key_jwt"}
    other_bounds: ClassVar[str] = ", tenants, authorization_params that the preset demands an answer to (hd)"

    protocol: Literal["oidc"]
    # who they are
    discovery_url: Url | None = None
    skip_discovery: bool = False  # true: every endpoint is told here
    issuer: Url | None = Field(default=None, validate_default=True)
    end_session_endpoint: Url | None = None  # these beat the discovery document's, and so does jwks_uri
    pushed_authorization_request_endpoint: Url | None = None
    tenants: tuple[Tenant, ...] = ()  # of an issuer that stands for many (Entra): who may sign in
    # who we are to them
    client_assertion_audience: Literal["issuer", "token_endpoint"] = "issuer"  # of private_key_jwt
    post_logout_paths: tuple[AliasPath, ...] = ()  # the first stands in for /logout
    # what we ask
    scopes: tuple[Name, ...] = ("openid", "profile", "email")
    flow: Flow = "code"
    response_mode: Literal["query", "form_post"] | None = Field(default=None, validate_default=True)
    pushed_authorization: Literal["auto", "always", "never"] = "auto"  # auto: where the provider requires it
    claims: dict[Literal["id_token", "userinfo"], dict[Name, Any]] = Field(default_factory=dict)
    acr_values: tuple[Name, ...] = ()
    max_age: Duration | None = None
    login_hint: bool = True  # false: what the person typed is not passed on
    # what we accept
    id_token_signed_response_alg: Algorithm = Field(default="RS256", validate_default=True)
    userinfo_signed_response_alg: Algorithm | None = None  # none: UserInfo is plain JSON
    jwks_uri: Url | None = Field(default=None, validate_default=True)  # what is signed otherwise than by HS*
    fetch_userinfo: Literal["auto", "always", "never"] = "auto"
    fetch_groups: Literal["auto", "never"] = "auto"  # auto: from the vendor's API where they are only named
    graph_host: Literal["graph.microsoft.us", "dod-graph.microsoft.us"] | None = None  # none: by the issuer's
    google_directory: GoogleDirectory | None = None  # none: Google is asked for nobody's groups
    require: Required = Field(default=Required(), validate_default=True)
    # how it ends
    logout: Literal["single", "local"] = "single"  # single: at the provider too, where it offers it

    @field_validator("issuer")
    @classmethod
    def _found(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        if issuer is None and info.data.get("skip_discovery"):
            raise ValueError("expected the provider's issuer URL: skip_discovery asks nobody for it")
        if issuer is None and info.data.get("discovery_url", "") is None:
            raise ValueError("expected the provider's issuer URL (or discovery_url)")
        return issuer

    @field_validator("skip_discovery")
    @classmethod
    def _told(cls, skipped: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  a field's value
        needed = ("authorization_endpoint", "token_endpoint")
        missing = [name for name in needed if info.data.get(name, "") is None]
        if skipped and missing:
            raise ValueError(f"expected {' and '.join(missing)} too: nobody else is asked for them")
        return skipped

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("expected openid among them")
        return scopes

    @field_validator("flow")
    @classmethod
    def _kept(cls, flow: str, info: ValidationInfo) -> str:
        never = sorted({"access", "refresh"} & set(info.data.get("keep_tokens", ())))
        if flow == "implicit" and never:
            raise ValueError(f"brings an ID Token alone; keep_tokens names {' and '.join(never)}: use code")
        return flow

    @field_validator("fetch_userinfo")
    @classmethod
    def _reachable(cls, fetch: str, info: ValidationInfo) -> str:
        if fetch == "always" and info.data.get("flow") == "implicit":
            raise ValueError("flow: implicit brings no access token to ask UserInfo with; use flow: code")
        return fetch

    @field_validator("google_directory")
    @classmethod
    def _wanted(cls, directory: GoogleDirectory | None, info: ValidationInfo) -> GoogleDirectory | None:
        if directory is not None and info.data.get("fetch_groups") == "never":
            raise ValueError("contradicts fetch_groups: never; keep one of the two")
        return directory

    @field_validator("response_mode")
    @classmethod
    def _hidden(cls, mode: str | None, info: ValidationInfo) -> str | None:
        if mode == "query" and info.data.get("flow") in ("implicit", "hybrid"):
            raise ValueError("a token may not stand in a URL; expected form_post, or leave it out")
        return mode

    @field_validator("id_token_signed_response_alg", "userinfo_signed_response_alg")
    @classmethod
    def _keyed(cls, alg: str | None, info: ValidationInfo) -> str | None:
        secret = info.data.get("client_secret")
        octets = len(secret.get_secret_value().encode()) if isinstance(secret, SecretStr) else 0
        if alg is not None and octets < _HMAC.get(alg, 0):
            raise ValueError(f"{alg} needs a client_secret of at least {_HMAC[alg]} octets (RFC 7518 §3.2)")
        return alg

    @field_validator("jwks_uri")
    @classmethod
    def _published(cls, url: str | None, info: ValidationInfo) -> str | None:
        algs = {info.data.get("id_token_signed_response_alg"), info.data.get("userinfo_signed_response_alg")}
        if url is None and info.data.get("skip_discovery") and algs - _HMAC.keys() - {None}:
            raise ValueError("expected the URL of the provider's keys: skip_discovery asks nobody for it")
        return url

    @field_validator("graph_host")
    @classmethod
    def _same_cloud(cls, host: str | None, info: ValidationInfo) -> str | None:
        issuer = urlsplit(info.data.get("issuer") or info.data.get("discovery_url") or "")
        if host is not None and issuer.hostname != _GOVERNMENT:
            raise ValueError(
                f"is for an issuer at {_GOVERNMENT} alone, where two clouds sign in; leave it out"
            )
        return host

    @field_validator("require")
    @classmethod
    def _asked(cls, required: Required, info: ValidationInfo) -> Required:
        asked = info.data.get("max_age")
        if required.max_age is not None and asked is not None and required.max_age < asked:
            raise ValueError("max_age is shorter than the max_age that is asked for: many would be refused")
        return required

    @property
    def bounds(self) -> tuple[str, ...]:
        """Beside domains: directories, and what was asked for that the ID Token must say again."""
        asked = self.authorization_params
        known = self.preset in presets.PRESETS  # else that is the fault, and named elsewhere
        answered = presets.oidc(self.preset).answered if known else ()
        demanded = tuple(name for name in answered if asked.get(name))
        return (*super().bounds, *(("tenants",) if self.tenants else ()), *demanded)

    @property
    def life(self) -> timedelta | None:
        """How old an authentication may be: what is required, else what was asked for."""
        return self.require.max_age if self.require.max_age is not None else self.max_age
