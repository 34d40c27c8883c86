"""Standing: what is so of a person in an organization, and how an outcome changes it.

Read after the person's account is locked, and written in the same transaction: two sign-ins of
one person follow one another, and each sees what the other left. What is decided in between is
policy's: see ``decision``.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from federation.decision import (
    Bootstrap,
    Carried,
    Decision,
    Enforced,
    How,
    Invited,
    Outcome,
    Profile,
    Standing,
    Team,
    TeamMember,
)
from federation.identity import Grant, Identity
from federation.store import accounts_sql, people_sql, rows, sql, standing_sql
from federation.store.rows import Ask, Row, Steps, Together, micros, storable


@dataclass(frozen=True, kw_only=True)
class Known:
    """Whose standing it is. ``around`` is what the statements of that name were answered."""

    user_id: str
    how: How
    signed_in_before: bool
    profile: Profile
    invited: Invited | None = None
    described: Profile | None = None  # by the connection's directory
    around: tuple[Sequence[Row], ...] | None = None  # of somebody who is made by this sign-in


def teams_kept(organization: str) -> Ask:
    """Return the statement that asks whether there are teams of the store: see ``stands``."""
    return standing_sql.HAS_TEAMS, {"organization_id": organization}


def settle(
    decision: Decision, known: Known, now: datetime, *, has_teams: bool, bootstrap: Bootstrap
) -> Steps[tuple[Standing, Outcome]]:
    """Read what stands, and have policy decide what becomes of it; teams that it makes are made.

    Args:
        decision: Of whom.
        known: Their account, which is locked.
        now: UTC.
        has_teams: See ``stands``.
        bootstrap: What came of the link that the browser holds: see ``bootstrap.use``.

    Raises:
        PolicyRefused: Whatever policy says.
    """
    who = decision.identity
    standing = yield from stands(decision, known, has_teams=has_teams)
    if bootstrap:
        standing = replace(standing, bootstrap=bootstrap)
    address = (known.described.email if known.described else "") or who.email
    if address and address.lower() != known.profile.email.lower():
        taken = yield from _is_taken(who.organization, storable(address).lower(), known)
        standing = replace(standing, address_taken=taken)
    if known.invited is not None and known.invited.teams:
        theirs = yield from invited_teams(who.organization, known.invited)
        standing = replace(standing, teams={**theirs, **standing.teams})
    outcome = decision.settle(standing)
    if outcome.make:
        standing = yield from _made(decision, standing, known.user_id, now)
        outcome = decision.settle(standing)
    if outcome.asks_administrators and (yield from _is_last(decision, known)):
        standing = replace(standing, last_administrator=True)
        outcome = decision.settle(standing)
    return standing, outcome


def invited_teams(organization: str, invitation: Invited) -> Steps[Mapping[str, Team]]:
    """Read the teams that an invitation leads into, by key."""
    keys = {"organization_id": organization, "keys": json.dumps(invitation.teams)}
    return _teams((yield people_sql.FIND_TEAMS_NAMED, keys))


def stands(decision: Decision, known: Known, *, has_teams: bool) -> Steps[Standing]:
    """Read what stands, for this decision about this person.

    Args:
        decision: The decision.
        known: Their account.
        has_teams: Whether the organization has teams of the store: where there is none, no group
            leads to one, and 500 groups are not asked for. One that is made since counts from
            their next sign-in; but whoever is in it by now has what it gives.
    """
    if known.around is not None:
        return _read(known, known.around[0], known.around[1] if len(known.around) > 1 else ())
    who = decision.identity
    place = {"organization_id": who.organization, "user_id": known.user_id, "connection": who.connection}
    if has_teams and decision.groups:
        found, teams = yield (standing_sql.FIND_STANDING, place), _their_teams(decision, place)
        return _read(known, found, teams)
    found = yield standing_sql.FIND_STANDING, place
    standing = _read(known, found, ())
    if not any(kind == "kept" for kind, *_ in found):
        return standing
    return replace(standing, teams=_teams((yield _their_teams(decision, place))))


def around(decision: Decision, *, has_teams: bool) -> Together:
    """Return the statements that read what stands for somebody who is made by this sign-in.

    Nothing is theirs; but for ``Known.around`` it is as ``stands`` has it.
    """
    who = decision.identity
    place = {"organization_id": who.organization, "user_id": "", "connection": who.connection}
    asked = standing_sql.FIND_STANDING_OF_NEW, {**place, "email_key": storable(who.email.lower())}
    return (asked, _their_teams(decision, place)) if has_teams and decision.groups else (asked,)


def _their_teams(decision: Decision, place: Mapping[str, object]) -> Ask:
    named = {wish.key for wish in decision.wanted.teams if wish.name}
    groups = json.dumps([storable(one) for one in decision.groups])
    return standing_sql.FIND_TEAMS, {**place, "groups": groups, "keys": json.dumps(sorted(named))}


def _made(decision: Decision, standing: Standing, user_id: str, now: datetime) -> Steps[Standing]:
    """Make the teams that policy makes where it knows how many there are, each led to by its groups.

    Returns:
        What stands now; with the teams, where somebody else made one of them meanwhile.
    """
    who = decision.identity
    place = {"organization_id": who.organization, "user_id": user_id, "connection": who.connection}
    ((here,),) = yield standing_sql.COUNT_TEAMS, place
    standing = replace(standing, teams_here=here)
    all_ours = True
    for team in decision.settle(standing).make:
        told = {**place, "key": team.key, "name": team.name, "source": team.source, "now": micros(now)}
        if (yield standing_sql.MAKE_TEAM, told):
            for group in team.groups:
                yield standing_sql.LINK_TEAM, {**told, "group_key": storable(group)}
        else:
            all_ours = False
    if all_ours:
        return standing
    return replace(standing, teams=_teams((yield _their_teams(decision, place))))


def of(organization: str, user_id: str) -> Steps[Standing]:
    """Read what is so of somebody, whoever asks."""
    place = {"organization_id": organization, "user_id": user_id, "connection": ""}
    found, teams = yield (
        (standing_sql.FIND_STANDING, place),
        (standing_sql.FIND_TEAMS, {**place, "groups": "[]", "keys": "[]"}),
    )
    whose = Known(user_id=user_id, how="subject", signed_in_before=True, profile=Profile())
    return _read(whose, found, teams)


def _read(known: Known, found: Sequence[Row], teams: Sequence[Row]) -> Standing:
    told: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for kind, first, second, third in found:
        told[kind].append((first, second, third))
    return Standing(
        user_id=known.user_id,
        how=known.how,
        signed_in_before=known.signed_in_before,
        profile=known.profile,
        described=known.described,
        invited=known.invited,
        grants=tuple(Grant(*one) for one in sorted(told["grant"])),
        members=tuple(TeamMember(*one) for one in sorted(told["member"])),
        teams=_teams(teams),
        memberships=frozenset(source for source, *_ in told["membership"]),
        deactivated=frozenset(
            source if organization else f"*:{source}" for source, organization, _ in told["deactivated"]
        ),
        connection_disabled=bool(told["disabled"]),
        enforced=tuple(
            Enforced(domain=domain, connections=tuple(json.loads(ways)), has_address=bool(here))
            for domain, ways, here in sorted(told["enforced"])
        ),
    )


def _teams(found: Sequence[Row]) -> Mapping[str, Team]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    roles: defaultdict[str, list[str]] = defaultdict(list)
    for kind, key, told, _ in found:
        if kind == "group":
            groups[key].append(told)
        elif kind == "role":
            roles[key].append(told)
    return {
        key: Team(
            key=key,
            name=name,
            source=source,
            groups=tuple(sorted(groups[key])),
            roles=tuple(sorted(roles[key])),
        )
        for kind, key, name, source in found
        if kind == "team"
    }


def _is_taken(organization: str, email_key: str, known: Known) -> Steps[bool]:
    """Tell whether another user of the organization has the address, which is locked until the end."""
    yield hold_address(organization, email_key)
    address = {"organization_id": organization, "email_key": email_key}
    return any(user_id != known.user_id for (user_id,) in (yield standing_sql.ADDRESS_HOLDERS, address))


def hold_address(organization: str, email_key: str) -> Ask:
    """Return the statement that lets nobody else claim this address until the end."""
    return sql.LOCK_NAME, {"gate": gate("address", organization, email_key)}


def gate_of_address(who: Identity) -> int:
    """Return the lock of the address that somebody comes with; without one, of their Subject."""
    return gate("address", who.organization, who.email.lower() or who.subject.person)


def _is_last(decision: Decision, known: Known) -> Steps[bool]:
    """As ``is_last``; nobody's role is taken meanwhile."""
    yield sql.LOCK_NAME, {"gate": gate("administrators", decision.identity.organization)}
    return (yield from is_last(decision, known))


