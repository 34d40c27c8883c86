"""What this service is, as it tells clients: its resources and what it can do (RFC 7643 §5 to §7)."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from scim2_models import (
    Attribute,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ETag,
    External,
    Filter,
    Pagination,
    Patch,
    Reference,
    ResourceType,
    Schema,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)

from federation.scim import models, tolerance

_DESCRIPTIONS: Final = {"User": "A person", "Group": "Users and groups under one name"}

# Entra's validator refuses schemas that list these, though RFC 7643 §8.7.1 does. They are read and
# returned where a client sent them; a member's $ref is never sent, its type tells what it is.
_UNPUBLISHED: Final = frozenset(
    {
        "emails.display", "phoneNumbers.display", "ims.display", "photos.display", "entitlements.display",
        "x509Certificates.display", "groups.$ref", "members.$ref", "manager.$ref",
    }
)  # fmt: skip


class Provider(ScimProvider):
    """The library's, with schemas that Entra's validator takes."""

    @cached_property
    def schemas(self) -> tuple[Schema, ...]:
        """What ``/Schemas`` publishes."""
        return tuple(_published(model.to_schema()) for model in self.models)


def build(*, documentation_uri: str | None = None) -> Provider:
    """Describe the service, once for every connection.

    Args:
        documentation_uri: Where people read about it; None where nobody says.
    """
    return Provider(
        models=[models.User, models.EnterpriseUser, models.Group],
        resource_types=[_resource_type(models.USER), _resource_type(models.GROUP)],
        config=_config(documentation_uri),
        policy=tolerance.POLICY,
    )


def _resource_type(model: type[models.User[models.EnterpriseUser]] | type[models.Group]) -> ResourceType:
    described = ResourceType.from_resource(model)
    described.description = _DESCRIPTIONS[described.name or ""]
    return described


def _config(documentation_uri: str | None) -> ServiceProviderConfig:
    return ServiceProviderConfig(
        documentation_uri=Reference[External](documentation_uri) if documentation_uri else None,
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=tolerance.OPERATIONS, max_payload_size=tolerance.BULK_SIZE),
        filter=Filter(supported=True, max_results=tolerance.RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        pagination=Pagination(
            cursor=True,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=tolerance.PAGE,
            max_page_size=tolerance.RESULTS,
            cursor_timeout=tolerance.CURSOR_LIFE,
        ),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="OAuth Bearer Token",
                description="A token minted for the connection, or set in its settings",
                spec_uri=Reference[External]("https://www.rfc-editor.org/info/rfc6750"),
                primary=True,
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.httpbasic,
                name="HTTP Basic",
                description="A user and password from the settings, or any user with a minted token",
                spec_uri=Reference[External]("https://www.rfc-editor.org/info/rfc7617"),
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauth2,
                name="OAuth 2.0 client credentials",
                description="An access token from the connection's token endpoint",
                spec_uri=Reference[External]("https://www.rfc-editor.org/info/rfc6749"),
            ),
        ],
    )


def _published(schema: Schema) -> Schema:
    for attribute in schema.attributes or ():
        attribute.sub_attributes = _kept(attribute.name or "", attribute.sub_attributes)
    return schema


def _kept(name: str, told: Iterable[Attribute] | None) -> list[Attribute] | None:
    return None if told is None else [one for one in told if f"{name}.{one.name}" not in _UNPUBLISHED]
