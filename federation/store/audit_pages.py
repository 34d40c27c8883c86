"""The audit log read again: a page of it, newest first, or on from where one was.

Ids are UUIDv7, made of the change's moment: their order is that of time, to the millisecond. A change
that took long is committed after a later one: whoever follows the log reads some minutes of it again.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from federation.store import audit_sql, rows
from federation.store.audit import AuditEntry
from federation.store.rows import Row, Steps, micros

LOOKED_AT: Final = 500  # rows of one page
LATE: Final = timedelta(minutes=2)  # a change is committed at most so long after its moment
_BEHIND_ALL: Final = "g"  # every id is hexadecimal


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """A line of the log."""

    id: str
    entry: AuditEntry = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which lines are asked for; "" is any."""

    organization: str | None  # None: every one's
    since: datetime | None = None
    actor: str = ""  # id
    action: str = ""  # whole, or the kind before the dot
    kind: str = ""  # of what was changed
    name: str = ""

    def means(self, actor: str, action: str, kind: str, name: str) -> bool:
        """Tell whether a line is asked for, beside whose it is and when it was."""
        return (
            self.actor in {"", actor}
            and self.action in {"", action, action.partition(".")[0]}
            and self.kind in {"", kind}
            and self.name in {"", name}
        )

    @property
    def narrowed(self) -> bool:
        """Whether lines are left out that a page would look at."""
        return bool(self.actor or self.action or self.kind or self.name)


def first_id(moment: datetime) -> str:
    """Return what every id of this moment or later sorts behind (RFC 9562 §5.7: 48 bits of ms)."""
    told = f"{max(micros(moment), 0) // 1000:012x}"
    return f"{told[:8]}-{told[8:]}"


def page(
    asked: AuditFilter, before: str | None, limit: int
) -> Steps[tuple[tuple[AuditRow, ...], str | None]]:
    """Newest first, and the id that the next page is read before; it may be short, and lead on."""
    whole = LOOKED_AT if asked.narrowed else limit + 1
    told: dict[str, object] = {"before": before or _BEHIND_ALL, "batch": whole}
    told["since"] = first_id(asked.since) if asked.since else ""
    if asked.organization is None:
        looked = yield audit_sql.LIST_EVERY_AUDIT, told
    else:
        looked = yield audit_sql.LIST_AUDIT, {**told, "organization_id": asked.organization}
    found: list[AuditRow] = []
    for number, row in enumerate(looked, 1):
        if asked.means(*row[4:8]):  # before it is read: of a thousand most are not
            found.append(_row(row))
        if len(found) == limit and number < len(looked):
            return tuple(found), str(row[0])
    return tuple(found), str(looked[-1][0]) if len(looked) == whole else None


def on(organization: str | None, after: str, until: datetime, limit: int) -> Steps[tuple[AuditRow, ...]]:
    """Oldest first."""
    told: dict[str, object] = {"after": after, "until": first_id(until), "batch": limit}
    if organization is None:
        found = yield audit_sql.READ_EVERY_AUDIT_ON, told
    else:
        found = yield audit_sql.READ_AUDIT_ON, {**told, "organization_id": organization}
    return tuple(map(_row, found))


def _row(row: Row) -> AuditRow:
    return AuditRow(
        id=row[0],
        entry=AuditEntry(
            organization=row[1],
            at=rows.moment(row[2]),
            actor_kind=row[3],
            actor=row[4],
            action=row[5],
            kind=row[6],
            name=row[7],
            before=_object(row[8]),
            after=_object(row[9]),
            about=row[10],
            personal=_object(row[11]),
            address=row[12],
            reference=row[13],
        ),
    )


def _object(text: str) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}
