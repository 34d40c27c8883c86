"""Web Browser SSO: may we accept this assertion, here, now?

SAML Profiles §4.1.4.2-§4.1.4.5, tightened where the text leaves a choice: what is optional
there and protects us is required here. Each rule is one function; RULES and CONFIRMATION_RULES
are the whole list. Lower bounds are inclusive, upper bounds exclusive, the skew counts on both
sides. Pure: no clock, no network, no log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from federation.errors import AssertionRefused, Check
from federation.identity import SEAL, Authentication, Subject, VerifiedAssertion, parse_email
from federation.saml.messages import BEARER, ENTITY, Confirmation, Message, NameId
from federation.saml.metadata import IdentityProvider
from federation.saml.xml import EMAIL_ADDRESS, SUCCESS

# Entra leaves the groups out above 150 and names a place to ask for them instead.
_GROUPS_LINK = "http://schemas.microsoft.com/claims/groups.link"
_GROUPS = frozenset({"groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"})


class Unsolicited(Enum):
    """Stands where a request's id would: the message answers none, and this connection lets it."""

    UNSOLICITED = "nothing was asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one connection demands of every message, compiled once from its settings."""

    sp_entity_id: str
    signed: Literal["either", "response", "assertion", "both"]
    name_id_format: str  # URN
    subject_attributes: tuple[str, ...]  # all of them, joined, key the person; () = the NameID does
    subject_required: bool  # False: where the message carries none of them, the NameID stands in
    stable_attributes: tuple[tuple[str, ...], ...]  # sets; the first that is sent whole is kept
    acrs: frozenset[str]  # one of these must be the AuthnContextClassRef; empty = none was asked for
    force_authn: bool
    max_age: timedelta | None
    skew: timedelta

    def __post_init__(self) -> None:
        if not (self.sp_entity_id and self.name_id_format):
            raise ValueError("Terms: an absent value would be equal to an absent value")
        if self.subject_required and not self.subject_attributes:
            raise ValueError("Terms: a subject attribute is required, and none is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the pending sign-in, our own configuration and the clock say must be there."""

    idp: IdentityProvider
    terms: Terms
    acs_url: str  # where it arrived
    request_id: str | Literal[Unsolicited.UNSOLICITED]
    asked_at: datetime | None  # UTC, aware: the request's IssueInstant; None where nothing was asked
    legacy: frozenset[str]  # names of weak algorithms that this connection excepts
    now: datetime  # UTC, aware

    def __post_init__(self) -> None:
        if not (self.acs_url and self.request_id and self.idp.keys):
            raise ValueError("Expected: an absent value would be equal to an absent value")
        if (self.asked_at is None) is not (self.request_id is Unsolicited.UNSOLICITED):
            raise ValueError("Expected: a request has an id and an instant, an unsolicited answer neither")


def malformed(message: Message, _want: Expected) -> str | None:
    """Core §2, §3: every part that may stand once stands once, every time is UTC."""
    return "; ".join(message.faults) or None


def version(message: Message, _want: Expected) -> str | None:
    """Core §2.3.3, §3.2.2: exactly 2.0, of both."""
    found = (message.response.version, message.assertion.version)
    return None if found == ("2.0", "2.0") else f"Response and Assertion have version {found}"


def status(message: Message, _want: Expected) -> str | None:
    """Core §3.2.2.2: the top-level code is exactly Success."""
    code = message.response.status
    return None if code == SUCCESS else f"status is {code!r}"


def destination(message: Message, want: Expected) -> str | None:
    """Bindings §3.5.5.2: equal to our ACS URL; required where the Response is signed."""
    found = message.response.destination
    if found is None and "response" in message.unsigned_parts:
        return None
    return None if found == want.acs_url else f"Destination is {found!r}, not {want.acs_url!r}"


def response_issuer(message: Message, want: Expected) -> str | None:
    """Profiles §4.1.4.2: may be absent; names the IdP where it is present."""
    found = message.response.issuer
    return None if found is None else _not_the_issuer(found, want)


def response_in_response_to(message: Message, want: Expected) -> str | None:
    """Core §3.2.2: the Response's copy agrees with the request where it is present."""
    found = message.response.in_response_to
    if found is None or found == want.request_id:
        return None
    return f"the Response's InResponseTo is {found!r}, not {want.request_id!r}"


def issuer(message: Message, want: Expected) -> str | None:
    """Core §2.3.3: present, and the IdP of this connection."""
    found = message.assertion.issuer
    return "the Assertion has no Issuer" if found is None else _not_the_issuer(found, want)


def _not_the_issuer(found: NameId, want: Expected) -> str | None:
    if found.format not in ("", ENTITY):
        return f"Issuer has format {found.format!r}"
    return (
        None
        if found.value == want.idp.entity_id
        else f"Issuer is {found.value!r}, not {want.idp.entity_id!r}"
    )


def issue_instant(message: Message, want: Expected) -> str | None:
    """Core §2.3.3, §3.2.2: present, and not in the future."""
    for name, found in (
        ("Response", message.response.issue_instant),
        ("Assertion", message.assertion.issue_instant),
    ):
        if found is None:
            return f"the {name} has no IssueInstant"
        if found > want.now + want.terms.skew:  # found less the skew may lie before the calendar
            return f"the {name} was issued at {found.isoformat()}, it is {want.now.isoformat()}"
    return None


def subject(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: the Subject holds a NameID that names someone."""
    found = message.assertion.name_id
    return None if found is not None and found.value.strip() else "there is no NameID, or it is blank"


def name_id_format(message: Message, _want: Expected) -> str | None:
    """Core §8.3.2: emailAddress is what this connection asked for."""
    found = message.assertion.name_id
    if found is None or found.format == EMAIL_ADDRESS:
        return None  # without NameID: ``subject`` says so
    return f"NameID has format {found.format!r}, not {EMAIL_ADDRESS!r}"


def name_id(message: Message, _want: Expected) -> str | None:
    """Core §8.3.2: an emailAddress NameID is one plain address."""
    found = message.assertion.name_id
    if found is None or found.format != EMAIL_ADDRESS or parse_email(found.value) is not None:
        return None  # ``subject`` and ``name_id_format`` say so
    return f"NameID {found.value!r:.100} is not one plain ASCII e-mail address"


def confirmation(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: at least one bearer SubjectConfirmation; other methods do not help."""
    methods = [one.method for one in message.assertion.confirmations]
    return None if BEARER in methods else f"no bearer SubjectConfirmation, only {methods}"


def conditions(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: Conditions are needed for the audience, and for the replay memory's end."""
    return None if message.assertion.conditions is not None else "there are no Conditions"


def not_before(message: Message, want: Expected) -> str | None:
    """Core §2.5.1.2: NotBefore, inclusive, may be absent."""
    found = _bounds(message)[0]
    if found is None or found <= want.now + want.terms.skew:
        return None
    return f"valid from {found.isoformat()}, it is {want.now.isoformat()}"


def not_on_or_after(message: Message, want: Expected) -> str | None:
    """Core §2.5.1.2: NotOnOrAfter, exclusive, may be absent (the confirmation's may not)."""
    found = _bounds(message)[1]
    if found is None or want.now - want.terms.skew < found:
        return None
    return f"valid until {found.isoformat()}, it is {want.now.isoformat()}"


def _bounds(message: Message) -> tuple[datetime | None, datetime | None]:
    found = message.assertion.conditions
    return (None, None) if found is None else (found.not_before, found.not_on_or_after)


def audience(message: Message, want: Expected) -> str | None:
    """Core §2.5.1.4: every AudienceRestriction must name us; one must exist."""
    found = () if message.assertion.conditions is None else message.assertion.conditions.audiences
    if not found:
        return "there is no AudienceRestriction"
    for named in found:
        if want.terms.sp_entity_id not in named:
            return f"audience is {named}, not {want.terms.sp_entity_id!r}"
    return None


def condition(message: Message, _want: Expected) -> str | None:
    """Core §2.5.1: a condition that is not understood makes the assertion indeterminate."""
    found = () if message.assertion.conditions is None else message.assertion.conditions.others
    return f"conditions that we do not know: {found}" if found else None


def authn_statement(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: at least one AuthnStatement, each saying when."""
    found = message.assertion.authn_statements
    if not found:
        return "there is no AuthnStatement"
    return "an AuthnStatement has no AuthnInstant" if None in [one.instant for one in found] else None


def session_not_on_or_after(message: Message, want: Expected) -> str | None:
    """Core §2.7.2: the IdP's own session still stands."""
    found = _session_until(message)
    if found is None or want.now - want.terms.skew < found:
        return None
    return f"the IdP's session ended at {found.isoformat()}, it is {want.now.isoformat()}"


def recipient(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2: our ACS URL, octet for octet."""
    return (
        None if found.recipient == want.acs_url else f"Recipient is {found.recipient!r}, not {want.acs_url!r}"
    )


def in_response_to(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2, §4.1.4.3: the signed copy names the request of this browser's sign-in."""
    if found.in_response_to == want.request_id:
        return None
    return f"InResponseTo is {found.in_response_to!r}, not {want.request_id!r}"


def confirmation_expired(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2: NotOnOrAfter must be there; the bound is exclusive."""
    if found.not_on_or_after is None:
        return "SubjectConfirmationData has no NotOnOrAfter"
    if want.now - want.terms.skew < found.not_on_or_after:
        return None
    return f"to be delivered before {found.not_on_or_after.isoformat()}, it is {want.now.isoformat()}"


def confirmation_not_before(found: Confirmation, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: a bearer's data must not contain NotBefore."""
    return None if found.not_before is None else "SubjectConfirmationData has a NotBefore"


RULES: dict[str, Callable[[Message, Expected], str | None]] = {
    "saml.malformed": malformed,
    "saml.version": version,
    "saml.status": status,
    "saml.destination": destination,
    "saml.response_issuer": response_issuer,
    "saml.response_in_response_to": response_in_response_to,
    "saml.issuer": issuer,
    "saml.issue_instant": issue_instant,
    "saml.subject": subject,
    "saml.name_id_format": name_id_format,
    "saml.name_id": name_id,
    "saml.confirmation": confirmation,
    "saml.conditions": conditions,
    "saml.not_yet_valid": not_before,
    "saml.expired": not_on_or_after,
    "saml.audience": audience,
    "saml.condition": condition,
    "saml.authn_statement": authn_statement,
    "saml.session_expired": session_not_on_or_after,
}

# Asked of one bearer confirmation: one must satisfy them all, halves of two do not add up.
CONFIRMATION_RULES: dict[str, Callable[[Confirmation, Expected], str | None]] = {
    "saml.recipient": recipient,
    "saml.in_response_to": in_response_to,
    "saml.confirmation_expired": confirmation_expired,
    "saml.confirmation_not_before": confirmation_not_before,
}


def _ask(message: Message, want: Expected) -> tuple[dict[str, str], Confirmation | None]:
    """Ask every rule: what the broken ones said, in the order of the tables, and the confirmation."""
    broken = {code: said for code, rule in RULES.items() if (said := rule(message, want))}
    # The bearer confirmation that breaks no rule, else the first, to say what it lacks.
    chosen, lacks = None, dict[str, str]()
    for one in message.assertion.confirmations:
        if one.method == BEARER:
            missed = {code: said for code, rule in CONFIRMATION_RULES.items() if (said := rule(one, want))}
            if chosen is None or not missed:
                chosen, lacks = one, missed
            if not missed:
                break
    return broken | lacks, chosen


def check(message: Message, want: Expected) -> tuple[Check, ...]:
    """Ask every rule; return what each of them said, broken or not."""
    broken, _ = _ask(message, want)
    return tuple(Check(one.code, broken.get(one.code)) for one in _HELD)


def verify(message: Message, want: Expected, before: tuple[Check, ...]) -> VerifiedAssertion:
    """Hold a signed message against the one that we expect.

    Args:
        message: Read from signed octets (``messages.read``).
        want: The pending sign-in, our own names, and the time.
        before: What was checked on the way here.

    Raises:
        AssertionRefused: The first broken rule's code; the checks tell all of them.

    Source: SAML Profiles §4.1.4.3.
    """
    broken, chosen = _ask(message, want)
    name = message.assertion.name_id
    if broken or chosen is None or name is None:
        raise _refused(message, want, before, broken)
    return VerifiedAssertion(
        id=message.assertion.id,
        subject=_subject(name, want),
        not_on_or_after=_until(message, chosen, want),
        attributes=message.assertion.attributes,
        unobtainable=_GROUPS if _GROUPS_LINK in message.assertion.attributes else frozenset(),
        subject_email=name.value,
        authentication=_authentication(message),
        checks=before + _HELD,
        seal=SEAL,
    )


_HELD = tuple(Check(code) for code in (*RULES, *CONFIRMATION_RULES))


def _refused(
    message: Message, want: Expected, before: tuple[Check, ...], broken: Mapping[str, str]
) -> AssertionRefused:
    checks = tuple(
        Check(one.code, broken.get(one.code)) for one in _HELD
    )  # without bearer: none of its rules broke
    # The detail stays free of values; the checks, encrypted under the person, hold them.
    refusal = AssertionRefused(next(iter(broken)), f"broken: {', '.join(broken)}", before + checks)
    name = message.assertion.name_id
    if name is not None and name.value.strip():
        refusal.person = _subject(name, want).person
    return refusal


def _subject(name: NameId, want: Expected) -> Subject:
    return Subject(
        issuer=want.idp.entity_id,
        value=name.value.lower() if name.format == EMAIL_ADDRESS and name.value.isascii() else name.value,
        format=name.format,
        name_qualifier=name.name_qualifier or want.idp.entity_id,
        sp_name_qualifier=name.sp_name_qualifier or want.terms.sp_entity_id,
    )


def _until(message: Message, chosen: Confirmation, want: Expected) -> datetime:
    """Until when the same assertion could come again: the earlier bound, and the skew."""
    bounds = (chosen.not_on_or_after, _bounds(message)[1])
    earliest = min(bound for bound in bounds if bound is not None)
    try:
        return earliest + want.terms.skew
    except OverflowError:  # "9999-12-31T23:59:59Z" is what some write for never
        return earliest


def _session_until(message: Message) -> datetime | None:
    ends = [one.session_not_on_or_after for one in message.assertion.authn_statements]
    return min([end for end in ends if end is not None], default=None)


def _authentication(message: Message) -> Authentication:
    first = message.assertion.authn_statements[0]
    return Authentication(
        instant=first.instant,
        acr=first.context_class,
        session_index=first.session_index,
        session_until=_session_until(message),
    )
