"""The middle: a verified statement about a person, and the identity made of it.

Above the protocols nothing else is seen. A VerifiedAssertion is sealed: only a verifier
makes one, and everything after it asks for the type, not for a promise; ``attributes`` makes
an Identity of it. Pure.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property

from federation.errors import Check
from federation.rules.folding import fold_all

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Key of a person at an identity provider, compared octet for octet.

    ``issuer`` is the entityID or issuer; ``format`` and the qualifiers are empty where the
    protocol has none. An emailAddress value arrives ASCII case-folded (DESIGN: Subject).
    """

    issuer: str
    value: str
    format: str = ""
    name_qualifier: str = ""
    sp_name_qualifier: str = ""
    # Every part, injectively: no two Subjects share a key. Made once, read ten times in a sign-in.
    key: str = field(init=False, repr=False, compare=False)
    # Hex digest of it, under which this person's records are kept (and can be erased).
    person: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.issuer or not self.value.strip():
            raise ValueError("a Subject needs an issuer and a value")
        key = _encode([self.issuer, self.format, self.name_qualifier, self.sp_name_qualifier, self.value])
        object.__setattr__(self, "key", key)
        person = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "person", person)


@dataclass(frozen=True, slots=True)
class StableId:
    """What an IdP calls a person for good. Ids of two kinds say nothing about each other."""

    kind: str  # the names of the attributes that hold it, injective
    value: str = field(repr=False)  # likewise

    def __post_init__(self) -> None:
        if not self.kind or not self.value:
            raise ValueError("a StableId has a kind and a value; what is absent is None")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How and when the person proved themselves at the IdP."""

    instant: datetime | None  # UTC; None where the IdP did not say
    acr: str = ""  # AuthnContextClassRef or acr
    amr: tuple[str, ...] = ()
    session_index: str = ""  # SessionIndex or sid
    session_until: datetime | None = None  # SessionNotOnOrAfter: our session never outlives it


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSession:
    """The person's session at the IdP, under the names that its logout messages use.

    ``name`` is injective and made by the protocol's own room, which alone reads it again.
    """

    name: str = field(repr=False)  # the NameID with every part, or sub, exactly as issued
    index: str = field(default="", repr=False)  # SessionIndex or sid; "" where there is none
    hint: str = field(default="", repr=False)  # the ID Token, as id_token_hint; "" where there is none
    alone: str = field(default="", repr=False)  # names this session without the person; "" where nothing does

    def encode(self) -> bytes:
        """Return it as it is sealed for keeping."""
        return json.dumps([self.name, self.index, self.hint]).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> "ProviderSession":
        """Read what ``encode`` wrote."""
        name, index, *hint = json.loads(encoded)
        return cls(name=name, index=index, hint="".join(hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTokens:
    """What a provider gave us to act for the person, where the connection wants it kept; sealed at rest."""

    access: str = field(default="", repr=False)  # "" where it is not kept, here and below
    refresh: str = field(default="", repr=False)
    id: str = field(default="", repr=False)
    access_until: datetime | None = None  # UTC; None where the provider did not say
    scopes: tuple[str, ...] = ()  # of the access token
    receivers: tuple[
        str, ...
    ] = ()  # origins (RFC 6454 §4) that they may be sent to; (): they are sent nowhere

    def __post_init__(self) -> None:
        if not (self.access or self.refresh or self.id):
            raise ValueError("there is no token to keep; what is absent is None")


class _Seal:
    """Held by verifiers alone.

    ``saml.service_provider``, ``oidc.relying_party``, ``oidc.oauth2_person``, ``connectors.local``.
    """


SEAL = _Seal()


@dataclass(frozen=True, kw_only=True)
class VerifiedAssertion:
    """A statement whose signature, addressee and time are checked; verifiers alone hold the seal."""

    id: str  # unique per issuer; replay memory is keyed on (subject.issuer, id)
    subject: Subject
    not_on_or_after: datetime  # UTC, skew included; replay memory is kept until then
    attributes: Mapping[str, tuple[str, ...]]  # the IdP's own names; nested names are dotted
    unobtainable: frozenset[str] = frozenset()  # named, but not sent (groups overage)
    # attributes whose only value stood there alone, in no list; None of a protocol that knows no lists
    strings: frozenset[str] | None = None
    subject_email: str = ""  # the subject where its format says it is an e-mail address
    email_verified: bool | None = None  # None: the IdP did not say, which is not "yes"
    authentication: Authentication
    stable_id: StableId | None = None  # of the person at the IdP, beside a subject that may not be
    provider_session: ProviderSession | None = None
    tokens: KeptTokens | None = None
    checks: tuple[Check, ...]
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not SEAL:
            raise TypeError("VerifiedAssertion is made by verifiers only")


class Presence(Enum):
    """Groups that were sent, sent empty or left out, or named but not obtainable."""

    PRESENT = "present"
    EMPTY = "empty"
    UNOBTAINABLE = "unobtainable"


@dataclass(frozen=True)
class Groups:
    """Group names as sent; three states that policy must not mix up."""

    presence: Presence
    names: tuple[str, ...] = ()

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The names without their case, in the same order: made once, compared by many rules."""
        return fold_all(self.names)

    @cached_property
    def in_order(self) -> tuple[str, ...]:
        """The folded names sorted: each is found, or what begins so, in log n steps."""
        return tuple(sorted(self.folded))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One person as one connection describes them, in our words."""

    subject: Subject
    connection: str
    organization: str
    email: str  # "" where none was sent; lower-cased domain, local part as sent
    email_verified: bool | None
    given_name: str
    family_name: str
    display_name: str
    groups: Groups
    attributes: Mapping[str, tuple[str, ...]]  # the connection's map applied; the rest by its own name
    authentication: Authentication
    stable_id: StableId | None = None  # None where none was sent; the same person keeps it for good
    provider_session: ProviderSession | None = None  # what ends it there
    tokens: KeptTokens | None = None  # what it gave us to act for the person
    # a directory describes them: nobody is signing in, and nobody said whether the address was verified
    provisioned: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, who gave it (and alone takes it away), and why."""

    role: str
    source: str  # "connection:okta", "manual", "team:platform", "system:okta", …: see ``decision``
    why: str = ""  # the rule's name, "default (connection)" or "default (organization)"

    @property
    def is_system(self) -> bool:
        """Whether it is a role in the whole installation, which no rule of a connection can give.

        By its source, never by its name: an organization may call a role of its own "operator".
        """
        return self.source.startswith("system:")


_EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_EMAIL = re.compile(
    r"([!#-'*+\-./0-9:=?A-Z\[\]^-~]*[!#-'*+\-/0-9:=?A-Z\[\]^-~])@"  # what prints, but ,;<>"()\ and @
    r"(-*[A-Za-z0-9][A-Za-z0-9-]*(?:\.-*[A-Za-z0-9][A-Za-z0-9-]*)*)",
    re.ASCII,
)


def parse_email(address: str) -> str | None:
    """Return ``address`` with its domain lower-cased, or None unless it is one plain address.

    Refused: non-ASCII (look-alikes), controls and spaces, two ``@``, lists, trailing dots.
    """
    found = _EMAIL.fullmatch(address) if len(address) <= _EMAIL_LENGTH else None
    return f"{found[1]}@{found[2].lower()}" if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person as we keep them; ``email`` is an attribute, never a key."""

    id: str  # UUIDv7
    email: str
    given_name: str
    family_name: str
    display_name: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in person in one organization, as the store keeps it."""

    id: str  # UUIDv7; names the session on the account page, never authenticates
    user: User
    connection: str
    organization: str
    groups: tuple[str, ...]
    grants: tuple[Grant, ...]
    attributes: Mapping[str, tuple[str, ...]]
    authenticated_at: datetime  # UTC: AuthnInstant or auth_time, else when we accepted it
    created_at: datetime
    expires_at: datetime  # absolute end: ours, or the IdP's if that is earlier
    idle_at: datetime  # ends here unless it is used before
    reference: str = ""  # of the decision record that opened it
    user_agent: str = ""  # as shown on the account page; at most 200 characters
    teams: tuple[str, ...] = field(default=())
    # UTC: when somebody told us that the person proved themselves, or had been asked to; None: nobody did,
    # and a provider that remembered them may have let whoever sat there through
    proved_at: datetime | None = None

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Role names in the organization, sorted, each once."""
        return tuple(sorted({grant.role for grant in self.grants if not grant.is_system}))

    @cached_property
    def system_roles(self) -> tuple[str, ...]:
        """Role names in the whole installation, sorted, each once; no organization can give one."""
        return tuple(sorted({grant.role for grant in self.grants if grant.is_system}))
