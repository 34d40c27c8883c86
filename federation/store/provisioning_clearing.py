"""What a directory kept here goes: with a person who is erased, with a connection that is taken away."""

import json

from federation.decision import of_scim
from federation.store import erasure_sql, provisioning_clearing_sql, sql, standing
from federation.store.rows import Steps


def person(user_id: str, organization: str) -> Steps[int]:
    """Return how many resources of a user went; a directory that goes on makes another."""
    place: dict[str, object] = {"user_id": user_id, "organization_id": organization}
    found = [str(one) for (one,) in (yield provisioning_clearing_sql.CONNECTIONS_OF_USER, place)]
    if not found:
        return 0
    for connection in found:  # as whoever removes a resource
        yield sql.LOCK_NAME, {"gate": standing.gate("scim", connection)}
    place["connections"] = json.dumps(found)
    for statement in (
        provisioning_clearing_sql.SHRINK_GROUPS_OF_USER,
        provisioning_clearing_sql.DROP_MEMBERS_OF_USER,
        provisioning_clearing_sql.DROP_EMAILS_OF_USER,
    ):
        yield statement, place
    return len((yield provisioning_clearing_sql.DROP_RESOURCES_OF_USER, place))


def connection(connection: str, organization: str) -> Steps[None]:
    """With its credentials, and the users whom it made and nobody else knows."""
    yield sql.LOCK_NAME, {"gate": standing.gate("scim", connection)}
    place: dict[str, object] = {"connection": connection, "organization_id": organization}
    place["source"] = of_scim(connection)
    found = yield provisioning_clearing_sql.USERS_OF_CONNECTION, place
    place["users"] = json.dumps([user_id for (user_id,) in found])
    for statement in (
        *provisioning_clearing_sql.DROP_OF_CONNECTION,
        provisioning_clearing_sql.LIFT_DEACTIVATIONS,
        provisioning_clearing_sql.DROP_AWAITED_OF,
        erasure_sql.DROP_USERS_OF_NOBODY,
    ):
        yield statement, place
