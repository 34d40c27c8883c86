"""Invitations, for programs: the deeds of the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from federation.administration import invitations
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation, Paged, Searched
from federation.console.people_api import PlaceAsked, whose
from federation.store.people_values import Invitation


class InvitationAsked(PlaceAsked):
    """Somebody to invite."""

    email: Annotated[str, Field(max_length=254)]
    roles: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    teams: Annotated[tuple[str, ...], Field(max_length=50, description="Keys")] = ()
    days: Annotated[int, Field(ge=1, le=invitations.LONGEST.days)] = 14


class InvitationShown(Model):
    """An open invitation."""

    id: str
    email: str
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


class InvitationMade(InvitationShown):
    """A new invitation."""

    link: str = Field(description="Shown this once")
    mailed: bool


def _invitation(one: Invitation) -> dict[str, object]:
    return {name: getattr(one, name) for name in InvitationShown.model_fields}


async def list_invitations(desk: Desk, asked: Asked) -> Paged[InvitationShown]:
    """Newest first."""
    query: Searched = asked.query
    page = await invitations.list_invitations(
        desk,
        whose(desk, query.organization),
        cursor=query.cursor,
        limit=query.limit,
        search=query.search,
    )
    shown = tuple(InvitationShown.model_validate(_invitation(one)) for one in page.items)
    return Paged[InvitationShown](items=shown, next=page.next)


async def invite_person(desk: Desk, asked: Asked) -> InvitationMade:
    """The answer holds the link, this once; it is mailed where mail is configured."""
    body: InvitationAsked = asked.body
    made = await invitations.invite(
        desk,
        body.email,
        organization=whose(desk, body.organization),
        roles=body.roles,
        teams=body.teams,
        days=body.days,
    )
    told = {**_invitation(made.invitation), "link": made.link, "mailed": made.mailed}
    return InvitationMade.model_validate(told)


async def revoke_invitation(desk: Desk, asked: Asked) -> None:
    """Its link leads nowhere from now on."""
    await invitations.revoke(desk, whose(desk, asked.query.organization), asked.path["id"])


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/invitations",
        "List open invitations",
        "people:read",
        list_invitations,
        Searched,
        None,
        Paged[InvitationShown],
    ),
    Operation(
        "POST",
        "/invitations",
        "Invite somebody",
        "people:write",
        invite_person,
        None,
        InvitationAsked,
        InvitationMade,
        201,
    ),
    Operation(
        "DELETE", "/invitations/{id}", "Revoke an invitation", "people:write", revoke_invitation, PlaceAsked
    ),
)
