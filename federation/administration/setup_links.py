"""Setup links: by one of these a customer's IT person, without an account here, sets one connection up.

Whoever holds the link is let in: it is sent to one person, ends by itself, is counted each time that it is
begun with, and revoked at any moment. What its holder may do stands in ``setup_limits``. Who made one may
stop being an administrator: the link stays their organization's.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from federation.administration.actor import ADMINISTRATORS, OF_SETUP, Actor, Scope
from federation.administration.desk import Desk
from federation.administration.paging import Page, cut, read_cursor
from federation.administration.setup_limits import demand_administrator
from federation.errors import ChangeConflicts, FieldsRefused, NotFound
from federation.roster.roster import Roster
from federation.store.audit import AuditEntry
from federation.store.rows import new_id
from federation.store.setup_links import SetupLink
from federation.store.store import Store
from federation.vault import hash_token

DAYS: Final = 7
LONGEST: Final = 30  # days
PATH: Final = "/setup"
KIND: Final = "setup_link"  # of their actors, and in the audit log
_WRITTEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url


@dataclass(frozen=True, kw_only=True)
class Made:
    """A link that was made; nobody can be shown ``url`` again."""

    link: SetupLink
    url: str = field(repr=False)


async def create(desk: Desk, connection: str, *, days: int | None, may_enable: bool) -> Made:
    """Make a link to set up one connection.

    Args:
        desk: By whom.
        connection: One that is edited here.
        days: Until it ends; None: ``DAYS``, or as long as the token that makes it.
        may_enable: Whether its holder may let people in, after a test that went through.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
        ChangeConflicts: ``admin.managed``: the settings file declares it.
        FieldsRefused: ``admin.invalid``.
    """
    organization = _whose(desk, connection, "connections:write")
    if connection in desk.roster.of_file:
        raise ChangeConflicts("admin.managed", "the settings file declares it: it is changed there")
    if (
        may_enable
    ):  # by it somebody is let in whom nobody here looked at, under rules that may change until then
        desk.actor.demand_administrators()
    end = desk.now + timedelta(days=days if days is not None else DAYS)
    last = desk.actor.ends_at
    if days is not None and not (1 <= days <= LONGEST and (last is None or end <= last)):
        told = f"expected days from 1 to {LONGEST}, and no later than the token which asks"
        raise FieldsRefused("admin.invalid", "no such link can be made", faults=[(("days",), told)])
    secret = secrets.token_urlsafe(32)
    link = SetupLink(
        id=new_id(desk.now),
        organization=organization,
        connection=connection,
        may_enable=may_enable,
        created_at=desk.now,
        created_by=f"{desk.actor.kind}:{desk.actor.id}".rstrip(":"),
        expires_at=end if last is None else min(end, last),
    )
    audited = desk.audited(
        "setup_link.create", "setup_link", link.id, organization=organization, after=_told(link)
    )
    if not await audited.keep_setup_link(hash_token(secret), link):
        raise NotFound("admin.unknown", "there is no such connection")
    return Made(link=link, url=f"{desk.settings.base_url}{PATH}/{secret}")


async def every(desk: Desk, connection: str, *, cursor: str | None, limit: int) -> Page[SetupLink]:
    """Return a page of a connection's links, newest first, those that are over too.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
        FieldsRefused: ``admin.invalid``: the cursor.
    """
    organization = _whose(desk, connection, "connections:read")
    place = read_cursor(cursor, str)
    found = await desk.store.setup_links(connection, str(place[0]) if place else None, limit + 1)
    page = cut(found, limit, lambda one: (one.id,))
    return Page(items=[one for one in page.items if one.organization == organization], next=page.next)


async def find(desk: Desk, identifier: str) -> SetupLink:
    """Return one. Raises as ``every``."""
    return await _find(desk, identifier, "connections:read")


async def revoke(desk: Desk, identifier: str) -> None:
    """Refuse a link from now on, on every node; one that is revoked already stays so. Raises as ``every``."""
    link = await _find(desk, identifier, "connections:write")
    audited = desk.audited(
        "setup_link.revoke", "setup_link", link.id, organization=link.organization, before=_told(link)
    )
    await audited.revoke_setup_link(link.organization, link.id, desk.now)


async def begin(store: Store, secret: str, *, now: datetime, address: str) -> SetupLink | None:
    """Count that a link is begun with; None where it opens nothing, whyever.

    Args:
        store: Read anew each time.
        secret: As the link has it.
        now: UTC.
        address: Of the client, for the audit log.
    """
    link = await _read(store, secret, now)
    if link is None:
        return None
    entry = AuditEntry(
        organization=link.organization,
        at=now,
        actor_kind="setup_link",
        actor=link.id,
        action="setup_link.use",
        kind="setup_link",
        name=link.id,
        after={"connection": link.connection},
        address=address,
    )
    return link if await store.audited(entry).use_setup_link(link.id, now) else None


async def open_link(
    store: Store, roster: Roster, secret: str, *, now: datetime, address: str
) -> Actor | None:
    """Return whom a link stands for, None where it opens nothing, whyever; nothing is counted.

    Args:
        store: Read anew for every request.
        roster: In force in this worker.
        secret: As the link has it.
        now: UTC.
        address: Of the client.
    """
    link = await _read(store, secret, now)
    if link is None or link.connection in roster.of_file or link.organization not in roster.organizations:
        return None
    return Actor(
        kind="setup_link",
        id=link.id,
        organization=link.organization,
        connection=link.connection,
        scopes=OF_SETUP | {ADMINISTRATORS} if link.may_enable else OF_SETUP,
        address=address,
        ends_at=link.expires_at,
        may_enable=link.may_enable,
    )


async def _read(store: Store, secret: str, now: datetime) -> SetupLink | None:
    return await store.find_setup_link(hash_token(secret), now) if _WRITTEN.fullmatch(secret) else None


def _whose(desk: Desk, connection: str, scope: Scope) -> str:
    """Return the organization of a connection that whoever asks may see."""
    one = desk.roster.kept.get(connection)
    declared = desk.roster.connections.get(connection)
    organization = one.row.organization if one else declared.organization if declared else None
    if organization is None:
        desk.demand(scope, organization=desk.actor.organization)
        raise NotFound("admin.unknown", "there is no such connection")
    desk.demand(scope, organization=organization, connection=connection)
    demand_administrator(desk.actor)
    return organization


async def _find(desk: Desk, identifier: str, scope: Scope) -> SetupLink:
    link = await desk.store.setup_link(identifier)
    if link is None:
        desk.demand(scope, organization=desk.actor.organization)
        raise NotFound("admin.unknown", "there is no such link")
    desk.demand(scope, organization=link.organization, connection=link.connection)
    demand_administrator(desk.actor)
    return link


def _told(link: SetupLink) -> dict[str, object]:
    return {
        "connection": link.connection,
        "may_enable": link.may_enable,
        "expires_at": link.expires_at.isoformat(timespec="seconds"),
    }
