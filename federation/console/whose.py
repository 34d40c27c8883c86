"""What a page is about, as its address says it, and what gave somebody what they have, in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

from federation.console.access import Visitor
from federation.errors import FieldsRefused
from federation.web import fields, texts
from federation.web.house import House

_DEFAULTS: Final = {
    "default (connection)": "people.by_default_connection",
    "default (organization)": "people.by_default_organization",
}
_PLAIN: Final = frozenset({"manual", "invitation", "bootstrap", "break-glass", "scim", "system"})


def organization(visitor: Visitor, told: Mapping[str, str]) -> str:
    """Return which one: what is said, which the deed holds against who asks; else that of their session."""
    session = visitor.actor.session
    own = visitor.actor.organization or (session.organization if session else "")
    return told.get("organization", "") or own


def of_query(request: Request, visitor: Visitor) -> str:
    """As ``organization``, as the query says."""
    return organization(visitor, fields.read_query(request))


def choices(request: Request, visitor: Visitor) -> tuple[str, ...]:
    """Return the organizations that an operator may choose from, the first hundred; of others none."""
    if visitor.actor.organization is not None:
        return ()
    house: House = request.app.state.house
    return tuple(sorted(house.roster.organizations)[:100])


def since(told: str) -> datetime | None:
    """Read what a filter's date says: ``2026-11-22``, the day's beginning in UTC; None where it is empty.

    Raises:
        FieldsRefused: ``admin.invalid``.
    """
    if not told:
        return None
    try:
        return datetime.strptime(told, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        faults = ((("since",), "expected a day, such as 2026-11-22"),)
        raise FieldsRefused("admin.invalid", "since is no day", faults=faults) from None


def path(*parts: str, **query: str) -> str:
    """Return a path of the administration, what stands in it escaped."""
    told = urlencode({name: value for name, value in query.items() if value})
    base = "/".join(("/admin", *(quote(one, safe="") for one in parts)))
    return f"{base}?{told}" if told else base


def source(told: str) -> str:
    """Say who gave something: ``connection:okta``, ``manual``."""
    kind, _, name = told.partition(":")
    if kind == "*":
        return texts.say("people.by_everywhere", source=source(name))
    if kind in ("connection", "team", "settings") or kind in _PLAIN:
        return texts.say(f"people.by_{kind.replace('-', '_')}", name=name)
    return told


def why(told: str, reason: str) -> str:
    """Say who gave something, and why: the rule, or the group."""
    said = source(told)
    if reason in _DEFAULTS:
        return texts.say("people.because", source=said, why=texts.say(_DEFAULTS[reason]))
    kind, _, group = reason.partition(":")
    if kind == "group" and group:
        return texts.say("people.because", source=said, why=texts.say("people.by_group", name=group))
    if told.startswith("connection:") and reason:
        return texts.say("people.because", source=said, why=texts.say("people.by_rule", name=reason))
    return said
