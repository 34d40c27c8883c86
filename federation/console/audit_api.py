"""The audit log, by the API."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from federation.administration import audit
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.console.operations import Asked, Narrowed, Operation, Paged

_LONGEST: Final = 320
Told = Annotated[str, Field(max_length=_LONGEST)]


class AuditAsked(Narrowed):
    """Which lines."""

    since: Annotated[
        AwareDatetime | None, Field(description="Not before", examples=["2026-11-22T08:15:00Z"])
    ] = None
    actor: Annotated[Told, Field(description="Id of the user, token or link that changed it")] = ""
    action: Annotated[Told, Field(description="`connection.update`, or `connection` for all of them")] = ""
    kind: Annotated[Told, Field(description="Of what was changed: `connection`, `user`, …")] = ""
    name: Annotated[Told, Field(description="Its id")] = ""
    personal: Annotated[bool, Field(description="Tell names and addresses of people, too")] = False


class AuditLine(Model):
    """A change, and who made it."""

    id: str
    at: AwareDatetime
    organization: str | None = Field(description="Null: the whole installation")
    actor_kind: str = Field(description="`user`, `api_token`, `setup_link`, `operator` or `system`")
    actor: str = Field(description="Id; empty of the operator at the command line")
    action: str
    kind: str
    name: str
    before: dict[str, Any] = Field(description="Without secrets and personal values")
    after: dict[str, Any] = Field(description="Likewise")
    about: str = Field(description="Id of the user whom `personal` is about; or empty")
    reference: str = Field(description="Of a decision record; or empty")
    personal: dict[str, Any] | None = Field(
        default=None, description="Where it was asked for; emptied when they are erased"
    )
    address: str | None = Field(default=None, description="Of the client, where it was asked for")


async def list_audit(desk: Desk, asked: Asked) -> Paged[AuditLine]:
    """Newest first. A page may be short, or empty, and lead on."""
    query: AuditAsked = asked.query
    found = await audit.lines(
        desk,
        organization=query.organization,
        since=query.since,
        actor=query.actor,
        action=query.action,
        kind=query.kind,
        name=query.name,
        cursor=query.cursor,
        limit=query.limit,
    )
    told = (AuditLine.model_validate(audit.as_json(one, personal=query.personal)) for one in found.items)
    return Paged[AuditLine](items=tuple(told), next=found.next)


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/audit",
        "Read the audit log",
        "audit:read",
        list_audit,
        query=AuditAsked,
        answer=Paged[AuditLine],
    ),
)
