"""What is configured: connections, organizations and rules, in the shape of the settings file.

The keys are the contract with whoever writes the file: add, never rename. Frozen, an unknown
key is an error, and an empty list never means "anyone".
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    model_validator,
)

ID_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"
MAXIMUM_SKEW = timedelta(seconds=300)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: object) -> object:
    """Read ``"90s"``, ``"30m"``, ``"8h"`` or ``"7d"``; a bare number is refused: it has no unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"([1-9]\d{0,5})([smhd])", value)):
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    raise ValueError('expected a number with its unit, such as "90s", "30m", "8h" or "7d"')


def _show_duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def _domain(value: str) -> str:
    labels = value.split(".")
    if (
        len(labels) < 2
        or not value.isascii()
        or not all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", one) for one in labels)
    ):
        raise ValueError('expected a domain name such as "acme.example", lower-case, without "@" or "*"')
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(_show_duration)]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Domain = Annotated[str, AfterValidator(_domain)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Skew = Annotated[Duration, Field(ge=timedelta(0), le=MAXIMUM_SKEW)]


class Model(BaseModel):
    """Base of every part of the file: frozen, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Secret(Model):
    """A secret by file or environment (preferred), or inline as a plain string."""

    env: str | None = None
    file: Path | None = None
    value: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _inline(cls, data: object) -> object:
        return {"value": data} if isinstance(data, str | SecretStr) else data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.env, self.file, self.value)) != 1:
            raise ValueError("expected one of {env: NAME} or {file: PATH}")
        return self

    def reveal(self) -> str:
        """Return the secret itself.

        Raises:
            ValueError: The variable or file is absent or empty; its name is in the message.
        """
        if self.env is not None:
            found, where = os.environ.get(self.env, ""), f"environment variable {self.env}"
        elif self.file is not None:
            where = f"file {self.file}"
            try:
                found = self.file.read_text().strip()
            except OSError as error:
                raise ValueError(f"{where} cannot be read ({error.strerror})") from None
        else:
            found, where = (self.value.get_secret_value() if self.value else ""), "the settings file"
        if not found:
            raise ValueError(f"{where} holds no secret")
        return found


class AttributeTest(Model):
    """True where the named attribute holds one of the values, exactly."""

    name: Name
    in_: tuple[str, ...] = Field(alias="in", min_length=1)


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
    domains: tuple[Domain, ...] = ()
    anyone: bool = False  # true: no domain rule; said aloud, because an empty list never allows
    email_trust: Literal["none", "verified", "domains"] = "none"
    attributes: dict[Name, Name] = {}
    role_rules: tuple[RoleRule, ...] = ()
    default_roles: tuple[Name, ...] = ()
    clock_skew: Skew = timedelta(seconds=60)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.domains and not self.anyone:
            raise ValueError("domains: name the e-mail domains that may enter, or say anyone: true")
        if self.domains and self.anyone:
            raise ValueError("anyone: true and domains contradict each other; keep one")
        return self

    @property
    def title(self) -> str:
        """What the button says."""
        return self.display_name or self.id


class MetadataSource(Model):
    """Where the IdP's SAML metadata is: a file or a URL."""

    file: Path | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("expected one of {file: PATH} or {url: URL}")
        return self


class SamlConnection(_Connection):
    """A SAML 2.0 identity provider."""

    protocol: Literal["saml"]
    metadata: MetadataSource | None = None
    entity_id: str | None = None  # with metadata: which entity; without: the IdP's
    sso_url: str | None = None  # SingleSignOnService, HTTP-Redirect
    certificates: tuple[str, ...] = ()  # PEM text, bare base64, or a path to a PEM file
    sp_entity_id: str | None = None  # default: {base_url}/saml/{connection}/metadata

    @model_validator(mode="after")
    def _trust(self) -> Self:
        by_hand = bool(self.entity_id and self.sso_url and self.certificates)
        if self.metadata is None and not by_hand:
            raise ValueError(
                "expected metadata: {file: …} or {url: …}, or all of entity_id, sso_url and certificates"
            )
        if self.metadata is not None and (self.sso_url or self.certificates):
            raise ValueError("metadata already tells sso_url and certificates; keep one of the two")
        return self


class OidcConnection(_Connection):
    """An OpenID Provider."""

    protocol: Literal["oidc"]
    issuer: str | None = None
    discovery_url: str | None = None
    client_id: Name
    client_secret: Secret | None = None
    scopes: tuple[Name, ...] = ("openid", "profile", "email")
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "none"] = (
        "client_secret_basic"
    )
    id_token_signed_response_alg: Literal[
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
    ] = "RS256"
    fetch_userinfo: Literal["auto", "always", "never"] = "auto"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.issuer and not self.discovery_url:
            raise ValueError("expected issuer (or discovery_url)")
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid")
        if (self.token_endpoint_auth_method == "none") != (self.client_secret is None):
            raise ValueError(
                "expected client_secret: {env: …} or {file: …}, or token_endpoint_auth_method: none"
            )
        return self


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
    """Return a model as plain data with every secret hidden."""
    return model.model_dump(mode="json", exclude_none=True)
