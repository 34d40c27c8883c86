"""What `federation scim` does: credentials of a connection's directory, and how it stands here."""

from datetime import datetime
from typing import Any

from federation.administration import provisioning
from federation.administration.provisioning import Minting, ProvisioningView
from federation.operator.at_desk import at_desk
from federation.provisioned import Credential, Residue
from federation.provisioning.credentials import Minted
from federation.settings import Settings


async def create(
    config: Settings, connection: str, kind: Minting, *, name: str, days: int, now: datetime
) -> tuple[Minted, ProvisioningView]:
    """Make a token or a client; return it, and how the directory stands.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotFound: ``admin.not_yours``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        made = await provisioning.create(desk, connection, kind, name=name, days=days)
        return made, await provisioning.find(desk, connection)


async def view(config: Settings, connection: str, *, now: datetime) -> ProvisioningView:
    """Return how a connection's directory stands.

    Raises:
        NotFound: ``admin.not_yours``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return await provisioning.find(desk, connection)


async def revoke(config: Settings, connection: str, identifier: str, *, now: datetime) -> None:
    """Refuse a credential from now on.

    Raises:
        NotFound: ``admin.unknown``, ``admin.not_yours``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        await provisioning.revoke(desk, connection, identifier)


async def residue(config: Settings, connection: str, *, now: datetime) -> tuple[Residue, ...]:
    """Return what is kept of its directory, which may provision no more.

    Raises:
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return tuple(one for one in await provisioning.residues(desk) if one.connection == connection)


async def forget(config: Settings, connection: str, *, force: bool, now: datetime) -> int:
    """Take it away; return how many sessions ended.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotFound: ``admin.unknown``.
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return (await provisioning.forget(desk, connection, force=force))[1]


def of_kind(told: ProvisioningView, kind: Minting) -> tuple[Credential, ...]:
    """Return the credentials of a kind."""
    return tuple(one for one in told.credentials if one.kind == kind)


def as_json(one: Credential) -> dict[str, Any]:
    """Return a credential as plain data, but for its secret."""
    times = {"created_at": one.created_at, "expires_at": one.expires_at, "last_used_at": one.last_used_at}
    return {
        "id": one.id,
        "connection": one.connection,
        "kind": one.kind,
        "name": one.name,
        "created_by": one.created_by,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def line(one: Credential) -> str:
    """Say a credential in a line."""
    used = f"last used {one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never used"
    return f"{one.id}  {one.name}  until {one.expires_at:%Y-%m-%d}  {used}"


def status_as_json(told: ProvisioningView) -> dict[str, Any]:
    """Return how a directory stands as plain data."""
    counted, last = told.summary, _last(told)
    return {
        "connection": told.connection,
        "on": told.on,
        "base_url": told.base_url,
        "further_base_urls": list(told.further),
        "token_url": told.token_url,
        "users": counted.users,
        "groups": counted.groups,
        "due": counted.due,
        "refused": dict(counted.refused),
        "last_change": counted.changed_at.isoformat() if counted.changed_at else None,
        "last_request": last.isoformat() if last else None,
        "credentials": [as_json(one) for one in told.credentials],
        "in_settings": list(told.in_settings),
    }


def status(told: ProvisioningView) -> str:
    """Say how a directory stands."""
    counted = told.summary
    refused = ", ".join(f"{code}: {number}" for code, number in counted.refused.items())
    last = _last(told)
    held = [f"{one} (settings file)" for one in told.in_settings] + [line(one) for one in told.credentials]
    asked = f"{last:%Y-%m-%d %H:%M} UTC, to the hour" if last else "none by a minted credential"
    changed = f"{counted.changed_at:%Y-%m-%d %H:%M} UTC" if counted.changed_at else "never"
    lines = [
        f"base URL      {told.base_url}" + ("" if told.on else "   (off: the connection has no scim)"),
        *(f"also          {one}" for one in told.further),
        f"token URL     {told.token_url}",
        f"users         {counted.users}",
        f"groups        {counted.groups}",
        f"last change   {changed}",
        f"last request  {asked}",
        f"due           {counted.due}",
        f"refused       {refused or 'nobody'}",
        *(f"credential    {one}" for one in held or ["none: federation scim token create makes one"]),
    ]
    return "\n".join(lines)


def _last(told: ProvisioningView) -> datetime | None:
    """Return when a minted credential was used last; noted once an hour."""
    return max((one.last_used_at for one in told.credentials if one.last_used_at), default=None)
