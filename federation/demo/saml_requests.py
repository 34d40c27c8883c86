"""What service providers ask of the development SAML IdP, read and held to what is registered.

A signature is asked for where the service provider's certificate is registered and the message
says that it is signed, and always where this IdP wants it (SAML Core §3.4.1, §3.7.1).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.demo.users import DemoUser
from federation.errors import FederationError
from federation.saml import signature, xml
from federation.saml.bindings import Redirected
from federation.saml.certificates import VerificationKey
from federation.saml.xml import EMAIL_ADDRESS, SAML, SAMLP, SIGNATURE, Element

_FORMATS = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
PERSISTENT = _FORMATS + "persistent"
TRANSIENT = _FORMATS + "transient"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
FORMATS = (EMAIL_ADDRESS, PERSISTENT, TRANSIENT, UNSPECIFIED)
_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
CLASSES = (f"{_CLASSES}PasswordProtectedTransport", f"{_CLASSES}Password", f"{_CLASSES}unspecified")
_TRUE = ("true", "1")


@dataclass(frozen=True, kw_only=True)
class ServiceProvider:
    """A service that is registered here; its URLs are compared exactly."""

    acs_urls: tuple[str, ...]  # the first is the default one
    slo_url: str = ""
    key: VerificationKey | None = None  # verifies what it signs; None: nothing is


class Unanswerable(Exception):
    """The message is nobody's whom we know, or is none."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One AuthnRequest of a registered service provider, or a tile that leads there."""

    request_id: str | None  # None: nobody asked, a tile was chosen
    sp_entity_id: str
    acs_url: str
    relay_state: str
    force: bool = False  # ForceAuthn
    passive: bool = False  # IsPassive
    name_id_format: str = EMAIL_ADDRESS
    context_class: str | None = CLASSES[0]  # None: what it asks for is not to be had here


@dataclass(frozen=True, kw_only=True)
class AskedOut:
    """A LogoutRequest of a registered service provider."""

    request_id: str
    sp_entity_id: str
    relay_state: str
    name_id: str
    session_indexes: tuple[str, ...]


@dataclass
class Participation:
    """How one service knows a person of a session here."""

    name_id: str
    name_id_format: str
    session_index: str


@dataclass
class Session:
    """A person who is signed in here, and where they went."""

    user: DemoUser
    places: dict[str, Participation] = field(default_factory=dict)  # entityID of a service → …

    def visit(self, asked: Asked) -> Participation:
        """Return how the service knows them, made at the first visit."""
        known = self.places.get(asked.sp_entity_id)
        if known is None or known.name_id_format != asked.name_id_format:
            index = "_" + secrets.token_hex(16)
            known = Participation(name_id(self.user, asked), asked.name_id_format, index)
            self.places[asked.sp_entity_id] = known
        return known


def name_id(user: DemoUser, asked: Asked) -> str:
    """Name a person in the format that is asked for (Core §8.3)."""
    named = {
        PERSISTENT: hashlib.sha256(f"{user.login} {asked.sp_entity_id}".encode()).hexdigest(),
        TRANSIENT: "_" + secrets.token_hex(16),
        UNSPECIFIED: user.login,
    }
    return named.get(asked.name_id_format, user.email)