def is_last(decision: Decision, known: Known) -> Steps[bool]:
    """Tell whether nobody but this user has an administrator's role, by a grant or a team."""
    asked = {
        "organization_id": decision.identity.organization,
        "user_id": known.user_id,
        "roles": json.dumps(sorted(decision.administrators)),
        "teams": json.dumps(sorted(decision.administrator_teams)),
    }
    ((others,),) = yield standing_sql.OTHER_ADMINISTRATORS, asked
    return not others


def gate(*parts: str) -> int:
    """Return the lock of what these words name: see ``postgres_words.GATES``."""
    return int.from_bytes(rows.digest("gate", *parts)[:8], "big", signed=True)


def changes(decision: Decision, standing: Standing, outcome: Outcome, now: datetime) -> Iterable[Ask]:
    """Yield the statements that carry an outcome out; mostly there are none."""
    who = decision.identity
    place = {"organization_id": who.organization, "user_id": standing.user_id}
    at = {**place, "now": micros(now)}
    if outcome.profile != standing.profile:
        yield (
            accounts_sql.UPDATE_PROFILE,
            profile_values(outcome.profile)
            | {
                "organization_id": who.organization,
                "person": who.subject.person,
            },
        )
    if standing.how == "subject" and not standing.signed_in_before:  # known by a join alone
        yield accounts_sql.UPDATE_JOINED, {"organization_id": who.organization, "person": who.subject.person}
    for source in outcome.memberships:
        yield standing_sql.ADD_MEMBERSHIP, {**at, "source": source}
    for grant in outcome.drop:
        yield standing_sql.DROP_GRANT, {**place, "source": grant.source, "role": grant.role, "why": grant.why}
    for grant in outcome.add:
        yield standing_sql.ADD_GRANT, {**at, "source": grant.source, "role": grant.role, "why": grant.why}
    for member in outcome.leave:
        yield standing_sql.LEAVE_TEAM, {**place, "key": member.key, "source": member.source}
    for member in outcome.join:
        yield (
            standing_sql.JOIN_TEAM,
            {**at, "key": member.key, "source": member.source, "why": storable(member.why)},
        )


