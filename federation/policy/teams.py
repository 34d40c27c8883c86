"""Teams: which ones a person should be in, and what that changes of those that they are in.

Four things lead into a team: a role rule that names it; a group that a declared team names; a group
that an operator linked to a team of the store; and, with ``create_teams: from_groups``, a group
of which a team is made. What is not declared hangs on the database: it is asked for with the
groups of the person, and decided in the second half.

One source gives one membership, for one reason: what a group gives stays while groups cannot be
had, what a rule gives as long as the rule does. A connection takes away its own alone, and
nobody is put into a team that happens to have a group's name. Pure.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from federation.connection import AnyConnection, Organization
from federation.decision import (
    Standing,
    Team,
    TeamMember,
    TeamWish,
    Wanted,
    is_of_group,
    of_group,
    of_team,
)
from federation.errors import Check
from federation.identity import Grant, Groups, Identity, Presence
from federation.rules.folding import fold

MADE_AT_ONCE = 50  # teams of one sign-in: whoever names groups at a provider does not fill the database
MADE_IN_ALL = (
    1000  # teams of the store in one organization, whoever made them, after which none is made of itself
)
_NAME = 200  # characters
_TOLD = 5  # names in one line of the record

Declared = Mapping[str, tuple[str, ...]]  # key → roles, of each team of the settings file


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a sign-in changes of somebody's teams."""

    make: tuple[Team, ...]
    join: tuple[TeamMember, ...]
    leave: tuple[TeamMember, ...]
    checks: tuple[Check, ...]


_NONE = Change(make=(), join=(), leave=(), checks=())  # nothing leads into a team, and they are in none


def declared(organization: Organization) -> Declared:
    """Return the roles of each team that the settings file declares."""
    return organization.roles_of_teams


def want(who: Identity, connection: AnyConnection, organization: Organization, wanted: Wanted) -> Wanted:
    """Add the teams that groups lead into, as far as the settings tell.

    Args:
        who: Normalized.
        connection: Through which they come.
        organization: The connection's.
        wanted: What the role rules give, teams among it.
    """
    if who.groups.presence is not Presence.PRESENT:
        return wanted
    wishes = [*wanted.teams]
    if organization.teams:
        wishes += _declared(who.groups, connection.id, organization)
    if connection.create_teams == "from_groups":
        wishes += _from_groups(who.groups.names, connection)
    return replace(wanted, teams=tuple(wishes)) if len(wishes) > len(wanted.teams) else wanted


def _declared(groups: Groups, connection: str, organization: Organization) -> Iterable[TeamWish]:
    in_order = groups.in_order
    theirs = frozenset(in_order)
    found = [(key, one) for one, keys in organization.led.items() if one in theirs for key in keys]
    if organization.led_by_prefix:
        for prefix, key in organization.led_by_prefix:
            at = bisect_left(in_order, prefix)
            if at < len(in_order) and in_order[at].startswith(prefix):
                found.append((key, in_order[at]))
    for key, group in found:
        bound = organization.teams[key].connections
        if bound is None or connection in bound:
            yield TeamWish(key=key, why=of_group(group))


def _from_groups(names: Sequence[str], connection: AnyConnection) -> Iterable[TeamWish]:
    """A name that no key can hold makes no team: one too long, or one that does not print."""
    pattern = connection.team_pattern
    for name in names:
        trimmed = name.strip()
        fits = trimmed.isprintable() and len(trimmed) <= _NAME
        if fits and (pattern is None or pattern.fullmatch(trimmed)):
            yield TeamWish(key=fold(trimmed), name=trimmed, why=of_group(fold(name)))


