"""Proofs of domains: the token that a record in DNS must hold, and when it was last seen there."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from federation.store import entry_sql as sql
from federation.store.domains_values import DomainProof
from federation.store.rows import Row, Steps, micros, moment

# Looked at weekly. While DNS cannot be asked a proof stands this long, and no longer: a service
# that has stopped looking knows nothing.
STANDS = timedelta(days=21)


def proved(organization: str, now: datetime) -> Steps[frozenset[str]]:
    """One read, by the organization."""
    asked = {"organization_id": organization, "seen_since": micros(now - STANDS)}
    return frozenset(str(domain) for (domain,) in (yield sql.PROVED_DOMAINS, asked))


def of(domains: Collection[str], now: datetime) -> Steps[frozenset[tuple[str, str]]]:
    """One read by an index."""
    asked = {"domains": json.dumps(sorted(domains)), "seen_since": micros(now - STANDS)}
    return frozenset((str(owner), str(domain)) for owner, domain in (yield sql.PROOFS_OF, asked))


def every() -> Steps[tuple[DomainProof, ...]]:
    """One read."""
    return tuple(map(proof, (yield sql.FIND_PROOFS, {})))


def begin(organization: str, domain: str, token: str, now: datetime) -> Steps[DomainProof]:
    """Offer a token; return what stands: this one, or the one that was there."""
    whose = {"organization_id": organization, "domain": domain}
    yield sql.ADD_PROOF, {**whose, "token": token, "now": micros(now)}
    (row,) = yield sql.FIND_PROOF, whose
    return proof(row)


def note(whose: DomainProof, now: datetime, *, seen: bool) -> Steps[bool]:
    """One UPDATE; a later look is not overwritten by an earlier one."""
    yield (
        sql.NOTE_PROOF,
        {
            "organization_id": whose.organization,
            "domain": whose.domain,
            "token": whose.token,
            "now": micros(now),
            "seen_at": micros(now) if seen else 0,
        },
    )
    return True


def proof(row: Row) -> DomainProof:
    """Read a row of ``entry_sql.FIND_PROOFS``."""
    return DomainProof(
        organization=row[0],
        domain=row[1],
        token=row[2],
        created_at=moment(row[3]),
        checked_at=moment(row[4]) if row[4] else None,
        seen_at=moment(row[5]) if row[5] else None,
    )