def profile_values(profile: Profile) -> dict[str, object]:
    """Return a profile as the columns of an account."""
    name = profile.display_name or f"{profile.given_name} {profile.family_name}".strip()
    return {
        "email": storable(profile.email),
        "email_key": storable(profile.email.lower()),
        "email_proven": int(profile.email_proven),
        "given_name": storable(profile.given_name),
        "family_name": storable(profile.family_name),
        "display_name": storable(profile.display_name),
        "name_key": storable(name.lower()),
    }


def storable_profile(profile: Profile) -> Profile:
    """Return a profile as it is read back."""
    return Profile(
        email=storable(profile.email),
        email_proven=profile.email_proven,
        given_name=storable(profile.given_name),
        family_name=storable(profile.family_name),
        display_name=storable(profile.display_name),
    )


def tell_sessions(organization: str, user_id: str, told: Carried, now: datetime) -> Steps[None]:
    """Have the person's other live sessions say the same of their roles and teams.

    What only a sign-in gives stays with the session that it gave it to: groups, attributes, and
    system roles.
    """
    place = {"organization_id": organization, "user_id": user_id, "now": micros(now)}
    for token_hash, data in (yield standing_sql.FIND_SNAPSHOTS, place):
        retold = rows.retold(data, told)
        if retold != data:
            yield standing_sql.UPDATE_SNAPSHOT, {"token_hash": token_hash, "data": retold}
