"""Tables of organizations and connections that are kept here, and what is known of each connection."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, Text
from sqlmodel import Field

from federation.store.tables_row import Row


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


class ConnectionState(Row, table=True):
    """A connection that an operator switched off, on all nodes."""

    __tablename__ = "connection_state"

    connection: str = Field(primary_key=True, sa_type=Text)
    disabled_at: int = Field(sa_type=BigInteger)


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


class PolicyInForce(Row, table=True):
    """A connection's policy as the service last started with it: what a change is compared with."""

    __tablename__ = "policy_in_force"

    connection: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    policy: str = Field(sa_type=Text)  # JSON object
    since: int = Field(sa_type=BigInteger)


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
