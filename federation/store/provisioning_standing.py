"""How a directory stands here, for whoever administers: counts, who is refused, of whom it speaks."""

from federation.provisioned import Resident, Summary
from federation.store import provisioning_standing_sql, rows
from federation.store.rows import Row, Steps


def summary(connection: str) -> Steps[Summary]:
    """Counted by indexes."""
    found = yield provisioning_standing_sql.SUMMARIZE_SCIM, {"connection": connection}
    counted = {(kind, code): number for kind, code, number in found}
    changed = max(
        (number for (kind, _), number in counted.items() if kind == "changed" and number), default=0
    )
    return Summary(
        users=counted["users", ""],
        groups=counted["groups", ""],
        due=counted["due", ""],
        refused={code: number for (kind, code), number in sorted(counted.items()) if kind == "refused"},
        changed_at=rows.moment(changed) if changed else None,
    )


def refused(connection: str, after: str, limit: int) -> Steps[tuple[Resident, ...]]:
    """In the order in which they were made."""
    asked = {"connection": connection, "after": after, "limit": limit}
    return tuple(map(_resident, (yield provisioning_standing_sql.LIST_REFUSED, asked)))


def residencies(organization: str, user_id: str) -> Steps[tuple[Resident, ...]]:
    """Of one user: one of a connection at most."""
    asked = {"organization_id": organization, "user_id": user_id}
    return tuple(map(_resident, (yield provisioning_standing_sql.FIND_RESIDENCIES, asked)))


def _resident(row: Row) -> Resident:
    return Resident(
        connection=row[0],
        id=row[1],
        user_id=row[2],
        user_name=row[3],
        active=bool(row[4]),
        refused=row[5],
        due=row[6] is not None,
        changed_at=rows.moment(row[7]),
    )
