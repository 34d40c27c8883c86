"""Provisioning by the API: how a connection's directory stands, its credentials, who is refused.

On or off is a key of the connection: ``scim``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from federation.administration import provisioning
from federation.administration.desk import Desk
from federation.administration.provisioning import DAYS, LONGEST, LONGEST_NAME
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation, PageAsked, Paged
from federation.provisioned import Credential


class ScimCredentialAsked(Model):
    """A credential to be made."""

    kind: Annotated[
        Literal["bearer", "client"],
        Field(description="bearer: a token, also as HTTP Basic password; client: an OAuth client"),
    ] = "bearer"
    name: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, description="For people", examples=["okta"])
    ]
    days: Annotated[
        int | None, Field(ge=1, le=LONGEST, description=f"Until it ends; {DAYS} where none are said")
    ] = None


class ScimCredentialShown(Model):
    """A credential, but for its secret."""

    id: str = Field(description="Of a client, its client_id")
    connection: str
    kind: str
    name: str
    created_at: datetime
    created_by: str = Field(description="Kind and id, as `user:019…`")
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the hour")


class ScimCredentialMade(ScimCredentialShown):
    """A credential that was made."""

    secret: str = Field(description="Shown this once", examples=["fsc_…"])


class ProvisioningShown(Model):
    """How a connection's directory stands here."""

    connection: str
    on: bool = Field(description="Whether it may provision: the connection's `scim`")
    base_url: str
    token_url: str = Field(description="Where an OAuth client has its access tokens")
    further: tuple[str, ...] = Field(description="Further base URLs, of the settings file")
    in_settings: tuple[str, ...] = Field(description="basic, bearer: secrets of the settings file")
    credentials: tuple[ScimCredentialShown, ...] = Field(description="Those that count, newest first")
    users: int
    groups: int
    due: int = Field(description="Users of whom it is still to be decided")
    refused: dict[str, int] = Field(description="Code of policy → users to whom it gives nothing")
    changed_at: datetime | None = Field(description="When the directory last changed something")


class RefusedUser(Model):
    """A provisioned user to whom policy gives nothing."""

    id: str = Field(description="Of the SCIM resource")
    user: str = Field(description="Whose it is")
    user_name: str
    active: bool
    code: str = Field(description="Why, as docs/refusals.md explains it")
    changed_at: datetime


def _shown(one: Credential) -> dict[str, object]:
    return {name: getattr(one, name) for name in ScimCredentialShown.model_fields}


async def get_provisioning(desk: Desk, asked: Asked) -> ProvisioningShown:
    """The base URL, the credentials that count, and how many are provisioned."""
    told = await provisioning.find(desk, asked.path["id"])
    counted = told.summary
    return ProvisioningShown(
        connection=told.connection,
        on=told.on,
        base_url=told.base_url,
        token_url=told.token_url,
        further=told.further,
        in_settings=told.in_settings,
        credentials=tuple(ScimCredentialShown.model_validate(_shown(one)) for one in told.credentials),
        users=counted.users,
        groups=counted.groups,
        due=counted.due,
        refused=dict(counted.refused),
        changed_at=counted.changed_at,
    )


async def list_refused_users(desk: Desk, asked: Asked) -> Paged[RefusedUser]:
    """In the order in which the directory made them."""
    query: PageAsked = asked.query
    found = await provisioning.refused(desk, asked.path["id"], cursor=query.cursor, limit=query.limit)
    items = tuple(
        RefusedUser(
            id=one.id,
            user=one.user_id,
            user_name=one.user_name,
            active=one.active,
            code=one.refused,
            changed_at=one.changed_at,
        )
        for one in found.items
    )
    return Paged[RefusedUser](items=items, next=found.next)


async def create_scim_credential(desk: Desk, asked: Asked) -> ScimCredentialMade:
    """The answer holds the secret, this once."""
    body: ScimCredentialAsked = asked.body
    made = await provisioning.create(desk, asked.path["id"], body.kind, name=body.name, days=body.days)
    return ScimCredentialMade.model_validate({**_shown(made.credential), "secret": made.secret})


async def revoke_scim_credential(desk: Desk, asked: Asked) -> None:
    """Refused from the next request on, on every node; with a client every token that it was given."""
    await provisioning.revoke(desk, asked.path["id"], asked.path["credential"])


_ONE: Final = "/connections/{id}/provisioning"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET", _ONE, "Show a connection's provisioning", "connections:read", get_provisioning,
        answer=ProvisioningShown,
    ),
    Operation(
        "GET", f"{_ONE}/refused", "List provisioned users whom policy refuses", "people:read",
        list_refused_users, query=PageAsked, answer=Paged[RefusedUser],
    ),
    Operation(
        "POST", f"{_ONE}/credentials", "Make a credential of a directory", "connections:write",
        create_scim_credential, body=ScimCredentialAsked, answer=ScimCredentialMade, status=201,
    ),
    Operation(
        "DELETE", f"{_ONE}/credentials/{{credential}}", "Revoke a credential of a directory",
        "connections:write", revoke_scim_credential,
    ),
)  # fmt: skip
