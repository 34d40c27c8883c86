"""What goes into the store and comes out of it. Values only: rows never leave the room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from federation.decision import Settled, Standing, Tell
from federation.identity import Grant, Session, Subject

RECORD_OCTETS = 16 * 1024  # of a record's sealed checks
RECORD_DETAIL = 300  # characters
MESSAGE_OCTETS = 64 * 1024  # of what a message says, decoded; of a larger one the record's digest is all
MESSAGE_LIFE = timedelta(hours=72)
RECORD_LIFE = timedelta(days=30)  # of a record, unless the settings say otherwise
AUDIT_LIFE = timedelta(days=400)  # of a line of the audit log, likewise
ERASED = "erased"  # in place of what was sealed
TRIAL = "trial"  # in what a pending sign-in expects: no connector's word
PROVIDER_INDEXES = 100  # sessions that one logout message may name
PROVIDER_NAMES = 8  # ways to write the one name in it


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A sign-in that was started and not yet answered. Taken once, by the browser that started it."""

    handle: str = field(repr=False)  # 256 bits, base64url: what travels as RelayState or state
    connection: str
    binder_hash: bytes  # SHA-256 of the browser's binder cookie
    expects: Mapping[str, str] = field(
        repr=False
    )  # the connector's own words (request id, nonce, …); opaque to the store
    return_to: str  # local path
    replaces: bytes = b""  # SHA-256 of the token of the session that this browser held at the start
    created_at: datetime  # UTC, like every time here
    expires_at: datetime

    @property
    def trial(self) -> str:
        """Id of the trial that it is (``trials_store``): it opens nothing. "" for a sign-in."""
        return self.expects.get(TRIAL, "")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Why one attempt ended as it did, under the reference the person saw.

    ``sealed`` is the encrypted list of checks (empty for a refusal before a verified
    signature, of which only ``code`` and our own ``detail`` are kept).
    """

    reference: str  # ten base32 characters
    at: datetime
    code: str  # "" where the person was admitted
    detail: str  # our own sentence, no value from outside; at most 300 characters
    connection: str = ""
    organization: str = ""
    size: int = 0  # octets of the message, 0 where there was none
    digest: str = ""  # SHA-256 of the message, hex
    person: str = ""  # Subject.person, once a signature held
    sealed: str = ""  # Vault envelope under the person's key; at most 16 KiB
    # envelope of what the message said, kept apart for ``MESSAGE_LIFE``: see ``messages``; "" for none
    message: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if len(self.detail) > RECORD_DETAIL or len(self.sealed.encode()) > RECORD_OCTETS:
            raise ValueError("a record is larger than may be kept")  # its maker cuts it, and says so


Cursor = tuple[datetime, str]  # the last record that was looked at: when, and its reference


@dataclass(frozen=True, kw_only=True)
class RecordFilter:
    """Which records are looked for."""

    organization: str | None  # None: every one's, and those of nobody's
    since: datetime
    connection: str | None = None  # None: of any
    code: str | None = None  # "" means admitted; None: of any
    persons: tuple[str, ...] | None = None  # ``Subject.person``: any of these; None: of anybody

    def means(self, connection: str, code: str) -> bool:
        """Tell whether one of this organization and time is meant."""
        return self.connection in (None, connection) and self.code in (None, code)


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """Records newest first, nothing of them opened; ``next`` leads on, None at the end."""

    records: tuple[Record, ...]
    next: Cursor | None


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """The record of a person's latest sign-in through one connection, and the keys that may open it."""

    record: Record
    keys: tuple[str, ...] = field(repr=False)


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
class PolicyInForce:
    """A connection's policy as the service last started with it."""

    connection: str
    digest: str
    policy: str  # JSON object
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One use of a verified assertion, on any node."""

    issuer: str
    id: str
    until: datetime  # it could not be accepted again


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """How a record's checks are sealed under its person's key, which the store finds or keeps.

    Called within the transaction, once for each attempt at it: both are short, and touch nothing.
    """

    ring_key: str  # id of the key of our ring that wraps the person's
    fresh: Callable[[], str]  # makes a wrapped key, where there is none
    # Takes a wrapped key, and what came of the decision (None of a refusal); returns ``Record.sealed``.
    seal: Callable[[str, Settled | None], str]
    # Takes a wrapped key; returns ``Record.message``. None: nothing more is kept than the record.
    seal_message: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class SealedTokens:
    """A session's tokens as they are kept; see ``tokens_at_rest``."""

    sealed: str = field(repr=False)  # Vault envelope
    renew_at: datetime | None  # when they should be renewed though nobody asks; None: never


