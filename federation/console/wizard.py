"""The wizard: from a chosen identity provider to one by which people come in, a step a page.

Each step is kept as it is left, so that one can go away and come back; nobody comes in before the last. The
same pages serve administrators and the holder of a setup link (``seat``).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from federation import settings
from federation.administration import connections, provisioning, setup_domains, trying
from federation.administration import trials as tests
from federation.administration.connection_views import ConnectionView
from federation.configuration import faults
from federation.console import shell, trials, vendors, wizard_forms
from federation.console.seat import STEPS, Seat
from federation.console.wizard_answer import answer, take_answer
from federation.errors import FieldsRefused, ProviderUnavailable
from federation.provisioning.credentials import Minted
from federation.web import texts

_SHOWN: Final = 5  # tests
_PROVISIONING: Final = ("open", "invited_only", "provisioned_only")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step in the list of them."""

    name: str
    path: str
    done: bool


def progress(seat: Seat, view: ConnectionView) -> tuple[Step, ...]:
    """Return every step, and whether nothing is left to do in it."""
    told = not [steps for steps, _ in view.missing if steps and steps[0] != "domains"]
    bounded = bool(view.domains) and all(one.proved or not one.needed for one in view.domains)
    said = bool(view.settings.get("attributes") or view.settings.get("role_rules"))
    done = {
        "provider": told,
        "answer": told,
        "people": bounded,
        "mapping": said or view.enabled,
        "test": view.tried_at is not None,
        "enable": view.enabled,
    }
    return tuple(Step(name=name, path=seat.path(name), done=done[name]) for name in STEPS)


def show_step(seat: Seat, view: ConnectionView, step: str, *, status: int = 200, **context: Any) -> Response:
    """Render a step's page, with where one is among the others."""
    at = STEPS.index(step)
    told = {"faults": {}, "sent": {}} | context
    told |= {name: wizard_forms.Blank(told[name]) for name in ("faults", "sent")}
    return seat.page(
        f"wizard_{step}.html",
        status=status,
        view=view,
        kept=wizard_forms.Blank(view.settings),
        step=step,
        steps=progress(seat, view),
        onward=seat.path(STEPS[at + 1]) if at + 1 < len(STEPS) else "",
        **told,
    )


async def home(seat: Seat) -> Response:
    """GET …/setup: to the first step that is not done."""
    view = await seat.view()
    first = next((one for one in progress(seat, view) if not one.done), None)
    return shell.back(first.path if first else seat.path("enable"))


async def provider(seat: Seat) -> Response:
    """GET …/setup/provider: what to paste there."""
    view = await seat.view()
    return _provider(seat, view, made=None)


async def mint_token(seat: Seat) -> Response:
    """POST …/setup/provider: make a token for the directory; this page alone shows it.

    Where it does not provision yet, a link's holder who may enable the connection has it begin.
    """
    await seat.read_change()
    seat.demand_fresh()
    view = await seat.view()
    if seat.by_link and "scim_url" not in view.urls:
        await connections.update(seat.desk, seat.connection, {"scim": {}}, number=view.number)
    name = texts.say("provisioning.of_link")
    made = await provisioning.create(seat.desk, seat.connection, "bearer", name=name, days=None)
    return _provider(seat, await seat.view(), made=made)


def _provider(seat: Seat, view: ConnectionView, *, made: Minted | None) -> Response:
    vendor = vendors.of(view.preset, view.protocol)
    return show_step(seat, view, "provider", vendor=vendor, made=made)


async def show_answer(seat: Seat) -> Response:
    """GET …/setup/answer: what the provider tells us."""
    view = await seat.view()
    return show_step(seat, view, "answer", **answer(view))


async def save_answer(seat: Seat) -> Response:
    """POST …/setup/answer: look at it, keep it, and show what was found."""
    form, view = await seat.read_change(), await seat.view()
    if view.enabled:
        seat.demand_fresh()
    try:
        taken = await take_answer(seat, view, form)
    except FieldsRefused as refused:
        sent = {name: told for name, told in form.items() if "secret" not in name}
        told = wizard_forms.placed(refused.faults)
        return show_step(seat, view, "answer", status=422, **answer(view) | {"sent": sent, "faults": told})
    return show_step(seat, taken.view, "answer", **answer(taken.view) | {"found": taken.found})


async def people(seat: Seat, **told: Any) -> Response:
    """GET …/setup/people: whose addresses, and the records that prove it."""
    view = await seat.view()
    records = await setup_domains.challenges(seat.desk, view)
    return show_step(seat, view, "people", records=records, ways=_PROVISIONING, **{"looked": None} | told)


async def save_people(seat: Seat) -> Response:
    """POST …/setup/people: keep them, and make the records that they lack."""
    form, view = await seat.read_change(), await seat.view()
    changes: dict[str, Any] = {"domains": wizard_forms.domains(form) or None}
    if not seat.by_link and form.get("provisioning") in _PROVISIONING:
        changes["provisioning"] = form["provisioning"]
    answer = await _keep(seat, view, changes, form, lambda told: people(seat, status=422, **told), "people")
    if isinstance(answer, RedirectResponse):  # it was kept
        await setup_domains.begin(seat.desk, seat.connection)
    return answer


