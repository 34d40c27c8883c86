"""What our SAML metadata says about us, as the settings file has it under ``saml``.

Nothing here is needed to sign people in: identity providers and their people read it.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from federation.configuration.part import Model
from federation.configuration.scalars import Duration, EntityId, Name, Url

_SHORTEST = timedelta(hours=12)  # most identity providers ask once a day, some twice


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*", value):
        raise ValueError("expected a language such as en or de-AT")
    return value


def _mail_address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>()]{1,64}@[^@\s<>()]{1,189}", value):
        raise ValueError("expected one plain address such as it@acme.example")
    return value


def _life(value: timedelta) -> timedelta:
    if value < _SHORTEST:
        raise ValueError("expected at least 12h: identity providers fetch it once or twice a day")
    return value


Language = Annotated[str, AfterValidator(_language)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
Life = Annotated[Duration, AfterValidator(_life)]


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
    metadata_valid_for: Life | None = None  # none: no validUntil
    sign_metadata: bool = False
