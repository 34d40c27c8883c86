"""Organizations by the API: read by their administrators, made and changed by an operator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from federation.administration import organizations
from federation.administration.desk import Desk
from federation.administration.organizations import OrganizationView
from federation.configuration.part import Model
from federation.console.connections_api import Typed
from federation.console.operations import Asked, Operation, PageAsked, Paged

_BODY: Final = "name, default_roles, administrators, contact"


class OrganizationsAsked(PageAsked):
    """Which page of which organizations."""

    search: Annotated[str, Field(max_length=320, description="Part of a name or an id")] = ""


class OrganizationShown(Model):
    """An organization."""

    id: str
    name: str
    origin: str = Field(description="file: managed by configuration; store: edited here")
    default_roles: tuple[str, ...]
    administrators: tuple[str, ...] = Field(description="Roles that administer it")
    connections: int
    number: int = Field(description="Of the latest change: a change names it; 0 of the settings file's")
    created_at: datetime | None


class OrganizationWanted(Model):
    """An organization to be made."""

    id: Annotated[str, Field(min_length=1, max_length=63, description="For good", examples=["acme"])]
    settings: Annotated[dict[str, Any], Field(description=_BODY)]


class OrganizationChanged(Model):
    """Keys of an organization to be changed."""

    number: Annotated[int, Field(ge=0, lt=2**63, description="Of the organization as it was read")]
    settings: Annotated[dict[str, Any], Field(description=f"{_BODY}; null takes a key out")]


def _shown(one: OrganizationView) -> OrganizationShown:
    return OrganizationShown(**{name: getattr(one, name) for name in OrganizationShown.model_fields})


async def list_organizations(desk: Desk, asked: Asked) -> Paged[OrganizationShown]:
    """By name; an administrator sees their own."""
    query: OrganizationsAsked = asked.query
    found = await organizations.list_organizations(
        desk, search=query.search, after=query.cursor or "", limit=query.limit
    )
    return Paged[OrganizationShown](items=tuple(map(_shown, found.organizations)), next=found.next or None)


async def create_organization(desk: Desk, asked: Asked) -> OrganizationShown:
    """An operator's to do."""
    body: OrganizationWanted = asked.body
    return _shown(await organizations.create(desk, body.id, body=body.settings))


async def get_organization(desk: Desk, asked: Asked) -> OrganizationShown:
    """One by its id."""
    return _shown(await organizations.find(desk, asked.path["id"]))


async def update_organization(desk: Desk, asked: Asked) -> OrganizationShown:
    """An operator's to do; refused where somebody else changed it after it was read."""
    body: OrganizationChanged = asked.body
    return _shown(await organizations.update(desk, asked.path["id"], body.settings, number=body.number))


async def delete_organization(desk: Desk, asked: Asked) -> None:
    """An operator's to do; one that has no connection, no person and no team."""
    body: Typed = asked.body
    await organizations.delete(desk, asked.path["id"], body.name)


_ONE: Final = "/organizations/{id}"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET", "/organizations", "List organizations", "organizations:read", list_organizations,
        query=OrganizationsAsked, answer=Paged[OrganizationShown],
    ),
    Operation(
        "POST", "/organizations", "Make an organization", "organizations:write", create_organization,
        body=OrganizationWanted, answer=OrganizationShown, status=201,
    ),
    Operation(
        "GET", _ONE, "Show an organization", "organizations:read", get_organization,
        answer=OrganizationShown,
    ),
    Operation(
        "PATCH", _ONE, "Change an organization", "organizations:write", update_organization,
        body=OrganizationChanged, answer=OrganizationShown,
    ),
    Operation(
        "DELETE", _ONE, "Delete an organization", "organizations:write", delete_organization, body=Typed,
    ),
)  # fmt: skip
