"""Whom a directory provisions: users and groups as a SCIM client keeps them, and questions about them.

Between ``scim`` (what requests mean), ``provisioning`` (the story) and ``store`` (where they are kept).
Every value is one connection's: of what another provisioned nothing here can name anything. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["User", "Group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A resource that another names: a member of a group, a group of a user (RFC 7643 §4.1.2, §4.2)."""

    id: str
    kind: Kind | Literal[""]  # "" of a member that the connection has not: it is nobody
    display: str = field(default="", repr=False)
    external_id: str = field(default="", repr=False)  # of a group of a user; "" of any other


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimUser:
    """A User resource (RFC 7643 §4.1). What has no column of its own is in ``body``."""

    id: str  # UUIDv7, made by us; "" of one to be made
    user_id: str = ""  # whose it is: a user of ours; the store says
    user_name: str = field(repr=False)  # unique at the connection, whatever its case
    external_id: str = field(default="", repr=False)  # the client's own id; exact; "" where none was sent
    display_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)  # the one that counts, by ``identity.parse_email``; "" none
    emails: tuple[str, ...] = field(default=(), repr=False)  # every value, as sent: what filters ask
    active: bool = True
    # every attribute as the client last left it, but id, meta and groups; never a password
    body: Mapping[str, object] = field(repr=False)
    groups: tuple[Reference, ...] = ()  # it is a direct member of; the store says
    version: int = 0  # counts its changes; the ETag
    created_at: datetime | None = None  # UTC; the store says
    changed_at: datetime | None = None
    refused: str = ""  # the code by which policy gives it nothing; "" it is let in


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimGroup:
    """A Group resource (RFC 7643 §4.2)."""

    id: str
    display_name: str = field(repr=False)
    external_id: str = field(default="", repr=False)
    body: Mapping[str, object] = field(repr=False)  # likewise, but members too
    members: tuple[Reference, ...] | None = None  # None where they were not asked for
    size: int = 0  # members it has; the store says
    version: int = 0
    created_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A change of who is in a group that names no more than it changes.

    Adding whom it has, and removing whom it has not, changes nothing (RFC 7644 §3.5.2.1, §3.5.2.2).
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    every: bool = False  # all who are not in ``add`` go


# What a question may ask by an index. ``emails`` is each of a user's, ``members`` each of a group's,
# ``groups`` each of a user's. Texts are compared without their case, but ids and externalId.
Column = Literal[
    "id",
    "userName",
    "externalId",
    "displayName",
    "emails",
    "active",
    "members",
    "groups",
    "created",
    "changed",
]
Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """One comparison (RFC 7644 §3.4.2.2)."""

    column: Column
    operator: Operator
    value: str | bool | int | None = field(default=None, repr=False)  # int: microseconds since 1970


@dataclass(frozen=True, slots=True)
class Every:
    """All of these."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of these; of none, nothing."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this."""

    of: "Condition"


Condition = Compare | Every | Some | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A question for one page of resources of one kind, in an order that no writing upsets.

    By default they come in the order in which they were made (``id``). ``after`` continues behind a
    resource, ``skip`` behind so many.
    """

    kind: Kind
    where: Condition | None = None  # None: every one of the connection
    order: Literal["id", "userName", "displayName", "externalId", "created", "changed"] = "id"
    descending: bool = False
    after: tuple[str | int, str] | None = None  # the order's value and the id of the last one seen
    backwards: bool = False  # the page before ``after``
    skip: int = 0
    count: int  # at most so many; 0 asks only how many there are
    members: bool = True  # groups with their members
    total: bool = True  # tell how many there are in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a search found."""

    found: tuple[ScimUser, ...] | tuple[ScimGroup, ...]
    total: int | None  # None where it was not asked for
    more: bool  # others follow (or, backwards, come before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """By what a new User resource is found among those whom we know already: see ``linking`` for why.

    ``persons`` are the Subjects that this connection's provider would name them by; an address counts
    only where its domain is proven to be this connection's.
    """

    persons: tuple[str, ...] = ()  # ``Subject.person`` each
    email_key: str = field(default="", repr=False)  # "" where no address finds anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """By what somebody who signs in is found among those whom this connection provisioned."""

    external_ids: tuple[str, ...] = field(default=(), repr=False)  # exact
    user_names: tuple[str, ...] = field(default=(), repr=False)  # folded
    email_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A User resource of which it is to be decided anew what it gives its user."""

    connection: str
    organization: str
    id: str
    number: int  # which change of it this is; another one since makes it due again


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a connection's directory stands here."""

    users: int
    groups: int
    due: int  # users of whom it is still to be decided
    refused: Mapping[str, int]  # code of policy → users to whom it gives nothing by it
    changed_at: datetime | None  # when the directory last changed something; None: it never did


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """What a connection's directory keeps in an organization, whether it may provision still or not."""

    connection: str
    organization: str
    users: int
    kept_out: int  # of these, whom it let in no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A User resource in a list: whose it is, and how it stands."""

    connection: str
    id: str
    user_id: str
    user_name: str = field(repr=False)
    active: bool
    refused: str  # the code by which policy gives it nothing; "" it is let in
    due: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a SCIM client proves itself by; minted here, only its hash is kept."""

    id: str  # UUIDv7; the client_id of a client
    connection: str
    organization: str
    kind: Literal["bearer", "client", "access"]  # a token, an OAuth client, what a client was given
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    client: str = ""  # of an access token the client that it was given to


class Taken(Exception):
    """Another resource of the connection has this userName (RFC 7644 §3.3: 409, uniqueness)."""


class Absent(Exception):
    """The connection has no such resource."""


class Stale(Exception):
    """The resource is not of the version any more that the client has seen (RFC 7644 §3.14: 412)."""
