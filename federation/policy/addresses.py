"""Addresses: by whose word is an e-mail address somebody's?

Asked wherever an address finds a person. What a connection says of an address beyond that is
an attribute like any other: whoever runs an identity provider may write any address there. Pure.
"""

from collections.abc import Set as AbstractSet

from federation import presets
from federation.connection import AnyConnection
from federation.identity import Identity
from federation.policy import domains


def is_trusted(who: Identity, connection: AnyConnection, verified: AbstractSet[str]) -> bool:
    """Tell whether the address is this person's by the connection's word.

    Args:
        who: Normalized.
        connection: Through which they come.
        verified: Domains that are proven to be this connection's, lower-case.

    An address that the provider itself calls unverified is trusted by nobody.
    """
    if not who.email or who.email_verified is False:
        return False
    if domains.domain_of(who.email) in verified:
        return True
    if connection.email_trust == "domains" and _is_own(who, connection):
        return True
    if who.email_verified is not True:
        return False
    return (connection.email_trust == "verified" and _is_own(who, connection)) or _is_authoritative(
        who, connection
    )


def _is_own(who: Identity, connection: AnyConnection) -> bool:
    """``anyone: true`` has no domain of its own."""
    return not connection.anyone and domains.own_domain(who, connection) is None


def _is_authoritative(who: Identity, connection: AnyConnection) -> bool:
    """The vendor gives these addresses out itself: see ``dialects.Authority``."""
    authority = presets.authority(connection.preset, connection.protocol)
    if authority is None:
        return False
    domain = domains.domain_of(who.email)
    hosted = who.attributes.get(authority.claim, ())
    return domain in authority.domains or (len(hosted) == 1 and hosted[0].strip().lower() == domain)
