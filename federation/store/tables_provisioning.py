"""Tables of what directories provision by SCIM, as they said it."""

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from federation.store.tables_row import OCTETS, Row


class ScimUser(Row, table=True):
    """A User resource of a connection's SCIM client: ``provisioned.ScimUser``."""

    __tablename__ = "scim_user"
    __table_args__ = (
        UniqueConstraint("connection", "user_name_key"),
        # with the id: what is found by one of them comes in the order of ids
        Index(None, "connection", "external_id", "id"),
        Index(None, "connection", "display_key", "id"),
        Index(None, "connection", "email_key"),
        Index(None, "connection", "changed_at", "id"),
        UniqueConstraint("user_id", "connection"),  # of one user one: they share a source
        # those that are due, of few of all
        Index(
            "ix_scim_user_due",
            "connection",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        # whom policy refuses, likewise
        Index(
            "ix_scim_user_refused",
            "connection",
            "id",
            sqlite_where=text("refused <> ''"),
            postgresql_where=text("refused <> ''"),
        ),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    connection: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7: the order in which they were made
    organization_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    user_name: str = Field(sa_type=Text)
    user_name_key: str = Field(sa_type=OCTETS)  # folded
    external_id: str = Field(sa_type=OCTETS)
    display_name: str = Field(sa_type=Text)
    display_key: str = Field(sa_type=OCTETS)  # folded
    email: str = Field(sa_type=Text)  # the one that counts; "" none
    email_key: str = Field(sa_type=Text)  # folded
    active: int = Field(sa_type=SmallInteger)
    body: str = Field(sa_type=Text)  # JSON object
    version: int = Field(sa_type=BigInteger)
    refused: str = Field(sa_type=Text)  # policy's code; "" it is let in
    created_at: int = Field(sa_type=BigInteger)
    changed_at: int = Field(sa_type=BigInteger)
    due_at: int | None = Field(default=None, sa_type=BigInteger)  # since when it is to be decided anew
    due_number: int = Field(sa_type=BigInteger)  # counts every time that it becomes due
    has_subject: int = Field(sa_type=SmallInteger)  # by what it told at first their Subject was known


class ScimEmail(Row, table=True):
    """An e-mail address of a User resource, to be found by."""

    __tablename__ = "scim_email"
    __table_args__ = (Index(None, "connection", "resource_id"),)

    connection: str = Field(primary_key=True, sa_type=Text)
    email_key: str = Field(primary_key=True, sa_type=OCTETS)  # folded
    resource_id: str = Field(primary_key=True, sa_type=Text)  # ScimUser.id


class ScimGroup(Row, table=True):
    """A Group resource of a connection's SCIM client: ``provisioned.ScimGroup``."""

    __tablename__ = "scim_group"
    __table_args__ = (
        Index(None, "connection", "display_key", "id"),
        Index(None, "connection", "external_id", "id"),
        Index(None, "connection", "changed_at", "id"),
    )

    connection: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)
    display_key: str = Field(sa_type=OCTETS)  # folded
    external_id: str = Field(sa_type=OCTETS)
    body: str = Field(sa_type=Text)  # JSON object
    size: int = Field(sa_type=BigInteger)  # members
    version: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    changed_at: int = Field(sa_type=BigInteger)


class ScimMember(Row, table=True):
    """A User or a Group is in a Group."""

    __tablename__ = "scim_member"
    __table_args__ = (Index(None, "connection", "member_id", "group_id"),)

    connection: str = Field(primary_key=True, sa_type=Text)
    group_id: str = Field(primary_key=True, sa_type=Text)  # ScimGroup.id
    member_id: str = Field(primary_key=True, sa_type=Text)  # id of a ScimUser or a ScimGroup
    kind: str = Field(sa_type=Text)  # "User" or "Group"


class ScimSpread(Row, table=True):
    """More users than one change makes due: they become so some at a time, in the order of their ids."""

    __tablename__ = "scim_spread"

    connection: str = Field(primary_key=True, sa_type=Text)
    group_id: str = Field(primary_key=True, sa_type=Text)  # whose members; "" for everybody
    behind: str = Field(sa_type=Text)  # the last one who is due already; "" for nobody
    since: int = Field(sa_type=BigInteger)


class ScimCredential(Row, table=True):
    """What a SCIM client proves itself by: ``provisioned.Credential``; only its hash is kept."""

    __tablename__ = "scim_credential"
    __table_args__ = (Index(None, "connection", "id"), Index(None, "client"))

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    secret_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    connection: str = Field(sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)  # "bearer", "client" or "access"
    name: str = Field(sa_type=Text)
    client: str = Field(sa_type=Text)  # id of the client that an access token was given to, else ""
    created_at: int = Field(sa_type=BigInteger)
    created_by: str = Field(sa_type=Text)  # as ``Audit.actor``
    expires_at: int = Field(sa_type=BigInteger, index=True)
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
