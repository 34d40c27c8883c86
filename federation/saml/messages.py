"""SignedXml → typed messages, and our AuthnRequest → bytes.

SAML Core §2 and §3. What cannot be read one way only (a part given twice, text with elements
in it, a time that is not UTC) becomes a fault of the Message, which a rule then refuses, so
that the record still tells all of the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from federation.saml.bindings import HTTP_POST
from federation.saml.signature import SignedMessage
from federation.saml.xml import EMAIL_ADDRESS, SAML, SAMLP, Element

ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ISSUER = SAML + "Issuer"
_AUDIENCE_RESTRICTION = SAML + "AudienceRestriction"
_ONE_TIME_USE = SAML + "OneTimeUse"
_PROXY_RESTRICTION = SAML + "ProxyRestriction"  # concerns those who issue assertions of their own


class _Seal:
    """Held by ``read`` alone."""


SEAL = _Seal()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameId:
    """A NameID or an Issuer, which is of the same type (Core §2.2.2)."""

    value: str
    format: str
    name_qualifier: str
    sp_name_qualifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One SubjectConfirmation with its data (Core §2.4.1)."""

    method: str
    recipient: str | None
    in_response_to: str | None
    not_before: datetime | None
    not_on_or_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """When and for whom an assertion is valid (Core §2.5.1)."""

    not_before: datetime | None
    not_on_or_after: datetime | None
    audiences: tuple[tuple[str, ...], ...]  # one tuple for each AudienceRestriction: they are and-ed
    others: tuple[str, ...]  # conditions that we do not know, or that may stand only once


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthnStatement:
    """How the person signed in at the IdP (Core §2.7.2)."""

    instant: datetime | None
    session_index: str
    session_not_on_or_after: datetime | None
    context_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The envelope (Core §3.2.2, §3.3.3)."""

    version: str
    issue_instant: datetime | None
    destination: str | None
    in_response_to: str | None
    issuer: NameId | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A Response and its Assertion. ``unsigned_parts`` may only ever be a reason to refuse."""

    response: Response
    assertion: Assertion
    unsigned_parts: frozenset[str]  # "response" where only the Assertion is signed
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
        unsigned_parts=frozenset({"response"} if signed.response is None else ()),
        faults=tuple(faults),
        seal=SEAL,
    )


def _read_response(root: Element, faults: list[str]) -> Response:
    parts = _sort(root)
    status = _only(parts, SAMLP + "Status", faults)
    code = None if status is None else _only(_sort(status), SAMLP + "StatusCode", faults)
    return Response(
        version=root.get("Version", ""),
        issue_instant=_time(root, "IssueInstant", faults),
        destination=root.get("Destination"),
        in_response_to=root.get("InResponseTo"),
        issuer=_name(_only(parts, _ISSUER, faults), faults),
        status="" if code is None else code.get("Value", ""),
    )


def _read_assertion(root: Element, faults: list[str]) -> Assertion:
    parts = _sort(root)
    subject = _only(parts, SAML + "Subject", faults)
    about = {} if subject is None else _sort(subject)
    conditions = _only(parts, SAML + "Conditions", faults)
    return Assertion(
        id=root.get("ID", ""),
        version=root.get("Version", ""),
        issue_instant=_time(root, "IssueInstant", faults),
        issuer=_name(_only(parts, _ISSUER, faults), faults),
        name_id=_name(_only(about, SAML + "NameID", faults), faults),
        confirmations=tuple(
            _confirmation(one, faults) for one in about.get(SAML + "SubjectConfirmation", ())
        ),
        conditions=None if conditions is None else _read_conditions(conditions, faults),
        authn_statements=tuple(_authn(one, faults) for one in parts.get(SAML + "AuthnStatement", ())),
        attributes=_read_attributes(parts.get(SAML + "AttributeStatement", []), faults),
    )


def _confirmation(root: Element, faults: list[str]) -> Confirmation:
    data = _only(_sort(root), SAML + "SubjectConfirmationData", faults)
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
        not_before=_time(data, "NotBefore", faults),
        not_on_or_after=_time(data, "NotOnOrAfter", faults),
    )


