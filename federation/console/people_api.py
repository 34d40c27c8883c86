"""People, for programs: the deeds of the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from federation.administration import people
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.console.operations import Asked, Narrowed, Operation, Paged
from federation.errors import FieldsRefused
from federation.store.directory_values import PeopleFilter, PersonListed

Organization = Annotated[
    str | None, Field(max_length=63, description="Whose; of nobody but an operator it needs to be said")
]


class PlaceAsked(Model):
    """In which organization."""

    organization: Organization = None


class PeopleAsked(Narrowed):
    """Which people."""

    search: Annotated[str, Field(max_length=320, description="What an address or a name begins with")] = ""
    connection: Annotated[str, Field(max_length=63, description="That made them a member")] = ""
    role: Annotated[str, Field(max_length=200, description="Given to them; not by a team")] = ""
    team: Annotated[str, Field(max_length=200, description="Key")] = ""
    state: Literal["", "deactivated", "awaited"] = ""


class PersonLine(Model):
    """A person in a list."""

    id: str
    email: str
    display_name: str
    connections: tuple[str, ...]
    signed_in_at: datetime | None
    member: bool
    deactivated: bool


class AccountShown(Model):
    """One way in which somebody signs in."""

    connection: str
    email: str
    display_name: str
    created_at: datetime
    signed_in_at: datetime


class Given(Model):
    """A role or a team, and what gave it."""

    name: str
    source: str = Field(description="As `connection:okta`, `manual`, `team:tools`")
    why: str


class SessionShown(Model):
    """A live session."""

    id: str
    connection: str
    user_agent: str
    created_at: datetime
    expires_at: datetime


class SignInShown(Model):
    """A recorded attempt."""

    reference: str
    at: datetime
    code: str = Field(description="Empty where they were admitted")
    connection: str


class PersonShown(PersonLine):
    """All that is known of somebody in an organization."""

    organization: str
    accounts: tuple[AccountShown, ...]
    memberships: tuple[str, ...] = Field(description="Sources")
    deactivated_by: tuple[str, ...] = Field(description="Sources; everywhere with `*:` before")
    roles: tuple[Given, ...]
    teams: tuple[Given, ...]
    sessions: tuple[SessionShown, ...]
    sign_ins: tuple[SignInShown, ...]


class Outcome(Model):
    """What came of ending access."""

    changed: bool
    sessions_ended: int


class GrantAsked(PlaceAsked):
    """A role to give."""

    role: Annotated[str, Field(min_length=1, max_length=people.LONGEST_ROLE)]


class EraseAsked(PlaceAsked):
    """Who is meant."""

    typed: Annotated[
        str, Field(max_length=320, description="One of their addresses; their id if they have none")
    ]


class PersonExport(Model):
    """All that is kept of somebody in an organization."""

    data: dict[str, Any]


def whose(desk: Desk, told: str | None) -> str:
    """Return the organization that a request is about.

    Raises:
        FieldsRefused: ``admin.invalid``: an operator does not say which.
    """
    if found := told or desk.actor.organization:
        return found
    faults = ((("organization",), "expected an organization's id"),)
    raise FieldsRefused("admin.invalid", "whose is not said", faults=faults)


def _line(one: PersonListed) -> PersonLine:
    return PersonLine(
        id=one.user_id,
        email=one.email,
        display_name=one.display_name,
        connections=one.connections,
        signed_in_at=one.signed_in_at,
        member=one.member,
        deactivated=one.deactivated,
    )


async def list_people(desk: Desk, asked: Asked) -> Paged[PersonLine]:
    """A page may be short, or empty, and lead on."""
    query: PeopleAsked = asked.query
    wanted = PeopleFilter(
        organization=whose(desk, query.organization),
        search=query.search,
        connection=query.connection,
        role=query.role,
        team=query.team,
        state=query.state,
    )
    page = await people.list_people(desk, wanted, cursor=query.cursor, limit=query.limit)
    return Paged[PersonLine](items=tuple(map(_line, page.items)), next=page.next)


async def get_person(desk: Desk, asked: Asked) -> PersonShown:
    """Every role and team is told with every source."""
    one = await people.find(desk, whose(desk, asked.query.organization), asked.path["user"])
    return PersonShown(
        **_line(one.listed).model_dump(),
        organization=one.organization,
        accounts=tuple(AccountShown.model_validate(vars(account)) for account in one.accounts),
        memberships=one.memberships,
        deactivated_by=one.deactivated_by,
        roles=tuple(Given(name=grant.role, source=grant.source, why=grant.why) for grant in one.grants),
        teams=tuple(Given(name=team.key, source=team.source, why=team.why) for team in one.teams),
        sessions=tuple(
            SessionShown(
                id=session.id,
                connection=session.connection,
                user_agent=session.user_agent,
                created_at=session.created_at,
                expires_at=session.expires_at,
            )
            for session in one.sessions
        ),
        sign_ins=tuple(SignInShown.model_validate(vars(record)) for record in one.sign_ins),
    )


async def end_person_sessions(desk: Desk, asked: Asked) -> Outcome:
    """On every node within a second."""
    organization = whose(desk, asked.query.organization)
    ended = await people.end_sessions(desk, organization, asked.path["user"], "")
    return Outcome(changed=ended.changed, sessions_ended=ended.sessions)


async def end_person_session(desk: Desk, asked: Asked) -> None:
    """On every node within a second."""
    organization = whose(desk, asked.query.organization)
    await people.end_sessions(desk, organization, asked.path["user"], asked.path["session"])


async def deactivate_person(desk: Desk, asked: Asked) -> Outcome:
    """Keep them out, and end their sessions."""
    ended = await people.deactivate(desk, whose(desk, asked.query.organization), asked.path["user"])
    return Outcome(changed=ended.changed, sessions_ended=ended.sessions)


async def reactivate_person(desk: Desk, asked: Asked) -> None:
    """What other sources keep them out by stays."""
    await people.reactivate(desk, whose(desk, asked.query.organization), asked.path["user"])


async def remove_person(desk: Desk, asked: Asked) -> Outcome:
    """Membership, roles and teams of every source go."""
    ended = await people.remove(desk, whose(desk, asked.query.organization), asked.path["user"])
    return Outcome(changed=ended.changed, sessions_ended=ended.sessions)


async def grant_role(desk: Desk, asked: Asked) -> None:
    """By hand; live sessions say so within a second."""
    body: GrantAsked = asked.body
    await people.set_grant(desk, whose(desk, body.organization), asked.path["user"], body.role, give=True)


async def revoke_role(desk: Desk, asked: Asked) -> None:
    """What other sources give stays."""
    organization = whose(desk, asked.query.organization)
    await people.set_grant(desk, organization, asked.path["user"], asked.path["role"], give=False)


async def export_person(desk: Desk, asked: Asked) -> PersonExport:
    """With the scope decisions:reveal besides; the audit log is told."""
    told = await people.export(desk, whose(desk, asked.query.organization), asked.path["user"])
    return PersonExport(data=dict(told))


async def erase_person(desk: Desk, asked: Asked) -> None:
    """There is no way back."""
    body: EraseAsked = asked.body
    await people.erase(desk, whose(desk, body.organization), asked.path["user"], body.typed)


_ONE: Final = "/people/{user}"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET", "/people", "List people", "people:read", list_people, PeopleAsked, None, Paged[PersonLine]
    ),
    Operation("GET", _ONE, "Show a person", "people:read", get_person, PlaceAsked, None, PersonShown),
    Operation(
        "DELETE",
        _ONE,
        "Remove a person from the organization",
        "people:write",
        remove_person,
        PlaceAsked,
        None,
        Outcome,
    ),
    Operation(
        "POST",
        f"{_ONE}/deactivate",
        "Keep a person out",
        "people:write",
        deactivate_person,
        PlaceAsked,
        None,
        Outcome,
    ),
    Operation(
        "POST", f"{_ONE}/reactivate", "Let a person in again", "people:write", reactivate_person, PlaceAsked
    ),
    Operation(
        "DELETE",
        f"{_ONE}/sessions",
        "End all sessions of a person",
        "people:write",
        end_person_sessions,
        PlaceAsked,
        None,
        Outcome,
    ),
    Operation(
        "DELETE",
        f"{_ONE}/sessions/{{session}}",
        "End a session of a person",
        "people:write",
        end_person_session,
        PlaceAsked,
    ),
    Operation("POST", f"{_ONE}/roles", "Give a person a role", "people:write", grant_role, None, GrantAsked),
    Operation(
        "DELETE", f"{_ONE}/roles/{{role}}", "Take a role back", "people:write", revoke_role, PlaceAsked
    ),
    Operation(
        "POST",
        f"{_ONE}/export",
        "Export what is kept of a person",
        "decisions:reveal",
        export_person,
        PlaceAsked,
        None,
        PersonExport,
    ),
    Operation("POST", f"{_ONE}/erase", "Erase a person", "people:write", erase_person, None, EraseAsked),
)
