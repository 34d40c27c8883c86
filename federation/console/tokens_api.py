"""The API's own tokens: made, listed, revoked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from federation.administration import tokens
from federation.administration.actor import Scope
from federation.administration.desk import Desk
from federation.administration.tokens import DAYS, LONGEST, LONGEST_NAME, TokenWanted
from federation.configuration.part import Model
from federation.console.operations import Asked, Narrowed, Operation, Paged
from federation.errors import FieldsRefused
from federation.store.api_tokens import ApiToken


class TokenAsked(Model):
    """A token to be made."""

    name: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, description="For people", examples=["terraform"])
    ]
    scopes: Annotated[
        tuple[Scope, ...],
        Field(min_length=1, max_length=50, description="No more than whoever asks has"),
    ]
    days: Annotated[
        int | None,
        Field(ge=1, le=LONGEST, description=f"Until it ends; {DAYS} where none are said"),
    ] = None
    organization: Annotated[
        str | None,
        Field(max_length=63, description="Whose; of nobody but an operator it needs to be said"),
    ] = None
    everywhere: Annotated[
        bool,
        Field(description="Of the whole installation: an operator's to make, in place of an organization"),
    ] = False


class TokenShown(Model):
    """A token, but for the token."""

    id: str
    organization: str | None = Field(description="Null: of the whole installation")
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str = Field(description="Kind and id, as `user:019…`")
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None


class TokenMade(TokenShown):
    """A token that was made."""

    token: str = Field(description="Shown this once", examples=["fst_…"])


def _shown(one: ApiToken) -> dict[str, object]:
    return {
        "id": one.id,
        "organization": one.organization or None,
        "name": one.name,
        "scopes": tuple(sorted(one.scopes)),
        "created_at": one.created_at,
        "created_by": one.created_by,
        "expires_at": one.expires_at,
        "last_used_at": one.last_used_at,
        "revoked_at": one.revoked_at,
    }


async def list_tokens(desk: Desk, asked: Asked) -> Paged[TokenShown]:
    """Newest first; those that are over, too, as long as the audit log names them."""
    query: Narrowed = asked.query
    found = await tokens.every(desk, organization=query.organization, cursor=query.cursor, limit=query.limit)
    return Paged[TokenShown](
        items=tuple(TokenShown.model_validate(_shown(one)) for one in found.items), next=found.next
    )


async def create_token(desk: Desk, asked: Asked) -> TokenMade:
    """The answer holds the token, this once. It acts for its organization, whoever made it."""
    body: TokenAsked = asked.body
    made = await tokens.create(
        desk,
        TokenWanted(
            organization=_whose(desk, body), name=body.name, scopes=frozenset(body.scopes), days=body.days
        ),
    )
    return TokenMade.model_validate({**_shown(made.token), "token": made.secret})


def _whose(desk: Desk, body: TokenAsked) -> str:
    """Return whose token it is to be: never everybody's because nothing was said."""
    if body.everywhere and body.organization is None:
        return ""
    whose = body.organization or desk.actor.organization
    if not whose or body.everywhere:
        faults = ((("organization",), "expected the id of one, or everywhere: true"),)
        raise FieldsRefused("admin.invalid", "whose token is not said", faults=faults)
    return whose


async def show_token(desk: Desk, asked: Asked) -> TokenShown:
    """All but the token itself, which nobody can be shown again."""
    return TokenShown.model_validate(_shown(await tokens.find(desk, asked.path["id"])))


async def revoke_token(desk: Desk, asked: Asked) -> None:
    """Refused from the next request on, on every node."""
    await tokens.revoke(desk, asked.path["id"])


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET", "/tokens", "List tokens", "tokens:write", list_tokens, query=Narrowed, answer=Paged[TokenShown]
    ),
    Operation(
        "POST",
        "/tokens",
        "Make a token",
        "tokens:write",
        create_token,
        body=TokenAsked,
        answer=TokenMade,
        status=201,
    ),
    Operation("GET", "/tokens/{id}", "Show a token", "tokens:write", show_token, answer=TokenShown),
    Operation("DELETE", "/tokens/{id}", "Revoke a token", "tokens:write", revoke_token),
)
