"""Tables of ways in without a provider: passwords kept here, the first administrator's link, break-glass."""

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field

from federation.store.tables_row import Row


class LocalAccount(Row, table=True):
    """A person who signs in here with a password; ``id`` is their Subject's value, for good."""

    __tablename__ = "local_account"
    __table_args__ = (UniqueConstraint("connection", "email_key"),)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    email_key: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)
    password_hash: str = Field(sa_type=Text)  # "" until one is set
    password_at: int | None = Field(default=None, sa_type=BigInteger)
    link_hash: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True)  # sets a password, once
    link_until: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class LocalAttempts(Row, table=True):
    """The latest tries to sign in under one typed address, whether or not somebody has it."""

    __tablename__ = "local_attempts"

    address_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)  # of connection and address
    tries: str = Field(sa_type=Text)  # JSON array of times
    locked_until: int = Field(sa_type=BigInteger)
    kept_until: int = Field(sa_type=BigInteger, index=True)


class BootstrapLink(Row, table=True):
    """The link by which the first administrator of an organization becomes one."""

    __tablename__ = "bootstrap_link"

    organization_id: str = Field(primary_key=True, sa_type=Text)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class BreakGlass(Row, table=True):
    """The one account of an organization that opens when no other way in does."""

    __tablename__ = "break_glass"
    __table_args__ = (ForeignKeyConstraint(["user_id"], ["user.id"]),)

    organization_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_type=Text)
    code_hash: str = Field(sa_type=Text)
    sealed_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)  # this code; None while it is sealed
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)  # any code
