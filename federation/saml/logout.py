"""Single Logout: may this message end those sessions, here, now?

SAML Core §3.7, Profiles §4.4, tightened where the text leaves a choice: every message is signed
(the query of a redirect, the root of a POST), names where it goes and says when it was made.
Each rule is one function; RULES, REQUEST_RULES and RESPONSE_RULES are the whole list. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple, TypeVar

from federation.errors import AssertionRefused, Check
from federation.saml import encryption, parts, signature, subject, xml
from federation.saml.bindings import Redirected
from federation.saml.encryption import DecryptionKey
from federation.saml.metadata import IdentityProvider
from federation.saml.parts import NameId
from federation.saml.xml import SAML, SAMLP, SIGNATURE, SUCCESS, Element, refuse

REQUEST = SAMLP + "LogoutRequest"
RESPONSE = SAMLP + "LogoutResponse"
PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
MAX_AGE = timedelta(minutes=5)  # of a message, since it was made
# An answer that was made before it may still come: its sign-in waits that long (``signin.PENDING_LIFE``).
REMEMBERED = timedelta(minutes=10)
_LONGEST = timedelta(days=1)  # that a NotOnOrAfter makes us remember a request
_ELEMENTS = 2000  # tags
_INDEXES = 100  # sessions of one person that one request may name; the store takes no more
_SESSION_INDEX = SAMLP + "SessionIndex"
_NAME_ID = SAML + "NameID"
_ENCRYPTED_ID = SAML + "EncryptedID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the connection, our own URL and the clock say must be there."""

    idp: IdentityProvider
    sp_entity_id: str  # ours, which an absent SPNameQualifier means
    slo_url: str  # where it arrived
    skew: timedelta
    legacy: frozenset[str]  # the weak algorithms that this connection excepts
    now: datetime  # UTC, aware

    def __post_init__(self) -> None:
        if not (self.sp_entity_id and self.slo_url and self.idp.entity_id and self.idp.keys):
            raise ValueError("Expected: an absent value would be equal to an absent value")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """The identity provider ended these sessions; its signature held, and every rule."""

    issuer: str
    id: str
    names: tuple[str, ...] = field(repr=False)  # of the person: each way to write the one that is said
    session_indexes: tuple[str, ...] = field(repr=False)  # (): every session of this name
    issue_instant: datetime
    not_on_or_after: datetime | None
    until: datetime  # as long as it could come again, and must be remembered


class LogoutOutcome(Enum):
    """What a LogoutResponse says became of the sessions."""

    SUCCESS = "success"
    PARTIAL = "partial"  # of the IdP's own, not of every other service's
    FAILED = "failed"


class Message(NamedTuple):
    """Either message, read from signed octets."""

    version: str
    issue_instant: datetime | None
    destination: str | None
    issuer: NameId | None
    not_on_or_after: datetime | None
    names: tuple[NameId, ...]
    session_indexes: tuple[str, ...]
    in_response_to: str | None
    statuses: tuple[str, ...]  # top level first, then what stands in it
    faults: tuple[str, ...]


def malformed(message: Message, _want: Expected) -> str | None:
    """Core §2, §3: every part that may stand once stands once, every time is UTC."""
    return "; ".join(message.faults) or None


def version(message: Message, _want: Expected) -> str | None:
    """Core §3.2.1: exactly 2.0."""
    return None if message.version == "2.0" else f"version is {message.version!r}"


def issuer(message: Message, want: Expected) -> str | None:
    """Profiles §4.4.4.1, §4.4.4.2: present, and the IdP of this connection."""
    found = message.issuer
    return "there is no Issuer" if found is None else parts.not_the_issuer(found, want.idp.entity_id)


def destination(message: Message, want: Expected) -> str | None:
    """Bindings §3.4.5.2, §3.5.5.2: a signed message names where it goes, octet for octet."""
    found = message.destination
    return None if found == want.slo_url else f"Destination is {found!r}, not {want.slo_url!r}"