def _read_conditions(root: Element, faults: list[str]) -> Conditions:
    parts = _sort(root)
    restrictions = parts.pop(_AUDIENCE_RESTRICTION, [])
    once = parts.pop(_ONE_TIME_USE, [])  # kept by everyone here: an assertion is claimed once
    parts.pop(_PROXY_RESTRICTION, None)
    others = [tag.rpartition("}")[2] for tag in parts]
    return Conditions(
        not_before=_time(root, "NotBefore", faults),
        not_on_or_after=_time(root, "NotOnOrAfter", faults),
        audiences=tuple(
            tuple(_text(audience, faults) for audience in restriction if audience.tag == SAML + "Audience")
            for restriction in restrictions
        ),
        others=(*others, *("OneTimeUse given twice" for _ in once[1:])),
    )


def _authn(root: Element, faults: list[str]) -> AuthnStatement:
    context = _only(_sort(root), SAML + "AuthnContext", faults)
    named = None if context is None else _only(_sort(context), SAML + "AuthnContextClassRef", faults)
    return AuthnStatement(
        instant=_time(root, "AuthnInstant", faults),
        session_index=root.get("SessionIndex", ""),
        session_not_on_or_after=_time(root, "SessionNotOnOrAfter", faults),
        context_class="" if named is None else _text(named, faults),
    )


def _read_attributes(statements: list[Element], faults: list[str]) -> dict[str, tuple[str, ...]]:
    """Merge every statement; values of a name that repeats (Keycloak's Role) are merged too."""
    merged: dict[str, list[str]] = {}
    for statement in statements:
        for attribute in statement:
            name = attribute.get("Name")
            if attribute.tag != SAML + "Attribute" or not name:
                faults.append("an AttributeStatement holds something else than a named Attribute")
                continue
            values = merged.setdefault(name, [])
            for value in attribute:
                if len(value):
                    values.append("".join(map(str, value.itertext())))
                elif (text := value.text) is not None or value.get(_NIL) is None:
                    values.append(text or "")
    return {name: tuple(values) for name, values in merged.items()}


def _sort(root: Element) -> dict[str, list[Element]]:
    parts: dict[str, list[Element]] = {}
    for child in root:
        parts.setdefault(str(child.tag), []).append(child)
    return parts


def _only(parts: Mapping[str, list[Element]], tag: str, faults: list[str]) -> Element | None:
    found = parts.get(tag)
    if found is None:
        return None
    if len(found) > 1:
        faults.append(f"{tag.rpartition('}')[2]} is given {len(found)} times")
    return found[0]


def _text(element: Element, faults: list[str]) -> str:
    if len(element):
        faults.append(f"{str(element.tag).rpartition('}')[2]} holds elements in place of text")
        return ""
    return element.text or ""


def _name(element: Element | None, faults: list[str]) -> NameId | None:
    if element is None:
        return None
    return NameId(
        value=_text(element, faults),
        format=element.get("Format", ""),
        name_qualifier=element.get("NameQualifier", ""),
        sp_name_qualifier=element.get("SPNameQualifier", ""),
    )


def _time(element: Element, name: str, faults: list[str]) -> datetime | None:
    """Core §1.3.3: UTC, written with Z. None where absent; a fault where unreadable."""
    written = element.get(name)
    if written is None:
        return None
    if _TIME.fullmatch(written):
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            pass
    faults.append(f"{str(element.tag).rpartition('}')[2]} {name} is not a time in UTC")
    return None


def build_authn_request(
    *, request_id: str, destination: str, sp_entity_id: str, acs_url: str, now: datetime
) -> bytes:
    """Build the request of an SP-initiated sign-in.

    No RequestedAuthnContext: an exact one turns away people who signed in by a stronger way.

    Args:
        request_id: An XML identifier, kept with the pending sign-in.
        destination: The IdP's SingleSignOnService.
        sp_entity_id: Our name.
        acs_url: Where the answer is to go.
        now: UTC, aware.

    Source: SAML Core §3.4.1; Profiles §4.1.4.1.
    """
    instant = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        f' ID={quoteattr(request_id)} Version="2.0" IssueInstant="{instant}"'
        f" Destination={quoteattr(destination)} AssertionConsumerServiceURL={quoteattr(acs_url)}"
        f' ProtocolBinding="{HTTP_POST}">'
        '<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">'
        f"{escape(sp_entity_id)}</saml:Issuer>"
        f'<samlp:NameIDPolicy Format="{EMAIL_ADDRESS}" AllowCreate="true"/></samlp:AuthnRequest>'
    ).encode()
