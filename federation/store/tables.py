"""Rows: every table, its keys and its indexes. Values, not rows, leave the room.

Times are whole microseconds since 1970, UTC, as BIGINT: one meaning on every engine. What a
browser or a provider chose is looked up by its SHA-256, so that no length or character of it
matters to an index. Read by migrations, administration and tests; what runs in a request is
written out in ``sql.py`` and held to this file by the tests.
"""

from collections.abc import Mapping
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import registry
from sqlalchemy.schema import SchemaItem
from sqlmodel import Field, SQLModel

# Names that a later migration can rely on, on both engines.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# Compared octet for octet: what begins with the same characters lies together, whatever the database's
# own order is.
_OCTETS = Text().with_variant(Text(collation="C"), "postgresql")


# On SQLite the primary key itself holds the row: a sign-in writes one page less for each such table. For
# small rows alone: large ones, keyed by a hash, would lie each on a page of its own (``pending_sign_in``).
_WITHIN_KEY: Mapping[str, object] = {"sqlite_with_rowid": False}


class Row(SQLModel, registry=registry(metadata=MetaData(naming_convention=_NAMES))):
    """Base of our rows: its own metadata, so that an embedding application's tables stay apart."""

    __table_args__: ClassVar[tuple[SchemaItem | Mapping[str, object], ...]] = ()


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
    __table_args__ = (_WITHIN_KEY,)

    claim_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)  # of issuer and id
    kept_until: int = Field(sa_type=BigInteger, index=True)


class PersonKey(Row, table=True):
    """The wrapped key under which one person's records are sealed; deleting it erases them.

    One for each key of our ring that wrapped it, so that a ring whose first key changed, or
    was lost, seals on under a fresh one.
    """

    __tablename__ = "person_key"
    __table_args__ = (_WITHIN_KEY,)

    person: str = Field(primary_key=True, sa_type=Text)  # Subject.person
    ring_key: str = Field(primary_key=True, sa_type=Text)  # id of the key that wrapped it
    wrapped: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger, index=True)


class User(Row, table=True):
    """A person. Everything known about them is said by an account, within its organization."""

    __tablename__ = "user"
    __table_args__ = (_WITHIN_KEY,)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    created_at: int = Field(sa_type=BigInteger)


