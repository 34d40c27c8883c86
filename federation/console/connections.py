"""The pages of connections: all of them, one with what to do next, and how it is switched off or deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from federation.administration import affected, connections
from federation.administration.connection_views import ConnectionView
from federation.administration.paging import PAGE
from federation.console import access, shell
from federation.errors import FieldsRefused
from federation.presets import PRESETS
from federation.web import fields, texts

HERE: Final = "/admin/connections"
PROTOCOLS: Final = {
    "saml": "SAML 2.0",
    "oidc": "OpenID Connect",
    "oauth2": "OAuth 2.0",
    "local": "Local accounts",
}
STATES: Final = {"active": "ok", "disabled": "off", "draft": "warn", "faulty": "bad"}
SOON: Final = timedelta(days=30)
_LONGEST: Final = 320
_APART: Final = frozenset(
    {"display_name", "organization", "protocol", "preset", "enabled", "id", "domains", "role_rules"}
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to do next, and where."""

    text: str
    kind: str  # of the notice: "", "ok", "warn", "bad"
    href: str = ""
    label: str = ""


async def listed(request: Request) -> Response:
    """GET /admin/connections."""
    visitor = await access.by_session(request)
    told = fields.read_query(request)
    search = told.get("search", "").strip()[:_LONGEST]
    desk = access.desk(request, visitor.actor)
    page = await connections.list_connections(desk, search=search, after=told.get("cursor", ""), limit=PAGE)
    return shell.page(
        request,
        visitor,
        "console_connections.html",
        here=HERE,
        connections=page.connections,
        protocols=PROTOCOLS,
        states=STATES,
        search=search,
        first=_list_path(search=search) if "cursor" in told else "",
        onward=_list_path(search=search, cursor=page.next) if page.next else "",
    )


async def one(request: Request) -> Response:
    """GET /admin/connections/{id}."""
    visitor = await access.by_session(request)
    desk = access.desk(request, visitor.actor)
    view = await connections.find(desk, request.path_params["id"])
    return shell.page(
        request,
        visitor,
        "console_connection.html",
        here=HERE,
        one=view,
        base=path_of(view.id),
        protocol=PROTOCOLS.get(view.protocol, view.protocol),
        vendor=PRESETS[view.preset].title if view.preset in PRESETS else view.preset,
        mark=STATES[view.state],
        steps=tuple(next_steps(view, desk.now)),
        urls=tuple(view.urls.items()),
        settings=tuple(_shown(view)),
        soon=desk.now + SOON,
        now=desk.now,
    )


async def enable(request: Request) -> Response:
    """POST /admin/connections/{id}/enable.

    Raises:
        ChangeConflicts: ``admin.untried``.
        FieldsRefused: ``admin.invalid``.
    """
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    view = await connections.enable(access.desk(request, visitor.actor), request.path_params["id"])
    return shell.back(path_of(view.id))


async def disable(request: Request) -> Response:
    """POST /admin/connections/{id}/disable."""
    visitor = await access.by_session(request)
    await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    connection = request.path_params["id"]
    await connections.disable(access.desk(request, visitor.actor), connection, force=False)
    return shell.back(path_of(connection))


async def ask_disable(request: Request) -> Response:
    """GET /admin/connections/{id}/disable: whom it concerns."""
    return await _ask(request, "console_connection_disable.html")


async def ask_delete(request: Request) -> Response:
    """GET /admin/connections/{id}/delete: whom it concerns, and its name to be typed."""
    return await _ask(request, "console_connection_delete.html")


async def delete(request: Request) -> Response:
    """POST /admin/connections/{id}/delete."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    access.demand_fresh(request, visitor)
    desk = access.desk(request, visitor.actor)
    try:
        await connections.delete(desk, request.path_params["id"], form.get("name", ""), force=False)
    except FieldsRefused as refused:
        fault = next((why for _, why in refused.faults), "")
        return await _ask(request, "console_connection_delete.html", status=refused.status, fault=fault)
    return shell.back(HERE)


async def _ask(request: Request, template: str, *, status: int = 200, fault: str = "") -> Response:
    visitor = await access.by_session(request)
    desk = access.desk(request, visitor.actor)
    view = await connections.find(desk, request.path_params["id"])
    return shell.page(
        request,
        visitor,
        template,
        here=HERE,
        status=status,
        one=view,
        base=path_of(view.id),
        affected=await affected.count_of(desk, view),
        fault=fault,
    )


def path_of(connection: str, *further: str) -> str:
    """Return the path of a connection's page, or of one below it."""
    return "/".join((HERE, quote(connection, safe=""), *further))


def next_steps(view: ConnectionView, now: datetime) -> Iterator[Step]:
    """Yield what should be done about a connection, the most pressing first."""
    base = path_of(view.id)
    if view.state == "faulty":
        yield _step("fault", "bad", why=view.fault, **_link(view, f"{base}/setup", "continue"))
    if view.state == "draft":
        yield _step("missing", "", **_link(view, f"{base}/setup", "continue"))
    elif view.origin == "store" and not view.enabled and view.tried_at is None:
        yield _step("untried", "", href=f"{base}/test", label="test")
    elif view.origin == "store" and not view.enabled:
        yield _step("ready", "ok")
    if unproved := [one.name for one in view.domains if one.needed and not one.proved]:
        yield _step("unproved", "warn", names=", ".join(unproved), href=_proof(view), label="prove")
    if view.metadata_held:
        yield _step("held", "warn", href="/admin#waiting", label="approve")
    over = [one for one in view.certificates if one.not_after <= now]
    ends = [one for one in view.certificates if now < one.not_after < now + SOON]
    if over:
        yield _step("certificate_over", "warn")
    elif ends and len(ends) == len(view.certificates):
        yield _step("certificate_ends", "warn")


def _proof(view: ConnectionView) -> str:
    """Return where the records are: those of one that is being set up are in the wizard alone."""
    return f"{path_of(view.id)}/setup/people" if view.origin == "store" else "/admin/domains"


def _step(key: str, kind: str, *, href: str = "", label: str = "", **told: object) -> Step:
    return Step(
        text=texts.say(f"connections.next_{key}", **told),
        kind=kind,
        href=href,
        label=texts.say(f"connections.do_{label}") if label else "",
    )


def _link(view: ConnectionView, href: str, label: str) -> dict[str, str]:
    return {"href": href, "label": label} if view.origin == "store" else {}


def _shown(view: ConnectionView) -> Iterator[tuple[str, str]]:
    """Yield the keys that have no place of their own on the page, as the settings file names them."""
    for key, value in sorted(view.settings.items()):
        if key not in _APART and value not in ("", [], {}, None):
            yield key, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return texts.say("connections.yes" if value else "connections.no")
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_text(one)}" for key, one in value.items())
    told = str(value)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def _list_path(**query: str) -> str:
    told = {name: value for name, value in query.items() if value}
    return f"{HERE}?{urlencode(told)}" if told else HERE
