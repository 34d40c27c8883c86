"""What is decided of a person, and what the store reads and writes for it. Values, and no rule.

A decision is made in two halves. What the identity and the settings alone decide stands in a
``Decision`` before the database is asked. What hangs on the database is decided while it cannot
change: within the transaction that opens the session, the store reads ``Candidates`` (of a person
who has no account yet) and ``Standing``, hands each to a pure function of ``policy``, and carries
out the ``Link`` and the ``Outcome`` that come back. Policy sees no SQL, the store sees no rule.

Every grant, membership and team membership names its source, which alone takes it away again:
``connection:okta``, ``manual``, ``scim:okta``, ``invitation``, ``bootstrap``. What a team gives is
its own (``team:platform``) and is not kept per person; nor are system roles (``system:okta``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from federation.errors import Check
from federation.identity import Grant, Identity, Presence
from federation.provisioned import Awaited

MANUAL = "manual"
INVITATION = "invitation"
BOOTSTRAP = "bootstrap"
BREAK_GLASS = "break-glass"  # of a session alone, and no connection's id


def of_connection(connection: str) -> str:
    """Return the source that a connection's grants and memberships name."""
    return f"connection:{connection}"


def of_scim(connection: str) -> str:
    """Return the source that what a connection's directory gives names: see ``provisioned``."""
    return f"scim:{connection}"


def of_team(team: str) -> str:
    """Return the source that the roles of a team name; ``team`` is its key."""
    return f"team:{team}"


def of_group(group: str) -> str:
    """Return the reason that a team membership names which a group gave; ``group`` is folded."""
    return f"{_GROUP}{group}"


def is_of_group(why: str) -> bool:
    """Tell whether a group was the reason."""
    return why.startswith(_GROUP)


_GROUP = "group:"


