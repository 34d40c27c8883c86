"""Decision records and what-if for administrators, as JSON: of their own organization alone.

Who may: a live session with one of its organization's administrators' roles; whoever has the
system role ``operator`` sees every organization. Values are redacted, always: who needs them
asks ``federation explain`` where the keys are.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from federation import policies, recorded, redaction, what_if
from federation.connection import AnyConnection
from federation.errors import ConfigurationError, PolicyRefused, RequestRefused, TooManyRequests
from federation.identity import Session
from federation.policies import Terms
from federation.store.values import Cursor, Record, RecordFilter
from federation.web import account, fields, pages
from federation.web.callbacks import rate_key
from federation.web.house import House
from federation.what_if import Report

OPERATOR: Final = "operator"  # the system role that sees every organization
PAGE: Final = 50
LONGEST_PAGE: Final = 200
TRIED: Final = 2000  # people of one what-if: some seconds of a worker
TRIED_RULES: Final = 200  # beside as many as there are
TRIED_CONDITIONS: Final = 10  # in CEL, of which one may take a second
_ASKED: Final = frozenset({"reference", "connection", "code", "since", "limit", "cursor"})
_TRIED_WITH: Final = frozenset({"connections", "days"})
_REFERENCE: Final = re.compile(r"[A-Z2-7]{10}")
_CURSOR: Final = re.compile(r"([0-9]{1,17})\.([A-Z2-7]{10})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BUSY = asyncio.Semaphore(1)  # of this worker: a what-if takes its time


@dataclass(frozen=True, kw_only=True)
class Administrator:
    """Who asks, and whose records they may read."""

    session: Session
    organization: str | None  # None: every one's


async def decisions(request: Request) -> Response:
    """GET /admin/api/decisions: records newest first; ``?reference=`` opens one, redacted."""
    house: House = request.app.state.house
    who = await administrator(request)
    asked = fields.read_query(request)
    if unknown := asked.keys() - _ASKED:
        raise RequestRefused("admin.query", f"unknown parameters: {len(unknown)}")
    if "reference" in asked:
        return pages.as_json({"decisions": await _one(house, who, asked["reference"]), "next": None})
    wanted = RecordFilter(
        organization=who.organization,
        since=_since(asked.get("since")),
        connection=asked.get("connection"),
        code=asked.get("code"),
    )
    page = await house.store.list_records(
        wanted, _cursor(asked.get("cursor")), _limit(asked.get("limit")), house.clock()
    )
    return pages.as_json({"decisions": [_told(one) for one in page.records], "next": _written(page.next)})


async def try_policy(request: Request) -> Response:
    """POST /admin/api/policy/try: who would gain and lose what under edited rules; nothing changes.

    The body is ``{"connections": {id: keys of its policy}, "days": 30}``.
    """
    house: House = request.app.state.house
    who = await administrator(request)
    _from_here(request, house)
    asked = await fields.read_json(request)
    try:
        before, after = _edited(house.terms, who, asked)
    except ConfigurationError as fault:  # of what was sent, not of ours: its sentence holds no value
        return pages.as_json_error(400, fault.detail)
    if _BUSY.locked():
        raise TooManyRequests("rate.limited", "another what-if is under way", retry_after=5)
    async with _BUSY:
        now, days = house.clock(), _days(asked)
        since, report = now - timedelta(days=days), Report()
        async for so_far in what_if.report(
            house.store, house.vault, before, after, connection=None, since=since, now=now, limit=TRIED
        ):
            report = so_far
    declared = {key for one in house.terms.organizations.values() for key in one.teams}
    told = report.as_json()
    people = [redaction.show_difference(one, declared) for one in told["people"]]
    return pages.as_json(told | {"people": people})


async def administrator(request: Request) -> Administrator:
    """Return who asks, if they may.

    Raises:
        RequestRefused: ``admin.signed_out``.
        PolicyRefused: ``admin.forbidden``.
        TooManyRequests: ``rate.limited``.
    """
    house: House = request.app.state.house
    house.rates.sign_in.hit(("admin", *rate_key(request, "")), house.clock())
    _, session = await account.current(request)
    if session is None:
        raise RequestRefused("admin.signed_out", "there is no live session")
    system = {one.role for one in session.grants if one.source.startswith("system:")}
    if OPERATOR in system:
        return Administrator(session=session, organization=None)
    organization = house.terms.organizations.get(session.organization)
    theirs = set(organization.administrators) if organization else set()
    if theirs.isdisjoint(session.roles):
        raise PolicyRefused(
            "admin.forbidden", "the session has none of its organization's administrators' roles"
        )
    return Administrator(session=session, organization=session.organization)


async def _one(house: House, who: Administrator, reference: str) -> list[dict[str, Any]]:
    """Return the record under a reference; nothing where it is another organization's."""
    record = await house.store.find_record(reference) if _REFERENCE.fullmatch(reference) else None
    if record is None or who.organization not in (None, record.organization):
        return []
    kept, note = await recorded.opened(house.store, house.vault, record)
    opened = redaction.show(kept, values=False) if kept else {"note": note}
    return [_told(record) | opened]


