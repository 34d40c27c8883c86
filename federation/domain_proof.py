"""Is this domain theirs? A record in DNS that only its owner can put there says so.

``_federation-challenge.acme.example`` has a TXT record that is, whole, ``federation-domain-verification=``
and the token kept for this organization and domain. It is looked for when an operator asks, and
weekly. A record that is gone ends the proof at once; DNS that does not answer ends it only when
three weeks have passed (``store.domain_proofs``). What hangs on a proof is linking, never sign-in.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from federation.connection import AnyConnection, Organization
from federation.errors import ConfigurationError, ProviderUnavailable
from federation.policy import domains
from federation.store.domains_values import DomainProof
from federation.store.store import Store

if TYPE_CHECKING:
    from federation.outbound.resolver import Resolver

log = logging.getLogger(__name__)

AGAIN: Final = timedelta(days=7)  # after an answer
_LABEL: Final = "_federation-challenge"
_SAYS: Final = "federation-domain-verification="


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """The record to add, and what came of looking for it."""

    proof: DomainProof

    @property
    def name(self) -> str:
        """Where the record stands."""
        return f"{_LABEL}.{self.proof.domain}"

    @property
    def text(self) -> str:
        """What it says, whole."""
        return f"{_SAYS}{self.proof.token}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        proof = self.proof
        return {
            "organization": proof.organization,
            "domain": proof.domain,
            "name": self.name,
            "type": "TXT",
            "text": self.text,
            "checked_at": proof.checked_at.isoformat() if proof.checked_at else None,
            "seen_at": proof.seen_at.isoformat() if proof.seen_at else None,
        }


def to_prove(connections: Mapping[str, AnyConnection]) -> frozenset[tuple[str, str]]:
    """Return organization and name of every domain; ``*.acme.example`` is proved at its base."""
    return frozenset(
        (one.organization, entry.removeprefix("*.")) for one in connections.values() for entry in one.domains
    )


def owner_of(domain: str, named: Collection[tuple[str, str]], organization: str | None) -> str:
    """Return whose domain this is.

    A name under which two organizations have one each (``acme.example`` and ``*.acme.example``) is proved
    by each for itself.

    Args:
        domain: Lower-case, without ``*.``.
        named: Organization and name of every domain, as ``to_prove``.
        organization: The only one that is meant; None: whichever names it.

    Raises:
        ConfigurationError: ``domain.unknown``, ``domain.several``.
    """
    owners = sorted(whose for whose, name in named if name == domain and organization in (None, whose))
    if not owners:
        whose = f" of {organization}" if organization else ""
        raise ConfigurationError("domain.unknown", f"no connection{whose} names {domain} in its domains")
    if len(owners) > 1:
        raise ConfigurationError(
            "domain.several", f"{domain} is named by {' and '.join(owners)}; say --organization"
        )
    return owners[0]


async def challenge(store: Store, organization: str, domain: str, now: datetime) -> Challenge:
    """Return the record that proves a domain; the same one whenever it is asked for."""
    token = secrets.token_urlsafe(24)
    return Challenge(proof=await store.begin_domain_proof(organization, domain, token, now))


async def look(store: Store, resolver: "Resolver", asked: Challenge, now: datetime) -> bool:
    """Look for the record, and note what DNS answered.

    Raises:
        ProviderUnavailable: ``domain.dns``; nothing is noted then.
    """
    found = await is_published(resolver, asked)
    await store.note_domain_proof(asked.proof, now, seen=found)
    return found


async def is_published(resolver: "Resolver", asked: Challenge) -> bool:
    """Look for the record.

    Raises:
        ProviderUnavailable: ``domain.dns``.
    """
    return asked.text in await resolver.texts(asked.name)


def looking(
    store: Store,
    servers: tuple[str, ...],
    connections: Mapping[str, AnyConnection],
    organizations: Mapping[str, Organization],
) -> Callable[[datetime], Awaitable[None]]:
    """Return the work that looks again, weekly, at every domain whose record counts.

    Args:
        store: Where tokens are kept.
        servers: DNS servers; none: the system's.
        connections: Those in force.
        organizations: By id; with ``domain_proof: dns`` every domain is looked at, else those of the store's.
    """

    async def work(now: datetime) -> None:
        # Of this moment: connections come and go.
        counted = {
            (one.organization, entry.removeprefix("*."))
            for one in connections.values()
            if one.organization in organizations and domains.needs_proof(one, organizations[one.organization])
            for entry in one.domains
        }
        if not counted:
            return
        due = [
            one
            for one in await store.domain_proofs()
            if (one.organization, one.domain) in counted
            and (one.checked_at is None or now - one.checked_at >= AGAIN)
        ]
        if due:
            # The library costs a start that no installation without proofs need pay.
            from federation.outbound.resolver import Resolver  # noqa: PLC0415

            await _look_at_all(store, Resolver(servers), due, now)

    return work


async def _look_at_all(store: Store, resolver: "Resolver", due: list[DomainProof], now: datetime) -> None:
    for proof in due:
        told = {"organization": proof.organization, "domain": proof.domain}
        try:
            found = await look(store, resolver, Challenge(proof=proof), now)
        except ProviderUnavailable as failure:
            log.warning("domain not looked at", extra={**told, "code": failure.code})
            continue
        if not found and proof.seen_at is not None:
            log.warning("domain proof lost", extra={**told, "code": "watch.domain_lost"})
