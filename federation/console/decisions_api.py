"""Decision records, and what edited rules would do, by the API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from federation.administration import decisions, rules
from federation.administration.desk import Desk
from federation.administration.paging import LONGEST_PAGE, PAGE
from federation.configuration.part import Model
from federation.console.operations import Asked, Operation
from federation.errors import FieldsRefused, NotFound, RequestRefused
from federation.records.what_if import Report

_LONGEST: Final = 320
Keys = Annotated[
    dict[str, Any], Field(description="Keys of its policy, as the settings file has them; others stay")
]


class DecisionsAsked(Model):
    """Which records."""

    reference: Annotated[str | None, Field(description="One record, opened; values are redacted")] = None
    connection: Annotated[str | None, Field(description="Of this connection alone")] = None
    code: Annotated[str | None, Field(description="Which ended so; empty means admitted")] = None
    since: Annotated[
        AwareDatetime | None, Field(description="Not before", examples=["2026-11-22T08:15:00Z"])
    ] = None
    person: Annotated[
        str | None, Field(max_length=_LONGEST, description="An e-mail address, or the id of a user")
    ] = None
    organization: Annotated[
        str | None, Field(max_length=63, description="Of this organization alone; needed by nobody else's")
    ] = None
    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE, description="Records of a page at most")] = PAGE
    cursor: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,17}\.[A-Z2-7]{10}$", description="`next` of the page before")
    ] = None


class Decisions(Model):
    """A page of records, newest first."""

    decisions: tuple[dict[str, Any], ...] = Field(
        description="`reference`, `at`, `code` (empty: admitted), `detail`, `connection`, `organization`, "
        "`size`"
    )
    next: str | None = Field(description="`cursor` of the next page; null where there is none")


class Document(Model):
    """A message, decoded."""

    name: str
    text: str


class Decision(Model):
    """One attempt to sign in."""

    reference: str
    at: datetime
    code: str = Field(description="Which rule refused it; empty: admitted")
    detail: str
    connection: str
    organization: str
    size: int = Field(description="Octets of the message")
    note: str = Field(description="Why there is no more than this; else empty")
    opened: dict[str, Any] = Field(
        description="`checks`, and where a signature vouched for somebody `identity`, `found`, `grants`, "
        "`teams`, `session`; values are redacted unless they are revealed"
    )
    message: tuple[Document, ...] = Field(
        description="Decoded, where it is revealed, and its connection records in full"
    )


class PolicyTried(Model):
    """Edited policies."""

    connections: Annotated[dict[str, Keys], Field(min_length=1, description="By a connection's id")]
    days: Annotated[int, Field(ge=1, le=400, description="Whose latest sign-in is older is left out")] = (
        rules.DAYS
    )


class RulesTried(Model):
    """Edited rules of one connection."""

    keys: Keys
    days: Annotated[int, Field(ge=1, le=400, description="Whose latest sign-in is older is left out")] = (
        rules.DAYS
    )


class RulesShown(Model):
    """What a connection gives to whom."""

    connection: str
    organization: str
    managed: bool = Field(description="By the settings file: it is not changed here")
    number: int = Field(description="Which a change of the connection names; 0 of the file's")
    keys: dict[str, Any] = Field(
        description="`role_rules`, `match`, `strict`, `on_no_match`, `default_roles`, where they are said"
    )


class Comparison(Model):
    """Who would gain and lose what; people by user and reference."""

    tried: int = Field(description="People")
    losing: int = Field(description="Of them: who would lose a role or a team, or be refused")
    same: int
    changed: int
    stays: int = Field(description="Who keeps what they have only because nobody else is an administrator")
    refused: int
    entering: int = Field(description="Refused now, let in then")
    unknown: int = Field(description="Who cannot be told")
    roles_gained: dict[str, int] = Field(description="Role → people")
    roles_lost: dict[str, int] = Field(description="Role → people")
    removed_connections: tuple[str, ...]
    complete: bool = Field(description=f"Whether that was all: at most {rules.TRIED} people are tried")
    people: tuple[dict[str, Any], ...]


async def list_decisions(desk: Desk, asked: Asked) -> Decisions:
    """Newest first. A page may be short, or empty, and still lead on. Values are redacted."""
    query: DecisionsAsked = asked.query
    if query.reference is not None:
        return Decisions(decisions=await _one(desk, query.reference), next=None)
    found = await decisions.page(
        desk,
        decisions.Asked(
            organization=query.organization,
            who=query.person or "",
            connection=query.connection,
            code=query.code,
            since=query.since or decisions.EPOCH,
        ),
        cursor=query.cursor,
        limit=query.limit,
    )
    return Decisions(decisions=tuple(map(decisions.as_line, found.items)), next=found.next)


async def _one(desk: Desk, reference: str) -> tuple[dict[str, Any], ...]:
    """Return the record under a reference; nothing where it is another organization's."""
    try:
        return ((await decisions.find(desk, reference)).as_json(),)
    except NotFound:
        return ()


