"""Domains as values: what DNS proves of one, and who is kept out where it is enforced."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class DomainProof:
    """What a record in DNS must hold before a domain links anybody, and when it was seen there."""

    organization: str
    domain: str
    token: str
    created_at: datetime
    checked_at: datetime | None  # None: nobody has looked yet
    seen_at: datetime | None  # None: never, or not any more


@dataclass(frozen=True, kw_only=True)
class Enforcement:
    """The only ways into an organization, or for one of its domains."""

    organization: str
    domain: str  # "" is the whole organization
    connections: tuple[str, ...]
    at: datetime
    by: str  # who switched it on


LOCKED_OUT_COUNTED = 1000
LOCKED_OUT_SHOWN = 100  # by name


@dataclass(frozen=True, kw_only=True)
class LockedOut:
    """Somebody who has no account at an enforced connection; signs in by the one told here."""

    user_id: str
    email: str
    connection: str  # "" where they never came
    signed_in_at: datetime | None
    sessions: int  # live ones; they go on until they end


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What an enforcement would mean now."""

    number: int  # of people who would be locked out; one above ``LOCKED_OUT_COUNTED``: more than that
    locked_out: tuple[LockedOut, ...]  # the first ``LOCKED_OUT_SHOWN``
    last_sign_ins: Mapping[str, datetime]  # of each connection that anybody has come through
    untried: tuple[str, ...]  # connections without a sign-in in the last seven days
