"""What `federation person deactivate|reactivate|remove` and `federation connection` do, in the store.

Sessions end on every node within a second. Tokens that they kept are given back to their
providers, as a sign-out does, where a connection says how; else they are gone with their row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from federation import app, clock, registry
from federation.administration.giving_back import give_back
from federation.connectors.contract import Revocation
from federation.connectors.oauth2 import OAuth2Connector
from federation.connectors.oidc import OidcConnector
from federation.decision import MANUAL
from federation.errors import ConfigurationError
from federation.fetch import Fetch, open_door
from federation.operator import connections
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.people_values import Ended, FoundUser, Remaining
from federation.store.store import Store, open_store
from federation.store.values import KeptTokensOf

Act = Literal["deactivate", "reactivate", "remove"]
_DONE: Mapping[Act, tuple[str, str]] = {
    "deactivate": ("deactivated", "was deactivated already"),
    "reactivate": ("reactivated", "was not deactivated by hand"),
    "remove": ("removed", "was no member"),
}


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a person's access."""

    act: Act
    user: FoundUser
    organization: str  # "" means every one
    ended: Ended
    revoked: int = 0  # tokens
    still: tuple[str, ...] = ()  # who else keeps them out

    @property
    def said(self) -> str:
        """Say it, a line for each thing that an operator may have to know."""
        where = self.organization or "every organization"
        whom = f"{self.user.email or 'the user without an address'} (user {self.user.user_id})"
        lines = [f"{where}: {whom} {_DONE[self.act][0 if self.ended.changed else 1]}"]
        if self.act != "reactivate":
            lines[0] += f"; sessions ended: {self.ended.sessions}, tokens revoked: {self.revoked}"
        lines += [f"{one} has no administrator now" for one in self.ended.last_administrator_of]
        if self.still:
            lines.append(f"still kept out by: {', '.join(self.still)}")
        if self.act == "remove":
            lines.append("whom a connection lets in comes back with their next sign-in; deactivate keeps out")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "act": self.act,
            "organization": self.organization,
            "user": self.user.user_id,
            "email": self.user.email,
            "changed": self.ended.changed,
            "sessions_ended": self.ended.sessions,
            "tokens_revoked": self.revoked,
            "without_administrator": list(self.ended.last_administrator_of),
            "still_kept_out_by": list(self.still),
        }


async def change(
    config: Settings,
    act: Act,
    who: str,
    organization: str,
    *,
    source: str = MANUAL,
    force: bool,
    now: datetime,
) -> Done:
    """Deactivate, reactivate or remove somebody.

    Args:
        config: The settings.
        act: Which of them.
        who: An address, or a user's id.
        organization: Where; "" means everywhere, and is not for ``remove``.
        source: Whose word it is; of ``remove`` whose grants and membership go, "" everybody's.
        force: Though it leaves an organization without an administrator.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``person.organization``, ``person.unknown``, ``person.several``,
            ``person.last_administrator``; ``store.*``.
    """
    if organization and organization not in config.organizations:
        raise ConfigurationError("person.organization", f"there is no organization {organization!r}")
    store = await open_store(config.database_url.get_secret_value())
    try:
        user = await _one(store, who, organization)
        by = {"source": source} if source else {}
        if act == "reactivate":
            told = audited(
                store, "person.reactivate", user.user_id, organization=organization, now=now, before=by
            )
            changed, still = await told.reactivate(user.user_id, organization, source=source)
            return Done(
                act=act, user=user, organization=organization, ended=Ended(changed=changed), still=still
            )
        told = audited(store, f"person.{act}", user.user_id, organization=organization, now=now, after=by)
        verb = told.deactivate if act == "deactivate" else told.remove_membership
        ended = await verb(
            user.user_id,
            organization,
            source=source,
            administrators=config.organizations,
            force=force,
            now=now,
        )
    finally:
        await store.close()
    if ended.last_administrator_of and not force:
        raise ConfigurationError(
            "person.last_administrator",
            f"nothing was done: nobody else is an administrator of {', '.join(ended.last_administrator_of)}; "
            "make somebody one first, or say --force",
        )
    revoked = await revoke(config, ended.tokens) if ended.tokens else 0
    return Done(act=act, user=user, organization=organization, ended=ended, revoked=revoked)


async def _one(store: Store, who: str, organization: str) -> FoundUser:
    found = await store.find_users(who, organization)
    users = {one.user_id: one for one in found}
    if not users:
        raise ConfigurationError(
            "person.unknown",
            f"nobody {f'in {organization} ' if organization else ''}has the address or id {who!r}",
        )
    if len(users) > 1:
        each = ", ".join(f"{one.user_id} ({one.organization})" for one in found)
        raise ConfigurationError(
            "person.several", f"several users have {who!r}; say which, by its id: {each}"
        )
    return next(iter(users.values()))


