"""SignedXml → typed messages.

SAML Core §2 and §3. What cannot be read one way only (see ``parts``) becomes a fault of the
Message, which a rule then refuses, so that the record still tells all of the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import NamedTuple

from federation.saml.parts import NameId, every, read_name, read_text, read_time, sort
from federation.saml.signature import SignedMessage
from federation.saml.xml import SAML, SAMLP, Element, children

# eduPersonTargetedID: the one attribute whose values are NameIDs (eduPerson §2.2.12).
TARGETED_IDS = frozenset(
    {"urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "urn:mace:dir:attribute-def:eduPersonTargetedID"}
)
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ISSUER = SAML + "Issuer"
_SUBJECT = SAML + "Subject"
_NAME_ID = SAML + "NameID"
_SUBJECT_CONFIRMATION = SAML + "SubjectConfirmation"
_CONFIRMATION_DATA = SAML + "SubjectConfirmationData"
_CONDITIONS = SAML + "Conditions"
_AUDIENCE_RESTRICTION = SAML + "AudienceRestriction"
_AUDIENCE = SAML + "Audience"
_AUTHN_STATEMENT = SAML + "AuthnStatement"
_AUTHN_CONTEXT = SAML + "AuthnContext"
_CLASS_REF = SAML + "AuthnContextClassRef"
_AUTHORITY = SAML + "AuthenticatingAuthority"
_ATTRIBUTE_STATEMENT = SAML + "AttributeStatement"
_ATTRIBUTE = SAML + "Attribute"
# Kept by everyone here (an assertion is claimed once), and of concern to those who issue others.
_HARMLESS_CONDITIONS = frozenset({SAML + "OneTimeUse", SAML + "ProxyRestriction"})


class _Seal:
    """Held by ``read`` alone."""


SEAL = _Seal()


class Confirmation(NamedTuple):
    """One SubjectConfirmation with its data (Core §2.4.1)."""

    method: str
    recipient: str | None
    in_response_to: str | None
    not_before: datetime | None
    not_on_or_after: datetime | None


class Conditions(NamedTuple):
    """When and for whom an assertion is valid (Core §2.5.1)."""

    not_before: datetime | None
    not_on_or_after: datetime | None
    audiences: tuple[tuple[str, ...], ...]  # one tuple for each AudienceRestriction: they are and-ed
    others: tuple[str, ...]  # names of conditions that we do not know


class AuthnStatement(NamedTuple):
    """How the person signed in at the IdP (Core §2.7.2)."""

    instant: datetime | None
    session_index: str
    session_not_on_or_after: datetime | None
    context_class: str
    authorities: tuple[str, ...]  # AuthenticatingAuthority: who else had a part in it


class Response(NamedTuple):
    """The envelope (Core §3.2.2, §3.3.3)."""

    version: str
    issue_instant: datetime | None
    destination: str | None
    in_response_to: str | None
    issuer: NameId | None
    status: str


class Assertion(NamedTuple):
    """The statement (Core §2.3.3), from signed octets alone."""

    id: str
    version: str
    issue_instant: datetime | None
    issuer: NameId | None
    name_id: NameId | None
    confirmations: tuple[Confirmation, ...]
    conditions: Conditions | None
    authn_statements: tuple[AuthnStatement, ...]
    attributes: Mapping[str, tuple[str, ...]]
    targeted_ids: Mapping[str, tuple[NameId, ...]]  # of the attributes that hold NameIDs


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A Response and its Assertion. A Response that is not signed may only ever be a reason to refuse."""

    response: Response
    assertion: Assertion
    response_signed: bool  # then the Assertion is signed with it
    assertion_signed: bool  # by a signature of its own
    faults: tuple[str, ...]
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not SEAL:
            raise TypeError("Message is made by messages.read only")


def read(signed: SignedMessage) -> Message:
    """Read a message whose signatures held. Never refuses: faults are kept for the rules."""
    faults: list[str] = []
    outer = signed.unverified_response if signed.response is None else signed.response.root
    return Message(
        response=_read_response(outer, faults),
        assertion=_read_assertion(signed.assertion.root, faults),
        response_signed=bool(signed.response_key),
        assertion_signed=bool(signed.assertion_key),
        faults=tuple(faults),
        seal=SEAL,
    )


def _read_response(root: Element, faults: list[str]) -> Response:
    parts = sort(root, faults)
    status = parts.get(SAMLP + "Status")
    code = None if status is None else sort(status, faults).get(SAMLP + "StatusCode")
    return Response(
        version=root.get("Version", ""),
        issue_instant=read_time(root, "IssueInstant", faults),
        destination=root.get("Destination"),
        in_response_to=root.get("InResponseTo"),
        issuer=read_name(parts.get(_ISSUER), faults),
        status="" if code is None else code.get("Value", ""),
    )


