"""GET /admin/decisions: every attempt to sign in, newest first; and one of them, step by step."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import decisions
from federation.administration.decisions import Asked, Opened
from federation.administration.paging import PAGE
from federation.console import access, shell, whose
from federation.console.access import Visitor
from federation.console.steps import rules, steps
from federation.errors import FieldsRefused
from federation.records import redaction
from federation.store.values import ERASED
from federation.web import fields
from federation.web.house import House

HERE: Final = "/admin/decisions"
ADMITTED: Final = "admitted"  # in place of a code
_FILTERS: Final = ("person", "connection", "code", "since", "organization")
_LONGEST: Final = 320
_NOTHING: Final[dict[str, Any]] = dict.fromkeys(("identity", "found", "grants", "teams", "session", "cut"))


async def show(request: Request) -> Response:
    """GET /admin/decisions."""
    visitor = await access.by_session(request)
    told = fields.read_query(request)
    wanted = {name: told.get(name, "").strip()[:_LONGEST] for name in _FILTERS}
    desk = access.desk(request, visitor.actor)
    faults: Mapping[str, str] = {}
    found, status = None, 200
    try:
        found = await decisions.page(desk, _asked(wanted), cursor=told.get("cursor"), limit=PAGE)
    except FieldsRefused as refused:
        faults, status = shell.beside(refused), refused.status
    kept = urlencode({name: value for name, value in wanted.items() if value})
    return shell.page(
        request,
        visitor,
        "console_decisions.html",
        here=HERE,
        status=status,
        records=[(one, redaction.hide(one.detail)) for one in found.items] if found else [],
        title=_title(request),
        wanted=wanted,
        faults=faults,
        onward=f"{HERE}?{kept}&{urlencode({'cursor': found.next})}" if found and found.next else "",
        narrows=visitor.actor.organization is None,
    )


def _asked(wanted: Mapping[str, str]) -> Asked:
    """Read the filters.

    Raises:
        FieldsRefused: ``admin.invalid``: no day.
    """
    code = wanted["code"] or None
    return Asked(
        organization=wanted["organization"] or None,
        who=wanted["person"],
        connection=wanted["connection"] or None,
        code="" if code == ADMITTED else code,
        since=whose.since(wanted["since"]) or decisions.EPOCH,
    )


async def one(request: Request) -> Response:
    """GET /admin/decisions/{reference}."""
    visitor = await access.by_session(request)
    found = await decisions.find(access.desk(request, visitor.actor), request.path_params["reference"])
    return _page(request, visitor, found)


async def reveal(request: Request) -> Response:
    """POST /admin/decisions/{reference}: the same with its values, in this answer alone."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    found = await decisions.reveal(access.desk(request, visitor.actor), request.path_params["reference"])
    return _page(request, visitor, found)


def _page(request: Request, visitor: Visitor, found: Opened) -> Response:
    kept, record = found.kept, found.record
    told = _NOTHING | (redaction.show(kept, values=found.values, refused=record.code) if kept else {})
    return shell.page(
        request,
        visitor,
        "console_decision.html",
        here=HERE,
        found=found,
        record=record,
        told=told,
        steps=steps(found),
        rules=rules(found),
        manual=_filled(request, decisions.broken(found), record.connection),
        title=_title(request),
        source=whose.source,
        why=_why(found),
        may_reveal="decisions:reveal" in visitor.actor.scopes and (kept is not None or found.names),
    )


def _filled(request: Request, manual: Mapping[str, str], connection: str) -> Mapping[str, str]:
    """Return what the manual says with our own address and the connection's id in it."""
    house: House = request.app.state.house
    named = {"{base_url}": house.base_url} | ({"{connection}": connection} if connection else {})
    told = dict(manual)
    for name, value in named.items():
        told = {part: text.replace(name, value) for part, text in told.items()}
    return told


def _why(found: Opened) -> str:
    """Say, as a text's key, why there is no more than the record; "" where there is."""
    if found.kept is not None:
        return ""
    if not found.record.sealed and found.names:
        return "before_full"
    return {"": "before", ERASED: "erased"}.get(found.record.sealed, "closed")


def _title(request: Request) -> Callable[[str], str]:
    """Return what tells a connection's title by its id; one that is gone has its id alone."""
    house: House = request.app.state.house
    connections = house.roster.connections
    return lambda name: connections[name].title if name in connections else name
