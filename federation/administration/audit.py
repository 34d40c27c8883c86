"""The audit log, read: who changed what, newest first.

Names and addresses of people are told to those alone who ask for them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation.administration.desk import Desk
from federation.administration.paging import Page, read_cursor, write_cursor
from federation.store.audit_pages import AuditFilter, AuditRow


async def lines(  # noqa: PLR0913  what may be asked for
    desk: Desk,
    *,
    organization: str | None,
    since: datetime | None = None,
    actor: str = "",
    action: str = "",
    kind: str = "",
    name: str = "",
    cursor: str | None,
    limit: int,
) -> Page[AuditRow]:
    """Return a page of the log; it may be short, or empty, and lead on: a page looks at some hundred lines.

    Args:
        desk: By whom.
        organization: Whose; None: all that is theirs to see.
        since: Not before; UTC, aware.
        actor: Id of the user, token or link.
        action: Whole, or the kind before its dot.
        kind: Of what was changed.
        name: Its id.
        cursor: Of a page before.
        limit: Lines.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    whose = desk.narrow("audit:read", organization)
    place = read_cursor(cursor, str)
    asked = AuditFilter(organization=whose, since=since, actor=actor, action=action, kind=kind, name=name)
    found, before = await desk.store.audit_page(asked, str(place[0]) if place else None, limit)
    return Page(items=found, next=write_cursor((before,)) if before else None)


def as_json(row: AuditRow, *, personal: bool) -> Mapping[str, Any]:
    """Return a line as plain data.

    Args:
        row: The line.
        personal: Also names and addresses.
    """
    one = row.entry
    told = {
        "id": row.id,
        "at": one.at.isoformat(timespec="milliseconds"),
        "organization": one.organization or None,
        "actor_kind": one.actor_kind,
        "actor": one.actor,
        "action": one.action,
        "kind": one.kind,
        "name": one.name,
        "before": dict(one.before),
        "after": dict(one.after),
        "about": one.about,
        "reference": one.reference,
    }
    return told | ({"personal": dict(one.personal), "address": one.address} if personal else {})


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a change did to one value, for people; "" where there was, or is, none."""

    key: str
    before: str
    after: str


def differences(row: AuditRow) -> tuple[Difference, ...]:
    """Return what a line says was changed, key by key."""
    before, after = row.entry.before, row.entry.after
    told = (
        Difference(key=key, before=_plain(before.get(key)), after=_plain(after.get(key)))
        for key in {**before, **after}
    )
    return tuple(one for one in told if one.before != one.after)


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case list() | tuple() if all(isinstance(one, str) for one in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
