"""What may be shown of a connection, of the file's and of the store's alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from federation import registry
from federation.administration.connection_subject import Subject
from federation.administration.desk import Desk
from federation.configuration.faults import Fault
from federation.connection import AnyConnection, SamlConnection
from federation.errors import FederationError
from federation.policy import domains
from federation.roster import limits
from federation.saml.metadata import IdentityProvider
from federation.store.kept_values import ConnectionAbout
from federation.store.metadata_values import Metadata
from federation.trust import watch

SET: Final = "set"  # in place of a secret
_LATELY: Final = timedelta(days=30)
State = Literal["active", "disabled", "draft", "faulty"]


@dataclass(frozen=True, kw_only=True)
class ConnectionLine:
    """A connection in a list."""

    id: str
    title: str
    organization: str
    origin: Literal["file", "store"]  # file: managed by configuration
    protocol: str
    preset: str
    enabled: bool
    state: State  # draft: keys are missing still; faulty: enabled, and not served: see ``fault``


@dataclass(frozen=True, kw_only=True)
class DomainView:
    """A domain that a connection names, and whether DNS proves it."""

    name: str
    needed: bool  # False: the operator's word is enough
    proved: bool
    checked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CertificateView:
    """A key of the identity provider's; its dates warn, and decide nothing."""

    fingerprint: str  # SHA-256, hex
    not_after: datetime


@dataclass(frozen=True, kw_only=True)
class ConnectionView(ConnectionLine):
    """All of a connection that may be shown."""

    number: int  # of the change that made it what it is: what ``update`` names; 0 of the file's
    fault: str  # why it is not served; ""
    missing: tuple[Fault, ...]  # of a draft: what is still to be said, placed at its keys
    domains: tuple[DomainView, ...]
    certificates: tuple[CertificateView, ...]  # of SAML
    entity_id: str  # of SAML: the IdP's; "" not known
    metadata_at: datetime | None  # when its URL was last asked; None: there is none
    metadata_held: bool  # a later document waits for somebody's word
    signed_in_at: datetime | None  # somebody's latest sign-in, of the last thirty days
    tried_at: datetime | None  # the latest trial of this number that went through
    created_at: datetime | None  # None of the file's
    updated_at: datetime | None
    settings: Mapping[str, Any] = field(repr=False)  # the file's keys; a secret that is set is "set"
    urls: Mapping[str, str]  # what is registered at the provider: acs_url, entity_id, callback_url …


def line(desk: Desk, one: Subject, off: Mapping[str, datetime]) -> ConnectionLine:
    """Return it as a list shows it; ``off`` is since when connections are switched off."""
    return ConnectionLine(**_line(desk, one, off))


def _line(desk: Desk, one: Subject, off: Mapping[str, datetime]) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "organization": one.organization,
        "origin": "store" if one.kept else "file",
        "protocol": one.protocol,
        "preset": one.preset,
        "enabled": one.enabled and one.id not in off,
        "state": _state(desk, one, off),
    }


def _state(desk: Desk, one: Subject, off: Mapping[str, datetime]) -> State:
    if one.kept is not None and one.entry is None and not one.enabled:
        return "draft"
    if not one.enabled or one.id in off:
        return "disabled"
    return "faulty" if one.kept is not None and one.id in desk.roster.faults else "active"


async def view(desk: Desk, one: Subject) -> ConnectionView:
    """Return all that may be shown of it."""
    bases = [name.removeprefix("*.") for name in _named(one)]
    known = await desk.store.about_connection(one.id, one.organization, bases, desk.now - _LATELY, desk.now)
    metadata, row = known.metadata, known.row if one.kept else None
    provider = await _provider(desk, one, metadata)
    keys = provider.keys if provider else ()
    asks = isinstance(one.entry, registry.Saml) and bool(one.entry.metadata_url)
    return ConnectionView(
        **_line(desk, one, known.off),
        number=one.kept.row.number if one.kept else 0,
        fault=desk.roster.faults.get(one.id, "") if one.kept else "",
        missing=one.kept.faults if one.kept else (),
        domains=_domains(desk, one, known),
        certificates=tuple(
            CertificateView(fingerprint=key.fingerprint, not_after=key.not_after) for key in keys
        ),
        entity_id=provider.entity_id if provider else "",
        metadata_at=metadata.checked_at if metadata and asks else None,
        metadata_held=bool(metadata and asks and metadata.held_digest),
        signed_in_at=known.signed_in_at,
        tried_at=row.tested_at if row else None,
        created_at=one.kept.row.created_at if one.kept else None,
        updated_at=one.kept.row.updated_at if one.kept else None,
        settings=settings_of(one),
        urls=urls_of(desk, one),
    )


