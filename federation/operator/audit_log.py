"""What `federation audit` does: follow the log, and take it elsewhere, each line once.

A change that took long is committed after a later one. Who goes on from a cursor therefore leaves the
last two minutes for the next time; who follows reads them again and passes over what was told.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from federation.administration.audit import as_json
from federation.clock import Clock
from federation.errors import ConfigurationError
from federation.operator import ocsf
from federation.operator.invite import known, opened
from federation.settings import Settings
from federation.store.audit_pages import LATE, AuditFilter, AuditRow, first_id
from federation.store.store import Store

BATCH: Final = 500
PAUSE: Final = 2.0  # seconds between two looks
Format = Literal["ocsf", "json"]
_SOON: Final = timedelta(days=1)  # ahead of our clock: nothing is left out for a clock that is fast


def line(row: AuditRow, *, personal: bool) -> str:
    """Say one change for people."""
    one = row.entry
    who = f"{one.actor_kind}{f':{one.actor}' if one.actor else ''}"
    said = f"{one.at:%Y-%m-%dT%H:%M:%SZ}  {one.organization or '-'}  {who}  {one.action}  {one.name}".rstrip()
    told = {**one.before, **one.after}
    if told:
        said += f"  {json.dumps({'before': dict(one.before), 'after': dict(one.after)}, ensure_ascii=False)}"
    if personal and (one.personal or one.address):
        said += f"  {json.dumps({**one.personal, 'address': one.address}, ensure_ascii=False)}"
    return said


def told(row: AuditRow, form: Format, *, personal: bool) -> dict[str, Any]:
    """Return a line as plain data."""
    return ocsf.event(row, personal=personal) if form == "ocsf" else dict(as_json(row, personal=personal))


async def tail(
    config: Settings,
    organization: str,
    number: int,
    say: Callable[[AuditRow], None],
    *,
    follow: bool,
    now: Clock,
) -> None:
    """Tell the latest lines, oldest first, and go on telling what is added.

    Args:
        config: The settings.
        organization: Whose; "" every one's.
        number: Of lines to begin with.
        say: Is given each line, once.
        follow: Go on until cancelled.
        now: The clock.

    Raises:
        ConfigurationError: ``person.organization``; ``store.*``.
    """
    whose = _whose(config, organization)
    async with opened(config) as store:
        found, _ = await store.audit_page(AuditFilter(organization=whose), None, number)
        for row in reversed(found):
            say(row)
        since = now() - LATE
        seen = {row.id: row.entry.at for row in found}
        if follow:  # what is older than the first told counts as told
            earlier = _on(store, whose, first_id(since), now() + _SOON)
            seen |= {row.id: row.entry.at async for row in earlier if not found or row.id < found[-1].id}
        while follow:
            await asyncio.sleep(PAUSE)
            horizon = now() - LATE
            async for row in _on(store, whose, first_id(min(since, horizon)), now() + _SOON):
                if row.id not in seen:
                    seen[row.id] = row.entry.at
                    say(row)
            since, seen = horizon, {name: at for name, at in seen.items() if at > horizon - LATE}


async def export(  # noqa: PLR0913  what is asked for
    config: Settings,
    organization: str,
    *,
    form: Format,
    since: datetime | None,
    file: Path | None,
    cursor: Path | None,
    personal: bool,
    now: datetime,
    say: Callable[[str], None],
) -> int:
    """Write lines as JSON, one a line; return how many.

    Args:
        config: The settings.
        organization: Whose; "" every one's.
        form: Of each line.
        since: Not before; UTC. Where a cursor goes on, it counts the first time alone.
        file: Appended to, each batch at once and brought to the disk before the cursor is; None
            gives each line to ``say``.
        cursor: A file that says where the last time ended; then the last two minutes are left for the next.
        personal: Also names and addresses of people.
        now: UTC.
        say: Where there is no file.

    Raises:
        ConfigurationError: ``person.organization``, ``explain.audit_file``,
            ``explain.audit_cursor``; ``store.*``.
    """
    whose, number = _whose(config, organization), 0
    after = (_read(cursor) if cursor else "") or (first_id(since) if since else "")
    until = now - LATE if cursor else now + _SOON
    async with opened(config) as store:
        batch: list[AuditRow] = []
        async for row in _on(store, whose, after, until):
            batch.append(row)
            if len(batch) == BATCH:
                number += _put(batch, form, file, cursor, personal=personal, say=say)
                batch = []
        number += _put(batch, form, file, cursor, personal=personal, say=say)
    return number


async def _on(store: Store, whose: str | None, after: str, until: datetime) -> AsyncIterator[AuditRow]:
    while found := await store.audit_on(whose, after, until, BATCH):
        for row in found:
            yield row
        after = found[-1].id


def _put(
    rows: list[AuditRow],
    form: Format,
    file: Path | None,
    cursor: Path | None,
    *,
    personal: bool,
    say: Callable[[str], None],
) -> int:
    lines = [json.dumps(told(one, form, personal=personal)) for one in rows]
    if file is None:
        for one in lines:
            say(one)
    elif lines:
        _append(file, "".join(f"{one}\n" for one in lines))
    if cursor is not None and rows:
        _note(cursor, rows[-1].id)
    return len(rows)


def _append(file: Path, text: str) -> None:
    try:  # ours alone to read: it may hold addresses
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConfigurationError(
            "explain.audit_file", f"{file} cannot be written: {error.strerror}"
        ) from None


def _note(cursor: Path, identifier: str) -> None:
    """Exchange the cursor in one step: after a crash it is the old one or the new one."""
    beside = cursor.with_name(f"{cursor.name}.new")
    try:
        with beside.open("w", encoding="ascii") as out:
            out.write(f"{identifier}\n")
            out.flush()
            os.fsync(out.fileno())
        beside.replace(cursor)
    except OSError as error:
        raise ConfigurationError(
            "explain.audit_cursor", f"{cursor} cannot be written: {error.strerror}"
        ) from None


def _read(cursor: Path) -> str:
    try:
        written = cursor.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        raise ConfigurationError("explain.audit_cursor", f"{cursor} cannot be read") from None
    if not written or set(written) - set("0123456789abcdef-"):
        raise ConfigurationError(
            "explain.audit_cursor", f"{cursor} holds no cursor of ours; remove it to begin anew"
        )
    return written


def _whose(config: Settings, organization: str) -> str | None:
    if organization:
        known(config, organization)
    return organization or None
