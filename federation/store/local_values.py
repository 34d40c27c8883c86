"""Local accounts and break-glass, as values."""

from dataclasses import dataclass, field
from datetime import datetime

from federation.identity import Grant


@dataclass(frozen=True, kw_only=True)
class LocalAccount:
    """Somebody who signs in with a password."""

    id: str  # UUIDv7: their Subject's value, for good
    organization: str
    connection: str
    email: str
    display_name: str
    password_hash: str = field(repr=False)  # "" until one is set
    password_at: datetime | None  # when it was set
    link_until: datetime | None  # until then a link sets it
    locked_until: datetime | None = None  # None: not locked, or not looked up


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A counted try to sign in under an address."""

    account: LocalAccount | None  # None: nobody has the address
    locked: bool  # whatever was typed, it opens nothing now


@dataclass(frozen=True, kw_only=True)
class LocalNewcomer:
    """Somebody who is to sign in with a password."""

    organization: str
    connection: str
    email: str  # as ``identity.parse_email`` returns it
    display_name: str
    user_id: str  # of an existing user who is meant; "" makes one
    source: str  # of membership and grants
    grants: tuple[Grant, ...]


@dataclass(frozen=True, kw_only=True)
class BreakGlass:
    """The sealed account of an organization."""

    user_id: str
    code_hash: str = field(repr=False)
    sealed_at: datetime
    used_at: datetime | None  # this code; None while it is sealed
    last_used_at: datetime | None  # any code
