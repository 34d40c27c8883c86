"""What `federation connection link` does: setup links, by an operator."""

from datetime import datetime

from federation.administration import setup_links
from federation.administration.paging import LONGEST_PAGE
from federation.administration.setup_links import Made
from federation.operator.at_desk import at_desk
from federation.settings import Settings
from federation.store.setup_links import SetupLink


async def create(config: Settings, connection: str, *, days: int, may_enable: bool, now: datetime) -> Made:
    """Make a link to set up a connection of the database.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotFound: ``admin.unknown``.
        ChangeConflicts: ``admin.managed``: the settings file declares it.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return await setup_links.create(desk, connection, days=days, may_enable=may_enable)


async def every(config: Settings, connection: str, *, now: datetime) -> tuple[SetupLink, ...]:
    """Return a connection's links, newest first, also those that are over.

    Raises:
        NotFound: ``admin.unknown``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    found: list[SetupLink] = []
    async with at_desk(config, now=now) as desk:
        cursor: str | None = None
        while True:
            page = await setup_links.every(desk, connection, cursor=cursor, limit=LONGEST_PAGE)
            found += page.items
            if (cursor := page.next) is None:
                return tuple(found)


async def revoke(config: Settings, identifier: str, *, now: datetime) -> None:
    """Refuse a link from now on.

    Raises:
        NotFound: ``admin.unknown``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        await setup_links.revoke(desk, identifier)
