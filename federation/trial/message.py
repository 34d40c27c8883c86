"""What a message said, decoded: kept for some days of connections whose ``record`` is full, else of none.

Sealed under the person's key where a signature vouched for one, else under the ring; never a code, a
token or a secret of ours. Its text is indented, so that no signature in it holds any more. Pure, but for
opening it.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from pydantic import TypeAdapter

from federation.errors import ConfigurationError
from federation.store.store import Store
from federation.store.values import MESSAGE_OCTETS, Record
from federation.trial import report
from federation.trial.evidence import Evidence
from federation.trial.report import Document
from federation.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Message:
    """An identity provider's answer as it was read, the signed part marked."""

    documents: tuple[Document, ...] = field(repr=False)
    pairs: dict[str, tuple[str, str]] = field(repr=False)  # code → expected, received
    said_there: tuple[str, ...] = field(default=(), repr=False)  # the provider's own words of an error


_MESSAGE: Final = TypeAdapter(Message)


def encode(told: Evidence) -> bytes:
    """Return what is kept of an answer; b"" where there is nothing to show, or more than may be kept."""
    message = Message(documents=told.documents, pairs=dict(told.pairs), said_there=told.said_there)
    plain = json.dumps(report.without(asdict(message), told.secrets)).encode()
    if not message.documents or len(plain) > MESSAGE_OCTETS:
        return b""
    return zlib.compress(plain, 6)


def read(encoded: bytes) -> Message:
    """Read what ``encode`` wrote."""
    return _MESSAGE.validate_json(zlib.decompressobj().decompress(encoded, MESSAGE_OCTETS))


def place(reference: str) -> str:
    """Return where the message of a record stands: moved, it opens nowhere."""
    return f"message:{reference}"


async def opened(store: Store, vault: Vault, record: Record) -> Message | None:
    """Return what a record's message said; None where none is kept, or its key is gone."""
    sealed = await store.find_message(record.reference)
    if not sealed:
        return None
    keys = await store.person_keys(record.person) if record.person else ()
    return _unseal(vault, record, sealed, keys)


def _unseal(vault: Vault, record: Record, sealed: str, wrapped: Sequence[str]) -> Message | None:
    for key in wrapped:
        try:
            return read(vault.open_under(key, f"person:{record.person}", sealed, place(record.reference)))
        except ConfigurationError:
            continue  # one for each key of the ring that wrapped it
    try:
        return read(vault.open(sealed, place(record.reference)))
    except ConfigurationError:
        return None