def _read_assertion(root: Element, faults: list[str]) -> Assertion:
    parts = sort(root, faults)
    subject = parts.get(_SUBJECT)
    name, confirmations = (None, ()) if subject is None else _read_subject(subject, faults)
    conditions = parts.get(_CONDITIONS)
    attributes, targeted_ids = _read_attributes(every(_ATTRIBUTE_STATEMENT, root, parts), faults)
    return Assertion(
        id=root.get("ID", ""),
        version=root.get("Version", ""),
        issue_instant=read_time(root, "IssueInstant", faults),
        issuer=read_name(parts.get(_ISSUER), faults),
        name_id=read_name(name, faults),
        confirmations=confirmations,
        conditions=None if conditions is None else _read_conditions(conditions, faults),
        authn_statements=tuple([_authn(one, faults) for one in every(_AUTHN_STATEMENT, root, parts)]),
        attributes=attributes,
        targeted_ids=targeted_ids,
    )


def _read_subject(root: Element, faults: list[str]) -> tuple[Element | None, tuple[Confirmation, ...]]:
    parts = sort(root, faults)
    confirmations = [_confirmation(one, faults) for one in every(_SUBJECT_CONFIRMATION, root, parts)]
    return parts.get(_NAME_ID), tuple(confirmations)


def _confirmation(root: Element, faults: list[str]) -> Confirmation:
    data = sort(root, faults).get(_CONFIRMATION_DATA)
    if data is None:
        return Confirmation(
            method=root.get("Method", ""),
            recipient=None,
            in_response_to=None,
            not_before=None,
            not_on_or_after=None,
        )
    return Confirmation(
        method=root.get("Method", ""),
        recipient=data.get("Recipient"),
        in_response_to=data.get("InResponseTo"),
        not_before=read_time(data, "NotBefore", faults),
        not_on_or_after=read_time(data, "NotOnOrAfter", faults),
    )


def _read_conditions(root: Element, faults: list[str]) -> Conditions:
    audiences: list[tuple[str, ...]] = []
    others: list[str] = []
    for child in children(root):
        kind = child.tag
        if kind == _AUDIENCE_RESTRICTION:
            audiences.append(
                tuple([read_text(one, faults) for one in children(child) if one.tag == _AUDIENCE])
            )
        elif kind not in _HARMLESS_CONDITIONS:
            others.append(str(kind).rpartition("}")[2])
    return Conditions(
        not_before=read_time(root, "NotBefore", faults),
        not_on_or_after=read_time(root, "NotOnOrAfter", faults),
        audiences=tuple(audiences),
        others=tuple(others),
    )


def _authn(root: Element, faults: list[str]) -> AuthnStatement:
    context = sort(root, faults).get(_AUTHN_CONTEXT)
    parts = {} if context is None else sort(context, faults)
    named = parts.get(_CLASS_REF)
    others = () if context is None else every(_AUTHORITY, context, parts)
    return AuthnStatement(
        instant=read_time(root, "AuthnInstant", faults),
        session_index=root.get("SessionIndex", ""),
        session_not_on_or_after=read_time(root, "SessionNotOnOrAfter", faults),
        context_class="" if named is None else read_text(named, faults),
        authorities=tuple([read_text(one, faults) for one in others]),
    )


def _read_attributes(
    statements: Iterable[Element], faults: list[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[NameId, ...]]]:
    """Merge every statement; values of a name that repeats (Keycloak's Role) are merged too."""
    merged: dict[str, tuple[str, ...]] = {}
    targeted_ids: dict[str, tuple[NameId, ...]] = {}
    for statement in statements:
        for attribute in statement.iterchildren(_ATTRIBUTE):
            name = attribute.get("Name")
            if not name:
                faults.append("an Attribute has no Name")
                continue
            values = _values(attribute)
            if name in TARGETED_IDS:
                found = [one for value in attribute if (one := _read_targeted_id(value, faults))]
                targeted_ids[name] = targeted_ids.get(name, ()) + tuple(found)
                if len(found) == len(attribute):  # else it is kept as the text that it is
                    values = tuple(
                        f"{one.name_qualifier}!{one.sp_name_qualifier}!{one.value}" for one in found
                    )
            merged[name] = merged[name] + values if name in merged else values
    return merged, targeted_ids


def _read_targeted_id(value: Element, faults: list[str]) -> NameId | None:
    """Return the NameID that is the whole of a value, or None."""
    if len(value) != 1 or value[0].tag != _NAME_ID:
        return None
    beside = (value.text or "") + (value[0].tail or "")
    return None if beside.strip() else read_name(value[0], faults)


def _values(attribute: Element) -> tuple[str, ...]:
    """Return the text of each value, of all its levels where there are several; none for xsi:nil."""
    values = []
    for value in children(attribute):
        text = value.text
        if len(value):
            text = "".join(map(str, value.itertext()))
        elif text is None:
            if value.get(_NIL, "false").strip() in {"true", "1"}:
                continue
            text = ""
        values.append(text)
    return tuple(values)
