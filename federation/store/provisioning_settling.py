"""Settling: what was decided of a User resource, carried out as a sign-in's would be, without a session."""

import json

from federation.provisioned import Due
from federation.store import provisioning_settling_sql
from federation.store.rows import Steps


def due(connection: str, batch: int, of: tuple[str, ...]) -> Steps[tuple[Due, ...]]:
    """The longest first."""
    asked = {"connection": connection, "batch": batch, "ids": json.dumps(of)}
    statement = provisioning_settling_sql.FIND_DUE_OF if of else provisioning_settling_sql.FIND_DUE
    return tuple(
        Due(connection=one[0], organization=one[1], id=one[2], number=one[3])
        for one in (yield statement, asked)
    )