def settle(wanted: Wanted, standing: Standing, source: str, teams: Declared) -> Change:
    """Compare the teams that this source gives with those that it gave.

    Args:
        wanted: What its rules and groups lead into.
        standing: What is so.
        source: The connection's.
        teams: Those of the settings file.
    """
    if not (wanted.teams or standing.members or standing.teams):
        return _NONE
    make, checks = _made(wanted, standing, source, teams)
    reasons = _reasons(wanted, standing, teams, make)
    present = {one.key: one for one in standing.members if one.source == source}
    join = tuple(
        TeamMember(key, source, whys[0])
        for key, whys in reasons.items()
        if key not in present or _is_other(present[key], whys, wanted)
    )
    leave = tuple(
        one for one in present.values() if one.key not in reasons and not wanted.teams_stay.holds(one.why)
    )
    return Change(make=make, join=join, leave=leave, checks=checks)


def _reasons(
    wanted: Wanted, standing: Standing, teams: Declared, make: Sequence[Team]
) -> Mapping[str, list[str]]:
    """Return each team that there is with what leads into it: groups before rules.

    A declared team stands before one of the store that has its key.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for wish in wanted.teams:
        if not wish.name and wish.key in teams:
            found[wish.key].add(wish.why)
    for team in (*standing.teams.values(), *make):
        if team.key not in teams and team.groups:
            found[team.key].update(map(of_group, team.groups))
    return {key: sorted(whys, key=lambda why: (not is_of_group(why), why)) for key, whys in found.items()}


def _is_other(member: TeamMember, whys: Sequence[str], wanted: Wanted) -> bool:
    """Tell whether what is written as the reason has ended, or hides a group behind a rule."""
    if member.why in whys:
        return is_of_group(whys[0]) and not is_of_group(member.why)
    return not wanted.teams_stay.holds(member.why)


def _made(
    wanted: Wanted, standing: Standing, source: str, teams: Declared
) -> tuple[tuple[Team, ...], tuple[Check, ...]]:
    """Return the teams to make of groups, within bounds; who made a team, links of it tell.

    A team of this connection's that is there already has the link that it was made with, unless
    an operator took that away: then the group leads nowhere.
    """
    wishes = {wish.key: wish for wish in reversed(wanted.teams) if wish.name}
    if not wishes:
        return (), ()
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for wish in wanted.teams:
        if wish.name:
            groups[wish.key].add(wish.why)
    there = standing.teams
    taken = [
        wish.name
        for key, wish in wishes.items()
        if key in teams or (key in there and there[key].source != source and not there[key].groups)
    ]
    fresh = sorted(key for key in wishes if key not in teams and key not in there)
    room = max(0, min(MADE_AT_ONCE, MADE_IN_ALL - standing.teams_here))
    checks = []
    if taken:
        said = f"not theirs to join: a team that this connection did not make is called {some(taken)}"
        checks.append(Check("policy.team_taken", said))
    if len(fresh) > room:
        said = f"no team was made of {len(fresh) - room} groups: {MADE_AT_ONCE} at once, {MADE_IN_ALL} in all"
        checks.append(Check("policy.team_bound", said))
    make = tuple(
        Team(
            key=key,
            name=wishes[key].name,
            source=source,
            groups=tuple(sorted(why.removeprefix(of_group("")) for why in groups[key])),
        )
        for key in fresh[:room]
    )
    return make, tuple(checks)


def some(names: Sequence[str]) -> str:
    """Return names for a record, each in quotes, which hide it: a team made of a group has its name."""
    told = ", ".join(map(repr, sorted(names)[:_TOLD]))
    return told if len(names) <= _TOLD else f"{told} and {len(names) - _TOLD} more"


def carried(
    members: Sequence[TeamMember], known: Mapping[str, Team], teams: Declared
) -> tuple[tuple[str, ...], tuple[Grant, ...]]:
    """Return the keys of the teams that there are, sorted, and what they give their members."""
    if not members:
        return (), ()
    keys = tuple(sorted({one.key for one in members if one.key in teams or one.key in known}))
    return keys, tuple(
        Grant(role, of_team(key), "team") for key in keys for role in roles_of(key, known, teams)
    )


def roles_of(key: str, known: Mapping[str, Team], teams: Declared) -> tuple[str, ...]:
    """Return the roles of a team: as declared, else as the store has them."""
    if key in teams:
        return teams[key]
    return known[key].roles if key in known else ()