async def show_decision(desk: Desk, asked: Asked) -> Decision:
    """Every check with its outcome; values are redacted."""
    return _shown(await decisions.find(desk, asked.path["reference"]))


async def reveal_decision(desk: Desk, asked: Asked) -> Decision:
    """The same with its values, and the message where that is kept. The audit log is told."""
    return _shown(await decisions.reveal(desk, asked.path["reference"]))


def _shown(found: decisions.Opened) -> Decision:
    told = found.as_json()
    line = {key: told.pop(key) for key in decisions.as_line(found.record)}
    note = str(told.pop("note", ""))
    said = found.message.documents if found.message else ()
    documents = tuple(
        Document(name=one.name, text="".join(piece.text for piece in one.pieces)) for one in said
    )
    return Decision.model_validate(line | {"note": note, "opened": told, "message": documents})


async def try_policy(desk: Desk, asked: Asked) -> Comparison:
    """The latest sign-in of each person is decided again, under both policies. Nothing is changed."""
    body: PolicyTried = asked.body
    return _compared(desk, await rules.compare(desk, body.connections, days=body.days))


async def show_rules(desk: Desk, asked: Asked) -> RulesShown:
    """In the keys of the settings file; a change of them is a change of the connection."""
    view = await rules.find(desk, asked.path["id"])
    return RulesShown(
        connection=view.connection,
        organization=view.organization,
        managed=view.managed,
        number=view.number,
        keys=dict(view.keys),
    )


async def preview_rules(desk: Desk, asked: Asked) -> Comparison:
    """Who would gain and lose what by edited rules of this connection. Nothing is changed.

    A connection that is not in use has nobody to compare with, and its rules are not asked.
    """
    body: RulesTried = asked.body
    view = await rules.find(desk, asked.path["id"])
    if found := rules.find_faults(desk, view, body.keys):
        raise FieldsRefused(
            "admin.invalid", "rules that cannot be used", faults=[(("keys", *at), why) for at, why in found]
        )
    edited = {view.connection: body.keys} if view.in_force else {}
    return _compared(desk, await rules.compare(desk, edited, days=body.days, connection=view.connection))


def _compared(desk: Desk, report: Report) -> Comparison:
    return Comparison.model_validate(rules.as_json(desk, report))


def _malformed(refused: FieldsRefused) -> RequestRefused:
    """Answer as these two did before there was one answer for all: 400, and no field is named."""
    return RequestRefused("admin.query", f"what was asked cannot be used: {len(refused.faults)} faults")


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/decisions",
        "List sign-ins",
        "decisions:read",
        list_decisions,
        query=DecisionsAsked,
        answer=Decisions,
        malformed=_malformed,
    ),
    Operation(
        "GET", "/decisions/{reference}", "Show a sign-in", "decisions:read", show_decision, answer=Decision
    ),
    Operation(
        "POST",
        "/decisions/{reference}/reveal",
        "Show a sign-in with its values",
        "decisions:reveal",
        reveal_decision,
        answer=Decision,
    ),
    Operation(
        "POST",
        "/policy/try",
        "Try edited policies on recent sign-ins",
        "decisions:read",
        try_policy,
        body=PolicyTried,
        answer=Comparison,
        malformed=_malformed,
    ),
    Operation(
        "GET",
        "/connections/{id}/rules",
        "Show a connection's role rules",
        "connections:read",
        show_rules,
        answer=RulesShown,
    ),
    Operation(
        "POST",
        "/connections/{id}/rules/preview",
        "Compare edited role rules with those in force",
        "decisions:read",
        preview_rules,
        body=RulesTried,
        answer=Comparison,
    ),
)