@dataclass(frozen=True, kw_only=True)
class KeptTokensOf:
    """The tokens of one live session, and whether somebody renews them now."""

    session_id: str
    token_hash: bytes = field(repr=False)  # of the session's cookie
    organization: str
    connection: str
    person: str  # Subject.person
    tokens: SealedTokens
    version: int  # how often they were renewed
    taken_by: str  # who took them to renew them; "": nobody
    taken_until: datetime  # before that nobody else may, whether or not somebody did

    @property
    def taken(self) -> bool:
        """Tell whether somebody renews them now, or died over it."""
        return bool(self.taken_by)


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """All that the store writes when a sign-in succeeds; one transaction."""

    token_hash: bytes  # SHA-256 of the cookie's token
    ended_token_hash: bytes = b""  # the browser's previous session, which this one replaces
    handle: str = field(repr=False)  # the pending sign-in that led here
    idle: float  # seconds without use after which it ends
    absolute_end: datetime
    user_agent: str = ""
    bootstrap: bytes = b""  # likewise, of the link for a first administrator
    invitation: bytes = b""  # SHA-256 of the token of the invitation link that the browser holds
    provider_sealed: str = field(default="", repr=False)  # Vault envelope: how to end the provider's session
    asked_at: datetime | None = None  # when the sign-in was started here; None: it was not
    asked_anew: bool = False  # the provider was asked to ask the person, whatever it knew of them
    tokens: SealedTokens | None = None  # None where the connection keeps none
    reread_at: datetime | None = None  # when its provider is asked again; None: it cannot be
    record: Record


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
class DueReread:
    """Somebody about whom a provider is to be asked again."""

    organization: str
    person: str  # Subject.person
    connection: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class Rereadable:
    """What is known of somebody about whom a provider is asked again."""

    due: DueReread
    user_id: str
    subject: Subject
    email: str = field(repr=False)  # the account's
    email_proven: bool
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)  # of a live session of theirs, and so on
    groups: tuple[str, ...] = field(repr=False)
    acr: str
    amr: tuple[str, ...]
    tokens: KeptTokensOf | None  # of the same session; None where it keeps none


@dataclass(frozen=True, kw_only=True)
class Released:
    """The account that an operator let go of a Subject, or of its stable ids."""

    user_id: str
    email: str  # as their provider sent it last
    sessions: int = 0  # live ones that ended
    tokens: tuple[KeptTokensOf, ...] = field(default=(), repr=False)  # went with them: to be revoked


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What one identity provider publishes: the document in force, and one that waits for approval.

    A document is known by its digest, which its maker computes: SHA-256, hex, never "".
    """

    connection: str
    source: str  # the URL that it came from
    document: str = field(repr=False)
    digest: str
    etag: str = ""  # of the latest answer, whatever became of it
    last_modified: str = ""  # likewise
    fetched_at: datetime  # when the document in force came
    checked_at: datetime  # when its provider last said what it publishes
    held_document: str = field(default="", repr=False)  # "" where none waits
    held_digest: str = ""
    held_at: datetime | None = None
    held_changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.connection or not self.document or not self.digest:
            raise ValueError("metadata has a connection, a document and its digest")


ChangeState = Literal["taken", "held", "approved", "rejected", "replaced"]  # replaced: by a later one


@dataclass(frozen=True, kw_only=True)
class MetadataChange:
    """What changed in an identity provider's metadata at one moment, and what became of it."""

    id: str  # UUIDv7
    connection: str
    at: datetime
    changes: tuple[str, ...]
    state: ChangeState
    settled_at: datetime | None = None  # None while it is held


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