def issue_instant(message: Message, want: Expected) -> str | None:
    """Core §3.2.1: present, not in the future; made within MAX_AGE, so that replays are few to remember."""
    found = message.issue_instant
    if found is None:
        return "there is no IssueInstant"
    if want.now - want.skew - MAX_AGE < found <= want.now + want.skew:
        return None
    return f"issued at {found.isoformat()}, it is {want.now.isoformat()}"


def not_on_or_after(message: Message, want: Expected) -> str | None:
    """Core §3.7.1: exclusive; may be absent."""
    found = message.not_on_or_after
    if found is None or want.now - want.skew < found:
        return None
    return f"valid until {found.isoformat()}, it is {want.now.isoformat()}"


def name(message: Message, _want: Expected) -> str | None:
    """Core §3.7.1: one NameID or EncryptedID, that names someone."""
    found = message.names
    return None if len(found) == 1 and found[0].value.strip() else "there is not one NameID, or it is blank"


def session_index(message: Message, _want: Expected) -> str | None:
    """Core §3.7.1: any number; none of them blank, and no more than a person has."""
    found = message.session_indexes
    if len(found) > _INDEXES:
        return f"{len(found)} SessionIndex elements"
    return None if all(one.strip() for one in found) else "a SessionIndex is blank"


def status(message: Message, _want: Expected) -> str | None:
    """Core §3.2.2: a response says what became of the request."""
    return None if message.statuses and message.statuses[0] else "there is no StatusCode"


Rules = Mapping[str, Callable[[Message, Expected], str | None]]

RULES: Rules = {
    "saml.logout_malformed": malformed,
    "saml.logout_version": version,
    "saml.logout_issuer": issuer,
    "saml.logout_destination": destination,
    "saml.logout_issue_instant": issue_instant,
}
REQUEST_RULES: Rules = {
    **RULES,
    "saml.logout_expired": not_on_or_after,
    "saml.logout_name": name,
    "saml.logout_session_index": session_index,
}
RESPONSE_RULES: Rules = {
    **RULES,
    "saml.logout_status": status,
}
IN_RESPONSE_TO = "saml.logout_in_response_to"  # asked beside RESPONSE_RULES: it needs our request


def read_request(
    sent: bytes | Redirected, want: Expected, *, decryption_keys: tuple[DecryptionKey, ...]
) -> LogoutRequest:
    """Verify a LogoutRequest; the only way to one.

    Args:
        sent: The document of a POST, or what a redirect carried.
        want: The connection, our own URL, and the time.
        decryption_keys: For an EncryptedID.

    Raises:
        AssertionRefused: ``saml.logout_message``; codes of ``xml.STEPS``, of ``signature`` and of
            ``encryption``; the first broken rule of REQUEST_RULES.

    Source: SAML Core §3.7.1, §3.7.3; Profiles §4.4.3.
    """
    root = _verified(sent, REQUEST, want)
    message = _read(root, decryption_keys, want.legacy)
    _ask(REQUEST_RULES, message, want, {})
    moment = _there(message.issue_instant)
    return LogoutRequest(
        issuer=want.idp.entity_id,
        id=root.get("ID", ""),
        names=subject.provider_names(
            message.names[0], issuer=want.idp.entity_id, sp_entity_id=want.sp_entity_id
        ),
        session_indexes=tuple(dict.fromkeys(message.session_indexes)),
        issue_instant=moment,
        not_on_or_after=message.not_on_or_after,
        until=_until(moment, message.not_on_or_after, want.skew),
    )


def read_response(sent: bytes | Redirected, want: Expected, *, request_id: str) -> LogoutOutcome:
    """Verify a LogoutResponse and say what it reports.

    Args:
        sent: The document of a POST, or what a redirect carried.
        want: The connection, our own URL, and the time.
        request_id: Of the LogoutRequest that we sent.

    Raises:
        AssertionRefused: As ``read_request``; the first broken rule of RESPONSE_RULES;
            ``saml.logout_in_response_to``.

    Source: SAML Core §3.7.2, §3.7.3.2; Profiles §4.4.3.5.
    """
    if not request_id:
        raise ValueError("an absent request would be answered by an absent InResponseTo")
    message = _read(_verified(sent, RESPONSE, want), (), want.legacy)
    found = message.in_response_to
    answers = (
        {} if found == request_id else {IN_RESPONSE_TO: f"InResponseTo is {found!r}, not {request_id!r}"}
    )
    _ask(RESPONSE_RULES, message, want, answers)
    if PARTIAL in message.statuses[1:]:
        return LogoutOutcome.PARTIAL
    return LogoutOutcome.SUCCESS if message.statuses[0] == SUCCESS else LogoutOutcome.FAILED


