"""Who that is and what they may: asked of everybody alike, whether they sign in or a directory sends them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from federation import attributes
from federation.connection import AnyConnection, Organization
from federation.decision import Decision
from federation.errors import Check
from federation.identity import Identity, VerifiedAssertion
from federation.policy import addresses, domains
from federation.policy.decide import decide
from federation.rules.rule import SystemRole
from federation.scim.subjects import awaited
from federation.store.store import Store


class Deciding:
    """Asks the policy with all that it must know, made once at start."""

    def __init__(
        self,
        *,
        organizations: Mapping[str, Organization],
        system_roles: Mapping[str, tuple[SystemRole, ...]],
        store: Store,
    ) -> None:
        """Take the organizations in force, and what the settings file alone gives, by connection id."""
        self.organizations = organizations
        self._system_roles = system_roles
        self._store = store

    def identify(self, assertion: VerifiedAssertion, connection: AnyConnection) -> Identity:
        return attributes.normalize(
            assertion,
            connection=connection.id,
            organization=connection.organization,
            attributes=connection.attributes,
            split_groups=connection.split_groups,
        )

    async def decide(
        self, who: Identity, connection: AnyConnection, checks: tuple[Check, ...], now: datetime
    ) -> Decision:
        organization = self.organizations[connection.organization]
        verified = await self._proved(connection, now)
        decision = decide(
            who,
            connection,
            organization,
            checks,
            system_roles=self._system_roles.get(connection.id, ()),
            verified=verified,
        )
        if connection.scim is None:
            return decision
        return replace(decision, awaited=awaited(who, connection, email_trusted=decision.email_proven))

    async def is_trusted(self, who: Identity, connection: AnyConnection, now: datetime) -> bool:
        """Tell whether an address is theirs by the connection's word, whatever rules say of them."""
        organization = self.organizations[connection.organization]
        verified = await self._proved(connection, now)
        return addresses.is_trusted(who, connection, organization, verified)

    async def _proved(self, connection: AnyConnection, now: datetime) -> frozenset[str]:
        """Return the domains that are proven to be the organization's, where that is asked."""
        if not domains.needs_proof(connection, self.organizations[connection.organization]):
            return frozenset()
        return await self._store.proved_domains(connection.organization, now)
