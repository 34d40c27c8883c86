"""Whom administration belongs to, or could come to: asked before a change by who may not give it.

Of roles and teams alone: somebody who is deactivated, or a member no more, may be let in again.
"""

import json
from collections.abc import Collection

from federation.store import administrators_sql
from federation.store.endings import Administered
from federation.store.rows import Steps, storable


def is_one(organization: str, user_id: str, named: Administered) -> Steps[bool]:
    """One read, by the user."""
    asked = {**_named(organization, named), "user_id": storable(user_id)}
    return bool((yield administrators_sql.IS_ADMINISTRATOR, asked))


def anybody(organization: str, named: Administered) -> Steps[bool]:
    """One read; of those alone who are members, and not kept out."""
    return bool((yield administrators_sql.IS_ADMINISTERED, _named(organization, named)))


def teams(organization: str, keys: Collection[str], named: Administered) -> Steps[frozenset[str]]:
    """One read, by the teams' keys."""
    asked = {**_named(organization, named), "keys": json.dumps(sorted(map(storable, keys)))}
    return frozenset(str(key) for (key,) in (yield administrators_sql.ADMINISTERING_TEAMS, asked))


def come_by(
    organization: str, connection: str, others: Collection[str] | None, named: Administered
) -> Steps[bool]:
    """Reads the accounts of administrators, and the links of their teams."""
    asked = {
        **_named(organization, named),
        "connection": connection,
        "others": json.dumps(sorted(others or ())),
        "lost": int(others is not None),
    }
    return bool((yield administrators_sql.COME_BY, asked))


def _named(organization: str, named: Administered) -> dict[str, object]:
    return {
        "organization_id": organization,
        "roles": json.dumps(sorted(named.administrators_roles)),
        "teams": json.dumps(sorted(named.administrators_teams)),
    }
