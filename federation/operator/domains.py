"""What `federation domain` does: tell which record proves a domain, and look for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation import domain_proof
from federation.domain_proof import Challenge
from federation.operator import with_kept
from federation.operator.at_desk import at_desk
from federation.operator.audited import audited
from federation.operator.with_kept import Everything
from federation.outbound.resolver import Resolver
from federation.settings import Settings
from federation.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Told:
    """A record, whether its organization asks for one, and whether it was found just now."""

    challenge: Challenge
    asked: bool
    found: bool | None  # None: nobody looked

    @property
    def said(self) -> str:
        proof = self.challenge.proof
        lines = [
            f'{self.challenge.name}. IN TXT "{self.challenge.text}"',
            f"proves {proof.domain} for {proof.organization}",
        ]
        if self.found is None:
            seen = f"last seen {proof.seen_at:%Y-%m-%d %H:%M} UTC" if proof.seen_at else "not seen yet"
            lines.append(f"{seen}; when it is in DNS: federation domain verify {proof.domain}")
        else:
            lines.append("found: the domain is proved" if self.found else "not found: DNS has no such record")
        if not self.asked:
            lines.append(f"organizations.{proof.organization}.domain_proof is operator: no record is needed")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self.challenge.as_json(), "needed": self.asked, "found": self.found}


async def show(config: Settings, domain: str, organization: str | None, *, now: datetime) -> Told:
    """Return the record to add; it is the same whenever this is asked.

    Args:
        config: The settings.
        domain: One of some connection's, in any case; of ``*.acme.example`` the base.
        organization: Whose; None where only one names the domain.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``domain.unknown``, ``domain.several``; ``keys.*``, ``store.*``.
    """
    async with _challenge(config, domain, organization, now) as (_, asked, challenge):
        return Told(challenge=challenge, asked=asked, found=None)


async def verify(config: Settings, domain: str, organization: str | None, *, now: datetime) -> Told:
    """Look for the record, and note what DNS answered. Arguments and errors as ``show``.

    Raises:
        ProviderUnavailable: ``domain.dns``, ``domain.dns_setup``.
    """
    async with _challenge(config, domain, organization, now) as (store, asked, challenge):
        found = await domain_proof.is_published(Resolver(config.dns_servers), challenge)
        proof = challenge.proof
        told = audited(
            store,
            "domain.verify",
            proof.domain,
            organization=proof.organization,
            now=now,
            after={"seen": found},
        )
        await told.note_domain_proof(proof, now, seen=found)
        return Told(challenge=challenge, asked=asked, found=found)


@asynccontextmanager
async def _challenge(
    config: Settings, domain: str, organization: str | None, now: datetime
) -> AsyncIterator[tuple[Store, bool, Challenge]]:
    """Yield the store, whether a record is asked for, and the record."""
    name = domain.lower().removeprefix("*.").removesuffix(".")
    async with at_desk(config, now=now) as desk:
        every, store = with_kept.beside(config, desk.roster), desk.store
        owner = domain_proof.owner_of(name, every.domains, organization)
        begun = any((one.organization, one.domain) == (owner, name) for one in await store.domain_proofs())
        told = audited(store, "domain.begin_proof", name, organization=owner, now=now)
        challenge = await domain_proof.challenge(store if begun else told, owner, name, now)
        yield store, _is_asked(config, every, owner, name), challenge


def _is_asked(config: Settings, every: Everything, owner: str, name: str) -> bool:
    """Tell whether the operator's word is not enough: theirs is what the settings file names."""
    by_file = (owner, name) in domain_proof.to_prove(config.connections)
    organization = every.config.organizations.get(owner)
    return not by_file or organization is None or organization.domain_proof == "dns"
