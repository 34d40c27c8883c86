"""Tables of the installation itself: its key rings, leases of its jobs, API tokens and the audit log."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, Text
from sqlmodel import Field

from federation.store.tables_row import Row


class Ring(Row, table=True):
    """The place that was last written in a ring of rows."""

    __tablename__ = "ring"

    name: str = Field(primary_key=True, sa_type=Text)
    place: int = Field(sa_type=SmallInteger)


class Lease(Row, table=True):
    """Who does a background job, and until when nobody else may."""

    __tablename__ = "lease"

    job: str = Field(primary_key=True, sa_type=Text)
    holder: str = Field(sa_type=Text)
    held_until: int = Field(sa_type=BigInteger)


class ApiToken(Row, table=True):
    """A bearer token of the administration's API; only its hash is kept."""

    __tablename__ = "api_token"
    __table_args__ = (Index(None, "organization_id", "id"),)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    organization_id: str = Field(sa_type=Text)  # "": every one's
    name: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)  # JSON array
    created_at: int = Field(sa_type=BigInteger)
    created_by: str = Field(sa_type=Text)  # as ``Audit.actor``
    expires_at: int = Field(sa_type=BigInteger, index=True)
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class Audit(Row, table=True):
    """Who changed what; appended in the transaction of the change, altered only to erase a person."""

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "organization_id", "id"),
        Index(None, "about", "organization_id"),
        Index(None, "actor", "organization_id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7: the order in which they were written
    organization_id: str = Field(sa_type=Text)  # "": of the whole installation
    at: int = Field(sa_type=BigInteger)
    actor_kind: str = Field(sa_type=Text)  # user, api_token, setup_link, operator, system
    actor: str = Field(sa_type=Text)  # id of the user, token or link; ""
    action: str = Field(sa_type=Text)  # "connection.update"
    kind: str = Field(sa_type=Text)  # of what was changed: connection, user …
    object: str = Field(sa_type=Text)  # its id
    before: str = Field(sa_type=Text)  # JSON object, no secret and no personal value
    after: str = Field(sa_type=Text)  # likewise
    about: str = Field(sa_type=Text)  # the user whom ``personal`` is about; "" for nobody
    personal: str = Field(sa_type=Text)  # JSON object; "" once that user is erased
    address: str = Field(sa_type=Text)  # of the client; "" once its user is erased
    reference: str = Field(sa_type=Text)  # of a decision record; ""