def read_authn(
    sent: Redirected | bytes,
    relay_state: str,
    known: Mapping[str, ServiceProvider],
    *,
    sso_url: str,
    wants_signed: bool,
) -> Asked:
    """Read an AuthnRequest (Core §3.4.1).

    Args:
        sent: What a redirect carried, or the document of a POST.
        relay_state: That came along.
        known: Who is registered.
        sso_url: Where it arrived.
        wants_signed: Refuse one that is not signed.

    Raises:
        Unanswerable: Why.
    """
    root, partner = _read(sent, "AuthnRequest", known, here=sso_url, signed=wants_signed)
    acs_url = root.get("AssertionConsumerServiceURL", partner.acs_urls[0])
    index = root.get("AssertionConsumerServiceIndex", "0")
    if acs_url not in partner.acs_urls or not index.isdecimal() or int(index) >= len(partner.acs_urls):
        raise Unanswerable("the service provider asks for an answer to a URL that is not registered")
    policy = root.find(SAMLP + "NameIDPolicy")
    wanted = EMAIL_ADDRESS if policy is None else policy.get("Format", UNSPECIFIED)
    if wanted not in FORMATS:
        raise Unanswerable("the service provider asks for a NameID format that is not known here")
    return Asked(
        request_id=root.get("ID", ""),
        sp_entity_id=root.findtext(SAML + "Issuer") or "",
        acs_url=partner.acs_urls[int(index)] if int(index) else acs_url,
        relay_state=relay_state,
        force=root.get("ForceAuthn") in _TRUE,
        passive=root.get("IsPassive") in _TRUE,
        name_id_format=wanted,
        context_class=_context_class(root.find(SAMLP + "RequestedAuthnContext")),
    )


def _context_class(wanted: Element | None) -> str | None:
    """Choose the class of the answer (Core §3.3.2.2.1); here every sign-in is by password."""
    if wanted is None:
        return CLASSES[0]
    classes = [one.text or "" for one in wanted.iterchildren(SAML + "AuthnContextClassRef")]
    match wanted.get("Comparison", "exact"):
        case "exact":
            return next((one for one in classes if one in CLASSES), None)
        case "minimum" | "maximum" if set(classes) & set(CLASSES):
            return CLASSES[0]
    return None


def read_logout(
    sent: Redirected | bytes, relay_state: str, known: Mapping[str, ServiceProvider], *, slo_url: str
) -> AskedOut:
    """Read a LogoutRequest (Core §3.7.1), which must be signed.

    Raises:
        Unanswerable: Why.
    """
    root, _ = _read(sent, "LogoutRequest", known, here=slo_url, signed=True)
    return AskedOut(
        request_id=root.get("ID", ""),
        sp_entity_id=root.findtext(SAML + "Issuer") or "",
        relay_state=relay_state,
        name_id=root.findtext(SAML + "NameID") or "",
        session_indexes=tuple(one.text or "" for one in root.iterchildren(SAMLP + "SessionIndex")),
    )


def read_logout_answer(
    sent: Redirected | bytes, known: Mapping[str, ServiceProvider], *, slo_url: str
) -> str:
    """Read a LogoutResponse (Core §3.7.2), which must be signed; return the status.

    Raises:
        Unanswerable: Why.
    """
    root, _ = _read(sent, "LogoutResponse", known, here=slo_url, signed=True)
    code = root.find(f"{SAMLP}Status/{SAMLP}StatusCode")
    return "" if code is None else code.get("Value", "")


def _read(
    sent: Redirected | bytes, kind: str, known: Mapping[str, ServiceProvider], *, here: str, signed: bool
) -> tuple[Element, ServiceProvider]:
    document = sent.message if isinstance(sent, Redirected) else sent
    try:
        root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=1000)
        partner = known.get(root.findtext(SAML + "Issuer") or "")
        if root.tag != SAMLP + kind or not root.get("ID"):
            raise Unanswerable(f"this is not one samlp:{kind}")
        if partner is None:
            raise Unanswerable("no service provider of this name is registered here")
        if root.get("Destination", here) != here:
            raise Unanswerable("the message was meant for another URL")
        root = _verified(root, sent, partner, signed=signed)
    except FederationError as refusal:
        raise Unanswerable(refusal.detail) from None
    return root, partner


def _verified(root: Element, sent: Redirected | bytes, partner: ServiceProvider, *, signed: bool) -> Element:
    says = bool(sent.signature) if isinstance(sent, Redirected) else root.find(SIGNATURE) is not None
    if not (signed or (says and partner.key)):
        return root
    if partner.key is None:
        raise Unanswerable("the service provider has no certificate here that could verify what it signs")
    if not says:
        raise Unanswerable("the message is not signed")
    if isinstance(sent, Redirected):
        signature.verify_query(sent, (partner.key,), legacy=frozenset())
        return root
    return signature.verify_element(root, keys=(partner.key,), legacy=frozenset()).root
