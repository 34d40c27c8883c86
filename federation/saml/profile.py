"""Web Browser SSO: may we accept this assertion, here, now?

SAML Profiles §4.1.4.2-§4.1.4.5, tightened where the text leaves a choice: what is optional
there and protects us is required here. Each rule is one function; RULES and CONFIRMATION_RULES
are the whole list. Lower bounds are inclusive, upper bounds exclusive, the skew counts on both
sides. Pure: no clock, no network, no log.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from federation.errors import AssertionRefused, Check
from federation.identity import SEAL, ProviderSession, VerifiedAssertion
from federation.saml import authentication, parts, scoped, subject
from federation.saml.expected import Expected, Terms, Unsolicited
from federation.saml.messages import BEARER, Confirmation, Message
from federation.saml.xml import EMAIL_ADDRESS, SUCCESS

__all__ = ["CONFIRMATION_RULES", "RULES", "Expected", "Terms", "Unsolicited", "check", "verify"]

# Entra leaves the groups out above 150 and names a place to ask for them instead.
_GROUPS_LINK = "http://schemas.microsoft.com/claims/groups.link"
_GROUPS = frozenset({"groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"})


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


def signed(message: Message, want: Expected) -> str | None:
    """Core §5.3, §5.4.1: what this connection wants signed carries a signature of its own."""
    lacks = []
    if want.terms.signed in ("response", "both") and not message.response_signed:
        lacks.append("the Response is not signed")
    if want.terms.signed in ("assertion", "both") and not message.assertion_signed:
        lacks.append("the Assertion has no signature of its own")
    return "; ".join(lacks) or None


def destination(message: Message, want: Expected) -> str | None:
    """Bindings §3.5.5.2: equal to our ACS URL; required where the Response is signed."""
    found = message.response.destination
    if found is None and not message.response_signed:
        return None
    return None if found == want.acs_url else f"Destination is {found!r}, not {want.acs_url!r}"


def response_issuer(message: Message, want: Expected) -> str | None:
    """Profiles §4.1.4.2: may be absent; names the IdP where it is present."""
    found = message.response.issuer
    return None if found is None else parts.not_the_issuer(found, want.idp.entity_id)


def response_in_response_to(message: Message, want: Expected) -> str | None:
    """Core §3.2.2: the Response's copy agrees with the request where it is present."""
    found = message.response.in_response_to
    if found is None or found == want.request_id:
        return None
    return f"the Response's InResponseTo is {found!r}, {_wanted(want)}"


def _wanted(want: Expected) -> str:
    asked = want.request_id
    return "and nothing was asked" if asked is Unsolicited.UNSOLICITED else f"not {asked!r}"


def issuer(message: Message, want: Expected) -> str | None:
    """Core §2.3.3: present, and the IdP of this connection."""
    found = message.assertion.issuer
    return "the Assertion has no Issuer" if found is None else parts.not_the_issuer(found, want.idp.entity_id)


def issue_instant(message: Message, want: Expected) -> str | None:
    """Core §2.3.3, §3.2.2: present, and not in the future."""
    for name, found in (
        ("Response", message.response.issue_instant),
        ("Assertion", message.assertion.issue_instant),
    ):
        if found is None:
            return f"the {name} has no IssueInstant"
        if found > want.now + want.terms.skew:  # found less the skew may lie before the calendar
            return f"the {name} was issued at {found.isoformat()}, in the future; {want.received}"
    return None


