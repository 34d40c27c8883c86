"""All that is kept of a person in one organization, as plain data: for them, or before it is erased."""

from typing import Any

from federation.records import recorded, redaction
from federation.store.store import Store
from federation.store.values import Record
from federation.trial import message
from federation.vault import Vault


async def export(store: Store, vault: Vault, organization: str, user_id: str) -> dict[str, Any]:
    """Return all of it, records opened."""
    data = await store.export_person(user_id, organization)
    records = [await _opened(store, vault, one) for one in data.records]
    tables = {name: [dict(one) for one in rows] for name, rows in data.tables.items()}
    return {"organization": organization, "user": user_id, **tables, "records": records}


async def _opened(store: Store, vault: Vault, record: Record) -> dict[str, Any]:
    kept, note = await recorded.opened(store, vault, record)
    told: dict[str, Any] = {
        "reference": record.reference,
        "at": record.at.isoformat(),
        "code": record.code,
        "detail": record.detail,
        "connection": record.connection,
        "size": record.size,
        "sha256": record.digest,
    }
    told |= redaction.show(kept, values=True, refused=record.code) if kept else {"note": note}
    said = await message.opened(store, vault, record)
    if said is None:
        return told
    return told | {
        "message": {one.name: "".join(piece.text for piece in one.pieces) for one in said.documents}
    }
