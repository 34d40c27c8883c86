"""What `federation domain` does: tell which record proves a domain, and look for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation import domain_proof
from federation.domain_proof import Challenge
from federation.operator.audited import audited
from federation.resolver import Resolver
from federation.settings import Settings
from federation.store.store import Store, open_store


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
        ConfigurationError: ``domain.unknown``, ``domain.several``; ``store.*``.
    """
    async with _challenge(config, domain, organization, now) as (_, challenge):
        return _told(config, challenge, None)


async def verify(config: Settings, domain: str, organization: str | None, *, now: datetime) -> Told:
    """Look for the record, and note what DNS answered. Arguments and errors as ``show``.

    Raises:
        ProviderUnavailable: ``domain.dns``, ``domain.dns_setup``.
    """
    async with _challenge(config, domain, organization, now) as (store, challenge):
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
    return _told(config, challenge, found)


@asynccontextmanager
async def _challenge(
    config: Settings, domain: str, organization: str | None, now: datetime
) -> AsyncIterator[tuple[Store, Challenge]]:
    name = domain.lower().removeprefix("*.").removesuffix(".")
    owner = domain_proof.owner_of(name, config.connections, organization)
    store = await open_store(config.database_url.get_secret_value())
    try:
        begun = any((one.organization, one.domain) == (owner, name) for one in await store.domain_proofs())
        told = audited(store, "domain.begin_proof", name, organization=owner, now=now)
        yield store, await domain_proof.challenge(store if begun else told, owner, name, now)
    finally:
        await store.close()


def _told(config: Settings, challenge: Challenge, found: bool | None) -> Told:  # noqa: FBT001  an answer
    asked = config.organizations[challenge.proof.organization].domain_proof == "dns"
    return Told(challenge=challenge, asked=asked, found=found)
