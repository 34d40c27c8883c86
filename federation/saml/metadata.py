"""Their EntityDescriptor or EntitiesDescriptor in, ours out.

SAML Metadata §2. Keys are parsed here, once; a sign-in never parses a certificate. What is
wrong with a document is said with what mends it. Pure: fetching and files are the shell's.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import signature, xml
from federation.saml.bindings import HTTP_POST, HTTP_REDIRECT
from federation.saml.xml import DS, EMAIL_ADDRESS, SAMLP, Element

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_OCTETS = 2 * 1024 * 1024
_ELEMENTS = 200_000
_KEYS = 8  # each costs a verification where a signature is forged
_PROTOCOL = SAMLP[1:-1]
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A domain that an identity provider may speak for (``shibmd:Scope``)."""

    value: str  # as written
    regexp: bool
    pattern: Any = field(default=None, repr=False, compare=False)  # compiled by RE2, where it is one

    def matches(self, scope: str) -> bool:
        """Tell whether this allows a scope; ASCII letters of either case are the same."""
        if self.regexp:
            return scope.isascii() and self.pattern.fullmatch(_lower(scope)) is not None
        return _lower(scope) == _lower(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """Trust material of one identity provider: who it is, where it signs in and out, with what keys."""

    entity_id: str
    sso_redirect_url: str  # SingleSignOnService, HTTP-Redirect; "" if none, as for each URL here
    sso_post_url: str = ""
    slo_redirect_url: str = ""  # SingleLogoutService: where a LogoutRequest goes
    slo_redirect_response_url: str = ""  # ResponseLocation: where a LogoutResponse goes
    slo_post_url: str = ""
    slo_post_response_url: str = ""
    keys: tuple[signature.VerificationKey, ...]
    wants_signed_requests: bool = False
    scopes: tuple[Scope, ...] = ()  # () says nothing: it limits nobody
    valid_until: datetime | None = None  # the earliest of the role, the entity and all around it
    refresh_after: timedelta | None = None  # cacheDuration, the shortest likewise

    @property
    def sso_url(self) -> str:
        """Where an AuthnRequest goes, by HTTP-Redirect if it can."""
        return self.sso_redirect_url or self.sso_post_url


def read_metadata(
    document: bytes, *, entity_id: str | None, development: bool, now: datetime
) -> IdentityProvider:
    """Read the identity provider that a metadata document describes.

    Args:
        document: EntityDescriptor or EntitiesDescriptor.
        entity_id: Which entity; None where the document describes one identity provider only.
        development: Let it sign in over http on loopback.
        now: UTC, aware; ``validUntil`` is held against it.

    Raises:
        ConfigurationError: ``saml.metadata_unreadable``, ``…_entity``, ``…_duplicate``,
            ``…_several``, ``…_expired``, ``…_no_key``, ``…_no_redirect``, ``…_url``;
            ``saml.certificate``, ``saml.weak_key``.

    Source: SAML Metadata §2.3, §2.4.
    """
    try:
        root = xml.parse(document, octets=_OCTETS, elements=_ELEMENTS)
    except AssertionRefused as refusal:
        raise ConfigurationError(
            "saml.metadata_unreadable", f"the metadata cannot be used: {refusal.detail} ({refusal.code})"
        ) from None
    entity, role = _choose(root, entity_id)
    for element in (role, entity, *entity.iterancestors()):
        _require_valid(element, now)
    return IdentityProvider(
        entity_id=entity.get("entityID", ""),
        sso_redirect_url=_sso_url(role, development=development),
        keys=_keys(role),
    )


def from_fields(
    *, entity_id: str, sso_url: str, certificates: Sequence[bytes | str], development: bool
) -> IdentityProvider:
    """Make an identity provider from what was typed in.

    Args:
        entity_id: The IdP's, exactly as it names itself.
        sso_url: Its SingleSignOnService for HTTP-Redirect.
        certificates: PEM text (several in one are fine) or bare base64 of DER.
        development: Let it sign in over http on loopback.

    Raises:
        ConfigurationError: ``saml.metadata_entity``, ``…_url``, ``…_no_key``;
            ``saml.certificate``, ``saml.weak_key``.
    """
    if not entity_id.strip():
        raise ConfigurationError(
            "saml.metadata_entity", "entity_id is empty; copy it from the identity provider"
        )
    found = [body for text in certificates for body in _bodies(text)]
    return IdentityProvider(
        entity_id=entity_id,
        sso_redirect_url=_require_url(sso_url, development=development),
        keys=_read_keys(found, "certificates is empty"),
    )


def describe(*, sp_entity_id: str, acs_url: str, signing_certificate: bytes | None) -> bytes:
    """Build our own EntityDescriptor, as identity providers import it.

    Args:
        sp_entity_id: Our name for this connection.
        acs_url: Its Assertion Consumer Service.
        signing_certificate: DER, or None while nothing of ours is signed.

    Source: SAML Metadata §2.4.4.
    """
    key = ""
    if signing_certificate is not None:
        key = (
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
            f"<ds:X509Data><ds:X509Certificate>{base64.b64encode(signing_certificate).decode()}"
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f" entityID={quoteattr(sp_entity_id)}>"
        '<md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{_PROTOCOL}">'
        f"{key}<md:NameIDFormat>{escape(EMAIL_ADDRESS)}</md:NameIDFormat>"
        f'<md:AssertionConsumerService Binding="{HTTP_POST}" Location={quoteattr(acs_url)}'
        ' index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>\n'
    ).encode()


def _lower(text: str) -> str:
    """Fold ASCII letters and nothing else: no other character may become one of them."""
    return text.translate(_ASCII_LOWER)


def _choose(root: Element, entity_id: str | None) -> tuple[Element, Element]:
    """Return the entity that was asked for, and its one identity provider role."""
    if root.tag not in (MD + "EntityDescriptor", MD + "EntitiesDescriptor"):
        raise ConfigurationError(
            "saml.metadata_unreadable", "the document is not SAML metadata; its root is no EntityDescriptor"
        )
    entities = list(root.iter(MD + "EntityDescriptor"))
    names = [entity.get("entityID", "") for entity in entities]
    if entity_id is not None:
        entities = [entity for entity in entities if entity.get("entityID") == entity_id]
        if not entities:
            raise ConfigurationError(
                "saml.metadata_entity",
                f"the metadata does not describe {entity_id!r}; it describes {names[:5]}",
            )
        if len(entities) > 1:
            raise ConfigurationError("saml.metadata_duplicate", f"the metadata describes {entity_id!r} twice")
    found = [(entity, role) for entity in entities for role in _roles(entity)]
    if not found:
        raise ConfigurationError(
            "saml.metadata_entity", "the metadata describes no SAML 2.0 identity provider (IDPSSODescriptor)"
        )
    if len({id(entity) for entity, _ in found}) > 1:
        raise ConfigurationError(
            "saml.metadata_several",
            f"the metadata describes {len(found)} identity providers; say which with entity_id",
        )
    if len(found) > 1:
        raise ConfigurationError("saml.metadata_duplicate", "the entity has two IDPSSODescriptor; keep one")
    if not found[0][0].get("entityID", "").strip():
        raise ConfigurationError("saml.metadata_entity", "the EntityDescriptor has no entityID")
    return found[0]


def _roles(entity: Element) -> Iterator[Element]:
    for role in entity.findall(MD + "IDPSSODescriptor"):
        if _PROTOCOL in role.get("protocolSupportEnumeration", "").split():
            yield role


def _require_valid(element: Element, now: datetime) -> None:
    written = element.get("validUntil")
    if written is None:
        return
    try:
        until = datetime.fromisoformat(written)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise ConfigurationError("saml.metadata_expired", "validUntil is not a time in UTC")
    if now >= until:
        raise ConfigurationError(
            "saml.metadata_expired",
            f"the metadata was valid until {until.isoformat()}; fetch it again from the IdP",
        )


def _sso_url(role: Element, *, development: bool) -> str:
    for service in role.findall(MD + "SingleSignOnService"):
        if service.get("Binding") == HTTP_REDIRECT:
            return _require_url(service.get("Location", ""), development=development)
    raise ConfigurationError(
        "saml.metadata_no_redirect",
        "the identity provider offers no SingleSignOnService by HTTP-Redirect; switch that binding on",
    )


def _require_url(url: str, *, development: bool) -> str:
    """https; in development also http, on loopback alone. No fragment, no user, no controls."""
    try:
        parts = urlsplit(url)
        host, plain = parts.hostname or "", url.isascii() and url.isprintable() and " " not in url
        _ = parts.port
    except ValueError:
        host, plain = "", False
    if not plain or not host or "#" in url or "@" in parts.netloc:
        raise ConfigurationError("saml.metadata_url", "the single sign-on URL is not an absolute URL")
    if parts.scheme != "https" and not (development and parts.scheme == "http" and host in _LOOPBACK):
        raise ConfigurationError("saml.metadata_url", "the single sign-on URL is not https")
    return url


def _keys(role: Element) -> tuple[signature.VerificationKey, ...]:
    bodies = []
    for descriptor in role.findall(MD + "KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        # Metadata Interoperability Profile §2.5.1: the certificates of one KeyInfo hold one key; a
        # chain's other members must not become signers.
        first = descriptor.find(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
        if first is not None:
            bodies.append(first.text or "")
    return _read_keys(bodies, "no KeyDescriptor for signing holds an X509Certificate")


def _read_keys(bodies: list[str], empty: str) -> tuple[signature.VerificationKey, ...]:
    unique = {
        key.fingerprint: key for key in (signature.read_key(signature.read_base64(one)) for one in bodies)
    }
    if not unique:
        raise ConfigurationError("saml.metadata_no_key", f"{empty}; without a key nothing can be verified")
    if len(unique) > _KEYS:
        raise ConfigurationError("saml.metadata_no_key", f"{len(unique)} signing keys; keep at most {_KEYS}")
    return tuple(unique.values())


def _bodies(text: bytes | str) -> list[str]:
    try:
        read = text.decode("ascii") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise ConfigurationError(
            "saml.certificate", "a certificate is neither PEM text nor base64; convert it from DER"
        ) from None
    return _PEM.findall(read) or [read]
