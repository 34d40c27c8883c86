"""What the administration's overview asks: how attempts ended, how old metadata is, what was never tried.

Every read is bounded, whatever the tables hold.
"""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from federation.store import directory_sql, domain_proofs, enforcement, provider_metadata, rows
from federation.store.directory_values import Causes, MetadataAge
from federation.store.domains_values import DomainProof, Enforcement
from federation.store.metadata_values import MetadataChange
from federation.store.rows import Steps, micros

COUNTED: Final = 2000  # records of one look
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


def causes(organization: str | None, now: datetime) -> Steps[Causes]:
    """Count the latest records of a week by their code; None: everybody's."""
    asked = {"day": micros(now - DAY), "week": micros(now - WEEK), "now": micros(now), "batch": COUNTED}
    if organization is None:
        found = yield directory_sql.COUNT_EVERY_CAUSE, asked
    else:
        found = yield directory_sql.COUNT_CAUSES, {**asked, "organization_id": organization}
    day: Counter[str] = Counter()
    week: Counter[str] = Counter()
    for code, recent, number, _ in found:
        week[code] += number
        day[code] += number if recent else 0
    is_all = sum(week.values()) < COUNTED
    since = None if is_all else rows.moment(min(row[3] for row in found))
    return Causes(day=+day, week=week, since=since)


def metadata_ages(connections: Iterable[str], limit: int) -> Steps[tuple[MetadataAge, ...]]:
    """One read of an index, a line for each connection there is, and no document."""
    asked = {"connections": json.dumps(list(connections)), "batch": limit}
    return tuple(
        MetadataAge(
            connection=name, checked_at=rows.moment(checked_at) if checked_at else None, held=bool(held_at)
        )
        for name, checked_at, held_at in (yield directory_sql.METADATA_AGES, asked)
    )


def proofs_of(places: Iterable[tuple[str, str]]) -> Steps[tuple[DomainProof, ...]]:
    """The proofs of these domains, each of its organization."""
    wanted = set(places)
    asked = {
        "organizations": json.dumps(sorted({organization for organization, _ in wanted})),
        "domains": json.dumps(sorted({domain for _, domain in wanted})),
    }
    found = map(domain_proofs.proof, (yield directory_sql.FIND_PROOFS_OF, asked))
    return tuple(one for one in found if (one.organization, one.domain) in wanted)


def enforced_in(organization: str) -> Steps[tuple[Enforcement, ...]]:
    """What one organization enforces."""
    found = yield directory_sql.FIND_ENFORCED_OF, {"organization_id": organization}
    return tuple(map(enforcement.enforced, found))


def changes_of(connections: Iterable[str], limit: int) -> Steps[tuple[MetadataChange, ...]]:
    """The latest changes of these connections' metadata, newest first."""
    asked = {"connections": json.dumps(list(connections)), "batch": limit}
    return tuple(map(provider_metadata.change, (yield directory_sql.LIST_CHANGES, asked)))
