"""Role rules: what a connection gives, tried on recent sign-ins and compared before anything is saved.

Whoever compares keeps a worker busy, so it is bounded: in people, in rules that are new, in conditions
that are new, and one at a time in each worker, each organization waiting for its turn with one at most.
``federation policy try`` takes any number.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from federation.administration import connections, decisions
from federation.administration.desk import Desk
from federation.configuration.faults import Fault
from federation.connection import AnyConnection, policies
from federation.connection.policies import Terms
from federation.errors import Check, ConfigurationError, PolicyRefused, TooManyRequests
from federation.identity import Grant, Identity
from federation.policy.decide import decide
from federation.policy.roles import UNDETERMINED
from federation.records import recorded, redaction, what_if
from federation.records.what_if import Report
from federation.store.values import RecordFilter

KEYS: Final = ("role_rules", "match", "strict", "on_no_match", "default_roles")
DAYS: Final = 30
TRIED: Final = 2000  # people of one comparison: some seconds of a worker
TRIED_RULES: Final = 200  # beside as many as there are
TRIED_CONDITIONS: Final = 10  # in CEL, of which one may take a second
RECENT: Final = 20  # sign-ins that rules may be tried on
IN_LINE: Final = 8  # organizations whose comparison is under way in this worker, or waits


class Line:
    """Who compares in this worker: one at a time, in the order of asking, of each organization one."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()  # first come, first served
        self._standing: set[str | None] = set()

    @asynccontextmanager
    async def turn(self, organization: str | None) -> AsyncIterator[None]:
        """Wait for a turn.

        Args:
            organization: Of whoever asks; None: an operator.

        Raises:
            TooManyRequests: ``rate.limited``: theirs is under way, or too many wait.
        """
        if organization in self._standing or len(self._standing) >= IN_LINE:
            raise TooManyRequests("rate.limited", "another what-if is under way", retry_after=5)
        self._standing.add(organization)
        try:
            async with self._turn:
                yield
        finally:
            self._standing.discard(organization)


_LINE: Final = Line()


@dataclass(frozen=True, kw_only=True)
class RulesView:
    """What a connection gives to whom, in the keys of the settings file."""

    connection: str
    title: str
    organization: str
    managed: bool  # by configuration: shown, and not changed here
    number: int  # what ``save`` names
    keys: Mapping[str, Any] = field(repr=False)
    in_force: AnyConnection | None = field(repr=False)  # None: not served, so there is nobody to try it on


@dataclass(frozen=True, kw_only=True)
class Recent:
    """A sign-in that rules may be tried on."""

    reference: str
    at: datetime
    email: str  # redacted
    groups: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What rules make of one identity."""

    reference: str
    why_not: str  # why it could not be tried; ""
    code: str = ""  # of a refusal
    rules: tuple[Check, ...] = ()
    roles: tuple[Grant, ...] = ()
    teams: tuple[str, ...] = ()


async def find(desk: Desk, connection: str) -> RulesView:
    """Return the rules of a connection.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    view = await connections.find(desk, connection)
    return RulesView(
        connection=view.id,
        title=view.title,
        organization=view.organization,
        managed=view.origin == "file",
        number=view.number,
        keys={key: view.settings[key] for key in KEYS if key in view.settings},
        in_force=desk.roster.connections.get(view.id),
    )


