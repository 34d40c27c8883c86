"""Our own metadata: what an identity provider imports to know us.

SAML Metadata §2.4.4, in the order of its schema, with the UI extension. One connection is one
EntityDescriptor; all of them are one for each entity ID. The same input gives the same octets:
the ID is a digest. SOAP, artifact and ECP are not offered, because they are not accepted.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from xml.sax.saxutils import escape, quoteattr

from federation.configuration.about import About, Contact
from federation.errors import ConfigurationError
from federation.saml import signing
from federation.saml.bindings import HTTP_POST, HTTP_REDIRECT
from federation.saml.encryption import GCM_METHODS, OAEP_METHODS
from federation.saml.signing import SigningKey
from federation.saml.xml import DS, SAMLP

_PROTOCOL = SAMLP[1:-1]
_NAMESPACES = f'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="{DS[1:-1]}"'
_UI = "urn:oasis:names:tc:SAML:metadata:ui"
_URI_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_BASIC_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
# REFEDS Security Contact Metadata Extension: a contact of type other, with a type of its own.
_SECURITY = ' xmlns:remd="http://refeds.org/metadata" remd:contactType="http://refeds.org/metadata/contactType/security"'
# What is asked for where the map does not say: the names of federations, and of LDAP.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "email": ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),  # RFC 4524 §2.16
    "given_name": ("urn:oid:2.5.4.42", "givenName"),
    "family_name": ("urn:oid:2.5.4.4", "sn"),
    "display_name": ("urn:oid:2.16.840.1.113730.3.1.241", "displayName"),
    "groups": ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "groups"),
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML §2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """An attribute that we would like to be sent (SAML Metadata §2.4.4.2)."""

    name: str  # theirs
    friendly_name: str  # ours
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One connection, as its identity provider should know us."""

    sp_entity_id: str
    acs_urls: tuple[str, ...]  # each once; the first is the one that requests name
    acs_index: int | None  # where requests name an index in place of the URL: that of the first
    slo_url: str  # "" offers no Single Logout
    name_id_format: str  # URN; "" names none
    requested: tuple[Requested, ...]
    requests_signed: bool
    wants_assertions_signed: bool
    takes_encrypted: bool  # names a key to encrypt to


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """What all our documents have in common."""

    signing: tuple[bytes, ...]  # certificates, DER: of every key that may sign
    encryption: tuple[bytes, ...]  # of every key that others may encrypt to
    about: About
    valid_until: datetime | None  # UTC, aware; None: for as long as whoever reads it likes
    key: SigningKey | None  # signs the document; None: it is not signed


def requested(
    attributes: Mapping[str, Sequence[str]],
    *,
    subject_attribute: str | None,
    email_is_name_id: bool,
    also: Sequence[str],
) -> tuple[Requested, ...]:
    """Return what a connection asks to be sent: nothing at all, or everything that it reads.

    An IdP may take the list for a limit (SimpleSAMLphp's ``core:AttributeLimit``, on by default):
    half a list would take the names away, and none leaves the choice to whoever runs it.

    Args:
        attributes: The connection's map, ours → theirs; of several names the first is the likeliest.
        subject_attribute: What keys the person, if it is not the NameID.
        email_is_name_id: The NameID is the address, so that no attribute is needed for it.
        also: Further names that are read, as in role rules; alone they make no list.
    """
    if not attributes and not subject_attribute and email_is_name_id:
        return ()
    found: dict[str, Requested] = {}
    if subject_attribute:
        found[subject_attribute] = Requested(name=subject_attribute, friendly_name="", required=True)
    for ours, theirs in {**_USUAL, **attributes}.items():
        for place, name in enumerate(theirs):
            needed = ours == "email" and not email_is_name_id and place == 0
            found.setdefault(name, Requested(name=name, friendly_name=ours, required=needed))
    for name in also:
        found.setdefault(name, Requested(name=name, friendly_name="", required=False))
    return tuple(found.values())


def valid_until(valid_for: timedelta | None, now: datetime) -> datetime | None:
    """Return the end of a document's life, to the full hour: within it every node says the same."""
    if valid_for is None:
        return None
    return now.replace(minute=0, second=0, microsecond=0) + valid_for


