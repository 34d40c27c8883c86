"""Responses of the development SAML IdP: one good one, and one knob per rule to break.

``...`` in a knob means the right value, None leaves the part out.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import Literal, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from federation.demo.saml_encryption import EncryptionKnobs, encrypt_assertion, encrypt_parts, rewrite
from federation.demo.saml_signing import SignatureKnobs, SigningKey, Text, attribute, choose, sign
from federation.demo.saml_wrapping import WRAPPINGS
from federation.demo.users import DemoUser
from federation.saml.xml import ASSERTION, DS, EMAIL_ADDRESS, SAML, SAMLP, SUCCESS

Time: TypeAlias = datetime | str | EllipsisType | None

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
GROUPS_LINK = "http://schemas.microsoft.com/claims/groups.link"


@dataclass(frozen=True, kw_only=True)
class Knobs(SignatureKnobs, EncryptionKnobs):
    """What a response says, how it is signed and encrypted; every default is right."""

    sign: Literal["assertion", "response", "both", "none"] = "assertion"
    wrap: str = ""  # a name in WRAPPINGS, which also says what must be signed
    prefix: Literal["both", "default"] = "both"  # default: Assertion in its default namespace, as ADFS
    namespaces: str = ""  # further declarations on the Response
    pretty: bool = False
    prolog: str = ""
    insert: Mapping[str, str] = field(default_factory=dict)  # place → XML put there before signing
    rewrite: tuple[tuple[str, str], ...] = ()  # in the template, before signing
    tamper: tuple[tuple[str, str], ...] = ()  # in the signed message

    version: str = "2.0"
    response_id: Text = ...
    assertion_id: Text = ...
    destination: Text = ...
    response_in_response_to: Text = ...
    response_issuer: Text = ...
    response_issue_instant: Time = ...
    status: str | None = SUCCESS

    assertion: bool = True
    issuer: Text = ...
    issuer_format: str = ""
    issue_instant: Time = ...
    name_id: Text = ...
    name_id_format: str = EMAIL_ADDRESS
    name_id_attributes: str = ""
    method_of_confirmation: str = BEARER
    recipient: Text = ...
    in_response_to: Text = ...
    confirmation_not_before: Time = None
    confirmation_not_on_or_after: Time = ...
    conditions: bool = True
    not_before: Time = ...
    not_on_or_after: Time = ...
    audiences: tuple[tuple[str, ...], ...] | None = None  # None: one that names the SP
    authn_statement: bool = True
    authn_instant: Time = ...
    session_index: Text = ...
    context_class: Text = ...
    session_not_on_or_after: Time = ...
    attributes: Mapping[str, tuple[str, ...]] | None = None  # None: the user's
    groups: tuple[str, ...] | None = None  # None: the user's


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a response is about."""

    user: DemoUser
    entity_id: str
    acs_url: str
    sp_entity_id: str
    request_id: str
    now: datetime
    key: SigningKey


def build(context: Context, knobs: Knobs) -> bytes:
    """Build a response: ``rewrite``, sign, ``wrap``, ``tamper``.

    Parts are encrypted before the Assertion is signed, the Assertion behind that and before the
    Response is. A forged Assertion is wrapped before it is encrypted, as its forger would do it.
    """
    if knobs.wrap and knobs.sign != "both":
        knobs = replace(knobs, sign=WRAPPINGS[knobs.wrap][0])
    hidden = "assertion" in knobs.encrypt and bool(knobs.wrap) and WRAPPINGS[knobs.wrap][0] == "assertion"
    root = etree.fromstring(rewrite(_response(context, knobs), knobs.rewrite).encode())
    encrypt_parts(root, knobs)
    assertion = root.find(ASSERTION)
    if assertion is not None and knobs.sign in ("assertion", "both"):
        sign(assertion, knobs.key or context.key, knobs)
    if hidden:
        root = WRAPPINGS[knobs.wrap][1](root)
    if "assertion" in knobs.encrypt:
        encrypt_assertion(root, knobs)
    if knobs.sign in ("response", "both"):
        sign(root, knobs.key or context.key, knobs)
    if knobs.wrap and not hidden:
        root = WRAPPINGS[knobs.wrap][1](root)
    text = rewrite(etree.tostring(root, encoding="unicode"), knobs.tamper)
    return (knobs.prolog + text).encode()


def _response(context: Context, knobs: Knobs) -> str:
    """The whole message as a template: empty Signatures where ``sign`` wants them."""
    end = "\n" if knobs.pretty else ""
    signed = f"<ds:Signature xmlns:ds='{DS[1:-1]}'/>{end}" if knobs.sign in ("response", "both") else ""
    issuer = choose(knobs.response_issuer, context.entity_id)
    issuer_part = (
        ""
        if issuer is None
        else f'<saml:Issuer xmlns:saml="{SAML[1:-1]}">{escape(issuer)}</saml:Issuer>{end}'
    )
    put = knobs.insert.get
    status = (
        ""
        if knobs.status is None
        else f"<samlp:Status><samlp:StatusCode{attribute('Value', knobs.status)}/>"
        f"{put('status', '')}</samlp:Status>{end}"
    )
    attributes = attribute("ID", choose(knobs.response_id, "_" + secrets.token_hex(16)))
    attributes += attribute("Version", knobs.version)
    attributes += attribute("IssueInstant", _when(knobs.response_issue_instant, context.now))
    attributes += attribute("Destination", choose(knobs.destination, context.acs_url))
    attributes += attribute("InResponseTo", choose(knobs.response_in_response_to, context.request_id))
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP[1:-1]}"{knobs.namespaces}{attributes}>{end}{issuer_part}'
        f"{signed}{put('extensions', '')}{status}{_assertion(context, knobs)}"
        f"{put('response_end', '')}</samlp:Response>"
    )


