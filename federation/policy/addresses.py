"""Addresses: by whose word is an e-mail address somebody's?

Asked wherever an address finds a person. What a connection says of an address beyond that is
an attribute like any other: whoever runs an identity provider may write any address there. Pure.
"""

from collections.abc import Set as AbstractSet

from federation import presets
from federation.connection import AnyConnection, Organization
from federation.identity import Identity
from federation.policy import domains


def is_trusted(
    who: Identity, connection: AnyConnection, organization: Organization, verified: AbstractSet[str]
) -> bool:
    """Tell whether the address is this person's by the connection's word.

    An address that the provider itself calls unverified is trusted by nobody's word.

    Args:
        who: Normalized.
        connection: Through which they come.
        organization: The connection's.
        verified: Domains that are proven to be the organization's, lower-case.
    """
    if not who.email or who.email_verified is False:
        return False
    told = connection.email_trust == "domains" or who.email_verified is True
    if connection.email_trust != "none" and told and _is_own(who, connection, organization, verified):
        return True
    return who.email_verified is True and _is_authoritative(who, connection)


def _is_own(
    who: Identity, connection: AnyConnection, organization: Organization, verified: AbstractSet[str]
) -> bool:
    """``anyone: true`` has no domain of its own; where proof is needed, a record in DNS must give it."""
    if not connection.domains or domains.own_domain(who, connection) is not None:
        return False
    return not domains.needs_proof(connection, organization) or domains.is_proved(
        connection, domains.domain_of(who.email), verified
    )


def _is_authoritative(who: Identity, connection: AnyConnection) -> bool:
    """The vendor gives these addresses out itself: see ``dialects.Authority``."""
    authority = presets.authority(connection.preset, connection.protocol)
    if authority is None:
        return False
    domain = domains.domain_of(who.email)
    hosted = who.attributes.get(authority.claim, ())
    return domain in authority.domains or (len(hosted) == 1 and hosted[0].strip().lower() == domain)
