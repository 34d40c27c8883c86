"""What `federation connection add`, `show` and `remove` do: connections of the database, by an operator."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from federation.administration import connections
from federation.administration.connection_views import ConnectionView
from federation.configuration.sources import read_yaml
from federation.errors import ConfigurationError, NotFound
from federation.operator.at_desk import at_desk
from federation.settings import Settings
from federation.store.people_values import Ended


async def add(
    config: Settings,
    name: str,
    file: Path,
    *,
    organization: str,
    secrets: Mapping[str, Path],
    enable: bool,
    now: datetime,
) -> ConnectionView:
    """Make a connection of what a file says, in the keys of the settings file.

    Args:
        config: The settings.
        name: Its id.
        file: YAML or JSON.
        organization: Whose.
        secrets: Dotted keys → files that hold them.
        enable: Let people in by it, without a test.
        now: UTC, aware.

    Raises:
        FieldsRefused: ``admin.invalid``.
        NotFound: ``admin.not_yours``: no such organization.
        ConfigurationError: ``settings.*`` of the file; ``settings.secrets``; ``keys.*``, ``store.*``.
    """
    body = read_yaml(file)
    told = {key: _secret(key, where) for key, where in secrets.items()}
    async with at_desk(config, now=now) as desk:
        view = await connections.create(desk, name, organization=organization, body=body)
        for key, value in told.items():
            view = await connections.set_secret(desk, name, key, value)
        return await connections.enable(desk, name) if enable else view


async def find(config: Settings, name: str, *, now: datetime) -> ConnectionView:
    """Return one, of the file or of the database.

    Raises:
        NotFound: ``admin.not_yours``.
        ConfigurationError: ``keys.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        return await connections.find(desk, name)


async def remove(config: Settings, name: str, typed: str, *, force: bool, now: datetime) -> int:
    """Delete one of the database; return how many sessions ended. Raises as ``connections.delete``."""
    async with at_desk(config, now=now) as desk:
        return await connections.delete(desk, name, typed, force=force)


async def switch(config: Settings, name: str, *, on: bool, force: bool, now: datetime) -> Ended | None:
    """Switch one of the database on or off; None where there is none.

    Raises:
        FieldsRefused: ``admin.invalid``: keys are missing.
        LastAdministrator: ``admin.last_administrator``; ``force`` does it all the same.
        ConfigurationError: ``keys.*``, ``store.*``.
    """
    async with at_desk(config, now=now) as desk:
        try:
            before = (await connections.find(desk, name)).enabled
        except NotFound:
            return None
        if on:
            await connections.enable(desk, name)
        ended = 0 if on else await connections.disable(desk, name, force=force)
        return Ended(changed=before is not on, sessions=ended)


def _secret(key: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError("settings.secrets", f"the file of {key} cannot be read ({why})") from None