def describe(entity: Description, *, publisher: Publisher) -> bytes:
    """Build the EntityDescriptor of one connection.

    Raises:
        ConfigurationError: ``saml.metadata_text``.

    Source: SAML Metadata §2.3.2, §2.4.4.
    """
    return _finish(_entity([entity], publisher, root=True), publisher)


def describe_all(entities: Sequence[Description], *, publisher: Publisher) -> bytes:
    """Build one document for all connections: those that share an entity ID share a descriptor.

    Args:
        entities: At least one.
        publisher: What they have in common.

    Raises:
        ConfigurationError: ``saml.metadata_text``.

    Source: SAML Metadata §2.3.1.
    """
    shared: dict[str, list[Description]] = {}
    for one in entities:
        shared.setdefault(one.sp_entity_id, []).append(one)
    if len(shared) == 1:
        return _finish(_entity(entities, publisher, root=True), publisher)
    inside = "".join(_entity(ones, publisher, root=False) for ones in shared.values())
    return _finish(
        f"<md:EntitiesDescriptor {_NAMESPACES}{_root(publisher)}>{inside}</md:EntitiesDescriptor>", publisher
    )


def _root(publisher: Publisher) -> str:
    """Return the root's own attributes; the ID is filled in when everything else is known."""
    until = publisher.valid_until
    return ' ID=""' + (f' validUntil="{until.strftime("%Y-%m-%dT%H:%M:%SZ")}"' if until else "")


