"""Connections by the API: read, made, changed, enabled, switched off, deleted. Secrets go in alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from federation.administration import affected, connections
from federation.administration.connection_views import ConnectionLine, ConnectionView
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.console.operations import Asked, FieldFault, Operation, PageAsked, Paged

_BODY: Final = "Keys of the settings file, as docs/settings.md has them; secrets are set by themselves"


class ConnectionsAsked(PageAsked):
    """Which page of which connections."""

    search: Annotated[
        str, Field(max_length=320, description="Part of a title, an id, a domain or an organization")
    ] = ""


class ConnectionListed(Model):
    """A connection in a list."""

    id: str
    title: str
    organization: str
    origin: str = Field(description="file: managed by configuration; store: edited here")
    protocol: str
    preset: str
    enabled: bool
    state: str = Field(description="active, disabled, draft (keys are missing), faulty (not served)")


class DomainShown(Model):
    """A domain that a connection names."""

    name: str
    needed: bool = Field(description="Whether a record in DNS has to prove it")
    proved: bool
    checked_at: datetime | None


class CertificateShown(Model):
    """A key of the identity provider's; its dates warn, and decide nothing."""

    fingerprint: str = Field(description="SHA-256, hex")
    not_after: datetime


class ConnectionShown(ConnectionListed):
    """All of a connection that may be shown."""

    number: int = Field(description="Of the latest change: a change names it; 0 of the settings file's")
    fault: str = Field(description="Why it is not served; else empty")
    missing: tuple[FieldFault, ...] = Field(description="Of a draft: what is still to be said")
    domains: tuple[DomainShown, ...]
    certificates: tuple[CertificateShown, ...]
    entity_id: str
    metadata_at: datetime | None
    metadata_held: bool
    signed_in_at: datetime | None = Field(description="Latest sign-in of the last thirty days")
    tried_at: datetime | None = Field(description="Latest test of it as it is now that went through")
    created_at: datetime | None
    updated_at: datetime | None
    settings: dict[str, Any] = Field(description="Keys of the settings file; a secret that is set is `set`")
    urls: dict[str, str] = Field(description="What is registered at the identity provider")


class ConnectionWanted(Model):
    """A connection to be made; it is not enabled by that."""

    id: Annotated[str, Field(min_length=1, max_length=63, description="For good", examples=["okta"])]
    organization: Annotated[str, Field(min_length=1, max_length=63)]
    settings: Annotated[dict[str, Any], Field(description=_BODY)]


class ConnectionChanged(Model):
    """Keys of a connection to be changed."""

    number: Annotated[int, Field(ge=0, lt=2**63, description="Of the connection as it was read")]
    settings: Annotated[dict[str, Any], Field(description=f"{_BODY}; null takes a key out")]


class SecretSet(Model):
    """A secret, which nothing shows again."""

    key: Annotated[
        str, Field(max_length=100, description="client_secret or google_directory.service_account")
    ]
    value: Annotated[str, Field(max_length=16384, description="Empty takes it out")]


class Typed(Model):
    """What somebody typed to say that they mean it."""

    name: Annotated[str, Field(max_length=200, description="The title, as it is shown")]


class Ended(Model):
    """What ended."""

    sessions: int


class AffectedShown(Model):
    """Whom it concerns that a connection goes."""

    accounts: int | None = Field(description="People who came by it; null: more than 1000")
    only_way: int | None = Field(description="Of them: who have no other account; null: more than 1000")
    sessions: int | None = Field(description="Theirs, by it; null: more than 1000")
    domains: tuple[str, ...]
    enforced: tuple[str, ...] = Field(description="Domains whose people must come by it; empty: everybody")


def _line(one: ConnectionLine) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ConnectionListed.model_fields}