async def revoke(config: Settings, kept: Iterable[KeptTokensOf]) -> int:
    """Give tokens back, and return how many; what cannot be is dropped, and expires at its provider."""
    held, vault = app.open_keys(config, now=clock.now)
    own = registry.own_keys(held)
    fetch = open_door(config)
    try:
        return await give_back(kept, lambda one: _revocation(config, one, own, fetch), vault, clock.now())
    finally:
        await fetch.close()


def _revocation(config: Settings, kept: KeptTokensOf, own: registry.Own, fetch: Fetch) -> Revocation | None:
    connection = config.connections.get(kept.connection)
    if connection is None or connection.organization != kept.organization:
        return None
    entry = registry.compile_one(
        connection, config.base_url, development=config.development, own=own, now=clock.now()
    )
    if isinstance(entry, registry.Oidc):
        return OidcConnector(entry, fetch).revocation
    return OAuth2Connector(entry, fetch).revocation if isinstance(entry, registry.OAuth2) else None


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One connection, and whether anybody comes in by it."""

    connection: str
    organization: str  # "" where the settings do not know it (any more)
    protocol: str
    declared: bool
    enabled: bool  # in the settings
    off_since: datetime | None  # in the store, on all nodes
    sessions: int

    @property
    def said(self) -> str:
        state = "on"
        if not self.declared:
            state = "not in the settings"
        elif not self.enabled:
            state = "off (settings)"
        if self.off_since is not None:
            state = f"switched off since {self.off_since:%Y-%m-%dT%H:%M:%SZ}"
        what = f"{self.connection:<24} {self.protocol:<7} {self.organization:<16}"
        return f"{what} {state}, sessions: {self.sessions}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "connection": self.connection,
            "organization": self.organization,
            "protocol": self.protocol,
            "declared": self.declared,
            "enabled": self.enabled,
            "off_since": self.off_since.isoformat() if self.off_since else None,
            "sessions": self.sessions,
        }


async def switches(config: Settings, *, now: datetime) -> tuple[Switch, ...]:
    """Return every connection of the settings, and those of which something is left in the store.

    Raises:
        ConfigurationError: ``store.*``.
    """
    store = await open_store(config.database_url.get_secret_value())
    try:
        off, counted = await store.switched_off(), await store.count_sessions(now)
    finally:
        await store.close()
    names = [*config.connections, *sorted({*off, *counted} - {*config.connections})]
    declared = {name: config.connections.get(name) for name in names}
    return tuple(
        Switch(
            connection=name,
            organization=one.organization if one else "",
            protocol=one.protocol if one else "",
            declared=one is not None,
            enabled=one is not None and one.enabled,
            off_since=off.get(name),
            sessions=counted.get(name, 0),
        )
        for name, one in declared.items()
    )


async def switch(config: Settings, name: str, *, on: bool, force: bool, now: datetime) -> Ended:
    """Switch a connection off or on, on all nodes.

    Args:
        config: The settings.
        name: Its id.
        on: Which of both.
        force: Off, though nobody who administers could come in any more.
        now: UTC, aware.

    Raises:
        LastAdministrator, PolicyRefused: ``admin.last_administrator``, ``policy.last_administrator``.
        ConfigurationError: ``registry.no_connection``; ``store.*``.
    """
    if name not in config.connections:
        done = await connections.switch(config, name, on=on, force=force, now=now)
        if done is not None:
            return done
    store = await open_store(config.database_url.get_secret_value())
    try:
        if name not in config.connections and name not in {
            *await store.switched_off(),
            *await store.count_sessions(now),
        }:
            raise ConfigurationError("registry.no_connection", f"there is no connection {name!r}")
        declared = config.connections.get(name)
        told = audited(
            store,
            "connection.enable" if on else "connection.disable",
            name,
            organization=declared.organization if declared else "",
            now=now,
        )
        if on:
            return Ended(changed=await told.switch_on(name))
        return await told.switch_off(name, now, await _remaining(config, store, name, force=force))
    finally:
        await store.close()


async def _remaining(config: Settings, store: Store, name: str, *, force: bool) -> Remaining:
    """Return who must be left. Of one that nobody declares any more nothing is asked: nobody comes by it."""
    declared = config.connections.get(name)
    whose = declared.organization if declared else ""
    tenant = config.organizations.get(whose)
    kept = (await store.declared_since(0)).connections
    ways = {one.id for one in config.connections.values() if one.organization == whose and one.enabled}
    ways |= {one.id for one in kept if one.organization == whose and one.enabled and not one.deleted}
    return Remaining(
        organization=whose,
        administrators=tenant.administrators_roles if tenant else frozenset(),
        administrator_teams=tenant.administrators_teams if tenant else frozenset(),
        ways=tuple(sorted(ways - {name})),
        in_use=name in ways,
        force=force,
    )
