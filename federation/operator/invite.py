"""What `federation invite` and `federation invitation` do: invite people, list them, take it back."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from federation.administration import invitations
from federation.administration.invitations import LONGEST
from federation.connection import Organization
from federation.errors import ConfigurationError
from federation.identity import parse_email
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.people_values import Invitation
from federation.store.rows import new_id
from federation.store.store import Store, open_store
from federation.vault import hash_token


@dataclass(frozen=True, kw_only=True)
class Invited:
    """A new invitation, and its link, which is told once."""

    invitation: Invitation
    link: str = field(repr=False)
    mailed: bool
    trouble: str = ""  # why it was not mailed, though it should have been

    @property
    def said(self) -> str:
        one = self.invitation
        until = f"{one.expires_at:%Y-%m-%d %H:%M} UTC"
        told = "mailed to them" if self.mailed else "give them this link"
        lines = [f"{one.email} is invited to {one.organization} until {until}, once; {told}:", self.link]
        return "\n".join([*lines, *([f"not mailed: {self.trouble}"] if self.trouble else [])])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**as_json(self.invitation), "link": self.link, "mailed": self.mailed}


async def invite(
    config: Settings,
    email: str,
    *,
    organization: str,
    roles: tuple[str, ...],
    teams: tuple[str, ...],
    expires: timedelta,
    now: datetime,
) -> Invited:
    """Invite whoever has an address, and mail the link where ``smtp`` is configured.

    Args:
        config: The settings.
        email: One plain address.
        organization: Its id.
        roles: What they are granted.
        teams: Keys of teams that they join.
        expires: From now; at most 90 days.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``person.organization``, ``person.email``, ``person.team``,
            ``person.expires``, ``person.member``; ``store.*``.
    """
    address, tenant = plain_address(email), known(config, organization)
    if not timedelta(0) < expires <= LONGEST:
        raise ConfigurationError("person.expires", f"expected at most {LONGEST.days}d")
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        id=new_id(now),
        organization=organization,
        email=address,
        roles=tuple(dict.fromkeys(roles)),
        teams=tuple(dict.fromkeys(teams)),
        created_at=now,
        expires_at=now + expires,
    )
    async with opened(config) as store:
        await _known_teams(store, organization, tenant, invitation.teams)
        gives = {"roles": list(invitation.roles), "teams": list(invitation.teams)}
        told = audited(
            store, "invitation.create", invitation.id, organization=organization, now=now, after=gives
        )
        if not await told.invite(hash_token(token), invitation):
            raise ConfigurationError(
                "person.member",
                f"a member of {organization} has this address already; `federation person grant` gives roles",
            )
    sent = await invitations.deliver(config, tenant, invitation, token)
    return Invited(invitation=invitation, link=sent.link, mailed=sent.mailed, trouble=sent.trouble)


async def every(config: Settings, organization: str, *, now: datetime) -> tuple[Invitation, ...]:
    """Return the invitations of an organization that have not expired, newest first.

    Raises:
        ConfigurationError: ``person.organization``; ``store.*``.
    """
    known(config, organization)
    async with opened(config) as store:
        return await store.invitations(organization, now)


async def revoke(config: Settings, organization: str, identifier: str, *, now: datetime) -> None:
    """Take an open invitation back.

    Raises:
        ConfigurationError: ``person.organization``, ``person.invitation``; ``store.*``.
    """
    known(config, organization)
    async with opened(config) as store:
        told = audited(store, "invitation.revoke", identifier, organization=organization, now=now)
        if not await told.revoke_invitation(organization, identifier, now):
            raise ConfigurationError(
                "person.invitation",
                f"{organization} has no open invitation of this id; `federation invitation list` shows them",
            )


def as_json(one: Invitation) -> dict[str, Any]:
    """Return an invitation as plain data."""
    return {
        "id": one.id,
        "organization": one.organization,
        "email": one.email,
        "roles": list(one.roles),
        "teams": list(one.teams),
        "created_at": one.created_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "used_at": None if one.used_at is None else one.used_at.isoformat(),
        "user": one.user_id or None,
    }


def line(one: Invitation) -> str:
    """Return an invitation as one line."""
    state = (
        f"used {one.used_at:%Y-%m-%d}" if one.used_at else f"open until {one.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    gives = ", ".join([*one.roles, *(f"team {key}" for key in one.teams)]) or "no role"
    return f"{one.id}  {one.email}  {state}  {gives}"


def known(config: Settings, organization: str) -> Organization:
    """Return an organization.

    Raises:
        ConfigurationError: ``person.organization``.
    """
    if (found := config.organizations.get(organization)) is None:
        ids = ", ".join(config.organizations) or "none"
        raise ConfigurationError("person.organization", f"no organization has this id (known: {ids})")
    return found


def plain_address(email: str) -> str:
    """Return one plain address, its domain lower-cased.

    Raises:
        ConfigurationError: ``person.email``.
    """
    if (address := parse_email(email.strip())) is None:
        raise ConfigurationError("person.email", "expected one plain ASCII e-mail address")
    return address


async def _known_teams(store: Store, organization: str, tenant: Organization, teams: tuple[str, ...]) -> None:
    if missing := await invitations.unknown_teams(store, organization, tenant, teams):
        raise ConfigurationError("person.team", f"no team of {organization} has the key {min(missing)}")


@asynccontextmanager
async def opened(config: Settings) -> AsyncIterator[Store]:
    """Open the store, and close it again."""
    store = await open_store(config.database_url.get_secret_value())
    try:
        yield store
    finally:
        await store.close()
