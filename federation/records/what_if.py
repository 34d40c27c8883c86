"""What if: who would gain and lose what under an edited policy, before anything is saved.

The identities of recent sign-ins are decided again, under the policy in force and under the
edited one, each with what stands of the person now. Nothing is written. Whoever cannot be told
(their identity was cut, their key erased, their groups unobtainable) is never guessed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from federation.connection import policies
from federation.connection.policies import Terms
from federation.decision import Decision, Outcome, Standing
from federation.errors import PolicyRefused
from federation.identity import Identity, Presence
from federation.policy.decide import decide
from federation.records import recorded
from federation.store.store import Store
from federation.store.values import Admitted, Cursor, RecordFilter
from federation.vault import Vault

LISTED: Final = 10_000  # people whose difference is kept by name; all are counted
_BATCH: Final = 100
_TURN: Final = 10  # people after which others have their turn on the loop

Kind = Literal["same", "changed", "stays", "refused", "entering", "unknown"]
_STAYS: Final = "policy.last_administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an edited policy does to one person at one connection."""

    kind: Kind  # entering: refused under the policy in force; stays: only as nobody else administers
    connection: str
    reference: str  # of the sign-in that was decided again
    email: str = field(default="", repr=False)
    user: str = ""
    gains: tuple[str, ...] = ()  # roles
    loses: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()  # keys of teams
    leaves: tuple[str, ...] = ()
    why: str = ""  # of a refusal its code; of what is not known, the reason

    @property
    def takes(self) -> bool:
        """Tell whether it takes something from them."""
        return self.kind == "refused" or bool(self.loses or self.leaves)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "outcome": self.kind,
            "connection": self.connection,
            "reference": self.reference,
            "email": self.email,
            "user": self.user,
            "gains": list(self.gains),
            "loses": list(self.loses),
            "joins": list(self.joins),
            "leaves": list(self.leaves),
            "why": self.why,
        }


@dataclass(kw_only=True)
class Report:
    """All differences counted, and those who notice one by name."""

    tried: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)  # role → people
    lost: Counter[str] = field(default_factory=Counter)
    losing: int = 0  # people who would lose a role or a team, or be refused
    people: list[Difference] = field(default_factory=list)
    removed: tuple[str, ...] = ()  # connections that the edited policy does not have
    complete: bool = True

    def add(self, one: Difference) -> None:
        """Count one person."""
        self.tried += 1
        self.kinds[one.kind] += 1
        self.gained.update(one.gains)
        self.lost.update(one.loses)
        self.losing += one.takes
        if one.kind != "same" and len(self.people) < LISTED:
            self.people.append(one)

    @property
    def takes(self) -> bool:
        """Tell whether anybody would lose anything."""
        return bool(self.losing or self.removed)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, counts first."""
        return {
            "tried": self.tried,
            "losing": self.losing,
            **{
                kind: self.kinds[kind]
                for kind in ("same", "changed", "stays", "refused", "entering", "unknown")
            },
            "roles_gained": dict(sorted(self.gained.items())),
            "roles_lost": dict(sorted(self.lost.items())),
            "removed_connections": list(self.removed),
            "complete": self.complete,
            "people": [one.as_json() for one in self.people],
        }


def edited_connections(before: Terms, after: Terms) -> tuple[str, ...]:
    """Return the connections of both whose policy differs."""
    return tuple(
        name
        for name in before.connections
        if name in after.connections and policies.tell(before, name) != policies.tell(after, name)
    )


async def compare(
    store: Store,
    vault: Vault,
    before: Terms,
    after: Terms,
    connection: str,
    *,
    since: datetime,
    now: datetime,
) -> AsyncIterator[Difference]:
    """Yield what becomes of everybody who came through one connection, the latest first.

    Args:
        store: Where records and grants are read.
        vault: Opens the records.
        before: The policy in force.
        after: The edited one.
        connection: Of both.
        since: Earlier sign-ins are left out. UTC.
        now: UTC.

    Raises:
        StoreUnavailable: Half of it was told.
    """
    organization = before.connections[connection].organization
    asked = RecordFilter(organization=organization, since=since, connection=connection, code="")
    verified = await store.proved_domains(organization, now)
    cursor: Cursor | None = None
    number = 0
    while True:
        found, cursor = await store.list_admitted(asked, cursor, _BATCH, now)
        for one in found:
            yield await _difference(store, vault, before, after, one, verified)
            number += 1
            if number % _TURN == 0:
                await asyncio.sleep(0)
        if cursor is None:
            return


async def _difference(
    store: Store, vault: Vault, before: Terms, after: Terms, one: Admitted, verified: frozenset[str]
) -> Difference:
    record = one.record
    kept, why = recorded.unseal(vault, record, one.keys)
    told: dict[str, Any] = {"connection": record.connection, "reference": record.reference}
    if kept is None:
        return Difference(kind="unknown", why=why, **told)
    who = kept.who
    if who is None:
        return Difference(kind="unknown", why="the record holds no identity", **told)
    told |= {"email": who.email, "user": kept.user}
    if kept.cut:
        return Difference(kind="unknown", why=f"the record was full: without {', '.join(kept.cut)}", **told)
    if who.groups.presence is Presence.UNOBTAINABLE:
        return Difference(kind="unknown", why="their groups were unobtainable", **told)
    found = await _outcomes(store, before, after, who, verified)
    if found is None:
        return Difference(kind="unknown", why="their account is gone", **told)
    return _held_against(*found, told)


async def _outcomes(
    store: Store, before: Terms, after: Terms, who: Identity, verified: frozenset[str]
) -> tuple[Outcome | PolicyRefused, Outcome | PolicyRefused] | None:
    """Decide twice; None where the person has no account any more."""
    stood: dict[tuple[object, ...], Standing | None] = {}
    found: list[Outcome | PolicyRefused] = []
    for terms in (before, after):
        try:
            connection = terms.connections[who.connection]
            if not connection.enabled:
                raise PolicyRefused("policy.connection_disabled", "the connection is switched off")  # noqa: TRY301
            # Not on the loop: rules that somebody tries may take a second each.
            decision = await asyncio.to_thread(
                decide,
                who,
                connection,
                terms.organizations[connection.organization],
                (),
                system_roles=terms.system_roles.get(who.connection, ()),
                verified=verified,
            )
            asked = _asked(decision)
            if asked not in stood:
                stood[asked] = await store.stands(decision)
            if (standing := stood[asked]) is None:
                return None
            found.append(decision.settle(standing))
        except PolicyRefused as refusal:
            found.append(refusal)
    return found[0], found[1]


def _asked(decision: Decision) -> tuple[object, ...]:
    """Return what of a decision the store reads a person's standing by."""
    named = frozenset(wish.key for wish in decision.wanted.teams if wish.name)
    return decision.groups, named, decision.administrators, decision.administrator_teams


