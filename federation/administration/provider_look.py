"""What an identity provider says of itself, looked at before anything is kept of it.

Whoever names the address may be a customer's administrator or hold a setup link: it is asked as the
store's (``Declared.STORE``), never at a private address, and nothing of its answer is told but what was read.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.administration.desk import Desk
from federation.errors import ConfigurationError, FederationError, FieldsRefused, ProviderUnavailable
from federation.fetch import Answer, Declared
from federation.oidc import provider
from federation.oidc.provider import Discovery, ProviderMetadata
from federation.roster.limits import DOCUMENT_OCTETS
from federation.saml import metadata
from federation.saml.metadata import IdentityProvider

_OK: Final = 200
_ENTITY_ID: Final = "saml.metadata_several"


@dataclass(frozen=True, kw_only=True)
class CertificateFound:
    """A key that signs there; its dates warn, and decide nothing."""

    fingerprint: str  # SHA-256, hex
    not_after: datetime
    over: bool


@dataclass(frozen=True, kw_only=True)
class SamlFound:
    """What SAML metadata says."""

    entity_id: str
    sso_url: str
    slo_url: str  # "": it offers no single logout
    wants_signed_requests: bool
    certificates: tuple[CertificateFound, ...]


@dataclass(frozen=True, kw_only=True)
class OidcFound:
    """What a discovery document says."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    jwks_uri: str
    algorithms: tuple[str, ...]  # of ID Tokens
    authentication: tuple[str, ...]  # methods of the token endpoint
    pkce: bool


async def saml_by_url(desk: Desk, connection: str, url: str, entity_id: str) -> SamlFound:
    """Fetch and read metadata.

    Args:
        desk: Who asks.
        connection: Of which it is to be.
        url: Where it is.
        entity_id: Which entity; "" where the document describes one identity provider only.

    Raises:
        FieldsRefused: ``admin.invalid``: of ``url`` or ``entity_id``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    _demand(desk, connection)
    answer = await _get(desk, url, "url", accept="application/samlmetadata+xml, application/xml, text/xml")
    return await saml_by_document(desk, connection, answer.body, entity_id, field="url")


async def saml_by_document(
    desk: Desk, connection: str, document: bytes, entity_id: str, *, field: str
) -> SamlFound:
    """Read metadata; ``field`` names it in a fault. Raises as ``saml_by_url``."""
    _demand(desk, connection)
    if field != "url" and len(document) > DOCUMENT_OCTETS:
        raise _refused(field, f"expected at most {DOCUMENT_OCTETS // 1024} KiB; name its URL instead")
    try:
        found = await asyncio.to_thread(
            metadata.read_metadata,
            document,
            entity_id=entity_id or None,
            development=desk.settings.development,
            now=desk.now,
            signers=(),
        )
    except ConfigurationError as fault:
        several = fault.code == _ENTITY_ID or (entity_id and fault.code == "saml.metadata_entity")
        raise _refused("entity_id" if several else field, f"{fault.detail} ({fault.code})") from None
    return _saml(desk, found)


def _saml(desk: Desk, found: IdentityProvider) -> SamlFound:
    return SamlFound(
        entity_id=found.entity_id,
        sso_url=found.sso_url,
        slo_url=found.slo_redirect_url or found.slo_post_url,
        wants_signed_requests=found.wants_signed_requests,
        certificates=tuple(
            CertificateFound(
                fingerprint=key.fingerprint, not_after=key.not_after, over=key.not_after <= desk.now
            )
            for key in found.keys
        ),
    )


async def oidc(desk: Desk, connection: str, issuer: str, *, templated: bool) -> OidcFound:
    """Fetch and read a discovery document.

    Args:
        desk: Who asks.
        connection: Of which it is to be.
        issuer: The provider's URL.
        templated: The connection names the tenants that may sign in (Entra).

    Raises:
        FieldsRefused: ``admin.invalid``: of ``issuer``.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    _demand(desk, connection)
    url = provider.discovery_url(issuer=issuer, discovery_url=None)
    answer = await _get(desk, url, "issuer", accept="application/json")
    try:
        found = provider.read_metadata(
            answer.body,
            answer.content_type,
            discovery=Discovery(url=url, issuer=issuer, endpoints={}),
            templated=templated,
            development=desk.settings.development,
        )
    except ProviderUnavailable as fault:
        raise _refused("issuer", f"{fault.detail} ({fault.code})") from None
    return _oidc(found)


def _oidc(found: ProviderMetadata) -> OidcFound:
    return OidcFound(
        issuer=found.issuer,
        authorization_endpoint=found.authorization_endpoint,
        token_endpoint=found.token_endpoint,
        userinfo_endpoint=found.userinfo_endpoint,
        end_session_endpoint=found.end_session_endpoint,
        jwks_uri=found.jwks_uri,
        algorithms=found.id_token_signing_alg_values_supported,
        authentication=found.token_endpoint_auth_methods_supported,
        pkce="S256" in found.code_challenge_methods_supported,
    )


async def _get(desk: Desk, url: str, field: str, *, accept: str) -> Answer:
    if not provider.is_safe_url(url, development=desk.settings.development):
        raise _refused(field, "expected an address that begins with https://")
    try:
        answer = await desk.fetch.get(url, declared=Declared.STORE, accept=accept)
    except FederationError as fault:
        raise _refused(field, f"{fault.detail} ({fault.code})") from None
    if answer.status != _OK:
        raise _refused(field, f"there is no document at {url[:300]}: it was answered with {answer.status}")
    return answer


def _demand(desk: Desk, connection: str) -> None:
    one = desk.roster.kept.get(connection)
    desk.demand(
        "connections:write",
        organization=one.row.organization if one else desk.actor.organization,
        connection=connection,
    )


def _refused(field: str, why: str) -> FieldsRefused:
    return FieldsRefused("admin.invalid", "the provider's document cannot be used", faults=[((field,), why)])
