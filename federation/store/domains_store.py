"""The promises about domains: which DNS proves, and which let nobody in but by single sign-on."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from federation.store.domains_values import DomainProof, Enforcement, Preflight


class DomainsStore(Protocol):
    """Domains of organizations."""

    async def proved_domains(self, organization: str, now: datetime) -> frozenset[str]:
        """Return the domains of this organization whose record was seen in DNS in the last three weeks."""

    async def proofs_of(self, domains: Collection[str], now: datetime) -> frozenset[tuple[str, str]]:
        """Return which of these domains are proved, each with whose it is (organization, domain)."""

    async def domain_proofs(self) -> tuple[DomainProof, ...]:
        """Return every domain that somebody wants to prove, by organization and name."""

    async def begin_domain_proof(
        self, organization: str, domain: str, token: str, now: datetime
    ) -> DomainProof:
        """Keep a token for this domain, unless it has one; return what stands."""

    async def note_domain_proof(self, proof: DomainProof, now: datetime, *, seen: bool) -> None:
        """Note that DNS answered, and whether the record was there; the latest look counts."""

    async def enforcements(self) -> tuple[Enforcement, ...]:
        """Return what is enforced, by organization and domain."""

    async def preflight(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight:
        """Tell what it would mean to enforce these connections; ``domain`` "" is the whole organization."""

    async def preflight_of_few(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight | None:
        """As ``preflight``; None at once where there are more than 200 people to look at."""

    async def enforce(self, wanted: Enforcement, *, locked_out: int) -> tuple[Preflight, bool]:
        """Let people of an organization or domain come in by these connections alone, on every node at once.

        Args:
            wanted: What to enforce, in place of what is.
            locked_out: How many people the operator knows to be locked out by it, as ``Preflight.number``.

        Returns:
            What it means now; False beside it where nothing was changed, because another number of
            people is locked out, or a connection has seen no sign-in for a week.
        """

    async def lift_enforcement(self, organization: str, domain: str) -> bool:
        """Let people come in by every connection again; False if nothing was enforced here."""
