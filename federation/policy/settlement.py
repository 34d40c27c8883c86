"""Settlement: what a sign-in changes of what stands, and what its session then carries.

Asked within the transaction that carries it out. A source takes away only what it gave itself;
what the session carries is the union of all that is given, the most permissive wins. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from federation.connection import AnyConnection
from federation.decision import (
    INVITATION,
    Carried,
    Outcome,
    Standing,
    Team,
    TeamMember,
    Wanted,
    of_connection,
    of_scim,
)
from federation.errors import Check, PolicyRefused
from federation.identity import Grant, Identity
from federation.policy import grants, profile, teams
from federation.policy.teams import Declared


def settle(  # noqa: PLR0913  all that it hangs on
    who: Identity,
    connection: AnyConnection,
    wanted: Wanted,
    standing: Standing,
    *,
    trusted: bool,
    administrators: frozenset[str],
    system: tuple[Grant, ...],
    declared: Declared,
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
    return _settle(
        who,
        connection,
        wanted,
        standing,
        source=source,
        memberships=_memberships(standing, source),
        trusted=trusted,
        administrators=administrators,
        system=system,
        declared=declared,
    )


def provide(
    who: Identity,
    connection: AnyConnection,
    wanted: Wanted,
    standing: Standing,
    *,
    trusted: bool,
    declared: Declared,
) -> Outcome:
    """Decide what becomes of what stands by what a directory says of somebody who is not signing in.

    Whether they may come in, their sign-in is asked. A directory gives no system role, and may take
    the last administrator's role: to end somebody's access is its office, and break-glass the way back.

    Args:
        who: Whom the directory describes.
        connection: Whose directory.
        wanted: What the connection's rules give.
        standing: What is so, locked.
        trusted: The address is theirs by the connection's word.
        declared: Key and roles of each team of the settings file.
    """
    source = of_scim(connection.id)
    ours = replace(
        wanted,
        grants=tuple(replace(one, source=source) for one in wanted.grants),
        otherwise=tuple(replace(one, source=source) for one in wanted.otherwise),
    )
    return _settle(
        who,
        connection,
        ours,
        standing,
        source=source,
        memberships=() if source in standing.memberships else (source,),
        trusted=trusted,
        administrators=frozenset(),
        system=(),
        declared=declared,
    )


def _settle(  # noqa: PLR0913  all that it hangs on
    who: Identity,
    connection: AnyConnection,
    wanted: Wanted,
    standing: Standing,
    *,
    source: str,
    memberships: tuple[str, ...],
    trusted: bool,
    administrators: frozenset[str],
    system: tuple[Grant, ...],
    declared: Declared,
) -> Outcome:
    """Carry both out: each source takes away what it gave, and nothing else."""
    change = teams.settle(wanted, standing, source, declared)
    if invited := _invited_into(standing, declared):
        change = replace(change, join=change.join + invited)
    known = {**standing.teams, **{team.key: team for team in change.make}}
    keys, of_teams = teams.carried(_members(standing, change), known, declared)
    protected = frozenset() if _any_of(of_teams, administrators) else administrators
    changes = grants.settle(connection, wanted, standing, source=source, administrators=protected)
    add = tuple(grant for grant in (*changes.add, *_invited(standing)) if grant not in standing.grants)
    stay = [grant for grant in standing.grants if grant not in changes.drop]
    asks = False
    if protected and not _any_of((*stay, *add), administrators):
        left, asks = _somebody_left(change, standing, known, declared, administrators)
        if left is not change:
            change = left
            keys, of_teams = teams.carried(_members(standing, change), known, declared)
    return Outcome(
        profile=profile.settle(who, connection, standing, trusted=trusted),
        add=add,
        drop=changes.drop,
        join=change.join,
        leave=change.leave,
        make=change.make,
        memberships=memberships,
        grants=(*dict.fromkeys((*stay, *add)), *of_teams, *system),
        teams=keys,
        checks=(*_kept_address(standing), *changes.checks, *change.checks),
        asks_administrators=changes.asks_administrators or asks,
    )


def carried(standing: Standing, declared: Declared) -> Carried:
    """Return what sessions carry of what stands, where nobody signs in and an operator changed it.

    Args:
        standing: What is so.
        declared: Key and roles of each team of the settings file.
    """
    keys, of_teams = teams.carried(standing.members, standing.teams, declared)
    return Carried(grants=(*standing.grants, *of_teams), teams=keys)


def _members(standing: Standing, change: teams.Change) -> list[TeamMember]:
    return [one for one in (*standing.members, *change.join) if one not in change.leave]


def _any_of(given: Iterable[Grant], administrators: frozenset[str]) -> bool:
    return any(one.role in administrators for one in given)


def _somebody_left(
    change: teams.Change,
    standing: Standing,
    known: Mapping[str, Team],
    declared: Declared,
    administrators: frozenset[str],
) -> tuple[teams.Change, bool]:
    """Keep who is the last administrator in the team that makes them one, or ask whether they are."""
    taken = {
        one.key
        for one in change.leave
        if not administrators.isdisjoint(teams.roles_of(one.key, known, declared))
    }
    if not taken:
        return change, False
    if not standing.last_administrator:
        return change, True
    said = f"nobody else is an administrator: they stay in {teams.some(sorted(taken))}"
    check = Check("policy.last_administrator", said)
    leave = tuple(one for one in change.leave if one.key not in taken)
    return replace(change, leave=leave, checks=(*change.checks, check)), False


def _may_enter(connection: AnyConnection, standing: Standing) -> None:
    if standing.connection_disabled or not connection.enabled:
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