def _shown(one: ConnectionView) -> ConnectionShown:
    told = {name: getattr(one, name) for name in ConnectionShown.model_fields}
    told |= {
        "missing": tuple(
            FieldFault(field=".".join(map(str, steps)), message=why) for steps, why in one.missing
        ),
        "domains": tuple(DomainShown(**vars(each)) for each in one.domains),
        "certificates": tuple(CertificateShown(**vars(each)) for each in one.certificates),
        "settings": dict(one.settings),
        "urls": dict(one.urls),
    }
    return ConnectionShown(**told)


async def list_connections(desk: Desk, asked: Asked) -> Paged[ConnectionListed]:
    """By title, of the settings file and of the store."""
    query: ConnectionsAsked = asked.query
    found = await connections.list_connections(
        desk, search=query.search, after=query.cursor or "", limit=query.limit
    )
    items = tuple(ConnectionListed(**_line(one)) for one in found.connections)
    return Paged[ConnectionListed](items=items, next=found.next or None)


async def create_connection(desk: Desk, asked: Asked) -> ConnectionShown:
    """It may miss keys until it is enabled."""
    body: ConnectionWanted = asked.body
    return _shown(await connections.create(desk, body.id, organization=body.organization, body=body.settings))


async def get_connection(desk: Desk, asked: Asked) -> ConnectionShown:
    """All of it that may be shown."""
    return _shown(await connections.find(desk, asked.path["id"]))


async def update_connection(desk: Desk, asked: Asked) -> ConnectionShown:
    """Refused where somebody else changed it after it was read."""
    body: ConnectionChanged = asked.body
    return _shown(await connections.update(desk, asked.path["id"], body.settings, number=body.number))


async def set_connection_secret(desk: Desk, asked: Asked) -> ConnectionShown:
    """It goes in, and never comes out."""
    body: SecretSet = asked.body
    return _shown(await connections.set_secret(desk, asked.path["id"], body.key, body.value))


async def enable_connection(desk: Desk, asked: Asked) -> ConnectionShown:
    """After a test of it as it is now went through."""
    return _shown(await connections.enable(desk, asked.path["id"]))


async def disable_connection(desk: Desk, asked: Asked) -> Ended:
    """Its sessions end within a second, on every node."""
    return Ended(sessions=await connections.disable(desk, asked.path["id"], force=False))


async def get_affected_by_connection(desk: Desk, asked: Asked) -> AffectedShown:
    """Asked before it is switched off or deleted."""
    return AffectedShown(**vars(await affected.count(desk, asked.path["id"])))


async def delete_connection(desk: Desk, asked: Asked) -> Ended:
    """With the roles and teams that it gave; accounts stay."""
    body: Typed = asked.body
    return Ended(sessions=await connections.delete(desk, asked.path["id"], body.name, force=False))


_ONE: Final = "/connections/{id}"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET", "/connections", "List connections", "connections:read", list_connections,
        query=ConnectionsAsked, answer=Paged[ConnectionListed],
    ),
    Operation(
        "POST", "/connections", "Make a connection", "connections:write", create_connection,
        body=ConnectionWanted, answer=ConnectionShown, status=201,
    ),
    Operation("GET", _ONE, "Show a connection", "connections:read", get_connection, answer=ConnectionShown),
    Operation(
        "PATCH", _ONE, "Change a connection", "connections:write", update_connection,
        body=ConnectionChanged, answer=ConnectionShown,
    ),
    Operation(
        "DELETE", _ONE, "Delete a connection", "connections:write", delete_connection,
        body=Typed, answer=Ended,
    ),
    Operation(
        "POST", f"{_ONE}/secrets", "Set a secret of a connection", "connections:write",
        set_connection_secret, body=SecretSet, answer=ConnectionShown,
    ),
    Operation(
        "POST", f"{_ONE}/enable", "Enable a connection", "connections:write", enable_connection,
        answer=ConnectionShown,
    ),
    Operation(
        "POST", f"{_ONE}/disable", "Switch a connection off", "connections:write", disable_connection,
        answer=Ended,
    ),
    Operation(
        "GET", f"{_ONE}/affected", "Count whom a connection concerns", "connections:read",
        get_affected_by_connection, answer=AffectedShown,
    ),
)  # fmt: skip
