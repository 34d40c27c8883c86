"""Bearer tokens of the administration's API: only a hash is kept, and nothing is remembered beside it.

Every request reads the row by the hash, so that what is revoked or over is refused by the next
one on any node.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.store import api_tokens_sql, rows
from federation.store.rows import Row, Steps, micros, storable

_BEHIND_ALL: Final = "g"  # every id is hexadecimal


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    """A token, but for the token."""

    id: str
    organization: str  # "": of the whole installation
    name: str
    scopes: frozenset[str]
    created_at: datetime
    created_by: str  # kind and id of the actor: "user:019…"
    expires_at: datetime
    last_used_at: datetime | None = None  # to the minute
    revoked_at: datetime | None = None


def keep(token_hash: bytes, token: ApiToken) -> Steps[bool]:
    """One INSERT."""
    told: Mapping[str, object] = {
        "id": token.id,
        "token_hash": token_hash,
        "organization_id": token.organization,
        "name": storable(token.name),
        "scopes": json.dumps(sorted(token.scopes)),
        "created_at": micros(token.created_at),
        "created_by": token.created_by,
        "expires_at": micros(token.expires_at),
    }
    return bool((yield api_tokens_sql.KEEP, told))


def find(token_hash: bytes, now: datetime) -> Steps[ApiToken | None]:
    """One read by a unique key."""
    found = yield api_tokens_sql.FIND, {"token_hash": token_hash, "now": micros(now)}
    return _token(found[0]) if found else None


def by_id(identifier: str) -> Steps[ApiToken | None]:
    """One read by primary key; also one that is over."""
    found = yield api_tokens_sql.FIND_BY_ID, {"id": storable(identifier)}
    return _token(found[0]) if found else None


def touch(identifier: str, now: datetime) -> Steps[None]:
    """Note a use, unless that was done within the minute."""
    told = {"id": identifier, "now": micros(now), "seen_before": micros(now - rows.TOUCH)}
    yield api_tokens_sql.TOUCH, told


def every(organization: str | None, before: str | None, limit: int) -> Steps[tuple[ApiToken, ...]]:
    """Newest first."""
    told = {"before": before or _BEHIND_ALL, "batch": limit}
    if organization is None:
        found = yield api_tokens_sql.LIST_EVERY, told
    else:
        found = yield api_tokens_sql.LIST, {**told, "organization_id": organization}
    return tuple(map(_token, found))


def revoke(organization: str, identifier: str, now: datetime) -> Steps[bool]:
    """One UPDATE decides."""
    told = {"organization_id": organization, "id": storable(identifier), "now": micros(now)}
    return bool((yield api_tokens_sql.REVOKE, told))


def _token(row: Row) -> ApiToken:
    return ApiToken(
        id=row[0],
        organization=row[1],
        name=row[2],
        scopes=frozenset(json.loads(row[3])),
        created_at=rows.moment(row[4]),
        created_by=row[5],
        expires_at=rows.moment(row[6]),
        last_used_at=None if row[7] is None else rows.moment(row[7]),
        revoked_at=None if row[8] is None else rows.moment(row[8]),
    )
