"""What a connection's provider and we are called in its sign-ins, as far as that is known before one."""

from federation.oidc import provider
from federation.registry.local import Local
from federation.registry.relying import OAuth2, Oidc
from federation.registry.saml import Saml


def names_of(entry: Saml | Oidc | OAuth2 | Local) -> tuple[tuple[str, ...], str]:
    """Return what the provider may call itself, and our name to a SAML identity provider ("" at another).

    Of one whose metadata is fetched nothing is known, unless the settings pin its entity ID.
    """
    if isinstance(entry, Saml):
        theirs = entry.idp.entity_id if entry.idp is not None else entry.connection.entity_id or ""
        return (theirs,) if theirs else (), entry.sp_entity_id
    if isinstance(entry, Oidc):
        told = provider.issuers(entry.discovery, tenants=entry.client.demands.tenants)
        return (entry.connection.issuer,) if entry.connection.issuer else tuple(sorted(told)), ""
    return ((entry.client.issuer,) if isinstance(entry, OAuth2) else ()), ""