class Membership(Row, table=True):
    """A user belongs to an organization, as one source says; the last row gone, they do not."""

    __tablename__ = "membership"
    __table_args__ = (
        Index(None, "organization_id", "source", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        _WITHIN_KEY,
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)  # as in ``decision``
    created_at: int = Field(sa_type=BigInteger)


class Deactivation(Row, table=True):
    """A user may not enter an organization, as one source says; it alone takes that back."""

    __tablename__ = "deactivation"
    __table_args__ = (
        Index(None, "organization_id", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    user_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(primary_key=True, sa_type=Text)  # "" means every one
    source: str = Field(primary_key=True, sa_type=Text)
    deactivated_at: int = Field(sa_type=BigInteger)


class Account(Row, table=True):
    """One Subject in one organization, with the profile that its identity provider sent last."""

    __tablename__ = "account"
    __table_args__ = (
        Index(None, "organization_id", "email_key", "person"),
        Index(None, "organization_id", "name_key", "person"),
        # Of some users in one organization: else all of the organization's are looked through.
        Index(None, "user_id", "organization_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    person: str = Field(
        primary_key=True, sa_type=Text
    )  # Subject.person: fits any index; of none, once detached
    subject_key: str = Field(sa_type=Text)  # Subject.key
    stable_ids: str = Field(sa_type=Text)  # of each kind the one seen first, as hashes
    user_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)  # through which they came last
    email: str = Field(sa_type=Text)
    # in lower case; indexed, never unique: an attribute, not a key
    email_key: str | None = Field(default=None, sa_type=_OCTETS)
    # 1: it is theirs by the word of a connection that is trusted for it
    email_proven: int | None = Field(default=None, sa_type=SmallInteger)
    # 1: joined to a user who was there, and nobody has signed in by it since
    joined: int | None = Field(default=None, sa_type=SmallInteger)
    given_name: str = Field(sa_type=Text)
    family_name: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)
    # the name that is shown, in lower case, for who looks somebody up; None: none was sent yet
    name_key: str | None = Field(default=None, sa_type=_OCTETS)
    created_at: int = Field(sa_type=BigInteger)
    signed_in_at: int = Field(sa_type=BigInteger)
    released_at: int = Field(sa_type=BigInteger)  # when it was detached, or its stable ids forgotten; else 0


class RoleGrant(Row, table=True):
    """A role of one user in one organization; its source alone takes it away."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index(None, "organization_id", "role", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        _WITHIN_KEY,
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)  # as in ``decision``
    role: str = Field(primary_key=True, sa_type=Text)
    why: str = Field(primary_key=True, sa_type=Text)  # the rule's name
    granted_at: int = Field(sa_type=BigInteger)


class Team(Row, table=True):
    """A team of the store. One declared in the settings file has none of these rows."""

    __tablename__ = "team"

    organization_id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)  # who made it
    created_at: int = Field(sa_type=BigInteger)


class TeamGroup(Row, table=True):
    """A group of an identity provider whose members are in a team of the store."""

    __tablename__ = "team_group"
    __table_args__ = (
        Index(None, "organization_id", "team_key", "group_key", "connection"),
        ForeignKeyConstraint(
            ["organization_id", "team_key"], ["team.organization_id", "team.key"], ondelete="CASCADE"
        ),
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    group_key: str = Field(primary_key=True, sa_type=Text)  # folded
    team_key: str = Field(primary_key=True, sa_type=Text)
    connection: str = Field(primary_key=True, sa_type=Text)  # whose groups; "" means every one's


class TeamRole(Row, table=True):
    """A role that every member of a team of the store has."""

    __tablename__ = "team_role"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "team_key"], ["team.organization_id", "team.key"], ondelete="CASCADE"
        ),
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    team_key: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(primary_key=True, sa_type=Text)


class TeamMembership(Row, table=True):
    """A user is in a team, declared or of the store, as one source says."""

    __tablename__ = "team_membership"
    __table_args__ = (
        Index(None, "organization_id", "team_key", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        _WITHIN_KEY,
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(primary_key=True, sa_type=Text)
    team_key: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)
    why: str = Field(sa_type=Text)
    joined_at: int = Field(sa_type=BigInteger)


class Invitation(Row, table=True):
    """Somebody may come, with these roles and teams; once, until it ends."""

    __tablename__ = "invitation"
    __table_args__ = (
        Index(None, "organization_id", "email_key"),
        Index(None, "organization_id", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    email_key: str = Field(sa_type=Text)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)  # of the link
    roles: str = Field(sa_type=Text)  # JSON array
    teams: str = Field(sa_type=Text)  # JSON array of keys
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    user_id: str | None = Field(default=None, sa_type=Text)  # who used it


class ProvisionedUser(Row, table=True):
    """A user whom a source made before they came; found by address at their first sign-in."""

    __tablename__ = "provisioned_user"
    __table_args__ = (
        Index(None, "organization_id", "email_key"),
        Index(None, "user_id", "organization_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)
    connection: str = Field(sa_type=Text)  # through which they are expected; "" leaves it open
    email: str = Field(sa_type=Text)
    email_key: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class JoinRequest(Row, table=True):
    """A new Subject whose address another user has, until its person proves to be that user too.

    No more of them than an account needs: what else is known of them their next sign-in says again.
    """

    __tablename__ = "join_request"
    __table_args__ = (Index(None, "organization_id", "person"),)

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)  # of the browser's cookie
    organization_id: str = Field(sa_type=Text)
    person: str = Field(sa_type=Text)  # Subject.person
    connection: str = Field(sa_type=Text)
    email_key: str = Field(sa_type=Text)
    subject_key: str = Field(sa_type=Text)  # Subject.key
    stable_id: str = Field(sa_type=Text)  # as an account keeps it
    email: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    # who asked for it, signed in before; None: whoever has the address and signs in after
    user_id: str | None = Field(default=None, sa_type=Text)


class DomainProof(Row, table=True):
    """A domain of an organization, and the token that a record in DNS must hold to prove it."""

    __tablename__ = "domain_proof"
    __table_args__ = (Index(None, "domain"),)

    organization_id: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(primary_key=True, sa_type=Text)
    token: str = Field(sa_type=Text)  # published, so no secret
    created_at: int = Field(sa_type=BigInteger)
    checked_at: int = Field(sa_type=BigInteger)  # when DNS was asked last and answered; 0: never
    seen_at: int = Field(sa_type=BigInteger)  # when the record was there; 0: never, or not any more


class Enforcement(Row, table=True):
    """The only connections by which people of an organization or domain may come in."""

    __tablename__ = "enforcement"

    organization_id: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(primary_key=True, sa_type=Text)  # "" is the whole organization
    connections: str = Field(sa_type=Text)  # JSON array
    enforced_at: int = Field(sa_type=BigInteger)
    enforced_by: str = Field(sa_type=Text)


class Reread(Row, table=True):
    """When a provider is asked again about somebody who signed in through it."""

    __tablename__ = "reread"
    __table_args__ = (Index(None, "connection", "due_at"),)

    organization_id: str = Field(primary_key=True, sa_type=Text)
    person: str = Field(primary_key=True, sa_type=Text)  # Subject.person
    connection: str = Field(primary_key=True, sa_type=Text)
    due_at: int = Field(sa_type=BigInteger)


class ConnectionState(Row, table=True):
    """A connection that an operator switched off, on all nodes."""

    __tablename__ = "connection_state"

    connection: str = Field(primary_key=True, sa_type=Text)
    disabled_at: int = Field(sa_type=BigInteger)


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


class ProviderMetadata(Row, table=True):
    """A connection's trust material by URL, one row for all nodes; without a document, not fetched yet."""

    __tablename__ = "provider_metadata"
    # All that the administration's overview asks: not a document is read for it.
    __table_args__ = (Index(None, "connection", "checked_at", "held_at"),)

    connection: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(sa_type=Text)
    document: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    etag: str = Field(sa_type=Text)
    last_modified: str = Field(sa_type=Text)
    fetched_at: int = Field(sa_type=BigInteger)
    checked_at: int = Field(sa_type=BigInteger)
    asked_at: int = Field(sa_type=BigInteger)  # when a node was last allowed to fetch it
    held_source: str = Field(sa_type=Text)  # all of held_ is empty where none waits for approval
    held_document: str = Field(sa_type=Text)
    held_digest: str = Field(sa_type=Text)
    held_at: int = Field(sa_type=BigInteger)
    held_changes: str = Field(sa_type=Text)  # JSON array
    rejected_digest: str = Field(sa_type=Text)  # not held again


class MetadataChange(Row, table=True):
    """What changed in a connection's metadata, and what became of it."""

    __tablename__ = "metadata_change"
    __table_args__ = (Index(None, "connection", "changed_at"),)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    connection: str = Field(sa_type=Text)
    changed_at: int = Field(sa_type=BigInteger, index=True)
    changes: str = Field(sa_type=Text)  # JSON array
    state: str = Field(sa_type=Text)
    settled_at: int | None = Field(default=None, sa_type=BigInteger)


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


class PolicyInForce(Row, table=True):
    """A connection's policy as the service last started with it: what a change is compared with."""

    __tablename__ = "policy_in_force"

    connection: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    policy: str = Field(sa_type=Text)  # JSON object
    since: int = Field(sa_type=BigInteger)


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


class Configuration(Row, table=True):
    """How often what the store declares was changed: what every worker compares with what it has."""

    __tablename__ = "configuration"

    name: str = Field(primary_key=True, sa_type=Text)  # "declared"
    number: int = Field(sa_type=BigInteger)


class KeptOrganization(Row, table=True):
    """An organization that is edited here, in the keys of the settings file."""

    __tablename__ = "kept_organization"

    id: str = Field(primary_key=True, sa_type=Text)
    body: str = Field(sa_type=Text)  # JSON object
    number: int = Field(sa_type=BigInteger, index=True)  # ``Configuration.number`` of its latest change
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)  # it stays, so that every node hears


class KeptConnection(Row, table=True):
    """A connection that is edited here, in the keys of the settings file; its secrets sealed apart."""

    __tablename__ = "kept_connection"
    __table_args__ = (Index(None, "organization_id", "id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text)
    protocol: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)  # JSON object, without secrets
    sealed: str = Field(sa_type=Text)  # JSON object of the secrets, under the key ring; "" for none
    enabled: int = Field(sa_type=SmallInteger)
    number: int = Field(sa_type=BigInteger, index=True)  # ``Configuration.number`` of its latest change
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    tested_at: int | None = Field(default=None, sa_type=BigInteger)  # a trial of what it says went through
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)  # it stays: nobody else gets the id


class Departing(Row, table=True):
    """A source that is gone, whose grants and memberships count no more, until all of them are deleted."""

    __tablename__ = "departing"

    source: str = Field(primary_key=True, sa_type=Text)  # as in ``decision``
    organization_id: str = Field(sa_type=Text)
    since: int = Field(sa_type=BigInteger)


class SetupLink(Row, table=True):
    """A link by which a customer's IT person sets one connection up, and does nothing else."""

    __tablename__ = "setup_link"
    __table_args__ = (Index(None, "connection", "id"),)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    organization_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    may_enable: int = Field(sa_type=SmallInteger)
    created_at: int = Field(sa_type=BigInteger)
    created_by: str = Field(sa_type=Text)  # as ``Audit.actor``
    expires_at: int = Field(sa_type=BigInteger, index=True)
    uses: int = Field(sa_type=BigInteger)
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class Trial(Row, table=True):
    """A sign-in that makes no user and no session, and what came of it."""

    __tablename__ = "trial"
    __table_args__ = (Index(None, "connection", "started_at"),)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    connection: str = Field(sa_type=Text)
    number: int = Field(sa_type=BigInteger)  # of the connection as it was tried; 0: of the settings file
    started_by: str = Field(sa_type=Text)  # as ``Audit.actor``
    started_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    code: str = Field(sa_type=Text)  # "" where it went through, or is under way
    sealed: str = Field(sa_type=Text)  # the report, under the key ring


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


class ScimUser(Row, table=True):
    """A User resource of a connection's SCIM client: ``provisioned.ScimUser``."""

    __tablename__ = "scim_user"
    __table_args__ = (
        UniqueConstraint("connection", "user_name_key"),
        Index(None, "connection", "external_id"),
        Index(None, "connection", "display_key"),
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
        ForeignKeyConstraint(["user_id"], ["user.id"]),
    )

    connection: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7: the order in which they were made
    organization_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    user_name: str = Field(sa_type=Text)
    user_name_key: str = Field(sa_type=_OCTETS)  # folded
    external_id: str = Field(sa_type=_OCTETS)
    display_name: str = Field(sa_type=Text)
    display_key: str = Field(sa_type=_OCTETS)  # folded
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


class ScimEmail(Row, table=True):
    """An e-mail address of a User resource, to be found by."""

    __tablename__ = "scim_email"
    __table_args__ = (Index(None, "connection", "resource_id"),)

    connection: str = Field(primary_key=True, sa_type=Text)
    email_key: str = Field(primary_key=True, sa_type=_OCTETS)  # folded
    resource_id: str = Field(primary_key=True, sa_type=Text)  # ScimUser.id


class ScimGroup(Row, table=True):
    """A Group resource of a connection's SCIM client: ``provisioned.ScimGroup``."""

    __tablename__ = "scim_group"
    __table_args__ = (
        Index(None, "connection", "display_key"),
        Index(None, "connection", "external_id"),
        Index(None, "connection", "changed_at", "id"),
    )

    connection: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    organization_id: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)
    display_key: str = Field(sa_type=_OCTETS)  # folded
    external_id: str = Field(sa_type=_OCTETS)
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
