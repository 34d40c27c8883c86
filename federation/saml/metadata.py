"""Their EntityDescriptor or EntitiesDescriptor in.

SAML Metadata §2. What is wrong with a document is said with what mends it. Pure: fetching and
files are the shell's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import scopes, signature, validity, xml
from federation.saml.bindings import HTTP_POST, HTTP_REDIRECT
from federation.saml.certificates import VerificationKey, read_keys, read_written
from federation.saml.scopes import Scope
from federation.saml.xml import DS, SAMLP, Element

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_ENTITY = MD + "EntityDescriptor"
_ENTITIES = MD + "EntitiesDescriptor"
_WORDS = {"SingleSignOnService": "single sign-on", "SingleLogoutService": "single logout"}
_ENTITY_ID = 1024  # characters; Metadata §2.2.1
_OCTETS = 2 * 1024 * 1024
_ELEMENTS = 200_000
_PROTOCOL = SAMLP[1:-1]
_ORIGIN = re.compile(r"[A-Za-z]+://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?=[/?]|$)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
    keys: tuple[VerificationKey, ...]
    wants_signed_requests: bool = False
    scopes: tuple[Scope, ...] = ()  # () says nothing: it limits nobody
    valid_until: datetime | None = None  # the earliest of the role, the entity and all around it
    refresh_after: timedelta | None = None  # cacheDuration, the shortest likewise

    @property
    def sso_url(self) -> str:
        """Where an AuthnRequest goes, by HTTP-Redirect if it can."""
        return self.sso_redirect_url or self.sso_post_url


def read_metadata(
    document: bytes,
    *,
    entity_id: str | None,
    development: bool,
    now: datetime,
    signers: tuple[VerificationKey, ...],
) -> IdentityProvider:
    """Read the identity provider that a metadata document describes.

    Args:
        document: EntityDescriptor or EntitiesDescriptor.
        entity_id: Which entity; None where the document describes one identity provider only.
        development: Let it sign in over http on loopback.
        now: UTC, aware; ``validUntil`` is held against it.
        signers: One of these must have signed the document, or the entity in it; () takes it unsigned.

    Raises:
        ConfigurationError: ``saml.metadata_unreadable``, ``…_entity``, ``…_duplicate``,
            ``…_several``, ``…_unsigned``, ``…_signature``, ``…_expired``, ``…_cache_duration``,
            ``…_no_key``, ``…_no_redirect``, ``…_url``, ``…_scope``; ``saml.certificate``,
            ``saml.weak_key``.

    Source: SAML Metadata §2.3, §2.4, §3.1.
    """
    entity, role = _choose(_parse(document), entity_id)
    # What stands around a signed entity is nobody's word: it may shorten a life, never lengthen it.
    around = validity.read(entity.iterancestors())
    if signers:
        entity, role = _verify(entity, signers)
    lasts = validity.read((role, entity, *entity.iterancestors()), within=around)
    validity.require(lasts, now)
    sso, slo = (
        _read_endpoints(role, name, development=development)
        for name in ("SingleSignOnService", "SingleLogoutService")
    )
    if not sso:
        raise ConfigurationError(
            "saml.metadata_no_redirect",
            "the identity provider offers SingleSignOnService neither by HTTP-Redirect nor by HTTP-POST; "
            "switch one of these bindings on",
        )
    extensions = (one for level in (role, entity) for one in level.findall(MD + "Extensions"))
    nowhere = _Endpoint("", "")
    slo_redirect, slo_post = slo.get(HTTP_REDIRECT, nowhere), slo.get(HTTP_POST, nowhere)
    return IdentityProvider(
        entity_id=entity.get("entityID", ""),
        sso_redirect_url=sso.get(HTTP_REDIRECT, nowhere).location,
        sso_post_url=sso.get(HTTP_POST, nowhere).location,
        slo_redirect_url=slo_redirect.location,
        slo_redirect_response_url=slo_redirect.response_location,
        slo_post_url=slo_post.location,
        slo_post_response_url=slo_post.response_location,
        keys=_keys(role),
        wants_signed_requests=scopes.read_boolean(role, "WantAuthnRequestsSigned"),
        scopes=scopes.read(extensions),
        valid_until=lasts.valid_until,
        refresh_after=lasts.refresh_after,
    )


def from_fields(
    *,
    entity_id: str,
    sso_url: str,
    certificates: Sequence[bytes | str],
    development: bool,
    slo_url: str = "",
) -> IdentityProvider:
    """Make an identity provider from what was typed in.

    Args:
        entity_id: The IdP's, exactly as it names itself.
        sso_url: Its SingleSignOnService, whichever binding is used.
        certificates: As for ``certificates.read_written``.
        development: Let it sign in over http on loopback.
        slo_url: Its SingleLogoutService, for requests and responses; "" where it has none.

    Raises:
        ConfigurationError: ``saml.metadata_entity``, ``…_url``, ``…_no_key``;
            ``saml.certificate``, ``saml.weak_key``.
    """
    if not entity_id.strip():
        raise ConfigurationError(
            "saml.metadata_entity", "entity_id is empty; copy it from the identity provider"
        )
    sso = _require_url(sso_url, "single sign-on", development=development)
    slo = _require_url(slo_url, "single logout", development=development) if slo_url else ""
    return IdentityProvider(
        entity_id=entity_id,
        sso_redirect_url=sso,
        sso_post_url=sso,
        slo_redirect_url=slo,
        slo_redirect_response_url=slo,
        slo_post_url=slo,
        slo_post_response_url=slo,
        keys=read_written(certificates),
    )


def _parse(document: bytes) -> Element:
    try:
        root = xml.parse(document, octets=_OCTETS, elements=_ELEMENTS)
    except AssertionRefused as refusal:
        raise ConfigurationError(
            "saml.metadata_unreadable", f"the metadata cannot be used: {refusal.detail} ({refusal.code})"
        ) from None
    if root.tag not in (_ENTITY, _ENTITIES):
        raise ConfigurationError(
            "saml.metadata_unreadable", "the document is not SAML metadata; its root is no EntityDescriptor"
        )
    return root


def _choose(root: Element, entity_id: str | None) -> tuple[Element, Element]:
    """Return the entity that was asked for, and its one identity provider role."""
    entities = list(_entities(root))
    if entity_id is not None:
        names = [entity.get("entityID", "") for entity in entities[:5]]
        entities = [entity for entity in entities if entity.get("entityID") == entity_id]
        if not entities:
            raise ConfigurationError(
                "saml.metadata_entity", f"the metadata does not describe {entity_id!r}; it describes {names}"
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
    if not 0 < len(found[0][0].get("entityID", "").strip()) <= _ENTITY_ID:
        raise ConfigurationError(
            "saml.metadata_entity", "the EntityDescriptor has no entityID, or a huge one"
        )
    return found[0]


def _entities(element: Element) -> Iterator[Element]:
    """Yield every entity, in whatever groups (§2.3.1); one that stands elsewhere describes nobody."""
    if element.tag == _ENTITY:
        yield element
    for child in element.iterchildren(_ENTITY, _ENTITIES) if element.tag == _ENTITIES else ():
        yield from _entities(child)


def _roles(entity: Element) -> Iterator[Element]:
    for role in entity.findall(MD + "IDPSSODescriptor"):
        if _PROTOCOL in role.get("protocolSupportEnumeration", "").split():
            yield role


def _verify(entity: Element, signers: tuple[VerificationKey, ...]) -> tuple[Element, Element]:
    """Return the entity and its role anew, from the octets that a signer signed (§3.1).

    Signed is the outermost element that carries a signature: whoever publishes a list signs that.
    """
    name = entity.get("entityID", "")
    levels = (*reversed(list(entity.iterancestors())), entity)
    carrier = next((level for level in levels if level.find(xml.SIGNATURE) is not None), None)
    if carrier is None:
        raise ConfigurationError(
            "saml.metadata_unsigned",
            "neither the metadata nor the entity is signed, and metadata.certificates asks for it",
        )
    try:
        signed = signature.verify_element(carrier, keys=signers, legacy=frozenset())
    except AssertionRefused as refusal:
        raise ConfigurationError(
            "saml.metadata_signature",
            f"the metadata's signature does not hold: {refusal.detail} ({refusal.code})",
        ) from None
    return _choose(signed.root, name)


class _Endpoint(NamedTuple):
    location: str
    response_location: str


def _read_endpoints(role: Element, name: str, *, development: bool) -> dict[str, _Endpoint]:
    """Return the first endpoint of each binding that we speak (§2.2.2)."""
    found: dict[str, _Endpoint] = {}
    word = _WORDS[name]
    for service in role.findall(MD + name):
        binding = service.get("Binding", "")
        if binding not in (HTTP_REDIRECT, HTTP_POST) or binding in found:
            continue
        location = _require_url(service.get("Location", ""), word, development=development)
        answers = service.get("ResponseLocation")
        found[binding] = _Endpoint(
            location, location if answers is None else _require_url(answers, word, development=development)
        )
    return found


def _require_url(url: str, what: str, *, development: bool) -> str:
    """https; in development also http, on loopback alone. No fragment, no user, no controls."""
    try:
        parts = urlsplit(url)
        host, plain = parts.hostname or "", url.isascii() and url.isprintable() and " " not in url
        _ = parts.port
    except ValueError:
        host, plain = "", False
    # A browser would read some other hosts otherwise, and no policy of a page could name them.
    if not plain or not host or "#" in url or _ORIGIN.match(url) is None:
        raise ConfigurationError("saml.metadata_url", f"the {what} URL is not an absolute URL")
    if parts.scheme != "https" and not (development and parts.scheme == "http" and host in _LOOPBACK):
        raise ConfigurationError("saml.metadata_url", f"the {what} URL is not https")
    return url


def _keys(role: Element) -> tuple[VerificationKey, ...]:
    bodies = []
    for descriptor in role.findall(MD + "KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        # Metadata Interoperability Profile §2.5.1: the certificates of one KeyInfo hold one key; a
        # chain's other members must not become signers.
        first = descriptor.find(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
        if first is not None:
            bodies.append(first.text or "")
    return read_keys(bodies, "no KeyDescriptor for signing holds an X509Certificate")
