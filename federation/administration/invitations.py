"""Invitations by e-mail address: made, mailed, listed, taken back."""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from federation.administration import administrators, people, places
from federation.administration.desk import Desk
from federation.administration.paging import Page, read_cursor, write_cursor
from federation.configuration.faults import Fault
from federation.connection import Organization
from federation.errors import ChangeConflicts, ConfigurationError, FieldsRefused, NotFound
from federation.identity import parse_email
from federation.outbound import mail
from federation.settings import Settings
from federation.store.people_values import Invitation
from federation.store.rows import new_id
from federation.store.store import Store
from federation.vault import hash_token

LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Invited:
    """A new invitation, and its link, which is told once."""

    invitation: Invitation
    link: str = field(repr=False)
    mailed: bool
    trouble: str = ""  # why it was not mailed, though it should have been


async def invite(
    desk: Desk, email: str, *, organization: str, roles: tuple[str, ...], teams: tuple[str, ...], days: int
) -> Invited:
    """Invite whoever has an address, and mail the link where ``smtp`` is configured.

    Args:
        desk: By whom.
        email: One plain address.
        organization: Into which.
        roles: What they are granted.
        teams: Keys of teams that they join.
        days: Until it ends; at most 90.

    Raises:
        ChangeConflicts: ``admin.member``: a member has the address already.
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = places.organization(desk, "people:write", organization)
    address = await _plain(desk, tenant, organization, email, teams, days)
    invitation = Invitation(
        id=new_id(desk.now),
        organization=organization,
        email=address,
        roles=tuple(dict.fromkeys(map(people.role_name, roles))),
        teams=tuple(dict.fromkeys(teams)),
        created_at=desk.now,
        expires_at=desk.now + timedelta(days=days),
    )
    administrators.demand_for_roles(desk, organization, invitation.roles)
    await administrators.demand_for_teams(desk, organization, invitation.teams)
    token = secrets.token_urlsafe(32)
    store = desk.audited(
        "invitation.create",
        "invitation",
        invitation.id,
        organization=organization,
        after={
            "roles": invitation.roles,
            "teams": invitation.teams,
            "until": invitation.expires_at.isoformat(),
        },
    )
    if not await store.invite(hash_token(token), invitation):
        raise ChangeConflicts("admin.member", "a member of the organization has this address already")
    return await deliver(desk.settings, tenant, invitation, token)


async def _plain(
    desk: Desk, tenant: Organization, organization: str, email: str, teams: tuple[str, ...], days: int
) -> str:
    """Return the address.

    Raises:
        FieldsRefused: ``admin.invalid``, with every fault.
    """
    address = parse_email(email.strip())
    faults: list[Fault] = []
    if address is None:
        faults.append((("email",), "expected one plain e-mail address"))
    if not 1 <= days <= LONGEST.days:
        faults.append((("days",), f"expected 1 to {LONGEST.days}"))
    if await unknown_teams(desk.store, organization, tenant, teams):
        faults.append((("teams",), "expected keys of teams that there are"))
    if address is None or faults:
        raise FieldsRefused("admin.invalid", "nobody can be invited so", faults=faults)
    return address


async def unknown_teams(
    store: Store, organization: str, tenant: Organization, teams: tuple[str, ...]
) -> frozenset[str]:
    """Return those of these keys that no team has, declared or of the store."""
    missing = frozenset(teams) - frozenset(tenant.teams)
    return missing - await store.team_keys(organization, tuple(sorted(missing))) if missing else missing


async def deliver(config: Settings, tenant: Organization, invitation: Invitation, token: str) -> Invited:
    """Mail the link of a new invitation, where mail is configured; it counts whether or not that went."""
    link = f"{config.base_url}/invitation/{token}"
    if config.smtp is None:
        return Invited(invitation=invitation, link=link, mailed=False)
    text = _LETTER.format(name=tenant.name, link=link, until=f"{invitation.expires_at:%d %B %Y, %H:%M}")
    try:
        await asyncio.to_thread(
            mail.send,
            config.smtp,
            config.outbound.ca_bundle,
            to=invitation.email,
            subject=f"You are invited to {tenant.name}",
            text=text,
        )
    except ConfigurationError as refusal:
        return Invited(invitation=invitation, link=link, mailed=False, trouble=refusal.detail)
    return Invited(invitation=invitation, link=link, mailed=True)


_LETTER: Final = """\
You are invited to sign in at {name}.

Open this link and sign in with the account that has this e-mail address:

{link}

It can be used once, until {until} UTC. Do not pass it on: it is for you.
"""


async def list_invitations(
    desk: Desk, organization: str, *, cursor: str | None, limit: int, search: str = ""
) -> Page[Invitation]:
    """Return those that may still be used, newest first.

    Args:
        desk: Who asks.
        organization: Whose.
        cursor: Of the page before, or None.
        limit: 1 to 200.
        search: Part of an address, in any case; "" for all.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "people:read", organization)
    place = read_cursor(cursor, str)
    after = str(place[0]) if place else ""
    wanted = search.strip()
    found, further = await desk.store.list_invitations(organization, after, limit, desk.now, wanted)
    return Page(items=found, next=write_cursor((further,)) if further else None)


async def revoke(desk: Desk, organization: str, invitation: str) -> None:
    """Take an open invitation back.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "people:write", organization)
    store = desk.audited("invitation.revoke", "invitation", invitation, organization=organization)
    if not await store.revoke_invitation(organization, invitation, desk.now):
        raise NotFound("admin.unknown", "there is no such open invitation")
