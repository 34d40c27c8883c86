"""What `federation policy try` and `federation policy diff` do; see ``records.what_if``."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from federation import keys
from federation.configuration.sources import read_yaml
from federation.connection import policies
from federation.connection.policies import Terms
from federation.errors import ConfigurationError
from federation.operator import with_kept
from federation.records import in_force as policy_in_force
from federation.records import what_if
from federation.records.what_if import Report
from federation.settings import Settings, load
from federation.store.store import open_store

_WHOLE = frozenset({"base_url", "connections"})  # either makes it a settings file


async def in_force(config: Settings, *, now: datetime) -> Terms:
    """Return what a settings file decides by, and what the database declares beside it.

    Raises:
        ConfigurationError: ``keys.*``, ``registry.*``, ``store.*``.
    """
    return terms_of((await with_kept.read(config, now=now)).config)


def terms_of(config: Settings) -> Terms:
    """Return what settings decide by."""
    return Terms(
        connections=config.connections, organizations=config.organizations, system_roles=config.system_roles
    )


def edited(config: Settings, terms: Terms, file: Path, connection: str | None) -> Terms:
    """Read edited rules.

    Args:
        config: The settings in force.
        terms: As ``in_force`` told.
        file: A whole settings file, or connections with keys of their policy, or, with a
            connection named, its keys alone.
        connection: Whose keys they are; None where the file says so.

    Raises:
        ConfigurationError: ``policy.edited``, ``policy.no_connection``; what ``settings`` raises.
    """
    told = read_yaml(file)
    if told.keys() & _WHOLE:
        return _instead(config, terms, load(config.file, document=told))
    known = terms.connections
    if connection is not None and told.keys() <= policies.KEYS:
        told = {connection: told}
    for name, one in told.items():
        if name not in known:
            raise ConfigurationError(
                "policy.no_connection",
                f"{file}: {name!r} is neither a connection ({', '.join(known)}) nor, with --connection, "
                "a key of a policy",
            )
        if not isinstance(one, Mapping):
            raise ConfigurationError("policy.edited", f"{file}: {name}: expected keys with values")
        terms = terms.with_connection(policies.edit(known[name], one))
    return terms


def _instead(config: Settings, terms: Terms, edited: Settings) -> Terms:
    """Return the terms with another settings file in place of this one: the database's stay beside it."""
    of_store = {name: one for name, one in terms.connections.items() if name not in config.connections}
    theirs = {name: one for name, one in terms.organizations.items() if name not in config.organizations}
    told = terms_of(edited)
    return Terms(
        connections={**of_store, **told.connections},
        organizations={**theirs, **told.organizations},
        system_roles=told.system_roles,
    )


async def try_policy(
    config: Settings,
    before: Terms,
    after: Terms,
    *,
    connection: str | None,
    days: int,
    now: datetime,
    progress: Callable[[int], None],
) -> Report:
    """Hold recent sign-ins against an edited policy.

    Args:
        config: The settings in force.
        before: As ``in_force`` told.
        after: As ``edited`` read it.
        connection: None: every one whose policy differs.
        days: How far back.
        now: UTC.
        progress: Told how many people were tried, now and then.

    Raises:
        ConfigurationError: ``policy.no_connection``; ``keys.*``, ``store.*``.
    """
    if connection is not None and connection not in before.connections:
        raise ConfigurationError(
            "policy.no_connection", f"no connection {connection!r}: {', '.join(before.connections)}"
        )
    return await _report(config, before, after, connection, now - timedelta(days=days), now, progress)


async def _report(
    config: Settings,
    before: Terms,
    after: Terms,
    connection: str | None,
    since: datetime,
    now: datetime,
    progress: Callable[[int], None],
) -> Report:
    vault = keys.open_vault([one.file for one in config.encryption_keys])
    store = await open_store(config.database_url.get_secret_value())
    told = Report()
    try:
        async for told in what_if.report(
            store, vault, before, after, connection=connection, since=since, now=now, limit=None
        ):
            progress(told.tried)
    finally:
        await store.close()
    return told


async def diff(
    config: Settings, *, days: int, now: datetime, progress: Callable[[int], None]
) -> tuple[Report, Mapping[str, Any]]:
    """Hold recent sign-ins against the settings, under what the service last started with.

    Returns:
        The report; and which connections changed, since when the other policy is in force, and
        which the service has not started with yet.

    Raises:
        ConfigurationError: ``policy.edited``, ``keys.*``, ``store.*``.
    """
    after = await in_force(config, now=now)
    store = await open_store(config.database_url.get_secret_value())
    try:
        kept = await store.policies()
    finally:
        await store.close()
    stood, fresh = policy_in_force.before(after, kept)
    changed = what_if.edited_connections(stood, after)
    told = await _report(config, stood, after, None, now - timedelta(days=days), now, progress)
    since = {one.connection: one.since.isoformat(timespec="seconds") for one in kept}
    return told, {"policies_changed": {name: since[name] for name in changed}, "policies_new": list(fresh)}
