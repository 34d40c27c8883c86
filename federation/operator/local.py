"""What `federation local …` does: people who sign in with a password, made and helped by an operator.

No password is ever an argument: a link lets its owner choose it, or it is read from standard input.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from federation import passwords
from federation.connection import LocalConnection
from federation.decision import MANUAL
from federation.errors import ConfigurationError, RequestRefused
from federation.identity import Grant, parse_email
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.local_values import LocalAccount, LocalNewcomer
from federation.store.store import Store, open_store
from federation.vault import hash_token

LINK_LIFE: Final = timedelta(hours=24)
WHY: Final = "local add"


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Which account a command is about."""

    connection: LocalConnection
    address: str


@asynccontextmanager
async def opened(config: Settings) -> AsyncIterator[Store]:
    """Open the store, and close it again.

    Raises:
        ConfigurationError: ``store.*``.
    """
    store = await open_store(config.database_url.get_secret_value())
    try:
        yield store
    finally:
        await store.close()


def connection_of(config: Settings, organization: str) -> LocalConnection:
    """Return the organization's connection of local accounts.

    Raises:
        ConfigurationError: ``account.connection``: it has none, or several.
    """
    found = [
        one
        for one in config.connections.values()
        if isinstance(one, LocalConnection) and one.organization == organization
    ]
    if len(found) != 1:
        known = {one.organization for one in config.connections.values() if isinstance(one, LocalConnection)}
        raise ConfigurationError(
            "account.connection",
            f"{organization} has {len(found) or 'no'} connections with protocol: local; expected one"
            f" (organizations that have: {', '.join(sorted(known)) or 'none'}); see docs/local.md",
        )
    return found[0]


def whose(config: Settings, organization: str, email: str) -> Whose:
    """Return which account is meant.

    Raises:
        ConfigurationError: ``account.connection``; ``account.address``: it is no e-mail address.
    """
    connection = connection_of(config, organization)
    if (address := parse_email(email.strip())) is None:
        raise ConfigurationError(
            "account.address", "expected one plain e-mail address, such as zoe@acme.example"
        )
    return Whose(connection=connection, address=address)


async def add(
    config: Settings, who: Whose, roles: tuple[str, ...], *, name: str, join: bool, now: datetime
) -> str:
    """Make an account; return the link by which its owner chooses the password.

    Args:
        config: The settings.
        who: Of whom.
        roles: Given by hand, beside what the connection's rules give.
        name: As pages show it; "" for none.
        join: The user who has this address already is meant.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``account.exists``, ``account.taken``, ``account.nobody``; ``store.*``.
    """
    async with opened(config) as store:
        holders = await store.holders(who.connection.organization, who.address)
        if holders and not join:
            raise ConfigurationError(
                "account.taken",
                f"a user of {who.connection.organization} has this address already ({', '.join(holders)});"
                " say --join if it is the same person",
            )
        if join and len(holders) != 1:
            raise ConfigurationError(
                "account.nobody", f"{len(holders)} users have this address; expected one"
            )
        newcomer = LocalNewcomer(
            organization=who.connection.organization,
            connection=who.connection.id,
            email=who.address,
            display_name=name.strip(),
            user_id="".join(holders),
            source=MANUAL,
            grants=tuple(Grant(role, MANUAL, WHY) for role in dict.fromkeys(roles)),
        )
        told = _audited(store, "create", who, holders, now, after={"roles": list(dict.fromkeys(roles))})
        if not await told.add_local(newcomer, now):
            raise ConfigurationError(
                "account.exists", "this address has an account; see `federation local reset`"
            )
        return await _link(config, store, who, now)


async def reset(config: Settings, who: Whose, *, now: datetime) -> str:
    """Return a new link; the password stays until it is used.

    Raises:
        ConfigurationError: ``account.unknown``; ``store.*``.
    """
    async with opened(config) as store:
        told = _audited(store, "reset", who, await _holders(store, who), now)
        return await _link(config, told, who, now)


async def _holders(store: Store, who: Whose) -> tuple[str, ...]:
    return await store.holders(who.connection.organization, who.address)


def _audited(
    store: Store,
    word: str,
    who: Whose,
    users: tuple[str, ...],
    now: datetime,
    after: Mapping[str, object] | None = None,
) -> Store:
    """Told by the user's id, and by their connection as long as they are none; never by the address."""
    name = users[0] if len(users) == 1 else who.connection.id
    whose = who.connection.organization
    return audited(store, f"local_account.{word}", name, organization=whose, now=now, after=after)


async def _link(config: Settings, store: Store, who: Whose, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    until = now + LINK_LIFE
    if not await store.set_local_link(who.connection.id, who.address, hash_token(token), until):
        raise _unknown()
    return f"{config.base_url}/local/{who.connection.id}/password/{token}"


async def set_password(config: Settings, who: Whose, typed: str, *, now: datetime) -> int:
    """Set a password here; return how many sessions of the old one ended.

    Raises:
        ConfigurationError: ``account.unknown``, ``account.password``: it may not be chosen; ``store.*``.
    """
    try:
        password = passwords.choose(typed, who.address)
    except RequestRefused as refusal:
        raise ConfigurationError("account.password", f"{refusal.detail} ({refusal.code})") from None
    kept = passwords.hash_password(password)
    async with opened(config) as store:
        told = _audited(store, "set_password", who, await _holders(store, who), now)
        ended = await told.set_local_password(who.connection.id, who.address, kept, now)
    if ended is None:
        raise _unknown()
    return ended


async def unlock(config: Settings, who: Whose, *, now: datetime) -> bool:
    """Forget failed tries; False where there were none."""
    async with opened(config) as store:
        told = _audited(store, "unlock", who, await _holders(store, who), now)
        return await told.unlock_local(who.connection.id, who.address)


async def remove(config: Settings, who: Whose, *, now: datetime) -> int:
    """Remove an account; return how many of its sessions ended.

    Raises:
        ConfigurationError: ``account.unknown``; ``store.*``.
    """
    async with opened(config) as store:
        told = _audited(store, "delete", who, await _holders(store, who), now)
        ended = await told.remove_local(who.connection.id, who.address, now)
    if ended is None:
        raise _unknown()
    return ended


async def every(config: Settings, organization: str, *, now: datetime) -> tuple[LocalAccount, ...]:
    """Return the organization's accounts, by address.

    Raises:
        ConfigurationError: ``account.connection``; ``store.*``.
    """
    connection = connection_of(config, organization)
    async with opened(config) as store:
        return await store.local_accounts(connection.id, now)


def line(one: LocalAccount, organization: str) -> str:
    """Return an account of an organization's connection as one line."""
    state = f"password of {one.password_at:%Y-%m-%d}" if one.password_at else "no password yet"
    if one.organization != organization:
        state = f"of {one.organization}: opens nothing, and may be removed"
    lock = f", locked until {one.locked_until:%H:%M} UTC" if one.locked_until else ""
    return f"{one.email}  {state}{lock}  {one.id}"


def as_json(one: LocalAccount) -> dict[str, Any]:
    """Return an account as plain data; nothing of its password."""
    times = {"password_at": one.password_at, "link_until": one.link_until, "locked_until": one.locked_until}
    return {
        "id": one.id,
        "organization": one.organization,
        "connection": one.connection,
        "email": one.email,
        "display_name": one.display_name,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def _unknown() -> ConfigurationError:
    return ConfigurationError(
        "account.unknown", "nobody has an account with this address; see `federation local list`"
    )
