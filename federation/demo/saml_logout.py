"""Logout messages of the development SAML IdP: right ones, and one knob per rule to break.

``...`` in a knob means the right value, None leaves the part out. By redirect the query is
signed, by POST the root of the message (SAML Bindings §3.4.4.1, §3.5.4.1).
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from urllib.parse import quote
from xml.sax.saxutils import escape

from lxml import etree

from federation.demo.saml_encryption import EncryptionKnobs, encrypt_parts
from federation.demo.saml_faults import Fault
from federation.demo.saml_response import Time
from federation.demo.saml_signing import (
    SignatureKnobs,
    SigningKey,
    Text,
    algorithm,
    attribute,
    choose,
    fitting,
    make_value,
    sign,
)
from federation.saml import bindings
from federation.saml.xml import DS, EMAIL_ADDRESS, SAML, SAMLP, SUCCESS

PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"


@dataclass(frozen=True, kw_only=True)
class LogoutKnobs(SignatureKnobs):
    """What a logout message says and how it is signed; every default is right."""

    sign: bool = True
    embed: bool = False  # by redirect: leave an enveloped signature in the message
    lower_case: bool = False  # escapes of the query as ADFS writes them
    sig_alg: Text = ...
    also: str = ""  # further query parameters
    rewrite: tuple[tuple[str, str], ...] = ()  # in the template, before signing
    tamper: tuple[tuple[str, str], ...] = ()  # in the signed message, or in the signed query

    kind: str = ""  # of the root; "": what it should be
    message_id: Text = ...
    version: str | None = "2.0"
    issue_instant: Time = ...
    destination: Text = ...
    issuer: Text = ...
    issuer_format: str = ""
    not_on_or_after: Time = ...
    name_id: Text = ...
    name_id_format: Text = ...
    name_id_attributes: str = ""
    name_part: str | None = None  # in place of the NameID: an EncryptedID, a BaseID, nothing
    session_indexes: tuple[str, ...] | None = None  # None: the right ones
    encryption: EncryptionKnobs | None = None  # of the NameID
    insert: Mapping[str, str] = field(default_factory=dict)  # place → XML: extensions, end

    in_response_to: Text = ...
    status: str | None = SUCCESS
    second_status: str = ""


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What a logout message is about."""

    entity_id: str  # who says it
    destination: str
    now: datetime
    key: SigningKey
    name_id: str = ""
    name_id_format: str = EMAIL_ADDRESS
    session_indexes: tuple[str, ...] = ()
    in_response_to: str = ""


def build_request(leaving: Leaving, knobs: LogoutKnobs, *, post: bool) -> bytes:
    """Build a LogoutRequest (Core §3.7.1); signed where it is posted."""
    name_format = attribute("Format", choose(knobs.name_id_format, leaving.name_id_format) or None)
    value = choose(knobs.name_id, leaving.name_id)
    name = (
        ""
        if value is None
        else f"<saml:NameID{name_format}{knobs.name_id_attributes}>{escape(value)}</saml:NameID>"
    )
    chosen = leaving.session_indexes if knobs.session_indexes is None else knobs.session_indexes
    indexes = "".join(f"<samlp:SessionIndex>{escape(one)}</samlp:SessionIndex>" for one in chosen)
    until = attribute("NotOnOrAfter", _when(knobs.not_on_or_after, leaving.now + timedelta(minutes=5)))
    body = (name if knobs.name_part is None else knobs.name_part) + indexes
    return _finish("LogoutRequest", until, body, leaving, knobs, post=post)


def build_response(leaving: Leaving, knobs: LogoutKnobs, *, post: bool) -> bytes:
    """Build a LogoutResponse (Core §3.7.2); signed where it is posted."""
    second = f"<samlp:StatusCode{attribute('Value', knobs.second_status)}/>" if knobs.second_status else ""
    body = (
        ""
        if knobs.status is None
        else f"<samlp:Status><samlp:StatusCode{attribute('Value', knobs.status)}>{second}</samlp:StatusCode>"
        "</samlp:Status>"
    )
    answers = attribute("InResponseTo", choose(knobs.in_response_to, leaving.in_response_to))
    return _finish("LogoutResponse", answers, body, leaving, knobs, post=post)


