"""Grants: what a connection takes away of what it gave, and what it adds.

It touches no grant of another source: those of an administrator's hand, of another connection,
of a directory. Pure.
"""

from dataclasses import dataclass

from federation.connection import AnyConnection
from federation.decision import Standing, Wanted
from federation.errors import Check
from federation.identity import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a sign-in adds to a person's grants and takes from them."""

    add: tuple[Grant, ...]
    drop: tuple[Grant, ...]
    asks_administrators: bool  # it drops their last administrator's role: is anybody left?
    checks: tuple[Check, ...]


def settle(
    connection: AnyConnection,
    wanted: Wanted,
    standing: Standing,
    *,
    source: str,
    administrators: frozenset[str],
) -> Changes:
    """Hold what the rules give against what stands.

    Args:
        connection: Through which they come.
        wanted: What its rules give.
        standing: What is so, locked.
        source: Whose grants these are.
        administrators: Roles of which somebody in the organization must be left.
    """
    ours = tuple(grant for grant in standing.grants if grant.source == source)
    if connection.role_sync == "first_login" and standing.signed_in_before:
        said = "roles are given at the first sign-in alone (role_sync: first_login); what stands stays"
        return Changes(add=(), drop=(), asks_administrators=False, checks=(Check("policy.role_sync", said),))
    given = tuple(dict.fromkeys(wanted.grants))
    drop = tuple(grant for grant in ours if grant not in given and not wanted.stays.holds(grant.why))
    if not given and len(drop) == len(ours):
        given = tuple(dict.fromkeys(wanted.otherwise))
    drop, asks, checks = _somebody_left(standing, given, drop, administrators)
    add = tuple(grant for grant in given if grant not in ours)
    return Changes(add=add, drop=drop, asks_administrators=asks, checks=checks)


def _somebody_left(
    standing: Standing, given: tuple[Grant, ...], drop: tuple[Grant, ...], administrators: frozenset[str]
) -> tuple[tuple[Grant, ...], bool, tuple[Check, ...]]:
    """Return what is dropped indeed, and whether the store has to look for other administrators."""
    taken = [one for one in drop if one.role in administrators]
    if not taken:
        return drop, False, ()
    rest = [grant for grant in (*standing.grants, *given) if grant not in drop]
    if any(one.role in administrators for one in rest):
        return drop, False, ()
    if not standing.last_administrator:
        return drop, True, ()
    roles = ", ".join(sorted({one.role for one in taken}))
    check = Check("policy.last_administrator", f"nobody else is an administrator: {roles} stays")
    return tuple(one for one in drop if one not in taken), False, (check,)
