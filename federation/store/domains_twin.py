"""What both engines say alike of ``domains_store.DomainsStore``."""

from collections.abc import Collection
from datetime import datetime

from federation.store import domain_proofs, enforcement
from federation.store.domains_values import DomainProof, Enforcement, Preflight
from federation.store.drive import Drive


class DomainsTwin(Drive):
    """The verbs; their promises are told in ``domains_store``."""

    async def proved_domains(self, organization: str, now: datetime) -> frozenset[str]:
        return await self._read(lambda: domain_proofs.proved(organization, now))

    async def proofs_of(self, domains: Collection[str], now: datetime) -> frozenset[tuple[str, str]]:
        return await self._read(lambda: domain_proofs.of(domains, now))

    async def domain_proofs(self) -> tuple[DomainProof, ...]:
        return await self._read(domain_proofs.every)

    async def begin_domain_proof(
        self, organization: str, domain: str, token: str, now: datetime
    ) -> DomainProof:
        return await self._transact(lambda: domain_proofs.begin(organization, domain, token, now))

    async def note_domain_proof(self, proof: DomainProof, now: datetime, *, seen: bool) -> None:
        await self._decide(lambda: domain_proofs.note(proof, now, seen=seen))

    async def enforcements(self) -> tuple[Enforcement, ...]:
        return await self._read(enforcement.every)

    async def preflight(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight:
        return await self._read_in_turns(
            lambda: enforcement.preflight(organization, domain, connections, now)
        )

    async def preflight_of_few(
        self, organization: str, domain: str, connections: tuple[str, ...], now: datetime
    ) -> Preflight | None:
        return await self._read_in_turns(
            lambda: enforcement.preflight_of_few(organization, domain, connections, now)
        )

    async def enforce(self, wanted: Enforcement, *, locked_out: int) -> tuple[Preflight, bool]:
        return await self._transact(lambda: enforcement.enforce(wanted, locked_out=locked_out), long=True)

    async def lift_enforcement(self, organization: str, domain: str) -> bool:
        return await self._decide(lambda: enforcement.lift(organization, domain))
