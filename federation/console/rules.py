"""/admin/connections/{id}/rules: who gets which roles and teams, tried and compared before it is saved."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from starlette.requests import Request
from starlette.responses import Response

from federation.administration import rules
from federation.administration.desk import Desk
from federation.administration.rules import RulesView
from federation.configuration.faults import Fault
from federation.console import access, rule_form, shell, steps
from federation.console.access import Visitor
from federation.console.rule_form import Draft
from federation.errors import ChangeConflicts, ConfigurationError, FieldsRefused, ProveAgain
from federation.records.what_if import Report
from federation.web import fields

HERE: Final = "/admin/connections"
LISTED: Final = 200  # people of a comparison that a page names
_ACT: Final = re.compile(r"(add|up|down|remove|try|preview|save)(?:\.([0-9]{1,3}))?")


async def show(request: Request) -> Response:
    """GET /admin/connections/{id}/rules; ``?on=`` a sign-in, the rules are tried on it."""
    visitor = await access.by_session(request)
    desk = access.desk(request, visitor.actor)
    view = await rules.find(desk, request.path_params["id"])
    draft, on = rule_form.of_keys(view.keys), fields.read_query(request).get("on", "")
    told = await _try(desk, view, draft, on) if on and view.in_force else {}
    return await _page(request, visitor, view, draft, on=on, **told)


async def change(request: Request) -> Response:
    """POST /admin/connections/{id}/rules: the form again, changed as its button says; or saved."""
    visitor = await access.by_session(request)
    form = await access.read_change(request, visitor, most=rule_form.FIELDS)
    desk = access.desk(request, visitor.actor)
    view = await rules.find(desk, request.path_params["id"])
    draft, on = rule_form.read(form), form.get("on", "")
    act, at = _act(form.get("act", ""))
    told: dict[str, Any] = {}
    match act:
        case "add":
            draft = draft.with_another()
        case "remove":
            draft = draft.without(at)
        case "up" | "down":
            draft = draft.moved(at, at - 1 if act == "up" else at + 1)
        case "try":
            told = await _try(desk, view, draft, on)
        case "save" if not view.managed and _was_shown(form, visitor, view, draft):
            told = await _save(request, visitor, view, draft, _number(form))
            if told.get("saved"):
                view = await rules.find(desk, view.connection)
        case _:
            told = await _preview(desk, visitor, view, draft)
            told["notice"] = "preview_first" if act == "save" and "shown" in told else ""
    return await _page(request, visitor, view, draft, on=on, **told)


def _act(told: str) -> tuple[str, int]:
    found = _ACT.fullmatch(told)
    return (found[1], int(found[2] or 0)) if found else ("preview", 0)


def _number(form: Mapping[str, str]) -> int:
    told = form.get("number", "")
    return int(told) if re.fullmatch(r"[0-9]{1,18}", told) else 0


async def _try(desk: Desk, view: RulesView, draft: Draft, on: str) -> dict[str, Any]:
    if found := rules.find_faults(desk, view, draft.keys):
        return {"faults": _by_place(found)}
    if not on:
        return {"notice": "choose"}
    tried = await rules.try_on(desk, view, draft.keys, on)
    return {"tried": tried, "tried_rules": steps.of_rules(tried.rules, values=False)}


async def _preview(desk: Desk, visitor: Visitor, view: RulesView, draft: Draft) -> dict[str, Any]:
    """Return the comparison, and the proof that it was shown to whoever has this session."""
    if found := rules.find_faults(desk, view, draft.keys):
        return {"faults": _by_place(found)}
    report = None
    if view.in_force is not None:
        try:
            report = await rules.compare(desk, {view.connection: draft.keys}, days=rules.DAYS)
        except ConfigurationError as fault:
            return {"faults": _by_place((((), fault.detail),))}
    return {
        "report": _told(desk, report),
        "previewed": True,
        "shown": _proof(visitor, view, view.number, draft),
    }


async def _save(
    request: Request, visitor: Visitor, view: RulesView, draft: Draft, number: int
) -> dict[str, Any]:
    """Save; what stands against it is told on the same page, so that nothing of the form is lost."""
    desk = access.desk(request, visitor.actor)
    try:
        access.demand_fresh(request, visitor)
        report = await rules.save(desk, view, draft.keys, number=number)
    except ProveAgain:
        return {"notice": "prove", "shown": _proof(visitor, view, number, draft), "number": number}
    except ChangeConflicts:
        return {"notice": "changed_meanwhile"}
    except FieldsRefused as refused:
        return {"faults": _by_place(refused.faults)}
    return {"saved": True, "report": _told(desk, report)}


def _told(desk: Desk, report: Report | None) -> Mapping[str, Any] | None:
    if report is None:
        return None
    told = rules.as_json(desk, report)
    losing = sorted(told["people"], key=lambda one: not (one["loses"] or one["leaves"]))
    return told | {"people": losing[:LISTED], "more": max(len(losing) - LISTED, 0)}


def _proof(visitor: Visitor, view: RulesView, number: int, draft: Draft) -> str:
    """Return what says that the comparison of exactly these rules was shown in this session."""
    said = json.dumps([view.connection, number, draft.keys], sort_keys=True)
    return hmac.new(visitor.credential.encode(), b"rules" + said.encode(), hashlib.sha256).hexdigest()


def _was_shown(form: Mapping[str, str], visitor: Visitor, view: RulesView, draft: Draft) -> bool:
    sent = form.get("shown", "")
    return sent.isascii() and hmac.compare_digest(sent, _proof(visitor, view, _number(form), draft))


def _by_place(found: tuple[Fault, ...]) -> dict[str, str]:
    """Return faults by the field that they stand beside; what has none stands above the form."""
    told: dict[str, str] = {}
    for at, why in found:
        place = _place(at)
        told[place] = f"{told[place]}; {why}" if place in told else why
    return told


def _place(place: tuple[str | int, ...]) -> str:
    match place:
        case ("role_rules", int(at), "attribute", "in", *_):
            return f"rules.{at}.values"
        case ("role_rules", int(at), str(name), *_):
            return f"rules.{at}.{name}"
        case ("role_rules", int(at), *_):
            return f"rules.{at}"
        case ("role_rules",):
            return "role_rules"
        case ("match" | "strict" | "on_no_match" | "default_roles" as name, *_):
            return name
        case _:
            return ""


async def _page(
    request: Request, visitor: Visitor, view: RulesView, draft: Draft, *, on: str, **told: Any
) -> Response:
    desk = access.desk(request, visitor.actor)
    shown = {
        "faults": {},
        "tried": None,
        "tried_rules": (),
        "report": None,
        "previewed": False,
        "shown": "",
        "saved": False,
        "notice": "",
        "number": view.number,
    } | told
    keys = {key: value for key, value in draft.keys.items() if value not in ([], False, "first", "remove")}
    return shell.page(
        request,
        visitor,
        "console_rules.html",
        here=HERE,
        status=422 if shown["faults"] else 200,
        view=view,
        draft=draft,
        on=on,
        recent=await rules.recent(desk, view),
        yaml=yaml.safe_dump(keys, sort_keys=False, allow_unicode=True) if keys else "",
        **shown,
    )