def _verified(sent: bytes | Redirected, kind: str, want: Expected) -> Element:
    """Return the root that a key of the IdP signed: of the digested octets, or of the signed query."""
    if isinstance(sent, Redirected):
        signature.verify_query(sent, want.idp.keys, legacy=want.legacy)
        root = _parse(sent.message, kind)
        if next(root.iter(SIGNATURE), None) is not None:  # Bindings §3.4.4.1: it is removed
            refuse("saml.signature_place", "a message by redirect holds a signature of its own")
        return root
    root = _parse(sent, kind)
    signatures = list(root.iter(SIGNATURE))
    if not signatures:
        refuse("saml.unsigned", "the logout message is not signed")
    if [one.getparent() for one in signatures] != [root]:
        refuse("saml.signature_place", "a signature stands elsewhere than once under the logout message")
    return signature.verify_element(root, keys=want.idp.keys, legacy=want.legacy).root


def _parse(document: bytes, kind: str) -> Element:
    root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    if root.tag != kind:
        refuse("saml.logout_message", f"the message is not one samlp:{kind.rpartition('}')[2]}")
    if not root.get("ID"):
        refuse("saml.id")
    return root


def _read(root: Element, keys: tuple[DecryptionKey, ...], legacy: frozenset[str]) -> Message:
    faults: list[str] = []
    indexes = list(root.iterchildren(_SESSION_INDEX))
    found = parts.sort(root, faults)
    names = [found[_NAME_ID]] if _NAME_ID in found else []
    if _ENCRYPTED_ID in found:
        # The signature that held covers the ciphertext too.
        plain = encryption.decrypt_element(
            found[_ENCRYPTED_ID], keys, tag=_NAME_ID, covered=True, legacy=legacy
        )
        names.append(plain)
    top = found.get(SAMLP + "Status")
    codes = () if top is None else top.iter(SAMLP + "StatusCode")
    return Message(
        version=root.get("Version", ""),
        issue_instant=parts.read_time(root, "IssueInstant", faults),
        destination=root.get("Destination"),
        issuer=parts.read_name(found.get(SAML + "Issuer"), faults),
        not_on_or_after=parts.read_time(root, "NotOnOrAfter", faults),
        names=tuple(one for name in names if (one := parts.read_name(name, faults)) is not None),
        session_indexes=tuple(parts.read_text(one, faults) for one in indexes),
        in_response_to=root.get("InResponseTo"),
        statuses=tuple(code.get("Value", "") for code in codes),
        faults=tuple(faults),
    )


def _ask(rules: Rules, message: Message, want: Expected, asked: dict[str, str]) -> None:
    """Ask every rule; refuse by the first that is broken, and tell them all."""
    broken = {code: said for code, rule in rules.items() if (said := rule(message, want))} | asked
    if broken:
        checks = tuple(Check(code, broken.get(code)) for code in dict.fromkeys((*rules, *asked)))
        raise AssertionRefused(next(iter(broken)), f"broken: {', '.join(broken)}", checks)


def _until(made: datetime, ends: datetime | None, skew: timedelta) -> datetime:
    """Until when the request could be sent again, or applies to an assertion that comes late.

    Core §3.7.3.1 lets its NotOnOrAfter say so; nobody makes us remember it for years.
    """
    least = made + REMEMBERED
    return (least if ends is None else max(least, min(ends, made + _LONGEST))) + skew


T = TypeVar("T")


def _there(value: T | None) -> T:
    """Return what a rule has found to be there."""
    if value is None:
        raise ValueError("a rule must have refused this")
    return value