def find_faults(desk: Desk, view: RulesView, keys: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return what is wrong with edited rules, each at its key; of what is not served, ``save`` tells."""
    if view.in_force is None:
        return ()
    try:
        _bounded(view.in_force, keys)
    except ConfigurationError as fault:
        return ((("role_rules",), fault.detail),)
    return policies.find_faults(view.in_force, keys, _terms(desk))


async def compare(
    desk: Desk, edited: Mapping[str, Mapping[str, Any]], *, days: int, connection: str | None = None
) -> Report:
    """Return who would gain and lose what under edited policies; nothing is changed.

    Args:
        desk: By whom.
        edited: Connection's id → the keys of its policy that differ.
        days: Whose latest sign-in is older is left out.
        connection: The only one; None: several are asked about.

    Raises:
        ConfigurationError: ``policy.edited``, ``policy.no_connection``: of what was sent, not of ours;
            its sentence holds no value.
        NotAllowed: ``admin.scope``.
        TooManyRequests: ``rate.limited``.
    """
    desk.demand("decisions:read", organization=desk.actor.organization, connection=connection)
    before = after = _terms(desk)
    for name, keys in edited.items():
        one = before.connections.get(name)
        if one is None or not desk.actor.sees(one.organization):
            raise ConfigurationError("policy.no_connection", "a connection is not one of your organization")
        _bounded(one, keys)
        after = after.with_connection(policies.edit(one, keys))
    async with _LINE.turn(desk.actor.organization):
        report, since = Report(), desk.now - timedelta(days=days)
        async for so_far in what_if.report(
            desk.store, desk.vault, before, after, connection=None, since=since, now=desk.now, limit=TRIED
        ):
            report = so_far
    return report


def as_json(desk: Desk, report: Report) -> dict[str, Any]:
    """Return a comparison as plain data: people by user and reference, never by address."""
    told = report.as_json()
    declared = {key for one in desk.roster.organizations.values() for key in one.teams}
    return told | {"people": [redaction.show_difference(one, declared) for one in told["people"]]}


async def recent(desk: Desk, view: RulesView) -> tuple[Recent, ...]:
    """Return the latest sign-ins of a connection, of each person one."""
    if view.in_force is None:
        return ()
    desk.demand("decisions:read", organization=view.organization)
    since = desk.now - timedelta(days=DAYS)
    asked = RecordFilter(organization=view.organization, since=since, connection=view.connection, code="")
    found, _ = await desk.store.list_admitted(asked, None, RECENT, desk.now)
    told: list[Recent] = []
    for one in found:
        kept, _ = recorded.unseal(desk.vault, one.record, one.keys)
        if kept is None or kept.who is None:
            continue
        shown = redaction.show(kept, values=False, refused="")["identity"]
        count = shown["groups"]["count"]
        reference, at = one.record.reference, one.record.at
        told.append(Recent(reference=reference, at=at, email=shown["email"], groups=count))
    return tuple(told)


async def try_on(desk: Desk, view: RulesView, keys: Mapping[str, Any], reference: str) -> Tried:
    """Return what edited rules make of one recent identity; nothing is changed.

    Raises:
        ConfigurationError: ``policy.edited``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.unknown``, ``admin.not_yours``.
    """
    opened = await decisions.find(desk, reference)
    who = opened.kept.who if opened.kept else None
    if view.in_force is None or opened.record.connection != view.connection:
        return Tried(reference=reference, why_not="another")
    if who is None or (opened.kept and opened.kept.cut):
        return Tried(reference=reference, why_not="cut")
    _bounded(view.in_force, keys)
    terms = _terms(desk).with_connection(policies.edit(view.in_force, keys))
    return await _decided(desk, terms, who, reference)


async def _decided(desk: Desk, terms: Terms, who: Identity, reference: str) -> Tried:
    verified = await desk.store.proved_domains(who.organization, desk.now)
    connection, organization = terms.connections[who.connection], terms.organizations[who.organization]
    try:  # not on the loop: a rule may take a second
        decision = await asyncio.to_thread(
            decide, who, connection, organization, (), system_roles=(), verified=verified
        )
    except PolicyRefused as refusal:
        return Tried(reference=reference, why_not="", code=refusal.code, rules=_of_rules(refusal.checks))
    return Tried(
        reference=reference,
        why_not="",
        rules=_of_rules(decision.checks),
        roles=decision.wanted.grants or decision.wanted.otherwise,
        teams=tuple(wish.key for wish in decision.wanted.teams),
    )


def _of_rules(checks: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(one for one in checks if one.code.startswith(("policy.rule:", UNDETERMINED)))


async def save(desk: Desk, view: RulesView, keys: Mapping[str, Any], *, number: int) -> Report | None:
    """Put edited rules in force; return whom it took what from, None of a connection that is not served.

    Raises:
        ChangeConflicts: ``admin.changed_meanwhile``: ``number`` is another by now; ``admin.managed``.
        ConfigurationError: ``policy.edited``.
        FieldsRefused: ``admin.invalid``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
        TooManyRequests: ``rate.limited``.
    """
    desk.demand("connections:write", organization=view.organization, connection=view.connection)
    report = await compare(desk, {view.connection: keys}, days=DAYS) if view.in_force else None
    changes = {key: keys.get(key) or None for key in KEYS}  # what is default is left out
    await connections.update(desk, view.connection, changes, number=number)
    return report


def _terms(desk: Desk) -> Terms:
    return Terms(
        connections=desk.roster.connections,
        organizations=desk.roster.organizations,
        system_roles=desk.settings.system_roles,
    )


def _bounded(connection: AnyConnection, keys: Mapping[str, Any]) -> None:
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
            f"{connection.id}.role_rules: expected at most {TRIED_RULES} rules more than there are, and at "
            f"most {TRIED_CONDITIONS} conditions that are new; `federation policy try` takes any number",
        )
