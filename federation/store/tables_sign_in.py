"""Tables of sign-ins: pending ones, sessions, kept tokens, records."""

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Text
from sqlmodel import Field

from federation.store.tables_row import WITHIN_KEY, Row


class PendingSignIn(Row, table=True):
    """A started sign-in; a used one stays until it expires."""

    __tablename__ = "pending_sign_in"

    handle_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    connection: str = Field(sa_type=Text)
    binder_hash: bytes = Field(sa_type=LargeBinary)
    expects: str = Field(sa_type=Text)  # JSON object
    return_to: str = Field(sa_type=Text)
    replaces: bytes = Field(sa_type=LargeBinary)  # token hash of the browser's session, empty if none
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    session_id: str | None = Field(default=None, sa_type=Text)  # the session that it opened


class ClaimedAssertion(Row, table=True):
    """Replay memory: one row for each assertion accepted, until it could not be accepted again."""

    __tablename__ = "claimed_assertion"
    __table_args__ = (WITHIN_KEY,)

    claim_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)  # of issuer and id
    kept_until: int = Field(sa_type=BigInteger, index=True)


class PersonKey(Row, table=True):
    """The wrapped key under which one person's records are sealed; deleting it erases them.

    One for each key of our ring that wrapped it, so that a ring whose first key changed, or
    was lost, seals on under a fresh one.
    """

    __tablename__ = "person_key"
    __table_args__ = (WITHIN_KEY,)

    person: str = Field(primary_key=True, sa_type=Text)  # Subject.person
    ring_key: str = Field(primary_key=True, sa_type=Text)  # id of the key that wrapped it
    wrapped: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger, index=True)


class Session(Row, table=True):
    """A signed-in browser; ``data`` is the snapshot that every check answers from."""

    __tablename__ = "session"
    __table_args__ = (
        Index(None, "organization_id", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    id: str = Field(sa_type=Text, unique=True)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    person: str | None = Field(default=None, sa_type=Text)  # Subject.person; None: before 0004, or of none
    data: str = Field(sa_type=Text)  # JSON object
    authenticated_at: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    idle: int = Field(sa_type=BigInteger)  # microseconds without use after which it ends
    idle_at: int = Field(sa_type=BigInteger, index=True)  # never after expires_at; set back when ended
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    last_seen: int = Field(sa_type=BigInteger)


class ProviderSession(Row, table=True):
    """Under which names the provider's logout messages speak of a session; goes with its row.

    No name is kept, only their hashes and the sealed words for a logout that starts here.
    """

    __tablename__ = "provider_session"
    __table_args__ = (ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE"),)

    session_id: str = Field(primary_key=True, sa_type=Text)
    connection: str = Field(sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    name_hash: bytes = Field(sa_type=LargeBinary, index=True)  # of connection and name
    index_hash: bytes = Field(sa_type=LargeBinary)  # of connection, name and index
    alone_hash: bytes | None = Field(sa_type=LargeBinary, index=True)  # of its name without the person
    sealed: str = Field(sa_type=Text)


class ProviderLogout(Row, table=True):
    """A provider's logout, for the assertion about that session which arrives after it."""

    __tablename__ = "provider_logout"

    logout_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)  # a name_hash or an index_hash
    issued_at: int = Field(sa_type=BigInteger)
    kept_until: int = Field(sa_type=BigInteger, index=True)


class KeptToken(Row, table=True):
    """The tokens that a provider gave with a session, sealed; goes with its row.

    ``taken_by`` is whoever renews them now, "" for nobody; before ``taken_until`` nobody else may.
    """

    __tablename__ = "kept_token"
    __table_args__ = (
        Index(None, "connection", "renew_at"),
        ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE"),
    )

    session_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    person: str = Field(sa_type=Text)  # Subject.person
    sealed: str = Field(sa_type=Text)
    renew_at: int | None = Field(default=None, sa_type=BigInteger)  # None: there is nothing to renew
    version: int = Field(sa_type=BigInteger)  # how often they were renewed
    taken_by: str = Field(sa_type=Text)
    taken_until: int = Field(sa_type=BigInteger)


class Reread(Row, table=True):
    """When a provider is asked again about somebody who signed in through it."""

    __tablename__ = "reread"
    __table_args__ = (Index(None, "connection", "due_at"),)

    organization_id: str = Field(primary_key=True, sa_type=Text)
    person: str = Field(primary_key=True, sa_type=Text)  # Subject.person
    connection: str = Field(primary_key=True, sa_type=Text)
    due_at: int = Field(sa_type=BigInteger)


class DecisionRecord(Row, table=True):
    """Why one attempt ended as it did."""

    __tablename__ = "decision_record"
    __table_args__ = (
        Index(None, "person", "organization_id", "recorded_at"),
        Index(None, "organization_id", "recorded_at", "code"),
        Index(None, "recorded_at", "code"),
    )

    reference: str = Field(primary_key=True, sa_type=Text)
    recorded_at: int = Field(sa_type=BigInteger)
    code: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    size: int = Field(sa_type=BigInteger)
    digest: str = Field(sa_type=Text)
    person: str = Field(sa_type=Text)
    sealed: str = Field(sa_type=Text)
    ring: int | None = Field(default=None, sa_type=SmallInteger, unique=True)  # its place, without a person


class KeptMessage(Row, table=True):
    """What the message of a record said, of a connection that records in full; for some days."""

    __tablename__ = "kept_message"
    __table_args__ = (Index(None, "person", "organization_id", "recorded_at"),)

    reference: str = Field(primary_key=True, sa_type=Text)
    recorded_at: int = Field(sa_type=BigInteger, index=True)
    organization_id: str = Field(sa_type=Text)
    person: str = Field(sa_type=Text)  # "": no signature vouched for anybody
    sealed: str = Field(sa_type=Text)
    ring: int | None = Field(default=None, sa_type=SmallInteger, unique=True)  # its place, without a person
