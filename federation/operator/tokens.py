"""What `federation token` does: bearer tokens of the administration's API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from federation.administration import tokens
from federation.administration.actor import SCOPES
from federation.administration.paging import LONGEST_PAGE
from federation.administration.tokens import Made, TokenWanted
from federation.errors import FieldsRefused
from federation.operator.at_desk import at_desk
from federation.settings import Settings
from federation.store.api_tokens import ApiToken


async def create(
    config: Settings, name: str, *, organization: str, scopes: Sequence[str], days: int, now: datetime
) -> Made:
    """Make a token; ``organization`` "" is the whole installation.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotFound: ``admin.unknown``: no such organization.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    if unknown := sorted(set(scopes) - SCOPES):
        faults = ((("scope", unknown[0]), f"expected one of {', '.join(sorted(SCOPES))}"),)
        raise FieldsRefused("admin.invalid", "no such token can be made", faults=faults)
    asked = frozenset(one for one in SCOPES if one in scopes)
    wanted = TokenWanted(organization=organization, name=name.strip(), scopes=asked, days=days)
    async with at_desk(config, now=now) as desk:
        return await tokens.create(desk, wanted)


async def every(config: Settings, organization: str | None, *, now: datetime) -> tuple[ApiToken, ...]:
    """Return tokens, newest first, also those that are over; None is every organization's.

    Raises:
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    found: list[ApiToken] = []
    async with at_desk(config, now=now) as desk:
        cursor: str | None = None
        while True:
            page = await tokens.every(desk, organization=organization, cursor=cursor, limit=LONGEST_PAGE)
            found += page.items
            if (cursor := page.next) is None:
                return tuple(found)


async def revoke(config: Settings, identifier: str, *, now: datetime) -> ApiToken:
    """Refuse a token from now on.

    Raises:
        NotFound: ``admin.unknown``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        await tokens.revoke(desk, identifier)
        return await tokens.find(desk, identifier)


def as_json(one: ApiToken) -> dict[str, Any]:
    """Return a token as plain data, but for the token."""
    times = {
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "last_used_at": one.last_used_at,
        "revoked_at": one.revoked_at,
    }
    return {
        "id": one.id,
        "organization": one.organization or None,
        "name": one.name,
        "scopes": sorted(one.scopes),
        "created_by": one.created_by,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def line(one: ApiToken, *, now: datetime) -> str:
    """Say a token in a line."""
    state = f"until {one.expires_at:%Y-%m-%d}"
    if one.revoked_at is not None:
        state = f"revoked {one.revoked_at:%Y-%m-%d}"
    elif one.expires_at <= now:
        state = f"over since {one.expires_at:%Y-%m-%d}"
    used = f"last used {one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never used"
    whose = one.organization or "the whole installation"
    return f"{one.id}  {one.name}  {whose}  {state}  {used}  {' '.join(sorted(one.scopes))}"
