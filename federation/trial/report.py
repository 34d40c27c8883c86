"""What a trial found: every check, what the provider said, and what a sign-in would come to.

Plain values, as JSON and back. It holds what the tester's own identity provider says of them, and is
sealed at rest; never a token, a code or a secret of ours (``Secrets``). Pure.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from federation.records import redaction

_LONGEST: Final = 10_000  # characters of one value; a document's segments may be longer
_MOST: Final = 1_000  # values of one list
_SHORTEST: Final = 8  # of a secret that is looked for: a shorter one would be found in anything
_HIDDEN: Final = "…"
_OCTETS: Final = 8 * 1024 * 1024  # of a report, inflated
# What says by which connections people come in, or which directory keeps them out: said without them.
_NAMES_OTHERS: Final = {
    "policy.sso_required": "people come in by other connections, and not by this one",
    "policy.deactivated": "this user is deactivated",
}

Outcome = Literal["held", "broken", "remark", "no match", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule that was asked."""

    code: str
    outcome: Outcome
    said: str = ""  # why it is broken
    expected: str = ""
    received: str = ""
    broken: str = ""  # of one that is: what the manual says of it
    mend: str = ""  # likewise: who mends it, and how


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An attribute or claim, as the provider calls it."""

    name: str
    values: tuple[str, ...]
    becomes: tuple[str, ...] = ()  # fields of the identity; () it is kept by its own name


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the identity."""

    name: str  # "email", "given_name", …
    values: tuple[str, ...]  # () it was not sent
    source: str = ""  # what the provider calls it
    unobtainable: bool = False  # named, but not sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A role or a team that a session would carry."""

    name: str
    source: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A role rule, and whether it applies."""

    name: str
    outcome: Outcome
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key or certificate of the provider's."""

    name: str  # kid; "" of a certificate
    fingerprint: str  # SHA-256 of the certificate, hex; of a JWK its thumbprint (RFC 7638)
    algorithm: str = ""
    not_after: str = ""  # ISO 8601; "" of a key without dates
    expired: bool = False
    used: bool = False  # it made the signature
    known: bool = True  # False: it came with the message, and the connection does not know it


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A time of the provider's beside ours."""

    name: str  # "IssueInstant", "iat", "Date"
    theirs: str  # ISO 8601
    ours: str
    ahead: int  # seconds, negative where theirs is behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What we asked of the provider, and how it answered."""

    method: str
    url: str
    status: int
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address that has a part in this."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some lines of a document."""

    text: str
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A message, decoded."""

    name: str
    pieces: tuple[Piece, ...]


Found = Literal["", "subject", "linked", "provisioned", "invited", "new", "ask_proof", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it. What a trial did not get to is empty."""

    id: str
    connection: str
    organization: str
    protocol: str
    started_at: str
    ended_at: str
    code: str  # "" where a sign-in would go through
    detail: str
    public: str  # what the person would read
    mended_by: str
    said_there: tuple[str, ...] = ()  # the provider's own words, where it reports an error
    checks: tuple[Step, ...] = ()
    claims: tuple[Claim, ...] = ()
    subject: tuple[Field, ...] = ()  # what keys the person
    identity: tuple[Field, ...] = ()
    found: Found = ""  # how the person would be found
    user: str = ""  # whose account it is, or would be linked to
    roles: tuple[Given, ...] = ()
    teams: tuple[Given, ...] = ()
    rules: tuple[Rule, ...] = ()
    keys: tuple[Key, ...] = ()
    algorithms: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    skew_allowed: int = 0  # seconds
    endpoints: tuple[Place, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    documents: tuple[Document, ...] = ()


_REPORT: Final = TypeAdapter(Report)


def encode(report: Report, *, secrets: Iterable[str]) -> bytes:
    """Return a report as it is sealed.

    Args:
        report: The report.
        secrets: Tokens, codes and secrets of this sign-in: wherever one of them stands, it is left out.
    """
    return zlib.compress(json.dumps(without(asdict(report), secrets)).encode(), 6)


def without(told: Any, secrets: Iterable[str]) -> Any:
    """Return plain data that any page can hold, and in which no secret stands."""
    hidden = tuple(sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True))
    return _clean(told, hidden)


def read(encoded: bytes) -> Report:
    """Read what ``encode`` wrote."""
    plain = zlib.decompressobj().decompress(encoded, _OCTETS)
    return _REPORT.validate_json(plain)


def hide(told: Report) -> Report:
    """Return a report without what it says of the person: how the connection works is left."""

    def field(one: Field) -> Field:
        return replace(one, values=tuple(_HIDDEN for _ in one.values))

    return replace(
        told,
        said_there=(),
        checks=tuple(
            replace(one, said=redaction.hide(one.said), expected="", received="") for one in told.checks
        ),
        claims=tuple(replace(one, values=tuple(_HIDDEN for _ in one.values)) for one in told.claims),
        subject=tuple(map(field, told.subject)),
        identity=tuple(map(field, told.identity)),
        user="",
        teams=tuple(replace(one, name=_HIDDEN, why=redaction.hide(one.why)) for one in told.teams),
        rules=tuple(replace(one, said=redaction.hide(one.said)) for one in told.rules),
        documents=(),
    )


def of_one_connection(told: Report) -> Report:
    """Return a report without what it says of other connections, to whoever may see this one alone."""
    own = {f"connection:{told.connection}", f"scim:{told.connection}"}

    def step(one: Step) -> Step:
        return replace(one, said=_NAMES_OTHERS.get(one.code, one.said)) if one.said else one

    return replace(
        told,
        detail=_NAMES_OTHERS.get(told.code, told.detail),
        checks=tuple(map(step, told.checks)),
        user="",
        roles=tuple(one for one in told.roles if one.source in own),
        teams=tuple(one for one in told.teams if one.source in own),
    )


def _clean(value: Any, hidden: tuple[str, ...], longest: int = _LONGEST) -> Any:
    if isinstance(value, str):
        return _text(value, hidden, longest)
    if isinstance(value, dict):
        return {
            name: _clean(one, hidden, 250_000 if name == "text" else longest) for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(one, hidden, longest) for one in value[:_MOST]]
    return value


def _text(text: str, hidden: tuple[str, ...], longest: int) -> str:
    """Return a text that any page can hold, and no secret stands in."""
    for one in hidden:
        text = text.replace(one, "…")
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair
    return text if len(text) <= longest else f"{text[:longest]}…"
