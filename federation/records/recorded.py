"""Reading decision records again: opened under their person's key, or why they cannot be.

For the operator's commands, the pages and what-if. The store keeps them sealed.
"""

from collections.abc import Sequence

from federation.errors import ConfigurationError
from federation.records import records
from federation.records.records import Kept
from federation.store.store import Store
from federation.store.values import ERASED, Record
from federation.vault import Vault


async def opened(store: Store, vault: Vault, record: Record) -> tuple[Kept | None, str]:
    """Return what a record says; else None, and why in a sentence."""
    if not record.sealed:
        return None, "refused before a signature was verified: of such a message only this is kept"
    if record.sealed == ERASED:
        return None, "the person was erased, and with them all that this record said of them"
    return unseal(vault, record, await store.person_keys(record.person))


def unseal(vault: Vault, record: Record, wrapped: Sequence[str]) -> tuple[Kept | None, str]:
    """Open a sealed record with the keys of its person, newest first.

    Returns:
        None, and why, where none of them opens it.
    """
    why = "their key was erased"
    for key in wrapped:
        try:
            plain = vault.open_under(
                key, f"person:{record.person}", record.sealed, f"record:{record.reference}"
            )
            return records.read(plain), ""
        except ConfigurationError as fault:
            why = fault.detail
    return None, f"the checks cannot be opened: {why}"
