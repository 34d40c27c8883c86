"""What SCIM clients prove themselves by: only a hash is kept, and nothing is remembered beside it.

Every request reads the row by the hash, so that what is revoked or over is refused by the next
one on any node.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from federation.provisioned import Credential
from federation.store import provisioning_credentials_sql, rows
from federation.store.rows import Row, Steps, micros, storable

_TOUCH: Final = timedelta(hours=1)  # a use is noted at most this often


def add(credential: Credential, secret_hash: bytes) -> Steps[bool]:
    """One INSERT."""
    told: Mapping[str, object] = {
        "id": credential.id,
        "secret_hash": secret_hash,
        "connection": credential.connection,
        "organization_id": credential.organization,
        "kind": credential.kind,
        "name": storable(credential.name),
        "client": credential.client,
        "created_at": micros(credential.created_at),
        "created_by": credential.created_by,
        "expires_at": micros(credential.expires_at),
    }
    yield provisioning_credentials_sql.ADD_CREDENTIAL, told
    return True


def find(connection: str, secret_hash: bytes, now: datetime) -> Steps[Credential | None]:
    """One read by a unique key."""
    asked = {"connection": connection, "secret_hash": secret_hash, "now": micros(now)}
    found = yield provisioning_credentials_sql.FIND_CREDENTIAL, asked
    return _credential(found[0]) if found else None


def is_used_anew(credential: Credential, now: datetime) -> bool:
    """Tell whether its use is to be noted."""
    return credential.last_used_at is None or now - credential.last_used_at >= _TOUCH


def touch(identifier: str, now: datetime) -> Steps[None]:
    """Note a use, unless somebody did within the hour."""
    told = {"id": identifier, "now": micros(now), "seen_before": micros(now - _TOUCH)}
    yield provisioning_credentials_sql.TOUCH_CREDENTIAL, told


def every(connection: str, now: datetime) -> Steps[tuple[Credential, ...]]:
    """Newest first."""
    asked = {"connection": connection, "now": micros(now)}
    return tuple(map(_credential, (yield provisioning_credentials_sql.LIST_CREDENTIALS, asked)))


def revoke(connection: str, identifier: str, now: datetime) -> Steps[bool]:
    """One UPDATE decides; what a client was given ends with it."""
    told = {"connection": connection, "id": storable(identifier), "now": micros(now)}
    if not (yield provisioning_credentials_sql.REVOKE_CREDENTIAL, told):
        return False
    yield provisioning_credentials_sql.REVOKE_ACCESS, told
    return True


def _credential(row: Row) -> Credential:
    return Credential(
        id=row[0],
        connection=row[1],
        organization=row[2],
        kind=row[3],
        name=row[4],
        created_at=rows.moment(row[5]),
        created_by=row[6],
        expires_at=rows.moment(row[7]),
        last_used_at=None if row[8] is None else rows.moment(row[8]),
        revoked_at=None if row[9] is None else rows.moment(row[9]),
        client=row[10],
    )
