"""What our SAML metadata says about us, as the settings file has it under ``saml``.

Nothing here is needed to sign people in: identity providers and their people read it.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from federation.rules import Model
from federation.scalars import Duration, EntityId, Name, Url

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s<>()]+@[^@\s<>()]+$", max_length=254)]
Pixels = Annotated[int, Field(ge=1, le=10_000)]


class PublicOrganization(Model):
    """Who runs this service (SAML Metadata §2.3.2.1); not a tenant."""

    name: Name
    display_name: Name | None = None  # default: the name
    url: Url


class Contact(Model):
    """Whom to ask (SAML Metadata §2.3.2.2)."""

    type: Literal["technical", "support", "administrative", "billing", "security", "other"]
    company: Name | None = None
    given_name: Name | None = None
    sur_name: Name | None = None
    email: MailAddress | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.company or self.given_name or self.sur_name or self.email):
            raise ValueError("expected at least one of company, given_name, sur_name and email")
        return self


class Logo(Model):
    """A picture for sign-in pages (Metadata Extensions for Login and Discovery UI §2.1.5)."""

    url: Url
    width: Pixels
    height: Pixels


class Presentation(Model):
    """How an identity provider's sign-in page shows us (mdui:UIInfo)."""

    display_name: Name | None = None
    description: Annotated[str, Field(max_length=1000)] | None = None
    logo: Logo | None = None
    information_url: Url | None = None
    privacy_statement_url: Url | None = None


class About(Model):
    """The section ``saml``."""

    entity_id: EntityId | None = None  # sp_entity_id of every connection that has none of its own
    language: Language = "en"  # of the words below
    organization: PublicOrganization | None = None
    contacts: tuple[Contact, ...] = ()
    ui: Presentation = Presentation()
    metadata_valid_for: Duration | None = Field(default=None, ge=timedelta(hours=12))  # none: no validUntil
    sign_metadata: bool = False