def _finish(
    kind: str, attributes: str, body: str, leaving: Leaving, knobs: LogoutKnobs, *, post: bool
) -> bytes:
    attributes += attribute("ID", choose(knobs.message_id, "_" + secrets.token_hex(16)))
    attributes += attribute("Version", knobs.version)
    attributes += attribute("IssueInstant", _when(knobs.issue_instant, leaving.now))
    attributes += attribute("Destination", choose(knobs.destination, leaving.destination))
    issuer = choose(knobs.issuer, leaving.entity_id)
    issuer_format = attribute("Format", knobs.issuer_format or None)
    named = "" if issuer is None else f"<saml:Issuer{issuer_format}>{escape(issuer)}</saml:Issuer>"
    signed = knobs.sign and (post or knobs.embed)
    place = f'<ds:Signature xmlns:ds="{DS[1:-1]}"/>' if signed else ""
    tag = knobs.kind or kind
    text = (
        f'<samlp:{tag} xmlns:samlp="{SAMLP[1:-1]}" xmlns:saml="{SAML[1:-1]}"{attributes}>{named}{place}'
        f"{knobs.insert.get('extensions', '')}{body}{knobs.insert.get('end', '')}</samlp:{tag}>"
    )
    for old, new in knobs.rewrite:
        text = _replace(text, old, new)
    root = etree.fromstring(text.encode())
    if knobs.encryption is not None:
        encrypt_parts(root, knobs.encryption)
    if signed:
        sign(root, knobs.key or leaving.key, knobs)
    text = etree.tostring(root, encoding="unicode")
    for old, new in knobs.tamper if post else ():
        text = _replace(text, old, new)
    return text.encode()


def redirect_url(
    destination: str, *, name: str, document: bytes, relay_state: str, key: SigningKey, knobs: LogoutKnobs
) -> str:
    """Return the URL that carries a message by HTTP-Redirect, its query signed."""
    url = bindings.encode_redirect(
        destination,
        name=name,
        message=document,
        relay_state=relay_state,
        sign=_signer(knobs.key or key, knobs) if knobs.sign else None,
    )
    for old, new in knobs.tamper:
        url = _replace(url, old, new)
    return url + knobs.also


def _signer(key: SigningKey, knobs: LogoutKnobs) -> Callable[[str], str]:
    def sign_query(query: str) -> str:
        method = knobs.method or fitting(key)
        named = choose(knobs.sig_alg, algorithm(method))
        signed = query if named is None else f"{query}&SigAlg={quote(named, safe='')}"
        if knobs.lower_case:
            signed = _lower_escapes(signed)
        value = base64.b64encode(make_value(key, method, signed.encode())).decode()
        return f"{signed}&Signature={quote(value, safe='')}"

    return sign_query


def _lower_escapes(query: str) -> str:
    first, *others = query.split("%")
    return "%".join([first, *(one[:2].lower() + one[2:] for one in others)])


def _replace(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"{old!r} is not in the message")
    return text.replace(old, new)


def _when(knob: Time, right: datetime) -> str | None:
    chosen = right if isinstance(knob, EllipsisType) else knob
    if isinstance(chosen, datetime):
        return chosen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return chosen


_PAST = timedelta(hours=-2)
_FUTURE = timedelta(hours=2)

# What the home page of the IdP can do wrong when it signs somebody out at a service.
LOGOUT_FAULTS: dict[str, Fault] = {
    "unsigned": Fault(says="sign nothing", code="saml.query_unsigned", knobs={"sign": False}),
    "other-key": Fault(says="sign with another key", code="saml.signature", knobs={"key": "another"}),
    "sha-1": Fault(says="sign with SHA-1", code="saml.algorithm", knobs={"method": "rsa-sha1"}),
    "twice": Fault(
        says="send RelayState twice", code="form.repeated", knobs={"also": "&RelayState=&RelayState=x"}
    ),
    "response": Fault(
        says="answer in place of asking", code="saml.logout_message", knobs={"kind": "LogoutResponse"}
    ),
    "malformed": Fault(
        says="write a time without zone",
        code="saml.logout_malformed",
        knobs={"issue_instant": "2026-11-21T12:00:00"},
    ),
    "version": Fault(says="speak SAML 1.1", code="saml.logout_version", knobs={"version": "1.1"}),
    "issuer": Fault(
        says="speak for another IdP", code="saml.logout_issuer", knobs={"issuer": "https://other.example"}
    ),
    "destination": Fault(
        says="name another destination",
        code="saml.logout_destination",
        knobs={"destination": "https://other.example/slo"},
    ),
    "old": Fault(says="be two hours late", code="saml.logout_issue_instant", knobs={"issue_instant": _PAST}),
    "early": Fault(
        says="be two hours early", code="saml.logout_issue_instant", knobs={"issue_instant": _FUTURE}
    ),
    "expired": Fault(says="be expired", code="saml.logout_expired", knobs={"not_on_or_after": _PAST}),
    "nobody": Fault(says="name nobody", code="saml.logout_name", knobs={"name_id": None}),
    "blank-session": Fault(
        says="name a session with a blank index",
        code="saml.logout_session_index",
        knobs={"session_indexes": (" ",)},
    ),
}
