"""People: who they are here, what they have and by whom, and every way to give or end that.

Of one organization always: what another one knows of the same person is not read, nor changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.administration import administrators, people_data, places
from federation.administration.desk import Desk
from federation.administration.giving_back import give_back
from federation.administration.paging import Page, read_cursor, write_cursor
from federation.connectors.contract import Revocation
from federation.decision import MANUAL, TeamMember
from federation.errors import FieldsRefused, NotFound, PolicyRefused
from federation.identity import Grant, Session
from federation.policy import settlement, teams
from federation.store.directory_values import PeopleFilter, PersonListed, RecordLine
from federation.store.people_values import AccountOf, Changed, Ended, Erased
from federation.store.values import KeptTokensOf

SIGN_INS: Final = 20  # records of somebody that their page lists
LONGEST_ROLE: Final = 200  # characters


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user in one organization."""

    organization: str
    listed: PersonListed
    accounts: tuple[AccountOf, ...] = field(repr=False)
    memberships: tuple[str, ...]  # sources
    deactivated_by: tuple[str, ...]  # sources; of the whole installation with "*:" before
    grants: tuple[Grant, ...]  # of every source, teams among them
    teams: tuple[TeamMember, ...]
    sessions: tuple[Session, ...]
    sign_ins: tuple[RecordLine, ...]

    @property
    def id(self) -> str:
        """The user's."""
        return self.listed.user_id

    @property
    def names(self) -> tuple[str, ...]:
        """What may be typed to name them: their addresses, else their id."""
        emails = tuple(dict.fromkeys(one.email for one in self.accounts if one.email))
        return emails or ((self.listed.email,) if self.listed.email else (self.id,))


async def list_people(
    desk: Desk, asked: PeopleFilter, *, cursor: str | None, limit: int
) -> Page[PersonListed]:
    """Return people of an organization. It may be short, or empty, and lead on.

    Raises:
        FieldsRefused: ``admin.invalid``: the cursor.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    places.organization(desk, "people:read", asked.organization)
    place = read_cursor(cursor, str, str, str)
    after = None if place is None else (str(place[0]), str(place[1]), str(place[2]))
    page = await desk.store.list_people(asked, after, limit)
    return Page(items=page.people, next=write_cursor(page.next) if page.next else None)


async def find(desk: Desk, organization: str, user: str) -> Person:
    """Return all that is known of somebody in an organization.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = await places.person(desk, "people:read", organization, user)
    listed, known = await desk.store.describe_person(organization, user, desk.now)
    carried = settlement.carried(known.standing, teams.declared(tenant))
    return Person(
        organization=organization,
        listed=listed,
        accounts=known.accounts,
        memberships=tuple(sorted(known.standing.memberships)),
        deactivated_by=tuple(sorted(known.standing.deactivated)),
        grants=tuple(sorted(carried.grants, key=lambda one: (one.role, one.source, one.why))),
        teams=tuple(one for one in known.standing.members if one.key in carried.teams),
        sessions=known.sessions,
        sign_ins=await desk.store.sign_ins_of(organization, user, SIGN_INS),
    )


async def end_sessions(desk: Desk, organization: str, user: str, session: str) -> Ended:
    """End a session of somebody's, "" every one, on every node within a second.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``: nor is there such a session.
    """
    await places.person(desk, "people:write", organization, user)
    action = "person.end_session" if session else "person.end_sessions"
    store = desk.audited(
        action, "user", user, organization=organization, after={"session": session} if session else {}
    )
    ended = await store.end_sessions_of(organization, user, session, desk.now)
    if session and not ended.changed:
        raise NotFound("admin.unknown", "they have no such session")
    await _give_back(desk, ended)
    return ended


