"""Settlement: what a sign-in changes of what stands, and what its session then carries.

Asked within the transaction that carries it out. A source takes away only what it gave itself;
what the session carries is the union of all that is given, the most permissive wins. Pure.
"""

from collections.abc import Mapping, Sequence

from federation.connection import AnyConnection
from federation.decision import (
    INVITATION,
    Outcome,
    Standing,
    Team,
    TeamMember,
    TeamWish,
    Wanted,
    of_connection,
    of_team,
)
from federation.errors import Check, PolicyRefused
from federation.identity import Grant, Identity
from federation.policy import grants, profile


def settle(  # noqa: PLR0913  all that it hangs on
    who: Identity,
    connection: AnyConnection,
    wanted: Wanted,
    standing: Standing,
    *,
    trusted: bool,
    administrators: frozenset[str],
    system: tuple[Grant, ...],
    declared: Mapping[str, tuple[str, ...]],
) -> Outcome:
    """Decide what becomes of what stands.

    Args:
        who: Who signs in.
        connection: Through which.
        wanted: What its rules give.
        standing: What is so, locked.
        trusted: The address is theirs by the connection's word.
        administrators: Roles of which somebody in the organization must be left.
        system: System roles of this sign-in: the session's alone.
        declared: Key and roles of each team of the settings file.

    Raises:
        PolicyRefused: ``policy.deactivated``, ``policy.connection_disabled``, ``policy.not_a_member``.
    """
    _may_enter(connection, standing)
    source = of_connection(connection.id)
    changes = grants.settle(connection, wanted, standing, administrators=administrators)
    invited_to = _invited(standing)
    add = tuple(grant for grant in (*changes.add, *invited_to) if grant not in standing.grants)
    make, join, leave = _teams(wanted, standing, source, declared)
    join += _invited_into(standing, declared)
    members = [one for one in (*standing.members, *join) if one not in leave]
    teams = tuple(sorted({one.key for one in members}))
    known = dict(standing.teams) | {team.key: team for team in make}
    stay = [grant for grant in standing.grants if grant not in changes.drop]
    return Outcome(
        profile=profile.settle(who, connection, standing, trusted=trusted),
        add=add,
        drop=changes.drop,
        join=join,
        leave=leave,
        make=make,
        memberships=_memberships(standing, source),
        grants=(*dict.fromkeys((*stay, *add)), *_of_teams(teams, known, declared), *system),
        teams=teams,
        checks=(*_kept_address(standing), *changes.checks),
        asks_administrators=changes.asks_administrators,
    )


def _may_enter(connection: AnyConnection, standing: Standing) -> None:
    if standing.connection_disabled:
        raise PolicyRefused("policy.connection_disabled", "an operator has switched this connection off")
    if standing.deactivated:
        raise PolicyRefused(
            "policy.deactivated", f"this user is deactivated (by {', '.join(sorted(standing.deactivated))})"
        )
    if connection.provisioning != "open" and standing.how in _KNOWN and not standing.memberships:
        raise PolicyRefused(
            "policy.not_a_member",
            "this user is no member of the organization any more, and nobody joins it here",
        )


_KNOWN = ("subject", "linked")  # who has been here before


def _memberships(standing: Standing, source: str) -> tuple[str, ...]:
    if standing.memberships:
        return ()
    return (INVITATION,) if standing.invited else (source,)


def _invited(standing: Standing) -> tuple[Grant, ...]:
    invited = standing.invited
    return tuple(Grant(role, INVITATION, invited.id) for role in invited.roles) if invited else ()


def _invited_into(standing: Standing, declared: Mapping[str, object]) -> tuple[TeamMember, ...]:
    """A team that is gone by now is nobody's."""
    if (invited := standing.invited) is None:
        return ()
    there = {*declared, *standing.teams}
    return tuple(TeamMember(key, INVITATION, invited.id) for key in invited.teams if key in there)


def _kept_address(standing: Standing) -> tuple[Check, ...]:
    if not standing.address_taken:
        return ()
    return (Check("policy.email_taken", "another user here has the new address; the earlier one is kept"),)


def _teams(
    wanted: Wanted, standing: Standing, source: str, declared: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[Team, ...], tuple[TeamMember, ...], tuple[TeamMember, ...]]:
    """Return the teams to make, those to join, those to leave: wanted teams less present teams."""
    wishes = {wish.key: wish for wish in wanted.teams}
    for team in standing.teams.values():
        if team.groups:
            wishes.setdefault(team.key, TeamWish(key=team.key, why=team.groups[0]))
    make = tuple(
        Team(key=wish.key, name=wish.name, source=source, groups=(wish.key,))
        for wish in wishes.values()
        if wish.name and wish.key not in standing.teams and wish.key not in declared
    )
    known = {*declared, *standing.teams, *(team.key for team in make)}
    present = {one.key: one for one in standing.members if one.source == source}
    join = tuple(
        TeamMember(wish.key, source, wish.why)
        for wish in wishes.values()
        if wish.key in known and wish.key not in present
    )
    leave = tuple(
        one for one in present.values() if one.key not in wishes and not wanted.teams_stay.holds(one.why)
    )
    return make, join, leave


def _of_teams(
    teams: Sequence[str], known: Mapping[str, Team], declared: Mapping[str, tuple[str, ...]]
) -> tuple[Grant, ...]:
    return tuple(
        Grant(role, of_team(key), "team")
        for key in teams
        for role in (declared[key] if key in declared else known[key].roles if key in known else ())
    )
