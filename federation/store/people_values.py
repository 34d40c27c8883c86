"""Whom the store knows, as values: users, what they have, and how they came to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.decision import Standing, Tell
from federation.identity import Session
from federation.store.values import KeptTokensOf, Record


@dataclass(frozen=True, kw_only=True)
class PersonFound:
    """A user whom an address, an id or a Subject means."""

    user_id: str
    email: str


@dataclass(frozen=True, kw_only=True)
class PersonData:
    """All that is kept of a person in one organization: rows by what they are, and sealed records."""

    tables: Mapping[str, tuple[Mapping[str, Any], ...]] = field(repr=False)
    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What went with a person; nothing did where ``counts`` is empty."""

    counts: Mapping[str, int]
    user: bool  # False: another organization knows the user still
    last_administrator: bool  # nobody is left who has an administrator's role

    @property
    def changed(self) -> bool:
        """Whether anything went."""
        return bool(self.counts)


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """An invitation by e-mail address; whoever holds its link may use it, once."""

    id: str  # UUIDv7
    organization: str
    email: str
    roles: tuple[str, ...]
    teams: tuple[str, ...]  # keys
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    user_id: str = ""  # who used it


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """A user whom an operator made, or made a member again."""

    user_id: str
    made: bool  # False: somebody has the address already, and this is who


@dataclass(frozen=True, kw_only=True)
class Join:
    """A new Subject that waits for its person to prove that they are a user here already."""

    organization: str
    person: str  # Subject.person
    connection: str
    email: str
    created_at: datetime
    expires_at: datetime
    user_id: str = ""  # who asked for it, signed in before; "": whoever has the address and signs in after


@dataclass(frozen=True, kw_only=True)
class Way:
    """One of a user's accounts in an organization: a way in that leads to them."""

    person: str  # Subject.person
    connection: str
    email: str
    created_at: datetime
    used_at: datetime  # when they came by it last


@dataclass(frozen=True, kw_only=True)
class InTeam:
    """A team of a user's, as one source says."""

    key: str
    name: str  # "" of a declared one
    source: str
    why: str


@dataclass(frozen=True, kw_only=True)
class LiveSession:
    """A session as its person sees it."""

    id: str
    user_agent: str
    created_at: datetime
    used_at: datetime  # to the minute


@dataclass(frozen=True, kw_only=True)
class FoundUser:
    """A user in one organization, by an address of theirs or by their id."""

    organization: str
    user_id: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What came of ending somebody's access, or a connection's."""

    changed: bool  # False: it was so already, or was not done
    sessions: int = 0  # live ones that ended
    tokens: tuple[KeptTokensOf, ...] = ()  # went with them, and are kept nowhere else: to be revoked
    last_administrator_of: tuple[str, ...] = ()  # organizations that are left without one, or would be


@dataclass(frozen=True, kw_only=True)
class Released:
    """The account that an operator let go of a Subject, or of its stable ids."""

    user_id: str
    email: str  # as their provider sent it last
    sessions: int = 0  # live ones that ended
    tokens: tuple[KeptTokensOf, ...] = field(default=(), repr=False)  # went with them: to be revoked


@dataclass(frozen=True, kw_only=True)
class LinkedGroup:
    """A group whose members are in a team of the store."""

    group: str  # folded
    connection: str  # whose; "" every one's of the organization


@dataclass(frozen=True, kw_only=True)
class KeptTeam:
    """A team of the store; or what the store knows of a declared one: how many are in it."""

    key: str
    name: str  # "" of a declared one
    source: str  # who made it; "" of a declared one
    groups: tuple[LinkedGroup, ...]
    roles: tuple[str, ...]
    members: int


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an operator's change is held to, and how live sessions are told of it."""

    connections: tuple[str, ...]  # every one of the organization
    declared: frozenset[str]  # keys of its declared teams
    administrators: frozenset[str]  # roles of which somebody must be left
    administrator_teams: frozenset[str]  # declared teams that give one of them
    force: bool  # nobody need be left
    tell: Tell


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Who must be left where a connection is switched off or goes: an administrator who can come in."""

    organization: str
    administrators: frozenset[str]  # roles; none: nobody need be left
    administrator_teams: frozenset[str]  # declared teams that give one of them
    ways: tuple[str, ...]  # the organization's other connections by which people come in
    in_use: bool  # whether they come in by this one
    force: bool  # nobody need be left


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What came of a change by hand."""

    changed: bool
    others: tuple[str, ...]  # sources that give the same, sorted


@dataclass(frozen=True, kw_only=True)
class AccountOf:
    """One way in which somebody signs in."""

    connection: str
    email: str
    display_name: str
    created_at: datetime
    signed_in_at: datetime


@dataclass(frozen=True, kw_only=True)
class PersonOf:
    """A user in one organization."""

    organization: str
    user_id: str
    email: str
    accounts: tuple[AccountOf, ...]
    standing: Standing
    sessions: tuple[Session, ...]