async def deactivate(desk: Desk, organization: str, user: str) -> Ended:
    """Keep somebody out of an organization, and end their sessions there.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await places.person(desk, "people:write", organization, user)
    await administrators.demand_for_person(desk, organization, user)
    store = desk.audited(
        "person.deactivate", "user", user, organization=organization, after={"source": MANUAL}
    )
    ended = await store.deactivate(
        user,
        organization,
        source=MANUAL,
        administrators=desk.roster.organizations,
        force=False,
        now=desk.now,
    )
    await _give_back(desk, places.somebody_left(ended))
    return ended


async def reactivate(desk: Desk, organization: str, user: str) -> tuple[str, ...]:
    """Take back that somebody was kept out by hand; return what else keeps them out.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await places.person(desk, "people:write", organization, user)
    await administrators.demand_for_person(desk, organization, user)
    store = desk.audited(
        "person.reactivate", "user", user, organization=organization, before={"source": MANUAL}
    )
    _, still = await store.reactivate(user, organization, source=MANUAL)
    return still


async def remove(desk: Desk, organization: str, user: str) -> Ended:
    """Take membership, roles and teams from somebody, whoever gave them; their sessions end.

    Whom a connection lets in comes back with their next sign-in.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await places.person(desk, "people:write", organization, user)
    await administrators.demand_for_person(desk, organization, user)
    store = desk.audited("person.remove", "user", user, organization=organization)
    ended = await store.remove_membership(
        user, organization, source="", administrators=desk.roster.organizations, force=False, now=desk.now
    )
    await _give_back(desk, places.somebody_left(ended))
    return ended


async def set_grant(desk: Desk, organization: str, user: str, role: str, *, give: bool) -> Changed:
    """Give somebody a role by hand, or take that back; live sessions say so within a second.

    Raises:
        FieldsRefused: ``admin.invalid``.
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    tenant = await places.person(desk, "people:write", organization, user)
    name = role_name(role)
    administrators.demand_for_roles(desk, organization, (name,))
    told = {"role": name, "source": MANUAL}
    store = desk.audited(
        "person.grant" if give else "person.revoke",
        "user",
        user,
        organization=organization,
        before={} if give else told,
        after=told if give else {},
    )
    terms = places.terms(tenant, places.connections(desk, organization), force=False)
    try:
        return await store.set_grant(organization, user, name, terms, desk.now, give=give)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal


def role_name(told: str) -> str:
    """Return a role's name as it is kept.

    Raises:
        FieldsRefused: ``admin.invalid``.
    """
    name = told.strip()
    if not (name and len(name) <= LONGEST_ROLE and name.isprintable()):
        faults = ((("role",), f"expected 1 to {LONGEST_ROLE} characters, such as editor"),)
        raise FieldsRefused("admin.invalid", "no role can have this name", faults=faults)
    return name


async def export(desk: Desk, organization: str, user: str) -> Mapping[str, Any]:
    """Return all that is kept of somebody in an organization, records opened, as plain data.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    desk.demand("decisions:reveal", organization=organization)
    await places.person(desk, "people:read", organization, user)
    await desk.audited("person.export", "user", user, organization=organization).note_done()
    return await people_data.export(desk.store, desk.vault, organization, user)


async def erase(desk: Desk, organization: str, user: str, typed: str) -> Erased:
    """Erase all that is kept of somebody in an organization; there is no way back.

    Args:
        desk: By whom.
        organization: Where; what others keep stays.
        user: Whom.
        typed: One of their addresses, typed by whoever means them; their id where they have none.

    Raises:
        FieldsRefused: ``admin.invalid``: something else was typed.
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    desk.demand("people:write", organization=organization)
    person = await find(desk, organization, user)
    await administrators.demand_for_person(desk, organization, user)
    if typed.strip().lower() not in {one.lower() for one in person.names}:
        faults = ((("typed",), "expected the person's address, as this page shows it"),)
        raise FieldsRefused("admin.invalid", "what was typed names somebody else", faults=faults)
    store = desk.audited("person.erase", "user", user, organization=organization)
    erased = await store.erase_person(
        user, organization, administrators=desk.roster.organizations, force=False
    )
    if not erased.changed:
        raise places.last_administrator()
    return erased


async def _give_back(desk: Desk, ended: Ended) -> None:
    def way(one: KeptTokensOf) -> Revocation | None:
        connector = desk.roster.connectors.get(one.connection)
        theirs = connector is not None and connector.connection.organization == one.organization
        return connector.revocation if connector and theirs else None

    await give_back(ended.tokens, way, desk.vault, desk.now)
