"""Tables of people: users, their accounts, what they are given and by whom."""

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Text
from sqlmodel import Field

from federation.store.tables_row import OCTETS, WITHIN_KEY, Row


class User(Row, table=True):
    """A person. Everything known about them is said by an account, within its organization."""

    __tablename__ = "user"
    __table_args__ = (WITHIN_KEY,)

    id: str = Field(primary_key=True, sa_type=Text)  # UUIDv7
    created_at: int = Field(sa_type=BigInteger)


class Membership(Row, table=True):
    """A user belongs to an organization, as one source says; the last row gone, they do not."""

    __tablename__ = "membership"
    __table_args__ = (
        Index(None, "organization_id", "source", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        WITHIN_KEY,
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
    email_key: str | None = Field(default=None, sa_type=OCTETS)
    # 1: it is theirs by the word of a connection that is trusted for it
    email_proven: int | None = Field(default=None, sa_type=SmallInteger)
    # 1: joined to a user who was there, and nobody has signed in by it since
    joined: int | None = Field(default=None, sa_type=SmallInteger)
    given_name: str = Field(sa_type=Text)
    family_name: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)
    # the name that is shown, in lower case, for who looks somebody up; None: none was sent yet
    name_key: str | None = Field(default=None, sa_type=OCTETS)
    created_at: int = Field(sa_type=BigInteger)
    signed_in_at: int = Field(sa_type=BigInteger)
    released_at: int = Field(sa_type=BigInteger)  # when it was detached, or its stable ids forgotten; else 0


class RoleGrant(Row, table=True):
    """A role of one user in one organization; its source alone takes it away."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index(None, "organization_id", "role", "user_id"),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        WITHIN_KEY,
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
        WITHIN_KEY,
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
