"""What another product's service provider metadata says, so that a registration can stay.

SAML Metadata §2.4.4. Read for the operator, once; nothing is trusted on its word.
"""

from dataclasses import dataclass

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import xml
from federation.saml.bindings import HTTP_POST
from federation.saml.metadata import MD

_OCTETS = 2 * 1024 * 1024
_ELEMENTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProvider:
    """The name and the places that an identity provider knows."""

    entity_id: str
    acs_urls: tuple[str, ...]  # by HTTP-POST; the default one first


def read_service_provider(document: bytes) -> ServiceProvider:
    """Read the one service provider that a document describes.

    Raises:
        ConfigurationError: ``saml.metadata_unreadable``, ``saml.metadata_entity``,
            ``saml.metadata_several``.
    """
    try:
        root = xml.parse(document, octets=_OCTETS, elements=_ELEMENTS)
    except AssertionRefused as refusal:
        raise ConfigurationError(
            "saml.metadata_unreadable", f"the metadata cannot be used: {refusal.detail} ({refusal.code})"
        ) from None
    roles = list(root.iter(MD + "SPSSODescriptor"))
    if len(roles) > 1:
        raise ConfigurationError(
            "saml.metadata_several", f"the metadata describes {len(roles)} service providers; keep one"
        )
    entity = roles[0].getparent() if roles else None
    if entity is None or not entity.get("entityID"):
        raise ConfigurationError(
            "saml.metadata_entity", "the metadata describes no service provider (SPSSODescriptor)"
        )
    found = [
        (one.get("isDefault") not in ("true", "1"), place, one.get("Location", ""))
        for place, one in enumerate(roles[0].findall(MD + "AssertionConsumerService"))
        if one.get("Binding") == HTTP_POST
    ]
    return ServiceProvider(
        entity_id=entity.get("entityID", ""),
        acs_urls=tuple(dict.fromkeys(url for _, _, url in sorted(found) if url)),
    )
