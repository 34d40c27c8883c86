"""Setup links by the API: made, listed, revoked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from federation.administration import setup_links
from federation.administration.desk import Desk
from federation.administration.setup_links import DAYS, LONGEST
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation, PageAsked, Paged
from federation.store.setup_links import SetupLink


class SetupLinkAsked(Model):
    """A setup link to be made."""

    days: Annotated[
        int | None, Field(ge=1, le=LONGEST, description=f"Until it ends; {DAYS} where none are said")
    ] = None
    may_enable: Annotated[
        bool, Field(description="Whether its holder may let people in, after a test that went through")
    ] = False


class SetupLinkShown(Model):
    """A setup link, but for the link."""

    id: str
    connection: str
    organization: str
    may_enable: bool
    created_at: datetime
    created_by: str = Field(description="Kind and id, as `user:019…`")
    expires_at: datetime
    uses: int = Field(description="How often it was begun with")
    last_used_at: datetime | None
    revoked_at: datetime | None


class SetupLinkMade(SetupLinkShown):
    """A setup link that was made."""

    url: str = Field(description="Shown this once: whoever has it is let in", examples=["https://…/setup/…"])


def _shown(one: SetupLink) -> dict[str, object]:
    return {name: getattr(one, name) for name in SetupLinkShown.model_fields}


async def list_setup_links(desk: Desk, asked: Asked) -> Paged[SetupLinkShown]:
    """Newest first; those that are over, too, as long as the audit log names them."""
    query: PageAsked = asked.query
    found = await setup_links.every(desk, asked.path["id"], cursor=query.cursor, limit=query.limit)
    return Paged[SetupLinkShown](
        items=tuple(SetupLinkShown.model_validate(_shown(one)) for one in found.items), next=found.next
    )


async def create_setup_link(desk: Desk, asked: Asked) -> SetupLinkMade:
    """For one connection that is edited here. The answer holds the link, this once."""
    body: SetupLinkAsked = asked.body
    made = await setup_links.create(desk, asked.path["id"], days=body.days, may_enable=body.may_enable)
    return SetupLinkMade.model_validate({**_shown(made.link), "url": made.url})


async def show_setup_link(desk: Desk, asked: Asked) -> SetupLinkShown:
    """All but the link itself, which nobody can be shown again."""
    return SetupLinkShown.model_validate(_shown(await setup_links.find(desk, asked.path["id"])))


async def revoke_setup_link(desk: Desk, asked: Asked) -> None:
    """Refused from the next request on, on every node; whoever is at it is out, too."""
    await setup_links.revoke(desk, asked.path["id"])


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/connections/{id}/links",
        "List a connection's setup links",
        "connections:read",
        list_setup_links,
        query=PageAsked,
        answer=Paged[SetupLinkShown],
    ),
    Operation(
        "POST",
        "/connections/{id}/links",
        "Make a setup link",
        "connections:write",
        create_setup_link,
        body=SetupLinkAsked,
        answer=SetupLinkMade,
        status=201,
    ),
    Operation(
        "GET", "/links/{id}", "Show a setup link", "connections:read", show_setup_link, answer=SetupLinkShown
    ),
    Operation("DELETE", "/links/{id}", "Revoke a setup link", "connections:write", revoke_setup_link),
)