def _finish(text: str, publisher: Publisher) -> bytes:
    if _NOT_XML.search(text):
        raise ConfigurationError(
            "saml.metadata_text",
            "our metadata cannot be written: an entity ID, a name or a word holds a control character",
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    document = text.replace(' ID=""', f' ID="_{digest[:40]}"', 1)  # the first is the root's
    whole = f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'.encode()
    return signing.sign_document(whole, publisher.key) if publisher.key else whole


def _entity(ones: Sequence[Description], publisher: Publisher, *, root: bool) -> str:
    about = publisher.about
    own = f" {_NAMESPACES}{_root(publisher)}" if root else ""
    # true only where every connection's requests are: an IdP that was told so refuses unsigned ones.
    signed = _boolean(all(one.requests_signed for one in ones))
    # Absent where only a signed Response will do: true makes some sign the Assertion in its place.
    wants = ' WantAssertionsSigned="true"' if any(one.wants_assertions_signed for one in ones) else ""
    encryption = any(one.takes_encrypted for one in ones)
    formats = dict.fromkeys(one.name_id_format for one in ones if one.name_id_format)
    return (
        f"<md:EntityDescriptor{own} entityID={quoteattr(ones[0].sp_entity_id)}>"
        f'<md:SPSSODescriptor AuthnRequestsSigned="{signed}"{wants} protocolSupportEnumeration="{_PROTOCOL}">'
        f"{_ui(about)}{''.join(_keys(publisher, encryption=encryption))}{''.join(_logout(ones))}"
        f"{''.join(f'<md:NameIDFormat>{escape(name)}</md:NameIDFormat>' for name in formats)}"
        f"{''.join(_consumers(ones))}{_attributes(ones, about)}</md:SPSSODescriptor>"
        f"{_organization(about)}{''.join(map(_contact, about.contacts))}</md:EntityDescriptor>"
    )


def _ui(about: About) -> str:
    """Metadata Extensions for Login and Discovery User Interface §2.1."""
    ui = about.ui
    parts = [
        _localized(f"mdui:{tag}", words, about)
        for tag, words in (
            ("DisplayName", ui.display_name),
            ("Description", ui.description),
            ("InformationURL", ui.information_url),
            ("PrivacyStatementURL", ui.privacy_statement_url),
        )
        if words
    ]
    if ui.logo:
        size = f'height="{ui.logo.height}" width="{ui.logo.width}"'
        parts.append(f"<mdui:Logo {size}>{escape(ui.logo.url)}</mdui:Logo>")
    if not parts:
        return ""
    inside = "".join(parts)
    return f'<md:Extensions><mdui:UIInfo xmlns:mdui="{_UI}">{inside}</mdui:UIInfo></md:Extensions>'


def _keys(publisher: Publisher, *, encryption: bool) -> Iterator[str]:
    """Yield the keys; a provider that takes one of a kind takes the first."""
    for certificate in publisher.signing:
        yield _key("signing", certificate, "")
    methods = "".join(f'<md:EncryptionMethod Algorithm="{one}"/>' for one in (*GCM_METHODS, *OAEP_METHODS))
    for certificate in publisher.encryption if encryption else ():
        yield _key("encryption", certificate, methods)


def _key(use: str, certificate: bytes, methods: str) -> str:
    text = base64.b64encode(certificate).decode()
    return (
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{text}'
        f"</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"
    )


def _logout(ones: Sequence[Description]) -> Iterator[str]:
    for url in dict.fromkeys(one.slo_url for one in ones if one.slo_url):
        for binding in (HTTP_REDIRECT, HTTP_POST):
            yield f'<md:SingleLogoutService Binding="{binding}" Location={quoteattr(url)}/>'


def _consumers(ones: Sequence[Description]) -> Iterator[str]:
    """Yield every ACS: numbers that requests name first, then the free ones in order."""
    named = {one.acs_index for one in ones if one.acs_index is not None}
    free = (number for number in count() if number not in named)
    first = True
    for one in ones:
        for url in one.acs_urls:
            asked = one.acs_index is not None and url == one.acs_urls[0]
            default = ' isDefault="true"' if first else ""
            first = False
            yield (
                f'<md:AssertionConsumerService Binding="{HTTP_POST}" Location={quoteattr(url)}'
                f' index="{one.acs_index if asked else next(free)}"{default}/>'
            )


def _attributes(ones: Sequence[Description], about: About) -> str:
    """SAML Metadata §2.4.4.1; the service needs a name, be it only where it is."""
    wanted: dict[str, Requested] = {}
    for attribute in (attribute for one in ones for attribute in one.requested):
        known = wanted.setdefault(attribute.name, attribute)
        if attribute.required and not known.required:
            wanted[attribute.name] = attribute
    if not wanted:
        return ""
    organization = about.organization
    name = about.ui.display_name or (organization.display_name or organization.name if organization else "")
    return (
        '<md:AttributeConsumingService index="0" isDefault="true">'
        f"{_localized('md:ServiceName', name or ones[0].sp_entity_id, about)}"
        f"{''.join(map(_attribute, wanted.values()))}</md:AttributeConsumingService>"
    )


def _attribute(one: Requested) -> str:
    friendly = f" FriendlyName={quoteattr(one.friendly_name)}" if one.friendly_name else ""
    names = _URI_NAMES if ":" in one.name else _BASIC_NAMES
    return (
        f'<md:RequestedAttribute Name={quoteattr(one.name)} NameFormat="{names}"{friendly}'
        f' isRequired="{_boolean(one.required)}"/>'
    )


def _organization(about: About) -> str:
    told = about.organization
    if told is None:
        return ""
    name = _localized("md:OrganizationName", told.name, about)
    shown = _localized("md:OrganizationDisplayName", told.display_name or told.name, about)
    return (
        f"<md:Organization>{name}{shown}{_localized('md:OrganizationURL', told.url, about)}</md:Organization>"
    )


def _contact(one: Contact) -> str:
    security = one.type == "security"
    parts = (
        ("Company", one.company),
        ("GivenName", one.given_name),
        ("SurName", one.sur_name),
        ("EmailAddress", f"mailto:{one.email}" if one.email else None),
    )
    inside = "".join(f"<md:{tag}>{escape(words)}</md:{tag}>" for tag, words in parts if words)
    kind = f' contactType="{"other" if security else one.type}"{_SECURITY if security else ""}'
    return f"<md:ContactPerson{kind}>{inside}</md:ContactPerson>"


def _localized(tag: str, words: str, about: About) -> str:
    return f'<{tag} xml:lang="{about.language}">{escape(words)}</{tag}>'


def _boolean(value: bool) -> str:  # noqa: FBT001  written out as XML has it
    return "true" if value else "false"
