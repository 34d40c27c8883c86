"""A connection by OAuth 2.0 without OpenID Connect: who somebody is, an API says (GitHub)."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from federation.configuration.scalars import Name, Url
from federation.connection.relying import Kept, RelyingConnection


def _id(told: object) -> object:
    """Read a bare number as YAML has it."""
    return str(told) if isinstance(told, int) and not isinstance(told, bool) else told


OrganizationId = Annotated[str, BeforeValidator(_id), StringConstraints(pattern=r"^[1-9]\d{0,19}$")]


class OAuth2Connection(RelyingConnection):
    """A provider that has no ID Token: the person's profile is fetched with the access token."""

    other_bounds: ClassVar[str] = ", organizations"

    protocol: Literal["oauth2"]
    # who they are
    server: Url | None = None  # of a preset that knows the paths (GitHub Enterprise Server)
    issuer: Url | None = Field(default=None, validate_default=True)  # names the provider in every subject
    emails_endpoint: Url | None = None  # GitHub's list of addresses, where that is the API
    organizations_endpoint: Url | None = None
    teams_endpoint: Url | None = None
    # what we ask
    scopes: tuple[Name, ...] = ()
    # what we accept
    subject_claim: Name | None = Field(default=None, validate_default=True)  # a member that never changes
    organizations: tuple[OrganizationId, ...] = ()  # whose members may enter; a name may be given up

    @field_validator("server")
    @classmethod
    def _mapped(cls, server: str | None, info: ValidationInfo) -> str | None:
        if server is not None and info.data.get("preset", "generic") == "generic":
            raise ValueError("a preset knows a server's paths (preset: github); else name each endpoint")
        return server

    @field_validator("issuer")
    @classmethod
    def _named(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        needed = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        missing = [name for name in needed if info.data.get(name, "") is None]
        if "server" not in info.data:
            return issuer  # that was the fault
        if missing and info.data.get("server", "") is None:
            raise ValueError(f"expected {' and '.join(missing)}, and issuer, a URL that names the provider")
        if not missing and issuer is None and info.data.get("server") is None:
            raise ValueError(
                "expected a URL that names the provider for good, such as https://id.acme.example"
            )
        return issuer

    @field_validator("subject_claim")
    @classmethod
    def _keyed(cls, claim: str | None, info: ValidationInfo) -> str | None:
        if claim is None and info.data.get("preset", "generic") == "generic":
            raise ValueError("expected the member of the profile that names a person for good, such as id")
        return claim

    @field_validator("organizations")
    @classmethod
    def _told(cls, organizations: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = info.data.get("preset", "generic") != "generic" or info.data.get("organizations_endpoint")
        if organizations and not known:
            raise ValueError("expected organizations_endpoint too: nobody else says whose members people are")
        return organizations

    @property
    def bounds(self) -> tuple[str, ...]:
        """Beside domains: organizations at the provider."""
        return (*super().bounds, *(("organizations",) if self.organizations else ()))

    @field_validator("keep_tokens")
    @classmethod
    def _given(cls, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
        if "id" in kept:
            raise ValueError("OAuth 2.0 has no ID Token; expected access, refresh or both")
        return kept
