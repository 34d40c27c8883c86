"""What is configured: connections, organizations and rules, in the shape of the settings file.

The keys are the contract with whoever writes the file: add, never rename. Frozen, an unknown
key is an error, and an empty list never means "anyone". A rule about several keys is asked at
the last of them, so that every fault of a connection is named in one go.
"""

import re
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from federation.scalars import (
    ID_PATTERN,
    Certificate,
    Domain,
    EntityId,
    FilePath,
    Id,
    Name,
    Names,
    Secret,
    Skew,
    Url,
)


class Model(BaseModel):
    """Base of every part of the file: frozen, no unknown key, no value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class AttributeTest(Model):
    """True where the named attribute holds one of the values, exactly."""

    name: Name
    in_: tuple[str, ...] = Field(alias="in", min_length=1)


def fold(name: str) -> str:
    """Return a group's name without its case, one character for one.

    Not Unicode's case folding: that makes "platform-adminſ" equal "platform-admins", and a
    Kelvin sign equal "k", to whoever may name groups at the identity provider.
    """
    if name.isascii():
        return name.lower()
    return "".join(
        low if len(low := one.lower()) == 1 and low.isascii() == one.isascii() else one for one in name
    )


class RoleRule(Model):
    """Who gets which roles: by group (case-insensitive, ``*`` at the end) or by attribute.

    With both tests given, both must hold.
    """

    name: Name
    groups: tuple[Name, ...] = ()
    attribute: AttributeTest | None = None
    roles: tuple[Name, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.groups and self.attribute is None:
            raise ValueError("a rule needs groups or attribute: without a test it would match everybody")
        return self

    @cached_property
    def whole(self) -> frozenset[str]:
        """Group names to equal, folded."""
        return frozenset(fold(name) for name in self.groups if not name.endswith("*"))

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What group names may begin with, folded; only a ``*`` at the end is a wildcard."""
        return tuple(fold(name[:-1]) for name in self.groups if name.endswith("*"))


class Organization(Model):
    """A tenant: connections belong to it, sessions are for it."""

    name: Name
    default_roles: tuple[Name, ...] = ()


class _Connection(Model):
    id: Id = ""  # set from the key in the file; never change it
    preset: Id = "generic"
    organization: Id
    display_name: str = Field(default="", max_length=200)
    visible: bool = True  # false: no button on the sign-in page; links and e-mail still lead to it
    anyone: bool = False  # true: no domain rule; said aloud, because an empty list never allows
    domains: tuple[Domain, ...] = Field(default=(), validate_default=True)
    email_trust: Literal["none", "verified", "domains"] = "none"
    attributes: dict[Name, Names] = {}  # ours → theirs
    role_rules: tuple[RoleRule, ...] = ()
    default_roles: tuple[Name, ...] = ()
    clock_skew: Skew = timedelta(seconds=60)

    @field_validator("domains")
    @classmethod
    def _bounded(cls, domains: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("anyone") is False and not domains:
            raise ValueError("expected the e-mail domains that may enter, or anyone: true")
        if info.data.get("anyone") and domains:
            raise ValueError("contradicts anyone: true; keep one of the two")
        return domains

    @field_validator("role_rules")
    @classmethod
    def _told_apart(cls, rules: tuple[RoleRule, ...]) -> tuple[RoleRule, ...]:
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        return rules

    @property
    def title(self) -> str:
        """What the button says."""
        return self.display_name or self.id


class MetadataSource(Model):
    """Where the IdP's SAML metadata is: a file or a URL."""

    file: FilePath | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("expected one of {file: PATH} or {url: URL}")
        return self


class SamlConnection(_Connection):
    """A SAML 2.0 identity provider."""

    protocol: Literal["saml"]
    entity_id: EntityId | None = None  # with metadata: which entity; without: the IdP's
    sso_url: Url | None = None  # SingleSignOnService, HTTP-Redirect
    certificates: tuple[Certificate, ...] = ()  # PEM text, bare base64, or a path to a PEM file
    metadata: MetadataSource | None = Field(default=None, validate_default=True)
    sp_entity_id: EntityId | None = None  # default: {base_url}/saml/{connection}/metadata

    @field_validator("metadata")
    @classmethod
    def _trust(cls, metadata: MetadataSource | None, info: ValidationInfo) -> MetadataSource | None:
        by_hand = ("entity_id", "sso_url", "certificates")
        if metadata is None and not all(info.data.get(part, True) for part in by_hand):
            raise ValueError("expected {file: …} or {url: …}, or all of entity_id, sso_url and certificates")
        if metadata is not None and (info.data.get("sso_url") or info.data.get("certificates")):
            raise ValueError("already tells sso_url and certificates; keep one of the two")
        return metadata


AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class OidcConnection(_Connection):
    """An OpenID Provider."""

    protocol: Literal["oidc"]
    discovery_url: Url | None = None
    issuer: Url | None = Field(default=None, validate_default=True)
    client_id: Name
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"  # noqa: S105  a method's name
    client_secret: Secret | None = Field(default=None, validate_default=True)
    scopes: tuple[Name, ...] = ("openid", "profile", "email")
    id_token_signed_response_alg: Algorithm = "RS256"  # noqa: S105  an algorithm's name
    fetch_userinfo: Literal["auto", "always", "never"] = "auto"

    @field_validator("issuer")
    @classmethod
    def _found(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        if issuer is None and info.data.get("discovery_url", "") is None:
            raise ValueError("expected the provider's issuer URL (or discovery_url)")
        return issuer

    @field_validator("client_secret")
    @classmethod
    def _authenticated(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        method = info.data.get("token_endpoint_auth_method")
        if secret is None and method != "none":
            raise ValueError("expected {env: …} or {file: …}, or token_endpoint_auth_method: none")
        if secret is not None and method == "none":
            raise ValueError("contradicts token_endpoint_auth_method: none; keep one of the two")
        return secret

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("expected openid among them")
        return scopes


Connection = Annotated[SamlConnection | OidcConnection, Field(discriminator="protocol")]
AnyConnection = SamlConnection | OidcConnection


def environment_name(connection_id: str) -> str:
    """Return the id as an environment variable spells it: ``-`` and ``_`` look the same there."""
    return connection_id.replace("-", "_").upper()


def name_fault(connection_id: str, others: tuple[str, ...]) -> str | None:
    """Say why an id cannot stand beside the others, or None."""
    if not re.fullmatch(ID_PATTERN, connection_id):
        return (
            f"{connection_id!r} is not an id: lower-case letters, digits, _ and -, a letter first, at most 63"
        )
    if "__" in connection_id:
        return f"{connection_id!r} holds __, which separates levels in environment names"
    twins = [
        other
        for other in others
        if other != connection_id and environment_name(other) == environment_name(connection_id)
    ]
    return (
        f"{connection_id!r} and {twins[0]!r} differ only in - and _, the environment cannot tell them apart"
        if twins
        else None
    )


def show(model: Model) -> dict[str, Any]:
    """Return a model as plain data, in the file's own keys, with every secret hidden."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
