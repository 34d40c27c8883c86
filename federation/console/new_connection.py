"""The first page of the wizard: which identity provider, of which organization, under which id."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from federation import presets
from federation.administration import connections, organizations
from federation.administration.desk import Desk
from federation.console import access, shell, wizard_forms
from federation.console.access import Visitor
from federation.console.seat import HERE
from federation.errors import FieldsRefused, NotFound
from federation.web import fields, texts

PATH: Final = f"{HERE}/new"
CHOICES: Final = 100  # organizations: of more the id is typed
_LONGEST: Final = 63  # characters of an id


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A vendor, and the protocols that it speaks."""

    preset: str
    title: str
    protocols: tuple[str, ...]


def choices() -> tuple[Choice, ...]:
    """Return every vendor by its name; whatever is not there by name comes last."""
    told = (
        Choice(
            preset=name,
            title=row.title,
            protocols=tuple(one for one in presets.PROTOCOLS if getattr(row, one) is not None),
        )
        for name, row in presets.PRESETS.items()
    )
    return tuple(sorted(told, key=lambda one: (one.preset == "generic", one.title.casefold())))


async def choose(request: Request) -> Response:
    """GET /admin/connections/new: the identity providers; with one chosen, what it is to be called."""
    visitor = await access.by_session(request)
    return _page(request, visitor, fields.read_query(request))


async def create(request: Request) -> Response:
    """POST /admin/connections/new: keep a draft of it, and lead to its first step."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor)
    desk = access.desk(request, visitor.actor)
    organization = desk.actor.organization or form.get("organization", "")
    body = {name: form.get(name, "").strip() for name in ("protocol", "preset", "display_name")}
    name = form.get("id", "").strip()
    try:
        made = await connections.create(desk, name, organization=organization, body=body)
    except FieldsRefused as refused:
        told = wizard_forms.placed(refused.faults)
        return _page(request, visitor, form, status=refused.status, faults=told)
    except NotFound:
        unknown = {"organization": texts.say("wizard.organization_unknown")}
        return _page(request, visitor, form, status=FieldsRefused.status, faults=unknown)
    return shell.back(f"{HERE}/{made.id}/setup/provider")


def _page(
    request: Request,
    visitor: Visitor,
    told: Mapping[str, str],
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response:
    desk = access.desk(request, visitor.actor)
    desk.demand("connections:write", organization=desk.actor.organization)
    chosen = next(
        (
            one
            for one in choices()
            if one.preset == told.get("preset") and told.get("protocol") in one.protocols
        ),
        None,
    )
    blank = wizard_forms.Blank(faults or {})
    context: dict[str, Any] = {"choices": choices(), "chosen": chosen, "faults": blank}
    if chosen is not None:
        organization = told.get("organization") or desk.actor.organization or ""
        context |= {
            "protocol": told["protocol"],
            "organizations": _organizations(desk),
            "sent": {
                "organization": organization,
                "display_name": told.get("display_name", chosen.title if chosen.preset != "generic" else ""),
                "id": told.get("id") or propose(desk, chosen.preset, told["protocol"], organization),
            },
        }
    return shell.page(request, visitor, "wizard_new.html", here=HERE, status=status, **context)


def _organizations(desk: Desk) -> list[tuple[str, str]]:
    """Return id and name of those that whoever asks may choose from; none where they are too many to list."""
    places = organizations.first(desk, CHOICES + 1)
    known = desk.roster.organizations
    return [(name, known[name].name) for _, name in places] if len(places) <= CHOICES else []


def propose(desk: Desk, preset: str, protocol: str, organization: str) -> str:
    """Return an id that nobody has: the vendor's, with the organization where that is known."""
    vendor = protocol if preset == "generic" else preset
    wanted = f"{organization}-{vendor}" if organization else vendor
    plain = re.sub(r"[^a-z0-9_-]", "", wanted.lower()).lstrip("0123456789_-")[: _LONGEST - 3] or vendor
    taken = {*desk.roster.connections, *desk.roster.kept}
    every = (plain, *(f"{plain}-{number}" for number in range(2, 100)))
    return next((one for one in every if one not in taken), plain)