def _told(record: Record) -> dict[str, Any]:
    return {
        "reference": record.reference,
        "at": record.at.isoformat(timespec="seconds"),
        "code": record.code,
        "detail": redaction.hide(record.detail),  # of what was verified it quotes values
        "connection": record.connection,
        "organization": record.organization,
        "size": record.size,
    }


def _since(told: str | None) -> datetime:
    if told is None:
        return _EPOCH
    try:
        since = datetime.fromisoformat(told)
        if since.tzinfo is not None:
            return max(since, _EPOCH)
    except ValueError:
        pass
    raise RequestRefused("admin.query", "since is not a time with its zone, as 2026-11-22T08:15:00Z")


def _limit(told: str | None) -> int:
    if told is None:
        return PAGE
    if not re.fullmatch(r"[0-9]{1,3}", told) or not 1 <= int(told) <= LONGEST_PAGE:
        raise RequestRefused("admin.query", f"limit is not a number from 1 to {LONGEST_PAGE}")
    return int(told)


def _cursor(told: str | None) -> Cursor | None:
    if told is None:
        return None
    if (found := _CURSOR.fullmatch(told)) is None:
        raise RequestRefused("admin.query", "cursor is not one that an answer named")
    try:
        return _EPOCH + timedelta(microseconds=int(found[1])), found[2]
    except OverflowError:
        raise RequestRefused("admin.query", "cursor is not one that an answer named") from None


def _written(cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    return f"{(cursor[0] - _EPOCH) // timedelta(microseconds=1)}.{cursor[1]}"


def _edited(terms: Terms, who: Administrator, told: Mapping[str, Any]) -> tuple[Terms, Terms]:
    """Return the policy in force and the edited one.

    Raises:
        ConfigurationError: ``policy.edited``, ``policy.no_connection``.
        RequestRefused: ``admin.query``.
    """
    connections = told.get("connections")
    if told.keys() - _TRIED_WITH or not isinstance(connections, Mapping) or not connections:
        raise RequestRefused("admin.query", "expected connections with keys of their policy, and days")
    after = terms
    for name, keys in connections.items():
        connection = terms.connections.get(name)
        if connection is None or who.organization not in (None, connection.organization):
            raise ConfigurationError("policy.no_connection", "a connection is not one of your organization")
        if not isinstance(keys, Mapping):
            raise ConfigurationError("policy.edited", f"{name}: expected keys with values")
        _bounded(name, connection, keys)
        after = after.with_connection(policies.edit(connection, keys))
    return terms, after


def _bounded(name: str, connection: AnyConnection, keys: Mapping[str, Any]) -> None:
    """What an operator writes may be as long as they like; what is sent here keeps a worker busy.

    Raises:
        ConfigurationError: ``policy.edited``.
    """
    rules = keys.get("role_rules")
    if not isinstance(rules, Sequence):
        return  # asked next
    known = {one.when for one in connection.role_rules}
    news = sum(isinstance(one, Mapping) and one.get("when") not in known | {None} for one in rules)
    if len(rules) > TRIED_RULES + len(connection.role_rules) or news > TRIED_CONDITIONS:
        raise ConfigurationError(
            "policy.edited",
            f"{name}.role_rules: expected at most {TRIED_RULES} rules more than there are, and at most "
            f"{TRIED_CONDITIONS} conditions that are new; `federation policy try` takes any number",
        )


def _days(told: Mapping[str, Any]) -> int:
    days = told.get("days", 30)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 400:  # noqa: PLR2004  as records stand
        raise RequestRefused("admin.query", "days is not a number from 1 to 400")
    return days


def _from_here(request: Request, house: House) -> None:
    """Refuse what another site had a browser send; a program of the person's own says neither.

    Raises:
        RequestRefused: ``csrf.refused``.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if not (site == "same-origin" if site is not None else origin in (None, house.base_url)):
        raise RequestRefused("csrf.refused", "the request did not start on a page of ours")