def of_system(connection: str) -> str:
    """Return the source that system roles name: those whom a sign-in through this connection gives them."""
    return f"system:{connection}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What of a connection's earlier grants stays beside its new ones, because nobody can tell.

    By the name of the rule that gave it (``Grant.why``): a rule that asks for groups which could
    not be had neither grants nor takes away.
    """

    everything: bool = False
    given_by: frozenset[str] = frozenset()
    by_groups: bool = False  # whatever a group gave: see ``of_group``

    def holds(self, why: str) -> bool:
        """Tell whether what was given for this reason stays."""
        return self.everything or why in self.given_by or (self.by_groups and is_of_group(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamWish:
    """A team that the person should be in, by its key, and why."""

    key: str  # of a declared team its id; of one made from a group the group's name, folded
    name: str = ""  # of one to be made, as sent; "" where it must be there already
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one connection's rules give, before anybody looks at what stands."""

    grants: tuple[Grant, ...] = ()  # source: this connection
    otherwise: tuple[Grant, ...] = ()  # in their place, where no earlier one stays either
    stays: Stay = Stay()
    teams: tuple[TeamWish, ...] = ()
    teams_stay: Stay = Stay()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An account of somebody in this organization who has the address that a new person comes with."""

    user_id: str
    connection: str  # through which it is used
    proven: bool  # it is this account that has the address, by the word of a connection trusted for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An open invitation to this address."""

    id: str
    by_link: bool  # the browser holds its link
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()  # keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A user whom somebody made before they came, for this address."""

    user_id: str
    source: str
    connection: str  # through which they are expected; "" leaves it open


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Who a person without an account could be, all of one organization; see ``Decision.link``."""

    holders: tuple[Holder, ...] = ()
    invited: tuple[Invited, ...] = ()
    provisioned: tuple[Provisioned, ...] = ()
    resource: str = ""  # the user of whom this connection's directory keeps a resource; "" it keeps none
    # it keeps one by their externalId, of a user as whom another Subject comes through the connection
    resource_of_another: bool = False


How = Literal["subject", "new", "linked", "invited", "provisioned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Who a person without an account is."""

    user_id: str  # "" makes a user
    how: How
    invitation: Invited | None = None  # used up with it
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How an account describes its person."""

    email: str = ""
    email_proven: bool = False  # by the word of a connection that is trusted for it
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A person's place in one team, and who gave it."""

    key: str
    source: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team of the store: its name, the groups that lead into it, the roles that it gives."""

    key: str
    name: str
    source: str
    groups: tuple[str, ...] = ()  # folded; those of the person alone, in a Standing
    roles: tuple[str, ...] = ()


# What came of the link for a first administrator that the browser holds: "" there is none; it is used up
# with this sign-in; it was used, or is too old; somebody is an administrator already.
Bootstrap = Literal["", "open", "spent", "taken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforced:
    """The only ways in for an organization, or for one of its domains."""

    domain: str  # "" is the whole organization
    connections: tuple[str, ...]
    has_address: bool = False  # an account of this user has an address in the domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is so of a person in one organization, read after their account was locked."""

    user_id: str
    how: How
    signed_in_before: bool  # through this connection's account
    profile: Profile  # of this account, as kept
    described: Profile | None = None  # what the connection's directory says: it beats what a sign-in says
    invited: Invited | None = None  # used up by this sign-in
    address_taken: bool = False  # the address is new to this account, and another user here has it
    grants: tuple[Grant, ...] = ()  # of every source
    members: tuple[TeamMember, ...] = ()
    teams: Mapping[str, Team] = field(default_factory=dict)  # theirs, and those that their groups lead to
    teams_here: int = 0  # teams of the store in the organization; told only where one is to be made
    memberships: frozenset[str] = frozenset()  # sources
    deactivated: frozenset[str] = frozenset()  # sources; of the whole installation with "*:" before it
    connection_disabled: bool = False
    enforced: tuple[Enforced, ...] = ()  # of the organization
    bootstrap: Bootstrap = ""
    last_administrator: bool = False  # nobody else would be left; told only where it matters


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What every session of a person carries; what only its own sign-in gave comes beside it."""

    grants: tuple[Grant, ...]  # of every source, teams among them
    teams: tuple[str, ...]  # keys, sorted


Tell = Callable[[Standing], Carried]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a sign-in changes, and what its session carries."""

    profile: Profile
    add: tuple[Grant, ...] = ()
    drop: tuple[Grant, ...] = ()
    join: tuple[TeamMember, ...] = ()
    leave: tuple[TeamMember, ...] = ()
    make: tuple[Team, ...] = ()  # before anybody joins
    memberships: tuple[str, ...] = ()  # sources to add
    grants: tuple[Grant, ...]  # of every source, teams and system roles among them: the session's
    teams: tuple[str, ...]  # keys, sorted: the session's
    checks: tuple[Check, ...] = ()
    asks_administrators: bool = False  # it drops an administrator's role: is anybody left?

    @property
    def changes(self) -> bool:
        """Tell whether other live sessions of this person say something else now."""
        return bool(self.add or self.drop or self.join or self.leave)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """They may enter as far as the settings tell; ``checks`` is every step that led here."""

    identity: Identity
    wanted: Wanted
    checks: tuple[Check, ...]
    administrators: frozenset[str] = frozenset()  # roles that somebody in this organization must keep
    administrator_teams: frozenset[str] = frozenset()  # declared teams that give one of them, by key
    email_proven: bool  # the address is theirs by the connection's word
    link: Callable[[Candidates], Link]
    settle: Callable[[Standing], Outcome]
    provide: Callable[[Standing], Outcome]  # as ``settle``, of somebody whom a directory speaks of
    may_say: Callable[[str], bool]  # of an address that the connection's directory tells: as of a sign-in's
    awaited: Awaited | None = None  # None where no directory speaks of those who come through the connection

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups whose teams the store looks up, folded: any may be linked to one there.

        Not a field: 500 are folded only where somebody reads them.
        """
        groups = self.identity.groups
        return groups.folded if groups.presence is Presence.PRESENT else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of a decision in the database: the second half of its record."""

    link: Link
    standing: Standing
    outcome: Outcome
    session_id: str
