"""What identity providers publish: the document in force, the one that waits, and every change.

Nodes that fetch at one moment compare with the same document; the digest of that one decides
which of them records the difference. See ``verbs`` for what steps are.
"""

import json
from datetime import datetime, timedelta

from federation.store import metadata_sql as sql
from federation.store import rows
from federation.store.metadata_values import ChangeState, Metadata, MetadataChange
from federation.store.rows import Steps, micros, moment, new_id, storable

HISTORY = 1000  # changes kept of one connection
_CHANGES = 100  # lines kept of one change
_LINE = 500  # characters of one line


def find(connection: str) -> Steps[Metadata | None]:
    """One read by primary key."""
    found = yield sql.FIND_METADATA, {"connection": connection}
    return _metadata(found[0]) if found else None


def may_fetch(connection: str, now: datetime, pause: timedelta) -> Steps[bool]:
    """A row for the connection, then one UPDATE decides."""
    yield sql.ADD_METADATA, {"connection": connection}
    asked = {"now": micros(now), "before": micros(now - pause), "after": micros(now + pause)}
    return bool((yield sql.MAY_FETCH, {"connection": connection, **asked}))


def note_checked(
    connection: str, etag: str, last_modified: str, now: datetime, *, digest: str
) -> Steps[None]:
    """Note when it was asked, and what to ask with next: of this document, and of no other."""
    yield sql.NOTE_CHECKED, _checked(connection, etag, last_modified, now) | {"digest": digest}


def keep(metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str) -> Steps[bool]:
    """Compare and set; what was held before is older than this, and goes."""
    yield sql.ADD_METADATA, {"connection": metadata.connection}
    values = {
        **_document(metadata),
        "previous": previous,
        "fetched_at": micros(metadata.fetched_at),
        "checked_at": micros(metadata.checked_at),
    }
    if not (yield sql.KEEP_METADATA, values):
        return False
    yield from _settle(metadata.connection, "replaced", now)
    if changes:
        yield from _record(metadata.connection, _lines(changes), "taken", now)
    return True


def hold(metadata: Metadata, changes: tuple[str, ...], now: datetime, *, previous: str) -> Steps[bool]:
    """Compare with what is held or was rejected, and set.

    A document that was only signed anew, and changes nothing else, takes the place of the held one.
    """
    whose = {"connection": metadata.connection, "previous": previous}
    found = yield sql.FIND_HELD, whose
    if not found or not previous:
        return False
    seen, seen_changes, held_at, rejected = found[0]
    if metadata.digest in {seen, rejected, previous}:
        checked = metadata.connection, metadata.etag, metadata.last_modified, now
        yield from note_checked(*checked, digest=previous)
        return False
    lines = _lines(changes)
    known = bool(seen) and lines == seen_changes
    values = {
        **_document(metadata),
        **whose,
        "seen": seen,
        "changes": lines,
        "held_at": held_at if known else micros(now),
        "checked_at": micros(now),
    }
    if not (yield sql.HOLD_METADATA, values) or known:
        return False
    yield from _settle(metadata.connection, "replaced", now)
    yield from _record(metadata.connection, lines, "held", now)
    return True


def approve(connection: str, digest: str, now: datetime) -> Steps[bool]:
    """Move the held document of this digest into force."""
    if not (yield sql.APPROVE_METADATA, {"connection": connection, "digest": digest}):
        return False
    yield from _settle(connection, "approved", now)
    return True


def reject(connection: str, digest: str, now: datetime) -> Steps[bool]:
    """Drop the held document of this digest, and remember which it was."""
    if not (yield sql.REJECT_METADATA, {"connection": connection, "digest": digest}):
        return False
    yield from _settle(connection, "rejected", now)
    return True


def changes_of(connection: str | None, limit: int) -> Steps[tuple[MetadataChange, ...]]:
    """Newest first, of one connection or of all."""
    asked = {"limit": max(0, min(limit, HISTORY))}
    if connection is None:
        found = yield sql.FIND_CHANGES, asked
    else:
        found = yield sql.FIND_CHANGES_OF, {"connection": connection, **asked}
    return tuple(map(change, found))


def _settle(connection: str, state: ChangeState, now: datetime) -> Steps[None]:
    yield sql.SETTLE_CHANGE, {"connection": connection, "state": state, "now": micros(now)}


def _record(connection: str, lines: str, state: ChangeState, now: datetime) -> Steps[None]:
    values = {"id": new_id(now), "connection": connection, "changes": lines, "state": state}
    settled_at = None if state == "held" else micros(now)
    yield sql.ADD_CHANGE, {**values, "now": micros(now), "settled_at": settled_at}
    yield sql.TRIM_CHANGES, {"connection": connection, "kept": HISTORY}


def _document(metadata: Metadata) -> dict[str, object]:
    return {
        "connection": metadata.connection,
        "source": metadata.source,
        "document": metadata.document,
        "digest": metadata.digest,
        "etag": storable(metadata.etag),
        "last_modified": storable(metadata.last_modified),
    }


def _checked(connection: str, etag: str, last_modified: str, now: datetime) -> dict[str, object]:
    return {
        "connection": connection,
        "etag": storable(etag),
        "last_modified": storable(last_modified),
        "checked_at": micros(now),
    }


def _lines(changes: tuple[str, ...]) -> str:
    """Return the lines as JSON in ASCII, within bounds: a document is its provider's choice."""
    kept = [line if len(line) <= _LINE else f"{line[: _LINE - 1]}…" for line in changes[:_CHANGES]]
    if len(changes) > _CHANGES:
        kept.append(f"… and {len(changes) - _CHANGES} more")
    return json.dumps(kept)


def _metadata(row: rows.Row) -> Metadata:
    return Metadata(
        connection=row[0],
        source=row[1],
        document=row[2],
        digest=row[3],
        etag=row[4],
        last_modified=row[5],
        fetched_at=moment(row[6]),
        checked_at=moment(row[7]),
        held_document=row[8],
        held_digest=row[9],
        held_at=moment(row[10]) if row[9] else None,
        held_changes=tuple(json.loads(row[11])),
    )


def change(row: rows.Row) -> MetadataChange:
    """Read a row of ``metadata_sql.FIND_CHANGES``."""
    return MetadataChange(
        id=row[0],
        connection=row[1],
        at=moment(row[2]),
        changes=tuple(json.loads(row[3])),
        state=row[4],
        settled_at=None if row[5] is None else moment(row[5]),
    )
