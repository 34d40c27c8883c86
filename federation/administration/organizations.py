"""Organizations: those of the settings file, which are shown, and those of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from federation.administration.desk import Desk


@dataclass(frozen=True, kw_only=True)
class OrganizationView:
    """An organization, as it may be shown."""

    id: str
    name: str
    origin: Literal["file", "store"]  # file: managed by configuration
    default_roles: tuple[str, ...]
    administrators: tuple[str, ...]  # roles
    connections: int
    number: int  # of the change that made it what it is: what ``update`` names; 0 of the file's
    created_at: datetime | None  # None of the file's
    settings: Mapping[str, Any] = field(repr=False)  # the file's keys


@dataclass(frozen=True, kw_only=True)
class OrganizationsListed:
    """A page of organizations by name; ``next`` leads on, "" at the end."""

    organizations: tuple[OrganizationView, ...]
    next: str


async def list_organizations(desk: Desk, *, search: str, after: str, limit: int) -> OrganizationsListed:
    """Return organizations by name; arguments as ``connections.list_connections``."""
    raise NotImplementedError


async def find(desk: Desk, organization: str) -> OrganizationView:
    """Return one.

    Raises:
        PolicyRefused: ``admin.not_yours``: there is none, or it is another's.
    """
    raise NotImplementedError


async def create(desk: Desk, organization: str, *, body: Mapping[str, Any]) -> OrganizationView:
    """Keep a new organization; the operator's to do.

    Args:
        desk: By whom.
        organization: Its id, for good.
        body: ``name``, ``default_roles``, ``administrators``.

    Raises:
        BodyRefused: ``admin.invalid``.
        PolicyRefused: ``admin.not_yours``.
    """
    raise NotImplementedError


async def update(
    desk: Desk, organization: str, changes: Mapping[str, Any], *, number: int
) -> OrganizationView:
    """Change keys of one; the operator's to do. Raises as ``connections.update``."""
    raise NotImplementedError


async def delete(desk: Desk, organization: str, typed: str) -> None:
    """Take an organization away that has no connection, no person and no team; the operator's to do.

    Raises:
        PolicyRefused: ``admin.not_empty``, ``admin.name_differs``; as ``update``.
    """
    raise NotImplementedError
