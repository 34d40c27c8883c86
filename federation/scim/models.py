"""The resources that directories keep here, as the library reads and writes them (RFC 7643 §4).

They differ from the library's own where that would refuse what directories send: an address in a
domain that no registry knows, a manager without ``$ref``. There is no ``password``. Pure.
"""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    Address,
    AnyExtension,
    CaseExact,
    ComplexAttribute,
    Entitlement,
    Extension,
    External,
    GroupMembership,
    Im,
    Mutability,
    Name,
    PhoneNumber,
    Photo,
    Reference,
    Required,
    Resource,
    Role,
    Uniqueness,
    X509Certificate,
)
from scim2_models import Email as RegisteredEmail
from scim2_models.urn import URN

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Email(ComplexAttribute):
    """An e-mail address, in whatever domain: bob@corp.local is one too."""

    value: str | None = None
    """E-mail address of the User."""

    display: str | None = None
    """A human-readable name, used for display."""

    type: RegisteredEmail.Type | None = None
    """What the address is for, e.g., 'work' or 'home'."""

    primary: bool | None = None
    """Whether it is the preferred address."""


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN(USER_URN)

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """Unique identifier for the User, whatever its case."""

    name: Name | None = None
    """The components of the User's name."""

    display_name: str | None = None
    """The name of the User, suitable for display."""

    nick_name: str | None = None
    """The casual way to address the User."""

    profile_url: Reference[External] | None = None
    """URL of a page about the User."""

    title: str | None = None
    """The User's title, e.g., 'Vice President'."""

    user_type: str | None = None
    """What the User is to the organization, e.g., 'Employee'."""

    preferred_language: str | None = None
    """The User's preferred language, e.g., 'en-US'."""

    locale: str | None = None
    """The User's location for localizing, e.g., 'en-US'."""

    timezone: str | None = None
    """The User's time zone, e.g., 'America/Los_Angeles'."""

    active: bool | None = None
    """Whether the User may come in."""

    emails: list[Email] | None = None
    """E-mail addresses of the User."""

    phone_numbers: list[PhoneNumber] | None = None
    """Phone numbers of the User."""

    ims: list[Im] | None = None
    """Instant messaging addresses of the User."""

    photos: list[Photo] | None = None
    """URLs of photos of the User."""

    addresses: list[Address] | None = None
    """Mailing addresses of the User."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """Groups of which the User is a direct member."""

    entitlements: list[Entitlement] | None = None
    """Things that the User has."""

    roles: list[Role] | None = None
    """What the User is, e.g., 'Student'."""

    x509_certificates: list[X509Certificate] | None = None
    """Certificates issued to the User."""


class Manager(ComplexAttribute):
    """The User's manager."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the manager's User resource."""

    ref: Reference[User[Any]] | None = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The URI of the manager's User resource."""

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The displayName of the manager."""


class EnterpriseUser(Extension):
    """Who a person is in an enterprise."""

    __schema__ = URN(ENTERPRISE_URN)

    employee_number: str | None = None
    """Identifier that the organization gave the User."""

    cost_center: str | None = None
    """Name of a cost center."""

    organization: str | None = None
    """Name of an organization."""

    division: str | None = None
    """Name of a division."""

    department: str | None = None
    """Name of a department."""

    manager: Manager | None = None
    """The User's manager."""


class GroupMember(ComplexAttribute):
    """A User or a Group that is in a Group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of the member."""

    ref: Annotated[Reference[Any] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the member."""

    type: Annotated[str | None, Mutability.read_only] = Field(None, examples=["User", "Group"])
    """Whether the member is a User or a Group: nobody needs to say so."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The displayName of the member."""


class Group(Resource[Any]):
    """Users and groups under one name."""

    __schema__ = URN(GROUP_URN)

    display_name: Annotated[str | None, Required.true] = None
    """The name of the Group."""

    members: list[GroupMember] | None = None
    """Who is in the Group."""


USER: type[User[EnterpriseUser]] = User[EnterpriseUser]
GROUP: type[Group] = Group
