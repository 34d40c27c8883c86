"""What the store keeps of connections and organizations that are edited in the administration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from federation.store.domains_values import DomainProof
from federation.store.metadata_values import Metadata


@dataclass(frozen=True, kw_only=True)
class KeptOrganization:
    """An organization, in the keys of the settings file."""

    id: str
    body: str = field(repr=False)  # JSON object
    number: int  # of the change that made it what it is
    created_at: datetime
    updated_at: datetime
    deleted: bool  # nothing but its id is left


@dataclass(frozen=True, kw_only=True)
class KeptConnection:
    """A connection, in the keys of the settings file; its secrets sealed apart."""

    id: str
    organization: str
    protocol: str
    body: str = field(repr=False)  # JSON object, without secrets
    sealed: str = field(repr=False)  # JSON object of the secrets, under the key ring; "" for none
    enabled: bool
    number: int  # of the change that made it what it is
    created_at: datetime
    updated_at: datetime
    tested_at: datetime | None  # a trial of what it says went through
    deleted: bool  # nothing but its id is left


@dataclass(frozen=True, kw_only=True)
class ConnectionAbout:
    """What is kept of a connection, be it the file's or the store's, at one moment."""

    metadata: Metadata | None
    row: KeptConnection | None  # of the store's
    off: Mapping[str, datetime]  # every connection that is switched off, since when
    proofs: tuple[DomainProof, ...]  # of the domains that were asked for
    proved: frozenset[str]  # domains of its organization
    signed_in_at: datetime | None  # somebody's latest sign-in


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What was changed after some number, and the number that it leads to."""

    number: int
    organizations: tuple[KeptOrganization, ...]
    connections: tuple[KeptConnection, ...]


AFFECTED_COUNTED: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Count:
    """Whom a connection concerns; one above ``AFFECTED_COUNTED``: more than that."""

    accounts: int  # people whom it made members
    only_way: int  # users who have no account by another connection
    sessions: int  # live