async def look(seat: Seat) -> Response:
    """POST …/setup/people/look: ask DNS for a domain's record now."""
    form = await seat.read_change()
    domain = form.get("domain", "")
    try:
        found = await setup_domains.look(seat.desk, seat.connection, domain)
    except ProviderUnavailable:
        return await people(seat, looked={"domain": domain, "said": "silent"})
    return await people(seat, looked={"domain": domain, "said": "found" if found else "missing"})


async def mapping(seat: Seat, **told: Any) -> Response:
    """GET …/setup/mapping: what they are called, and what they get."""
    view = await seat.view()
    rules = wizard_forms.rows(view.settings.get("role_rules") or ())
    return show_step(
        seat,
        view,
        "mapping",
        profile=wizard_forms.PROFILE,
        rows=wizard_forms.ROWS,
        rules=rules,
        report=await trying.last(seat.desk, seat.connection),
        **{"outcome": None} | told,
    )


async def save_mapping(seat: Seat) -> Response:
    """POST …/setup/mapping: keep it, or try it out on whoever tested last."""
    form, view = await seat.read_change(), await seat.view()
    changes: dict[str, Any] = {
        "attributes": wizard_forms.attributes(form, view.settings.get("attributes") or {})
    }
    if not seat.by_link:
        if wizard_forms.rows(view.settings.get("role_rules") or ()) is not None:
            changes["role_rules"] = wizard_forms.rules(form)
        changes["default_roles"] = wizard_forms.names(form.get("default_roles", "")) or None
    if form.get("do") != "try":
        return await _keep(
            seat, view, changes, form, lambda told: mapping(seat, status=422, **told), "mapping"
        )
    return await _try(seat, changes, form)


async def _try(seat: Seat, changes: Mapping[str, Any], form: Mapping[str, str]) -> Response:
    report = await trying.last(seat.desk, seat.connection)
    if report is None:
        return await mapping(seat, sent=form)
    try:
        outcome = await trying.outcome(seat.desk, report, changes)
    except ValidationError as error:
        found = wizard_forms.placed(tuple(faults.read_errors(error, settings.known_keys())))
        return await mapping(seat, status=422, sent=form, faults=found)
    return await mapping(seat, sent=form, outcome=outcome)


async def test(seat: Seat) -> Response:
    """GET …/setup/test: what a test does, and what came of the latest."""
    view = await seat.view()
    whole = seat.connection in seat.desk.roster.connectors
    page = await tests.every(seat.desk, seat.connection, cursor=None, limit=_SHOWN) if whole else None
    return show_step(seat, view, "test", earlier=page.items if page else ())


async def start_test(seat: Seat) -> Response:
    """POST …/setup/test: to the identity provider, and back to the report."""
    await seat.read_change()
    await seat.view()  # another's is answered as what is not there
    if seat.connection not in seat.desk.roster.connectors:
        return shell.back(seat.path("enable"))  # which says what is missing
    return await trials.leave(seat.request, seat.visitor, seat.connection, seat.place)


async def enable(seat: Seat) -> Response:
    """GET …/setup/enable: what is done and what is missing."""
    view = await seat.view()
    return show_step(seat, view, "enable", lacks=tuple(dict.fromkeys(_lacks(seat, view))))


def _lacks(seat: Seat, view: ConnectionView) -> Iterator[tuple[str, str]]:
    """Yield what is missing in the wizard's words, and the step that asks for it."""
    for steps, why in view.missing:
        key = str(steps[0]) if steps else ""
        if key == "domains":
            yield texts.say("wizard.lacks_domains"), seat.path("people")
        elif key in wizard_forms.ASKED:
            yield texts.say(wizard_forms.ASKED[key]), seat.path("answer")
        else:  # the wizard asks for no such key: whoever set it knows it by its name
            yield f"{'.'.join(map(str, steps))}: {why}", ""


async def let_in(seat: Seat) -> Response:
    """POST …/setup/enable: from here on people come in by it."""
    await seat.read_change()
    seat.demand_fresh()
    await connections.enable(seat.desk, seat.connection)
    return shell.back(seat.path("enable"))


async def _keep(
    seat: Seat,
    view: ConnectionView,
    changes: Mapping[str, Any],
    form: Mapping[str, str],
    again: Callable[[dict[str, Any]], Awaitable[Response]],
    step: str,
) -> Response:
    """Keep keys and lead to the next step; show the form again where they cannot be used."""
    if view.enabled:
        seat.demand_fresh()
    try:
        await connections.update(seat.desk, seat.connection, changes, number=wizard_forms.number(form))
    except FieldsRefused as refused:
        return await again({"sent": form, "faults": wizard_forms.placed(refused.faults)})
    return shell.back(seat.path(step if form.get("do") == "stay" else STEPS[STEPS.index(step) + 1]))
