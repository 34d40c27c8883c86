"""Bearer tokens of the API: an organization's, or the whole installation's; never a person's.

Who made one may stop being an administrator: the token stays their organization's until somebody
revokes it or it is over. What a token makes has no scope that it has not, and ends no later.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from federation.administration.actor import SCOPES, Actor, Scope
from federation.administration.desk import Desk
from federation.administration.paging import Page, cut, read_cursor
from federation.errors import FieldsRefused, NotAllowed, NotFound
from federation.store.api_tokens import ApiToken
from federation.store.rows import new_id
from federation.store.store import Store
from federation.vault import hash_token

PREFIX: Final = "fst_"  # by which scanners of leaked secrets know it
DAYS: Final = 90
LONGEST: Final = 365  # days
LONGEST_NAME: Final = 100
_WRITTEN: Final = re.compile(r"fst_[A-Za-z0-9_-]{43}")  # 256 bits in base64url


@dataclass(frozen=True, kw_only=True)
class TokenWanted:
    """A token to be made."""

    organization: str  # "": the whole installation's
    name: str  # for people
    scopes: frozenset[Scope]
    days: int | None  # until it ends; None: ``DAYS``, or as long as the token that makes it


@dataclass(frozen=True, kw_only=True)
class Made:
    """A token that was made; nobody can be shown ``secret`` again."""

    token: ApiToken
    secret: str = field(repr=False)


async def create(desk: Desk, wanted: TokenWanted) -> Made:
    """Make a token.

    Raises:
        NotAllowed: ``admin.scope``: more than whoever asks has.
        NotFound: ``admin.not_yours``, ``admin.unknown``: no such organization.
        FieldsRefused: ``admin.invalid``.
    """
    desk.demand("tokens:write", organization=wanted.organization or None)
    if wanted.organization and wanted.organization not in desk.roster.organizations:
        raise NotFound("admin.unknown", "there is no such organization")
    if faults := _faults(desk, wanted):
        raise FieldsRefused("admin.invalid", "no such token can be made", faults=faults)
    if not wanted.scopes <= desk.actor.scopes:
        raise NotAllowed("admin.scope", "a token cannot be given what whoever makes it does not have")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        id=new_id(desk.now),
        organization=wanted.organization,
        name=wanted.name,
        scopes=wanted.scopes,
        created_at=desk.now,
        created_by=f"{desk.actor.kind}:{desk.actor.id}".rstrip(":"),
        expires_at=_end(desk, wanted.days),
    )
    audited = desk.audited(
        "token.create", "token", token.id, organization=token.organization, after=_told(token)
    )
    await audited.keep_api_token(hash_token(secret), token)
    return Made(token=token, secret=secret)


def _faults(desk: Desk, wanted: TokenWanted) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    if not (wanted.name.strip() and wanted.name.isprintable() and len(wanted.name) <= LONGEST_NAME):
        found.append((("name",), f"expected a name for people, of at most {LONGEST_NAME} characters"))
    if not wanted.scopes or not wanted.scopes <= SCOPES:
        found.append((("scopes",), f"expected at least one of {', '.join(sorted(SCOPES))}"))
    if wanted.days is not None and not 1 <= wanted.days <= LONGEST:
        found.append((("days",), f"expected days from 1 to {LONGEST}"))
    elif wanted.days is not None and _end(desk, wanted.days) < desk.now + timedelta(days=wanted.days):
        found.append((("days",), "expected an end that is no later than that of the token which asks"))
    return found


def _end(desk: Desk, days: int | None) -> datetime:
    end = desk.now + timedelta(days=days if days is not None else DAYS)
    return end if desk.actor.ends_at is None else min(end, desk.actor.ends_at)


def _told(token: ApiToken) -> dict[str, object]:
    return {
        "name": token.name,
        "scopes": sorted(token.scopes),
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
    }


async def every(desk: Desk, *, organization: str | None, cursor: str | None, limit: int) -> Page[ApiToken]:
    """Return a page of tokens, newest first; also those that are over, as long as the audit log stands.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    whose = desk.narrow("tokens:write", organization)
    place = read_cursor(cursor, str)
    found = await desk.store.api_tokens(whose, str(place[0]) if place else None, limit + 1)
    return cut(found, limit, lambda one: (one.id,))


async def find(desk: Desk, identifier: str) -> ApiToken:
    """Return one.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
    """
    token = await desk.store.api_token(identifier)
    if token is None:
        desk.demand("tokens:write", organization=desk.actor.organization)
        raise NotFound("admin.unknown", "there is no such token")
    desk.demand("tokens:write", organization=token.organization or None)
    return token


async def revoke(desk: Desk, identifier: str) -> None:
    """Refuse a token from now on, on every node; one that is revoked already stays so.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
    """
    token = await find(desk, identifier)
    audited = desk.audited(
        "token.revoke", "token", token.id, organization=token.organization, before=_told(token)
    )
    await audited.revoke_api_token(token.organization, token.id, desk.now)


async def actor_of(store: Store, secret: str, *, now: datetime, address: str) -> Actor | None:
    """Return who a token stands for, None where it is none that counts now; its use is noted.

    Args:
        store: Read anew for every request.
        secret: As it was sent.
        now: UTC.
        address: Of the client.
    """
    if not _WRITTEN.fullmatch(secret):
        return None
    token = await store.find_api_token(hash_token(secret), now)
    if token is None:
        return None
    if is_touch_due(token, now):
        await store.touch_api_token(token.id, now)
    return Actor(
        kind="api_token",
        id=token.id,
        organization=token.organization or None,
        connection=None,
        scopes=frozenset(one for one in SCOPES if one in token.scopes),
        address=address,
        ends_at=token.expires_at,
    )


def is_touch_due(token: ApiToken, now: datetime) -> bool:
    """Tell whether this use is noted: at most one a minute is."""
    return token.last_used_at is None or now - token.last_used_at >= timedelta(minutes=1)
