"""Decision records, read: a page of them, and one attempt step by step.

Values of people are told to nobody who does not ask for them; who does is told in the audit log.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from federation.administration.desk import Desk
from federation.administration.paging import Page
from federation.errors import FieldsRefused, NotFound
from federation.records import recorded, redaction
from federation.records.mends import entry, mender
from federation.records.records import Kept
from federation.store.values import MESSAGE_LIFE, Cursor, Record, RecordFilter
from federation.trial import message
from federation.trial.message import Message

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REFERENCE: Final = re.compile(r"[A-Z2-7]{10}")
_CURSOR: Final = re.compile(r"([0-9]{1,17})\.([A-Z2-7]{10})")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which records are looked for."""

    organization: str | None  # None: all that is theirs to see
    who: str = field(repr=False)  # an e-mail address, or a user's id; "" for anybody
    connection: str | None
    code: str | None  # "" means admitted; None: of any
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One attempt; whether its values may be shown is said with it."""

    record: Record
    kept: Kept | None = field(repr=False)
    note: str  # why there is no more than the record; ""
    values: bool
    message: Message | None = field(repr=False)  # only where values are told
    message_note: str  # why there is none; ""
    names: bool  # a message is kept, to be revealed

    @property
    def user(self) -> str:
        """Id of whose sign-in it was; "" not known."""
        return self.kept.user if self.kept else ""

    @property
    def mended_by(self) -> str:
        """Who mends what refused it; "" of one that was admitted."""
        return mender(self.record.code) if self.record.code else ""

    @property
    def detail(self) -> str:
        """Our sentence about it."""
        return self.record.detail if self.values else redaction.hide(self.record.detail)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        told = {**as_line(self.record), "detail": self.detail}
        if self.kept is None:
            return told | {"note": self.note}
        return told | redaction.show(self.kept, values=self.values, refused=self.record.code)


def as_line(record: Record) -> dict[str, Any]:
    """Return what a list tells of a record, as plain data."""
    return {
        "reference": record.reference,
        "at": record.at.isoformat(timespec="seconds"),
        "code": record.code,
        "detail": redaction.hide(record.detail),  # of what was verified it quotes values
        "connection": record.connection,
        "organization": record.organization,
        "size": record.size,
    }


async def page(desk: Desk, asked: Asked, *, cursor: str | None, limit: int) -> Page[Record]:
    """Return records, newest first; a page may be short, or empty, and lead on.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor; an address where no organization is named.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    whose = desk.narrow("decisions:read", asked.organization)
    persons = None
    if asked.who:
        if whose is None and "@" in asked.who:
            faults = ((("person",), "expected an organization beside an address, or the id of a user"),)
            raise FieldsRefused("admin.invalid", "whose person is not said", faults=faults)
        persons = await desk.store.persons_of(asked.who, whose)
        if not persons:
            return Page(items=(), next=None)
    wanted = RecordFilter(
        organization=whose,
        since=max(asked.since, EPOCH),
        connection=asked.connection,
        code=asked.code,
        persons=persons,
    )
    found = await desk.store.list_records(wanted, _read_cursor(cursor), limit, desk.now)
    return Page(items=found.records, next=_write_cursor(found.next))


async def find(desk: Desk, reference: str) -> Opened:
    """Return one attempt; its values are redacted.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
    """
    record = await _record(desk, reference, "decisions:read")
    return await _opened(desk, record, values=False)


async def reveal(desk: Desk, reference: str) -> Opened:
    """Return one attempt with its values, and what the message said where that is kept; it is audited.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
    """
    record = await _record(desk, reference, "decisions:reveal")
    found = await _opened(desk, record, values=True)
    audited = desk.audited(
        "decision.reveal",
        "decision",
        reference,
        organization=record.organization,
        after={"message": found.message is not None},
        about=found.user,
        reference=reference,
    )
    if not await audited.reveal_record(reference):
        raise NotFound("admin.unknown", "there is no such record any more")
    return found


async def _record(desk: Desk, reference: str, scope: Any) -> Record:
    record = await desk.store.find_record(reference) if _REFERENCE.fullmatch(reference) else None
    if record is None:
        desk.demand(scope, organization=desk.actor.organization)
        raise NotFound("admin.unknown", "there is no such record, or not any more")
    desk.demand(scope, organization=record.organization or None)
    return record


async def _opened(desk: Desk, record: Record, *, values: bool) -> Opened:
    kept, note = await recorded.opened(desk.store, desk.vault, record)
    sealed = await desk.store.find_message(record.reference)
    said = await message.opened(desk.store, desk.vault, record) if sealed and values else None
    return Opened(
        record=record,
        kept=kept,
        note=note,
        values=values,
        message=said,
        message_note=_why_none(desk, record, sealed) if said is None else "",
        names=bool(sealed),
    )


def _why_none(desk: Desk, record: Record, sealed: str) -> str:
    """Say, as a text's key, why a message is not shown."""
    if sealed:
        return "hidden"
    connection = desk.roster.connections.get(record.connection)
    if connection is None or connection.record == "redacted":
        return "not_kept"
    return "over" if desk.now - record.at > MESSAGE_LIFE else "none"


def broken(opened: Opened) -> Mapping[str, str]:
    """Return what the manual says of the code: ``broken`` and ``mend``; {} of what has no entry."""
    told = entry(opened.record.code) if opened.record.code else None
    return {"broken": told.broken, "mend": told.mend} if told else {}


def _read_cursor(told: str | None) -> Cursor | None:
    if told is None:
        return None
    found = _CURSOR.fullmatch(told)
    try:
        if found is not None:
            return EPOCH + timedelta(microseconds=int(found[1])), found[2]
    except OverflowError:
        pass
    faults = ((("cursor",), "expected one that an answer named as its next"),)
    raise FieldsRefused("admin.invalid", "the cursor is none of ours", faults=faults)


def _write_cursor(cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    return f"{(cursor[0] - EPOCH) // timedelta(microseconds=1)}.{cursor[1]}"
