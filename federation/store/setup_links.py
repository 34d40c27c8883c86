"""Setup links: only a hash of each is kept, and every request reads the row by it.

One that is over, revoked, or whose connection is gone opens nothing from the next request on, on any node.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.store import rows, setup_links_sql
from federation.store.rows import Row, Steps, micros, storable

_BEHIND_ALL: Final = "g"  # every id is hexadecimal


@dataclass(frozen=True, kw_only=True)
class SetupLink:
    """A link, but for its token."""

    id: str  # UUIDv7
    organization: str
    connection: str
    may_enable: bool  # False: an administrator does that
    created_at: datetime
    created_by: str  # kind and id of the actor: "user:019…"
    expires_at: datetime
    uses: int = 0  # how often it was begun with
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


def keep(token_hash: bytes, link: SetupLink) -> Steps[bool]:
    """One INSERT."""
    told = {
        "id": link.id,
        "token_hash": token_hash,
        "organization_id": link.organization,
        "connection": link.connection,
        "may_enable": int(link.may_enable),
        "created_at": micros(link.created_at),
        "created_by": link.created_by,
        "expires_at": micros(link.expires_at),
    }
    return bool((yield setup_links_sql.KEEP, told))


def find(token_hash: bytes, now: datetime) -> Steps[SetupLink | None]:
    """One read by a unique key, and its connection's by another."""
    found = yield setup_links_sql.FIND, {"token_hash": token_hash, "now": micros(now)}
    return _link(found[0]) if found else None


def by_id(identifier: str) -> Steps[SetupLink | None]:
    """One read by primary key; also one that is over."""
    found = yield setup_links_sql.FIND_BY_ID, {"id": storable(identifier)}
    return _link(found[0]) if found else None


def of(connection: str, before: str | None, limit: int) -> Steps[tuple[SetupLink, ...]]:
    """Newest first."""
    told = {"connection": connection, "before": before or _BEHIND_ALL, "batch": limit}
    return tuple(map(_link, (yield setup_links_sql.LIST, told)))


def use(identifier: str, now: datetime) -> Steps[bool]:
    """One UPDATE decides, and counts."""
    return bool((yield setup_links_sql.USE, {"id": identifier, "now": micros(now)}))


def revoke(organization: str, identifier: str, now: datetime) -> Steps[bool]:
    """One UPDATE decides."""
    told = {"organization_id": organization, "id": storable(identifier), "now": micros(now)}
    return bool((yield setup_links_sql.REVOKE, told))


def _link(row: Row) -> SetupLink:
    return SetupLink(
        id=row[0],
        organization=row[1],
        connection=row[2],
        may_enable=bool(row[3]),
        created_at=rows.moment(row[4]),
        created_by=row[5],
        expires_at=rows.moment(row[6]),
        uses=row[7],
        last_used_at=None if row[8] is None else rows.moment(row[8]),
        revoked_at=None if row[9] is None else rows.moment(row[9]),
    )