def _held_against(
    now: Outcome | PolicyRefused, then: Outcome | PolicyRefused, told: Mapping[str, Any]
) -> Difference:
    if isinstance(now, PolicyRefused) and isinstance(then, PolicyRefused):
        return Difference(kind="same", **told)
    had, has = _holds(now), _holds(then)
    changes: dict[str, Any] = {
        "gains": tuple(sorted(has[0] - had[0])),
        "loses": tuple(sorted(had[0] - has[0])),
        "joins": tuple(sorted(has[1] - had[1])),
        "leaves": tuple(sorted(had[1] - has[1])),
    }
    if isinstance(then, PolicyRefused):
        return Difference(kind="refused", why=then.code, **changes, **told)
    if isinstance(now, PolicyRefused):
        return Difference(kind="entering", why=now.code, **changes, **told)
    if any(changes.values()):
        return Difference(kind="changed", **changes, **told)
    if _is_kept(then) and not _is_kept(now):
        return Difference(kind="stays", why=_STAYS, **told)
    return Difference(kind="same", **told)


def _is_kept(outcome: Outcome) -> bool:
    """Tell whether somebody keeps what rules no longer give, so that somebody administers."""
    return any(one.code == _STAYS for one in outcome.checks)


def _holds(outcome: Outcome | PolicyRefused) -> tuple[set[str], set[str]]:
    """Return roles and teams of the session; none, where there is none."""
    if isinstance(outcome, PolicyRefused):
        return set(), set()
    return {grant.role for grant in outcome.grants}, set(outcome.teams)


async def report(  # noqa: PLR0913  as ``compare``
    store: Store,
    vault: Vault,
    before: Terms,
    after: Terms,
    *,
    connection: str | None,
    since: datetime,
    now: datetime,
    limit: int | None,
) -> AsyncIterator[Report]:
    """Yield the same report again and again as it grows; the last is the whole.

    Arguments as ``compare``, but for:

    Args:
        store: See there.
        vault: See there.
        before: See there.
        after: See there.
        connection: None: every one whose policy differs.
        since: See there.
        now: See there.
        limit: People after whom it ends, ``complete`` or not; None: there is none.
    """
    told = Report(
        removed=tuple(
            name
            for name in before.connections
            if name not in after.connections and connection in (None, name)
        )
    )
    yield told
    for name in edited_connections(before, after):
        if connection not in (None, name):
            continue
        async for one in compare(store, vault, before, after, name, since=since, now=now):
            if limit is not None and told.tried >= limit:
                told.complete = False
                yield told
                return
            told.add(one)
            if told.tried % _BATCH == 0:
                yield told
    yield told
