"""What lists of people and teams, and the administration's overview, ask of the store and are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from federation.store.people_values import LinkedGroup

State = Literal["", "deactivated", "awaited"]
PeopleCursor = tuple[str, str, str]  # which index was read, and where in it the page before ended


@dataclass(frozen=True, kw_only=True)
class PeopleFilter:
    """Which people of an organization are listed; "" leaves each open."""

    organization: str
    search: str = field(repr=False)  # what an address, or the name that is shown, begins with; any case
    connection: str  # that made them a member
    role: str  # that they were given: by hand, a rule, an invitation; not by a team
    team: str  # key
    state: State


@dataclass(frozen=True, kw_only=True)
class PersonListed:
    """A person in a list."""

    user_id: str
    email: str = field(repr=False)
    display_name: str = field(repr=False)
    connections: tuple[str, ...]  # at which they have an account; of one who is awaited, where
    signed_in_at: datetime | None
    member: bool
    deactivated: bool


@dataclass(frozen=True, kw_only=True)
class PeoplePage:
    """Some people; ``next`` leads on, None at the end. It may be short, or empty, and lead on."""

    people: tuple[PersonListed, ...]
    next: PeopleCursor | None


MEMBERS_COUNTED = 100  # of a team in a list: more than that is told as more


@dataclass(frozen=True, kw_only=True)
class TeamListed:
    """A team of the store in a list."""

    key: str
    name: str
    source: str  # who made it
    groups: tuple[LinkedGroup, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Why somebody is in a team."""

    source: str
    why: str


@dataclass(frozen=True, kw_only=True)
class MemberListed:
    """A member of a team."""

    person: PersonListed
    by: tuple[Placed, ...]


@dataclass(frozen=True, kw_only=True)
class RecordLine:
    """A sign-in of somebody, as its record says, nothing of it opened."""

    reference: str
    at: datetime
    code: str  # "" where they were admitted
    connection: str


@dataclass(frozen=True, kw_only=True)
class Causes:
    """How attempts ended, by the records: of the latest ones, as many as may be looked at."""

    day: Mapping[str, int]  # code → how many in the last 24 hours; "" were admitted
    week: Mapping[str, int]  # likewise in seven days, those of the day among them
    since: datetime | None  # the earliest that was looked at; None where it was all of the week


@dataclass(frozen=True, kw_only=True)
class MetadataAge:
    """When a connection's metadata was last said to be so, and whether a later document waits."""

    connection: str
    checked_at: datetime | None  # None: never
    held: bool