def confirmation(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: at least one bearer SubjectConfirmation; other methods do not help."""
    methods = [one.method for one in message.assertion.confirmations]
    return None if BEARER in methods else f"no bearer SubjectConfirmation, only {methods}"


def conditions(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: Conditions are needed for the audience, and for the replay memory's end."""
    return None if message.assertion.conditions is not None else "there are no Conditions"


def not_before(message: Message, want: Expected) -> str | None:
    """Core §2.5.1.2: NotBefore, inclusive, may be absent."""
    lower, upper = _bounds(message)
    if lower is None or lower <= want.now + want.terms.skew:
        return None
    return want.outside("the Assertion", lower, upper)


def not_on_or_after(message: Message, want: Expected) -> str | None:
    """Core §2.5.1.2: NotOnOrAfter, exclusive, may be absent (the confirmation's may not)."""
    lower, upper = _bounds(message)
    if upper is None or want.now - want.terms.skew < upper:
        return None
    return want.outside("the Assertion", lower, upper)


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


def recipient(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2: our ACS URL, octet for octet."""
    return (
        None if found.recipient == want.acs_url else f"Recipient is {found.recipient!r}, not {want.acs_url!r}"
    )


def in_response_to(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2, §4.1.4.3, §4.1.5: it names this browser's request, or none was made."""
    asked = None if want.request_id is Unsolicited.UNSOLICITED else want.request_id
    return (
        None
        if found.in_response_to == asked
        else f"InResponseTo is {found.in_response_to!r}, {_wanted(want)}"
    )


def confirmation_expired(found: Confirmation, want: Expected) -> str | None:
    """Profiles §4.1.4.2: NotOnOrAfter must be there; the bound is exclusive."""
    if found.not_on_or_after is None:
        return "SubjectConfirmationData has no NotOnOrAfter"
    if want.now - want.terms.skew < found.not_on_or_after:
        return None
    return want.outside("the SubjectConfirmation", found.not_before, found.not_on_or_after)


def confirmation_not_before(found: Confirmation, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: a bearer's data must not contain NotBefore."""
    return None if found.not_before is None else "SubjectConfirmationData has a NotBefore"


RULES: dict[str, Callable[[Message, Expected], str | None]] = {
    "saml.malformed": malformed,
    "saml.version": version,
    "saml.status": status,
    "saml.signed": signed,
    "saml.destination": destination,
    "saml.response_issuer": response_issuer,
    "saml.response_in_response_to": response_in_response_to,
    "saml.issuer": issuer,
    "saml.issue_instant": issue_instant,
    "saml.subject": subject.stated,
    "saml.name_id_format": subject.name_id_format,
    "saml.name_id": subject.name_id,
    "saml.name_qualifier": subject.name_qualifier,
    "saml.subject_attribute": subject.subject_attribute,
    "saml.confirmation": confirmation,
    "saml.conditions": conditions,
    "saml.not_yet_valid": not_before,
    "saml.expired": not_on_or_after,
    "saml.audience": audience,
    "saml.condition": condition,
    "saml.authn_statement": authentication.statement,
    "saml.authn_instant": authentication.instant,
    "saml.authn_context": authentication.context,
    "saml.session_expired": authentication.session_not_on_or_after,
    "saml.scope": scoped.scope,
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
    name, person = message.assertion.name_id, subject.read(message, want)
    if broken or chosen is None or name is None or person is None:
        raise _refused(message, want, before, broken)
    proven = authentication.read(message)
    return VerifiedAssertion(
        id=message.assertion.id,
        subject=person,
        not_on_or_after=_until(message, chosen, want),
        attributes=message.assertion.attributes,
        unobtainable=_GROUPS if _GROUPS_LINK in message.assertion.attributes else frozenset(),
        subject_email=name.value if name.format == EMAIL_ADDRESS else "",
        authentication=proven,
        stable_id=subject.stable_id(message, want),
        provider_session=ProviderSession(
            name=subject.provider_name(name, want.idp.entity_id), index=proven.session_index
        ),
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
    person = subject.read(message, want)
    if person is not None:
        refusal.person = person.person
    return refusal


def _until(message: Message, chosen: Confirmation, want: Expected) -> datetime:
    """Until when the same assertion could come again: the earlier bound, and the skew."""
    bounds = (chosen.not_on_or_after, _bounds(message)[1])
    earliest = min(bound for bound in bounds if bound is not None)
    try:
        return earliest + want.terms.skew
    except OverflowError:  # "9999-12-31T23:59:59Z" is what some write for never
        return earliest
