"""What `federation doctor` asks about who may come in: domains, their proofs, what is enforced."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from federation import domain_proof, presets
from federation.configuration import suffixes
from federation.connection import AnyConnection, OidcConnection
from federation.errors import FederationError
from federation.operator import enforcement
from federation.operator.finding import Finding, failed, note, ok, warning
from federation.policy import domains
from federation.settings import Settings
from federation.store.domain_proofs import STANDS
from federation.store.domains_values import DomainProof
from federation.store.store import Store, open_store


def declared(config: Settings) -> Iterator[Finding]:
    """Look at the settings alone: what was accepted there, and lets in more than may be meant."""
    concerns = suffixes.concerns({domain for one in config.connections.values() for domain in one.domains})
    for name, one in config.connections.items():
        for domain in one.domains:
            if domain in concerns:
                mend = "name domains that are the organization's own; else leave email_trust at none"
                yield warning(f"connection {name}", concerns[domain], mend)
        yield from _trusted(name, one, bool(concerns.keys() & set(one.domains)))
        yield from _anyone(config, name, one)


def _trusted(name: str, one: AnyConnection, everybodys: bool) -> Iterator[Finding]:  # noqa: FBT001  what was found
    topic = f"connection {name}"
    if one.email_trust == "verified" and one.protocol == "saml":
        said = "email_trust is verified, and a SAML assertion never says that an address is: nobody comes in"
        yield warning(
            topic, said, "email_trust: domains, where this provider alone gives out these addresses"
        )
    if isinstance(one, OidcConnection) and one.email_trust == "verified":
        claim = presets.oidc(one.preset).verified_by
        if claim == "xms_edov":
            said = "email_trust is verified; Entra says that of an address in the claim xms_edov alone"
            mend = "add the optional claims email and xms_edov to the ID Token (Token configuration)"
            yield note(topic, f"{said}: {mend}")
    if one.email_trust == "domains" and everybodys:
        said = "email_trust is domains, and not all of its domains are its organization's own"
        yield warning(topic, said, "email_trust: verified, or none")
    if one.anyone and one.email_trust == "domains":
        said = "email_trust is domains, and anyone: true names none: it trusts no address"
        yield warning(topic, said, "name its domains, or email_trust: none")


def _anyone(config: Settings, name: str, one: AnyConnection) -> Iterator[Finding]:
    """Tell where whoever has an account at the provider gets roles."""
    if not one.anyone or one.provisioning != "open":
        return
    organization = config.organizations.get(one.organization)
    roles = one.default_roles or (organization.default_roles if organization else ())
    if roles:
        said = f"anyone: true, and whoever comes has {', '.join(roles)} by default"
        mend = "domains, provisioning: invited_only, or no default_roles"
        yield warning(f"connection {name}", said, mend)


async def kept(config: Settings, now: datetime) -> list[Finding]:
    """Look at what the database holds: proofs of domains, and what is enforced."""
    url = config.database_url.get_secret_value()
    here = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not await asyncio.to_thread(here.exists):
        return []
    try:
        store = await open_store(url)
    except FederationError:  # the database has a finding of its own
        return []
    try:
        return [*await _proofs(config, store, now), *await _enforced(config, store)]
    finally:
        await store.close()


async def _proofs(config: Settings, store: Store, now: datetime) -> list[Finding]:
    asked = {
        name: one
        for name, one in config.connections.items()
        if domains.needs_proof(one, config.organizations[one.organization])
    }
    proofs = {(one.organization, one.domain): one for one in await store.domain_proofs()}
    return [
        _proof(organization, domain, proofs.get((organization, domain)), now)
        for organization, domain in sorted(domain_proof.to_prove(asked))
    ]


def _proof(organization: str, domain: str, found: DomainProof | None, now: datetime) -> Finding:
    topic = f"domain {domain}"
    mend = f"federation domain show {domain} --organization {organization}, then verify"
    if found is None or (found.checked_at is None and found.seen_at is None):
        return warning(topic, f"not proved for {organization}: it links nobody", mend)
    if found.seen_at is None:
        said = f"its record was not in DNS on {found.checked_at:%Y-%m-%d}: it links nobody"
        return warning(topic, said, mend)
    if now - found.seen_at >= STANDS:
        said = f"its record was seen last on {found.seen_at:%Y-%m-%d}, DNS could not be asked since"
        return warning(topic, f"{said}: it links nobody", mend)
    return ok(topic, f"proved for {organization}; its record was seen on {found.seen_at:%Y-%m-%d}")


async def _enforced(config: Settings, store: Store) -> list[Finding]:
    every = await store.enforcements()
    faults = enforcement.faults(config, every)
    return [
        failed(
            f"enforced {enforcement.place(one)}",
            "; ".join(faults[one]),
            "federation enforce off, or on with other connections",
        )
        if one in faults
        else note(
            f"enforced {enforcement.place(one)}",
            f"{', '.join(one.connections)} alone, since {one.at:%Y-%m-%d}, by {one.by}",
        )
        for one in every
    ]