async def _provider(desk: Desk, one: Subject, metadata: Metadata | None) -> IdentityProvider | None:
    """Return the trust material that is at hand, without asking for it."""
    connection = one.connection
    if not isinstance(connection, SamlConnection):
        return None
    development = desk.settings.development
    try:
        return await watch.in_force(connection, metadata, development=development, now=desk.now)
    except FederationError:
        return None


def _named(one: Subject) -> tuple[str, ...]:
    named = one.connection.domains if one.connection else one.body.get("domains", ())
    return tuple(map(str, named)) if isinstance(named, list | tuple) else ()


def _domains(desk: Desk, one: Subject, known: ConnectionAbout) -> tuple[DomainView, ...]:
    proofs = {found.domain: found for found in known.proofs}
    organization = desk.roster.organizations.get(one.organization)
    needed = one.kept is not None or bool(
        one.connection and organization and domains.needs_proof(one.connection, organization)
    )
    told = []
    for name in _named(one):
        base = name.removeprefix("*.")
        proof = proofs.get(base)
        told.append(
            DomainView(
                name=name,
                needed=needed,
                proved=base in known.proved,
                checked_at=proof.checked_at if proof else None,
            )
        )
    return tuple(told)


def settings_of(one: Subject) -> dict[str, Any]:
    """Return its keys, without a secret and without a place on this machine."""
    if one.kept is None:
        told = _said(one.entry.connection) if one.entry else {}
        for steps in limits.SECRETS.values():
            _hide(told, steps)
        _hide(told, ("metadata", "file"))
        return told
    secrets = one.kept.secrets
    told = {key: dict(value) if isinstance(value, Mapping) else value for key, value in one.body.items()}
    for key in secrets:
        *above, last = limits.SECRETS[key]
        here = told
        for step in above:
            here = here.setdefault(step, {})
        here[last] = SET
    return told


def _said(connection: AnyConnection) -> dict[str, Any]:
    """Return what the file says of it, but for what would be so anyway."""
    told = connection.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return dict(told)


def _hide(told: dict[str, Any], steps: tuple[str, ...]) -> None:
    *above, last = steps
    here: Any = told
    for step in above:
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, dict) and here.get(last) is not None:
        here[last] = SET


def urls_of(desk: Desk, one: Subject) -> dict[str, str]:
    """Return what is registered at the identity provider, by what it is there."""
    told = _urls_of(desk, one)
    return told | {"scim_url": f"{desk.settings.base_url}/scim/v2/{one.id}"} if one.provisions else told


def _urls_of(desk: Desk, one: Subject) -> dict[str, str]:
    base = desk.settings.base_url
    if one.protocol == "saml":
        entry = desk.roster.saml.get(one.id)
        return {
            "entity_id": entry.sp_entity_id if entry else f"{base}/saml/{one.id}/metadata",
            "acs_url": entry.acs_url if entry else f"{base}/saml/{one.id}/acs",
            "slo_url": f"{base}/saml/{one.id}/slo",
            "metadata_url": f"{base}/saml/{one.id}/metadata",
            "start_url": f"{base}/login/{one.id}",
        }
    if one.protocol == "local":
        return {"start_url": f"{base}/login/{one.id}"}
    told = {
        "callback_url": one.entry.client.redirect_uri
        if isinstance(one.entry, registry.Oidc | registry.OAuth2)
        else f"{base}/oidc/{one.id}/callback",
        "start_url": f"{base}/login/{one.id}",
    }
    if one.protocol == "oidc":
        told |= {
            "initiate_url": f"{base}/oidc/initiate?provider={one.id}",
            "post_logout_url": one.entry.post_logout_url
            if isinstance(one.entry, registry.Oidc)
            else f"{base}/logout",
            "backchannel_logout_url": f"{base}/oidc/{one.id}/backchannel-logout",
            "frontchannel_logout_url": f"{base}/oidc/{one.id}/frontchannel-logout",
            "jwks_url": f"{base}/oidc/jwks.json",
        }
    return told
