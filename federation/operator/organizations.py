"""What `federation organization` does: organizations of the file, which are shown, and of the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from federation.administration import organizations
from federation.administration.organizations import OrganizationView
from federation.operator.at_desk import at_desk
from federation.settings import Settings

_PAGE = 200  # organizations read at once


async def add(config: Settings, name: str, body: Mapping[str, Any], *, now: datetime) -> OrganizationView:
    """Make one in the database.

    Args:
        config: The settings.
        name: Its id, for good.
        body: ``name``, ``default_roles``, ``administrators``, ``contact``: those that are said.
        now: UTC, aware.

    Raises:
        FieldsRefused: ``admin.invalid``.
        ConfigurationError: ``keys.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return await organizations.create(desk, name, body=body)


async def every(config: Settings, search: str, *, now: datetime) -> tuple[OrganizationView, ...]:
    """Return all whose name or id holds this, by name.

    Raises:
        ConfigurationError: ``keys.*``, ``store.*``.
    """
    found: list[OrganizationView] = []
    after = ""
    async with at_desk(config, now=now) as desk:
        while True:
            page = await organizations.list_organizations(desk, search=search, after=after, limit=_PAGE)
            found += page.organizations
            if not (after := page.next):
                return tuple(found)


async def find(config: Settings, name: str, *, now: datetime) -> OrganizationView:
    """Return one.

    Raises:
        NotFound: ``admin.not_yours``.
        ConfigurationError: ``keys.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return await organizations.find(desk, name)


async def remove(config: Settings, name: str, typed: str, *, now: datetime) -> None:
    """Take one of the database away. Raises as ``organizations.delete``."""
    async with at_desk(config, now=now) as desk:
        await organizations.delete(desk, name, typed)