def _assertion(context: Context, knobs: Knobs) -> str:
    if not knobs.assertion:
        return ""
    end = "\n" if knobs.pretty else ""
    p = "saml:" if knobs.prefix == "both" else ""
    declared = f'xmlns{":saml" if p else ""}="{SAML[1:-1]}"'
    signed = f"<ds:Signature xmlns:ds='{DS[1:-1]}'/>{end}" if knobs.sign in ("assertion", "both") else ""
    attributes = attribute("ID", choose(knobs.assertion_id, "_" + secrets.token_hex(16)))
    attributes += attribute("Version", knobs.version)
    attributes += attribute("IssueInstant", _when(knobs.issue_instant, context.now))
    issuer = choose(knobs.issuer, context.entity_id)
    format_part = attribute("Format", knobs.issuer_format or None)
    issuer_part = "" if issuer is None else f"<{p}Issuer{format_part}>{escape(issuer)}</{p}Issuer>{end}"
    parts = [_subject(context, knobs, p), _conditions(context, knobs, p), _statements(context, knobs, p)]
    return (
        f"<{p}Assertion {declared}{attributes}>{end}{issuer_part}{signed}{end.join(parts)}"
        f"{knobs.insert.get('assertion_end', '')}</{p}Assertion>"
    )


def _subject(context: Context, knobs: Knobs, p: str) -> str:
    name = choose(knobs.name_id, context.user.email)
    form = attribute("Format", knobs.name_id_format or None) + knobs.name_id_attributes
    name_part = "" if name is None else f"<{p}NameID{form}>{escape(name)}</{p}NameID>"
    data = attribute("InResponseTo", choose(knobs.in_response_to, context.request_id))
    data += attribute("NotBefore", _when(knobs.confirmation_not_before, context.now))
    until = context.now + timedelta(minutes=5)
    data += attribute("NotOnOrAfter", _when(knobs.confirmation_not_on_or_after, until))
    data += attribute("Recipient", choose(knobs.recipient, context.acs_url))
    return (
        f"<{p}Subject>{name_part}{knobs.insert.get('subject', '')}"
        f'<{p}SubjectConfirmation Method="{knobs.method_of_confirmation}">'
        f"<{p}SubjectConfirmationData{data}>{knobs.insert.get('confirmation_data', '')}"
        f"</{p}SubjectConfirmationData>"
        f"</{p}SubjectConfirmation></{p}Subject>"
    )


def _conditions(context: Context, knobs: Knobs, p: str) -> str:
    if not knobs.conditions:
        return ""
    bounds = attribute("NotBefore", _when(knobs.not_before, context.now - timedelta(seconds=30)))
    bounds += attribute("NotOnOrAfter", _when(knobs.not_on_or_after, context.now + timedelta(minutes=5)))
    wanted = ((context.sp_entity_id,),) if knobs.audiences is None else knobs.audiences
    restrictions = "".join(
        f"<{p}AudienceRestriction>"
        + "".join(f"<{p}Audience>{escape(one)}</{p}Audience>" for one in named)
        + f"</{p}AudienceRestriction>"
        for named in wanted
    )
    return f"<{p}Conditions{bounds}>{restrictions}{knobs.insert.get('conditions', '')}</{p}Conditions>"


def _statements(context: Context, knobs: Knobs, p: str) -> str:
    user = context.user
    told = knobs.attributes
    if told is None:
        groups = user.groups if knobs.groups is None else knobs.groups
        told = {
            "email": (user.email,),
            "firstName": (user.given_name,),
            "lastName": (user.family_name,),
            "displayName": (user.display_name,),
            "department": (user.department,),
        } | ({"groups": groups} if groups else {})
    values = "".join(
        f"<{p}Attribute Name={quoteattr(name)}>"
        + "".join(f"<{p}AttributeValue>{escape(one)}</{p}AttributeValue>" for one in many)
        + f"</{p}Attribute>"
        for name, many in told.items()
    )
    values += knobs.insert.get("attributes", "")
    statement = f"<{p}AttributeStatement>{values}</{p}AttributeStatement>" if values else ""
    if not knobs.authn_statement:
        return statement
    about = attribute("AuthnInstant", _when(knobs.authn_instant, context.now))
    about += attribute("SessionIndex", choose(knobs.session_index, "_" + secrets.token_hex(16)))
    ends = context.now + timedelta(hours=8)
    about += attribute("SessionNotOnOrAfter", _when(knobs.session_not_on_or_after, ends))
    chosen = choose(knobs.context_class, PASSWORD)
    named = "" if chosen is None else f"<{p}AuthnContextClassRef>{escape(chosen)}</{p}AuthnContextClassRef>"
    return (
        f"<{p}AuthnStatement{about}><{p}AuthnContext>{named}</{p}AuthnContext></{p}AuthnStatement>{statement}"
    )


def _when(knob: Time, right: datetime) -> str | None:
    chosen = right if isinstance(knob, EllipsisType) else knob
    if isinstance(chosen, datetime):
        return chosen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return chosen
