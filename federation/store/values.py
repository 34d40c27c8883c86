"""What goes into the store and comes out of it. Values only: rows never leave the room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from federation.decision import Settled
from federation.identity import Subject

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
